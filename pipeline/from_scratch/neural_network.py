"""Networks as estimators: several of them, from several seeds, and the mean of what they say."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, Self

import numpy as np

from pipeline.from_scratch import initialisation, inputs, layers
from pipeline.from_scratch.activations import softmax
from pipeline.from_scratch.descent import mini_batches
from pipeline.from_scratch.dropout import Dropout
from pipeline.from_scratch.estimator import Estimator
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import AdamW
from pipeline.from_scratch.schedules import SCHEDULES
from pipeline.from_scratch.training import Data, Training, take, train_epoch

ACTIVATIONS: dict[str, tuple[type[layers.Layer], Callable[..., np.ndarray]]] = {
    "relu": (layers.Relu, initialisation.he),
    "mish": (layers.Mish, initialisation.he),
    "selu": (layers.Selu, initialisation.lecun),
    "tanh": (layers.Tanh, initialisation.xavier),
    "sigmoid": (layers.Sigmoid, initialisation.xavier),
    "identity": (layers.Identity, initialisation.lecun),
}
Learner = tuple[Network, AdamW, np.random.Generator]


@dataclass(kw_only=True, eq=False, repr=False)  # a constructor that only stores, for both heirs
class NeuralNetwork(Estimator):
    """What the classifier and the regressor share: building, training, averaging.

    hidden: the width of each hidden layer, followed by its activation and by dropout. AdamW with
    `betas`; weight_decay is decoupled and leaves the biases alone. The learning rate is
    lr · schedule(progress). n_networks are trained, each from its own seed, and their predictions
    averaged. early_stopping keeps `validation_fraction` of the training rows aside, stops when
    their loss has not fallen for `patience` epochs, and goes back to the best.

    X should be scaled to about -1 to 1. float32 X is trained in float32, all else in float64.
    Learns theta_ (n_networks, p), and loss_curve_ and, with early stopping, validation_curve_
    (epochs,): the mean over the networks still in training.
    """

    hidden: tuple[int, ...] = (256,)
    activation: str = "relu"
    lr: float = 5e-3
    schedule: str = "cosine"
    epochs: int = 40
    batch_size: int = 128
    dropout: float = 0.0
    weight_decay: float = 1.0
    betas: tuple[float, float] = (0.9, 0.95)
    n_networks: int = 5
    early_stopping: bool = False
    validation_fraction: float = 0.1
    patience: int = 10
    seed: int = 0

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """X (n, d), y (n,), sample_weight (n,) -> self."""
        self._check_parameters()
        X = inputs.features(X, estimator=type(self).__name__)
        weight = inputs.weights(sample_weight, len(X))
        self._learn_target(y, weight)
        self.n_features_in_ = X.shape[1]
        data = X, self._target(y, X), weight.astype(X.dtype)
        learners = [self._learner(i, X.dtype) for i in range(self.n_networks)]
        curves = [self._train(learner, data) for learner in learners]
        self.theta_ = np.stack([network.theta for network, _, _ in learners])
        self.loss_curve_ = _mean_curve([losses for losses, _ in curves])
        if self.early_stopping:
            self.validation_curve_ = _mean_curve([losses for _, losses in curves])
        vars(self).pop("_learners", None)
        return self

    def _train(self, learner: Learner, data: Data) -> tuple[list[float], list[float]]:
        network, optimizer, rng = learner
        schedule = SCHEDULES[self.schedule]
        training = Training(self.lr, self.epochs, self.batch_size, schedule, self.patience)
        if not self.early_stopping:
            return training.run(network, data, optimizer, rng)
        n = len(data[0])
        order = rng.permutation(n)
        aside = min(n - 1, max(1, round(n * self.validation_fraction)))
        held_out, kept = take(data, order[:aside]), take(data, order[aside:])
        return training.run(network, kept, optimizer, rng, held_out)

    def _partial_fit(self, X: np.ndarray, y: Any, sample_weight: Any) -> Self:
        """One epoch on these rows at the full learning rate, from where the networks stand."""
        if not hasattr(self, "_learners"):
            self.n_features_in_ = X.shape[1]
            self._learners = [self._learner(i, X.dtype) for i in range(self.n_networks)]
            for i, theta in enumerate(vars(self).get("theta_", ())):
                self._learners[i][0].theta[:] = theta
        weight = inputs.weights(sample_weight, len(X))
        data = X, self._target(y, X), weight.astype(X.dtype)
        losses = []
        for network, optimizer, rng in self._learners:
            batches = mini_batches(len(X), self.batch_size, rng)
            losses.append(train_epoch(network, data, optimizer, batches, repeat(self.lr)))
        self.theta_ = np.stack([network.theta for network, _, _ in self._learners])
        self.loss_curve_ = np.append(vars(self).get("loss_curve_", []), np.mean(losses))
        return self

    def _features(self, X: Any) -> np.ndarray:
        """X as fit takes it, or as wide and of the dtype that was learned."""
        self._check_parameters()
        X = inputs.features(
            X, estimator=type(self).__name__, width=vars(self).get("n_features_in_")
        )
        return X.astype(self.theta_.dtype, copy=False) if hasattr(self, "theta_") else X

    def _learner(self, number: int, dtype: np.dtype) -> Learner:
        """The network of this number before training, its optimizer and its random numbers."""
        rng = np.random.default_rng([self.seed, number])
        network = self._network(rng, dtype)
        optimizer = AdamW(
            self.lr, self.betas, weight_decay=self.weight_decay, decayed=network.weights
        )
        return network, optimizer, rng

    def _network(self, rng: np.random.Generator, dtype: np.dtype) -> Network:
        activation, initial = ACTIVATIONS[self.activation]
        widths = (self.n_features_in_, *self.hidden)
        pieces: list[layers.Layer] = []
        for d_in, d_out in pairwise(widths):
            pieces += [layers.Affine(initial(rng, d_in, d_out)), activation()]
            if self.dropout:
                pieces.append(Dropout(self.dropout, rng))
        outputs = layers.Affine(initialisation.lecun(rng, widths[-1], self._n_outputs()))
        return Network([*pieces, outputs], self._loss(), dtype)

    def _outputs(self, X: Any) -> list[np.ndarray]:
        """X (n, d) -> the output (n, k) of every network, float64."""
        self._require_fit("theta_")
        X = self._features(X)
        network = self._network(np.random.default_rng(0), X.dtype)
        outputs = []
        for theta in self.theta_:
            network.theta[:] = theta
            outputs.append(network.predict(X).astype(np.float64))
        return outputs

    def _check_parameters(self) -> None:
        """ValueError for a parameter that no network can have."""
        for name, allowed in (("activation", ACTIVATIONS), ("schedule", SCHEDULES)):
            if getattr(self, name) not in allowed:
                found = getattr(self, name)
                raise ValueError(f"{name} is {found!r}; allowed are {', '.join(allowed)}.")
        for name in ("epochs", "batch_size", "n_networks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed are 1 and more.")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; allowed are 0 to below 1.")

    def _learn_target(self, y: Any, weight: np.ndarray) -> None:
        """Learn what y is made of."""
        raise NotImplementedError

    def _target(self, y: Any, X: np.ndarray) -> np.ndarray:
        """y as the loss wants it, (n,)."""
        raise NotImplementedError

    def _n_outputs(self) -> int:
        raise NotImplementedError

    def _loss(self) -> layers.Loss:
        raise NotImplementedError


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralNetworkClassifier(NeuralNetwork):
    """Class probabilities: softmax of the last layer, trained on the cross-entropy.

    label_smoothing ε: targets are (1 - ε) one-hot + ε / k. The other parameters are those of
    NeuralNetwork. The defaults restrain it as about 3,000 rows of one-hot columns need it; many
    more rows bear less label_smoothing, weight_decay and dropout. Learns classes_ (k,) too.
    """

    dropout: float = 0.3
    weight_decay: float = 1.5
    label_smoothing: float = 0.2

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch on these rows; the first call names all the classes there will be."""
        X = self._features(X)
        known = vars(self).get("classes_", classes)
        self.classes_, _ = inputs.labels(y, len(X), known)
        return self._partial_fit(X, y, sample_weight)

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n, k), each row summing to 1, float64: the mean over the networks."""
        return np.mean([softmax(logits) for logits in self._outputs(X)], axis=0)

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> the likeliest class, (n,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def _learn_target(self, y: Any, weight: np.ndarray) -> None:
        self.classes_, _ = inputs.labels(y, len(weight))

    def _target(self, y: Any, X: np.ndarray) -> np.ndarray:
        return inputs.labels(y, len(X), self.classes_)[1]

    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _loss(self) -> layers.Loss:
        return layers.SoftmaxWithLoss(self.label_smoothing)


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralNetworkRegressor(NeuralNetwork):
    """A number: the last layer as it is, trained on the squared error of y at mean 0, variance 1.

    The parameters are those of NeuralNetwork. Learns target_mean_ and target_scale_ too.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows; the first call's y decides how y is scaled."""
        X = self._features(X)
        if not hasattr(self, "theta_"):
            self._learn_target(y, inputs.weights(sample_weight, len(X)))
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n,): the mean over the networks."""
        mean = np.mean([output[:, 0] for output in self._outputs(X)], axis=0)
        return mean * self.target_scale_ + self.target_mean_

    def _learn_target(self, y: Any, weight: np.ndarray) -> None:
        y = inputs.targets(y, len(weight))
        self.target_mean_ = float(np.average(y, weights=weight))
        self.target_scale_ = float(
            np.sqrt(np.average((y - self.target_mean_) ** 2, weights=weight))
        )
        self.target_scale_ = self.target_scale_ or 1.0

    def _target(self, y: Any, X: np.ndarray) -> np.ndarray:
        y = (inputs.targets(y, len(X)) - self.target_mean_) / self.target_scale_
        return y.astype(X.dtype)

    def _n_outputs(self) -> int:
        return 1

    def _loss(self) -> layers.Loss:
        return layers.SquaredErrorLoss()


def _mean_curve(curves: list[list[float]]) -> np.ndarray:
    """The mean of curves that may end early, over those that have not ended, (longest,)."""
    longest = max(len(curve) for curve in curves)
    padded = [curve + [np.nan] * (longest - len(curve)) for curve in curves]
    return np.nanmean(padded, axis=0)

"""Networks as estimators: several of them, from several seeds, and the mean of what they say."""

from dataclasses import dataclass
from itertools import repeat
from typing import Any, Self

import numpy as np

from pipeline.from_scratch import inputs, layers
from pipeline.from_scratch.activations import softmax
from pipeline.from_scratch.architecture import Architecture
from pipeline.from_scratch.averaging import MovingAverage, learned
from pipeline.from_scratch.descent import mini_batches
from pipeline.from_scratch.estimator import Classifier, Regressor
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import AdamW, Optimizer
from pipeline.from_scratch.schedules import SCHEDULES
from pipeline.from_scratch.sparsity import SparseFirstLayer
from pipeline.from_scratch.training import Data, Training, take, train_epoch

Learner = tuple[Network, Optimizer, np.random.Generator]


@dataclass(kw_only=True, eq=False, repr=False)  # a constructor that only stores, for both heirs
class NeuralNetwork(Architecture):
    """What the classifier and the regressor share: training, and the mean over networks.

    The parameters of Architecture say what the network looks like; these, how it learns. AdamW with
    `betas`; weight_decay is decoupled and leaves the biases alone; sparsity is an L1 penalty on the
    first hidden layer, decoupled too, which makes most of its weights vanish. The learning rate is
    lr · schedule(progress). With averaging d > 0 the moving average of the weights is kept, about
    the last 1 / (1 - d) steps, instead of the last weights. n_networks are trained, each from its
    own seed, and their predictions averaged. early_stopping keeps `validation_fraction` of the
    training rows aside, stops when their loss has not fallen for `patience` epochs, and goes back
    to the best.

    X should be scaled to about -1 to 1. float32 X is trained in float32, all else in float64.
    Learns theta_ (n_networks, p), and loss_curve_ and, with early stopping, validation_curve_
    (epochs,): the mean over the networks still in training.
    """

    lr: float = 5e-3
    schedule: str = "cosine"
    epochs: int = 40
    batch_size: int = 128
    weight_decay: float = 1.0
    sparsity: float = 0.0
    betas: tuple[float, float] = (0.9, 0.95)
    averaging: float = 0.0
    n_networks: int = 5
    early_stopping: bool = False
    validation_fraction: float = 0.1
    patience: int = 10
    seed: int = 0

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """X (n, d), y (n,), sample_weight (n,) -> self."""
        self._check_parameters()
        X = self._learn_features(X)
        weight = inputs.weights(sample_weight, len(X))
        self._learn_target(y, weight)
        data = X, self._target(y, X), weight.astype(X.dtype)
        # one network at a time, so that memory holds the activations of one
        trained = [self._train(self._learner(i, X.dtype), data) for i in range(self.n_networks)]
        self.theta_ = np.stack([theta for theta, _, _ in trained])
        self.loss_curve_ = _mean_curve([losses for _, losses, _ in trained])
        if self.early_stopping:
            self.validation_curve_ = _mean_curve([losses for _, _, losses in trained])
        return self

    def _train(self, learner: Learner, data: Data) -> tuple[np.ndarray, list[float], list[float]]:
        """The learner's theta after training, and its training and validation curve."""
        network, optimizer, rng = learner
        schedule = SCHEDULES[self.schedule]
        training = Training(self.lr, self.epochs, self.batch_size, schedule, self.patience)
        if not self.early_stopping:
            return network.theta, *training.run(network, data, optimizer, rng)
        n = len(data[0])
        if n < 2:
            raise ValueError(
                "early_stopping keeps rows aside: found 1 sample, needed are 2 or more."
            )
        order = rng.permutation(n)
        aside = min(n - 1, max(1, round(n * self.validation_fraction)))
        held_out, kept = take(data, order[:aside]), take(data, order[aside:])
        return network.theta, *training.run(network, kept, optimizer, rng, held_out)

    def _partial_fit(self, X: np.ndarray, y: Any, sample_weight: Any) -> Self:
        """One epoch on these rows at the full learning rate, from where the networks stand.

        AdamW's memory goes on from call to call; after fit, set_state or a copy it starts anew.
        """
        if not hasattr(self, "_learners_"):
            self._learners_ = [self._learner(i, X.dtype) for i in range(self.n_networks)]
            for i, theta in enumerate(vars(self).get("theta_", ())):
                self._learners_[i][0].theta[:] = theta
        weight = inputs.weights(sample_weight, len(X))
        data = X, self._target(y, X), weight.astype(X.dtype)
        losses = []
        for network, optimizer, rng in self._learners_:
            batches = mini_batches(len(X), self.batch_size, rng)
            losses.append(train_epoch(network, data, optimizer, batches, repeat(self.lr)))
        self.theta_ = np.stack([learned(net.theta, steps) for net, steps, _ in self._learners_])
        self.loss_curve_ = np.append(vars(self).get("loss_curve_", []), np.mean(losses))
        return self

    def _features(self, X: Any) -> np.ndarray:
        """X as fit takes it, or as wide and of the dtype that was learned."""
        self._check_parameters()
        X = self._more_features(X)
        return X.astype(self.theta_.dtype, copy=False) if hasattr(self, "theta_") else X

    def _learner(self, number: int, dtype: np.dtype) -> Learner:
        """The network of this number before training, its optimizer and its random numbers."""
        rng = np.random.default_rng([self.seed, number])
        network = self._network(rng, dtype)
        optimizer: Optimizer = AdamW(
            self.lr, self.betas, weight_decay=self.weight_decay, decayed=network.weights
        )
        if self.sparsity:
            first = next(layer for layer in network.layers if isinstance(layer, layers.Affine))
            optimizer = SparseFirstLayer(optimizer, first.W, self.sparsity)
        if self.averaging:
            optimizer = MovingAverage(optimizer, network.theta, self.averaging)
        return network, optimizer, rng

    def _outputs(self, X: Any) -> list[np.ndarray]:
        """X (n, d) -> the output (n, k) of every network and member, float64."""
        self._require_fit("theta_")
        X = self._features(X)
        network = self._network(np.random.default_rng(0), X.dtype)
        outputs: list[np.ndarray] = []
        for theta in self.theta_:
            network.theta[:] = theta
            outputs += np.split(network.predict(X).astype(np.float64), self.members, axis=1)
        return outputs

    def _check_parameters(self) -> None:
        """ValueError for a parameter that no network can have."""
        super()._check_parameters()
        self._require_one_of("schedule", SCHEDULES)
        self._require("lr", lambda lr: lr > 0, "numbers above 0")
        self._require("betas", _are_betas, "two numbers, 0 to below 1")
        self._require("averaging", lambda decay: 0 <= decay < 1, "0 to below 1")
        self._require("validation_fraction", lambda f: 0 < f < 1, "numbers between 0 and 1")
        for name in ("weight_decay", "sparsity"):
            self._require(name, lambda found: found >= 0, "0 and more")
        self._require_whole(1, "epochs", "batch_size", "n_networks", "patience")

    def _learn_target(self, y: Any, weight: np.ndarray) -> None:
        """Learn what y is made of."""
        raise NotImplementedError

    def _target(self, y: Any, X: np.ndarray) -> np.ndarray:
        """y as the loss wants it, (n,)."""
        raise NotImplementedError


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralNetworkClassifier(Classifier, NeuralNetwork):
    """Class probabilities: softmax of the last layer, trained on the cross-entropy.

    label_smoothing ε: targets are (1 - ε) one-hot + ε / k. The other parameters are those of
    NeuralNetwork. The defaults suit about 3,000 rows of one-hot columns; many more bear less
    label_smoothing, weight_decay and dropout, and a hundred or two need batches of 16, for an epoch
    of one batch is one step. Learns classes_ (k,) too.
    """

    dropout: float = 0.3
    weight_decay: float = 1.5
    label_smoothing: float = 0.2

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch on these rows; the first call names all the classes there will be."""
        X = self._features(X)
        self._more_labels(y, len(X), classes)
        return self._partial_fit(X, y, sample_weight)

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n, k), each row summing to 1, float64: the mean over the networks."""
        return np.mean([softmax(logits) for logits in self._outputs(X)], axis=0)

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> the likeliest class, (n,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._require("label_smoothing", lambda found: 0 <= found < 1, "0 to below 1")

    def _learn_target(self, y: Any, weight: np.ndarray) -> None:
        self.classes_, _ = inputs.labels(y, len(weight))

    def _target(self, y: Any, X: np.ndarray) -> np.ndarray:
        return inputs.labels(y, len(X), self.classes_)[1]

    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _loss(self) -> layers.Loss:
        return layers.SoftmaxWithLoss(self.label_smoothing)


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralNetworkRegressor(Regressor, NeuralNetwork):
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


def _are_betas(found: Any) -> bool:
    return len(found) == 2 and all(0 <= beta < 1 for beta in found)


def _mean_curve(curves: list[list[float]]) -> np.ndarray:
    """The mean of curves that may end early, over those that have not ended, (longest,)."""
    longest = max(len(curve) for curve in curves)
    padded = [curve + [np.nan] * (longest - len(curve)) for curve in curves]
    return np.nanmean(padded, axis=0)

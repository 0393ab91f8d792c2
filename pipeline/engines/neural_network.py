"""Neural networks as estimators: several networks from several seeds, averaged."""

from dataclasses import dataclass
from itertools import repeat
from typing import Any, Self

import numpy as np

from pipeline.engines import fast_layers, inputs
from pipeline.engines.architecture import Architecture
from pipeline.engines.estimator import Classifier, Regressor
from pipeline.engines.fast_adam import AdamW
from pipeline.engines.magnitude import mean_and_std
from pipeline.from_scratch import layers
from pipeline.from_scratch.activations import softmax
from pipeline.from_scratch.averaging import MovingAverage, trained_weights
from pipeline.from_scratch.gradient_descent import mini_batches
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.optimizers import Optimizer
from pipeline.from_scratch.schedules import SCHEDULES
from pipeline.from_scratch.sparsity import ProximalL1
from pipeline.from_scratch.training import Data, Training, subset, train_epoch

REGRESSION_LOSSES: dict[str, type[layers.Loss]] = {
    "squared_error": layers.SquaredErrorLoss,
    "absolute_error": layers.AbsoluteErrorLoss,
}
Learner = tuple[Network, Optimizer, np.random.Generator]


@dataclass(
    kw_only=True, eq=False, repr=False
)  # a constructor that only stores, for both subclasses
class NeuralNetwork(Architecture):
    """What the classifier and the regressor share: training, and the average over networks.

    The parameters of Architecture define the network; these define its training. AdamW with
    `betas`; weight_decay is decoupled and does not apply to biases; sparsity is an L1 penalty on
    the first hidden layer, also decoupled, which sets most of its weights to 0. The learning rate
    is lr · schedule(progress). With averaging d > 0 the result is the moving average of the weights
    over about 1 / (1 - d) steps, instead of the last weights. n_networks are trained, each from its
    own seed, and their predictions averaged. early_stopping holds out `validation_fraction` of the
    training rows, stops when their loss has not improved for `patience` epochs, and restores the
    best weights.

    X should be scaled to about -1 to 1. float32 X is trained in float32, other dtypes in float64.
    Learns theta_ (n_networks, p), loss_curve_ and, with early stopping, validation_curve_
    (epochs,): the mean over the networks still being trained.
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
        X = self._fit_features(X)
        weight = inputs.check_sample_weight(sample_weight, len(X))
        self._fit_target(y, weight)
        data = X, self._target(y, X), weight.astype(X.dtype)
        # one network at a time, to hold the activations of only one in memory
        trained = [self._train(self._learner(i, X.dtype), data) for i in range(self.n_networks)]
        self.theta_ = np.stack([theta for theta, _, _ in trained])
        self.loss_curve_ = _mean_curve([losses for _, losses, _ in trained])
        if self.early_stopping:
            self.validation_curve_ = _mean_curve([losses for _, _, losses in trained])
        return self

    def _train(self, learner: Learner, data: Data) -> tuple[np.ndarray, list[float], list[float]]:
        """The learner's theta after training, and its training and validation losses."""
        network, optimizer, rng = learner
        schedule = SCHEDULES[self.schedule]
        training = Training(self.lr, self.epochs, self.batch_size, schedule, self.patience)
        if not self.early_stopping:
            return network.theta, *training.run(network, data, optimizer, rng)
        counted = np.flatnonzero(data[2])  # rows of weight 0 have no loss to stop by
        if len(counted) < len(data[2]):
            data = subset(data, counted)
        n = len(counted)
        if n < 2:
            raise ValueError(
                "early_stopping holds out rows: found 1 sample of weight > 0, needed are 2 or more."
            )
        order = rng.permutation(n)
        size = min(n - 1, max(1, round(n * self.validation_fraction)))
        validation, train = subset(data, order[:size]), subset(data, order[size:])
        return network.theta, *training.run(network, train, optimizer, rng, validation)

    def _partial_fit(self, X: np.ndarray, y: Any, sample_weight: Any) -> Self:
        """One epoch on these rows at the full learning rate, from the current weights.

        AdamW's state is kept from call to call; after fit, set_state or a copy it is initialised.
        """
        if not hasattr(self, "_learners_"):
            self._learners_ = [self._learner(i, X.dtype) for i in range(self.n_networks)]
            for i, theta in enumerate(vars(self).get("theta_", ())):
                self._learners_[i][0].theta[:] = theta
        weight = inputs.check_sample_weight(sample_weight, len(X))
        data = X, self._target(y, X), weight.astype(X.dtype)
        losses = []
        for network, optimizer, rng in self._learners_:
            batches = mini_batches(len(X), self.batch_size, rng)
            losses.append(train_epoch(network, data, optimizer, batches, repeat(self.lr)))
        self.theta_ = np.stack(
            [trained_weights(network.theta, optimizer) for network, optimizer, _ in self._learners_]
        )
        self.loss_curve_ = np.append(vars(self).get("loss_curve_", []), np.mean(losses))
        return self

    def _features(self, X: Any) -> np.ndarray:
        """X for a first partial_fit, or with the width and dtype of the fit."""
        self._check_parameters()
        X = self._partial_fit_features(X)
        return X.astype(self.theta_.dtype, copy=False) if hasattr(self, "theta_") else X

    def _learner(self, number: int, dtype: np.dtype) -> Learner:
        """The untrained network of this number, its optimizer and its Generator."""
        rng = np.random.default_rng([self.seed, number])
        network = self._network(rng, dtype)
        optimizer: Optimizer = AdamW(
            self.lr, self.betas, weight_decay=self.weight_decay, n_decayed=network.n_weights
        )
        if self.sparsity:
            first = next(layer for layer in network.layers if isinstance(layer, layers.Affine))
            optimizer = ProximalL1(optimizer, first.W, self.sparsity)
        if self.averaging:
            optimizer = MovingAverage(optimizer, network.theta, self.averaging)
        return network, optimizer, rng

    def _outputs(self, X: Any) -> list[np.ndarray]:
        """X (n, d) -> the output (n, k) of every network and submodel, float64."""
        self._require_fitted("theta_")
        X = self._features(X)
        network = self._network(np.random.default_rng(0), X.dtype)
        outputs: list[np.ndarray] = []
        for theta in self.theta_:
            network.theta[:] = theta
            outputs += np.split(network.predict(X).astype(np.float64), self.submodels, axis=1)
        return outputs

    def _check_parameters(self) -> None:
        """ValueError for an invalid parameter."""
        super()._check_parameters()
        self._require_one_of("schedule", SCHEDULES)
        self._require("lr", lambda lr: lr > 0, "numbers > 0")
        self._require("betas", _are_betas, "two numbers >= 0 and < 1")
        self._require("averaging", lambda decay: 0 <= decay < 1, "numbers >= 0 and < 1")
        self._require("validation_fraction", lambda f: 0 < f < 1, "numbers > 0 and < 1")
        for name in ("weight_decay", "sparsity"):
            self._require(name, lambda found: found >= 0, "numbers >= 0")
        self._require_integers(1, "epochs", "batch_size", "n_networks", "patience")
        self._require_integers(0, "seed")

    def _fit_target(self, y: Any, weight: np.ndarray) -> None:
        """Learn the classes, or the mean and scale, of y."""
        raise NotImplementedError

    def _target(self, y: Any, X: np.ndarray) -> np.ndarray:
        """y in the form that the loss expects, (n,)."""
        raise NotImplementedError


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralNetworkClassifier(Classifier, NeuralNetwork):
    """Class probabilities: softmax of the output layer, trained on the cross-entropy.

    label_smoothing ε: targets are (1 - ε) one-hot + ε / k. The other parameters are those of
    NeuralNetwork. The defaults suit about 3,000 rows of one-hot columns. Many more rows need less
    label_smoothing, weight_decay and dropout; a few hundred need batches of 16, so that an epoch
    has enough steps. Also learns classes_ (k,).
    """

    dropout: float = 0.3
    weight_decay: float = 1.5
    label_smoothing: float = 0.2

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """One epoch on these rows; the first call needs all classes, in `classes` or y."""
        X = self._features(X)
        self._partial_fit_labels(y, len(X), classes)
        return self._partial_fit(X, y, sample_weight)

    def predict_proba(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n, k), each row summing to 1, float64: the mean over the networks."""
        return np.mean([softmax(logits) for logits in self._outputs(X)], axis=0)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._require("label_smoothing", lambda found: 0 <= found < 1, "numbers >= 0 and < 1")

    def _fit_target(self, y: Any, weight: np.ndarray) -> None:
        self.classes_, _ = inputs.encode_labels(y, len(weight))

    def _target(self, y: Any, X: np.ndarray) -> np.ndarray:
        return inputs.encode_labels(y, len(X), self.classes_)[1]

    def _n_outputs(self) -> int:
        return len(self.classes_)

    def _loss(self) -> layers.Loss:
        return fast_layers.SoftmaxWithLoss(self.label_smoothing)


@dataclass(kw_only=True, eq=False, repr=False)
class NeuralNetworkRegressor(Regressor, NeuralNetwork):
    """The output layer as it is, trained on the error of y scaled to mean 0, variance 1.

    loss: "squared_error" for means, "absolute_error" for medians. The other parameters are those of
    NeuralNetwork. Also learns target_mean_ and target_scale_.
    """

    loss: str = "squared_error"

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One epoch on these rows; the first call's y determines the scaling of y."""
        X = self._features(X)
        if not hasattr(self, "theta_"):
            self._fit_target(y, inputs.check_sample_weight(sample_weight, len(X)))
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n,): the mean over the networks."""
        mean = np.mean([output[:, 0] for output in self._outputs(X)], axis=0)
        return mean * self.target_scale_ + self.target_mean_

    def _fit_target(self, y: Any, weight: np.ndarray) -> None:
        y = inputs.check_targets(y, len(weight))
        self.target_mean_, self.target_scale_ = mean_and_std(y, weight)

    def _target(self, y: Any, X: np.ndarray) -> np.ndarray:
        y = (inputs.check_targets(y, len(X)) - self.target_mean_) / self.target_scale_
        return y.astype(X.dtype)

    def _n_outputs(self) -> int:
        return 1

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._require_one_of("loss", REGRESSION_LOSSES)

    def _loss(self) -> layers.Loss:
        return REGRESSION_LOSSES[self.loss]()


def _are_betas(found: Any) -> bool:
    return len(found) == 2 and all(0 <= beta < 1 for beta in found)


def _mean_curve(curves: list[list[float]]) -> np.ndarray:
    """The mean at each epoch over the curves that have not ended by then, (longest,)."""
    longest = max(len(curve) for curve in curves)
    padded = [curve + [np.nan] * (longest - len(curve)) for curve in curves]
    return np.nanmean(padded, axis=0)

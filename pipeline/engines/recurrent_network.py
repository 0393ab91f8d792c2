"""Networks that read some of a row's columns as a sequence, step by step, and the others at once.

In a survey the steps are the questions and their answers, the others describe the respondent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from pipeline.engines.neural_network import (
    NeuralNetwork,
    NeuralNetworkClassifier,
    NeuralNetworkRegressor,
)
from pipeline.from_scratch.branches import Branch
from pipeline.from_scratch.dropout import Dropout
from pipeline.from_scratch.initialisation import lecun, orthogonal
from pipeline.from_scratch.layers import Layer, Loss, of_shape, with_width
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.recurrent import (
    ClippedNetwork,
    LastStep,
    MaxPooling,
    MeanPooling,
    Recurrent,
)

POOLING: dict[str, type[Layer]] = {"last": LastStep, "mean": MeanPooling, "max": MaxPooling}


class StepEmbedding(Layer):
    """v_t = x_t E_t + b_t: each step's columns become a vector, with separate weights per step.

    The recurrent layer has the same weights at every step, so that the vector has to encode both
    the question and the answer. For one-hot columns E_t is an embedding table of the answers.

    Shapes: x (n, Σ d_t), step after step; E (Σ d_t, width), whose rows of step t are E_t;
    b (steps · width,) -> v (n, steps, width).
    """

    parameters = ("E", "b")

    def __init__(self, E: Sequence[np.ndarray]) -> None:
        """E_t (d_t, width) of each step."""
        self.E, self.b = np.concatenate(E), np.zeros(len(E) * E[0].shape[1])
        self.dE, self.db = np.zeros_like(self.E), np.zeros_like(self.b)
        self.slices = [slice(*ends) for ends in pairwise(np.cumsum([0, *map(len, E)]))]

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = with_width(x, len(self.E), self)
        v = np.empty((len(self.slices), len(x), self.E.shape[1]), x.dtype)
        for v_t, step in zip(v, self.slices, strict=True):
            np.matmul(x[:, step], self.E[step], out=v_t)
        v += self.b.reshape(len(v), 1, -1)
        return v.swapaxes(0, 1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_to_parameters(dy)
        steps = zip(self.slices, dy.swapaxes(0, 1), strict=True)
        return np.hstack([dy_t @ self.E[step].T for step, dy_t in steps])

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        """dE_t = x_tᵀ dy_t, db_t = Σ_n dy_t."""
        shape = (len(self.x), len(self.slices), self.E.shape[1])
        dy = of_shape(dy, shape, self)
        for step, dy_t in zip(self.slices, dy.swapaxes(0, 1), strict=True):
            np.matmul(self.x[:, step].T, dy_t, out=self.dE[step])
        np.sum(dy, axis=0, out=self.db.reshape(dy.shape[1:]))


@dataclass(
    kw_only=True, eq=False, repr=False
)  # a constructor that only stores, for both subclasses
class RecurrentNetwork(NeuralNetwork):
    """What the classifier and the regressor share: a recurrent layer before the hidden layers.

    sequence: the column numbers of each step, in the order of the steps; None makes every column a
        step. Columns in no step are static features: they are concatenated with the pooled states,
        as input of the hidden layers.
    step_width: the width of each step's embedding, to which dropout with rate step_dropout applies.
    state_width: the width of the recurrent layer's state.
    pooling: how the states are reduced to one: "last", "mean" or, most accurate on surveys, "max".
    clip: the maximum norm of the gradient.

    The other parameters are those of NeuralNetwork. Columns in `categories` are steps only if
    `sequence` names them. The embeddings of `categories` and `numbers` are static features, too.
    """

    sequence: tuple[tuple[int, ...], ...] | None = None
    step_width: int = 16
    state_width: int = 32
    pooling: str = "max"
    step_dropout: float = 0.1
    clip: float = 1.0
    hidden: tuple[int, ...] = (64,)
    dropout: float = 0.0
    lr: float = 2e-2
    schedule: str = "coslog4"
    epochs: int = 30
    weight_decay: float = 0.25

    def _assembled(self, pieces: list[Layer], loss: Loss, dtype: np.dtype) -> Network:
        return ClippedNetwork(pieces, loss, dtype, self.clip)

    def _branches(self, rng: np.random.Generator) -> list[Branch]:
        """The sequence to the recurrent layer; static features as in every network."""
        steps = self._steps()
        sequence = list(chain.from_iterable(steps))
        all_columns: Branch = (range(self.n_features_in_), [])
        branches: list[Branch] = [(sequence, self._sequence_layers(rng, steps))]
        for columns, layers in super()._branches(rng) or [all_columns]:
            static = columns if layers else np.setdiff1d(columns, sequence)
            if len(static):
                branches.append((static, layers))
        return branches

    def _steps(self) -> tuple[tuple[int, ...], ...]:
        if self.sequence is not None:
            return self.sequence
        return tuple((j,) for j in range(self.n_features_in_) if j not in self.categories)

    def _sequence_layers(
        self, rng: np.random.Generator, steps: Sequence[Sequence[int]]
    ) -> list[Layer]:
        """The steps' embedding, the recurrent layer, and the pooling of its states."""
        layers: list[Layer] = [
            StepEmbedding([lecun(rng, len(step), self.step_width) for step in steps])
        ]
        if self.step_dropout:
            layers.append(Dropout(self.step_dropout, rng))
        Wx, Wh = lecun(rng, self.step_width, self.state_width), orthogonal(rng, self.state_width)
        return [*layers, Recurrent(Wx, Wh), POOLING[self.pooling]()]

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._require_one_of("pooling", POOLING)
        self._require("step_dropout", lambda rate: 0 <= rate < 1, "numbers >= 0 and < 1")
        self._require("clip", lambda norm: norm > 0, "numbers > 0", allow_infinity=True)
        self._require_integers(1, "step_width", "state_width")

    def _fit_features(self, X: Any) -> np.ndarray:
        X = super()._fit_features(X)
        d = X.shape[1]

        def valid(_: Any) -> bool:
            steps = self._steps()
            return len(steps) > 0 and all(len(s) > 0 and all(0 <= j < d for j in s) for s in steps)

        self._require("sequence", valid, f"one or more steps of column numbers from 0 to {d - 1}")
        return X


@dataclass(kw_only=True, eq=False, repr=False)
class RecurrentClassifier(RecurrentNetwork, NeuralNetworkClassifier):
    """Class probabilities from rows that are read as sequences.

    The parameters are those of RecurrentNetwork and NeuralNetworkClassifier.
    """


@dataclass(kw_only=True, eq=False, repr=False)
class RecurrentRegressor(RecurrentNetwork, NeuralNetworkRegressor):
    """A number from rows that are read as sequences.

    The parameters are those of RecurrentNetwork.
    """

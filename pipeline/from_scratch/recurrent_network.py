"""A row read as a sentence: some of its columns in order, step by step, and the rest at the end.

A survey is one: which question, which answer, fourteen times, and then who it was that answered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np

from pipeline.from_scratch.columns import Branch
from pipeline.from_scratch.dropout import Dropout
from pipeline.from_scratch.initialisation import lecun, orthogonal
from pipeline.from_scratch.layers import Layer
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.neural_network import (
    NeuralNetwork,
    NeuralNetworkClassifier,
    NeuralNetworkRegressor,
)
from pipeline.from_scratch.recurrent import (
    ClippedNetwork,
    LastStep,
    MaxStep,
    MeanStep,
    Recurrent,
)

SUMMARIES: dict[str, type[Layer]] = {"last": LastStep, "mean": MeanStep, "max": MaxStep}


class StepEmbedding(Layer):
    """v_t = x_t E_t + b_t: the columns of each step become a vector, by weights of that step's own.

    The cell has the same weights at every step, so that the vector has to say which question this
    is as well as what was answered. For one-hot columns E_t is a table of the answers' vectors.

    Shapes: x (n, Σ d_t), step after step; E (Σ d_t, width), whose rows of step t are E_t;
    b (steps · width,) -> v (n, steps, width).
    """

    parameters = ("E", "b")

    def __init__(self, E: Sequence[np.ndarray]) -> None:
        """E_t (d_t, width) of each step."""
        self.E, self.b = np.concatenate(E), np.zeros(len(E) * E[0].shape[1])
        self.dE, self.db = np.zeros_like(self.E), np.zeros_like(self.b)
        self.places = [slice(*ends) for ends in pairwise(np.cumsum([0, *map(len, E)]))]

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        v = np.empty((len(self.places), len(x), self.E.shape[1]), x.dtype)
        for v_t, place in zip(v, self.places, strict=True):
            np.matmul(x[:, place], self.E[place], out=v_t)
        v += self.b.reshape(len(v), 1, -1)
        return v.swapaxes(0, 1)

    def backward(self, dy: np.ndarray) -> np.ndarray:
        self.backward_to_parameters(dy)
        steps = zip(self.places, dy.swapaxes(0, 1), strict=True)
        return np.hstack([dy_t @ self.E[place].T for place, dy_t in steps])

    def backward_to_parameters(self, dy: np.ndarray) -> None:
        """dE_t = x_tᵀ dy_t, db_t = Σ_n dy_t."""
        for place, dy_t in zip(self.places, dy.swapaxes(0, 1), strict=True):
            np.matmul(self.x[:, place].T, dy_t, out=self.dE[place])
        np.sum(dy, axis=0, out=self.db.reshape(dy.shape[1:]))


@dataclass(kw_only=True, eq=False, repr=False)  # a constructor that only stores, for both heirs
class RecurrentNetwork(NeuralNetwork):
    """What the classifier and the regressor share: a cell that reads, before the hidden layers.

    sequence: the column numbers of each step, in the order of the steps; None makes every column a
        step. Columns that no step names are facts: they stand beside what the cell has made of the
        sequence, and the hidden layers see both.
    step_width: of the vector that a step's columns become; a share step_dropout of its units is
        silenced in training. state_width: of the cell's state.
    summary: what is handed on of the states: "last", "mean" or, most accurate on surveys, "max".
    clip: the gradient's greatest length.

    The other parameters are those of NeuralNetwork. `categories` are never steps unless `sequence`
    names them, and what `categories` and `numbers` make of columns stands beside the facts.
    """

    sequence: tuple[tuple[int, ...], ...] | None = None
    step_width: int = 16
    state_width: int = 32
    summary: str = "max"
    step_dropout: float = 0.1
    clip: float = 1.0
    hidden: tuple[int, ...] = (64,)
    dropout: float = 0.0
    lr: float = 2e-2
    schedule: str = "coslog4"
    epochs: int = 30
    weight_decay: float = 0.25

    def _network(self, rng: np.random.Generator, dtype: np.dtype) -> Network:
        network = super()._network(rng, dtype)
        return ClippedNetwork(network.layers, network.loss, dtype, self.clip)

    def _branches(self, rng: np.random.Generator) -> list[Branch]:
        """The sequence to the cell; facts, codes and numbers as in every network."""
        steps = self._steps()
        read = list(chain.from_iterable(steps))
        every: Branch = (range(self.n_features_in_), [])
        branches: list[Branch] = [(read, self._reader(rng, steps))]
        for columns, layers in super()._branches(rng) or [every]:
            kept = columns if layers else np.setdiff1d(columns, read)
            if len(kept):
                branches.append((kept, layers))
        return branches

    def _steps(self) -> tuple[tuple[int, ...], ...]:
        if self.sequence is not None:
            return self.sequence
        return tuple((j,) for j in range(self.n_features_in_) if j not in self.categories)

    def _reader(self, rng: np.random.Generator, steps: Sequence[Sequence[int]]) -> list[Layer]:
        """Steps as vectors, the cell, and one state of its many."""
        layers: list[Layer] = [
            StepEmbedding([lecun(rng, len(step), self.step_width) for step in steps])
        ]
        if self.step_dropout:
            layers.append(Dropout(self.step_dropout, rng))
        Wx, Wh = lecun(rng, self.step_width, self.state_width), orthogonal(rng, self.state_width)
        return [*layers, Recurrent(Wx, Wh), SUMMARIES[self.summary]()]

    def _check_parameters(self) -> None:
        super()._check_parameters()
        self._require_one_of("summary", SUMMARIES)
        self._require("step_dropout", lambda rate: 0 <= rate < 1, "0 to below 1")
        self._require("clip", lambda longest: longest > 0, "numbers above 0")
        self._require_whole(1, "step_width", "state_width")

    def _learn_features(self, X: Any) -> np.ndarray:
        X = super()._learn_features(X)
        d = X.shape[1]

        def there(_: Any) -> bool:
            steps = self._steps()
            return len(steps) > 0 and all(len(s) > 0 and all(0 <= j < d for j in s) for s in steps)

        self._require("sequence", there, f"one or more steps of column numbers from 0 to {d - 1}")
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

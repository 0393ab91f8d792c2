"""From hyperparameters to layers: a network for tabular data, before training."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.engines import fast_layers
from pipeline.engines.estimator import Estimator, is_integer
from pipeline.from_scratch import initialisation, layers
from pipeline.from_scratch.batch_ensemble import (
    PerSubmodelLoss,
    ScaleEnsemble,
    SubmodelsAsColumns,
)
from pipeline.from_scratch.batch_normalisation import BatchNormalisation
from pipeline.from_scratch.branches import Branch, Branches
from pipeline.from_scratch.dropout import Dropout
from pipeline.from_scratch.embedding import Embedding
from pipeline.from_scratch.learned_scaling import LearnedScaling, ParametricActivation
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.numerical_embeddings import (
    AffineByColumn,
    Cosine,
    CosineAndSine,
    Frequencies,
    PiecewiseLinear,
    quantile_edges,
)

ACTIVATIONS: dict[str, tuple[type[layers.Layer], Callable[..., np.ndarray]]] = {
    "relu": (fast_layers.Relu, initialisation.he),
    "mish": (layers.Mish, initialisation.he),
    "selu": (layers.Selu, initialisation.lecun),
    "tanh": (layers.Tanh, initialisation.xavier),
    "sigmoid": (layers.Sigmoid, initialisation.xavier),
    "identity": (layers.Identity, initialisation.lecun),
}
NUMBERS = ("plain", "plr", "pbld", "piecewise")
FREQUENCIES = 16  # per number, as in RealMLP
MAX_CODE = 1_000_000


@dataclass(kw_only=True, eq=False, repr=False)  # a constructor that only stores, for all subclasses
class Architecture(Estimator):
    """The hyperparameters that define the layers, and the layers.

    hidden: the width of each hidden layer: affine, activation, dropout; with batch_normalisation
    between affine and activation, and with parametric_activation a trainable blend of each unit's
    activation with the identity. (With batch_normalisation a sample_weight of 2 is not quite the
    same as two rows: mean and variance are those of the rows.)

    Before the hidden layers:
    categories: the columns that hold category codes 0, 1, ...; each code has a trainable vector of
        `category_width`, and any other code, missing or new, the zero vector.
    numbers: the embedding of the columns with more than two values, or of those among them that
        `embedded` lists. "plain" is none; "plr" and
        "pbld" embed each as a vector of `number_width` from 16 frequencies, initially of standard
        deviation `frequency_std` (for pbld the number itself is part of the vector); "piecewise" is
        the piecewise linear encoding with `number_width` quantile bins.
    scaling: if above 0, a trainable factor for every column of the result, whose learning rate is
        multiplied by `scaling`. (RealMLP uses 6 with weights stored as √d_in W, which makes them
        learn √d_in times as slowly; that corresponds to 6 √d_in here.)
    submodels: if above 1, every network is an ensemble of that many submodels, which share all
        weights except their input factors and output layers (TabM); their predictions are averaged.
    """

    _allow_nonfinite = ("bin_edges_",)

    hidden: tuple[int, ...] = (256,)
    activation: str = "relu"
    parametric_activation: bool = False
    batch_normalisation: bool = False
    dropout: float = 0.0
    categories: tuple[int, ...] = ()
    category_width: int = 8
    numbers: str = "plain"
    embedded: tuple[int, ...] | None = None
    number_width: int = 4
    frequency_std: float = 0.1
    scaling: float = 0.0
    submodels: int = 1

    def _network(self, rng: np.random.Generator, dtype: np.dtype) -> Network:
        """An untrained network: weights drawn from rng, which dropout keeps for its masks."""
        pieces, width = self._input_layers(rng)
        if self.submodels > 1:
            pieces.append(ScaleEnsemble(width, self.submodels, rng))
        for d_in, d_out in pairwise((width, *self.hidden)):
            pieces += self._hidden_layers(rng, d_in, d_out)
        last, loss = (width, *self.hidden)[-1], self._loss()
        W = [initialisation.lecun(rng, last, self._n_outputs()) for _ in range(self.submodels)]
        if self.submodels == 1:
            return self._assembled([*pieces, fast_layers.Affine(W[0])], loss, dtype)
        pieces += [SubmodelsAsColumns(self.submodels), AffineByColumn(np.array(W))]
        return self._assembled(pieces, PerSubmodelLoss(loss, self.submodels), dtype)

    def _assembled(self, pieces: list[layers.Layer], loss: layers.Loss, dtype: np.dtype) -> Network:
        return Network(pieces, loss, dtype)

    def _hidden_layers(self, rng: np.random.Generator, d_in: int, d_out: int) -> list[layers.Layer]:
        activation_layer, initialise = ACTIVATIONS[self.activation]
        activation = activation_layer()
        if self.parametric_activation:
            activation = ParametricActivation(d_out, activation)
        pieces: list[layers.Layer] = [fast_layers.Affine(initialise(rng, d_in, d_out))]
        if self.batch_normalisation:
            pieces.append(BatchNormalisation(d_out))
        pieces.append(activation)
        if self.dropout:
            pieces.append(Dropout(self.dropout, rng))
        return pieces

    def _input_layers(self, rng: np.random.Generator) -> tuple[list[layers.Layer], int]:
        """The layers before the first hidden layer, and their output width."""
        pieces: list[layers.Layer] = []
        width = self.n_features_in_
        branches = self._branches(rng)
        if branches:
            pieces.append(Branches(branches))
            width = pieces[0].forward(np.zeros((1, width))).shape[1]
        if self.scaling:
            pieces.append(LearnedScaling(width, self.scaling))
        return pieces, width

    def _branches(self, rng: np.random.Generator) -> list[Branch]:
        """Numbers, categories and other columns, each with their layers; empty if all are plain."""
        branches: list[Branch] = []
        embedded = vars(self).get("number_columns_", np.array([], int))
        if len(embedded):
            branches.append((embedded, self._number_layers(rng, len(embedded))))
        for column, count in zip(self.categories, vars(self).get("code_counts_", ()), strict=True):
            table = rng.normal(0, 1, (count, self.category_width))
            branches.append(([column], [Embedding(table)]))
        if not branches:
            return []
        replaced = set(self.categories)
        if self.numbers != "pbld":
            replaced |= {*embedded.tolist()}
        plain = [column for column in range(self.n_features_in_) if column not in replaced]
        return [*branches, (plain, [])] if plain else branches

    def _number_layers(self, rng: np.random.Generator, d: int) -> list[layers.Layer]:
        if self.numbers == "piecewise":
            return [PiecewiseLinear([each[np.isfinite(each)] for each in self.bin_edges_])]
        if self.numbers == "plr":
            periodic = [Frequencies(d, FREQUENCIES, self.frequency_std, rng), CosineAndSine()]
            W = [initialisation.he(rng, 2 * FREQUENCIES, self.number_width) for _ in range(d)]
            return [*periodic, AffineByColumn(np.array(W)), fast_layers.Relu()]
        periodic = [Frequencies(d, FREQUENCIES, self.frequency_std, rng, phases=True), Cosine()]
        W = [initialisation.lecun(rng, FREQUENCIES, self.number_width - 1) for _ in range(d)]
        return [*periodic, AffineByColumn(np.array(W))]

    def _fit_features(self, X: Any) -> np.ndarray:
        """X for a new fit, as floats (n, d); also fits what the embeddings need.

        Learns code_counts_ (one per category column) if there are `categories`, number_columns_ if
        `numbers` are embedded, and for "piecewise" bin_edges_ (columns, number_width + 1), with NaN
        after the last edge.
        """
        X = super()._fit_features(X)
        if self.categories:
            self._fit_categories(X)
        if self.numbers != "plain":
            self._fit_numbers(X)
        return X

    def _fit_categories(self, X: np.ndarray) -> None:
        d = X.shape[1]
        allowed = f"column numbers from 0 to {d - 1}"
        self._require("categories", lambda found: all(0 <= j < d for j in found), allowed)
        highest = np.rint(X[:, list(self.categories)].max(axis=0))
        if highest.max() > MAX_CODE:
            raise ValueError(
                f"categories: found the code {highest.max():.0f}; allowed are whole numbers from 0 "
                f"to {MAX_CODE}. Number the categories 0, 1, 2 and so on."
            )
        self.code_counts_ = np.maximum(highest.astype(int) + 1, 1)

    def _fit_numbers(self, X: np.ndarray) -> None:
        listed = range(X.shape[1]) if self.embedded is None else self.embedded
        candidates = [j for j in listed if j not in self.categories]
        numbers = [j for j in candidates if len(np.unique(X[:, j])) > 2]
        self.number_columns_ = np.array(numbers, dtype=int)
        if self.numbers == "piecewise":
            self.bin_edges_ = np.full((len(numbers), self.number_width + 1), np.nan)
            for edges, column in zip(self.bin_edges_, numbers, strict=True):
                found = quantile_edges(X[:, column], self.number_width)
                edges[: len(found)] = found

    def _check_parameters(self) -> None:
        """ValueError for an invalid parameter."""
        widths = "tuples of integers >= 1"
        self._require("hidden", lambda found: all(is_integer(width, 1) for width in found), widths)
        self._require_one_of("activation", ACTIVATIONS)
        self._require_one_of("numbers", NUMBERS)
        self._require("dropout", lambda rate: 0 <= rate < 1, "numbers >= 0 and < 1")
        self._require("scaling", lambda lr_factor: lr_factor >= 0, "numbers >= 0")
        self._require("frequency_std", lambda std: std > 0, "numbers > 0")
        self._require_integers(1, "category_width", "submodels")
        self._require_integers(2, "number_width")

    def _n_outputs(self) -> int:
        raise NotImplementedError

    def _loss(self) -> layers.Loss:
        raise NotImplementedError

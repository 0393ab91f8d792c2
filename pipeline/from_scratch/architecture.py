"""From options to layers: what a network on a table looks like before it has learned anything."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from pipeline.from_scratch import initialisation, layers
from pipeline.from_scratch.batch_normalisation import BatchNormalisation
from pipeline.from_scratch.columns import Branch, Columns
from pipeline.from_scratch.dropout import Dropout
from pipeline.from_scratch.embedding import Embedding
from pipeline.from_scratch.estimator import Estimator, whole
from pipeline.from_scratch.members import EachMember, Members, SideBySide
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.numerical_embeddings import (
    AffineByColumn,
    Cosine,
    CosineAndSine,
    Frequencies,
    PiecewiseLinear,
    quantile_edges,
)
from pipeline.from_scratch.scaling import ParametricActivation, Scaling

ACTIVATIONS: dict[str, tuple[type[layers.Layer], Callable[..., np.ndarray]]] = {
    "relu": (layers.Relu, initialisation.he),
    "mish": (layers.Mish, initialisation.he),
    "selu": (layers.Selu, initialisation.lecun),
    "tanh": (layers.Tanh, initialisation.xavier),
    "sigmoid": (layers.Sigmoid, initialisation.xavier),
    "identity": (layers.Identity, initialisation.lecun),
}
NUMBERS = ("plain", "plr", "pbld", "piecewise")
FREQUENCIES = 16  # waves a number, as in RealMLP
MOST_CODES = 1_000_000


@dataclass(kw_only=True, eq=False, repr=False)  # a constructor that only stores, for all heirs
class Architecture(Estimator):
    """The parameters that say which layers there are, and the layers.

    hidden: the width of each hidden layer: affine, then its activation, then dropout; with
    batch_normalisation between affine and activation, and with parametric_activation a learned
    share of the activation in every unit.

    What comes before them:
    categories: the columns that hold category codes 0, 1, ...; each code learns a vector of
        `category_width`, and any other code, missing or new, is the zero vector.
    numbers: what becomes of the columns with more than two values. "plain" leaves them alone;
        "plr" and "pbld" make each a vector of `number_width` out of 16 waves whose frequencies
        start with standard deviation `frequency_std` (pbld counts the number itself in);
        "piecewise" says how far each of `number_width` quantile bins is filled.
    scaling: above 0, a learned factor for every column of what comes out, which learns that many
        times as fast as the rest. (RealMLP has 6 where weights are held as √d_in W, which makes
        them learn √d_in times as slowly: to us that is 6 √d_in.)
    members: above 1, every network is that many, which share all but the factors of their inputs
        and their outputs (TabM); the predictions of all are averaged.
    """

    _maybe_infinite = ("bin_edges_",)

    hidden: tuple[int, ...] = (256,)
    activation: str = "relu"
    parametric_activation: bool = False
    batch_normalisation: bool = False
    dropout: float = 0.0
    categories: tuple[int, ...] = ()
    category_width: int = 8
    numbers: str = "plain"
    number_width: int = 4
    frequency_std: float = 0.1
    scaling: float = 0.0
    members: int = 1

    def _network(self, rng: np.random.Generator, dtype: np.dtype) -> Network:
        """Not yet trained: weights drawn from rng, which dropout goes on drawing from."""
        pieces, width = self._input_layers(rng)
        if self.members > 1:
            pieces.append(Members(width, self.members, rng))
        for d_in, d_out in pairwise((width, *self.hidden)):
            pieces += self._hidden_layers(rng, d_in, d_out)
        last, loss = (width, *self.hidden)[-1], self._loss()
        W = [initialisation.lecun(rng, last, self._n_outputs()) for _ in range(self.members)]
        if self.members == 1:
            return Network([*pieces, layers.Affine(W[0])], loss, dtype)
        pieces += [SideBySide(self.members), AffineByColumn(np.array(W))]
        return Network(pieces, EachMember(loss, self.members), dtype)

    def _hidden_layers(self, rng: np.random.Generator, d_in: int, d_out: int) -> list[layers.Layer]:
        kind, initial = ACTIVATIONS[self.activation]
        activation = kind()
        if self.parametric_activation:
            activation = ParametricActivation(d_out, activation)
        pieces: list[layers.Layer] = [layers.Affine(initial(rng, d_in, d_out))]
        if self.batch_normalisation:
            pieces.append(BatchNormalisation(d_out))
        pieces.append(activation)
        if self.dropout:
            pieces.append(Dropout(self.dropout, rng))
        return pieces

    def _input_layers(self, rng: np.random.Generator) -> tuple[list[layers.Layer], int]:
        """What comes before the first hidden layer, and how many columns leave it."""
        pieces: list[layers.Layer] = []
        width = self.n_features_in_
        branches = self._branches(rng)
        if branches:
            pieces.append(Columns(branches))
            width = pieces[0].forward(np.zeros((1, width))).shape[1]
        if self.scaling:
            pieces.append(Scaling(width, self.scaling))
        return pieces, width

    def _branches(self, rng: np.random.Generator) -> list[Branch]:
        """Numbers, codes and all other columns, each with its layers; none where all are plain."""
        branches: list[Branch] = []
        embedded = vars(self).get("number_columns_", np.array([], int))
        if len(embedded):
            branches.append((embedded, self._number_layers(rng, len(embedded))))
        for column, count in zip(self.categories, vars(self).get("code_counts_", ()), strict=True):
            table = rng.normal(0, 1, (count, self.category_width))
            branches.append(([column], [Embedding(table)]))
        if not branches:
            return []
        apart = set(self.categories) | (set() if self.numbers == "pbld" else {*embedded.tolist()})
        plain = [column for column in range(self.n_features_in_) if column not in apart]
        return [*branches, (plain, [])] if plain else branches

    def _number_layers(self, rng: np.random.Generator, d: int) -> list[layers.Layer]:
        if self.numbers == "piecewise":
            return [PiecewiseLinear([each[np.isfinite(each)] for each in self.bin_edges_])]
        if self.numbers == "plr":
            waves = [Frequencies(d, FREQUENCIES, self.frequency_std, rng), CosineAndSine()]
            W = [initialisation.he(rng, 2 * FREQUENCIES, self.number_width) for _ in range(d)]
            return [*waves, AffineByColumn(np.array(W)), layers.Relu()]
        waves = [Frequencies(d, FREQUENCIES, self.frequency_std, rng, phases=True), Cosine()]
        W = [initialisation.lecun(rng, FREQUENCIES, self.number_width - 1) for _ in range(d)]
        return [*waves, AffineByColumn(np.array(W))]

    def _learn_features(self, X: Any) -> np.ndarray:
        """X for a new fit, as floats (n, d), and from it what the embeddings need to know.

        Learns code_counts_ (one a category column), number_columns_ and, for "piecewise",
        bin_edges_ (columns, number_width + 1), with NaN after the last edge; each only where asked.
        """
        X = super()._learn_features(X)
        if self.categories:
            self._learn_categories(X)
        if self.numbers != "plain":
            self._learn_numbers(X)
        return X

    def _learn_categories(self, X: np.ndarray) -> None:
        d = X.shape[1]
        allowed = f"column numbers from 0 to {d - 1}"
        self._require("categories", lambda found: all(0 <= j < d for j in found), allowed)
        highest = np.rint(X[:, list(self.categories)].max(axis=0))
        if highest.max() > MOST_CODES:
            raise ValueError(
                f"categories: found the code {highest.max():.0f}; allowed are whole numbers from 0 "
                f"to {MOST_CODES}. Number the categories 0, 1, 2 and so on."
            )
        self.code_counts_ = np.maximum(highest.astype(int) + 1, 1)

    def _learn_numbers(self, X: np.ndarray) -> None:
        candidates = [j for j in range(X.shape[1]) if j not in self.categories]
        numbers = [j for j in candidates if len(np.unique(X[:, j])) > 2]
        self.number_columns_ = np.array(numbers, dtype=int)
        if self.numbers == "piecewise":
            self.bin_edges_ = np.full((len(numbers), self.number_width + 1), np.nan)
            for edges, column in zip(self.bin_edges_, numbers, strict=True):
                found = quantile_edges(X[:, column], self.number_width)
                edges[: len(found)] = found

    def _check_parameters(self) -> None:
        """ValueError for a parameter that no layer can have."""
        widths = "tuples of whole numbers, each 1 and more"
        self._require("hidden", lambda found: all(whole(width, 1) for width in found), widths)
        self._require_one_of("activation", ACTIVATIONS)
        self._require_one_of("numbers", NUMBERS)
        self._require("dropout", lambda rate: 0 <= rate < 1, "0 to below 1")
        self._require("scaling", lambda speed: speed >= 0, "0 and more")
        self._require("frequency_std", lambda std: std > 0, "numbers above 0")
        self._require_whole(1, "category_width", "members")
        self._require_whole(2, "number_width")

    def _n_outputs(self) -> int:
        raise NotImplementedError

    def _loss(self) -> layers.Loss:
        raise NotImplementedError

"""A generalized linear mixed model: an effect for each level of a column and for pairs of levels.

The effects of a column, b ~ N(0, v), are shrunk by a variance v of its own, which the rows decide:
levels of few rows by much, columns that say nothing to nothing. Brings what trees miss in
categories of thousands of levels; costs a second a fit on 8,000 rows.
"""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import Field

from pipeline.early_stopping import Clusters
from pipeline.engines.descent import Preconditioner
from pipeline.engines.lbfgs import lbfgs
from pipeline.from_scratch.activations import log_softmax, sigmoid, softmax, softplus
from pipeline.level_effects import (
    Effect,
    Grouping,
    design_matrix,
    group_columns,
    pair_effects,
    single_effects,
    suit_pairs,
)
from pipeline.models import ModelProblem, State, Trial, check_classes
from pipeline.settings import ModelSettings

if TYPE_CHECKING:
    from scipy import sparse

VIEW = "tree"
MOST_CELLS = 12_000_000  # rows times effects: what the matrix may hold
MOST_COEFFICIENTS = 5_000_000  # levels of pairs times classes; L-BFGS keeps 40 such vectors
START = 0.3  # variance of the effects, for a start
LEAST, MOST = 1e-4, 10.0  # of it
STEPS = 60  # of L-BFGS, at most, until the variances are estimated again
TOL, LAST_TOL = 0.3, 0.01  # Newton decrement of log-likelihood: until v is found again, at the end


class Settings(ModelSettings):
    encode: dict[str, Any] = Field(
        default_factory=lambda: {"rare": 1, "target_means": [], "combinations": [], "texts": []},
        description="keys of [encode] that differ for this model: every level has an effect",
    )
    pairs: int = Field(10, ge=0, description="columns of which all pairs have effects; 0: none")
    rounds: int = Field(10, ge=1, description="in which the variances are estimated")
    most_rows: int = Field(200_000, ge=2, description="of more rows a sample of that many is used")


def suggest(trial: Trial) -> None:
    trial.suggest_int("pairs", 0, 12)


class RandomEffects:
    """Effects by penalised likelihood, variances by MacKay's fixed point (1992, Neural Computation
    4, equation 2.27): v = |b|² / (levels - what the penalty decides of them).

    The posterior's covariance is taken as diagonal. A target of values is standardised; its
    residual variance is estimated too.
    """

    def __init__(self, settings: Settings, problem: ModelProblem) -> None:
        self.settings, self.problem = settings, problem

    def fit(self, X: np.ndarray, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        """X (n, d) with NaN for missing values; y (n,) class codes or values."""
        own = sorted({place for places in self.problem.parts.values() for place in places})
        self.groupings = list(group_columns(X, own, self.problem.categorical))
        X, y = self._sample(X, y)
        targets = self._targets(y)
        levels = self._levels(X)
        self.effects = single_effects(levels)
        start = np.zeros((sum(len(each.keys) for each in self.effects), targets.shape[1]))
        found = self._estimate(levels, targets, start)
        chosen = self._best_groupings(levels, found)[: self.settings.pairs]
        most = max(MOST_CELLS // len(X) - len(self.effects), 0)
        most_levels = MOST_COEFFICIENTS // targets.shape[1]
        pairs = pair_effects(levels, self._sizes, chosen, most, most_levels)
        if pairs:
            self.effects += pairs
            new = np.zeros((sum(len(each.keys) for each in pairs), targets.shape[1]))
            found = self._estimate(levels, targets, np.vstack([found, new]))
        self.coefficients = found
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        values = np.vstack([self._linear(X[rows]) for rows in self._chunks(len(X))])
        if self.problem.task == "regression":
            return self.origin + self.unit * values
        probabilities = np.zeros((len(X), self.problem.outputs))
        probabilities[:, self.classes] = _probabilities(values)
        return probabilities

    def state(self) -> State:
        return {
            "columns": np.array([each.column for each in self.groupings], dtype=int),
            "exact": np.array([each.exact for each in self.groupings], dtype=bool),
            "edges": _joined([each.edges for each in self.groupings], float),
            "edges_each": np.array([len(each.edges) for each in self.groupings], dtype=int),
            "pairs": np.array([(each.groupings * 2)[:2] for each in self.effects], dtype=int),
            "keys": _joined([each.keys for each in self.effects], np.int64),
            "keys_each": np.array([len(each.keys) for each in self.effects], dtype=int),
            "coefficients": self.coefficients,
            "intercept": self.intercept,
            "classes": self.classes,
            "scale": np.array([self.origin, self.unit]),
        }

    def set_state(self, state: State) -> Self:
        """Take over groupings, effects and coefficients; ValueError where they do not fit."""
        whole = ("columns", "exact", "edges_each", "pairs", "keys", "keys_each", "classes")
        for name in whole:
            if state[name].dtype.kind not in "iub":
                raise ValueError(f"{name} holds something else than whole numbers")
        for name in ("edges", "coefficients", "intercept", "scale"):
            if state[name].dtype.kind != "f" or not np.isfinite(state[name]).all():
                raise ValueError(f"{name} holds something else than numbers")
        edges = _parts(state["edges"], state["edges_each"])
        named = zip(state["columns"].tolist(), state["exact"].tolist(), edges, strict=True)
        self.groupings = [Grouping(column, exact, each) for column, exact, each in named]
        keys = _parts(state["keys"], state["keys_each"])
        pairs = [tuple(dict.fromkeys(pair)) for pair in state["pairs"].tolist()]
        self.effects = [Effect(of, each) for of, each in zip(pairs, keys, strict=True)]
        self.coefficients, self.intercept = state["coefficients"], state["intercept"]
        self.classes = np.array(state["classes"])
        self.origin, self.unit = state["scale"].tolist()
        self._check()
        return self

    def _linear(self, X: np.ndarray) -> np.ndarray:
        matrix = design_matrix(self._levels(X), self._sizes, self.effects)
        return np.asarray(matrix @ self.coefficients + self.intercept)

    def _chunks(self, rows: int) -> list[slice]:
        """Of so many rows that their effects fit into the matrix."""
        size = max(MOST_CELLS // max(len(self.effects), 1), 1)
        return [slice(start, start + size) for start in range(0, rows, size)]

    @property
    def _sizes(self) -> list[int]:
        return [each.levels for each in self.groupings]

    def _levels(self, X: np.ndarray) -> np.ndarray:
        """(groupings, n)"""
        return np.array([each.of(X) for each in self.groupings]).reshape(-1, len(X))

    def _sample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """At most so many rows that their own levels, without pairs, fit into the matrix, and the
        first row of each class."""
        most = min(self.settings.most_rows, MOST_CELLS // max(len(self.groupings), 1))
        if len(X) <= most:
            return X, y
        rows = np.random.default_rng(self.settings.seed).choice(len(X), most, replace=False)
        if self.problem.task != "regression":
            rows = np.union1d(rows, np.unique(y, return_index=True)[1])
        return X[np.sort(rows)], y[np.sort(rows)]

    def _targets(self, y: np.ndarray) -> np.ndarray:
        """(n, 1) of two classes or values, these standardised; (n, k) of more classes."""
        self.origin, self.unit, self.classes = 0.0, 1.0, np.arange(1)
        if self.problem.task == "regression":
            self.origin, self.unit = float(np.mean(y)), float(np.std(y)) or 1.0
            return ((y - self.origin) / self.unit)[:, np.newaxis].astype(float)
        self.classes, codes = np.unique(y, return_inverse=True)
        one_hot = np.eye(len(self.classes))[codes]
        return one_hot[:, 1:] if len(self.classes) == 2 else one_hot

    def _estimate(
        self, levels: np.ndarray, targets: np.ndarray, coefficients: np.ndarray
    ) -> np.ndarray:
        """The effects (levels in all, outputs), and the intercept (outputs,) as an attribute."""
        matrix = design_matrix(levels, self._sizes, self.effects)
        sizes = [len(each.keys) for each in self.effects]
        fit = MixedFit(
            matrix, targets, np.array(sizes, dtype=int), self.problem.task == "regression"
        )
        found, self.intercept = fit.run(coefficients, self.settings.rounds)
        return found

    def _best_groupings(self, levels: np.ndarray, coefficients: np.ndarray) -> list[int]:
        """Of each column the grouping that explains most, the best column first."""
        starts = np.cumsum([0, *(len(each.keys) for each in self.effects)])
        best: dict[int, tuple[float, int]] = {}
        for number, effect in enumerate(self.effects):
            own = coefficients[starts[number] :][effect.of(levels, self._sizes)]
            grouping = self.groupings[number]
            explained = float(own.var(axis=0).sum())
            if suit_pairs(grouping) and explained > best.get(grouping.column, (-1.0, 0))[0]:
                best[grouping.column] = explained, number
        return [number for _, number in sorted(best.values(), key=lambda each: -each[0])]

    def _check(self) -> None:
        """ValueError where the parts of a state do not fit together."""
        columns, outputs = len(self.problem.columns), self.problem.outputs
        if any(not 0 <= each.column < columns or not len(each.edges) for each in self.groupings):
            raise ValueError("it groups other columns")
        ascending = [each.edges for each in self.groupings] + [each.keys for each in self.effects]
        if any((np.diff(each) <= 0).any() for each in ascending):
            raise ValueError("levels do not ascend")
        places = {place for each in self.effects for place in each.groupings}
        if places - {*range(len(self.groupings))} or not all(len(e.keys) for e in self.effects):
            raise ValueError("it has effects of other groupings")
        if self.problem.task != "regression":
            check_classes(self.classes, outputs)
        k = max(len(self.classes), 1) if len(self.classes) != 2 else 1
        levels = sum(len(each.keys) for each in self.effects)
        if self.coefficients.shape != (levels, k) or self.intercept.shape != (k,):
            raise ValueError("its coefficients are of other effects")


class MixedFit:
    """Minimises -log p(y | b) + Σ b² / 2v over b, and finds v by turns.

    matrix (n, m) of ones; targets (n, k); `sizes` are how many columns of it share a variance.
    """

    def __init__(
        self, matrix: "sparse.csr_matrix", targets: np.ndarray, sizes: np.ndarray, values: bool
    ) -> None:
        self.matrix, self.turned, self.targets = matrix, matrix.T.tocsr(), targets
        self.block, self.sizes, self.values = np.repeat(np.arange(len(sizes)), sizes), sizes, values
        self.noise = 1.0

    def run(self, coefficients: np.ndarray, rounds: int) -> tuple[np.ndarray, np.ndarray]:
        """-> coefficients (m, k) and intercept (k,)."""
        mean = self.targets.mean(axis=0)
        intercept = mean if self.values else _logit(mean)
        theta = np.vstack([coefficients, intercept])
        variance = np.full(len(self.sizes), START)
        for number in range(rounds):
            penalty = np.append(1 / variance[self.block], 0.0)[:, np.newaxis]
            tol = LAST_TOL if number == rounds - 1 else TOL
            theta, curvature = self._minimise(theta, penalty, tol)
            left = penalty[:-1] / (curvature[:-1] + penalty[:-1])  # of the prior in the posterior
            squares = np.bincount(self.block, (theta[:-1] ** 2).sum(axis=1))
            decided = np.bincount(self.block, (1 - left).sum(axis=1))
            variance = np.clip(squares / np.maximum(decided, 1e-9), LEAST, MOST)
            if self.values:
                residuals = self.targets - self._linear(theta)
                free = max(len(residuals) - decided.sum(), 1.0)
                self.noise = max(float((residuals**2).sum() / free), 1e-6)
        return theta[:-1], theta[-1]

    def _linear(self, theta: np.ndarray) -> np.ndarray:
        return np.asarray(self.matrix @ theta[:-1] + theta[-1])

    def _minimise(
        self, theta: np.ndarray, penalty: np.ndarray, tol: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """-> theta (m + 1, k) and its curvature, the diagonal of the loss's Hessian."""

        def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
            loss, error = self._loss(self._linear(theta))
            gradient = np.vstack([self.turned @ error, error.sum(axis=0)]) + penalty * theta
            return loss + 0.5 * float((penalty * theta**2).sum()), gradient

        def preconditioner(theta: np.ndarray, _: int) -> Preconditioner:
            diagonal = self._curvature(theta) + penalty
            return lambda gradient: gradient / diagonal

        theta, _ = lbfgs(objective, preconditioner, theta, steps=STEPS, tol=tol)
        return theta, self._curvature(theta)

    def _loss(self, linear: np.ndarray) -> tuple[float, np.ndarray]:
        """The rows' loss, and its derivative by the linear predictors (n, k)."""
        if self.values:
            error = (linear - self.targets) / self.noise
            return 0.5 * self.noise * float((error**2).sum()), error
        if linear.shape[1] == 1:
            loss = softplus(linear) - self.targets * linear
            return float(loss.sum()), sigmoid(linear) - self.targets
        loss = -self.targets * log_softmax(linear)
        return float(loss.sum()), softmax(linear) - self.targets

    def _curvature(self, theta: np.ndarray) -> np.ndarray:
        """The diagonal of the loss's Hessian, (m + 1, k)."""
        if self.values:
            weight = np.full(self.targets.shape, 1 / self.noise)
        else:
            p = self._loss(self._linear(theta))[1] + self.targets
            weight = np.maximum(p * (1 - p), 1e-9)
        return np.vstack([self.turned @ weight, weight.sum(axis=0)])


def _probabilities(linear: np.ndarray) -> np.ndarray:
    if linear.shape[1] == 1:
        p = sigmoid(linear)
        return np.hstack([1 - p, p])
    return softmax(linear)


def _logit(shares: np.ndarray) -> np.ndarray:
    """Of one class against the rest; of several, logarithms of their shares."""
    return np.log(shares / (1 - shares)) if len(shares) == 1 else np.log(shares)


def _joined(arrays: list[np.ndarray], kind: Any) -> np.ndarray:
    return np.concatenate([np.empty(0, kind), *arrays]).astype(kind)


def _parts(joined: np.ndarray, lengths: np.ndarray) -> list[np.ndarray]:
    if lengths.ndim != 1 or (lengths < 0).any() or lengths.sum() != len(joined):
        raise ValueError("its parts have other lengths")
    return np.split(joined, np.cumsum(lengths)[:-1])[: len(lengths)]  # of no lengths no part


build = RandomEffects

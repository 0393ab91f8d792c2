"""One file a model: its `VIEW`, its `Settings`, `suggest(trial)` and `build(settings, problem)`.

What `build` returns has four methods: `fit(X, y)`, `predict(X)` -> (n, k), `state()` and
`set_state(state)`. The file name is the registry: `[models.logistic]` is built by logistic.py.
A file with `IN_BLOCKS = True` has a model whose `fit` takes many rows as a `LookupMatrix` and
reads a block at a time; others are given an array, of a sample where the rows are too many.
One with `CLASSES_ONLY = True` is refused for a target of values before any model is fitted.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from types import ModuleType
from typing import Any, Literal, Protocol, Self, TypeAlias

import numpy as np

from pipeline.early_stopping import Clusters
from pipeline.errors import refusing_damage
from pipeline.float32 import TargetScale
from pipeline.lookup_matrix import Matrix
from pipeline.problem import Task
from pipeline.settings import ModelSettings

# what predictions should make small; zero_one: how often the likeliest class is another than y
Loss = Literal[
    "zero_one",
    "log_loss",
    "squared_error",
    "absolute_error",
    "squared_log_error",
    "absolute_log_error",
    "quantile",
    "poisson",
    "tweedie",
]
DEVIANCES = ("poisson", "tweedie")  # of targets from 0 on, and predictions above 0
LEAST_SHARE = 1e-3  # of the mean target: what is predicted at least where a deviance counts
# arrays, texts, bytes, numbers, lists of them, and mappings of all these
State: TypeAlias = Mapping[str, Any]
COMPARED = 2**16  # rows at a time
TRIED = (2, 3)  # rows: an array of the wrong shape may make predictions of one number of rows


@dataclass(frozen=True)
class ModelProblem:
    """What a model must know of the competition.

    `outputs` is k: the number of classes, or 1 for regression. `columns` names the view's columns
    (d,), `categorical` says which of them hold category codes (only the tree view has any), and
    `parts` which of them each column of the table became, its target means apart. `loss_parameter`
    is the quantile, or the power of Tweedie's deviance. A model without such a loss takes the
    nearest one that it has.
    """

    task: Task
    outputs: int
    loss: Loss
    columns: tuple[str, ...]
    categorical: tuple[int, ...] = ()
    parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    loss_parameter: float | None = None


class Model(Protocol):
    """fit -> predict, state -> set_state: the same predictions to the byte."""

    def fit(self, X: Matrix, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        """X (n, d) float32, y (n,) class codes or values; validation rows are never shown.

        `clusters` are what early stopping keeps together of the rows, if there is any.
        """

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> (n, k) float64: class probabilities, or values."""

    def state(self) -> State:
        """Everything that was learned."""

    def set_state(self, state: State) -> Self:
        """Take over what a model of the same settings and problem has learned.

        It may come from a file: any error means that it is no such thing.
        """


class Trial(Protocol):
    """What `suggest` draws settings from, each by its name in `Settings`: Optuna's trial."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


def module(kind: str) -> ModuleType:
    return importlib.import_module(f"pipeline.models.{kind}")


def learns_in_blocks(kind: str) -> bool:
    """Whether the model reads many rows a block at a time."""
    return bool(getattr(module(kind), "IN_BLOCKS", False))


def classes_only(kind: str) -> bool:
    """Whether the model can learn no values."""
    return bool(getattr(module(kind), "CLASSES_ONLY", False))


def build(kind: str, settings: Mapping[str, Any], problem: ModelProblem) -> Model:
    """The unfitted model of this kind, ready for whatever rows there are."""
    inner = problem
    if problem.loss == "absolute_log_error":  # of the logarithms, which the model is given
        inner = replace(problem, loss="absolute_error")
    model = UnlessConstant(build_bare(kind, settings, inner), inner)
    return ScaledTarget(model, problem) if problem.task == "regression" else model


def build_bare(kind: str, settings: Mapping[str, Any], problem: ModelProblem) -> Any:
    """What the model's own file builds: for those who look into it, and know their rows."""
    chosen = module(kind)
    return chosen.build(chosen.Settings.model_validate(dict(settings)), problem)


def restore(kind: str, settings: Mapping[str, Any], problem: ModelProblem, state: State) -> Model:
    """The fitted model that had this state.

    Raises DataError where it is no state of such a model: it is tried on rows of zeros.
    """
    model = build(kind, settings, problem)
    with refusing_damage(f"a stored {kind} model"), np.errstate(all="ignore"):
        model.set_state(state)
        for rows in TRIED:
            found = model.predict(np.zeros((rows, len(problem.columns)), np.float32))
            if found.shape != (rows, problem.outputs) or not np.isfinite(found).all():
                raise ValueError("it predicts something else than numbers")
    return model


def parameters(settings: ModelSettings) -> dict[str, Any]:
    """A model's own settings and its seed, as an estimator's constructor takes them."""
    return {name: getattr(settings, name) for name in settings.of_model()}


def regression_loss(problem: ModelProblem) -> dict[str, Any]:
    """The loss that suits the problem, as trees and networks of pipeline/engines take it.

    Poisson's and Tweedie's deviances are both least at the mean: these learn the first for either.
    """
    if problem.loss in DEVIANCES:
        return {"loss": "poisson"}
    if problem.loss == "quantile":
        return {"loss": "quantile", "quantile": problem.loss_parameter}
    return {"loss": "absolute_error"} if problem.loss == "absolute_error" else {}


class FromScratch:
    """An estimator of pipeline/engines as a model."""

    def __init__(self, estimator: Any, problem: ModelProblem) -> None:
        self.estimator, self.problem = estimator, problem

    def fit(self, X: Matrix, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        self.estimator.fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        if self.problem.task == "regression":
            return np.asarray(self.estimator.predict(X), dtype=float).reshape(-1, 1)
        # a class that none of the fitted rows had keeps probability 0
        probabilities = np.zeros((len(X), self.problem.outputs))
        probabilities[:, self.estimator.classes_] = self.estimator.predict_proba(X)
        return probabilities

    def state(self) -> State:
        learned: State = self.estimator.state()
        return learned

    def set_state(self, state: State) -> Self:
        self.estimator.set_state(state)
        if self.problem.task != "regression":
            check_classes(self.estimator.classes_, self.problem.outputs)
        return self


def learns_logarithms(loss: Loss, y: np.ndarray) -> bool:
    """Whether log(1 + y) is learned of the target y (n,): not where it goes below 0."""
    if loss == "squared_log_error":
        assert np.min(y) >= 0, "the metric has refused such a target"
        return True
    return loss == "absolute_log_error" and bool(np.min(y) >= 0)


class ScaledTarget:
    """Fits a target that float32 can hold, `TargetScale`; predicts in the unit of y.

    For errors of logarithms it fits log(1 + y), and predicts nothing below 0; for the absolute one
    of targets below 0, y itself. For deviances it predicts `least`, above 0, or more.
    """

    def __init__(self, model: Model, problem: ModelProblem) -> None:
        self.model, self.loss = model, problem.loss
        self.log = problem.loss == "squared_log_error"
        self.least: float | None = None

    def fit(self, X: Matrix, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        self.log = learns_logarithms(self.loss, y)
        if self.log:
            y = np.log1p(y)
        self.scale = TargetScale.fit(y)
        if self.loss in DEVIANCES:
            self.scale = replace(self.scale, origin=0.0)
            self.least = LEAST_SHARE * float(np.mean(y))
        self.model.fit(X, self.scale.apply(y), clusters)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        values = self.scale.undo(self.model.predict(X))
        if self.log:
            return np.maximum(np.expm1(values), 0.0)
        return values if self.least is None else np.maximum(values, self.least)

    def state(self) -> State:
        learned: dict[str, Any] = {"scale": asdict(self.scale), "model": self.model.state()}
        if self.loss == "absolute_log_error":
            learned["log"] = self.log
        return learned if self.least is None else {**learned, "least": self.least}

    def set_state(self, state: State) -> Self:
        self.scale = TargetScale(**state["scale"])
        if self.loss == "absolute_log_error":
            self.log = bool(state["log"])
        if self.loss in DEVIANCES:
            self.least = float(state["least"])
        self.model.set_state(state["model"])
        return self


def check_classes(classes: Any, outputs: int) -> None:
    """ValueError unless classes (k,) are codes that ascend from 0 on and stay below `outputs`."""
    known = np.isin(classes, np.arange(outputs)).all()
    if np.ndim(classes) != 1 or not known or (np.diff(classes) <= 0).any():
        raise ValueError("its classes are not those of the target")


class UnlessConstant:
    """The model; or, where there is nothing to learn from, the constant that suits the target.

    Many models refuse rows in which no column varies, or which are all of one class or value. The
    classes' shares (the median for absolute errors, the quantile for its loss, else the mean) are
    then the best prediction.
    """

    def __init__(self, model: Model, problem: ModelProblem) -> None:
        self.model, self.problem = model, problem
        self.constant: np.ndarray | None = None

    def fit(self, X: Matrix, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        if has_nothing_to_learn(X, y):
            self.constant = self._best_constant(y)
        else:
            self.model.fit(X, y, clusters)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        if self.constant is None:
            return self.model.predict(X)
        return np.tile(self.constant, (len(X), 1))

    def state(self) -> State:
        if self.constant is None:
            return {"constant": None, "model": self.model.state()}
        return {"constant": self.constant, "model": None}

    def set_state(self, state: State) -> Self:
        if state["constant"] is None:
            self.model.set_state(state["model"])
        else:
            self.constant = np.array(state["constant"], dtype=float)
        return self

    def _best_constant(self, y: np.ndarray) -> np.ndarray:
        """(k,)"""
        if self.problem.task != "regression":
            return np.bincount(y, minlength=self.problem.outputs) / len(y)
        if self.problem.loss == "quantile":
            return np.array([np.quantile(y, self.problem.loss_parameter or 0.5)], dtype=float)
        middle = np.median if self.problem.loss == "absolute_error" else np.mean
        return np.array([middle(y)], dtype=float)


def has_nothing_to_learn(X: Matrix, y: np.ndarray) -> bool:
    """Whether y (n,) has one value, or all rows of X (n, d) are the same; NaN equals NaN."""
    if (y == y[0]).all():
        return True
    first = X[:1]
    if _differs(X[len(y) - 1 :], first):  # nearly always the last row settles it
        return False
    starts = range(0, len(y), COMPARED)
    return not any(_differs(X[start : start + COMPARED], first) for start in starts)


def _differs(rows: np.ndarray, first: np.ndarray) -> bool:
    return bool(((first != rows) & ~(np.isnan(rows) & np.isnan(first))).any())

"""One file a model: its `VIEW`, its `Settings`, `suggest(trial)` and `build(settings, problem)`.

What `build` returns has four methods: `fit(X, y)`, `predict(X)` -> (n, k), `save(folder, name)`
and `load(folder, name)`. The file name is the registry: `[models.logistic]` loads logistic.py.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from pipeline.artifacts import Folder
from pipeline.errors import DataError
from pipeline.float32 import TargetScale
from pipeline.metrics import Task

TRIED = (2, 3)  # rows: an array of the wrong shape may make predictions of one number of rows


@dataclass(frozen=True)
class Problem:
    """What a model must know of the competition.

    `outputs` is k: the number of classes, or 1 for regression. `columns` names the view's columns
    (d,), `categorical` says which of them hold category codes (only the tree view has any).
    """

    task: Task
    outputs: int
    metric: str
    columns: tuple[str, ...]
    categorical: tuple[int, ...] = ()


class Model(Protocol):
    """fit -> predict, save -> load: the same predictions to the byte."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Model":
        """X (n, d) float32, y (n,) class codes or values; validation rows are never shown."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """X (n, d) -> (n, k) float64: class probabilities, or values."""

    def save(self, folder: Folder, name: str) -> None: ...

    def load(self, folder: Folder, name: str) -> "Model": ...


def module(name: str) -> ModuleType:
    return importlib.import_module(f"pipeline.models.{name}")


def build(name: str, settings: Mapping[str, Any], problem: Problem) -> Model:
    """The unfitted model of this name, ready for whatever rows there are."""
    model: Model = UnlessConstant(build_bare(name, settings, problem), problem)
    if problem.task == "regression":
        model = ScaledTarget(model)
    return LogTarget(model) if problem.metric == "rmsle" else model


def build_bare(name: str, settings: Mapping[str, Any], problem: Problem) -> Any:
    """What the model's own file builds: for those who look into it, and know their rows."""
    chosen = module(name)
    return chosen.build(chosen.Settings.model_validate(dict(settings)), problem)


def load(
    name: str, settings: Mapping[str, Any], problem: Problem, folder: Folder, fold: str
) -> Model:
    """The model that was fitted on this fold.

    Raises DataError where what was saved is no such model: it is tried on rows of zeros.
    """
    with folder.checking(fold), np.errstate(all="ignore"):
        model = build(name, settings, problem).load(folder, fold)
        for rows in TRIED:
            found = model.predict(np.zeros((rows, len(problem.columns)), np.float32))
            if found.shape != (rows, problem.outputs) or not np.isfinite(found).all():
                raise ValueError("it predicts something else than numbers")
    return model


def describe(
    schema: Mapping[str, Any], columns: Sequence[str], categorical: Sequence[int], metric: str
) -> Problem:
    """The problem that a view of one fold poses; `schema` is the load stage's."""
    classes = schema["classes"]
    return Problem(
        task=schema["task"],
        outputs=len(classes) if classes else 1,
        metric=metric,
        columns=tuple(columns),
        categorical=tuple(categorical),
    )


class FromScratch:
    """An estimator of pipeline/from_scratch as a model: same folds, same folders as the others."""

    def __init__(self, estimator: Any, problem: Problem) -> None:
        self.estimator, self.problem = estimator, problem

    def fit(self, X: np.ndarray, y: np.ndarray) -> "FromScratch":
        self.estimator.fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        if self.problem.task == "regression":
            return np.asarray(self.estimator.predict(X), dtype=float).reshape(-1, 1)
        # a class that none of the fitted rows had keeps probability 0
        probabilities = np.zeros((len(X), self.problem.outputs))
        probabilities[:, self.estimator.classes_] = self.estimator.predict_proba(X)
        return probabilities

    def save(self, folder: Folder, name: str) -> None:
        folder.write_arrays(name, self.estimator.state())

    def load(self, folder: Folder, name: str) -> "FromScratch":
        state = folder.read_arrays(name)
        with folder.checking(f"{name}.npz"):
            self.estimator.set_state(state)
            if self.problem.task != "regression":
                check_classes(self.estimator.classes_, self.problem.outputs)
        return self


class ScaledTarget:
    """Fits a target that float32 can hold; answers in the unit of y. See `TargetScale`."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def fit(self, X: np.ndarray, y: np.ndarray) -> "ScaledTarget":
        self.scale = TargetScale.fit(y)
        self.model.fit(X, self.scale.apply(y))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.scale.undo(self.model.predict(X))

    def save(self, folder: Folder, name: str) -> None:
        self.model.save(folder, name)
        folder.write_json(f"{name}-target", self.scale.to_json())

    def load(self, folder: Folder, name: str) -> "ScaledTarget":
        self.model.load(folder, name)
        self.scale = TargetScale(**folder.read_json(f"{name}-target"))
        return self


def check_classes(classes: Any, outputs: int) -> None:
    """ValueError unless classes (k,) are codes that ascend from 0 on and stay below `outputs`."""
    known = np.isin(classes, np.arange(outputs)).all()
    if np.ndim(classes) != 1 or not known or (np.diff(classes) <= 0).any():
        raise ValueError("its classes are not those of the target")


class UnlessConstant:
    """The model; or, where there is nothing to learn from, what suits the target as a whole.

    Rows without a column that varies, and rows of one class or of one value, teach no model
    anything, and many refuse them. The classes' shares (the median for mean absolute error, else
    the mean) are then the best prediction there is.
    """

    def __init__(self, model: Model, problem: Problem) -> None:
        self.model, self.problem = model, problem
        self.constant: np.ndarray | None = None

    def fit(self, X: np.ndarray, y: np.ndarray) -> "UnlessConstant":
        if has_nothing_to_learn(X, y):
            self.constant = self._best_constant(y)
        else:
            self.model.fit(X, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        if self.constant is None:
            return self.model.predict(X)
        return np.tile(self.constant, (len(X), 1))

    def save(self, folder: Folder, name: str) -> None:
        if self.constant is None:
            self.model.save(folder, name)
        else:
            folder.write_json(constant_name(name), self.constant.tolist())

    def load(self, folder: Folder, name: str) -> "UnlessConstant":
        if folder.has(f"{constant_name(name)}.json"):
            self.constant = np.array(folder.read_json(constant_name(name)), dtype=float)
        else:
            self.model.load(folder, name)
        return self

    def _best_constant(self, y: np.ndarray) -> np.ndarray:
        """(k,)"""
        if self.problem.task != "regression":
            return np.bincount(y, minlength=self.problem.outputs) / len(y)
        middle = np.median if self.problem.metric == "mae" else np.mean
        return np.array([middle(y)], dtype=float)


def has_nothing_to_learn(X: np.ndarray, y: np.ndarray) -> bool:
    """Whether y (n,) has one value, or all rows of X (n, d) are the same; NaN equals NaN."""
    if (y == y[0]).all():
        return True
    first = X[:1]
    differs = X[-1:] != first  # nearly always the last row settles it
    if (differs & ~(np.isnan(X[-1:]) & np.isnan(first))).any():
        return False
    return not ((first != X) & ~(np.isnan(X) & np.isnan(first))).any()


def constant_name(fold: str) -> str:
    """The file of a model that predicts the same for every row."""
    return f"{fold}-constant"


class LogTarget:
    """Fits log(1 + y) and answers in the unit of y, not below 0: least squares there is RMSLE."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def fit(self, X: np.ndarray, y: np.ndarray) -> "LogTarget":
        if np.min(y) < 0:
            raise DataError(
                f"the target goes down to {np.min(y):g}, but RMSLE takes the logarithm of 1 + "
                "target: values from 0 on are allowed. Correct the file, or choose another "
                "[competition] metric in the competition's TOML."
            )
        self.model.fit(X, np.log1p(y))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.maximum(np.expm1(self.model.predict(X)), 0.0)

    def save(self, folder: Folder, name: str) -> None:
        self.model.save(folder, name)

    def load(self, folder: Folder, name: str) -> "LogTarget":
        self.model.load(folder, name)
        return self

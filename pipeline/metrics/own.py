"""An organiser's own metric: `metric(y, prediction)` in pipeline/competitions/NAME.py.

`[competition] metric = "own"` takes the file that is named like the competition, "own:NAME" any
other. Beside the function stand `greater_is_better`, and where they are needed `takes` (classes:
"labels" or "probabilities") and `tuned_by` (the metric to tune by). With a third parameter, the
function is given the rows of train that are scored. With `over_targets = True` it scores several
targets at once.
"""

import inspect
import re
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import SettingsError, UserError
from pipeline.metrics.metric import Metric
from pipeline.own_functions import own_module, place_of
from pipeline.problem import Loaded

if TYPE_CHECKING:
    import pandas as pd

OWN, PREFIX = "own", "own:"
NAME = re.compile(r"own:[a-z][a-z0-9_]*")
TAKES = ("labels", "probabilities")
LONGEST = 200
MOST_TRIED = 1000  # rows, of a function that has not been called before
CALL, KEY = "metric(y, prediction)", "[competition] metric"
READ_ONLY = "read-only"  # what NumPy says of an argument that is assigned to


class ScoredTarget(np.ndarray):
    """The target (n,) with what an own metric is given: the labels by code, and which rows of which
    table these are. Rows that are taken of it know theirs."""

    labels: np.ndarray | None
    table: "pd.DataFrame | None"
    places: np.ndarray | None

    @classmethod
    def of(cls, y: np.ndarray, labels: np.ndarray | None, table: Any = None) -> "ScoredTarget":
        """y (n,), the labels (k,) that its codes stand for, and the table (n rows)."""
        target = np.array(y).view(cls)
        target.labels, target.table = labels, table
        target.places = None if table is None else np.arange(len(y))
        return target

    def __array_finalize__(self, source: Any) -> None:
        self.labels, self.table = getattr(source, "labels", None), getattr(source, "table", None)
        self.places = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keys: Any) -> Any:
        """What is computed of it is a plain array."""
        plain = (np.asarray(each) if isinstance(each, ScoredTarget) else each for each in inputs)
        return getattr(ufunc, method)(*plain, **keys)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if self.places is not None and isinstance(found, ScoredTarget) and found.ndim == 1:
            found.places = self.places[key]
        return found

    def __reduce__(self) -> Any:
        return ScoredTarget.of, (np.asarray(self), self.labels, self.rows)

    @property
    def rows(self) -> "pd.DataFrame | None":
        """These rows of the table."""
        return None if self.places is None or self.table is None else self.table.iloc[self.places]


def scored_target(load: Loaded, with_rows: bool) -> ScoredTarget:
    """The target of all rows of train."""
    table = load.train_with_target().reset_index(drop=True) if with_rows else None
    return ScoredTarget.of(load.y, load.problem.labels, table)


def alike(drawn: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Other targets with the labels of the known ones; they are no rows of its table."""
    return ScoredTarget.of(drawn, known.labels) if isinstance(known, ScoredTarget) else drawn


@dataclass(frozen=True)
class OwnScore:
    """Calls the function of a module with labels, probabilities or values, and checks the score."""

    module: str
    takes: str
    reads_rows: bool

    def __call__(self, y: np.ndarray, prediction: np.ndarray) -> float:
        target = y if isinstance(y, ScoredTarget) else ScoredTarget.of(y, None)
        is_known = target.labels is not None or prediction.shape[1] == 1
        assert is_known and (target.rows is not None or not self.reads_rows), (
            "an own metric scores what Metric.target gives"
        )
        given: list[Any] = [_locked(each) for each in self._arguments(target, prediction)]
        if self.reads_rows:
            given.append(target.rows)
        return _called(self.module, given, self.takes)

    def _arguments(self, y: ScoredTarget, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is true and what is predicted, as the function takes them."""
        if y.labels is None:
            return np.array(y), prediction[:, 0]
        true = y.labels[np.asarray(y)]
        if self.takes == "labels":
            return true, y.labels[prediction.argmax(axis=1)]
        return true, prediction[:, 1] if prediction.shape[1] == 2 else prediction


@dataclass(frozen=True)
class JointScore:
    """Calls the function of a module with all targets: y and predictions (n, t), t targets in the
    order of [load] target, as labels, probabilities of the positive class or values."""

    module: str
    takes: str

    def __call__(self, y: np.ndarray, prediction: np.ndarray) -> float:
        return _called(self.module, [_locked(y), _locked(prediction)], self.takes)


def try_on(metric: Metric, load: Loaded) -> None:
    """Call an own metric with simulated predictions of some rows, before hours of fits.

    Raises SettingsError where it fails, or returns something else than one number.
    """
    if not metric.is_own or metric.over_targets:
        return
    rows = tried_rows(load)
    metric.score(metric.target(load)[rows], simulated(load)[rows])


def tried_rows(load: Loaded) -> np.ndarray:
    """Numbers of about MOST_TRIED rows of train, spread over all, and one of each class."""
    rows = np.linspace(0, len(load.y) - 1, MOST_TRIED).astype(np.int64)
    of_each = np.unique(load.y, return_index=True)[1] if load.problem.classes else rows[:0]
    return np.union1d(rows, of_each)


def simulated(load: Loaded) -> np.ndarray:
    """Predictions of all rows of train (n, k): each row's is mostly another row's target."""
    other = np.roll(np.asarray(load.y), 1)
    if load.problem.classes is None:
        return other[:, np.newaxis].astype(float)
    return 0.8 * np.eye(load.problem.outputs)[other] + 0.2 / load.problem.outputs


def _called(module: str, given: list[Any], takes: str) -> float:
    """What the function returns: one number. Raises SettingsError for anything else."""
    try:
        found = own_module(module, CALL, KEY).metric(*given)
    except UserError:
        raise
    except Exception as error:
        raise SettingsError(_failure(module, error, given, takes)) from None
    if isinstance(found, bool) or np.ndim(found) != 0 or not _is_number(found):
        raise SettingsError(
            f"{_where(module)} returns {type(found).__name__}"
            f"{f' of shape {np.shape(found)}' if np.ndim(found) else ''}; allowed is one "
            "number, the score of all rows. Return for example float(np.mean(...))."
        )
    return float(found)


def _failure(module: str, error: Exception, given: list[Any], takes: str) -> str:
    where, what = _where(module), " ".join(str(error).split())[:LONGEST]
    if READ_ONLY in what:
        return f"{where} changes its arguments, which others use too. Work on a copy: y = y.copy()."
    shown = ", ".join(sorted(map(repr, set(given[0].ravel().tolist())))[:2])
    shape = "" if given[0].ndim == 1 else f" of {given[0].shape[1]} columns"
    return (
        f"{where} raises {type(error).__name__}: {what}. It was given {len(given[0]):,} "
        f"targets{shape} such as {shown}, and {_described(given[1], takes)}. Correct it for "
        'these, or return float("nan") for rows that have no score.'
    )


def _described(prediction: np.ndarray, takes: str) -> str:
    if prediction.dtype.kind == "f" and (prediction.ndim == 1 or takes == "labels"):
        return "numbers as predictions"
    return "labels as predictions" if takes == "labels" else "probabilities as predictions"


def _locked(values: np.ndarray) -> np.ndarray:
    """A view that nobody can write to."""
    view = np.asarray(values).view()
    view.flags.writeable = False
    return view


def _is_number(found: Any) -> bool:
    return isinstance(found, (int, float, np.number)) or (
        isinstance(found, np.ndarray) and found.dtype.kind in "if"
    )


def own_metric(name: str) -> Metric:
    """The metric of "own:MODULE". Raises SettingsError for a file that does not hold one."""
    module = name.removeprefix(PREFIX)
    found, where = own_module(module, CALL, KEY), f"pipeline/competitions/{module}.py"
    greater = getattr(found, "greater_is_better", None)
    if not isinstance(greater, bool):
        shown = "is not there" if greater is None else f"is {greater!r}"
        raise SettingsError(
            f"{where}: greater_is_better {shown}; allowed are True, where the best score is the "
            "highest, and False. Write it beside metric(y, prediction)."
        )
    takes: Any = getattr(found, "takes", "labels")
    if takes not in TAKES:
        raise SettingsError(
            f"{where}: takes is {takes!r}; allowed are {' and '.join(map(repr, TAKES))}, of "
            "classes. Correct it, or leave it out for values."
        )
    reads_rows = _parameters(found.metric, where) == 3
    over_targets = _over_targets(found, where, reads_rows)
    joint = JointScore(module, takes)
    return Metric(
        name,
        f"Own metric ({module})",
        needs=takes,
        loss_for_models="zero_one" if takes == "labels" else "log_loss",
        formula=f"metric(y, prediction) in {where}",
        overall=joint if over_targets else OwnScore(module, takes, reads_rows),
        greater_is_better=greater,
        lowest=-np.inf,
        decision="threshold" if takes == "labels" else "none",
        for_tasks=("binary", "multiclass", "regression"),
        tuned_by=_tuned_by(found, where),
        reads_rows=reads_rows,
        is_own=True,
        over_targets=over_targets,
    )


def _over_targets(module: ModuleType, where: str, reads_rows: bool) -> bool:
    over = getattr(module, "over_targets", False)
    if not isinstance(over, bool):
        raise SettingsError(
            f"{where}: over_targets is {over!r}; allowed are True, where the function scores all "
            "targets at once, and False. Correct it."
        )
    if over and reads_rows:
        raise SettingsError(
            f"{where}: with over_targets = True the function is given (n, t) arrays and no rows; "
            "allowed is metric(y, prediction). Correct its first line."
        )
    return over


def _parameters(function: Any, where: str) -> int:
    """How many arguments it must be given: 2 or 3."""
    if not callable(function):
        raise SettingsError(f"{where}: metric is no function. Write metric(y, prediction).")
    needed = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]
    if len(needed) not in (2, 3):
        names = ", ".join(each.name for each in needed)
        raise SettingsError(
            f"{where}: metric({names}) takes {len(needed)} arguments; allowed are "
            "metric(y, prediction) and metric(y, prediction, rows). Correct its first line."
        )
    return len(needed)


def _tuned_by(module: ModuleType, where: str) -> str:
    from pipeline.metrics.catalogue import why_unknown

    name = getattr(module, "tuned_by", "")
    unknown = why_unknown(str(name)) if name else None
    if unknown is not None:
        stop = "" if unknown.endswith("?") else "."
        raise SettingsError(f"{where}: tuned_by is {name!r}, but {unknown}{stop} Correct it.")
    return str(name)


def module_of(name: str) -> str:
    """The module of "own:MODULE". Raises SettingsError where there is no such file."""
    return place_of(name.removeprefix(PREFIX), CALL, KEY)


def _where(module: str) -> str:
    return f"pipeline/competitions/{module}.py: {CALL}"

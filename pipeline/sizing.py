"""Settings by the shape of a table: what fits into the minutes, the strongest model first.

Boosting comes first: over many tables it is the most accurate, alone and in a blend
(benchmarks/README.md), and a run that has to stop early should have it. Up to MANY_ROWS rows all
models are listed, the kernel next, which is as good on few rows; of more rows, a model that would
need more than its part of the minutes is not listed, and the network learns from a sample that
fits. Costs are those of one core of an ordinary laptop; before it begins, training measures its
own pace (pace.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

from pipeline.early_stopping import ONE_FIT, fits_of_all_rows
from pipeline.metrics import Task
from pipeline.plan import (
    COSTLY,
    FEWEST_ROWS,
    FIRST,
    MANY_ROWS,
    STRONGEST,
    cells_a_round,
    trees_a_round,
)

CORES = 2
MANY_LEVELS = 24  # of a category: trees need long to part so many
WIDE = 500  # columns of the dense view, if they are more than the rows
BOOSTING = (STRONGEST, "xgboost")
PART = {STRONGEST: FIRST, "xgboost": FIRST / 2}  # of the minutes, for the first repeat of many rows
WIDE_BOOSTING = {"n_models": 1, "max_rounds": 600}
WIDE_SPARSITY = {"l1": 0.3}  # of thousands of columns a few dozen are left
SPARSE_CELLS = 20_000_000  # rows times width times classes: sparse logistic regression in seconds
MINUTES = 6  # for tune and train; more of them beyond so many cells:
MORE_MINUTES = {4_000_000: 10, 30_000_000: 20, 100_000_000: 40}
QUICK_MINUTES, MORE_QUICK_MINUTES = 0.6, 2
BEST_MINUTES = 30
FOLDS, FOLDS_OF_MANY, QUICK_FOLDS, QUICK_FOLDS_OF_MANY = 10, 5, 5, 3
REPEATS, REPEATS_OF_MANY = 3, 1
SEEDS_UP_TO = 50_000  # rows; of more, LightGBM's other seeds bring less than their time is worth
TRIALS_UP_TO = 50_000  # rows; of more, the share for trials is over before two of them are done
LEAVES = {"regression": 127}  # of many rows; classes keep LightGBM's own default
FEWEST_LEAVES = 31
ROUND = {31: 3e-9, 127: 6e-9}  # seconds of LightGBM's round by leaves, a row, column and class
XGBOOST_ROUND = 3e-9  # at depth 6
SPARE = 1.5  # how much slower a machine may be
LEAST_ROUNDS, LEAST_OF_CLASSES = 100, 50  # fewer could be worse than LightGBM's defaults
MOST_ROUNDS = 2000  # of a fit
WORTH_ROUNDS = 200  # of a fit by xgboost beside lightgbm
SEEDS, ENOUGH_ROUNDS = 4, 500  # LightGBM's other seeds take the place of no rounds below that
MANY_COLUMNS = 100  # of which a tree draws its share: rounds then take half of the time
FEW_ROUNDS, FASTER = 300, 0.2  # of fewer rounds the learning rate: as far in half of them

# cells (rows times columns) of which a repeat still fits into a quarter of MINUTES: seconds a row
# of 22 columns are 0.0003 for a seed of catboost, 0.0009 for rnn and 0.0005 for symmetric_trees
MOST_CELLS = {"catboost": 2_200_000, "symmetric_trees": 1_600_000, "rnn": 900_000}
# seconds of models that learn from a sample. A row takes some in any case, and more a column of the
# dense view and a class
KERNEL_FIT, KERNEL_PREDICTED = 9.0, (3e-5, 2e-7)  # of 5,000 rows; of each that is predicted
EFFECTS_CELL, EFFECTS_PREDICTED = 4e-6, 3e-6  # of a fit, a row and column; of each row predicted
EFFECTS_ROWS = 200_000
SAMPLED_PART = 1 / 4  # of the minutes, for kernel and random_effects each
NETWORK_ROW, NETWORK_PREDICTED = (3.5e-4, 2e-6), 5e-6  # of each that is learnt; that is predicted
NETWORK_PART = 0.4  # of the minutes: what boosting leaves over, mostly
TEST_ROWS = 1 / 2  # for a training row, where nobody knows how many there are
MODELS = (  # of few rows; of many, see `models`
    *("lightgbm", "xgboost", "random_effects", "catboost", "linear", "logistic", "kernel"),
    *("neural_net", "symmetric_trees", "rnn"),
)
WHY = {  # one fit of each on 2,000 rows of 37 tables (benchmarks/README.md)
    "lightgbm": "the lowest mean rank over 37 open tables, and the best of these on 7",
    "xgboost": "the best on 9 of 37 open tables; other trees than those of lightgbm",
    "random_effects": "an effect of each level; of categories with many levels, what trees miss",
    "catboost": "trees that take categories as they are; its package is installed",
    "linear": "takes seconds; the best on 1 of 37 open tables, where effects add up",
    "logistic": "takes seconds; the best on 4 of 17 open tables, of texts and of weak effects",
    "kernel": "the best on 7 of 37 open tables; smooth, from 5,000 rows at most",
    "neural_net": "the best on 4 of 37 open tables; smooth, with interactions of many columns",
    "symmetric_trees": "the best on 2 of 37 open tables; each level of a tree asks one question",
    "rnn": "the best on 3 of 37 open tables; listed because some columns stand in an order",
}
EXTRAS = ("catboost",)  # listed where its package is installed
TRIALS = {"lightgbm": 20}
BEST_TRIALS = {"lightgbm": 100, "xgboost": 50, "linear": 10, "logistic": 10, "neural_net": 20}


@dataclass(frozen=True)
class Shape:
    """Of the training table; `classes` is 1 for regression and 2 for two classes, `width` is about
    how many columns the dense view has, `ordered` whether some columns stand in an order, `mixed`
    whether some of several targets are classes and others values, `named` how many categories have
    more levels than MANY_LEVELS, `text` whether some columns are texts, `minutes` what the command
    line asks for."""

    rows: int
    columns: int
    task: Task
    classes: int = 1
    width: int = 0
    ordered: bool = False
    mixed: bool = False
    named: int = 0
    text: bool = False
    minutes: float | None = None

    @property
    def many(self) -> bool:
        return self.rows > MANY_ROWS

    @property
    def wide(self) -> bool:
        """Wider than long: networks may then take all the time, sparse linear models and trees do
        not."""
        return self.width > max(self.rows, WIDE)

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    @property
    def trees(self) -> int:
        """That LightGBM grows a round."""
        return trees_a_round(self.classes)

    @property
    def costly(self) -> bool:
        """Whether a repeat of boosting may take minutes: of many rows, columns or classes."""
        return self.many or cells_a_round(self.rows, self.columns, self.classes) > COSTLY


def minutes(shape: Shape, preset: str = "default") -> float:
    if preset == "best":
        return max(BEST_MINUTES, 2 * minutes(replace(shape, minutes=None)))
    if shape.minutes is not None and preset == "default":
        return shape.minutes
    cells = shape.cells * shape.trees if shape.many else COSTLY if shape.costly else 0
    more = [minutes for least, minutes in MORE_MINUTES.items() if cells > least]
    if preset == "quick":
        return MORE_QUICK_MINUTES if more else QUICK_MINUTES
    return max(more, default=MINUTES)


def folds(shape: Shape, preset: str = "default") -> int:
    """Of few rows each model should see most."""
    if preset == "quick":
        return QUICK_FOLDS_OF_MANY if shape.costly else QUICK_FOLDS
    return FOLDS_OF_MANY if shape.costly else FOLDS


def repeats(shape: Shape) -> int:
    """Of few rows one split into folds is not enough."""
    return REPEATS_OF_MANY if shape.many else REPEATS


def models(shape: Shape, preset: str = "default") -> tuple[str, ...]:
    """Those to begin with, in the order in which they get their minutes."""
    fitting = [name for name in MODELS if suits(name, shape)]
    if shape.many or shape.wide:
        fitting = [name for name in fitting if name not in left_out(shape, preset)]
    first = ("logistic", *BOOSTING) if linear_first(shape) else BOOSTING
    return (
        *(name for name in first if name in fitting),
        *(name for name in fitting if name not in first),
    )


def suits(name: str, shape: Shape) -> bool:
    """Whether the model can learn from such a table at all, and its package is there."""
    if name == "logistic":
        return shape.task != "regression" and not shape.mixed
    if name == "rnn":
        return shape.ordered
    if name == "random_effects":
        return not shape.wide and (shape.named > 0 or shape.task == "binary")
    return name not in EXTRAS or find_spec(name) is not None


def linear_first(shape: Shape) -> bool:
    """Whether logistic regression is as accurate as boosting and takes seconds: of texts, and of
    more columns than rows, where WIDE_SPARSITY leaves few of them."""
    if shape.task == "regression" or shape.many:
        return False
    is_small = shape.rows * shape.width * shape.trees <= SPARSE_CELLS
    return shape.text or (shape.wide and is_small)


def left_out(shape: Shape, preset: str = "default") -> tuple[str, ...]:
    """Models of which one repeat would take more than its part of the minutes, the network's with
    FEWEST_ROWS."""
    if not shape.many:
        return ()
    share = MINUTES / minutes(shape, preset)
    too_slow = {name: shape.cells * share > most for name, most in MOST_CELLS.items()} | {
        "xgboost": _rounds(shape, "xgboost", preset) < WORTH_ROUNDS * _sharing(shape, preset),
        "neural_net": _network_rows(shape, preset) <= FEWEST_ROWS,
    }
    part = SAMPLED_PART * _seconds_of_a_fit(shape, preset)
    too_slow |= {name: seconds > part for name, seconds in _sampled_fits(shape, preset).items()}
    return tuple(name for name in MODELS if too_slow.get(name) and suits(name, shape))


def _sampled_fits(shape: Shape, preset: str) -> dict[str, float]:
    """Seconds of a fit and its predictions, by model whose sample is the same whatever the
    minutes."""
    predicted = _predicted(shape, preset)
    cells = min(shape.rows, EFFECTS_ROWS) * shape.columns
    return {
        "kernel": KERNEL_FIT + predicted * _a_row(KERNEL_PREDICTED, shape),
        "random_effects": EFFECTS_CELL * cells + EFFECTS_PREDICTED * predicted,
    }


def _network_rows(shape: Shape, preset: str) -> int:
    """How many rows neural_net can learn from in its part of the minutes, in thousands, of which it
    has one at least; all of them if these fit."""
    seconds = NETWORK_PART * _seconds_of_a_fit(shape, preset)
    seconds -= NETWORK_PREDICTED * _predicted(shape, preset)
    thousands = int(seconds / _a_row(NETWORK_ROW, shape)) // 1000
    return min(shape.rows, 1000 * max(1, thousands))


def _seconds_of_a_fit(shape: Shape, preset: str) -> float:
    """What a fit may take where those of one repeat had all the minutes, one a core at a time."""
    in_series = -(-folds(shape, preset) // CORES)
    return 60 * minutes(shape, preset) / (in_series * SPARE)


def _predicted(shape: Shape, preset: str) -> float:
    """Rows that each fit predicts: those of its fold, and of test."""
    return (1 / folds(shape, preset) + TEST_ROWS) * shape.rows


def _a_row(cost: tuple[float, float], shape: Shape) -> float:
    """Seconds of one row."""
    return cost[0] + cost[1] * (max(shape.width, shape.columns) + shape.trees)


def settings(shape: Shape, model: str, preset: str = "default") -> dict[str, Any]:
    """What a model's table gives beside its defaults."""
    trials = _trials(shape, preset).get(model)
    given: dict[str, Any] = {} if trials is None else {"trials": trials}
    if model in BOOSTING and shape.costly:
        return given | _boosting(shape, model, preset)
    if model in BOOSTING and shape.wide:
        return given | WIDE_BOOSTING
    if model == "logistic" and shape.wide:
        return dict(WIDE_SPARSITY)  # trials search for l2, whose place l1 takes
    if model == "neural_net" and shape.many:
        rows, by_default = (_network_rows(shape, each) for each in (preset, "default"))
        return given if rows == by_default == shape.rows else given | {"most_rows": rows}
    return given


def _trials(shape: Shape, preset: str) -> Mapping[str, int]:
    if preset == "quick":
        return {"lightgbm": 0}
    trials = BEST_TRIALS if preset == "best" else TRIALS if _has_trials(shape) else {}
    searched = _leaves(shape, preset) == FEWEST_LEAVES  # trials go up to 64 leaves
    return {name: number for name, number in trials.items() if searched or name != STRONGEST}


def _has_trials(shape: Shape) -> bool:
    """A trial takes as long as a repeat. Where that takes all of its part there is no time for
    one."""
    seeds = _seeds(shape, STRONGEST, "default")
    fits = not shape.costly or _rounds(shape, STRONGEST, "default", seeds) >= _most_rounds(
        shape, "default", seeds
    )
    return shape.rows <= TRIALS_UP_TO and fits


def _boosting(shape: Shape, model: str, preset: str) -> dict[str, Any]:
    """Rounds of which one repeat fits into its PART of the minutes, and with them its seeds."""
    least = LEAST_ROUNDS if shape.trees == 1 else LEAST_OF_CLASSES
    seeds = _seeds(shape, model, preset)
    most = WIDE_BOOSTING["max_rounds"] if shape.wide else _most_rounds(shape, preset, seeds)
    rounds = max(least, min(most, _rounds(shape, model, preset, seeds)))
    given: dict[str, Any] = {"max_rounds": rounds, "n_models": seeds}
    if rounds < FEW_ROUNDS and shape.many and shape.trees == 1:
        given["learning_rate"] = FASTER
    if model != STRONGEST:
        return given
    if shape.columns >= MANY_COLUMNS:
        given["fraction_by"] = "tree"
    return {"num_leaves": _leaves(shape, preset), **given}


def _rounds(shape: Shape, model: str, preset: str, seeds: int = 1, leaves: int = 0) -> int:
    """How many rounds fit, in hundreds, or of few in tens; `leaves` 0: those that the shape has."""
    number, leaves = folds(shape, preset), leaves or _leaves(shape, preset)
    share = (number - 1) / number
    seconds = ROUND[leaves] if model == STRONGEST else XGBOOST_ROUND
    cells = cells_a_round(shape.rows, shape.columns, shape.trees, leaves)
    a_round = seconds * cells * share * fits_of_all_rows(int(shape.rows * share), seeds)
    found = int(PART[model] * _seconds_of_a_fit(shape, preset) / a_round)
    return found // 100 * 100 if found >= 100 else found // 10 * 10


def _most_rounds(shape: Shape, preset: str, seeds: int) -> int:
    return MOST_ROUNDS * (_sharing(shape, preset) if seeds == 1 else 1)


def _seeds(shape: Shape, model: str, preset: str) -> int:
    """Of many rows, and where rounds are few, more seeds bring less than more rounds."""
    if model != STRONGEST or preset == "quick" or shape.wide or shape.rows > SEEDS_UP_TO:
        return 1
    return SEEDS if _rounds(shape, model, preset, SEEDS) >= ENOUGH_ROUNDS else 1


def _leaves(shape: Shape, preset: str) -> int:
    """Many are for many rows, and only where as many rounds fit as are worth it."""
    leaves = LEAVES.get(shape.task, FEWEST_LEAVES) if shape.many else FEWEST_LEAVES
    if leaves == FEWEST_LEAVES:
        return leaves
    rounds = _rounds(shape, STRONGEST, preset, 1, leaves)
    return leaves if rounds >= WORTH_ROUNDS * _sharing(shape, preset) else FEWEST_LEAVES


def _sharing(shape: Shape, preset: str) -> int:
    """How many fits share the rounds of one seed."""
    number = folds(shape, preset)
    return 1 if shape.rows * (number - 1) / number > ONE_FIT else 2

"""A metric: its formula, and what tuning, models, blending, submissions and pages must know of it.

A prediction is always a two-dimensional array: (n, k) class probabilities, or (n, 1) values for
regression. The target is (n,): class codes 0..k-1, or values.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.errors import DataError
from pipeline.metrics.confusion import confusion
from pipeline.problem import Loaded, Task
from pipeline.wording import quoted

if TYPE_CHECKING:
    from pipeline.models import Loss

Needs = Literal["labels", "probabilities", "values"]
Decision = Literal[
    "none", "class_weights", "threshold", "cut_points", "rounding", "factor", "shift"
]
LEAVE_NO_PROBABILITIES = ("class_weights", "threshold", "cut_points")
LABELS_OF_NEEDS = {"labels": "a label", "probabilities": "probabilities", "values": "a value"}

OTHER = "Correct the file, or choose another [competition] metric in the competition's TOML"


@dataclass(frozen=True)
class Metric:
    """A formula, and all that follows from it.

    `per_row` gives each row's contribution (n,): the score is their mean, or the square root of it
    (`root`), so that its standard error is a formula. `of_counts` gives the score of labels from
    how many rows of each class are predicted as each, (k, k), and these are bootstrapped. Without
    either `overall` gives the score, and the rows are bootstrapped, or of many the standard error
    is the spread of `influence` (n,): by how much a row moves the score, times n.
    """

    name: str
    label: str
    needs: Needs  # what a submission holds
    loss_for_models: "Loss"  # what models minimise where this metric counts
    formula: str  # in words, for the list of metrics
    per_row: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    root: bool = False
    of_counts: Callable[[np.ndarray], float] | None = None
    overall: Callable[[np.ndarray, np.ndarray], float] | None = None
    influence: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    greater_is_better: bool = False
    lowest: float = 0.0  # score
    highest: float = math.inf  # score
    unit: str = ""  # what a score counts; {target} stands for the target's name
    decision: Decision = "none"  # what is fitted to turn predictions into what is scored
    needs_every_class: bool = False  # there is no score where a class has no row
    reads_true_class_alone: bool = False  # of the probabilities
    least_value: float = -math.inf  # of a target or a prediction
    least_prediction: float = -math.inf  # where that is more than the least target
    loss_parameter: float | None = None  # the quantile, or the power of Tweedie's deviance
    for_tasks: tuple[Task, ...] = ()  # where `needs` does not say it
    tuned_by: str = ""  # the metric to tune by, where that is neither this one nor log loss
    labels_a_cell: int = 1  # how many labels of a row a submission holds, the likeliest first
    whole_values: bool = False  # target and submission are whole numbers
    is_own: bool = False  # the organiser's, a function of the competition
    reads_rows: bool = False  # it is given the rows that are scored
    over_targets: bool = False  # it scores several targets at once: y and predictions (n, t)

    @property
    def tasks(self) -> tuple[Task, ...]:
        if self.for_tasks:
            return self.for_tasks
        return ("regression",) if self.needs == "values" else ("binary", "multiclass")

    @property
    def counts_positives(self) -> bool:
        """Whether it matters which of two classes is the positive one."""
        return self.needs == "probabilities" or self.tasks == ("binary",)

    @property
    def least(self) -> float:
        """That a prediction may be."""
        return max(self.least_value, self.least_prediction)

    @property
    def sign(self) -> int:
        """1 where a greater score is better, else -1."""
        return 1 if self.greater_is_better else -1

    @property
    def in_sentence(self) -> str:
        """`accuracy`, `log loss`, but `RMSE`: the label inside a sentence."""
        is_word = not self.label[:2].isupper() and self.label[1].islower()
        return self.label[0].lower() + self.label[1:] if is_word else self.label

    @property
    def submission(self) -> str:
        """What a submission holds, in words."""
        if self.labels_a_cell > 1:
            return f"{self.labels_a_cell} labels in a cell, the likeliest first"
        if self.whole_values:
            return "a whole number"
        if len(set(self.tasks)) == 3:
            return "a label or a value" if self.needs == "labels" else "probabilities or a value"
        if self.needs == "probabilities" and "regression" in self.tasks:
            return "a probability or a value"
        return LABELS_OF_NEEDS[self.needs]

    def label_with_unit(self, target: str) -> str:
        """'RMSE (in units of price)', 'Log loss'."""
        return f"{self.label} ({self.unit.format(target=target)})" if self.unit else self.label

    def score(self, y: np.ndarray, prediction: np.ndarray) -> float:
        """y (n,), prediction (n, k) -> the score; NaN where it is not defined."""
        if self.of_counts is not None:
            return self.of_counts(confusion(y, prediction))
        if self.per_row is None:
            assert self.overall is not None
            return self.overall(y, prediction)
        mean = float(self.per_row(y, prediction).mean())
        return math.sqrt(mean) if self.root else mean

    def loss(self, y: np.ndarray, prediction: np.ndarray) -> float:
        """The score with its sign turned so that less is better."""
        return -self.sign * self.score(y, prediction)

    def is_better(self, one: float, other: float) -> bool:
        return one > other if self.greater_is_better else one < other

    def clip(self, score: float) -> float:
        """The nearest score that the metric can give."""
        return min(max(score, self.lowest), self.highest)

    def is_defined(self, y: np.ndarray, outputs: int) -> bool:
        """Whether predictions (n, outputs) of these rows have a score."""
        return not self.needs_every_class or len(np.unique(y)) == outputs

    @property
    def smooth(self) -> "Metric":
        """What to tune and to blend by: label metrics jump with single rows, log loss does not."""
        from pipeline.metrics.catalogue import METRICS

        if self.tuned_by:
            return METRICS[self.tuned_by]
        return METRICS["log_loss"] if self.needs == "labels" else self

    def smooth_on(self, outputs: int, *targets: np.ndarray) -> "Metric":
        """The smooth metric, or log loss where some of these targets leave it undefined."""
        from pipeline.metrics.catalogue import METRICS

        smooth = self.smooth
        if outputs == 1 or all(smooth.is_defined(y, outputs) for y in targets):
            return smooth
        return METRICS["log_loss"]

    @property
    def decisive(self) -> "Metric":
        """What to choose a blend by: weights of classes leave no probabilities for log loss."""
        decides = self.is_own or self.decision in LEAVE_NO_PROBABILITIES
        return self if decides else self.smooth

    @property
    def second(self) -> "Metric":
        """What to show beside the metric, because it measures something else."""
        from pipeline.metrics.catalogue import METRICS

        if self.needs == "values":
            return METRICS["rmse" if self.name == "r2" else "r2"]
        return METRICS["roc_auc" if self.name == "log_loss" else "log_loss"]

    def check_target(self, y: np.ndarray) -> None:
        """Raises DataError where the target (n,) has values that the metric does not take."""
        self.check_least(y, "train")
        if self.whole_values and (y != np.round(y)).any():
            found = y[y != np.round(y)][0]
            raise DataError(
                f"train: the target holds {found:g}, but {self.label} compares whole numbers. "
                f"{OTHER}."
            )

    def check_least(self, y: np.ndarray, where: str) -> None:
        """Raises DataError where targets (n,) go below what the metric takes, and models learn."""
        if len(y) and y.min() < self.least_value:
            raise DataError(
                f"{where}: the target goes down to {y.min():g}, but {self.label} takes values from "
                f"{self.least_value:g} on. {OTHER}."
            )

    def of_task(self, task: Task) -> "Metric":
        """Where it is of classes and of values: what it needs for this task."""
        if self.is_own:
            return self._own_of_task(task)
        if task != "regression" or self.needs == "values":
            return self
        return replace(self, needs="values", loss_for_models="squared_error", decision="none")

    def _own_of_task(self, task: Task) -> "Metric":
        """Tuned by the metric that it names, else by what suits the task."""
        from pipeline.metrics.catalogue import get_metric

        module = self.name.partition(":")[2]
        where = f"pipeline/competitions/{module}.py: tuned_by"
        default = "rmse" if task == "regression" else "log_loss"
        by = get_metric(self.tuned_by or default, task, where)
        loss = by.loss_for_models if self.tuned_by or task == "regression" else self.loss_for_models
        found = replace(
            self, loss_for_models=loss, loss_parameter=by.loss_parameter, tuned_by=by.name
        )
        return replace(found, needs="values", decision="none") if task == "regression" else found

    def check_labels(self, classes: Sequence[str]) -> None:
        """Raises DataError for labels that cannot stand several in a cell, and where all of them
        would."""
        blanks = [label for label in classes if len(label.split()) != 1]
        if self.labels_a_cell > 1 and blanks:
            raise DataError(
                f"train: the label {blanks[0]!r} holds a blank, but a submission for {self.label} "
                "has several labels in a cell, with blanks between them. Rename the label in the "
                "file, or choose another [competition] metric in the competition's TOML."
            )
        if self.labels_a_cell > 1 and classes:
            self._refuse_all_in_a_cell(classes)

    def _refuse_all_in_a_cell(self, classes: Sequence[str]) -> None:
        """DataError where a cell lacks labels to hold, or every answer would be right."""
        worst = np.arange(len(classes), dtype=float)[np.newaxis]  # the true label comes last
        always_right = self.score(np.array([0]), worst) == self.highest
        if always_right or self.labels_a_cell > len(classes):
            other = "accuracy" if always_right else f"map@{len(classes)}, which is the same score"
            raise DataError(
                f"train: the target has {len(classes)} labels, {quoted(classes)}, and {self.label} "
                f"asks for {self.labels_a_cell} in each cell, so that every answer would hold all "
                f"of them. Choose another [competition] metric in the competition's TOML: {other}."
            )

    def target(self, load: Loaded) -> np.ndarray:
        """The target (n,) as `score` takes it; the organiser's own with labels and rows."""
        from pipeline.metrics.own import scored_target

        return scored_target(load, self.reads_rows) if self.is_own else load.y

"""Every metric by its name; those with a number are named with it: map@3, pinball@0.9."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from pipeline.errors import SettingsError
from pipeline.metrics import classes, values
from pipeline.metrics.metric import Metric
from pipeline.metrics.own import NAME, OWN, PREFIX, own_metric
from pipeline.problem import Task
from pipeline.wording import did_you_mean


@dataclass(frozen=True)
class Family:
    """Metrics that differ in one number: how it is made, an example, and which numbers there are.

    The number lies above `low` and below `high`, and may be these only where they are whole.
    """

    build: Callable[[float], Metric]
    example: float
    allowed: str
    low: float
    high: float
    whole: bool = False

    def takes(self, number: float) -> bool:
        if self.whole:
            return number == round(number) and self.low <= number <= self.high
        return self.low < number < self.high


FAMILIES = {
    "map": Family(classes.map_at, 3, "a whole number of labels, 1 to 1000", 1, 1000, whole=True),
    "top_accuracy": Family(
        classes.top_accuracy, 3, "a whole number of labels, 1 to 1000", 1, 1000, whole=True
    ),
    "pinball": Family(values.pinball, 0.9, "a quantile between 0 and 1", 0, 1),
    "tweedie": Family(values.tweedie, 1.5, "a power between 1 and 2", 1, 2),
}
PLAIN = {metric.name: metric for metric in (*classes.METRICS, *values.METRICS)}
EXAMPLES = {f"{name}@{family.example:g}": family for name, family in FAMILIES.items()}
DEFAULTS: dict[Task, str] = {"binary": "accuracy", "multiclass": "accuracy", "regression": "rmse"}
LISTED = "`python -m pipeline metrics` lists them with what they are"


class Catalogue(Mapping[str, Metric]):
    """name -> metric. It lists an example of each family, and knows all of its members, and the
    organiser's own."""

    def __getitem__(self, name: str) -> Metric:
        if name in PLAIN:
            return PLAIN[name]
        if name.startswith(PREFIX):
            return own_metric(name)
        return _member(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (bool(NAME.fullmatch(name)) or why_unknown(name) is None)

    def __iter__(self) -> Iterator[str]:
        yield from (*PLAIN, *EXAMPLES)

    def __len__(self) -> int:
        return len(PLAIN) + len(EXAMPLES)


METRICS = Catalogue()


@cache
def _member(name: str) -> Metric:
    """The member of a family; raises KeyError for any other name."""
    if why_unknown(name) is not None:
        raise KeyError(name)
    family, _, number = name.partition("@")
    return FAMILIES[family].build(float(number))


def why_unknown(name: str) -> str | None:
    """What is wrong with a name and what is allowed; None where there is such a metric.

    Numbers are written in one way alone, for the name is part of what is kept.
    """
    if name in PLAIN:
        return None
    if name == OWN:
        return "own:NAME says which: metric(y, prediction) in pipeline/competitions/NAME.py"
    word, _, number = name.partition("@")
    family = FAMILIES.get(word)
    if family is None:
        names = [*METRICS, OWN]
        meant = did_you_mean(name.lower(), names, otherwise="")
        return f"allowed metrics are {', '.join(names)}; {LISTED}{'. ' * bool(meant)}{meant}"
    is_number = re.fullmatch(r"\d{1,6}(\.\d{1,6})?", number)
    if not is_number or f"{float(number):g}" != number or not family.takes(float(number)):
        return f"allowed is {word}@ and {family.allowed}, as in {word}@{family.example:g}"
    return None


def prefers_values(name: str | None) -> bool:
    """Whether a metric is of values alone: few whole numbers are then values, too."""
    if name is None or name not in METRICS or name.startswith(PREFIX):
        return False
    return METRICS[name].tasks == ("regression",)


def get_metric(name: str | None, task: Task, where: str = "[competition] metric") -> Metric:
    """The metric of this name, if it suits this task; without a name, the task's default."""
    name = name or DEFAULTS[task]
    unknown = None if name in METRICS else why_unknown(name)
    if unknown is not None:
        raise SettingsError(f"{where}: found '{name}', but {unknown}. Correct the name.")
    metric = METRICS[name]
    if task not in metric.tasks:
        allowed = [each for each, known in METRICS.items() if task in known.tasks]
        other = " or ".join(metric.tasks)
        raise SettingsError(
            f"{where}: found '{name}', but the target is a {task} one; "
            f"allowed are {', '.join(allowed)}. Name one of these, or correct the task, if the "
            f"target is in truth a {other} one."
        )
    return metric.of_task(task)

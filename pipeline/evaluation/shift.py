"""Will the scores hold on the test rows? What the stage explore found of drift, read again.

The page of that stage has every column; here stands what bears on the score.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from pipeline import figures
from pipeline.artifacts import Folder
from pipeline.exploration.charts import adversarial_plot, drift_plot
from pipeline.exploration.drift import Adversarial, ColumnDrift


@dataclass(frozen=True)
class Shift:
    """How far test is from train: column by column, and for a model that sees them all.

    `adversarial` is None where there were too few rows to train one.
    """

    drifts: list[ColumnDrift]
    adversarial: Adversarial | None


def read_shift(explore: Folder) -> Shift:
    summary = explore.read_json("summary")
    known = [field.name for field in fields(ColumnDrift)]
    drifts = [ColumnDrift(**{name: each[name] for name in known}) for each in summary["drift"]]
    found = summary["adversarial"]
    return Shift(drifts, None if found is None else _adversarial(found))


def _adversarial(found: dict[str, Any]) -> Adversarial:
    telling = tuple((column, share) for column, share in found["telling"])
    shuffled = tuple(found["shuffled"])
    return Adversarial(found["auc"], found["p"], shuffled, found["rows"], telling)


def shift_plots(shift: Shift) -> Sequence[figures.Draft]:
    plots = []
    if shift.adversarial is not None:
        plots.append(adversarial_plot(shift.adversarial))
    if shift.drifts:
        plots.append(drift_plot(shift.drifts))
    return plots

"""Will the scores hold on the test rows? What the exploration found of drift from train to test."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline import figures, page
from pipeline.exploration import adversarial, column_drift
from pipeline.exploration.adversarial import Adversarial
from pipeline.exploration.column_drift import ColumnDrift
from pipeline.report.evidence import Evidence

TITLE = "Drift"


@dataclass(frozen=True)
class Drift:
    """How far test is from train: column by column, and for a model that sees them all.

    `adversarial` is None where there were too few rows to train one.
    """

    columns: tuple[ColumnDrift, ...]
    adversarial: Adversarial | None


def compute(evidence: Evidence) -> Drift | None:
    found = evidence.explore.findings
    if not len(evidence.load.test):
        return None
    return Drift(tuple(found.drifts), found.adversarial)


def plots(found: Drift, evidence: Evidence) -> list[figures.Draft]:
    return [
        *([adversarial.plot(found.adversarial)] if found.adversarial else []),
        *([column_drift.plot(found.columns)] if found.columns else []),
    ]


def render(found: Drift, evidence: Evidence, plots: Mapping[str, figures.Plot]) -> list[page.Block]:
    return [
        "Do the scores hold on the test rows? A small model learns to separate test rows from "
        "train rows; an AUC of 0.5 is guessing. Column by column the distance is "
        "Kolmogorov-Smirnov's for numbers and total variation for categories. The exploration page "
        "has every column.",
        None
        if found.adversarial
        else "There are too few rows to test whether a model can separate test from train.",
        page.Gallery(list(plots.values()), halves=True),
    ]

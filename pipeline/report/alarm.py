"""One sign that the score may be too good to be true."""

from dataclasses import dataclass

import numpy as np

from pipeline import figures
from pipeline.report.evidence import Evidence

NAMED = 3  # columns or labels that an alarm lists


@dataclass(frozen=True)
class Alarm:
    """What was `found`, `why` it matters, and what to `do`.

    `withdraws` is the reason why no score can be promised, empty where one can.
    """

    kind: str
    found: str
    why: str
    do: str
    withdraws: str = ""


def quoted_label(name: str) -> str:
    """A column inside a sentence."""
    return f"'{figures.label(name, 40)}'"


def score(evidence: Evidence, y: np.ndarray, prediction: np.ndarray) -> str:
    """With as many decimals as the leaderboard shows."""
    digits = evidence.results["leaderboard"].digits
    return f"{evidence.metric.score(y, prediction):,.{digits}f}"

"""One sign that the score may be too good to be true."""

from dataclasses import dataclass

import numpy as np

from pipeline import figures
from pipeline.report.evidence import Evidence

NAMED = 3  # columns or labels that an alarm lists


@dataclass(frozen=True)
class Alarm:
    """What was `found`, `why` it matters, and what to `do`.

    `no_score_reason` is why no expected score is given, empty where one is.
    """

    kind: str
    found: str
    why: str
    do: str
    no_score_reason: str = ""


def quoted_label(name: str) -> str:
    """A column inside a sentence."""
    return f"'{figures.label(name, 40)}'"


def score(evidence: Evidence, y: np.ndarray, prediction: np.ndarray) -> str:
    """With as many decimals as the leaderboard shows."""
    digits = evidence.results["leaderboard"].digits
    return f"{evidence.metric.score(y, prediction):,.{digits}f}"

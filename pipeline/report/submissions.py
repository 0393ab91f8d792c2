"""Cross-validation against the organiser's leaderboard: what submissions were expected to score."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pipeline import figures, page
from pipeline.estimates import NORMAL_95, decimals
from pipeline.metrics import Metric
from pipeline.report.evidence import Evidence
from pipeline.wording import count

TITLE = "Submissions"


@dataclass(frozen=True)
class ScoredSubmission:
    """Its score in cross-validation, with the standard error, and on the leaderboard."""

    file: str
    score: float
    standard_error: float
    leaderboard: float

    @property
    def is_within(self) -> bool:
        """Whether the leaderboard's score lies in the 95% interval of cross-validation."""
        return abs(self.leaderboard - self.score) <= NORMAL_95 * self.standard_error


@dataclass(frozen=True)
class Submissions:
    """Those with both scores, by the metric of this run."""

    found: tuple[ScoredSubmission, ...]

    def conclusion(self) -> str:
        gap = np.mean([each.leaderboard - each.score for each in self.found])
        digits = decimals(max(each.standard_error for each in self.found))
        within = sum(each.is_within for each in self.found)
        text = (
            f"The leaderboard differs from cross-validation by {gap:+.{digits}f} on average over "
            f"{count(len(self.found), 'submission')}; {within} of {len(self.found)} "
            f"{'is' if within == 1 else 'are'} within the 95% interval of cross-validation (the "
            "leaderboard has noise of its own)."
        )
        if within < len(self.found):
            return (
                f"{text} Where they disagree, look for drift between train and test, or for a leak."
            )
        return f"{text} They agree: trust cross-validation."


def compute(evidence: Evidence) -> Submissions:
    return Submissions(
        tuple(
            ScoredSubmission(
                entry.file, entry.score, entry.standard_error or 0.0, entry.leaderboard
            )
            for entry in evidence.scores
            if entry.score is not None
            and entry.leaderboard is not None
            and entry.metric == evidence.metric.name
        )
    )


def plots(submissions: Submissions, evidence: Evidence) -> list[figures.Draft]:
    return [plot(submissions, evidence.metric)] if submissions.found else []


def plot(submissions: Submissions, metric: Metric) -> figures.Draft:
    """Leaderboard against expected score."""
    found = submissions.found
    x, y = [each.score for each in found], [each.leaderboard for each in found]
    halves = [NORMAL_95 * each.standard_error for each in found]
    figure, axes = figures.new(4.6, 4.0)
    axes.axline((x[0], x[0]), slope=1, color=figures.GREY, linestyle="--", linewidth=1)
    axes.errorbar(x, y, xerr=halves, fmt="o", color=figures.BLUE, elinewidth=1)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_xlabel(f"expected {metric.label} (95% interval)")
    axes.set_ylabel(f"leaderboard {metric.label}")
    return figures.Draft(
        figure,
        name="submissions",
        title="Cross-validation against leaderboard",
        caption=submissions.conclusion(),
        alt="One dot a submission; on the dashed line the two scores are equal.",
    )


def render(
    submissions: Submissions, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    if plots:
        return list(plots.values())
    return [
        Markup(
            "No leaderboard score is known yet. Record one with <code>python -m pipeline score "
            "FILE SCORE</code>: cross-validation is then drawn against it."
        )
    ]

"""Is the score too good to be true?

Every alarm has what was found, why it matters and what to do about it. The bounds were chosen so
that honest tables, with their strong columns and chance duplicates, raise none.

With some alarms no expected score is given: those that show why out-of-fold scores cannot hold on
the test rows. Rows of one source are in several folds, while test has others; duplicates are in
several folds and test has few; a column that predicts nearly all differs in test; a jump above the
learning curve. A column that predicts nearly all and looks the same in test, rows that test shares
with train, and a nearly perfect score are none of these: the leaderboard may well agree with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup

from pipeline import page
from pipeline.exploration.strength import FoldedTarget
from pipeline.figures import Plot
from pipeline.report import (
    duplicate_rows,
    foreign,
    leaking_columns,
    origins,
    row_order,
    suspicious_scores,
    unmirrored,
)
from pipeline.report.alarm import NAMED, Alarm
from pipeline.report.evidence import Evidence
from pipeline.wording import count, some, spelled_alike

TITLE = "Alarms"
CHECKED = (
    "a column that alone predicts the target, rows that train and test share, duplicate rows in "
    "different folds, labels that differ only in case, a source of rows that does not occur in "
    "test, folds at random where test lies elsewhere in time, an id or an order of rows on which "
    "the target depends, a score far above the learning curve, a nearly perfect score, and "
    "predictions from elsewhere that can hardly be out of fold"
)


@dataclass(frozen=True)
class Alarms:
    """Those that weigh most first."""

    found: tuple[Alarm, ...]

    @property
    def no_score_reason(self) -> str:
        """Why no expected score is given; empty where one is."""
        return "; ".join(alarm.no_score_reason for alarm in self.found if alarm.no_score_reason)


def compute(evidence: Evidence) -> Alarms:
    """Uses the leaderboard and the learning curves, and what explore found."""
    fold = np.full(evidence.split.rows, -1)
    fold[evidence.rows] = evidence.split.numbers()[evidence.rows]
    target = FoldedTarget(np.asarray(evidence.y), len(evidence.problem.classes or ()), fold)
    checks = (
        foreign,
        leaking_columns,
        suspicious_scores,
        unmirrored,
        origins,
        duplicate_rows,
        row_order,
    )
    found = [alarm for check in checks for alarm in check.alarms(evidence, target)]
    return Alarms((*found, *label_alarms(evidence.problem.classes or ())))


def label_alarms(labels: Sequence[str]) -> Iterator[Alarm]:
    """Classes that differ only in case or blanks are most likely one."""
    for group in spelled_alike(labels):
        yield Alarm(
            "labels",
            f"The classes {some([repr(label) for label in group], NAMED)} differ only in case or "
            "blanks",
            "The models learn them as different classes, which they most likely are not.",
            "If they are one, declare it in the competition's TOML: [load] merge_labels = true",
        )


def render(alarms: Alarms, evidence: Evidence, plots: Mapping[str, Plot]) -> list[page.Block]:
    """A summary, and a notice for each alarm."""
    if not alarms.found:
        return [f"No alarm. These were looked for: {CHECKED}."]
    text = Markup("<strong>{}.</strong> {} <em>What to do:</em> {}")
    return [
        f"{count(len(alarms.found), 'alarm')}. Each is a sign, not a proof; do not trust the "
        "scores above until it is explained.",
        *(
            page.Notice(
                text.format(alarm.found, alarm.why, alarm.do),
                tone="bad",
                id=f"alarm-{alarm.kind.replace(' ', '-')}",
            )
            for alarm in alarms.found
        ),
    ]


def to_json(alarms: Alarms) -> dict[str, Any]:
    found = [vars(alarm) for alarm in alarms.found]
    return {"alarms": found, "no_score_reason": alarms.no_score_reason}

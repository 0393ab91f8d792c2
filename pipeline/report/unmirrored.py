"""Does test differ from train in time, where the folds were drawn at random?

Folds at random train on rows that lie after those they validate, or between them; none of test's
rows has training rows so near. That groups of rows are apart is `origins`' alarm.
"""

from collections.abc import Iterator

from pipeline.exploration.strength import FoldedTarget
from pipeline.folds import DRAWN
from pipeline.report.alarm import Alarm
from pipeline.report.evidence import Evidence


def alarms(evidence: Evidence, target: FoldedTarget) -> Iterator[Alarm]:
    found = evidence.explore.findings.mirror
    if found is None or found.kind == "group" or evidence.split.scheme not in DRAWN:
        return
    yield Alarm(
        "split",
        f"{found.description}, but the folds were drawn at random",
        "A model that may look at rows of the same days, before and after those that it predicts, "
        "scores better than it can on test.",
        f"Mirror the organiser's split in the competition's TOML: [split] {found.toml}. Then run "
        "again; that score can be trusted.",
        "test differs from train in time, and the folds were drawn at random",
    )

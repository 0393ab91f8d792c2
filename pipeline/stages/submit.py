"""Make the file to upload, in the sample's exact form; refuse what the organiser would refuse."""

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.blending import Blended
from pipeline.ledger import Entry
from pipeline.metrics import Metric
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.submission import Filling, Submitted, cell_notes, form_notes, joint_content
from pipeline.targets import AverageBlend, ByTarget, average_blend, mean_metric, metrics_of
from pipeline.wording import from_here

if TYPE_CHECKING:
    from pipeline.stage_settings import SubmitStage


def submit(
    settings: "SubmitStage", load: ByTarget[Loaded], blend: ByTarget[Blended], progress: Progress
) -> Submitted:
    """The checked file, and what the ledger is to keep of it; empty where test has no rows.

    Equal predictions of one competition, method and score make a file of the same name.
    """
    first, metrics = next(iter(load.values())), metrics_of(load, blend)
    filling = [Filling(load[name], blend[name].test, metrics[name]) for name in load]
    content = joint_content(filling) if len(first.test) else b""
    entry = entry_of(settings, load, blend, content)
    if not content:
        progress.say("there are no rows to predict, and so no file to upload")
        return Submitted(content, entry)
    for each in filling:
        notes = form_notes(each.load.problem, each.metric) + cell_notes(each.load, each.metric)
        for note in notes:
            progress.advise(note)
    metric = mean_metric(list(metrics.values()), settings.over_targets)
    _report(entry, metric, progress)
    return Submitted(content, entry)


def entry_of(
    settings: "SubmitStage", load: ByTarget[Loaded], blend: ByTarget[Blended], content: bytes
) -> Entry:
    """The ledger's line on the file; of several targets their mean, and the score of each."""
    name, first = settings.name, next(iter(load.values()))
    combined = average_blend(load, blend, settings.over_targets)
    several = {target: each.expected.score for target, each in blend.items()}
    return Entry(
        file=file_name(name, first.simulated, combined, content),
        competition=name,
        metric=combined.metric,
        score=combined.expected.score,
        standard_error=combined.expected.standard_error,
        method=combined.method,
        weights=combined.weights,
        cut_short=combined.cut_short,
        simulated=first.simulated,
        data={role: file.sha256 for role, file in first.files.items()},
        targets=several if len(several) > 1 else None,
    )


def file_name(competition: str, simulated: bool, blend: AverageBlend, content: bytes) -> str:
    """<competition>[_SIMULATED]_<method>_<score>_<hash>.csv"""
    mark = "_SIMULATED" if simulated else ""
    short = hashlib.sha256(competition.encode() + b"\n" + content).hexdigest()[:8]
    return f"{competition}{mark}_{blend.method}_{blend.expected.score:.4f}_{short}.csv"


def _report(entry: Entry, metric: Metric, progress: Progress) -> None:
    progress.say(f"{entry.file}, checked against sample and test")
    score = f"{metric.label} {entry.score:.4f} ± {entry.standard_error:.4f}"
    progress.advise(f"{score} to expect, unless the report's alarms say otherwise")
    if entry.simulated:
        progress.advise("it predicts SIMULATED data: it is not for upload")
        return
    python = from_here(Path(sys.executable))
    progress.advise(
        "next: upload it, then keep what the leaderboard says with "
        f"`{python} -m pipeline score {entry.file} SCORE`"
    )

"""Make the file to upload, in the sample's exact form; refuse what the organiser would refuse."""

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.blending import Blended
from pipeline.ledger import Entry
from pipeline.metrics import Metric, get_metric
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.submission import Submitted, file_content, form_notes
from pipeline.wording import from_here

if TYPE_CHECKING:
    from pipeline.stage_settings import SubmitStage


def submit(settings: "SubmitStage", load: Loaded, blend: Blended, progress: Progress) -> Submitted:
    """The checked file, and what the ledger is to keep of it; empty where test has no rows.

    Equal predictions of one competition, method and score make a file of the same name.
    """
    metric = get_metric(settings.metric, load.problem.task)
    content = file_content(load, blend.test, metric) if len(load.test) else b""
    entry = Entry(
        file=file_name(settings.name, load.simulated, blend, content),
        competition=settings.name,
        metric=blend.metric,
        score=blend.expected.score,
        standard_error=blend.expected.standard_error,
        method=blend.method,
        weights=blend.weights,
        cut_short=blend.cut_short,
        simulated=load.simulated,
        data={role: file.sha256 for role, file in load.files.items()},
    )
    if not content:
        progress.say("there are no rows to predict, and so no file to upload")
        return Submitted(content, entry)
    for note in form_notes(load.problem, metric):
        progress.advise(note)
    _report(entry, metric, progress)
    return Submitted(content, entry)


def file_name(competition: str, simulated: bool, blend: Blended, content: bytes) -> str:
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

"""Write the file to upload, in the sample's exact form; refuse what the organiser would refuse."""

import hashlib
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline import ledger
from pipeline.artifacts import Folder, write_atomically
from pipeline.config import SubmitStage
from pipeline.metrics import Metric, get_metric
from pipeline.processor import blas_kernels
from pipeline.progress import Progress
from pipeline.submission import (
    file_problems,
    fill,
    form_notes,
    problems,
    refuse,
    to_bytes,
    with_class_columns,
)
from pipeline.wording import from_here

LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "lightgbm", "optuna")


def run(
    settings: SubmitStage,
    *,
    load: Folder,
    blend: Folder,
    submissions: Folder,
    competition: str,
    digest: str,
    out: Folder,
    progress: Progress,
) -> None:
    """Write submissions/<c>/<name>.csv, enter it in the ledger beside it, and say what is next.

    The name holds competition, blend, cross-validated score and a hash of `digest` and content, so
    that the same run writes the same file.
    """
    schema, blended = load.read_json("schema"), blend.read_json("blend")
    metric = get_metric(settings.metric, schema["task"])
    sample, test = load.read_table("sample"), load.read_table("test")
    if schema["sample"]["made_up"] and metric.needs == "probabilities":
        schema, sample = with_class_columns(schema, sample)
    submission = fill(sample, test, blend.read_array("test"), schema, metric)
    refuse(problems(submission, sample, test, schema, metric))
    content = to_bytes(submission, schema)
    refuse(file_problems(content, sample, schema))
    path = submissions.path / file_name(competition, schema, blended, digest, content)
    write_atomically(path, content)
    entry = {"file": path.name, "competition": competition, **_about(settings, digest, blended)}
    record = {**entry, "simulated": schema["simulated"], "data": _data(schema)}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ledger.append(
        submissions.path / ledger.FILENAME,
        {**record, "created": now, "versions": _versions(), "leaderboard": None},
    )
    out.write_json("submission", record)
    for note in form_notes(schema, metric):
        progress.advise(note)
    _announce(path, record, metric, progress)


# -- its name, and what is kept of it --------------------------------------------------------------


def file_name(
    competition: str,
    schema: Mapping[str, Any],
    blended: Mapping[str, Any],
    digest: str,
    content: bytes,
) -> str:
    """<competition>[_SIMULATED]_<blend>_<score>_<hash>.csv"""
    mark = "_SIMULATED" if schema["simulated"] else ""
    short = hashlib.sha256(digest.encode() + content).hexdigest()[:8]
    return f"{competition}{mark}_{blended['method']}_{blended['score']:.4f}_{short}.csv"


def _about(settings: SubmitStage, digest: str, blended: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("metric", "score", "standard_error", "method", "weights", "cut_short")
    return {"settings": digest, "note": settings.note, **{key: blended[key] for key in kept}}


def _data(schema: Mapping[str, Any]) -> dict[str, str]:
    """SHA-256 of the files, by role."""
    return {role: file["sha256"] for role, file in schema["files"].items()}


def _versions() -> dict[str, str]:
    python = ".".join(map(str, sys.version_info[:3]))
    libraries = {name: version(name) for name in LIBRARIES}
    return {"python": python, "blas": blas_kernels(), **libraries}


def _announce(path: Path, record: Mapping[str, Any], metric: Metric, progress: Progress) -> None:
    progress.say(f"{from_here(path)}, checked against sample and test")
    score = f"{metric.label} {record['score']:.4f} ± {record['standard_error']:.4f}"
    progress.advise(f"{score} to expect, unless the report's alarms say otherwise")
    if record["simulated"]:
        progress.advise("it answers SIMULATED data: it is not for upload")
        return
    python = from_here(Path(sys.executable))
    progress.advise(
        "next: upload it, then keep what the leaderboard says with "
        f"`{python} -m pipeline score {path.name} SCORE`"
    )

"""One stage: its snapshot of settings and the folders it names -> its own folder, swapped in whole.

A stage's keyword parameters are its wiring: a parameter named after an earlier stage gets that
stage's folder. The Makefile holds the same edges, because make decides what has to run.
"""

import hashlib
import importlib
import inspect
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline import archives, budget, config
from pipeline.artifacts import (
    Folder,
    Workspace,
    digest_of,
    require_stage,
    to_json,
    write_atomically,
)
from pipeline.errors import SettingsError
from pipeline.progress import Progress

PER_MODEL = ("tune", "train")


def write_snapshots(workspace: Workspace, experiment: config.Experiment, preset: str) -> None:
    """Give each stage a JSON file of its own settings, touched only where something changed.

    `models`, which make reads as words, names the models; its time is the time of this call.
    """
    folder = workspace.settings
    snapshots = config.stage_snapshots(experiment)
    for name, snapshot in snapshots.items():
        _write_if_changed(folder.path / f"{name}.json", to_json(snapshot))
    for name in folder.names(".json"):
        if name.startswith(("tune-", "train-")) and name not in snapshots:
            (folder.path / f"{name}.json").unlink()
    if not folder.has("scores.json"):
        write_atomically(folder.path / "scores.json", to_json([]))
    write_atomically(folder.path / "preset", f"{preset}\n")
    # in the order of the TOML, in which they share [budget] minutes
    write_atomically(folder.path / "models", f"{' '.join(experiment.models)}\n")


def _write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text)


def run_stage(
    workspace: Workspace,
    stage: str,
    model: str | None,
    progress: Progress,
    started: float | None = None,
) -> None:
    """Run one stage and swap its output in; nothing of an earlier output is lost if it fails.

    `started` is when this process began, by time.perf_counter. What [budget] minutes cut short is
    part of what the output was computed from, and leaves a file `cut.json` for make to see.
    """
    call = _wired(workspace, stage, model)
    if "budget" in call.inputs:
        begun = time.perf_counter() if started is None else started
        call.inputs["budget"] = _allowance(workspace, stage, str(model), call.record, begun)
    name = f"{stage}/{model}" if model else stage
    record = dict(call.record)
    with workspace.stage_output(name, record) as out:
        cut = call.function(call.settings, **call.inputs, out=out, progress=progress)
        if cut:
            out.write_json("cut", cut)
            record["cut"] = cut
            record["digest"] = digest_of(record)
    workspace.drop_partial(name)


def _allowance(
    workspace: Workspace, stage: str, model: str, record: dict[str, Any], started: float
) -> budget.Allowance:
    """This piece's part of [budget] minutes."""
    shares = config.validate(
        config.BudgetShares, workspace.settings.read_json("budget"), "settings of budget"
    )
    data = _data(record)
    piece = budget.Piece(stage, model, record["digest"], data)
    paid = [name for name in budget.weights(shares) if _is_complete(workspace, name, data)]
    rows = len(require_stage(workspace, "load").read_array("y"))
    known = budget.Record(workspace.budget)
    return budget.allow(known, shares, piece, started, paid=paid, rows=rows)


def _data(record: dict[str, Any]) -> str:
    """One hash of the rows and folds that a piece of tune or train was computed from."""
    return digest_of({name: record["inputs"][name] for name in ("load", "split", "encode")})


def _is_complete(workspace: Workspace, name: str, data: str) -> bool:
    """Whether this piece is there, computed from these rows and folds and not cut short."""
    if not workspace.is_done(name) or workspace.stage(name).has("cut.json"):
        return False
    return _data(workspace.stage(name).read_record()) == data


def join_tuning(workspace: Workspace, model: str, progress: Progress) -> None:
    """Add trials to the study of a search that runs in another process."""
    call = _wired(workspace, "tune", model, "join")
    call.function(call.settings, **call.inputs, progress=progress)


@dataclass(frozen=True)
class _Call:
    """A stage's function with everything that its parameters name."""

    function: Callable[..., Any]
    settings: config.Settings
    inputs: dict[str, Any]
    record: dict[str, Any]


def _wired(workspace: Workspace, stage: str, model: str | None, function: str = "run") -> _Call:
    run = getattr(importlib.import_module(f"pipeline.stages.{stage}"), function)
    wanted = inspect.signature(run).parameters
    snapshot = _snapshot(workspace, stage, model)
    settings = config.validate(config.STAGES[stage], snapshot, f"settings of {stage}")
    sources = [name for name in wanted if name in config.STAGES]
    record = _record(workspace, stage, model, snapshot, sources)
    name = f"{stage}/{model}" if model else stage
    inputs: dict[str, Any] = {
        "raw": workspace.raw,
        "submissions": Folder(workspace.submissions),
        "journal": workspace.journal,
        "competition": workspace.competition,
        "digest": record["digest"],
        "budget": budget.UNBOUNDED,
        "inputs_digest": digest_of(record["inputs"]),
        **{source: _folder(workspace, source, model) for source in sources},
    }
    if "partial" in wanted:
        inputs["partial"] = workspace.partial(name, digest_of([record["digest"], _code()]))
    chosen = {key: value for key, value in inputs.items() if key in wanted}
    return _Call(run, settings, chosen, record)


def _snapshot(workspace: Workspace, stage: str, model: str | None) -> dict[str, Any]:
    name = f"{stage}-{model}" if model else stage
    if not workspace.settings.has(f"{name}.json"):
        known = workspace.settings.names(".json")
        models = [item.removeprefix("train-") for item in known if item.startswith("train-")]
        raise SettingsError(
            f"competition '{workspace.competition}': found no settings for '{name}'; "
            f"its TOML has the models {', '.join(models)}. Name one of them, or add its table."
        )
    snapshot: dict[str, Any] = workspace.settings.read_json(name)
    return snapshot


def _folder(workspace: Workspace, source: str, model: str | None) -> Folder:
    """A stage of one model reads that model's folder; a later stage reads all of them."""
    if source not in PER_MODEL:
        return require_stage(workspace, source)
    return require_stage(workspace, f"{source}/{model}") if model else workspace.stage(source)


def _record(
    workspace: Workspace,
    stage: str,
    model: str | None,
    snapshot: dict[str, Any],
    sources: list[str],
) -> dict[str, Any]:
    """What goes into DONE: what the output was computed from, and one hash of it all."""
    models = [model] if model else snapshot.get("models", [])
    names = [
        name
        for source in sources
        for name in ([f"{source}/{m}" for m in models] if source in PER_MODEL else [source])
    ]
    for name in names:
        require_stage(workspace, name)
    record: dict[str, Any] = {
        "stage": stage,
        "settings": snapshot,
        "inputs": {name: workspace.digest(name) for name in names},
    }
    if stage == "load":
        record["inputs"] = _checksums(workspace.raw)
    return record | {"digest": digest_of(record)}


def _checksums(raw: Path) -> dict[str, str]:
    """SHA-256 of every file below `raw`, by its path; links to folders are followed."""
    return {path.relative_to(raw).as_posix(): archives.checksum(path) for path in _files(raw, ())}


def _files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """Files in order; a link that leads back to a folder `above` it is not followed."""
    if not folder.is_dir() or folder.resolve() in above:
        return
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        else:
            yield from _files(path, (*above, folder.resolve()))


def _code() -> dict[str, str]:
    """Pieces of an unfinished stage are of use only to the very code that made them."""
    sources = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.rglob("*.py")))
    versions = {name: version(name) for name in ("numpy", "lightgbm", "optuna")}
    return {"pipeline": hashlib.sha256(sources).hexdigest(), **versions}

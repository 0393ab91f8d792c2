"""Command line: run one stage, start a new competition, score new rows, open the dashboard."""

import os
import signal
import sys
import time

STARTED = time.perf_counter()
STOPPED = "stopped. The same command goes on where it stopped; nothing finished is lost."
NO_MEMORY = "there is not enough memory for this"
MORE_MEMORY = "Close other programs, or use fewer rows, and run again: what is done is kept."


def _stop_at_once(signum: int, frame: object) -> None:
    """Ctrl-C while the imports below are under way: there is nothing to tidy up yet."""
    print(f"\n{STOPPED}", file=sys.stderr, flush=True)
    os._exit(130)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _stop_at_once)

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pipeline.parallel import ONE_THREAD

os.environ.update(ONE_THREAD)  # before NumPy is imported

import typer
from typer.exceptions import Abort, TyperException

from pipeline.errors import UserError
from pipeline.wording import count, from_here, printable

if TYPE_CHECKING:
    from pipeline.artifacts import Workspace

app = typer.Typer(
    help="From the organiser's files to a submission. `make all` runs everything; see `make help`.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # with it, --help lists itself as an option of type <bool>
    pretty_exceptions_enable=False,
)
CompetitionName = Annotated[str, typer.Argument(help="name of a TOML in pipeline/competitions")]
RunId = Annotated[str, typer.Option("--run", hidden=True)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="say more")]


@app.command()
def settings(
    competition: CompetitionName = "",
    preset: Annotated[str, typer.Option(help="one of the TOML's presets")] = "default",
    run_id: RunId = "",
) -> None:
    """Check a TOML and give each stage its own settings."""
    from pipeline.config import load_experiment
    from pipeline.runner import write_snapshots

    workspace = _workspace(competition)
    experiment = load_experiment(competition, preset)
    with workspace.locked(run_id or f"pid{os.getpid()}"):
        write_snapshots(workspace, experiment, preset)


@app.command()
def run(
    stage: Annotated[str, typer.Argument(help="load, explore, split, encode, tune, ...")],
    competition: CompetitionName,
    model: Annotated[str | None, typer.Option(help="for tune and train: which model")] = None,
    run_id: RunId = "",
    plain: Annotated[bool, typer.Option(help="no live display")] = False,
    verbose: Verbose = False,
    brief: Annotated[bool, typer.Option(hidden=True, help="a summary follows")] = False,
) -> None:
    """Run one stage with the settings that `settings` has checked."""
    from pipeline.config import STAGES
    from pipeline.errors import SettingsError
    from pipeline.progress import Progress
    from pipeline.runner import PER_MODEL, run_stage

    if stage not in STAGES:
        raise SettingsError(f"there is no stage '{stage}'; allowed are {', '.join(STAGES)}.")
    if (stage in PER_MODEL) != (model is not None):
        raise SettingsError(
            f"stage '{stage}' {'needs --model NAME' if model is None else 'takes no --model'}."
        )
    workspace = _workspace(competition)
    title = f"{stage} {model}" if model else stage
    with workspace.locked(run_id or f"pid{os.getpid()}"):
        live = False if plain else None
        with Progress(title, live=live, verbose=verbose, brief=brief) as progress:
            run_stage(workspace, stage, model, progress, STARTED)


@app.command()
def summary(
    competition: CompetitionName,
    since: Annotated[float, typer.Option(hidden=True, help="when the run began")] = 0.0,
) -> None:
    """Tell what the last whole run amounts to, and what to do next."""
    import time

    from pipeline.artifacts import write_atomically
    from pipeline.progress import clock, tell
    from pipeline.summary import summarise

    workspace = _workspace(competition)
    lines = summarise(workspace)
    write_atomically(workspace.build / "summary.txt", printable("\n".join(lines)) + "\n")
    took = f" in {clock(time.time() - since)}" if since else ""
    tell(f"\ndone{took}: {lines[0]}", *lines[1:])


@app.command()
def clean(competition: CompetitionName) -> None:
    """Delete the artifacts of a competition.

    Raw files, submissions and the budget's record stay.
    """
    from pipeline.progress import tell

    workspace = _workspace(competition)
    if workspace.clean():
        tell(f"deleted the artifacts in {from_here(workspace.build)}")
    else:
        tell(f"nothing to delete in {from_here(workspace.build)}")


@app.command()
def join(
    competition: CompetitionName,
    model: Annotated[str, typer.Argument(help="the model that another process is tuning")],
) -> None:
    """Help `make tune` from another process.

    Its trials go to the same study, within its budget.
    """
    from pipeline.progress import Progress
    from pipeline.runner import join_tuning

    join_tuning(_workspace(competition), model, Progress(f"join {model}"))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="small letters, digits and _")],
    source: Annotated[
        list[str], typer.Option("--from", help="folder, zip or file of the organiser; may repeat")
    ],
    train: Annotated[str, typer.Option(help="the train table, if its name does not say so")] = "",
    test: Annotated[str, typer.Option(help="the test table")] = "",
    sample: Annotated[str, typer.Option(help="the sample submission")] = "",
    labels: Annotated[str, typer.Option(help="train's labels, if in a file apart")] = "",
    target: Annotated[str, typer.Option(help="the column to predict")] = "",
    id: Annotated[str, typer.Option(help="the column that names the rows")] = "",
    metric: Annotated[str, typer.Option(help="what the organiser scores by")] = "",
    task: Annotated[str, typer.Option(help="binary, multiclass or regression")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="any other line of the TOML: TABLE.KEY=VALUE; may repeat"),
    ] = None,
) -> None:
    """Write the TOML of a new competition from its files."""
    from pipeline.artifacts import Workspace, write_atomically
    from pipeline.config import COMPETITIONS
    from pipeline.new import copy_raw, refuse_nothing, settings_given, write_competition
    from pipeline.progress import tell

    refuse_nothing(name, source)
    options = {"train": train, "test": test, "sample": sample, "labels": labels}
    options |= {"target": target, "id": id, "metric": metric, "task": task}
    given = settings_given(options, settings or ())
    places, raw = [Path(s).expanduser() for s in source if s], Workspace(Path.cwd(), name).raw
    draft = write_competition(name, places, COMPETITIONS, given, raw)
    copy_raw(draft.copies)
    write_atomically(COMPETITIONS / f"{name}.toml", draft.text)
    tell(*draft.told)
    tell(f"wrote {from_here(draft.path)}, copied the files to {from_here(raw)}")
    tell(f"next: make C={name} all")


@app.command()
def predict(
    competition: CompetitionName,
    file: Annotated[
        Path, typer.Argument(help="rows to score: CSV, zip, gz, parquet, or archive.zip/member")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="default: submissions/<competition>/predictions/<FILE>.predictions.csv"),
    ] = None,
) -> None:
    """Score new rows with the saved blend.

    The checks and the encoders are those of the run.
    """
    from pipeline.predictor import predict_file
    from pipeline.progress import tell

    scored = predict_file(_workspace(competition), file, out)
    tell(f"wrote {from_here(scored.target)}: {count(scored.rows, 'row')}")
    tell(*(f"note: {note}" for note in scored.notes))


# a score may be negative: -1 is a value, not an option
@app.command(context_settings={"ignore_unknown_options": True})
def score(
    file: Annotated[Path, typer.Argument(help="a submission: its path, or its bare name")],
    value: Annotated[str, typer.Argument(help="what the leaderboard says")],
) -> None:
    """Keep a submission's leaderboard score in the ledger."""
    from pipeline.artifacts import Workspace, to_json, write_atomically
    from pipeline.ledger import (
        FILENAME,
        competition_of,
        find,
        locked,
        parse_score,
        read,
        record_score,
        scored,
    )
    from pipeline.progress import tell

    number = parse_score(value)
    submissions = Path.cwd() / "submissions"
    path = find(file, submissions)
    competition = competition_of(path, submissions)
    workspace = Workspace(Path.cwd(), competition)
    with locked(path.parent):
        entry = record_score(path, number, competition)
        known = to_json(scored(read(path.parent / FILENAME)))
        write_atomically(workspace.settings.path / "scores.json", known)
    tell(
        f"{path.name}: leaderboard {number}, cross-validation {entry.get('score')}. "
        f"`{_make_again(workspace)} evaluate` draws it into the report."
    )


def _make_again(workspace: "Workspace") -> str:
    """As one would type it to go on with the last run: with the preset that it had."""
    kept = workspace.settings.path / "preset"
    preset = kept.read_text(encoding="utf-8").strip() if kept.exists() else "default"
    chosen = "" if preset == "default" else f" PRESET={preset}"
    return f"make C={workspace.competition}{chosen}"


@app.command()
def fetch(
    folder: Annotated[Path, typer.Option(help="where to write")] = Path("data/raw/airline"),
    seed: Annotated[int, typer.Option(help="of the 3,000 / 2,000 split")] = 0,
) -> None:
    """Download the open airline survey (OpenML 46920).

    It is under CC0, and is split into 3,000 rows for train and 2,000 for test.
    """
    from pipeline.fetch import fetch_airline
    from pipeline.progress import tell

    fetch_airline(folder, seed)
    tell(f"wrote train.csv, test.csv and sample_submission.csv to {folder}")


@app.command()
def dashboard(
    competition: CompetitionName,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
) -> None:
    """Open optuna-dashboard on 127.0.0.1 alone."""
    from pipeline.studies import serve_dashboard

    serve_dashboard(_workspace(competition).journal, port)


def _workspace(competition: str) -> "Workspace":
    """The folders of a competition that there is; raises SettingsError for any other name."""
    from pipeline import config
    from pipeline.artifacts import Workspace

    workspace = Workspace(Path.cwd(), competition)  # refuses a name that would lead elsewhere
    config.require_toml(config.COMPETITIONS / f"{competition}.toml")
    return workspace


@contextlib.contextmanager
def _told_in_one_sentence() -> Iterator[None]:
    """What a user can mend ends in one sentence and exit code 2; a fault of ours in a traceback."""
    try:
        yield
    except UserError as error:
        _stop(str(error), 2)
    except OSError as error:
        sentence = _disk_trouble(error)
        if sentence is None:
            raise
        _stop(sentence, 2)
    except MemoryError as error:
        asked = f" ({error})" if str(error) else ""
        _stop(f"{NO_MEMORY}{asked}. {MORE_MEMORY}", 2)
    except (KeyboardInterrupt, Abort):
        _stop(STOPPED, 130)


def _disk_trouble(error: OSError) -> str | None:
    where = error.filename or "a file"
    code = error.errno
    if code in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        found = _in_the_way(Path(os.fsdecode(where)))
        return f"{found}. Move it away, and run the same command again."
    if code in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error):
        return f"{where}: the disk is full. Free some space and run again: what is done is kept."
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"{where}: {os.strerror(code).lower()}; this folder must be readable and writable. "
            "Change its permissions, or work in another folder."
        )
    if code == errno.ENOMEM:
        return f"{where}: {NO_MEMORY}. {MORE_MEMORY}"
    return None


def _in_the_way(path: Path) -> str:
    """A file stands where a folder belongs, there or above, or a folder where a file does."""
    for place in (path, *path.parents):
        if place.is_file():
            return f"{place}: this is a file, where a folder belongs"
        if place.is_symlink() and not place.exists():
            return f"{place}: this is a link to nothing, where a folder belongs"
        if place.is_dir():
            break
    return f"{path}: this is a folder, where a file belongs"


def _stop(sentence: str, code: int) -> None:
    told = printable(sentence)
    print(f"error: {told}" if code == 2 else f"\n{told}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with _told_in_one_sentence():
        try:
            # typer returns what other programs would exit with: 130 after Ctrl-C
            code = app(standalone_mode=False)
            if code == 130:
                raise KeyboardInterrupt
            sys.exit(code)
        except TyperException as error:
            told = str(error).rstrip(".")
            if told:
                _stop(f"{told}. `python -m pipeline --help` shows what there is.", 2)
            sys.exit(2)


if __name__ == "__main__":
    main()

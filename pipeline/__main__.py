"""Command line: run the pipeline or a part of it, look at its experiments, score new rows."""

import os
import signal
import sys
import time

STARTED = time.perf_counter()
STOPPED = "stopped. The same command goes on where it stopped; nothing finished is lost."
NO_MEMORY = "there is not enough memory for this"
EXAMPLES = {  # of the commands that take more than a competition
    "run": "run all airline --preset quick",
    "compare": "compare airline 2 1",
    "submit": "submit airline 2",
    "prune": "prune airline --keep 5",
    "new": "new titanic --from ~/Downloads/titanic",
    "predict": "predict airline new_rows.csv --experiment 2",
    "score": "score airline_greedy_0.9400_12345678.csv 0.941",
    "oof": "oof airline --to oof.csv --model lightgbm",
    "fetch": "fetch --seed 1",
    "metrics": "metrics",
    "cluster": "cluster --workers 4",
}
MORE_MEMORY = "Close other programs, or use fewer rows, and run again: what is done is kept."


def _stop_at_once(signum: int, frame: object) -> None:
    """Ctrl-C during the imports below: there is nothing to clean up yet."""
    print(f"\n{STOPPED}", file=sys.stderr, flush=True)
    os._exit(130)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, _stop_at_once)

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pipeline.parallel import ONE_THREAD, PASSIVE

os.environ.update(ONE_THREAD | PASSIVE)  # before NumPy is imported

import typer
from typer.exceptions import Abort, TyperException

from pipeline.errors import UserError
from pipeline.progress import say
from pipeline.wording import count, from_here, make_command, printable

if TYPE_CHECKING:
    from pipeline.workspace import Workspace

app = typer.Typer(
    help="From the organiser's files to a submission. `make all` runs everything; see `make help`.",
    add_completion=False,
    rich_markup_mode=None,  # with it, --help lists itself as an option of type <bool>
    pretty_exceptions_enable=False,
)
CompetitionName = Annotated[str, typer.Argument(help="name of a TOML in pipeline/competitions")]
Preset = Annotated[str, typer.Option(help="one of the TOML's presets")]
ExperimentNumber = Annotated[str, typer.Argument(help="its number, as `experiments` lists it")]


@app.command()
def run(
    goal: Annotated[str, typer.Argument(help="all, a stage, tune-NAME or train-NAME")],
    competition: CompetitionName,
    preset: Preset = "default",
    note: Annotated[str, typer.Option(help="a few words, kept with the experiment")] = "",
    new_plan: Annotated[
        bool, typer.Option(help="try again what [budget] minutes or memory cut short")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="say more")] = False,
    cluster: Annotated[
        str, typer.Option(help="a Dask scheduler's address, whose workers fit: tcp://10.0.0.5:8786")
    ] = "",
) -> None:
    """Compute what is missing of a goal: everything, a stage, or one model's part of it."""
    from pipeline.unchanged import is_unchanged

    workspace = _workspace(competition)
    unchanged = None if new_plan or note else is_unchanged(workspace, goal, preset)
    if unchanged is not None:
        say(f"nothing to do: {unchanged.headline}")
        return
    from pipeline import session
    from pipeline.flow import Reporter
    from pipeline.progress import clock

    reporter = Reporter(verbose=verbose, brief=goal == "all")
    done = session.run(
        workspace,
        goal,
        preset,
        note,
        reporter,
        new_plan=new_plan,
        in_child_processes=True,
        cluster=cluster,
    )
    took = clock(time.perf_counter() - STARTED)
    if not any(each.computed for each in done.flow.done.values()):
        say(f"nothing to do: {done.lines[0] if done.lines else f'{goal} is up to date'}")
    elif done.lines:
        say(f"\ndone in {took}: {done.lines[0]}", *done.lines[1:])
    if note and done.experiment is not None and done.experiment.note != note:
        say(f"the note of experiment {done.experiment.number} is now: {done.experiment.note}")


@app.command()
def graph(competition: CompetitionName, preset: Preset = "default") -> None:
    """Print the stages: what is stored, what would run, why, and how long it took the last time."""
    from pipeline.session import describe_graph

    say(*describe_graph(_workspace(competition), preset))


@app.command()
def summary(competition: CompetitionName) -> None:
    """Print the summary of the last complete run again: scores, alarms, what to do next."""
    from pipeline.session import last_summary

    say(*last_summary(_workspace(competition)))


@app.command()
def experiments(competition: CompetitionName) -> None:
    """List the runs that reached the blend, newest first, and write them as a page."""
    from pipeline.experiment_list import list_experiments

    say(*list_experiments(_workspace(competition)))


@app.command()
def compare(competition: CompetitionName, a: ExperimentNumber, b: ExperimentNumber) -> None:
    """Compare two experiments on the same rows, model by model."""
    from pipeline.experiment_list import compare_experiments

    say(*compare_experiments(_workspace(competition), a, b))


@app.command()
def submit(competition: CompetitionName, experiment: ExperimentNumber) -> None:
    """Write an earlier experiment's submission again."""
    from pipeline.session import submit_again

    say(*submit_again(_workspace(competition), experiment))


@app.command()
def prune(
    competition: CompetitionName,
    keep: Annotated[int, typer.Option(min=0, help="how many of the last experiments")] = 5,
) -> None:
    """Delete what was computed and is not needed by the last experiments.

    Their records, reports and submissions stay.
    """
    from pipeline.session import prune as prune_store

    say(prune_store(_workspace(competition), keep))


@app.command()
def clean(competition: CompetitionName) -> None:
    """Delete everything that was computed for a competition.

    Raw files, submissions and the experiments' records stay.
    """
    from pipeline.session import clean as clean_up

    say(clean_up(_workspace(competition)))


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
    target: Annotated[
        list[str] | None, typer.Option(help="the column to predict; may repeat, if several")
    ] = None,
    id: Annotated[str, typer.Option(help="the column that names the rows")] = "",
    metric: Annotated[str, typer.Option(help="what the organiser scores by")] = "",
    task: Annotated[str, typer.Option(help="binary, multiclass or regression")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="any other line of the TOML: TABLE.KEY=VALUE; may repeat"),
    ] = None,
) -> None:
    """Write the TOML of a new competition from its files."""
    from pipeline import scratch
    from pipeline.files import write_atomically
    from pipeline.new import copy_raw, refuse_nothing, settings_given, write_competition
    from pipeline.workspace import COMPETITIONS, Workspace

    refuse_nothing(name, source)
    options: dict[str, str | list[str]] = {"train": train, "test": test, "sample": sample}
    options |= {"labels": labels, "id": id, "metric": metric, "task": task}
    options["target"] = target[0] if target and len(target) == 1 else target or ""
    given = settings_given(options, settings or ())
    places, workspace = [Path(s).expanduser() for s in source if s], Workspace(Path.cwd(), name)
    raw = workspace.raw
    with scratch.within(workspace.build):
        written = write_competition(name, places, COMPETITIONS, given, raw)
    copy_raw(written.copies)
    write_atomically(written.path, written.text)
    say(*written.messages)
    say(f"wrote {from_here(written.path)}, copied the files to {from_here(raw)}")
    say(f"next: {make_command(name, 'all')}")


@app.command()
def metrics() -> None:
    """List the metrics: direction, task, and what each wants in a submission."""
    from pipeline.metrics.listing import lines

    say(*lines())


@app.command()
def predict(
    competition: CompetitionName,
    file: Annotated[
        Path,
        typer.Argument(help="rows to predict: CSV, .xlsx, parquet, zip, gz, archive.zip/member"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="default: submissions/<competition>/predictions/<FILE>.predictions.csv"),
    ] = None,
    experiment: Annotated[
        str, typer.Option(help="whose models predict; left out: those of the last run")
    ] = "",
) -> None:
    """Predict new rows with an experiment's models, after the same checks."""
    from pipeline.session import predict_file

    scored = predict_file(_workspace(competition), file, out, experiment)
    rows = count(scored.rows, "row")
    say(f"wrote {from_here(scored.path)}: {rows}, predicted by {scored.experiment.title}")
    say(*(f"note: {note}" for note in scored.notes))


@app.command()
def oof(
    competition: CompetitionName,
    to: Annotated[Path, typer.Option(help="file to write: .csv or .npy; test's go beside it")],
    model: Annotated[str, typer.Option(help="a model's name; left out: the blend")] = "blend",
    experiment: Annotated[str, typer.Option(help="left out: the last run")] = "",
) -> None:
    """Write out-of-fold predictions and those of the test rows, for blends elsewhere."""
    from pipeline.experiments import find
    from pipeline.export import export
    from pipeline.files import in_use

    workspace = _workspace(competition)
    chosen = find(workspace, experiment) if experiment else None
    with in_use(workspace.lock):
        paths = export(workspace, model, to, chosen)
    say(f"wrote {', '.join(str(from_here(path)) for path in paths)}")


# a score may be negative: -1 is a value, not an option
@app.command(context_settings={"ignore_unknown_options": True})
def score(
    file: Annotated[Path, typer.Argument(help="a submission: its path, or its bare name")],
    value: Annotated[str, typer.Argument(help="its score on the leaderboard")],
) -> None:
    """Keep a submission's leaderboard score in the ledger."""
    from pipeline.ledger import competition_of, find, parse_score, record_score
    from pipeline.session import make_again, reporting_goal

    number = parse_score(value)
    submissions = Path.cwd() / "submissions"
    path = find(file, submissions)
    competition = competition_of(path, submissions)
    again = make_again(_workspace(competition), reporting_goal(_workspace(competition)))
    entry = record_score(path, number, competition)
    expected = "none" if entry.score is None else f"{entry.score:.6g}"
    say(
        f"{path.name}: leaderboard {number}, cross-validation {expected}. "
        f"`{again}` draws it into the report."
    )


@app.command()
def fetch(
    folder: Annotated[Path, typer.Option(help="where to write")] = Path("data/raw/airline"),
    seed: Annotated[int, typer.Option(help="of the 3,000 / 2,000 split")] = 0,
) -> None:
    """Download the open airline survey (OpenML 46920).

    It is under CC0, and is split into 3,000 rows for train and 2,000 for test.
    """
    from pipeline.competitions.airline_openml import fetch_airline

    fetch_airline(folder, seed)
    say(f"wrote train.csv, test.csv and sample_submission.csv to {folder}")


@app.command()
def dashboard(
    competition: CompetitionName,
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8080,
) -> None:
    """Open optuna-dashboard on 127.0.0.1 alone."""
    from pipeline.dashboard import serve_dashboard

    serve_dashboard(_workspace(competition), port)


@app.command()
def cluster(
    workers: Annotated[int | None, typer.Option(min=1, help="left out: one for each core")] = None,
    join: Annotated[
        str, typer.Option(help="workers for a scheduler that runs elsewhere: tcp://10.0.0.5:8786")
    ] = "",
    address: Annotated[str, typer.Option(help="of this machine, to listen at")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8786,
) -> None:
    """Start a Dask scheduler and workers on this machine, or workers that join one, until Ctrl-C.

    Who can reach them can run programs on them: they are for a network that nobody else is in.
    """
    from pipeline.cluster.hosting import host
    from pipeline.parallel import cores

    host(workers or cores(), port, join, address)


@app.command()
def watch(competition: CompetitionName) -> None:
    """Open the report of the last run in a browser."""
    import webbrowser

    from pipeline.errors import DataError

    path = _workspace(competition).build / "report.html"
    if not path.exists():
        raise DataError(
            f"{from_here(path)}: there is no report of {competition} yet. Run "
            f"`{make_command(competition, 'all')}` first."
        )
    say(str(from_here(path)))
    webbrowser.open(path.resolve().as_uri())


def _workspace(competition: str) -> "Workspace":
    """The folders of a competition that there is; raises SettingsError for any other name."""
    from pipeline.workspace import Workspace, require_toml

    workspace = Workspace(Path.cwd(), competition)  # refuses a name that would lead elsewhere
    require_toml(workspace.toml)
    return workspace


@contextlib.contextmanager
def _errors_in_one_message() -> Iterator[None]:
    """What a user can correct ends in one message and exit code 2; a bug in a traceback."""
    try:
        yield
    except UserError as error:
        _stop(str(error), 2)
    except OSError as error:
        message = _disk_trouble(error)
        if message is None:
            raise
        _stop(message, 2)
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


def _stop(message: str, code: int) -> None:
    shown = printable(message)
    print(f"error: {shown}" if code == 2 else f"\n{shown}", file=sys.stderr, flush=True)
    raise SystemExit(code)


def _example(error: TyperException) -> str:
    """How the command that somebody typed is called."""
    command = getattr(getattr(error, "ctx", None), "command", None)
    if not isinstance(command, typer.core.TyperCommand):
        return "`python -m pipeline --help` lists the commands."
    example = EXAMPLES.get(command.name or "", f"{command.name} airline")
    return f"For example: `python -m pipeline {example}`."


def main() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with _errors_in_one_message():
        try:
            # typer returns what other programs would exit with: 130 after Ctrl-C
            code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
            if code == 130:
                raise KeyboardInterrupt
            sys.exit(code)
        except TyperException as error:
            message = error.format_message().replace("Input should", "it should").rstrip(".")
            _stop(f"{message}. {_example(error)}", 2)


if __name__ == "__main__":
    main()

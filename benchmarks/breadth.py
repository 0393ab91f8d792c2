"""Is the pipeline good on any table? Open tables, 30% of each held out, beside other tools.

    python benchmarks/breadth.py run DIR --out RESULTS --methods quick lightgbm_default --seeds 3
    python benchmarks/breadth.py run DIR --out RESULTS --tables insurance abalone --minutes 2
    python benchmarks/breadth.py summary --out RESULTS --against quick

DIR has a folder a table (tables.py lists them). Rows are held out as a table asks: the latest,
whole groups, or at random; of larger tables `--rows` are drawn to learn from. A method is a preset
of the pipeline, which gets train, test and sample as files and is run as an entrant runs it: `new`,
then `run submit`; or a tool of table_peers.py, which gets the same rows; or a model of the project,
fitted once (`kernel`, `lightgbm@num_leaves=8`). What RESULTS/results.jsonl has a line of, by table,
seed and method, is not computed again. `--minutes 0` bounds nothing by the clock: a busy machine
then changes no score. Tools that are installed elsewhere are run by that Python, into the same
RESULTS, and draw the same rows:

    ~/peers/bin/python benchmarks/breadth.py run DIR --out RESULTS --methods catboost5 autogluon
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TypeAlias

import draws
import numpy as np
import pandas as pd
import table_peers
import whole_run
from breadth_results import results, summary
from held_out import Draw, hold_out
from results import refuse
from tables import TABLES, Table
from whole_pipeline import bound_minutes

from pipeline import fitting, metrics

PRESETS = ("quick", "default", "best")
ID, NAME = "row_id", "breadth"

# -- the pipeline ----------------------------------------------------------------------------------

Found: TypeAlias = tuple[np.ndarray, dict[str, Any]]  # prediction (m, k), and what was promised


def pipeline(preset: str, drawn: Draw, project: Path, minutes: float | None) -> Found:
    """`new` and `run submit` in a copy of the project, and what the submission holds."""
    import tomlkit  # noqa: F401  # the Python of other tools lacks it: this method is skipped there

    shutil.rmtree(project, ignore_errors=True)
    whole_run.copy_project(project, "", None)
    _write_files(drawn, project / "files")
    _call(project, "new", NAME, "--from", "files", *_options(drawn.table))
    bound_minutes(project / f"pipeline/competitions/{NAME}.toml", minutes)
    _call(project, "run", "submit", NAME, "--preset", preset)
    record = json.loads(
        (project / f"data/build/{NAME}/experiments/0001/experiment.json").read_text()
    )
    (file,) = (project / f"submissions/{NAME}").glob("*_*.csv")
    promised = {"expected": record["score"], "expected_error": record["standard_error"]}
    return _read_submission(drawn, file), promised


def _options(table: Table) -> list[str]:
    options = ["--target", table.target, "--id", ID, "--metric", table.metric]
    if metrics.METRICS[table.metric].needs == "values":
        options += ["--task", "regression"]  # whole numbers of few values could be classes
    if table.group is None:
        return options
    group = json.dumps(table.group)
    return [*options, "--set", f"split.group={group}", "--set", f"load.drop=[{group}]"]


def _write_files(drawn: Draw, files: Path) -> None:
    """train.csv, test.csv and sample_submission.csv, as an organiser serves them."""
    files.mkdir(parents=True)
    target, needs = drawn.table.target, drawn.metric.needs
    drawn.train.rename_axis(ID).to_csv(files / "train.csv")
    test = drawn.held_out.drop(columns=target).rename_axis(ID)
    test.to_csv(files / "test.csv")
    if needs == "probabilities" and len(drawn.classes) > 2:
        sample = pd.DataFrame(1 / len(drawn.classes), test.index, list(drawn.classes))
    else:
        typical = {"labels": drawn.train[target].iloc[0], "probabilities": 0.5}
        sample = pd.DataFrame(
            {target: typical.get(needs, drawn.train[target].mean() if needs == "values" else 0)},
            test.index,
        )
    sample.to_csv(files / "sample_submission.csv")


def _read_submission(drawn: Draw, file: Path) -> np.ndarray:
    """A submission -> a prediction (m, k), as metrics take it."""
    found = pd.read_csv(file, dtype=str).set_index(ID)
    found = found.loc[[str(i) for i in range(len(drawn.held_out))]]
    if len(found.columns) > 1:
        return found[list(drawn.classes)].to_numpy(dtype=float)
    column = found.iloc[:, 0]
    if drawn.metric.needs == "labels":
        return (column.to_numpy()[:, None] == np.array(drawn.classes)).astype(float)
    values = column.to_numpy(dtype=float)
    return np.column_stack([1 - values, values] if drawn.classes else [values])


def _call(project: Path, *arguments: str) -> None:
    """Raises RuntimeError with the message of a command that failed."""
    command = [sys.executable, "-m", "pipeline", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError((done.stderr.strip() or done.stdout.strip())[-600:])


def own(method: str, drawn: Draw) -> np.ndarray:
    """A model of the project, fitted once: its prediction (m, k)."""
    name, pairs = draws.named(method)
    outputs = max(1, len(drawn.classes))
    task = "regression" if outputs == 1 else "binary" if outputs == 2 else "multiclass"
    objective = fitting.Objective(task, outputs, drawn.metric.loss_for_models)
    fit = draws.member(name, dict(map(draws.setting, pairs)), None, objective)
    known, unseen = (frame[drawn.features] for frame in (drawn.train, drawn.held_out))
    return fit(known, drawn.y(drawn.train), unseen)


# -- running ---------------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> None:
    """Every table, seed and method that is not stored yet, all tables of a seed first."""
    unknown = set(options.tables or ()) - {table.name for table in TABLES}
    if unknown:
        refuse(f"--tables: found {sorted(unknown)}; allowed are {[t.name for t in TABLES]}.")
    for seed in range(options.first, options.first + options.seeds):
        for table in TABLES:
            if options.tables is None or table.name in options.tables:
                stored = results(options.out)
                missing = [m for m in options.methods if (table.name, seed, m) not in stored]
                if missing:
                    drawn = hold_out(table, options.folder, seed, options.rows)
                    for method in missing:
                        one(method, drawn, seed, options)


def one(method: str, drawn: Draw, seed: int, options: argparse.Namespace) -> None:
    """Fit, score, and store the prediction and a line; a failure is a line with its message."""
    line: dict[str, Any] = {"table": drawn.table.name, "seed": seed, "method": method}
    place = options.out / drawn.table.name / str(seed)
    place.mkdir(parents=True, exist_ok=True)
    wall, cpu = time.perf_counter(), draws.processor_seconds()
    try:
        if method in PRESETS:
            prediction, promised = pipeline(
                method, drawn, place / f"{method}.project", options.minutes
            )
            line |= promised
        elif method in table_peers.NAMES:
            prediction = table_peers.peer(method, drawn, options.threads, options.minutes)
        else:
            prediction = own(method, drawn)
    except ModuleNotFoundError as error:
        print(f"{method}: skipped, {error.name} is not installed here.", flush=True)
        return
    except Exception as error:  # whatever another tool raises: the next one is run
        line["error"] = f"{type(error).__name__}: {error}"
    else:
        y = drawn.y(drawn.held_out)
        line["score"] = drawn.metric.score(y, prediction)
        np.savez(place / f"{method}.npz", y=y, prediction=prediction)
    spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": draws.processor_seconds() - cpu}
    line |= {name: round(value, 1) for name, value in spent.items()}
    with (options.out / "results.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run", help="compute what is missing")
    runs.add_argument("folder", type=Path, help="a folder a table")
    runs.add_argument("--methods", nargs="+", default=("quick", *table_peers.NAMES))
    runs.add_argument("--tables", nargs="+", help="left out: all")
    runs.add_argument("--seeds", type=int, default=3)
    runs.add_argument("--first", type=int, default=0, help="the first seed")
    runs.add_argument("--rows", type=int, default=4000, help="to learn from, at most")
    runs.add_argument("--threads", type=int, default=1, help="of the peers")
    runs.add_argument("--minutes", type=float, help="0: no bound; left out: as `new` writes")
    runs.set_defaults(command=run)
    shows = commands.add_parser("summary", help="print what is stored")
    shows.add_argument("--against", default="quick", help="the method that others are compared to")
    shows.add_argument("--rank", nargs="+", help="the methods to rank; left out: all")
    shows.add_argument("--blend", nargs="+", default=[], metavar="A+B", help="equal means, too")
    shows.set_defaults(command=summary)
    for each in (runs, shows):
        each.add_argument("--out", type=Path, required=True, help="folder of the results")
    options = parser.parse_args()
    options.command(options)


if __name__ == "__main__":
    main()

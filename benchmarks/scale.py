"""Many rows: time, memory, disk and accuracy from `new` to the submission, beside other libraries.

    python benchmarks/scale.py run --out RESULTS --rows 700000
    python benchmarks/scale.py run --out RESULTS --rows 1000000 2000000 4000000 --methods default
    python benchmarks/scale.py run --out RESULTS --rows 700000 --methods default --memory 2
    python benchmarks/scale.py run --out RESULTS --rows 700000 --python ~/peers/bin/python \\
        --methods catboost catboost_folds
    python benchmarks/scale.py summary --out RESULTS

A method is a preset of the pipeline, run stage by stage, or one of scale_peers.py (`read_csv` is
pyarrow.csv alone), on the tables of scale_tables.py, which are made in RESULTS. Each is a process
of its own, whose memory is that of all its processes at one moment. What RESULTS/results.jsonl has
a line of is not run again. The machine should do nothing else.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent))  # the project's code

import numpy as np
import pandas as pd
import scale_peers
import scale_tables
import whole_run
from memory_limit import Limit, limited
from scale_summary import PRESETS, key, lines, summary

NAME = "scale"
PEERS = tuple(name for name in scale_peers.METHODS if "catboost" not in name)


class Failed(Exception):
    """What a command left as its error."""


def pipeline(preset: str, folder: Path, project: Path, limit: Limit) -> dict[str, Any]:
    """`new` and every stage in a copy of the project."""
    shutil.rmtree(project, ignore_errors=True)
    whole_run.copy_project(project, "", None)
    command = [sys.executable, "-m", "pipeline"]
    stages = {"new": call([*command, "new", NAME, "--from", str(folder)], project, limit)}
    for stage in whole_run.STAGES:
        goal = [*command, "run", stage, NAME, "--preset", preset]
        stages[stage] = call(goal, project, limit)
    experiment = project / f"data/build/{NAME}/experiments/0001/experiment.json"
    record = json.loads(experiment.read_text())
    (submission,) = (project / f"submissions/{NAME}").glob("*_*.csv")
    promised = {"expected": record["score"], "expected_error": record["standard_error"]}
    disk = size(project / "data/build") / size(folder)
    return promised | {"stages": stages, "disk": disk, "score": accuracy(submission, folder)}


def call(command: list[str], folder: Path, limit: Limit) -> dict[str, float]:
    """Seconds and peak MB of a command; raises Failed with its message."""
    log = folder / "errors.log"
    done = whole_run.watch(command, folder, log, enter=limit.enter)
    if done.code:
        raise Failed(log.read_text().strip()[-600:] or f"it ended with {done.code}")
    return {"seconds": round(done.seconds, 2), "peak": round(done.peak)}


def accuracy(submission: Path, folder: Path) -> float:
    predicted = pd.read_csv(submission)[scale_tables.TARGET].to_numpy()
    return float(np.mean(predicted == np.load(scale_tables.truth_file(folder))))


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def peer(method: str, folder: Path, options: argparse.Namespace, limit: Limit) -> dict[str, Any]:
    """A library, in a process of the Python that has it."""
    file = options.out.resolve() / "peer.json"
    arguments = [str(folder.resolve()), method, "--threads", str(options.threads)]
    command = [str(options.python), scale_peers.__file__, *arguments, "--out", str(file)]
    done = call(command, options.out, limit)
    return {"stages": {"all": done}, **json.loads(file.read_text())}


# -- running ---------------------------------------------------------------------------------------


def run(options: argparse.Namespace) -> None:
    options.out.mkdir(parents=True, exist_ok=True)
    for rows in options.rows:
        for kind in options.tables:
            folder = options.out / "tables" / f"{kind}-{rows}"
            scale_tables.write(kind, rows, folder)
            for method in options.methods:
                line = {"table": kind, "rows": rows, "method": method, "memory": options.memory}
                if key(line) not in {key(each) for each in lines(options.out)}:
                    one(line, folder, options)


def one(line: dict[str, Any], folder: Path, options: argparse.Namespace) -> None:
    """Run a method, and store a line; a failure is a line with its message."""
    method = line["method"]
    try:
        with limited(options.memory) as limit:
            line["limit"] = limit.how
            if method in PRESETS:
                line |= pipeline(method, folder, options.out / "project", limit)
            else:
                line |= peer(method, folder, options, limit)
    except Failed as error:
        line["error"] = str(error)
    with (options.out / "results.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run", help="compute what is missing")
    runs.add_argument("--rows", type=int, nargs="+", default=[700_000], help="to learn from")
    runs.add_argument("--tables", nargs="+", default=list(scale_tables.KINDS))
    runs.add_argument("--methods", nargs="+", default=("default", *PEERS))
    runs.add_argument("--threads", type=int, default=2, help="of the other libraries")
    runs.add_argument("--python", type=Path, default=sys.executable, help="that has the libraries")
    runs.add_argument("--memory", type=float, help="GB that a method may take; left out: all")
    runs.set_defaults(command=run)
    shows = commands.add_parser("summary", help="print what is stored")
    shows.set_defaults(command=lambda options: summary(options.out))
    for each in (runs, shows):
        each.add_argument("--out", type=Path, required=True, help="folder of tables and results")
    options = parser.parse_args()
    options.command(options)


if __name__ == "__main__":
    main()

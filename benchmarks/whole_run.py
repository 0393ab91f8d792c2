"""A cold run of a competition, stage by stage: seconds, seconds of imports, peak memory.

    python benchmarks/whole_run.py airline --raw ~/Downloads/airline
    python benchmarks/whole_run.py airline --preset quick          (the simulated survey)

Works on a copy of the project in a temporary folder. Memory is the sum over all processes of the
run at one moment, shared pages counted once (Pss), sampled twenty times a second.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("load", "explore", "split", "encode", "tune", "train", "blend", "evaluate", "submit")


def main() -> None:
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        copy_project(project, options.competition, options.raw)
        print(f"{'stage':<10} {'seconds':>8} {'imports':>8} {'peak MB':>8}")
        totals = [0.0, 0.0, 0.0]
        for stage in options.stages:
            seconds, imports, peak = measure(project, stage, options)
            totals = [totals[0] + seconds, totals[1] + imports, max(totals[2], peak)]
            print(f"{stage:<10} {seconds:8.1f} {imports:8.1f} {peak:8.0f}", flush=True)
        print(f"{'all':<10} {totals[0]:8.1f} {totals[1]:8.1f} {totals[2]:8.0f}")
        subprocess.run(command(project, "all", options), cwd=project, check=True)
        again = time.perf_counter()
        subprocess.run(command(project, "all", options), cwd=project, check=True)
        print(f"{'again':<10} {time.perf_counter() - again:8.2f}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("competition")
    parser.add_argument("--raw", type=Path, help="folder with the organiser's files")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    return parser.parse_args()


def copy_project(project: Path, competition: str, raw: Path | None) -> None:
    shutil.copytree(
        ROOT / "pipeline", project / "pipeline", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, project)
    if raw is not None:
        shutil.copytree(raw, project / "data" / "raw" / competition)


def command(project: Path, goal: str, options: argparse.Namespace) -> list[str]:
    venv = Path(sys.executable).parent.parent
    choices = [f"VENV={venv}", f"C={options.competition}", f"PRESET={options.preset}"]
    return ["make", "--silent", "--no-print-directory", *choices, goal]


def measure(project: Path, goal: str, options: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds, seconds spent in imports (all processes, those of workers too), peak in MB."""
    log = project / "imports.log"
    environment = {**os.environ, "PYTHONPROFILEIMPORTTIME": "1"}
    done = watch(command(project, goal, options), project, log, environment)
    lines = log.read_text().splitlines()
    if done.code:
        sys.exit("\n".join(line for line in lines if not line.startswith("import time:")))
    return done.seconds, sum(map(own_microseconds, lines)) / 1e6, done.peak


@dataclass(frozen=True)
class Done:
    """Exit code, seconds, and peak memory of all processes in MB."""

    code: int
    seconds: float
    peak: float


def watch(
    arguments: Sequence[str],
    folder: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    enter: Callable[[], None] | None = None,
) -> Done:
    """Run a command, its errors into `log`; `enter` is what its process does first."""
    started, peak = time.perf_counter(), 0.0
    with log.open("w") as file:
        process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
            preexec_fn=enter,
        )
        while process.poll() is None:
            peak = max(peak, memory_of(process.pid))
            time.sleep(0.05)
    return Done(process.returncode, time.perf_counter() - started, peak)


def own_microseconds(line: str) -> int:
    """`import time: own | cumulative | module` -> own."""
    first = line.removeprefix("import time:").partition("|")[0].strip()
    return int(first) if line.startswith("import time:") and first.isdigit() else 0


def memory_of(session: int) -> float:
    """Pss of all processes of the session, in MB."""
    total = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if os.getsid(int(entry.name)) == session:
                text = (entry / "smaps_rollup").read_text()
                total += int(text.partition("\nPss:")[2].split()[0])
        except (OSError, IndexError, ValueError):
            continue  # it has just ended
    return total / 1024


if __name__ == "__main__":
    main()

"""Which method is the most accurate? Fresh samples of 3,000 rows, each scored on all other rows.

    python benchmarks/draws.py --raw DIR --out RESULTS --methods neural_net lightgbm logistic
    ~/peers/bin/python benchmarks/draws.py --raw DIR --out RESULTS --methods catboost5 realmlp tabm
    python benchmarks/draws.py --raw DIR --out RESULTS --table-only --against catboost5 \\
        --blend neural_net+lightgbm
    python benchmarks/draws.py --table-only --out benchmarks/scores --against pipeline

DIR holds Kaggle's airline passenger satisfaction (zip or CSV files, 129,880 labelled rows);
`--target "Type of Travel"` asks another objective of the same rows, any column of two values;
`--simulated` draws from the project's simulated survey instead, 50,000 rows to score on.

A method is a tool of peers.py or searchers.py; a model of the project at its defaults
(`neural_net`) or with other settings (`neural_net@epochs=30,hidden=[512]`), under a name of
one's own if need be (`wide:neural_net@hidden=[512]`); or the whole pipeline (`pipeline`,
`pipeline@preset=quick`, `pipeline@preset=quick,minutes=0` without a bound), run as an entrant
runs it. RESULTS, outside the project, gathers them over several Pythons: predictions of each draw
as .npy, scores as lines of results.jsonl. What is there is not computed again, even if the code has
changed since: give it another name, or remove its lines. benchmarks/scores keeps the lines behind
the README's tables. Seconds are those of encoding, fit and predictions; on a busy machine compare
the processor's, those of child processes counted.

One draw in a script of one's own:

    frame, y = load_passenger(Path("DIR"))
    train, rest = draw(frame, 0)
    known, unseen, columns = encoded(frame, y, train, rest)
    network.fit(known["dense"], y[train]).predict_proba(unseen["dense"])
"""

import argparse
import os
import re
import sys
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Sized
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
import peers
import searchers
import whole_pipeline
from results import Results, print_honesty, print_table, refuse, score
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from pipeline import fitting

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # the simulated survey needs the project's code, not its environment

PEERS = {peer.__name__: peer for peer in (*peers.PEERS, *searchers.PEERS)}
WHOLE = "pipeline"
MODELS = {path.stem for path in (ROOT / "pipeline/models").glob("*.py")} - {"__init__"} | {WHOLE}
METHOD = re.compile(r"((?P<label>[\w.-]+):)?(?P<name>\w+)(@(?P<settings>.+))?")
SCORED = 50_000  # rows of the simulated survey
TARGET = "satisfaction"

Draw: TypeAlias = tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]  # frame, y, train, rest
Draws: TypeAlias = Callable[[int], Draw]

# -- the rows --------------------------------------------------------------------------------------


def load_passenger(path: Path, target: str = TARGET) -> tuple[pd.DataFrame, np.ndarray]:
    """The features (129,880, 22) and the target (129,880,): 1 where it has the later of its two
    values in the alphabet, as "satisfied" is.

    `path` is the zip, or a folder that holds the zip or train.csv and test.csv. Stops at a target
    that is not a column of two values.
    """
    table = pd.concat(_csv_files(Path(path)), ignore_index=True)
    two = [str(name) for name in table if table[name].nunique() == 2]
    if target not in two:
        refuse(f"--target: found {target!r}; allowed are the columns of two values, {two}.")
    y = (table[target] == table[target].max()).to_numpy(dtype=np.int64)
    useless = [target, "id", *(name for name in table if str(name).startswith("Unnamed"))]
    return table.drop(columns=useless), y


def _csv_files(path: Path) -> Iterator[pd.DataFrame]:
    zips = [path] if path.is_file() else sorted(path.glob("*.zip"))
    for name in ("train.csv", "test.csv"):
        if not zips:
            yield pd.read_csv(path / name)
            continue
        with zipfile.ZipFile(zips[0]) as archive, archive.open(name) as file:
            yield pd.read_csv(file)


def draw(
    table: Sized, number: int, rows: int = 3000, scored: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of a draw: `rows` of the table in random order; and `scored` others, or all that
    are left, ascending."""
    shuffled = np.random.default_rng(number).permutation(len(table))
    return shuffled[:rows], np.sort(shuffled[rows:][:scored])


def passenger(path: Path, target: str, rows: int, scored: int | None) -> Draws:
    frame, y = load_passenger(path, target)
    return lambda number: (frame, y, *draw(frame, number, rows, scored))


def simulated(rows: int, scored: int | None) -> Draws:
    from pipeline.competitions.airline_survey import simulate

    def sample(number: int) -> Draw:
        frame = simulate(rows + (scored or SCORED), np.random.default_rng(number))
        places = np.arange(len(frame))
        y = frame["target"].to_numpy()
        return frame.drop(columns=["id", "target"]), y, places[:rows], places[rows:]

    return sample


# -- the project's own models ----------------------------------------------------------------------


def encoded(
    frame: pd.DataFrame,
    y: np.ndarray,
    train: np.ndarray,
    rest: np.ndarray,
    features: str | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, tuple[str, ...]]]:
    """What the project's models read: both views of train, of rest, and the names of their columns.

    Returns {"tree": (n, d), "dense": (n, d')} float32, the same of the rest, and {view: names}.
    `features` is a module in pipeline/competitions. Fitted on train alone.
    """
    import frames

    from pipeline.encoding.views import VIEWS, FoldEncoder
    from pipeline.settings import Encode

    settings = Encode(features=features)
    coded = frames.code(frame.iloc[train], frame.iloc[rest], features)
    encoder, known = FoldEncoder(settings, coded.features, classes=2), {}
    for view in VIEWS:
        rng = np.random.default_rng(settings.seed)
        known[view] = encoder.fit_transform(coded.train, y[train], rng, view)
    unseen = {view: encoder.transform(coded.unseen, view) for view in VIEWS}
    return known, unseen, {view: encoder.names(view) for view in VIEWS}


def own(name: str, settings: dict[str, Any], features: str | None) -> peers.Fit:
    """As `member`, of two classes: the probability of the second one, (m,)."""
    fit = member(name, settings, features)
    return lambda X, y, unseen: fit(X, y, unseen)[:, 1]


def member(
    name: str,
    settings: dict[str, Any],
    features: str | None,
    objective: "fitting.Objective | None" = None,
) -> peers.Fit:
    """The model pipeline/models/<name>.py with the encoding that the pipeline gives it.

    Its fit gives predictions (m, k); without an objective it separates two classes.
    """
    import frames

    from pipeline import config, errors, fitting, models
    from pipeline.folds import Fold
    from pipeline.member import Member
    from pipeline.settings import EncoderSettings

    try:
        chosen = config.validate(models.module(name).Settings, settings, "--methods", name)
    except errors.SettingsError as error:
        refuse(str(error))
    made = Member(name, chosen.of_model(), EncoderSettings(features=features))
    asked = objective or fitting.Objective("binary", 2, "zero_one")

    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        coded, rows = frames.code(X, unseen, features), np.arange(len(y))
        fold = Fold(0, 0, rows, rows[:0])
        fitted = fitting.fit(made, asked, coded.features, coded.train, y, fold)
        return fitted.predict(coded.unseen)

    return fit


# -- running ---------------------------------------------------------------------------------------


def named(method: str) -> tuple[str, list[str]]:
    """LABEL:NAME@key=value,key=value -> NAME and its settings; stops at what is no method."""
    found = METHOD.fullmatch(method)
    if found is None or found["name"] not in (MODELS if found["settings"] else MODELS | set(PEERS)):
        refuse(
            f"--methods: found {method!r}; allowed are the project's {', '.join(sorted(MODELS))}, "
            f"with or without @key=value,..., and the tools {', '.join(PEERS)}."
        )
    settings = found["settings"]
    return found["name"], re.split(r",(?=\w+=)", settings) if settings else []


def build(method: str, options: argparse.Namespace) -> peers.Fit:
    name, pairs = named(method)
    settings = dict(map(setting, pairs))
    if name in PEERS:
        searchers.LIMIT = options.limit
        return PEERS[name](options.threads)
    if name == WHOLE:
        toml = "airline" if options.simulated else None
        preset = settings.get("preset", "default")
        return whole_pipeline.WholePipeline(preset, toml, settings.get("minutes"))
    return own(name, settings, "airline" if options.simulated else None)


def setting(pair: str) -> tuple[str, Any]:
    """A value as in TOML; a bare word is a text."""
    key, _, value = pair.partition("=")
    try:
        return key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key, value


def run(method: str, fit: peers.Fit, draws: Draws, missing: list[int], results: Results) -> None:
    """Fit on each missing draw, score the rest of its rows, and store what came out."""
    for number in missing:
        frame, y, train, rest = draws(number)
        X, unseen = frame.iloc[train], frame.iloc[rest]
        results.check(number, y[rest])
        wall, cpu = time.perf_counter(), processor_seconds()
        probabilities = np.asarray(fit(X, y[train], unseen), dtype=np.float32)
        spent = {"seconds": time.perf_counter() - wall, "cpu_seconds": processor_seconds() - cpu}
        found = score(y[rest], probabilities) | spent | getattr(fit, "promised", {})
        results.add(number, method, probabilities, found)
        line = "{accuracy:.4f} in {seconds:.1f} s, {cpu_seconds:.1f} s of the processor"
        print(f"{method}, draw {number}: {line.format_map(found)}", flush=True)


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def run_all(options: argparse.Namespace, numbers: range, results: Results) -> None:
    """The methods one after another; what is not installed is passed over."""
    sizes = options.rows, options.scored
    if options.simulated:
        draws = simulated(*sizes)
    else:
        draws = passenger(options.raw, options.target, *sizes)
    for method in options.methods:
        stored = results.scores()
        missing = [number for number in numbers if (number, method) not in stored]
        if not missing:
            continue
        try:
            fit = build(method, options)
        except ModuleNotFoundError as error:
            how = getattr(PEERS.get(method), "__doc__", None) or "It needs the project's Python."
            print(f"{method}: skipped, {error.name} is not installed here. {how}", flush=True)
            continue
        run(method, fit, draws, missing, results)


def main() -> None:
    options = parse()
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(options.threads)  # of what is not loaded yet
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(options.threads):
        results = Results(options.out or Path(folder), table_name(options), options.rows)
        numbers = range(options.first, options.first + options.draws)
        if not options.table_only:
            run_all(options, numbers, results)
        print_table(results, numbers, options.against, options.blend)
        print_honesty(results, numbers)


def table_name(options: argparse.Namespace) -> str:
    """What the results are kept under: every table and target has samples of its own."""
    if options.simulated:
        return "simulated"
    if options.target == TARGET:
        return "passenger"
    return "passenger-" + re.sub(r"\W+", "_", options.target.lower())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    table = parser.add_mutually_exclusive_group()
    table.add_argument("--raw", type=Path, help="zip or folder with Kaggle's train.csv, test.csv")
    table.add_argument("--simulated", action="store_true", help="the project's simulated survey")
    parser.add_argument("--target", default=TARGET, help="column to predict, with --raw")
    parser.add_argument("--methods", nargs="+", default=[], metavar="METHOD")
    parser.add_argument("--draws", type=int, default=10, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first draw")
    parser.add_argument("--rows", type=int, default=3000, help="training rows of a draw")
    parser.add_argument("--scored", type=int, help="rows to score on; all that are left")
    parser.add_argument("--out", type=Path, help="folder to keep results in, outside the project")
    parser.add_argument("--against", help="method that the others are compared to, draw by draw")
    parser.add_argument("--blend", nargs="+", default=[], metavar="A+B", help="mean of stored ones")
    parser.add_argument("--table-only", action="store_true", help="print what is stored")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--limit", type=int, default=600, help="seconds that searching tools get")
    options = parser.parse_args()
    for method in options.methods:
        named(method)
    if options.simulated and options.target != TARGET:
        parser.error("--target asks a objective of --raw; the simulated survey has but one")
    if not (options.raw or options.simulated or options.table_only):
        parser.error("give --raw DIR or --simulated")
    inside = options.out and options.out.resolve().is_relative_to(ROOT)
    if inside and not options.table_only:
        parser.error(f"--out: found {options.out}, which is inside the project; give one outside")
    return options


if __name__ == "__main__":
    main()

"""Is the pipeline good on any table? Open tables, 30% of each held out, beside other tools.

    python benchmarks/breadth.py run DIR --out RESULTS --methods quick lightgbm_default --seeds 3
    python benchmarks/breadth.py run DIR --out RESULTS --tables insurance abalone --minutes 2
    python benchmarks/breadth.py summary --out RESULTS --against quick

DIR has a folder a table (tables.py lists them). Rows are held out as a table asks: the latest,
whole groups, or at random; of larger tables `--rows` are drawn to learn from. A method is a preset
of the pipeline, which gets train, test and sample as files and is run as an entrant runs it: `new`,
then `run submit`; or a tool of PEERS, which gets the same rows, dates as numbers and words as
categories; or a model of the project, fitted once (`kernel`, `lightgbm@num_leaves=8`). What
RESULTS/results.jsonl has a line of, by table, seed and method, is not computed again. `--minutes 0`
bounds nothing by the clock: a busy machine then changes no score.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import draws
import numpy as np
import pandas as pd
import whole_run
from peers import categories
from results import refuse
from searchers import suggest_lightgbm
from tables import TABLES, Table

from pipeline import fitting, metrics
from pipeline.errors import UserError

HELD_OUT = 0.3
PRESETS = ("quick", "default", "best")
TRIALS = 30  # of the tuned peer, where no minutes are given
ID, DRAW = "row_id", "breadth"

# -- the rows --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Draw:
    """Rows to learn from and rows held out, each with its target, and codes y of the latter.

    `classes` are the labels in code order, as words; none for regression.
    """

    table: Table
    train: pd.DataFrame
    held_out: pd.DataFrame
    classes: tuple[str, ...]

    @property
    def metric(self) -> metrics.Metric:
        return metrics.METRICS[self.table.metric]

    @property
    def features(self) -> list[str]:
        hidden = (self.table.target, self.table.group)
        return [name for name in self.train if name not in hidden]

    def y(self, frame: pd.DataFrame) -> np.ndarray:
        """Class codes or values, (n,)."""
        target = frame[self.table.target]
        if not self.classes:
            return target.to_numpy(dtype=float)
        return target.map({name: code for code, name in enumerate(self.classes)}).to_numpy()


def hold_out(table: Table, folder: Path, seed: int, rows: int) -> Draw:
    """Rows of the table for this seed: `rows` to learn from at most, 3/7 of them held out."""
    frame, rng = table.load(folder), np.random.default_rng(seed)
    classes: tuple[str, ...] = ()
    if metrics.METRICS[table.metric].needs != "values":
        frame[table.target] = _words(frame[table.target])
        classes = tuple(sorted(frame[table.target].unique()))
    held_out = _held_out(table, frame, rng)
    most = rows, round(rows * HELD_OUT / (1 - HELD_OUT))
    drawn = [
        rng.permutation(np.flatnonzero(mask))[:n]
        for mask, n in zip((~held_out, held_out), most, strict=True)
    ]
    train, unseen = (frame.iloc[places].reset_index(drop=True) for places in drawn)
    return Draw(table, train, unseen, classes)


def _words(target: pd.Series) -> pd.Series:
    """Labels as words; of two the later one in the alphabet becomes 1, as organisers code it."""
    labels = sorted(target.unique())
    if len(labels) == 2:
        return (target == labels[1]).astype(int).astype(str)
    return target.astype(str)


def _held_out(table: Table, frame: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """A mask (n,) of about 30% of the rows."""
    if table.when is not None:
        order = table.when(frame).rank(method="first", pct=True)
        return (order > 1 - HELD_OUT).to_numpy()
    if table.group is None:
        return rng.permutation(len(frame)) < HELD_OUT * len(frame)
    groups = frame[table.group]
    shuffled = rng.permutation(groups.unique())
    before = groups.value_counts()[shuffled].cumsum().shift(fill_value=0)
    return groups.isin(before.index[before < HELD_OUT * len(frame)]).to_numpy()


# -- the pipeline ----------------------------------------------------------------------------------

Found: TypeAlias = tuple[np.ndarray, dict[str, Any]]  # prediction (m, k), and what was promised


def pipeline(preset: str, drawn: Draw, project: Path, minutes: float | None) -> Found:
    """`new` and `run submit` in a copy of the project, and what the submission holds."""
    shutil.rmtree(project, ignore_errors=True)
    whole_run.copy_project(project, "", None)
    _write_files(drawn, project / "files")
    _call(project, "new", DRAW, "--from", "files", *_options(drawn.table))
    if minutes is not None:
        toml = project / f"pipeline/competitions/{DRAW}.toml"
        bound = f"minutes = {minutes:g}" if minutes else "# minutes"
        toml.write_text(re.sub(r"^minutes = .*$", bound, toml.read_text(), flags=re.MULTILINE))
    _call(project, "run", "submit", DRAW, "--preset", preset)
    record = json.loads(
        (project / f"data/build/{DRAW}/experiments/0001/experiment.json").read_text()
    )
    (file,) = (project / f"submissions/{DRAW}").glob("*_*.csv")
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


# -- the peers -------------------------------------------------------------------------------------

Build: TypeAlias = Callable[..., Any]  # settings -> an estimator of scikit-learn's kind


def lightgbm_default(drawn: Draw, threads: int) -> Build:
    """LightGBM's defaults."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    settings = {"n_jobs": threads, "verbosity": -1}
    if drawn.table.metric == "mae":
        settings["objective"] = "regression_l1"
    kind = LGBMClassifier if drawn.classes else LGBMRegressor
    return lambda **chosen: kind(**settings, **chosen)


def xgboost_default(drawn: Draw, threads: int) -> Build:
    """XGBoost's defaults."""
    from xgboost import XGBClassifier, XGBRegressor

    settings: dict[str, Any] = {"n_jobs": threads, "enable_categorical": True}
    if drawn.table.metric == "mae":
        settings["objective"] = "reg:absoluteerror"
    kind = XGBClassifier if drawn.classes else XGBRegressor
    return lambda **chosen: kind(**settings, **chosen)


def catboost_default(drawn: Draw, threads: int) -> Build:
    """CatBoost's defaults, its categories not coded: `pip install catboost`."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    words = drawn.train[drawn.features].select_dtypes(exclude="number").columns
    settings: dict[str, Any] = {
        "thread_count": threads,
        "allow_writing_files": False,
        "verbose": False,
    }
    settings["cat_features"] = [name for name in words if name not in drawn.table.dates]
    if drawn.table.metric == "mae":
        settings["loss_function"] = "MAE"
    kind = CatBoostClassifier if drawn.classes else CatBoostRegressor
    return lambda **chosen: kind(**settings, **chosen)


PEERS = {peer.__name__: peer for peer in (lightgbm_default, xgboost_default, catboost_default)}
TUNED = "lightgbm_tuned"


def peer(name: str, drawn: Draw, threads: int, minutes: float | None) -> np.ndarray:
    """A tool's prediction (m, k); RMSLE is learnt on the target's logarithm."""
    build = (lightgbm_default if name == TUNED else PEERS[name])(drawn, threads)
    X, unseen = (_columns(drawn, frame) for frame in (drawn.train, drawn.held_out))
    if name == "catboost_default":
        words = X.select_dtypes(exclude="number").columns
        X, unseen = (
            each.assign(**{w: each[w].fillna("").astype(str) for w in words})
            for each in (X, unseen)
        )
    else:
        X, unseen = categories(X, unseen)
    y, is_log = drawn.y(drawn.train), drawn.table.metric == "rmsle"
    y = np.log1p(y) if is_log else y
    chosen = tuned(drawn, build, X, y, minutes) if name == TUNED else {}
    model = build(**chosen).fit(X, y)
    if drawn.classes:
        return np.asarray(model.predict_proba(unseen))
    values = np.asarray(model.predict(unseen))
    return (np.expm1(values) if is_log else values)[:, None]


def _columns(drawn: Draw, frame: pd.DataFrame) -> pd.DataFrame:
    """The features, a date as its parts, under names that every tool takes."""
    X = frame[drawn.features].copy()
    for name, form in drawn.table.dates.items():
        when = pd.to_datetime(X.pop(name).astype(str), format=form)
        for part in ("year", "month", "day", "day_of_week", "hour", "day_of_year"):
            X[f"{name} {part}"] = getattr(when.dt, part)
        X[f"{name} days"] = (when - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1)
    return X.set_axis([f"{i}_{re.sub(r'[^0-9A-Za-z]', '_', c)}" for i, c in enumerate(X)], axis=1)


def tuned(
    drawn: Draw, build: Build, X: pd.DataFrame, y: np.ndarray, minutes: float | None
) -> dict[str, Any]:
    """Settings of LightGBM by Optuna, five folds, in so many minutes or TRIALS trials."""
    import optuna
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_val_predict

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    groups = drawn.train[drawn.table.group] if drawn.table.group else None
    plain = StratifiedKFold if drawn.classes else KFold
    folds = plain(5, shuffle=True, random_state=0) if groups is None else GroupKFold(5)
    metric = metrics.METRICS["rmse"] if drawn.table.metric == "rmsle" else drawn.metric.smooth
    method = "predict_proba" if drawn.classes else "predict"

    def loss(trial: optuna.Trial) -> float:
        model = build(**suggest_lightgbm(trial))
        oof = cross_val_predict(model, X, y, groups=groups, cv=folds, method=method)
        return metric.loss(y, oof.reshape(len(y), -1))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(loss, None if minutes else TRIALS, timeout=60 * minutes if minutes else None)
    return study.best_params | {"subsample_freq": 1}


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
        elif method in (*PEERS, TUNED):
            prediction = peer(method, drawn, options.threads, options.minutes)
        else:
            prediction = own(method, drawn)
    except ModuleNotFoundError as error:
        print(f"{method}: skipped, {error.name} is not installed here.", flush=True)
        return
    except (RuntimeError, ValueError, TypeError, UserError) as error:
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


Results: TypeAlias = dict[tuple[str, int, str], dict[str, Any]]


def results(out: Path) -> Results:
    """By table, seed and method; of two lines the later one counts."""
    file = out / "results.jsonl"
    lines = map(json.loads, file.read_text().splitlines() if file.exists() else ())
    return {(line["table"], line["seed"], line["method"]): line for line in lines}


# -- what came out ---------------------------------------------------------------------------------


def summary(options: argparse.Namespace) -> None:
    """A line a table and method, then ranks and promises."""
    stored, against = results(options.out), options.against
    for (table, seed, method), line in stored.items():
        if "error" in line:
            print(f"{table}, seed {seed}, {method}: {line['error'].splitlines()[-1]}")
    methods = list(dict.fromkeys(method for _, _, method in stored))
    lines = [each for table in TABLES for each in _lines(table, stored, methods, options)]
    columns = ("table", "metric", against, "method", "seeds", "score", "better by", "error")
    print(pd.DataFrame(lines, columns=columns).to_string(index=False))
    for method in methods:
        z = np.array([each[6] / (each[7] or 1) for each in lines if each[3] == method])
        if len(z):
            beyond = f"better on {(z > 2).sum()}, worse on {(z < -2).sum()} by 2 standard errors"
            print(f"{against} beside {method}, {len(z)} tables: ahead on {(z > 0).sum()}, {beyond}")
    print_ranks(stored, options.rank or methods)
    print_promises(stored)


def _lines(
    table: Table, stored: Results, methods: Sequence[str], options: argparse.Namespace
) -> Iterable[tuple[Any, ...]]:
    """Of each other method: what it scored, by how much `against` is better, and the error."""

    def scored(method: str) -> set[int]:
        found = {
            seed: line
            for (name, seed, m), line in stored.items()
            if (name, m) == (table.name, method)
        }
        return {seed for seed, line in found.items() if "score" in line}

    for method in methods:
        seeds = sorted(scored(options.against) & scored(method))
        if method != options.against and seeds:
            one, other = (
                np.mean([stored[table.name, seed, each]["score"] for seed in seeds])
                for each in (options.against, method)
            )
            gain, error = difference(options.out, table, seeds, options.against, method)
            yield table.name, table.metric, one, method, len(seeds), other, gain, error


def difference(
    out: Path, table: Table, seeds: Sequence[int], one: str, other: str
) -> tuple[float, float]:
    """How much better `one` is, and its standard error.

    The error is that over the held-out rows or that between seeds, whichever is greater, over the
    root of the seeds: their rows are other ones, but for small tables and those split by time.
    """
    metric, gains, errors = metrics.METRICS[table.metric], [], []
    for seed in seeds:
        both = [np.load(out / table.name / str(seed) / f"{m}.npz") for m in (one, other)]
        predictions = (each["prediction"] for each in both)
        found = metrics.paired_difference(metric, both[0]["y"], *predictions)
        gains.append(metric.sign * found.score)
        errors.append(found.standard_error)
    between = float(np.std(gains, ddof=1)) if len(seeds) > 1 else 0.0
    over_rows = float(np.sqrt(np.mean(np.square(errors))))
    return float(np.mean(gains)), max(between, over_rows) / float(np.sqrt(len(seeds)))


def print_ranks(stored: Results, methods: Iterable[str]) -> None:
    """Mean rank over the tables and seeds that all of these methods have."""
    signs = {table.name: metrics.METRICS[table.metric].sign for table in TABLES}
    places = dict.fromkeys((table, seed) for table, seed, _ in stored)
    scores = pd.DataFrame(
        {
            m: {p: signs[p[0]] * stored.get((*p, m), {}).get("score", np.nan) for p in places}
            for m in methods
        }
    )
    complete = scores.dropna()
    ranks = complete.rank(axis=1, ascending=False)
    firsts = ranks.eq(1).sum()
    print(f"of {len(complete)} tables and seeds with all methods, mean rank (times first):")
    print(
        "  "
        + ", ".join(
            f"{m} {ranks[m].mean():.2f} ({firsts[m]})" for m in ranks.mean().sort_values().index
        )
    )


def print_promises(stored: Results) -> None:
    """Of methods that expect a score: how often the 68% interval held what was achieved."""
    held: dict[str, list[bool]] = defaultdict(list)
    for (_, _, method), line in stored.items():
        if line.get("expected") is not None and "score" in line:
            off = abs(line["expected"] - line["score"])
            held[method].append(off <= line["expected_error"])
    for method, right in held.items():
        print(f"{method}: the 68% interval held the achieved score in {sum(right)} of {len(right)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    runs = commands.add_parser("run", help="compute what is missing")
    runs.add_argument("folder", type=Path, help="a folder a table")
    runs.add_argument("--methods", nargs="+", default=("quick", *PEERS, TUNED))
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
    shows.set_defaults(command=summary)
    for each in (runs, shows):
        each.add_argument("--out", type=Path, required=True, help="folder of the results")
    options = parser.parse_args()
    options.command(options)


if __name__ == "__main__":
    main()

"""On many rows: how many leaves, rounds and seeds of LightGBM are worth their time?

    python benchmarks/many_rows.py --rows 50000 200000
    python benchmarks/many_rows.py --table FILE.csv --target price --metric mae

Without --table the rows are those of the simulated survey, and 100,000 others are scored; of a
table a quarter is, drawn with a seed. All fits see the same rows, encoded as in a fold of the
pipeline. A line each: the score, and the seconds of one core that the fit took.
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # the project's code

from pipeline.parallel import ONE_THREAD

os.environ.update(ONE_THREAD)  # before NumPy is imported

import frames
import lightgbm
import numpy as np
import pandas as pd

from pipeline import metrics, models
from pipeline.competitions.airline_survey import simulate
from pipeline.encoding.views import FoldEncoder
from pipeline.models import ModelProblem
from pipeline.settings import Encode

SCORED = 100_000
TRIED = [
    {"num_leaves": leaves, "learning_rate": rate, "n_models": seeds}
    for leaves in (31, 127)
    for rate, seeds in ((0.1, 1), (0.2, 1), (0.1, 4))
]


@dataclass(frozen=True)
class Part:
    """Rows in the tree view, (n, d), and their target, (n,)."""

    X: np.ndarray
    y: np.ndarray


def encoded(
    train: pd.DataFrame, unseen: pd.DataFrame, target: str, metric: metrics.Metric
) -> tuple[Part, Part, ModelProblem]:
    is_regression = "regression" in metric.tasks
    y, rest = (each[target].to_numpy(float if is_regression else int) for each in (train, unseen))
    coded = frames.code(train.drop(columns=target), unseen.drop(columns=target))
    encoder = FoldEncoder(Encode(), coded.features, None if is_regression else 2)
    X = encoder.fit_transform(coded.train, y, np.random.default_rng(0), "tree")
    columns, categorical = encoder.names("tree"), encoder.categorical("tree")
    task, outputs = ("regression", 1) if is_regression else ("binary", 2)
    problem = ModelProblem(task, outputs, metric.loss_for_models, columns, categorical)
    return Part(X, y), Part(encoder.transform(coded.unseen, "tree"), rest), problem


def defaults(train: Part, unseen: Part, problem: ModelProblem) -> np.ndarray:
    """Predictions (m, k) of LightGBM's own defaults, 100 rounds."""
    loss = "l1" if problem.loss == "absolute_error" else "l2"
    objective = loss if problem.task == "regression" else "binary"
    parameters = {"objective": objective, "num_threads": 1, "verbosity": -1}
    values = lightgbm.train(parameters, lightgbm.Dataset(train.X, train.y)).predict(unseen.X)
    return values[:, None] if objective == loss else np.column_stack([1 - values, values])


def compare(train: pd.DataFrame, unseen: pd.DataFrame, target: str, metric: metrics.Metric) -> None:
    rows, rest, problem = encoded(train, unseen, target, metric)
    print(f"{len(rows.y):,} rows, {rows.X.shape[1]} columns; {metric.label}, seconds", flush=True)
    for settings in [None, *TRIED]:
        started = time.process_time()
        if settings is None:
            prediction = defaults(rows, rest, problem)
        else:
            model = models.build("lightgbm", settings, problem).fit(rows.X, rows.y)
            prediction = model.predict(rest.X)
        seconds = time.process_time() - started
        listed = ", ".join(f"{key} {value}" for key, value in (settings or {}).items())
        score = metric.score(rest.y, prediction)
        print(f"{score:10.5f} {seconds:7.1f}  {listed or 'defaults'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 200_000])
    parser.add_argument("--table", help="a CSV; drop its leaks first")
    parser.add_argument("--target", default="target")
    parser.add_argument("--metric", default="accuracy", choices=metrics.METRICS)
    options = parser.parse_args()
    metric = metrics.METRICS[options.metric]
    if options.table:
        table = pd.read_csv(options.table).sample(frac=1, random_state=0, ignore_index=True)
        cut = len(table) * 3 // 4
        rest = table[cut:].reset_index(drop=True)
        compare(table[:cut], rest, options.target, metric)
        return
    for rows in options.rows:
        table = simulate(rows + SCORED, np.random.default_rng(rows)).drop(columns="id")
        rest = table[rows:].reset_index(drop=True)
        compare(table[:rows], rest, "target", metric)


if __name__ == "__main__":
    main()

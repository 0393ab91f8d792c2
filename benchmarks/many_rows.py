"""On many rows: how many leaves, rounds and seeds of LightGBM are worth their time?

    python benchmarks/many_rows.py --rows 50000 200000
    python benchmarks/many_rows.py --table FILE.csv --target price --metric mae

Without --table the rows are those of the simulated survey, and 100,000 others are judged; of a
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

import lightgbm
import numpy as np
import pandas as pd

from pipeline import config, metrics, models, schema
from pipeline.competitions.airline_survey import simulate
from pipeline.encoding.views import FoldEncoder

JUDGED = 100_000
TRIED = [
    {"num_leaves": leaves, "learning_rate": rate, "n_models": seeds}
    for leaves in (31, 127)
    for rate, seeds in ((0.1, 1), (0.2, 1), (0.1, 4))
]


@dataclass(frozen=True)
class Part:
    """Rows in the tree view, (n, d), and what they were asked for, (n,)."""

    X: np.ndarray
    y: np.ndarray


def encoded(
    train: pd.DataFrame, judged: pd.DataFrame, target: str, regression: bool
) -> tuple[Part, Part, models.Problem]:
    names = [name for name in train.columns if name != target]
    columns = [
        {"name": n, "kind": schema.describe_column(n, train[n], judged[n])["kind"]} for n in names
    ]
    y = train[target].to_numpy(float if regression else int)
    encoder = FoldEncoder(config.Encode(), columns, None if regression else 2)
    X = encoder.fit_transform(train[names], y, np.random.default_rng(0))["tree"]
    view = encoder.describe()["tree"]
    task, outputs = ("regression", 1) if regression else ("binary", 2)
    problem = models.Problem(task, outputs, "", tuple(view["columns"]), tuple(view["categorical"]))
    unseen = Part(encoder.transform(judged[names])["tree"], judged[target].to_numpy(y.dtype))
    return Part(X, y), unseen, problem


def defaults(train: Part, unseen: Part, problem: models.Problem) -> np.ndarray:
    """Of LightGBM's own defaults, 100 rounds: (m, k)."""
    loss = "l1" if problem.metric == "mae" else "l2"
    objective = loss if problem.task == "regression" else "binary"
    parameters = {"objective": objective, "num_threads": 1, "verbosity": -1}
    values = lightgbm.train(parameters, lightgbm.Dataset(train.X, train.y)).predict(unseen.X)
    return values[:, None] if objective == loss else np.column_stack([1 - values, values])


def compare(train: pd.DataFrame, judged: pd.DataFrame, target: str, metric: metrics.Metric) -> None:
    rows, unseen, problem = encoded(train, judged, target, "regression" in metric.tasks)
    problem = models.Problem(problem.task, problem.outputs, metric.name, problem.columns)
    print(f"{len(rows.y):,} rows, {rows.X.shape[1]} columns; {metric.label}, seconds", flush=True)
    for settings in [None, *TRIED]:
        started = time.process_time()
        if settings is None:
            prediction = defaults(rows, unseen, problem)
        else:
            prediction = (
                models.build("lightgbm", settings, problem).fit(rows.X, rows.y).predict(unseen.X)
            )
        seconds = time.process_time() - started
        told = ", ".join(f"{key} {value}" for key, value in (settings or {}).items())
        score = metric.score(unseen.y, prediction)
        print(f"{score:10.5f} {seconds:7.1f}  {told or 'defaults'}", flush=True)


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
        judged = table[cut:].reset_index(drop=True)
        compare(table[:cut], judged, options.target, metric)
        return
    for rows in options.rows:
        table = simulate(rows + JUDGED, np.random.default_rng(rows)).drop(columns="id")
        judged = table[rows:].reset_index(drop=True)
        compare(table[:rows], judged, "target", metric)


if __name__ == "__main__":
    main()

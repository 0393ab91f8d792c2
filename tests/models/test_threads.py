"""Boosting with several threads: the same bytes as with one, whatever it learns."""

import os
import subprocess
import sys

import pytest

from pipeline.parallel import ONE_THREAD, PASSIVE

PROGRAM = """
import functools, math, sys
import numpy as np
from pipeline import models, parallel, threads
from pipeline.models import ModelProblem

rng = np.random.default_rng(0)
X = np.column_stack([rng.normal(size=(3000, 4)), rng.integers(0, 5, (3000, 2))])
X[rng.random(X.shape) < 0.05] = np.nan
z = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 4]) + rng.normal(size=3000)
kind, task, loss = sys.argv[1:]
outputs = {"binary": 2, "multiclass": 4}.get(task, 1)
y = np.abs(z) if outputs == 1 else np.digitize(z, np.quantile(z, np.arange(1, outputs) / outputs))
parameter = {"quantile": 0.7, "tweedie": 1.5}.get(loss)
problem = ModelProblem(task, outputs, loss, tuple("abcdef"), (), {}, parameter)

def fitted(number):
    settings = {"max_rounds": 12, "n_models": 2, "bagging_fraction": 0.8}
    with threads.using_threads(number):
        assert threads.threads() == number
        model = models.build(kind, settings, problem).fit(X.astype(np.float32), y)
        return repr(model.state()), model.predict(X.astype(np.float32)).tobytes()

with parallel.workers(1, lambda: math.inf) as parallel_map:
    one, two, three = parallel_map(fitted, [1, 2, 3])
print(one == two == three, one[0].count("tree"))
"""
REGRESSIONS = ("squared_error", "absolute_error", "quantile", "poisson", "tweedie")


@pytest.mark.skipif(sys.platform != "linux", reason="a worker is forked from this program")
@pytest.mark.parametrize("kind", ["lightgbm", "xgboost"])
@pytest.mark.parametrize(
    ("task", "loss"),
    [("binary", "log_loss"), ("multiclass", "log_loss")]
    + [("regression", loss) for loss in REGRESSIONS],
)
def test_threads_change_no_byte_of_a_fit(kind, task, loss):
    command = [sys.executable, "-c", PROGRAM, kind, task, loss]
    environment = {**os.environ, **ONE_THREAD, **PASSIVE}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    same, trees = done.stdout.split()
    assert same == "True" and int(trees) > 10

"""Boosting with several threads: the same bytes as with one, whatever it learns."""

import json
import os
import subprocess
import sys

import pytest

from pipeline.parallel import ONE_THREAD, PASSIVE

PROGRAM = """
import json, math, sys
import numpy as np
from pipeline import models, parallel, threads
from pipeline.models import ModelProblem

rng = np.random.default_rng(0)
X = np.column_stack([rng.normal(size=(3000, 4)), rng.integers(0, 5, (3000, 2))])
X = np.where(rng.random(X.shape) < 0.05, np.nan, X).astype(np.float32)
z = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 4]) + rng.normal(size=3000)
settings = {"max_rounds": 12, "n_models": 2, "bagging_fraction": 0.8, **json.loads(sys.argv[3])}

def fitted(asked):
    number, task, loss = asked
    outputs = {"binary": 2, "multiclass": 4}.get(task, 1)
    classes = np.digitize(z, np.quantile(z, np.arange(1, outputs) / outputs))
    parameter = {"quantile": 0.7, "tweedie": 1.5}.get(loss)
    problem = ModelProblem(task, outputs, loss, tuple("abcdef"), (), {}, parameter)
    with threads.using_threads(number):
        assert threads.threads() == number
        model = models.build(sys.argv[1], settings, problem)
        model.fit(X, np.abs(z) if outputs == 1 else classes)
        return repr(model.state()), model.predict(X).tobytes()

found = []
with parallel.workers(1, lambda: math.inf) as parallel_map:
    for what in json.loads(sys.argv[2]):
        one, two, three = parallel_map(fitted, [(number, *what) for number in (1, 2, 3)])
        found.append([one == two == three, one[0].count("tree")])
print(json.dumps(found))
"""
REGRESSIONS = ("squared_error", "absolute_error", "quantile", "poisson", "tweedie")
LEARNT = [
    ("binary", "log_loss"),
    ("multiclass", "log_loss"),
    *(("regression", loss) for loss in REGRESSIONS),
]


@pytest.mark.skipif(sys.platform != "linux", reason="a worker is forked from this program")
@pytest.mark.parametrize(
    ("kind", "settings"),
    [("lightgbm", {}), ("lightgbm", {"fraction_by": "tree"}), ("xgboost", {})],
)
def test_threads_change_no_byte_of_a_fit(kind, settings):
    command = [sys.executable, "-c", PROGRAM, kind, json.dumps(LEARNT), json.dumps(settings)]
    environment = {**os.environ, **ONE_THREAD, **PASSIVE}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = dict(zip(LEARNT, json.loads(done.stdout), strict=True))
    assert [what for what, (same, _) in found.items() if not same] == []
    assert min(trees for _, trees in found.values()) > 10

"""A fit is named by what it depends on, computed once, and comes back as it was."""

import functools
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline import fitting, models
from pipeline.errors import DataError, memory_errors
from pipeline.fits import Fit, Fits
from pipeline.fitting import code_frame
from pipeline.folds import Fold
from pipeline.parallel import workers
from pipeline.settings import EncoderSettings
from pipeline.store import Key
from tests import values

KINDS = {"size": "number", "city": "category", "weight": "number"}
ROWS = 150
FOLDS = values.folds(ROWS).folds
LINEAR = values.member("linear")


def load(seed: int = 0, **changes):
    rng = np.random.default_rng(seed)
    rows = ROWS + 30
    frame = pd.DataFrame(
        {
            "size": rng.integers(6, size=rows),
            "city": rng.choice([f"c{i}" for i in range(15)], size=rows),
            "weight": rng.normal(size=rows),
        }
    )
    y = (frame["size"] + frame["weight"] + rng.normal(size=rows) > 3).to_numpy().astype(int)
    train = frame[:ROWS].assign(**changes)
    return values.loaded(train, frame[ROWS:], y[:ROWS], KINDS, ("no", "yes"))


@pytest.fixture
def fits(tmp_path) -> Fits:
    return values.fits(tmp_path, load())


@pytest.mark.parametrize("kind", ["linear", "lightgbm"])
def test_a_stored_fit_predicts_the_same_bytes_as_when_it_was_fitted(fits, kind, tmp_path):
    asked, fold = values.member(kind), FOLDS[1]
    valid, test = fits.fit(asked, fold).valid, fits.test(asked, fold).values
    later = values.fits(tmp_path, load())
    table = later.encode.value.tables[""]
    for fitted in (fits.fitted(asked, fold), later.fitted(asked, fold)):
        assert fitted.predict(table.train.take(fold.valid)).tobytes() == valid.tobytes()
        assert fitted.predict(table.test).tobytes() == test.tobytes()
        assert (
            fitted.predict(code_frame(fitted.member, load().test, fitted.features)).tobytes()
            == test.tobytes()
        )
    stored = later.stored(asked, fold, later.key(asked, fold).path)
    assert stored.predict(table.test).tobytes() == test.tobytes()


def test_nothing_is_fitted_twice(fits, tmp_path, monkeypatch):
    first = fits.fit(LINEAR, FOLDS[0]), fits.test(LINEAR, FOLDS[0])
    later = values.fits(tmp_path, load())
    monkeypatch.setattr(fitting, "fit", None)
    assert later.fit(LINEAR, FOLDS[0]).valid.tobytes() == first[0].valid.tobytes()
    assert later.test(LINEAR, FOLDS[0]).values.tobytes() == first[1].values.tobytes()
    # a learning curve ends in a fit on all rows
    found = later.validate(LINEAR, FOLDS[0], FOLDS[0].train)
    assert found.tobytes() == first[0].valid.tobytes()


def test_predictions_of_test_that_were_removed_are_computed_again_by_the_same_fit(
    fits, tmp_path, monkeypatch
):
    first, second = (fits.test(LINEAR, fold).values for fold in FOLDS[:2])
    fits.forget_tests(LINEAR, FOLDS[:1])
    kept = [fits.store.manifest(fits.test_key(LINEAR, fold)) for fold in FOLDS[:2]]
    assert (kept[0] is None, kept[1] is None) == (True, False)
    later = values.fits(tmp_path, load())
    monkeypatch.setattr(fitting, "fit", None)
    assert later.test(LINEAR, FOLDS[0]).values.tobytes() == first.tobytes()
    assert later.test(LINEAR, FOLDS[1]).values.tobytes() == second.tobytes()


def test_another_process_is_sent_the_names_alone(fits):
    fits.fit(values.member("lightgbm"), FOLDS[0])
    assert len(pickle.dumps(fits)) < 2000
    with workers(2) as parallel_map:
        keys = list(parallel_map(functools.partial(fits.key, LINEAR), FOLDS))
    assert keys == [fits.key(LINEAR, fold) for fold in FOLDS]


def narrow(**settings):
    return replace(LINEAR, encoder=EncoderSettings(**settings))


def test_a_fit_has_another_key_if_what_it_depends_on_differs(fits, tmp_path):
    fold, key = FOLDS[0], fits.key(LINEAR, FOLDS[0])
    other_fold = Fold(fold.repeat, fold.number, fold.train[1:], fold.valid)
    keys = [
        key,
        fits.key(values.member("linear", l2=0.5), fold),
        fits.key(values.member("logistic"), fold),
        fits.key(narrow(drop=("weight",)), fold),
        fits.key(narrow(rare=2), fold),
        fits.key(LINEAR, other_fold),
        fits.key(LINEAR, in_groups := fold.with_clusters(np.arange(len(load().y)) % 9, False)),
        fits.key(LINEAR, replace(in_groups, by_time=True)),
        fits.key(LINEAR, fold, fold.train[::2]),
        values.fits(tmp_path, load(city="c1")).key(LINEAR, fold),
        values.fits(tmp_path, replace(load(), y=1 - load().y)).key(LINEAR, fold),
    ]
    assert len(set(keys)) == len(keys)
    assert values.fits(tmp_path, load()).key(LINEAR, fold) == key


def test_columns_that_a_member_does_not_see_are_no_part_of_its_key(fits, tmp_path):
    blind, fold = narrow(drop=("city",)), FOLDS[0]
    changed = values.fits(tmp_path, load(city="c1"))
    assert changed.key(blind, fold) == fits.key(blind, fold)
    # however it is said what it sees
    assert fits.key(narrow(columns=("size", "weight")), fold) == fits.key(blind, fold)
    assert [feature.name for feature in fits.features(blind)] == ["size", "weight"]


def test_what_a_member_does_not_see_changes_no_prediction(fits, tmp_path):
    blind = values.member("lightgbm", EncoderSettings(drop=("city",)))
    changed = values.fits(tmp_path / "other", load(city="c1"))
    found = [each.fit(blind, FOLDS[0]).valid.tobytes() for each in (fits, changed)]
    assert found[0] == found[1]


@pytest.mark.parametrize("state", [{}, {"encoder": {}, "model": {}}])
def test_a_stored_fit_that_is_none_is_named_with_what_to_do(fits, state):
    key = fits.key(LINEAR, FOLDS[0])
    fits.store.put(key, Fit(np.zeros((50, 2)), state, 0.0, 0.0))
    where = rf"{fits.store.root}/{key.path}: .* is damaged \(.*Delete this folder and run"
    with pytest.raises(DataError, match=where):
        fits.fitted(LINEAR, FOLDS[0])
    with pytest.raises(DataError, match=where):
        fits.stored(LINEAR, FOLDS[0], key.path)


def test_a_fit_of_other_code_that_has_gone_is_named_and_not_computed_again(fits, monkeypatch):
    monkeypatch.setattr(fitting, "fit", None)
    with pytest.raises(DataError, match=r"fit/0123: this fit is missing.*Run the competition"):
        fits.stored(LINEAR, FOLDS[0], Key("fit", "0123").path)


@pytest.mark.parametrize("kind", ["linear", "lightgbm"])
def test_many_rows_which_are_never_copied_are_learnt_and_predicted_as_few(
    fits, kind, tmp_path, monkeypatch
):
    asked, fold = values.member(kind, max_rounds=10) if kind != "linear" else LINEAR, FOLDS[0]
    few = fits.fit(asked, fold).valid, fits.test(asked, fold).values
    monkeypatch.setattr("pipeline.fits.MANY_ROWS", 20)
    monkeypatch.setattr("pipeline.fitting.MANY_ROWS", 20)
    monkeypatch.setattr("pipeline.fitting.BLOCK", 7)
    other = values.fits(tmp_path / "other", load())
    many = other.fit(asked, fold).valid, other.test(asked, fold).values
    assert_allclose(many[0], few[0], rtol=1e-6)
    assert_allclose(many[1], few[1], rtol=1e-6)


def test_a_model_that_cannot_learn_in_blocks_is_given_no_more_cells_than_there_may_be(
    fits, monkeypatch
):
    monkeypatch.setattr("pipeline.fits.MANY_ROWS", 20)
    monkeypatch.setattr("pipeline.fitting.MOST_CELLS", 500)
    given = []
    monkeypatch.setattr(models.UnlessConstant, "fit", lambda self, *data: given.append(data))
    monkeypatch.setattr(fitting.FittedMember, "predict", lambda self, rows: np.zeros((50, 2)))
    monkeypatch.setattr(fitting.FittedMember, "state", lambda self: {})
    fits.fit(LINEAR, FOLDS[0])
    ((X, y, clusters),) = given
    assert fits.sample(LINEAR, FOLDS[0]) == len(X)
    assert len(X) == len(y) == 500 // X.shape[1] < len(FOLDS[0].train)
    assert abs(y.mean() - fits.y[FOLDS[0].train].mean()) < 1 / len(y)  # each class has its share
    assert clusters is None


@pytest.mark.parametrize("many", [10_000, 20], ids=["few rows", "many rows"])
def test_a_sample_that_the_settings_ask_for_is_foreseen_and_reported(fits, monkeypatch, many):
    monkeypatch.setattr("pipeline.fits.MANY_ROWS", many)
    given, rows = [], fits.tables(LINEAR).train.rows
    monkeypatch.setattr(models.UnlessConstant, "fit", lambda self, X, *rest: given.append(len(X)))
    monkeypatch.setattr(fitting.FittedMember, "predict", lambda self, rows: np.zeros((50, 2)))
    monkeypatch.setattr(fitting.FittedMember, "state", lambda self: {})
    for asked, found in ((None, len(FOLDS[0].train)), (30, 30)):
        member = values.member("neural_net", most_rows=asked)
        fits.fit(member, FOLDS[0])  # whose encoder is kept for what follows
        assert given.pop() == found
        assert fits.learnt_rows(member) == (asked or rows)
        assert fits.sample(member, FOLDS[0]) == asked


def test_of_what_cannot_learn_in_blocks_fewer_rows_than_the_table_has_are_foreseen(
    fits, monkeypatch
):
    monkeypatch.setattr("pipeline.fitting.MOST_CELLS", 500)
    rows = fits.tables(LINEAR).train.rows
    assert 0 < fits.learnt_rows(LINEAR) < rows == fits.learnt_rows(values.member("lightgbm"))


def test_no_more_fits_of_many_rows_are_under_way_than_there_is_memory_for(fits, monkeypatch):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 8)
    booster = values.member("lightgbm")
    needed = fitting.memory_needed(booster, fits.objective, fits.tables(booster).train)
    monkeypatch.setattr("pipeline.reading.memory.available", lambda: 3 * needed + 1)
    assert fits.at_once(booster) == 8  # of few rows as many as there are cores
    monkeypatch.setattr("pipeline.fits.MANY_ROWS", 20)
    assert fits.at_once(booster) == 3
    monkeypatch.setattr("pipeline.reading.memory.available", lambda: 0)
    assert fits.at_once(booster) == 1


def test_boosting_of_many_rows_has_the_threads_of_cores_that_would_be_idle(fits, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 2)
    booster, linear = values.member("lightgbm"), values.member("linear")
    assert fits.threads(booster, 5) == [1] * 5
    monkeypatch.setattr("pipeline.fits.MANY_THREADED", 20)
    assert fits.threads(booster, 5) == [1, 1, 1, 1, 2]
    assert fits.threads(booster, 2, at_once=1) == [2, 2]
    assert fits.threads(linear, 5) == [1] * 5
    fits.cluster = SimpleNamespace(size=2)
    assert fits.threads(booster, 5) == [1] * 5


WITHOUT_MEMORY = """
import resource, sys
import lightgbm, xgboost
import numpy as np
from pipeline.errors import memory_errors
X = np.random.default_rng(0).normal(size=(200_000, 100)).astype(np.float32)
y = (X[:, 0] > 0).astype(int)
model = {"lightgbm": lightgbm.LGBMClassifier, "xgboost": xgboost.XGBClassifier}[sys.argv[1]]
(line,) = (line for line in open("/proc/self/status") if line.startswith("VmSize"))
bound = int(line.split()[1]) * 1024 + 10_000_000
resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
try:
    with memory_errors():
        model(n_estimators=2, n_jobs=1).fit(X, y)
except MemoryError:
    print("no memory")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="bounds the address space as Linux does")
@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_a_library_that_finds_no_memory_is_told_from_one_that_fails(library):
    command = [sys.executable, "-c", WITHOUT_MEMORY, library]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "no memory\n", done.stderr
    with pytest.raises(ValueError, match="other"), memory_errors():
        raise ValueError("other")


@pytest.mark.parametrize("asked", ["fit", "validate", "measure", "test"])
def test_a_fit_or_prediction_without_memory_is_a_memory_error(fits, asked, monkeypatch):
    def fail(*_):
        raise ValueError("std::bad_alloc")

    fold = FOLDS[0]
    calls = {
        "fit": lambda: fits.fit(LINEAR, fold),
        "validate": lambda: fits.validate(LINEAR, fold, fold.train[:60]),
        "measure": lambda: fits.measure(LINEAR, fold, fold.train, fold.valid),
        "test": lambda: fits.test(LINEAR, fold),
    }
    if asked == "test":
        fits.fit(LINEAR, fold)
        monkeypatch.setattr(fitting.FittedMember, "predict", fail)
    else:
        monkeypatch.setattr(fitting, "fit", fail)
    with pytest.raises(MemoryError):
        calls[asked]()


def test_as_many_processes_fit_as_are_asked_for(fits):
    for number in (1, 2):
        with fits.workers(lambda: 99.0, at_once=number) as parallel_map:
            assert len(set(parallel_map(its_process, range(2 * number)))) == number


def its_process(_):
    time.sleep(0.2)
    return os.getpid()

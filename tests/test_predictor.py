"""The blend's fits predict rows as the run did."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline import changed_rows, fitting
from pipeline.blending import FittedBlend, fit_stacker
from pipeline.changed_rows import Change, Changes, key
from pipeline.cluster import requests
from pipeline.errors import DataError
from pipeline.fits import Fit, Fits
from pipeline.folds import Folds
from pipeline.member import Member
from pipeline.parallel import Distributed, workers
from pipeline.predictor import Predictor
from pipeline.problem import ExtraRows, Loaded
from pipeline.report.evidence import Evidence
from pipeline.settings import EncoderSettings
from pipeline.store import Key
from pipeline.training import FoldScore, Trained
from tests import values

ROWS, NEW = 180, 30
KINDS = {"size": "number", "city": "category", "weight": "number", "day": "date", "note": "text"}
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": None}


def survey(task: str) -> Loaded:
    """Rows whose target depends on `size`, `city` and `weight`; some values are missing."""
    rng, n = np.random.default_rng(4), ROWS + NEW
    size, city = rng.integers(0, 6, size=n), rng.choice(["Ulm", "Bern", "Linz"], size=n)
    weight = rng.normal(size=n)
    value = size + 2.0 * (city == "Bern") + weight + 0.5 * rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "size": size,
            "city": np.where(rng.random(n) < 0.1, None, city),
            "weight": np.where(rng.random(n) < 0.1, np.nan, weight),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(900, size=n), "D"),
            "note": rng.choice(["good", "very good", "bad"], size=n),
        }
    )
    cuts = {"binary": [3.0], "multiclass": [2.5, 4.5]}
    y = (np.digitize(value, cuts[task]) if task in cuts else value)[:ROWS]
    test = frame[ROWS:].reset_index(drop=True)
    return values.loaded(frame[:ROWS], test, y, KINDS, CLASSES[task])


def trained(fits: Fits, asked: Member, split: Folds, outputs: int, repeats: int) -> Trained:
    folds = [fold for fold in split.folds if fold.repeat < repeats]
    oof = np.full((repeats, split.rows, outputs), np.nan)
    for fold in folds:
        oof[fold.repeat, fold.valid] = fits.fit(asked, fold).valid
    tests = np.stack([fits.test(asked, fold).values for fold in folds])
    by_fold = tests.reshape(repeats, -1, *tests.shape[1:]).mean(axis=0)
    test = tests.mean(axis=0)
    if asked.refit:
        folds.append(split.whole)
        test = (1 - asked.refit) * test + asked.refit * fits.test(asked, split.whole).values
    keys = tuple(FoldScore(f.repeat, f.number, None, fits.key(asked, f).path) for f in folds)
    return Trained(asked, oof, test, by_fold, keys, split.repeats, 0.0, 0.0)


class Run:
    """A finished run of two members, and the third that the blend does without."""

    def __init__(self, folder, loaded: Loaded, method: str, module: str | None = None) -> None:
        own, blind = EncoderSettings(features=module), EncoderSettings(drop=("city",))
        self.members = {
            "linear": values.member("linear", own),
            "trees": values.member("lightgbm", blind, max_rounds=8, n_models=2),
            "idle": values.member("linear", l2=1.0),
        }
        if loaded.problem.task == "regression":  # a fit on all rows has a part in predictions
            self.members["trees"] = replace(self.members["trees"], refit=0.25)
        encoders = [each.encoder for each in self.members.values()]
        self.loaded, self.split = loaded, values.folds(ROWS, repeats=2)
        self.fits = values.fits(folder, loaded, *encoders)
        repeats = {"linear": 2, "trees": 1, "idle": 2}  # the budget has cut the trees short
        k = loaded.problem.outputs
        self.train = {
            name: trained(self.fits, each, self.split, k, repeats[name])
            for name, each in self.members.items()
        }
        self.blend = self._blend(method)

    def _blend(self, method: str) -> FittedBlend:
        if method == "stack":
            names = ("linear", "trees")
            oof = np.stack([self.train[name].mean_oof for name in names])
            stacker = fit_stacker(self.loaded.y, oof, 0.1).state()
            return FittedBlend(names, np.array([1.0, 0.0]), stacker=stacker)
        return FittedBlend(tuple(self.members), np.array([0.3, 0.7, 0.0]))

    @property
    def predictor(self) -> Predictor:
        blended = SimpleNamespace(blend=self.blend, postprocess=None)
        return Predictor(self.loaded, self.split, self.train, blended, self.fits)

    def blended(self, prediction) -> np.ndarray:
        return self.blend.combine({name: prediction(name) for name in self.blend.models})


class Numbers(Run):
    """Few whole numbers, by models that learn them as classes, with extra rows and without."""

    def __init__(self, folder) -> None:
        loaded = survey("regression")
        extra = ExtraRows(loaded.train[:60].assign(city="Rome"), np.arange(60) % 3.0)
        self.loaded = replace(loaded, y=np.rint(loaded.y).clip(0, 4), extra=extra)
        plain = replace(values.member("lightgbm", max_rounds=8, n_models=2), as_classes=True)
        self.members = {
            "plain": plain,
            "more": replace(plain, extra=1.0),
            "beside": replace(plain, extra_feature=True),
        }
        self.split = values.folds(ROWS)
        self.fits = values.fits(folder, self.loaded, plain.encoder)
        self.train = {
            name: trained(self.fits, each, self.split, 1, 1) for name, each in self.members.items()
        }
        self.blend = FittedBlend(tuple(self.members), np.array([0.3, 0.4, 0.3]))


CASES = [("binary", "stack"), ("multiclass", "mean"), ("regression", "mean")]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def finished(request, tmp_path_factory) -> Run:
    task, method = request.param
    return Run(tmp_path_factory.mktemp(task), survey(task), method)


@pytest.fixture
def run(finished, monkeypatch) -> Run:
    """Predicting never fits: what is not in the store is an error."""
    monkeypatch.setattr(fitting, "fit", None)
    return finished


def test_test_rows_get_the_predictions_of_the_run(run):
    """A member that was cut short has the mean over the repeats that it has."""
    expected = run.blended(lambda name: run.train[name].test)
    np.testing.assert_allclose(run.predictor.predict(run.loaded.test), expected, atol=1e-12)


def test_many_rows_are_predicted_a_block_at_a_time(run, monkeypatch):
    expected, asked = run.predictor.predict(run.loaded.test), []
    monkeypatch.setattr("pipeline.predictor.BLOCK", 13)
    predictor = run.predictor
    predictions = predictor.predictions

    def counted(matrices, fold):
        asked.extend(map(len, matrices.values()))
        return predictions(matrices, fold)

    monkeypatch.setattr(predictor, "predictions", counted)
    np.testing.assert_allclose(predictor.predict(run.loaded.test), expected, atol=1e-12)
    assert set(asked) == {13, NEW - 2 * 13}


def test_classes_and_extra_rows_of_a_member_count_in_what_it_predicts(tmp_path):
    """Encoders of the same settings differ where one has learnt from extra rows too."""
    run = Numbers(tmp_path)
    fold, test = run.split.folds[1], run.loaded.test
    expected = run.blended(lambda name: run.train[name].test)
    np.testing.assert_allclose(run.predictor.predict(test), expected, atol=1e-12)
    rows = run.loaded.train.iloc[fold.valid]
    expected = run.blended(lambda name: run.train[name].oof[0, fold.valid])
    np.testing.assert_allclose(fold_predictions(run.predictor, rows, fold), expected, atol=1e-12)


def test_worker_processes_predict_the_same_bytes(run):
    test, predictor = run.loaded.test, run.predictor
    with workers(2) as parallel_map:
        found = predictor.predict(test, parallel_map=parallel_map)
    assert found.tobytes() == predictor.predict(test).tobytes()


def test_a_fold_predicts_its_validation_rows_as_training_did(run):
    fold = run.split.folds[2]
    rows = run.loaded.train.iloc[fold.valid]
    expected = run.blended(lambda name: run.train[name].oof[fold.repeat, fold.valid])
    np.testing.assert_allclose(fold_predictions(run.predictor, rows, fold), expected, atol=1e-12)


def fold_predictions(predictor, frame, fold):
    """What the fits of one fold predict of rows, blended (n, k)."""
    tables = predictor.code(frame, predictor.members)
    return predictor.answers(predictor._in_blocks(predictor.fitted(fold), tables, fold), frame)


@pytest.mark.parametrize("column", list(KINDS))
def test_a_column_exchanged_between_rows_is_predicted_as_if_read_so(run, column, monkeypatch):
    predictor, train, fold = run.predictor, run.loaded.train, run.split.folds[1]
    rows, donors = np.random.default_rng(1).integers(0, len(train), (2, 50))
    change = Change(column, rows, donors)
    expected = fold_predictions(predictor, change.of(train), fold)
    asked = Changes(np.arange(len(train)), (Change(None, rows, rows), change))
    monkeypatch.setattr(Change, "of", None)  # nothing is read and encoded again
    plain, found = predictor.predict_changed(train, fold, asked)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(plain, fold_predictions(predictor, train, fold)[rows], atol=1e-6)


def test_a_row_is_predicted_alike_alone_and_among_others(run):
    predictor, test = run.predictor, run.loaded.test
    alone = [predictor.predict(test.iloc[[row]])[0] for row in range(3)]
    # the dense view is float32: a product of another shape may sum in another order
    np.testing.assert_allclose(alone, predictor.predict(test)[:3], rtol=1e-5)


def test_columns_that_are_no_features_may_stand_beside_them(run):
    test = run.loaded.test
    beside = test.assign(id=range(NEW), other="x")[["id", *reversed(list(test)), "other"]]
    assert run.predictor.predict(beside).tobytes() == run.predictor.predict(test).tobytes()


def test_members_that_the_blend_does_without_are_not_read(run, monkeypatch):
    assert list(run.predictor.members) == ["linear", "trees"]
    idle = {fit.key for fit in run.train["idle"].fits}
    monkeypatch.setattr(run.fits, "_restore", refusing(idle, run.fits._restore))
    run.predictor.predict(run.loaded.test)


def refusing(paths, restore):
    def guarded(of, fit, path):
        assert path not in paths
        return restore(of, fit, path)

    return guarded


# -- features of the competition's own -------------------------------------------------------------


@pytest.fixture
def made_up(monkeypatch):
    """Give `pipeline.competitions.made_up` this function."""

    def install(function):
        module = SimpleNamespace(features=function)
        monkeypatch.setitem(sys.modules, "pipeline.competitions.made_up", module)

    return install


def with_sum(frame):
    return frame.assign(sum=frame["size"] + frame["weight"], where=frame["city"] + "!")


@pytest.fixture(scope="module")
def with_own_features(tmp_path_factory) -> Run:
    with pytest.MonkeyPatch.context() as monkeypatch:
        module = SimpleNamespace(features=with_sum)
        monkeypatch.setitem(sys.modules, "pipeline.competitions.made_up", module)
        return Run(tmp_path_factory.mktemp("own"), survey("binary"), "mean", "made_up")


@pytest.fixture
def own(with_own_features, made_up) -> Run:
    made_up(with_sum)
    return with_own_features


def test_own_features_are_computed_for_the_members_that_have_them(own):
    expected = own.blended(lambda name: own.train[name].test)
    np.testing.assert_allclose(own.predictor.predict(own.loaded.test), expected, atol=1e-12)


@pytest.mark.parametrize("column", ["size", "city", "day"])
def test_a_column_that_own_features_are_made_of_is_exchanged_in_them_too(own, column):
    predictor, train, fold = own.predictor, own.loaded.train, own.split.folds[1]
    rows, donors = np.random.default_rng(1).integers(0, len(train), (2, 50))
    change = Change(column, rows, donors)
    expected = fold_predictions(predictor, change.of(train), fold)
    (found,) = predictor.predict_changed(train, fold, Changes(np.arange(len(train)), (change,)))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not np.allclose(found, fold_predictions(predictor, train.iloc[rows], fold))


@pytest.mark.parametrize(
    "changed",
    [
        lambda frame: with_sum(frame).assign(sum=frame["size"] - frame["weight"]),
        lambda frame: with_sum(frame).assign(where=frame["city"]),
    ],
    ids=["a number", "a category"],
)
def test_a_module_of_features_that_was_changed_since_is_refused(own, made_up, changed):
    made_up(changed)
    with pytest.raises(DataError, match=r"competitions/made_up\.py: column '(sum|where)' is comp"):
        _ = own.predictor


# -- what is damaged -------------------------------------------------------------------------------


def with_numbers(state, value):
    """The value in the place of every decimal number."""
    if isinstance(state, dict):
        return {key: with_numbers(inner, value) for key, inner in state.items()}
    if isinstance(state, list):
        return [with_numbers(inner, value) for inner in state]
    if isinstance(state, np.ndarray) and state.dtype.kind == "f":
        return np.full_like(state, value)
    return value if isinstance(state, float) else state


@pytest.mark.parametrize("part", ["encoder", "model"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_stored_fit_of_numbers_that_are_none_is_refused(run, part, value, tmp_path):
    predictor, key = run.predictor, Key(*run.train["linear"].fits[0].key.split("/"))
    whole = run.fits.store.get(key, Fit)
    learned = whole.state[part]
    if part == "encoder":
        learned = json.dumps(with_numbers(json.loads(learned), value))
    else:
        learned = with_numbers(learned, value)
    state = {**whole.state, part: learned}
    run.fits.store.remove(key)
    run.fits.store.put(key, Fit(whole.valid, state, 0.0, 0.0))
    try:
        with pytest.raises(DataError, match=f"{key.path}: .*is damaged.*Delete this folder"):
            predictor.predict(run.loaded.test)
    finally:
        run.fits.store.remove(key)
        run.fits.store.put(key, whole)


def test_a_blend_of_numbers_that_are_none_is_refused(run):
    predictor = run.predictor
    predictor.blend = FittedBlend(("linear", "trees"), np.array([np.inf, 1.0]))
    with pytest.raises(DataError, match=r"the blend predicts.*delete the store"):
        predictor.predict(run.loaded.test)


def test_a_fit_that_is_gone_is_fitted_again(finished):
    expected = finished.predictor.predict(finished.loaded.test)
    key = Key(*finished.train["trees"].fits[0].key.split("/"))
    finished.fits.store.remove(key)
    assert finished.predictor.predict(finished.loaded.test).tobytes() == expected.tobytes()
    assert finished.fits.store.manifest(key) is not None


def test_a_cluster_is_sent_what_each_fit_predicts_of_changed_rows(own, monkeypatch):
    """Each change has a name of its own, and the worker must have the competition's features."""
    sent, fold = [], own.split.folds[1]
    members, rows = own.predictor.members, np.arange(5)
    changes = Changes(rows, (Change("size", rows, rows[::-1]),))

    def parallel_map(function, tasks):
        assert isinstance(function, Distributed)
        sent.extend(tasks)
        return iter(())

    own.fits.cluster = SimpleNamespace()
    evidence = SimpleNamespace(fits=own.fits, predictor=own.predictor, map=parallel_map)
    Evidence.send(evidence, [(fold, changes)])
    assert [task[0] for task in sent] == list(members.values())
    own.fits.cluster = None
    Evidence.send(evidence, [(fold, changes)])
    assert len(sent) == len(members)
    member, _, path, _ = sent[0]
    others = [
        replace(changes, rows=rows + 1),
        Changes(rows, (Change("city", rows, rows[::-1]),)),
        Changes(rows, (Change("size", rows, rows),)),
    ]
    keys = {key(member, path, each).hash for each in (changes, *others)}
    assert len(keys | {key(member, "fit/other", changes).hash}) == 5
    monkeypatch.setattr(requests.code, "parts", lambda *modules: {"modules": " ".join(modules)})
    asked = {requests.ask_changed(own.fits, *task).modules for task in sent}
    assert any(modules.endswith(" competitions.made_up") for modules in asked)
    assert requests.ask(own.fits, member, fold).modules == f"models.{member.kind}"


def test_rows_are_coded_once_for_all_members_and_once_a_change(own, monkeypatch):
    calls, add = [], changed_rows.code_frame
    monkeypatch.setattr(
        changed_rows, "code_frame", lambda *given: calls.append(given[1]) or add(*given)
    )
    rows = np.arange(20)
    asked = Changes(rows, tuple(Change(name, rows, rows[::-1]) for name in ("size", "city")))
    list(own.predictor.predict_changed(own.loaded.train.iloc[:20], own.split.folds[0], asked))
    kinds = {
        (each.encoder.features, own.fits.features(each)) for each in own.predictor.members.values()
    }
    assert len(calls) <= sum(2 if features else 1 for features, _ in kinds) + 1

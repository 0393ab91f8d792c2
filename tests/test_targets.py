"""Several targets: their mean and its error, one submission, a run that is each target's own."""

import tomllib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline import session
from pipeline.blending import Expected
from pipeline.config import parse
from pipeline.errors import DataError, SettingsError
from pipeline.experiment_list import compare_experiments, list_experiments
from pipeline.export import export
from pipeline.flow import Flow, Node, goals_of, inputs_of
from pipeline.library import Run
from pipeline.metrics import METRICS, estimate, paired_difference
from pipeline.new import write_competition
from pipeline.problem import File, Form
from pipeline.reading.schema import RawTables, find_form, find_roles, find_targets, of_one_target
from pipeline.stage_settings import LoadStage
from pipeline.submission import Filling, joint_content
from pipeline.targets import (
    Scored,
    average_blend,
    folder_of,
    mean_difference,
    mean_estimate,
    mean_metric,
    mean_score,
    refuse_other_rows,
)
from pipeline.workspace import Workspace
from tests.finished import Small, new_competition
from tests.small_loaded import loaded

RMSE, MAE, ACCURACY, R2 = (METRICS[name] for name in ("rmse", "mae", "accuracy", "r2"))
KOREAN = "승차 총승객수"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


# -- the mean --------------------------------------------------------------------------------------


def values(rng, metric=RMSE, n=400, noise=1.0, known=True):
    """A target of n rows and predictions of it with normal errors."""
    y = rng.normal(size=n)
    prediction = (y + noise * rng.normal(size=n))[:, None]
    return Scored(metric, y, prediction, np.arange(n) if known else None)


@pytest.mark.parametrize("metric", [RMSE, MAE, R2], ids=lambda metric: metric.name)
def test_the_same_target_twice_has_its_own_score_and_error(rng, metric):
    one = values(rng, metric)
    alone, twice = mean_estimate([one]), mean_estimate([one, one])
    assert alone == estimate(metric, one.y, one.prediction)
    assert_allclose(twice.score, alone.score)
    # R² has no formula: drawn rows differ from run to run by 1 / √(2 · 200) of the error
    tolerance = 0.15 if metric is R2 else 1e-12
    assert_allclose(twice.standard_error, alone.standard_error, rtol=tolerance)


@pytest.mark.parametrize("metric", [MAE, R2], ids=lambda metric: metric.name)
def test_errors_of_targets_that_err_apart_partly_cancel(rng, metric):
    both = [values(rng, metric, n=3000), values(rng, metric, n=3000, noise=0.7)]
    errors = [mean_estimate([each]).standard_error for each in both]
    apart = mean_estimate(both).standard_error
    assert_allclose(apart, np.hypot(*errors) / 2, rtol=0.2)
    unknown = [replace(each, rows=None) for each in both]
    assert_allclose(mean_estimate(unknown).standard_error, np.mean(errors), rtol=1e-9)


def test_the_error_of_a_mean_is_that_of_its_rows():
    """By hand: absolute errors (1, 3, 5) and (2, 2, 8) have the row means (1.5, 2.5, 6.5)."""
    y, rows = np.zeros(3), np.arange(3)
    one = Scored(MAE, y, np.array([[1.0], [3.0], [5.0]]), rows)
    other = Scored(MAE, y, np.array([[2.0], [2.0], [8.0]]), rows)
    found = mean_estimate([one, other])
    assert_allclose(found.score, 3.5)
    assert_allclose(found.standard_error, np.std([1.5, 2.5, 6.5], ddof=1) / np.sqrt(3))


def test_a_difference_is_paired_over_rows_and_targets(rng):
    ones = [values(rng, MAE), values(rng, MAE)]
    others = [replace(each, prediction=each.prediction + 0.01) for each in ones]
    alone = mean_difference(ones[:1], others[:1])
    assert alone == paired_difference(MAE, ones[0].y, ones[0].prediction, others[0].prediction)
    found = mean_difference(ones, others)
    assert_allclose(found.score, mean_estimate(ones).score - mean_estimate(others).score)
    rows = np.mean([MAE.per_row(each.y, each.prediction) for each in ones], axis=0)
    rows -= np.mean([MAE.per_row(each.y, each.prediction) for each in others], axis=0)
    assert_allclose(found.standard_error, rows.std(ddof=1) / np.sqrt(len(rows)))
    same = mean_difference(ones, ones)
    assert same.score == same.standard_error == 0


def test_metrics_that_point_two_ways_are_averaged_as_losses():
    assert mean_score([RMSE, ACCURACY], [3.0, 0.9]) == pytest.approx((3.0 + 0.1) / 2)
    assert mean_score([MAE, RMSE], [3.0, 1.0]) == 2.0
    labels = [mean_metric(each) for each in ([RMSE], [RMSE] * 2, [RMSE, MAE], [RMSE, ACCURACY])]
    assert [each.label for each in labels] == [
        "RMSE",
        "Mean RMSE of 2 targets",
        "Mean of RMSE and MAE over 2 targets",
        "Mean loss of 2 targets",
    ]
    assert not labels[-1].greater_is_better


def test_rows_that_err_alike_widen_the_error_of_the_mean_too(rng):
    """As of one target twice, whose own error is 1.15 times 3 times that over rows."""
    one = values(rng, MAE)
    plain = estimate(MAE, one.y, one.prediction)
    expected = Expected(plain.score, 1.15 * 3 * plain.standard_error, plain.score, 0.0, 3.0)
    fields = {"method": "equal", "metric": "mae", "weights": {}, "cut_short": {}}
    blended = SimpleNamespace(oof=one.prediction, expected=expected, **fields)
    load = loaded(one.y, "regression")
    found = average_blend({"Y1": load, "Y2": load}, {"Y1": blended, "Y2": blended})
    assert_allclose(found.expected.standard_error, expected.standard_error)


def test_targets_of_different_rows_are_in_no_table_together():
    all_rows = loaded([1.0, 2.0], "regression")
    fewer = replace(all_rows, files={"train": File("train.csv", "abc", 3)})
    refuse_other_rows([all_rows, all_rows])
    refuse_other_rows([fewer])
    with pytest.raises(DataError, match="known in different rows"):
        refuse_other_rows([all_rows, fewer])


def test_folders_of_any_names_differ():
    names = ["a/b", "a?b", KOREAN, "///"]
    found = [folder_of(place, name) for place, name in enumerate(names, start=1)]
    assert found == ["1_a_b", "2_a_b", "3_승차_총승객수", "4"]


# -- settings and graph ----------------------------------------------------------------------------

TOML = f"""
[competition]
metric = "rmse"
[load]
target = ["Y1", "{KOREAN}"]
[targets."{KOREAN}"]
metric = "mae"
[budget]
minutes = 4
[models.linear]
"""


def configuration(before="", after=""):
    assert before in TOML
    return parse(TOML.replace(before, after, 1) if before else TOML, "default", "x.toml", {})


def test_the_settings_of_one_target_are_those_of_a_competition_of_its_own():
    found = configuration()
    assert found.target_names == ("Y1", KOREAN)
    one = found.of(KOREAN)
    assert (one.load.target, one.competition.metric, one.budget.minutes) == (KOREAN, "mae", 2.0)
    assert one.split.scheme == "plain" and one.target_names == ("",)
    assert found.of("Y1").competition.metric == "rmse"
    alone = configuration(f'["Y1", "{KOREAN}"]\n[targets."{KOREAN}"]\nmetric = "mae"', '["Y1"]')
    assert alone.load.target == "Y1" and alone.of("") is alone


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (f'"{KOREAN}"]\n[', '"Y1"]\n[', "each target is named once, and 'Y1' is named twice"),
        (f'["Y1", "{KOREAN}"]', "[]", "a list of targets names one at least"),
        ('[targets."', '[targets."Y', r"\[targets.Y승차.* no such target; .* lists 'Y1', '승차"),
        ('"mae"', '"best"', r"\[targets.*metric: found 'best', but"),
        ('metric = "mae"', "folds = 2", "no such key; allowed are metric, task, positive"),
        ('"mae"', '"mae"\ntask = "binary"', r"\[targets.승차.*\] metric: found 'mae', but the"),
    ],
)
def test_settings_that_contradict_are_refused(before, after, message):
    with pytest.raises(SettingsError, match=message):
        configuration(before, after)


def test_a_stage_is_computed_once_a_target_and_submit_once_for_all():
    names, targets = ("linear",), ("Y1", KOREAN)
    train = Node("train", "linear", KOREAN)
    assert train.name == f"train-linear@{KOREAN}" and Node.named(train.name) == train
    assert goals_of("train-linear", names, targets)[1] == train
    assert {each.target for each in inputs_of(train, names, targets)} == {KOREAN}
    taken = inputs_of(Node("submit"), names, targets)
    assert [each.name for each in taken if each.stage == "blend"] == ["blend@Y1", f"blend@{KOREAN}"]
    assert goals_of("submit", names, targets) == [Node("submit")]
    run = Flow(configuration(), Workspace(Path(), "x"))
    stages = [each.stage for each in run.nodes("submit")]
    assert stages[:6] == ["load", "load", "split", "split", "encode", "encode"]
    with pytest.raises(SettingsError, match="the mean over several targets, and there is one"):
        goals_of("average", names)


# -- files -----------------------------------------------------------------------------------------


def tables(sample, **more) -> RawTables:
    """20 rows of train with the targets a (numbers) and b (x, y or z), and of test without them."""
    rows = np.arange(20)
    train = pd.DataFrame({"id": rows, "f": rows % 7, "a": rows * 1.5, "b": list("xyzx") * 5})
    test = pd.DataFrame({"id": rows + 100, "f": rows % 5})
    held = {name: test["id"] if name == "id" else 0 for name in sample}
    return RawTables.of({"train": train.assign(**more), "test": test, "sample": pd.DataFrame(held)})


def of(target, found):
    return LoadStage(target=target, targets=("a", "b")), of_one_target(
        found, LoadStage(target=target, targets=("a", "b"))
    )


@pytest.mark.parametrize(
    ("sample", "targets"),
    [
        (["id", "b", "a"], ("a", "b")),
        (["id", "a", "b_x", "b_y", "b_z"], ("a", "b")),
        (["id", "b_x", "b_y", "b_z"], ()),
        (["id", "a"], ()),
        (["id", "a", "b", "other"], ()),
    ],
)
def test_targets_are_what_the_sample_names(sample, targets):
    assert find_targets(tables(sample), LoadStage()) == targets


def test_each_target_has_its_own_columns_of_the_sample():
    found = tables(["id", "b_z", "a", "b_x", "b_y"])
    settings, own = of("b", found)
    form, _ = find_form(own, find_roles(own, settings))
    assert form.class_columns == ("b_x", "b_y", "b_z") and form.places == (0, 1, 3, 4)
    assert "a" not in own.train
    _, own = of("a", found)
    assert list(own.sample) == ["id", "a"] and "b" not in own.train


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (["id", "b"], "found 'b' to fill in, and no column for the target 'a'"),
        (
            ["id", "a", "b", "c"],
            "found 'c' to fill in, and no target named so; allowed is a",
        ),
    ],
)
def test_a_sample_that_does_not_fit_the_targets_is_refused(sample, message):
    with pytest.raises(DataError, match=message):
        of("a", tables(sample))
    with pytest.raises(DataError, match="train: no target 'd'"):
        of_one_target(tables(sample), LoadStage(target="d", targets=("d", "a")))


def filling(name, place, prediction, **form):
    test = pd.DataFrame({"id": ["1", "2", "3"]})
    sample = pd.DataFrame({"id": ["3", "1", "2"], name: "0"})
    asked = Form(("id", name), "target", "id", False, name, places=(1, place), **form)
    load = loaded([0.5, 1.5], "regression", form=asked, sample=sample, test=test)
    return Filling(load, np.array(prediction)[:, None], RMSE)


def test_all_targets_fill_one_file_in_the_samples_order():
    both = filling("b", 2, [1.5, 2.5, 3.5]), filling("a", 0, [-1.0, -2.0, -3.0])
    assert joint_content(both).decode() == "a,id,b\n-3,3,3.5\n-1,1,1.5\n-2,2,2.5\n"
    nameless = [filling("b", 2, [1, 2, 3.0], header=()), filling("a", 0, [4, 5, 6.0], header=())]
    assert joint_content(nameless).decode() == "6,3,3\n4,1,1\n5,2,2\n"
    with pytest.raises(DataError, match="no finite prediction for 1 rows"):
        joint_content([both[0], filling("a", 0, [1.0, np.nan, 2.0])])


# -- a run -----------------------------------------------------------------------------------------

SMALL = f"""
[load]
target = ["up", "{KOREAN}"]
[targets.up]
task = "binary"
[targets."{KOREAN}"]
metric = "rmse"
[explore]
permutations = 9
[split]
folds = 2
[models.linear]
[evaluate]
learning_curve = [1.0]
importance_rows = 0
dependence_rows = 0
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Small:
    """100 rows with a number and two classes to predict, by linear regression alone."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2))
    frame = pd.DataFrame({"id": range(100), "x": x[:, 0], "z": x[:, 1]})
    frame[KOREAN] = 3 * x[:, 0] + rng.normal(size=100)
    frame["up"] = np.where(x[:, 1] + 0.5 * rng.normal(size=100) > 0, "yes", "no")
    test = frame[70:].drop(columns=[KOREAN, "up"])
    small = new_competition(tmp_path_factory.mktemp("targets"), SMALL, frame[:70], test)
    sample = test[["id"]].assign(**{KOREAN: 0.0, "up": "no"})
    sample.to_csv(small.workspace.raw / "sample_submission.csv", index=False)
    return small


def kept_fits(small):
    """Folders of the fits in the store."""
    return set(small.store.root.glob("fit/*"))


def test_a_run_of_two_targets_is_a_run_of_each(finished, monkeypatch, tmp_path):
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", finished.settings)
    monkeypatch.chdir(finished.root)
    made = write_competition("fresh", finished.workspace.raw, tmp_path).text
    assert tomllib.loads(made)["load"]["target"] == [KOREAN, "up"]
    assert tomllib.loads(made)["targets"]["up"]["task"] == "binary"
    assert "logistic" not in tomllib.loads(made)["models"]  # it cannot predict the numbers

    done = finished.run()
    run, lines = Run(done.flow, done.experiment), done.lines
    assert "Mean loss of 2 targets" in lines[0] and any(KOREAN in line for line in lines)
    submitted = pd.read_csv(run.submission_path)
    assert list(submitted) == ["id", KOREAN, "up"]

    predicted = run.predict(pd.read_csv(finished.test_file))
    assert list(predicted) == ["up", "up: probability no", "up: probability yes", KOREAN]
    assert_allclose(predicted[KOREAN], submitted[KOREAN])
    assert list(predicted["up"]) == list(submitted["up"])
    session.predict_file(finished.workspace, finished.test_file, tmp_path / "new.csv")
    assert_allclose(pd.read_csv(tmp_path / "new.csv")[KOREAN], submitted[KOREAN])

    loss = run.of(KOREAN).expected.score, 1 - run.of("up").expected.score
    assert run.expected.score == pytest.approx(np.mean(loss))
    assert list(run.leaderboard["model"]) == ["blend", "linear"]
    (entry,) = finished.ledger()
    assert entry["targets"] == {name: run.of(name).expected.score for name in ("up", KOREAN)}
    page = (finished.build / "report.html").read_text()
    assert KOREAN in page and 'href="targets/1_up/report.html"' in page
    assert (finished.build / "targets" / "1_up" / "report.html").is_file()
    assert session.last_summary(finished.workspace) == list(lines)

    paths = export(finished.workspace, "blend", tmp_path / "oof.csv", None)
    assert [path.stem for path in paths[2:]] == [
        f"oof_2_승차_총승객수{end}" for end in ("", "_test")
    ]
    assert_allclose(pd.read_csv(paths[3])[KOREAN], submitted[KOREAN])

    # a competition of this target alone has the same fits: none is computed again
    alone = SMALL.replace(f'["up", "{KOREAN}"]', f'"{KOREAN}"\ndrop = ["up"]')
    start = alone.index("[targets.up]")
    alone = alone[:start] + alone[alone.index("[explore]") :]
    finished.toml.write_text(alone.replace("folds = 2", 'folds = 2\nscheme = "plain"'))
    sample = finished.workspace.raw / "sample_submission.csv"
    pd.read_csv(sample).drop(columns="up").to_csv(sample, index=False)
    before = kept_fits(finished)
    again = finished.run("submit")
    assert kept_fits(finished) == before
    only = Run(again.flow, again.experiment).submission()
    pd.testing.assert_frame_equal(only, submitted[["id", KOREAN]])
    listed = list(list_experiments(finished.workspace))
    assert "not comparable to 1: other targets" in listed[1]
    assert "other targets" in "\n".join(compare_experiments(finished.workspace, "2", "1"))

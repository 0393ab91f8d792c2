"""An organiser's own metric: what it is given, what it must return, and that it decides."""

import pickle
import shutil
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from pipeline.blending import Blended
from pipeline.errors import DataError, SettingsError
from pipeline.experiments import Experiment, is_comparable
from pipeline.folds import Folds
from pipeline.metrics import METRICS, estimate, get_metric, paired_difference, uncertainty
from pipeline.metrics.own import try_on
from pipeline.problem import Loaded
from pipeline.store import Key
from pipeline.targets import Scored, joint, mean_difference, mean_estimate, mean_metric
from pipeline.training import Trained
from tests.project import copy_project
from tests.small_loaded import loaded

WMAE = "return np.average(np.abs(y - prediction), weights=rows['w'])"
HITS = "return np.mean(y == prediction)"


@pytest.fixture
def own(monkeypatch):
    """own(body, ...): a module of the competitions with `metric(y, prediction)` of this body."""

    def write(body, arguments="y, prediction", **beside):
        module = ModuleType("pipeline.competitions.mine")
        code = f"import numpy as np\ndef metric({arguments}):\n    {body}\n"
        exec(code, vars(module))  # noqa: S102
        vars(module).update({"greater_is_better": False, **beside})
        monkeypatch.setitem(sys.modules, module.__name__, module)

    return write


def test_it_is_given_labels_as_the_file_has_them(own):
    seen = []
    own("seen.append((y, prediction)); return 0", seen=seen)
    p = np.array([[0.9, 0.1], [0.2, 0.8]])
    for classes, expected in ((("no", "yes"), ["yes", "no"]), (("1", "2"), [2, 1])):
        load = loaded([1, 0], classes=classes)
        metric = get_metric("own:mine", "binary")
        metric.score(metric.target(load), p)
        y, prediction = seen.pop()
        assert y.tolist() == expected and prediction.tolist() == expected[::-1]
        assert type(y) is np.ndarray


def test_it_may_take_probabilities(own):
    own("return np.mean((y == 'yes') * prediction)", takes="probabilities")
    metric = get_metric("own:mine", "binary")
    y = metric.target(loaded([1, 0], classes=("no", "yes")))
    assert metric.score(y, np.array([[0.75, 0.25], [0.5, 0.5]])) == 0.125
    assert metric.needs == "probabilities" and metric.smooth.name == "log_loss"


def test_it_is_given_the_rows_that_are_scored(own):
    own(WMAE, "y, prediction, rows", tuned_by="mae")
    metric = get_metric("own:mine", "regression")
    weights = np.array([1.0, 1.0, 2.0, 4.0])
    y = metric.target(loaded([1.0, 2.0, 3.0, 5.0], "regression", train={"w": weights}))
    p = np.zeros((4, 1))
    for rows in (np.arange(4), np.array([3, 3, 0]), np.array([False, True, True, False])):
        expected = np.average(np.asarray(y)[rows], weights=weights[rows])
        assert metric.score(y[rows], p[rows]) == pytest.approx(expected)
        assert metric.score(pickle.loads(pickle.dumps(y[rows])), p[rows]) == pytest.approx(expected)  # noqa: S301
    assert (metric.loss_for_models, metric.smooth.name) == ("absolute_error", "mae")
    assert metric.decisive is metric


def test_what_is_computed_of_its_target_is_plain(own):
    own(HITS)
    y = get_metric("own:mine", "binary").target(loaded([1, 0, 1], classes=("no", "yes")))
    assert type(y == 1) is np.ndarray and type(y[:, np.newaxis] + 1.0) is np.ndarray
    assert round(y.sum()) == 2 and isinstance((y[[0, 1]] == 1).sum(), np.integer)
    assert y.mean() == pytest.approx(2 / 3) and np.bincount(y).tolist() == [1, 2]


@pytest.mark.parametrize("total", ["mean", "sum"])
def test_of_many_rows_its_error_follows_from_draws_of_fewer(own, total, monkeypatch):
    own(f"return np.{total}(np.abs(y - prediction))")
    metric, rng = get_metric("own:mine", "regression"), np.random.default_rng(0)
    values = rng.normal(size=4000)
    y, prediction = values, values[:, None] + rng.exponential(size=(4000, 1))
    every = estimate(metric, y, prediction).standard_error
    monkeypatch.setattr(uncertainty, "MANY_ROWS", 500)
    assert estimate(metric, y, prediction).standard_error == pytest.approx(every, rel=0.2)


def test_it_gets_the_errors_that_a_built_in_one_gets(own):
    own("return np.sqrt(np.mean((y - prediction) ** 2))")
    rng = np.random.default_rng(0)
    values = rng.normal(size=300)
    p = values[:, None] + rng.normal(size=(300, 1))
    metric, built_in = get_metric("own:mine", "regression"), METRICS["rmse"]
    y = metric.target(loaded(values, "regression"))
    assert estimate(metric, y, p).score == pytest.approx(built_in.score(values, p))
    pair, known = (
        paired_difference(*each, p, p * 0.5) for each in ((metric, y), (built_in, values))
    )
    assert pair.score == pytest.approx(known.score)
    assert pair.standard_error == pytest.approx(known.standard_error, rel=0.2)


@pytest.mark.parametrize(
    ("body", "beside", "message"),
    [
        (HITS, {"greater_is_better": None}, "greater_is_better is not there; allowed are True"),
        (HITS, {"greater_is_better": "yes"}, "greater_is_better is 'yes'"),
        (HITS, {"takes": "values"}, "takes is 'values'; allowed are 'labels' and 'probabilities'"),
        (HITS, {"tuned_by": "auc"}, "tuned_by is 'auc', but allowed metrics are"),
        (HITS, {"tuned_by": "rmse"}, "tuned_by: found 'rmse', but the target is a binary one"),
        ("return y == prediction", {}, "returns ndarray of shape (2,); allowed is one number"),
        ("return 'good'", {}, "returns str; allowed is one number"),
        ("return None", {}, "returns NoneType"),
        ("return float('nan')", {}, "returns nan for all 2 rows"),
        ("y[0] = 'no'; return 1.0", {}, "changes its arguments, which others use too"),
        ("return np.mean(y - prediction)", {}, "It was given 2 targets such as 'no', 'yes', and"),
    ],
)
def test_what_is_wrong_with_it_is_one_message(own, body, beside, message):
    own(body, **beside)
    with pytest.raises(SettingsError) as caught:
        metric = get_metric("own:mine", "binary")
        estimate(metric, metric.target(loaded([1, 0], classes=("no", "yes"))), np.eye(2))
    assert message in str(caught.value) and "pipeline/competitions/mine.py" in str(caught.value)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("return y == prediction", r"returns ndarray of shape \(4,\); allowed is one number"),
        ("return {}['weights']", "raises KeyError: 'weights'"),
        ("prediction[0] = 0; return 1.0", "changes its arguments"),
    ],
)
@pytest.mark.parametrize("classes", [None, ("no", "yes"), ("1", "2", "3")])
def test_it_is_tried_on_simulated_predictions(own, body, message, classes):
    own(body)
    task = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    load = loaded([0, 1, 1, 0], task, classes)
    metric = get_metric("own:mine", task)
    with pytest.raises(SettingsError, match=message):
        try_on(metric, load)
    own("return np.mean(y != prediction)")
    try_on(metric, load)


def test_of_many_rows_it_is_tried_on_some(own):
    seen = []
    own("seen.append((y, prediction)); return 1.0", seen=seen)
    values = np.random.default_rng(0).normal(size=5000)
    try_on(get_metric("own:mine", "regression"), loaded(values, "regression"))
    (y, prediction) = seen.pop()
    assert len(y) == len(prediction) == 1000 and {*y} <= {*values} >= {*prediction}
    try_on(METRICS["rmse"], loaded(values, "regression"))  # a built-in one needs no trial


def test_a_rare_class_is_among_the_rows_that_it_is_tried_on(own):
    seen = []
    own("seen.append({*y}); return 1.0", seen=seen)
    y = np.zeros(50_000, dtype=int)
    y[12_345] = 1
    try_on(get_metric("own:mine", "binary"), loaded(y, "binary", ("no", "yes")))
    assert seen == [{"no", "yes"}]


def test_a_function_of_one_argument_and_a_file_that_is_not_there_are_refused(own):
    own(HITS, "y")
    with pytest.raises(SettingsError, match=r"takes 1 arguments; allowed are metric\(y, predict"):
        METRICS["own:mine"]
    with pytest.raises(SettingsError, match=r"there is no pipeline/competitions/nowhere\.py"):
        METRICS["own:nowhere"]
    with pytest.raises(SettingsError, match=r"airline_survey\.py has no function .metric"):
        METRICS["own:airline_survey"]


def test_rows_are_a_table_of_train(own):
    own("assert list(rows.columns) == ['y', 'w']; return 0", "y, prediction, rows")
    metric = get_metric("own:mine", "regression")
    y = metric.target(loaded([1.0, 2.0], "regression", train={"w": [1, 2]}))
    assert isinstance(y.rows, pd.DataFrame) and metric.score(y, np.zeros((2, 1))) == 0


TOML = """
[competition]
metric = "own"
[split]
folds = 3
[models.linear]
"""
METRIC = """
import numpy as np

greater_is_better = False
tuned_by = "mae"


def metric(y, prediction, rows):
    return np.average(np.abs(y - prediction), weights=np.where(rows["day"] == "sun", 5, 1))
"""


def test_an_experiment_scored_by_a_file_that_has_gone_is_another_one():
    """It is still listed and compared: by its name."""
    fields = {"targets": (), "code": {}, "rows": "same"}
    gone = Experiment.model_construct(metric="own:that_has_gone", **fields)
    now = Experiment.model_construct(metric="mae", **fields)
    assert (gone.label, now.label) == ("own:that_has_gone", "MAE")
    assert is_comparable(gone, gone) and not is_comparable(gone, now)


def test_a_run_is_scored_by_it_and_an_edit_computes_no_fit_again(tmp_path):
    project = copy_project(tmp_path, TOML)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=120), "day": rng.choice(["sun", "mon"], 120)})
    train = table.assign(y=(3 * table.x + rng.normal(size=120)).round(2))
    project.raw.mkdir(parents=True)
    train.iloc[:90].to_csv(project.raw / "train.csv", index=False)
    table.iloc[90:].to_csv(project.raw / "test.csv", index=False)
    own = project.toml.with_suffix(".py")
    own.write_text(METRIC)

    done = project.make("blend")
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = project.experiments()
    assert record["metric"] == "own:tiny" and "Own metric (tiny)" in done.stdout
    load, split, train = (
        project.store.get(Key(*record["nodes"][name]["key"]), kind)
        for name, kind in (("load", Loaded), ("split", Folds), ("train-linear", Trained))
    )
    error = np.abs(load.y - train.mean_oof[:, 0])
    weights = np.where(load.train["day"] == "sun", 5, 1)
    assert record["models"]["linear"] == pytest.approx(np.average(error, weights=weights))
    assert len(split.validated) == 90

    fits = {key for key in project.stored() if key.kind == "fit"}
    own.write_text(METRIC.replace("5, 1", "2, 1"))
    assert "blend" in project.computed("blend")
    assert {key for key in project.stored() if key.kind == "fit"} == fits
    assert project.experiments()[-1]["models"]["linear"] != record["models"]["linear"]
    assert project.experiments()[-1]["best_before"] is None  # by another metric


# -- over several targets --------------------------------------------------------------------------

OVER = "return np.sqrt(((y - prediction) ** 2).sum(axis=1)).mean()"  # the mean distance


def of_two(metric, rows=300, **more):
    """Two targets with errors, and the distances of their predictions."""
    rng = np.random.default_rng(0)
    error, places = rng.normal(size=(rows, 2)), np.arange(rows)
    sides = [
        Scored(metric, np.zeros(rows), each[:, np.newaxis], places, **more) for each in error.T
    ]
    return sides, np.hypot(*error.T)


def test_all_targets_are_scored_at_once_with_an_error_over_rows(own):
    own(OVER, over_targets=True)
    over = METRICS["own:mine"]
    sides, distance = of_two(METRICS["mae"])
    found = mean_estimate(sides, over)
    assert found.score == pytest.approx(distance.mean())
    expected = distance.std(ddof=1) / np.sqrt(len(distance))
    assert found.standard_error == pytest.approx(expected, rel=0.2)
    nearer = [replace(side, prediction=side.prediction / 2) for side in sides]
    difference = mean_difference(nearer, sides, over)
    assert difference.score == pytest.approx(-distance.mean() / 2)
    assert difference.standard_error == pytest.approx(expected / 2, rel=0.2)
    assert mean_metric([METRICS["mae"]] * 2, "own:mine") == over


def test_labels_and_values_of_a_row_are_given_together(own):
    seen = []
    own("seen.append((y, prediction)); return 1.0", over_targets=True, seen=seen)
    over, rows = METRICS["own:mine"], np.arange(2)
    values = Scored(METRICS["rmse"], np.array([1.5, 2.5]), np.array([[1.0], [2.0]]), rows)
    classes = Scored(
        METRICS["accuracy"],
        np.array([1, 0]),
        np.array([[0.9, 0.1], [0.2, 0.8]]),
        rows,
        labels=np.array(["no", "yes"]),
    )
    over.score(*joint([values, classes], over))
    y, prediction = seen.pop()
    assert y.tolist() == [[1.5, "yes"], [2.5, "no"]]
    assert prediction.tolist() == [[1.0, "no"], [2.0, "yes"]]
    with pytest.raises(DataError, match="known in different rows of train"):
        joint([values, replace(classes, rows=None)], over)


@pytest.mark.parametrize(
    ("arguments", "beside", "message"),
    [
        ("y, prediction", {"over_targets": "yes"}, "over_targets is 'yes'; allowed are True"),
        ("y, prediction, rows", {"over_targets": True}, r"allowed is metric\(y, prediction\)"),
    ],
)
def test_what_it_cannot_be_over_targets_is_one_message(own, arguments, beside, message):
    own(OVER, arguments, **beside)
    with pytest.raises(SettingsError, match=message):
        METRICS["own:mine"]


def test_a_run_of_two_targets_is_scored_by_it(tmp_path):
    toml = TOML.replace("[split]", '[load]\ntarget = ["a", "b"]\n[split]')
    project = copy_project(tmp_path, toml)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=120).round(3), "z": rng.normal(size=120).round(3)})
    train = table.assign(a=(3 * table.x + rng.normal(size=120)).round(2), b=(table.z**2).round(2))
    project.raw.mkdir(parents=True)
    train.iloc[:90].to_csv(project.raw / "train.csv", index=False)
    table.iloc[90:].to_csv(project.raw / "test.csv", index=False)
    own = project.toml.with_suffix(".py")
    beside = "greater_is_better = False\nover_targets = True\n"
    own.write_text(f"import numpy as np\n{beside}def metric(y, prediction):\n    {OVER}\n")
    done = project.make("average")
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = project.experiments()
    assert record["metric"] == "own:tiny" and "Own metric (tiny)" in done.stdout
    assert [each["metric"] for each in record["targets"]] == ["rmse", "rmse"]
    blends = [
        project.store.get(Key(*record["nodes"][f"blend@{name}"]["key"]), Blended) for name in "ab"
    ]
    errors = [train[name][:90] - each.oof[:, 0] for name, each in zip("ab", blends, strict=True)]
    assert record["score"] == record["validated"] == pytest.approx(np.hypot(*errors).mean())

    for code, added, expected in (
        ('tuned_by = "accuracy"\n', "", "and 'a' is a regression one, which accuracy cannot score"),
        ("", '[targets.a]\nmetric = "own"\n', "Remove `metric` from [targets.a], and name it once"),
        ("", "", "returns ndarray of shape (90,)"),
    ):
        body = OVER.replace(".mean()", "") if not (code or added) else OVER
        lines = f"import numpy as np\n{beside}{code}def metric(y, prediction):\n    {body}\n"
        own.write_text(lines)
        project.toml.write_text(toml + added + "[explore]\nseed = 3\n")
        shutil.rmtree(project.store.root, ignore_errors=True)  # load is computed again
        refused = project.make("load")
        assert refused.returncode == 2 and expected in refused.stderr

    project.toml.write_text(toml.replace('["a", "b"]', '"a"\ndrop = ["b"]'))
    refused = project.make("blend")
    assert refused.returncode == 2
    assert "scores several targets at once (over_targets = True), and here is" in refused.stderr

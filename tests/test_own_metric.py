"""An organiser's own metric: what it is given, what it must return, and that it decides."""

import pickle
import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import SettingsError
from pipeline.folds import Folds
from pipeline.metrics import METRICS, estimate, get_metric, paired_difference
from pipeline.problem import Loaded
from pipeline.store import Key
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

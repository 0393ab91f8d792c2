"""The pipeline on data frames: what goes in, what comes out, and what is refused in one message."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import pipeline
from pipeline import fitting
from pipeline.errors import DataError, SettingsError
from pipeline.library import Page, tables_of

QUICK = {
    "models": ["linear", "lightgbm"],
    "preset": "quick",
    "minutes": 60,
    "settings": {
        "split.folds": 3,
        "explore.permutations": 9,
        "explore.max_rows": 200,
        "explore.max_columns": 3,
        "evaluate.learning_curve": [1.0],
        "evaluate.importance_rows": 0,
        "evaluate.dependence_rows": 0,
        "models.lightgbm.max_rounds": 30,
        "models.lightgbm.n_models": 1,
    },
}


def table(load, rows):
    """One of scikit-learn's sets, its rows in an order of chance, with an index of its own."""
    frame = load(as_frame=True).frame.sample(frac=1, random_state=0).iloc[:rows]
    return frame.set_axis([f"row {place}" for place in range(len(frame))])


def split(load, rows, test_rows=60):
    """Train, test and the target of test."""
    frame = table(load, rows)
    train, test = frame[:-test_rows], frame[-test_rows:]
    return train, test.drop(columns="target"), test["target"]


@pytest.fixture(scope="module")
def binary():
    train, test, truth = split(load_breast_cancer, 300)
    names = {0: "malignant", 1: "benign"}
    train = train.assign(target=train["target"].map(names))
    run = pipeline.fit(train, "target", test=test, metric="roc_auc", note="first", **QUICK)
    return run, train, test, truth.map(names)


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """A run in a folder; train, test and target of test as they were before it."""
    train, test, truth = split(load_diabetes, 250)
    before = train.copy(), test.copy(), truth
    folder = tmp_path_factory.mktemp("values")
    run = pipeline.fit(train, "target", test=test, metric="rmse", folder=folder, **QUICK)
    run.predict(test)
    return run, train, test, before


@pytest.fixture(scope="module")
def bare():
    """No rows to predict; columns named by numbers, of which the target, 10, lacks five values."""
    train = table(load_diabetes, 120)
    train["target"] = train["target"].where(np.arange(len(train)) > 4)
    train.columns = range(train.shape[1])
    settings = {**QUICK["settings"], "load.missing_target": "drop"}
    return pipeline.fit(train, 10, **{**QUICK, "settings": settings}), train


# -- what comes out --------------------------------------------------------------------------------


def test_two_classes(binary):
    run, _, test, truth = binary
    assert run.expected.score > 0.97
    assert 0 < run.expected.standard_error < 0.05
    found = run.predict(test)
    assert list(found) == ["target", "probability benign", "probability malignant"]
    assert list(found.index) == list(test.index)
    assert (found["target"] == truth).mean() > 0.9
    np.testing.assert_allclose(found.filter(like="probability").sum(axis=1), 1.0)


def test_the_submission_holds_what_predict_says(binary):
    run, _, test, _ = binary
    submission = run.submission()
    assert list(submission) == ["target"] and len(submission) == len(test)
    (positive,) = {"benign", "malignant"} - {run.flow.value("load").problem.classes[0]}
    expected = run.predict(test)[f"probability {positive}"]
    np.testing.assert_allclose(submission["target"], expected, atol=1e-6)
    assert run.submission_path.is_file()


def test_out_of_fold_predictions_give_the_score_that_was_validated(binary):
    from sklearn.metrics import roc_auc_score

    run, train, _, _ = binary
    oof = run.out_of_fold
    assert len(oof) == len(train)
    score = roc_auc_score(train["target"] == "malignant", oof["probability malignant"])
    assert score == pytest.approx(run.experiment.validated)


def test_the_leaderboard_has_a_row_a_model_and_the_blend(binary):
    run, *_ = binary
    board = run.leaderboard
    assert set(board["model"]) == {"linear", "lightgbm", "blend"}
    assert board["roc_auc"].is_monotonic_decreasing
    assert set(run.weights) == {"linear", "lightgbm"}
    assert sum(run.weights.values()) == pytest.approx(1.0)


def test_a_run_shows_itself_as_its_leaderboard(binary):
    run, *_ = binary
    html = run._repr_html_()
    assert html.count("<tr") == 4 and "lightgbm" in html
    assert repr(run).startswith("<Run: roc_auc 0.9")


def test_what_the_minutes_left_out_is_a_warning_and_is_shown(binary):
    _, train, *_ = binary
    with pytest.warns(UserWarning, match=r"lightgbm \(left out\)"):
        run = pipeline.fit(train, "target", **{**QUICK, "minutes": 0.0001})
    assert "lightgbm (left out)" in run.cut_short
    assert run.cut_short in repr(run) and run.cut_short in run._repr_html_()


def test_pages_are_shown_and_saved(binary, tmp_path):
    run, *_ = binary
    for page, id in ((run.report(), "leaderboard"), (run.exploration(), "drift")):
        assert isinstance(page, Page)
        path = page.save(tmp_path / "pages" / f"{id}.html")
        assert f'id="{id}"' in path.read_text()
        shown = page._repr_html_()
        assert shown.startswith("<iframe") and "<script" not in shown


def test_the_report_names_its_run_and_no_command_of_the_project(binary):
    html = binary[0].report().html
    assert "experiment 1 (preset quick, " in html and " UTC): first<" in html
    assert "make C=" not in html and ".experiment.settings" in html


def test_several_classes_in_a_folder_of_which_nothing_is_left():
    train, test, truth = split(load_wine, 178, 40)
    run = pipeline.fit(train, "target", test=test, **QUICK)
    assert run.experiment.metric == "accuracy"
    found = run.predict(test)
    assert [*found] == ["target", "probability 0", "probability 1", "probability 2"]
    assert (found["target"].astype(int) == truth).mean() > 0.85
    assert list(run.submission()["target"]) == list(found["target"].astype(int))
    # without a folder of its own nothing is left
    folder = run.flow.workspace.root
    assert folder.is_dir()
    run._folder.cleanup()
    assert not folder.exists()


def test_values(values):
    run, _, _, (_, test, truth) = values
    found = run.predict(test)
    assert [*found] == ["target"] and list(found.index) == list(test.index)
    error = np.sqrt(((found["target"] - truth) ** 2).mean())
    assert error < 0.9 * truth.std()
    assert run.expected.score == pytest.approx(error, rel=0.4)
    np.testing.assert_allclose(run.submission()["target"], found["target"], rtol=1e-6)


def test_the_callers_frames_are_left_alone(values):
    _, train, test, before = values
    pd.testing.assert_frame_equal(train, before[0])
    pd.testing.assert_frame_equal(test, before[1])


def test_without_rows_to_predict_there_is_no_submission(bare):
    run, train = bare
    for look in (run.submission, lambda: run.submission_path):
        with pytest.raises(DataError, match="no submission, for there were no rows to predict"):
            look()
    assert run.experiment.submission is None
    assert len(run.predict(train.drop(columns=10))) == len(train)
    assert "no test rows" not in run.report().html
    assert 'id="drift"' not in run.report().html + run.exploration().html


def test_columns_may_be_named_by_numbers_and_the_index_is_no_column(bare):
    run, train = bare
    assert list(run.predict(train[:3].drop(columns=10)).index) == list(train.index[:3])


# -- kept in a folder ------------------------------------------------------------------------------


def fit_again(values, test, **more):
    """In the folder of the run."""
    run, _, _, (train, *_) = values
    given = {**QUICK, "metric": "rmse", "folder": run.flow.workspace.root, **more}
    return pipeline.fit(train, "target", test=test, **given)


def test_what_a_folder_keeps_is_computed_once(values, monkeypatch):
    first, _, _, (_, test, _) = values
    monkeypatch.setattr(fitting, "fit", None)
    again = fit_again(values, test)
    assert not any(done.computed for done in again.flow.done.values())
    assert again.experiment.number == first.experiment.number == 1
    pd.testing.assert_frame_equal(again.predict(test), first.predict(test))


def test_another_call_in_a_folder_fits_what_is_new_alone(values):
    _, _, _, (_, test, _) = values
    run = fit_again(values, test, settings={**QUICK["settings"], "models.linear.l2": 3.0})
    computed = {node.name for node, done in run.flow.done.items() if done.computed}
    assert "train-linear" in computed and "train-lightgbm" not in computed
    assert run.experiment.number == 2
    assert run.experiment.changes == ("models.linear.l2 0.01 -> 3.0",)


def test_rows_to_predict_may_hold_the_target_and_more(values, monkeypatch):
    run, _, _, (_, test, truth) = values
    monkeypatch.setattr(fitting, "fit", None)
    more = fit_again(values, test.assign(target=truth, other=1.0))
    assert more.submission().equals(run.submission())


# -- a competition ---------------------------------------------------------------------------------


def test_a_competition_of_the_project_is_run_by_its_name(small):
    run = pipeline.run("tiny", root=small.root)
    assert run.experiment.number == 1
    assert not any(done.computed for done in run.flow.done.values())
    assert run.submission()["y"].tolist() == pd.read_csv(small.submissions[0])["y"].tolist()
    quick = pipeline.run("tiny", "quick", root=small.root, note="from a notebook")
    assert (quick.experiment.number, quick.experiment.note) == (2, "from a notebook")


def test_settings_are_laid_over_those_of_a_competition(small):
    run = pipeline.run(
        "tiny", root=small.root, models=["linear"], settings={"models.linear.l2": 30.0}
    )
    assert set(run.weights) == {"linear"}
    assert "models.linear.l2 0.01 -> 30.0" in run.experiment.changes


def test_one_stage_gives_its_value(small):
    flow = pipeline.compute("tiny", "load", root=small.root)
    assert flow.value("load").problem.target == "y"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "no such competition; known are: tiny"),
        (("../tiny",), r"found '\.\./tiny', allowed are small letters"),
        (("tiny", "fast"), "no preset 'fast'; allowed are default, quick"),
    ],
)
def test_a_competition_that_is_none_is_one_message(small, arguments, message):
    with pytest.raises(SettingsError, match=message):
        pipeline.run(*arguments, root=small.root)


# -- what is refused -------------------------------------------------------------------------------

TRAIN, TEST, TRUTH = split(load_diabetes, 120, 20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"train": [1, 2]}, "train: found list, a pandas.DataFrame is needed"),
        ({"train": TRAIN.to_numpy()}, "train: found ndarray, a pandas.DataFrame is needed"),
        ({"test": TEST.to_dict()}, "test: found dict, a pandas.DataFrame is needed"),
        ({"target": "y"}, r"target: train has no column 'y'; its columns are 'age', .*Name one"),
        ({"target": None}, "target: train has no column 'None'"),
        ({"metric": "auc"}, "metric: found 'auc', but allowed metrics are accuracy, "),
        ({"metric": "roc_auc"}, "metric: found 'roc_auc', but the target is a regression"),
        ({"metric": 3}, "metric: found 3, but it should be a valid string"),
        ({"task": "ranking"}, "task: found 'ranking', but it should be 'binary', 'multiclass' or "),
        ({"models": ["gpt"]}, r"\[models.gpt\]: there is no model 'gpt'; allowed are .*linear"),
        ({"models": "linear"}, r"models: found 'linear', a list is needed. Give \['linear'\]"),
        ({"models": []}, "at least one is needed"),
        ({"preset": "fast"}, "no preset 'fast'; allowed are default, quick, best"),
        ({"minutes": -1}, r"\[budget\] minutes: found -1, but it should be greater than 0"),
        ({"minutes": "6"}, r"\[budget\] minutes: found '6'"),
        ({"settings": {"split.fold": 3}}, r"\[split\] fold: there is no such key; .*'folds'"),
        ({"settings": {"split.folds": "3"}}, r"\[split\] folds: found '3', but"),
        ({"settings": {"split.folds": 1}}, r"\[split\] folds: found 1, but .*equal to 2"),
        ({"settings": {"folds": 3}}, r"settings: found 'folds', allowed is TABLE\.KEY"),
        ({"settings": {3: 3}}, r"settings: found 3, allowed is TABLE\.KEY"),
        ({"settings": ["split.folds"]}, "settings: found list, a mapping is needed"),
        (
            {"settings": {"split.folds": 3, "split.folds.x": 1}},
            r"settings: found 'split\.folds\.x', allowed is TABLE\.KEY",
        ),
        (
            {"settings": {"models.rnn.epochs": 3}},
            r"\[models.rnn\] is given settings, and is none of the models to fit",
        ),
    ],
)
def test_a_wrong_argument_is_one_message(arguments, message):
    given = {"train": TRAIN, "target": "target", "test": TEST, **QUICK, **arguments}
    with pytest.raises(SettingsError, match=message) as error:
        pipeline.fit(**given)
    assert "\n" not in str(error.value)
    assert "--" not in str(error.value) and "TOML" not in str(error.value).replace(
        "Name the table of the TOML", ""
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"test": TEST.drop(columns="bmi")}, "test lacks 1 column of train: 'bmi'. Add what is"),
        ({"test": TEST[["age", "sex"]]}, "test lacks 8 columns of train: 'bmi', "),
        ({"train": TRAIN[:0]}, "train: found no rows, at least one is needed"),
        ({"test": TEST[:0]}, "test: found no rows, at least one is needed"),
        ({"train": pd.concat([TRAIN, TRAIN[["bmi"]]], axis=1)}, "more columns named 'bmi'"),
        ({"train": TRAIN.assign(target=1.0)}, "the target 'target' has one value only"),
        ({"train": TRAIN.assign(target=np.nan)}, "the target 'target' is missing in rows"),
        ({"test": TEST.assign(bmi="x")}, "column 'bmi'"),
        ({"id": "nope"}, "no id 'nope'"),
    ],
)
def test_tables_that_cannot_be_learnt_from_are_one_message(arguments, message):
    given = {"train": TRAIN, "target": "target", "test": TEST, **QUICK, **arguments}
    with pytest.raises(DataError, match=message) as error:
        pipeline.fit(**given)
    assert "--" not in str(error.value)


def test_advice_names_the_argument():
    with pytest.raises(DataError) as error:
        pipeline.fit(TRAIN.assign(target=np.nan), "target", test=TEST, **QUICK)
    advice = 'an argument of fit: settings={"load.missing_target": "drop"} or target=TARGET.'
    assert str(error.value).endswith(advice)


def test_and_the_advice_helps(bare):
    run, train = bare
    assert len(run.out_of_fold) == len(train) - 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda test: test.drop(columns="mean area"), "no column 'mean area'; found 'mean radius'"),
        (lambda test: test.assign(**{"mean area": "x"}), "column 'mean area' holds 'x'"),
        (lambda test: test.to_numpy(), "found ndarray, allowed is a pandas DataFrame"),
        (lambda test: "rows.csv", "found str, allowed is a pandas DataFrame"),
    ],
)
def test_rows_that_cannot_be_predicted_are_one_message(binary, change, message):
    run, _, test, _ = binary
    with pytest.raises(DataError, match=message) as error:
        run.predict(change(test))
    assert "\n" not in str(error.value)


def test_new_rows_may_stand_in_any_order_and_with_more_columns(binary):
    run, _, test, _ = binary
    expected = run.predict(test)
    turned = test[[*reversed(test.columns)]].assign(more="x")[::-1]
    pd.testing.assert_frame_equal(run.predict(turned)[::-1], expected, atol=1e-6)
    assert len(run.predict(test[:1])) == 1


def test_settings_are_tables_of_a_toml():
    assert tables_of({"split.folds": 10, "models.lightgbm.num_leaves": 15, "split.seed": 1}) == {
        "split": {"folds": 10, "seed": 1},
        "models": {"lightgbm": {"num_leaves": 15}},
    }


def test_what_the_package_lacks_is_named_with_what_it_has():
    with pytest.raises(AttributeError, match="no attribute 'train'; it has Run, compute, fit, run"):
        _ = pipeline.train

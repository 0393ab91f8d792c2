"""`pipeline.run` in a notebook: other settings, two experiments compared, single stages."""

from pathlib import Path

import numpy as np
import pytest

import pipeline
from pipeline import Run
from pipeline.errors import DataError, SettingsError
from pipeline.unchanged import is_unchanged
from pipeline.workspace import Workspace

SMALL = {
    "load.simulated_train_rows": 300,
    "load.simulated_test_rows": 90,
    "explore.permutations": 9,
    "explore.max_columns": 1,
    "explore.ratings": [],
    "evaluate.learning_curve": [1.0],
    "evaluate.importance_rows": 0,
    "evaluate.dependence_rows": 0,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("project")


def run(root: Path, *models: str, **settings: object) -> Run:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return pipeline.run("airline", "quick", models=models, settings=SMALL | named, root=root)


@pytest.fixture(scope="module")
def first(root) -> Run:
    return run(root, "linear")


@pytest.fixture(scope="module")
def second(first, root) -> Run:
    """The same, and a second model under a name of its own."""
    other = {"models__other__kind": "logistic", "models__other__l2": 0.3}
    return run(root, "linear", "other", **other)


def hits(run: Run) -> np.ndarray:
    """Whether the blend's out-of-fold prediction of each row is correct."""
    predicted = run.out_of_fold[run.flow.value("load").problem.target].astype(int)
    return (predicted == run.flow.value("load").y).to_numpy(dtype=float)


def test_it_fits_the_models_named_with_the_settings_given(first, second):
    assert set(first.leaderboard.model) == {"linear", "blend"}
    assert set(second.leaderboard.model) == {"linear", "other", "blend"}
    assert second.flow.value("train", "other").member.kind == "logistic"
    assert second.flow.value("train", "other").member.settings["l2"] == 0.3


def test_what_both_experiments_share_is_not_computed_again(second):
    computed = {node.name for node, done in second.flow.done.items() if done.computed}

    assert "train-other" in computed
    assert not computed & {"load", "explore", "split", "train-linear"}


def test_two_runs_are_compared_row_by_row(first, second):
    compared = second.compare(first)

    apart = hits(second) - hits(first)
    error = apart.std() / np.sqrt(len(apart))
    assert apart.any() and list(compared.index) == ["blend", "linear"]
    assert compared.loc["blend", "difference"] == pytest.approx(apart.mean())
    assert compared.loc["blend", "standard_error"] == pytest.approx(error, rel=0.01)
    assert compared.loc["linear", "verdict"] == "the same"


def test_the_difference_changes_its_sign_with_the_order(first, second):
    one, other = second.compare(first), first.compare(second)

    assert (one.difference == -other.difference).all()
    assert (one.low == -other.high).all()


def test_runs_on_other_folds_are_not_comparable(first, root):
    with pytest.raises(DataError, match="not comparable row by row"):
        run(root, "linear", split__seed=1).compare(first)


def test_make_does_not_take_a_run_with_other_settings_for_its_own(first, root):
    assert is_unchanged(Workspace(root, "airline"), "all", "quick") is None


def test_settings_are_checked(root):
    with pytest.raises(SettingsError, match=r"\[split\] fold: there is no such key"):
        run(root, "linear", split__fold=3)


def test_a_single_stage_gives_its_value_and_those_before_it(root):
    flow = pipeline.compute("airline", "split", "quick", root=root)

    assert flow.value("split").rows == len(flow.value("load").y)
    assert {node.name for node in flow.done} == {"load", "split"}

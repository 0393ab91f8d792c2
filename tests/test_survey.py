"""The survey in memory: what the stages make of the same files, and nothing left behind."""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline import config, runner
from pipeline.competitions import airline_survey
from pipeline.encoding.features import add_features, feature_columns
from pipeline.encoding.views import FoldEncoder
from pipeline.progress import Progress
from pipeline.survey import Survey, new_workspace, read_dataset, read_survey


@pytest.fixture(scope="module")
def survey(tmp_path_factory) -> Survey:
    return read_survey("airline", tmp_path_factory.mktemp("raw"))


def organisers_files(folder: Path) -> dict[str, pd.DataFrame]:
    tables = airline_survey.survey(np.random.default_rng(5), 200, 50)
    for name, table in zip(("train", "test", "sample_submission"), tables.values(), strict=True):
        table.to_csv(folder / f"{name}.csv", index=False)
    return tables


def test_without_files_it_is_simulated_and_says_so(tmp_path, capsys):
    survey = read_survey("airline", tmp_path / "nothing")

    assert survey.schema["simulated"]
    assert "SIMULATED" in capsys.readouterr().out


def test_every_row_is_kept_aside_once(survey):
    aside = np.concatenate([fold.valid for fold in survey.folds])

    assert_array_equal(np.sort(aside), np.arange(len(survey.y)))
    assert all(not set(fold.train) & set(fold.valid) for fold in survey.folds)


def test_the_encoder_has_seen_the_folds_training_rows_alone(survey):
    """The matrices of a fold are those of an encoder that is given its training rows by hand."""
    drawn = airline_survey.survey(np.random.default_rng(survey.experiment.load.seed))["train"]
    fold, view, asked = survey.folds[1], survey.views[1], survey.experiment.encode
    columns = survey.schema["columns"]
    rows = add_features(asked.features, drawn[[column["name"] for column in columns]])
    encoder = FoldEncoder(asked, feature_columns(rows, columns), 2)
    rng = np.random.default_rng([asked.seed, fold.repeat, fold.number])

    learnt = encoder.fit_transform(rows.iloc[fold.train], survey.y[fold.train], rng)

    assert_array_equal(view.train, learnt["dense"])
    assert_array_equal(view.valid, encoder.transform(rows.iloc[fold.valid])["dense"])
    assert_array_equal(survey.y, drawn["target"])


def test_the_organisers_files_are_taken_where_they_are(tmp_path):
    tables = organisers_files(tmp_path)

    survey = read_survey("airline", tmp_path)

    assert not survey.schema["simulated"]
    assert_array_equal(survey.y, tables["train"]["target"])


def test_nothing_is_left_behind_and_the_matrices_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    survey = read_survey("airline", Path("nothing"), view="tree")

    assert list(tmp_path.iterdir()) == []
    assert all(type(view.train) is np.ndarray for view in survey.views)


def test_a_model_has_the_settings_of_the_toml_and_the_changes(survey):
    asked = survey.experiment.models["neural_net"]

    model = survey.model("neural_net", survey.views[0], n_networks=7)

    assert model.estimator.n_networks == 7
    assert model.estimator.hidden == asked.hidden
    assert model.problem.columns == survey.views[0].columns


def test_the_dataset_holds_what_the_files_hold(tmp_path):
    tables = organisers_files(tmp_path)

    dataset = read_dataset("airline", tmp_path)

    assert (len(dataset.train), len(dataset.test)) == (200, 50)
    assert_array_equal(dataset.y, tables["train"]["target"])
    assert_array_equal(dataset.test["Age"], tables["test"]["Age"])
    assert set(dataset.names) == set(tables["test"]) - {"id"}


def test_a_new_workspace_runs_stages_on_a_copy_of_the_files(tmp_path):
    (tmp_path / "files").mkdir()
    tables = organisers_files(tmp_path / "files")
    experiment = config.load_experiment("airline", "quick")

    workspace = new_workspace(tmp_path / "root", "airline", tmp_path / "files", experiment)
    for stage in ("load", "split"):
        runner.run_stage(workspace, stage, None, Progress(live=False))

    assert_array_equal(workspace.stage("load").read_array("y"), tables["train"]["target"])
    assert workspace.stage("split").read_array("folds-0").max() == experiment.split.folds - 1
    assert len(list((tmp_path / "files").iterdir())) == 3


def test_a_new_workspace_without_files_has_settings_alone(tmp_path):
    experiment = config.load_experiment("airline", "quick")

    workspace = new_workspace(tmp_path, "airline", tmp_path / "nothing", experiment)

    assert not workspace.raw.exists()
    assert "train-lightgbm" in workspace.settings.names(".json")

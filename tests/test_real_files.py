"""The organiser's own files, where PIPELINE_DATA names the folder that holds them."""

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline.encoded import Encoded
from pipeline.folds import Folds
from pipeline.store import Store
from tests.project import copy_project

DATA = os.environ.get("PIPELINE_DATA")
pytestmark = pytest.mark.skipif(
    DATA is None, reason="PIPELINE_DATA names no folder with airline/, titanic/ and passenger/"
)


def project_with(root, competition):
    project = copy_project(root)
    source = Path(str(DATA)) / competition
    shutil.copytree(source, root / "data" / "raw" / competition)
    return project, source


def test_the_submission_has_the_samples_form_and_training_rows_are_familiar(tmp_path):
    """One run for both: `.ci/run` looks at the score of this one and of titanic's."""
    project, source = project_with(tmp_path, "airline")
    done = project.make("C=airline", "PRESET=quick", "submit")
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (tmp_path / "submissions" / "airline").glob("*.csv")
    asked, written = pd.read_csv(source / "sample_submission.csv"), pd.read_csv(file)
    assert list(written.columns) == list(asked.columns)
    assert written.dtypes.equals(asked.dtypes)
    assert written.iloc[:, 0].equals(asked.iloc[:, 0])
    assert set(written.iloc[:, 1]) == {0, 1}
    done = project.run("predict", "airline", str(source / "train.csv"), "--out", "seen.csv")
    assert done.returncode == 0, done.stderr
    truth, predicted = pd.read_csv(source / "train.csv"), pd.read_csv(tmp_path / "seen.csv")
    assert (predicted["target"] == truth["target"]).mean() > 0.95


def test_a_hundred_thousand_rows_are_loaded_split_and_encoded(tmp_path):
    project, _ = project_with(tmp_path, "passenger")
    done = project.make("C=passenger", "split", "encode")
    assert done.returncode == 0, done.stdout + done.stderr
    store = Store(tmp_path / "data" / "build" / "passenger" / "store")
    keys = {key.kind: key for key in [*store.keys()]}
    assert set(keys) == {"encode", "load", "split"}
    split, encode = store.get(keys["split"], Folds), store.get(keys["encode"], Encoded)
    assert len(split.folds) == 5 and split.rows > 100_000
    assert {tables.train.rows for tables in encode.tables.values()} == {split.rows}

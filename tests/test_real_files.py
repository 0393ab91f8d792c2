"""The organiser's own files, where PIPELINE_DATA names the folder that holds them."""

import os
import re
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


def run_the_main_job(root, competition, at_least):
    """`make PRESET=quick all` -> the project, the organiser's files, the one submission.

    The score to expect, which must reach `at_least`, is a part of the submission's name.
    """
    project, source = project_with(root, competition)
    done = project.make(f"C={competition}", "PRESET=quick", "all")
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = (root / "submissions" / competition).glob("*.csv")
    (score,) = re.findall(rf"{competition}_.*_(0\.\d+)_.*\.csv", file.name)
    assert float(score) >= at_least
    return project, source, file


def test_the_main_job_predicts_titanic(tmp_path):
    run_the_main_job(tmp_path, "titanic", 0.8)


def test_the_submission_has_the_samples_form_and_training_rows_are_familiar(tmp_path):
    project, source, file = run_the_main_job(tmp_path, "airline", 0.9)
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

"""Predictions of new rows lie where they harm nothing, in a form that people read."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import SettingsError
from pipeline.prediction_file import labelled, predictions_path, write_predictions
from pipeline.problem import Form, Problem

FORM = Form(("no", "kind"), "target", "no", by_row=False, target="kind")
PROBLEM = Problem("kind", "no", "multiclass", ("a", "b", "c"), None, FORM, ())
VALUES = Problem("kind", "no", "regression", None, None, FORM, ())
PREDICTION = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])


def test_labels_are_the_most_probable_classes():
    table = labelled(PREDICTION, PROBLEM, pd.Series([7, 9], name="no"))
    assert list(table) == ["no", "kind", "probability a", "probability b", "probability c"]
    assert list(table["kind"]) == ["b", "a"]
    assert list(table["no"]) == [7, 9]
    np.testing.assert_array_equal(table.iloc[:, 2:], PREDICTION)


def test_values_stand_in_the_targets_column():
    table = labelled(np.array([[1.5], [2.5]]), VALUES)
    assert table.to_dict("list") == {"kind": [1.5, 2.5]}


@pytest.fixture
def file(tmp_path) -> Path:
    """A file of new rows; data/raw and submissions/tiny lie beside it."""
    (tmp_path / "data" / "raw" / "tiny").mkdir(parents=True)
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n")
    return path


def place(file: Path, out: Path | None = None, problem: Problem = PROBLEM) -> Path:
    folders = {"raw": file.parent / "data" / "raw", "submissions": file.parent / "submissions"}
    return predictions_path(file, out, **folders, problems=[problem])


def test_by_default_they_lie_beside_the_submissions(file):
    folder = file.parent / "submissions" / "predictions"
    assert place(file) == folder / "rows.predictions.csv"
    named = [place(file.with_name(name)).name for name in ("b.2024.csv", "b.csv.gz", "B.TSV")]
    assert named == ["b.2024.predictions.csv", "b.csv.gz.predictions.csv", "B.TSV.predictions.csv"]


def test_predictions_never_lie_among_the_organisers_files(file):
    raw = file.parent / "data" / "raw"
    for out in (raw / "tiny" / "new.csv", raw / "other" / "new.csv", raw / "new.csv"):
        with pytest.raises(SettingsError, match="organiser's files alone"):
            place(file, out)


def test_the_file_to_predict_is_never_overwritten(file):
    for out in (file, file.parent / "data" / ".." / "rows.csv"):
        with pytest.raises(SettingsError, match="would be overwritten"):
            place(file, out)


def test_only_earlier_predictions_are_replaced(file):
    out = file.parent / "scores.csv"
    for ids in (None, pd.Series([7, 9], name="no")):
        write_predictions(out, labelled(PREDICTION, PROBLEM, ids))
        assert place(file, out) == out
    with pytest.raises(SettingsError, match="holds no predictions of 'kind'"):
        place(file, out, VALUES)
    for content in (b"\xffmy,notes\n", b""):
        out.write_bytes(content)
        with pytest.raises(SettingsError, match="not overwritten"):
            place(file, out)
    with pytest.raises(SettingsError, match="this is a folder"):
        place(file, file.parent)


def test_where_other_predictions_are_replaced_there_is_a_note(file):
    """Two files of one name in two folders have one default place."""
    out, table = place(file), labelled(PREDICTION, PROBLEM)
    assert write_predictions(out, table) == ()
    assert write_predictions(out, table) == ()
    (note,) = write_predictions(out, table[:1])
    assert note.startswith("other predictions lay there and were replaced")
    assert pd.read_csv(out).shape == (1, 4)


def test_the_same_predictions_are_the_same_bytes(file):
    table, other = labelled(PREDICTION, PROBLEM), file.parent / "other.csv"
    write_predictions(place(file), table)
    shutil.copy(place(file), other)
    write_predictions(place(file), table)
    assert place(file).read_bytes() == other.read_bytes()
    assert b"\r" not in other.read_bytes()

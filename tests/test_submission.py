"""A submission is the sample with predictions filled in, or it is refused with the reasons."""

import io
from dataclasses import replace
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from pipeline import ledger
from pipeline.errors import DataError
from pipeline.metrics import METRICS
from pipeline.problem import Form, Loaded
from pipeline.submission import (
    Submitted,
    blas_kernels,
    cell_notes,
    file_content,
    file_problems,
    fill,
    form_notes,
    problems,
    publish,
    written_labels,
)
from tests.small_loaded import loaded

MOST_CLASSES = 10


def competition(labels, sample=None, ids=(30, 10, 20), test_ids=(10, 20, 30), **form) -> Loaded:
    """Three rows to predict; the sample asks for them as 30, 10, 20.

    labels: the target's; sample: the values in the sample's columns, by column, None for no sample
    at all; form: what differs in it.
    """
    test = words(pd.DataFrame({"id": test_ids}))
    classes = sorted({str(label) for label in labels})
    if len(classes) > MOST_CLASSES:
        task, y, classes = "regression", labels, None
    else:
        task = "binary" if len(classes) == 2 else "multiclass"
        y = [classes.index(str(label)) for label in labels]
    if sample is None:
        names = ("id", "y")
        made = Form(names, "target", "id", False, "y", made_up=True, header=names)
        return loaded(y, task, classes, made, test.assign(y=str(labels[0])), test)
    table = words(pd.DataFrame({"id": ids, **sample}))
    columns, values = tuple(table.columns), list(sample)
    if len(values) == 1:
        asked = Form(columns, "target", "id", False, values[0])
    else:
        spelled = tuple(f"y_{label}" for label in classes)
        asked = Form(columns, "classes", "id", False, class_columns=spelled)
    return loaded(y, task, classes, replace(asked, **form), table, test)


def words(frame):
    return frame.map(lambda value: value if pd.isna(value) else str(value)).astype("str")


TWO = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])  # rows of test: ids 10, 20, 30
THREE = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.2, 0.5, 0.3]])
VALUES = np.array([[1.5], [-2.25], [3.0]])
WHOLE_NUMBERS = np.array([[1.0], [2.0], [3.0]])
BINARY, WORDS, AMOUNTS = [0, 1] * 10, ["a", "b", "c"] * 10, [float(i) for i in range(30)]


def csv_of(prediction, metric, *case, **keys):
    load = competition(*case, **keys)
    return file_content(load, prediction, METRICS[metric]).decode()


@pytest.mark.parametrize(
    ("prediction", "metric", "labels", "sample", "expected"),
    [
        (TWO, "accuracy", BINARY, {"y": 0}, "id,y\n30,1\n10,0\n20,1\n"),
        (TWO, "accuracy", BINARY, {"y": "0.0"}, "id,y\n30,1.0\n10,0.0\n20,1.0\n"),
        (WHOLE_NUMBERS, "smape", AMOUNTS, {"y": 0}, "id,y\n30,3\n10,1\n20,2\n"),
        (WHOLE_NUMBERS, "smape", AMOUNTS, {"y": "0.0"}, "id,y\n30,3.0\n10,1.0\n20,2.0\n"),
        (WHOLE_NUMBERS + 0.5, "smape", AMOUNTS, {"y": 0}, "id,y\n30,3.5\n10,1.5\n20,2.5\n"),
        (TWO, "accuracy", ["0.0", "1.0"] * 9, {"y": "0"}, "id,y\n30,1\n10,0\n20,1\n"),
        (TWO, "accuracy", ["01", "02"] * 9, {"y": "01"}, "id,y\n30,02\n10,01\n20,02\n"),
        (TWO, "accuracy", ["01", "02"] * 9, {"y": 0.5}, "id,y\n30,02\n10,01\n20,02\n"),
        (TWO, "accuracy", ["false", "true"] * 9, {"y": "FALSE"},
         "id,y\n30,TRUE\n10,FALSE\n20,TRUE\n"),
        (TWO, "accuracy", BINARY, {"y": 0.5}, "id,y\n30,1\n10,0\n20,1\n"),
        (TWO, "accuracy", BINARY, {"y": np.nan}, "id,y\n30,1\n10,0\n20,1\n"),
        (TWO, "accuracy", [0.0, 1.0] * 10, {"y": 0}, "id,y\n30,1\n10,0\n20,1\n"),
        (TWO, "accuracy", ["False", "True"] * 9, {"y": "False"},
         "id,y\n30,True\n10,False\n20,True\n"),
        (TWO, "accuracy", ["False", "True"] * 9, {"y": 0}, "id,y\n30,1\n10,0\n20,1\n"),
        (TWO, "accuracy", BINARY, {"y": "False"}, "id,y\n30,True\n10,False\n20,True\n"),
        (TWO, "f1_macro", ["no", "yes"] * 9, {"y": "no"}, "id,y\n30,yes\n10,no\n20,yes\n"),
        (TWO, "f1_macro", ["no", "yes"] * 9, {"y": 0}, "id,y\n30,yes\n10,no\n20,yes\n"),
        (TWO, "accuracy", BINARY, {"label": 0}, "id,label\n30,1\n10,0\n20,1\n"),
        (TWO, "roc_auc", BINARY, {"y": 0}, "id,y\n30,0.6\n10,0.1\n20,0.8\n"),
        (TWO, "log_loss", BINARY, None, "id,y\n10,0.1\n20,0.8\n30,0.6\n"),
        (THREE, "accuracy", WORDS, {"y": "a"}, "id,y\n30,b\n10,a\n20,c\n"),
        (THREE, "log_loss", WORDS, {"y_c": 0.3, "y_a": 0.3, "y_b": 0.4},
         "id,y_c,y_a,y_b\n30,0.3,0.2,0.5\n10,0.1,0.7,0.2\n20,0.8,0.1,0.1\n"),
        (VALUES, "rmse", AMOUNTS, {"y": 0}, "id,y\n30,3.0\n10,1.5\n20,-2.25\n"),
        (VALUES, "rmsle", AMOUNTS, {"y": 0}, "id,y\n30,3.0\n10,1.5\n20,0.0\n"),
        (THREE, "map@2", WORDS, {"y": "a b"}, "id,y\n30,b c\n10,a b\n20,c a\n"),
        (THREE, "map@5", WORDS, {"y": "x"}, "id,y\n30,b c a\n10,a b c\n20,c a b\n"),
        (THREE, "map@2", WORDS, {"y_c": 0.3, "y_a": 0.3, "y_b": 0.4},
         "id,y_c,y_a,y_b\n30,0.3,0.2,0.5\n10,0.1,0.7,0.2\n20,0.8,0.1,0.1\n"),
        (WHOLE_NUMBERS, "qwk", AMOUNTS, {"y": 0}, "id,y\n30,3\n10,1\n20,2\n"),
        (WHOLE_NUMBERS, "qwk", AMOUNTS, {"y": "0.0"}, "id,y\n30,3.0\n10,1.0\n20,2.0\n"),
        (VALUES, "tweedie@1.5", AMOUNTS, {"y": 0}, "id,y\n30,3.0\n10,1.5\n20,1e-06\n"),
    ],
)  # fmt: skip
def test_predictions_stand_in_the_samples_form_and_order(
    prediction, metric, labels, sample, expected
):
    assert csv_of(prediction, metric, labels, sample) == expected


def test_predictions_in_single_precision_are_written_in_as_few_digits():
    load = competition(["no", "yes"], {"y": ["0.5"] * 3})
    p = np.array([0.35, 1e-6, 1 / 3], dtype=np.float32)
    found = file_content(load, np.column_stack([1 - p, p]), METRICS["roc_auc"])
    assert found == b"id,y\n30,0.33333334\n10,0.35\n20,1e-06\n"


def test_a_probability_a_last_digit_above_one_is_one():
    above = np.array([[0.0, np.nextafter(1, 2)], [1.0, 0.0], [0.5, 0.5]])
    assert csv_of(above, "roc_auc", BINARY, {"y": 0}) == "id,y\n30,0.5\n10,1.0\n20,0.0\n"
    with pytest.raises(DataError, match="outside 0 to 1"):
        csv_of(above + 0.1, "roc_auc", BINARY, {"y": 0})


def test_no_sample_gives_a_column_a_class_where_probabilities_of_three_are_asked_for():
    expected = "id,y_a,y_b,y_c\n10,0.7,0.2,0.1\n20,0.1,0.1,0.8\n30,0.2,0.5,0.3\n"
    assert csv_of(THREE, "log_loss", WORDS) == expected
    assert csv_of(THREE, "accuracy", WORDS) == "id,y\n10,a\n20,c\n30,b\n"
    assert form_notes(competition(WORDS).problem, METRICS["log_loss"]) == []


def test_rows_in_order_where_sample_and_test_share_no_id():
    sample = words(pd.DataFrame({"ImageId": [1, 2, 3], "Label": 0}))
    form = Form(("ImageId", "Label"), "target", "ImageId", True, "Label")
    test = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    load = loaded([0, 1, 2], "multiclass", ["0", "1", "2"], form, sample, test, id=None)
    assert file_content(load, THREE, METRICS["accuracy"]) == b"ImageId,Label\n1,0\n2,2\n3,1\n"


@pytest.mark.parametrize(
    ("cells", "metric", "number"),
    [
        (["a b c", "c a b", "b a c"], "accuracy", 3),
        (["a b", "c a", "b a"], "map@3", 2),
        (["a b c", "c a b", "b a c"], "map@3", None),
        (["a", "c", "b"], "accuracy", None),
        (["a b", "c", "b"], "accuracy", None),
    ],
)
def test_another_number_of_labels_in_the_samples_cells_is_noted(cells, metric, number):
    notes = cell_notes(competition(WORDS, {"y": cells}), METRICS[metric])
    assert len(notes) == (number is not None)
    assert all(f"hold {number} labels" in note and f"'map@{number}'" in note for note in notes)


def test_one_column_for_three_classes_holds_labels_and_the_forms_are_named():
    assert csv_of(THREE, "log_loss", WORDS, {"y": "a"}) == "id,y\n30,b\n10,a\n20,c\n"
    problem = competition(WORDS, {"y": "a"}).problem
    (note,) = form_notes(problem, METRICS["roc_auc"])
    assert "'y_a', 'y_b', 'y_c'" in note and "'accuracy'" in note
    assert form_notes(problem, METRICS["accuracy"]) == []
    assert form_notes(competition(BINARY, {"y": 0}).problem, METRICS["roc_auc"]) == []


def test_labels_follow_the_spelling_of_the_sample():
    def written(classes, *shown):
        return written_labels(classes, pd.Series(shown, dtype="str")).tolist()

    assert written(["0", "1"], "0.0") == ["0.0", "1.0"]
    assert written(["a", "b"], "0") == ["a", "b"]
    assert written(["no", "yes"], "No") == ["No", "yes"]
    assert written([" <=50K", " >50K"], "<=50K") == ["<=50K", ">50K"]


def test_ids_header_separator_and_encoding_are_the_samples_own():
    asked = ["007", "+1", "3e3"], ["+1", "3e3", "007"]
    own = {"header": ("ID ", "y"), "separator": ";", "encoding": "utf-8-sig"}
    load = competition(BINARY, {"y": 0}, *asked, **own)
    content = file_content(load, TWO, METRICS["accuracy"])
    assert content == b"\xef\xbb\xbfID ;y\n007;1\n+1;0\n3e3;1\n"
    bare = competition(BINARY, {"y": 0}, *asked, **{**own, "header": ()})
    without = file_content(bare, TWO, METRICS["accuracy"])
    assert without == content.replace(b"ID ;y\n", b"")
    for spoiled, reason in {
        content.replace(b"007", b"7"): "spelled otherwise",
        content.replace(b";", b","): "separator",
        content.replace(b"ID ", b"id"): "header",
    }.items():
        assert reason in file_problems(spoiled, load)[0]


def test_decimals_are_the_samples_own():
    load = competition(AMOUNTS, {"y": 0}, separator=";", decimal=",")
    assert file_content(load, VALUES, METRICS["rmse"]) == b"id;y\n30;3,0\n10;1,5\n20;-2,25\n"


def test_ids_saved_as_floats_are_the_samples_whole_numbers():
    load = competition(BINARY, {"y": 0}, test_ids=["10.0", "20.0", "30.0"])
    submission = fill(load, TWO, METRICS["accuracy"])
    assert submission["id"].tolist() == ["30", "10", "20"]
    assert submission["y"].tolist() == ["1", "0", "1"]


def test_rows_without_a_finite_prediction_and_unknown_ids_are_refused():
    with pytest.raises(DataError, match="no finite prediction for 1 rows"):
        csv_of(np.where(TWO == 0.2, np.nan, TWO), "accuracy", BINARY, {"y": 0})
    with pytest.raises(DataError, match="ids that test lacks: 40"):
        csv_of(TWO, "accuracy", BINARY, {"y": 0}, ids=(30, 10, 40))


SPOILS = {
    "in another order": lambda s: s[["y", "id"]],
    "others than": lambda s: s.rename(columns={"y": "z"}),
    "it has 2 rows, and test has 3": lambda s: s[:2],
    "ids of the sample missing: 20": lambda s: s[:2],
    "ids more than once: 30": lambda s: s.assign(id=["30", "30", "20"]),
    "ids that test lacks: 40": lambda s: s.assign(id=["30", "10", "40"]),
    "ids in another order": lambda s: s.iloc[::-1].reset_index(drop=True),
    "empty in 1 rows": lambda s: s.assign(y=["0", "1", None]),
    "labels that train never had: 2": lambda s: s.assign(y=["0", "1", "2"]),
    "labels that train never had: 0.4": lambda s: s.assign(y=["0", "1", "0.4"]),
    "labels that train never had: 1.0": lambda s: s.assign(y=s["y"] + ".0"),
}


@pytest.mark.parametrize("reason", SPOILS)
def test_what_the_organiser_would_refuse_is_named(reason):
    load = competition(BINARY, {"y": 0})
    spoiled = SPOILS[reason](fill(load, TWO, METRICS["accuracy"]))
    assert reason in "; ".join(problems(spoiled, load, METRICS["accuracy"]))


@pytest.mark.parametrize(
    ("metric", "labels", "values", "reason"),
    [
        ("roc_auc", BINARY, [0.1, 1.2, 0.3], "probabilities outside 0 to 1"),
        ("roc_auc", BINARY, [0.1, np.nan, 0.3], "empty in 1 rows"),
        ("rmse", AMOUNTS, [0.1, np.inf, 0.3], "infinite"),
        ("rmse", AMOUNTS, ["0.1", "2", "x"], "not numbers"),
        ("rmsle", AMOUNTS, [0.1, -0.1, 0.3], "numbers below 0, which RMSLE does not allow"),
    ],
)
def test_numbers_that_the_metric_does_not_take_are_named(metric, labels, values, reason):
    load = competition(labels, {"y": 0})
    submission = load.sample.assign(y=values)
    assert reason in "; ".join(problems(submission, load, METRICS[metric]))


def test_a_cell_of_labels_that_train_never_had_is_refused():
    load = competition(WORDS, {"y": "a b"})
    submission = load.sample.assign(y=["a b", "b z", "c a"])
    assert "labels that train never had: z" in "; ".join(
        problems(submission, load, METRICS["map@2"])
    )


ids = st.lists(st.integers(0, 10**12), min_size=2, max_size=30, unique=True)


@settings(max_examples=50, deadline=None)
@given(ids=ids, data=st.data())
def test_every_id_gets_its_own_prediction_whatever_the_order(ids, data):
    asked = data.draw(st.permutations(ids))
    load = competition(AMOUNTS, {"y": 0}, ids=asked, test_ids=ids)
    values = np.array([data.draw(st.floats(-1e300, 1e300)) for _ in ids])
    text = file_content(load, values[:, None], METRICS["rmse"]).decode()
    served = pd.read_csv(io.StringIO(text)).set_index("id")["y"]
    assert_array_equal(served.loc[ids].to_numpy(), values)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_submission_with_any_two_rows_exchanged_is_refused(data):
    load = competition(BINARY, {"y": 0}, ids=range(9), test_ids=range(9))
    one, other = data.draw(st.lists(st.integers(0, 8), min_size=2, max_size=2, unique=True))
    order = list(range(9))
    order[one], order[other] = other, one
    spoiled = load.sample.iloc[order].reset_index(drop=True)
    assert problems(spoiled, load, METRICS["accuracy"])


def test_a_published_file_is_entered_once_with_what_made_it(tmp_path):
    submitted = Submitted(b"id,y\n1,0\n", ledger.Entry("a.csv", "tiny"))
    path = publish(submitted, tmp_path / "tiny", experiment=7, note="pair features")
    assert path == tmp_path / "tiny" / "a.csv"
    assert path.read_bytes() == b"id,y\n1,0\n"
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    assert publish(submitted, path.parent, experiment=8, note="again") == path
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before
    (entry,) = ledger.read(path.with_name(ledger.FILENAME))
    assert (entry.experiment, entry.note) == (7, "pair features")
    assert entry.versions["numpy"] == np.__version__
    assert entry.versions["scipy"] == scipy.__version__
    assert entry.versions["blas"] == blas_kernels()
    assert datetime.fromisoformat(entry.created).utcoffset() is not None


def test_a_deleted_file_is_written_again_and_a_changed_one_is_left(tmp_path):
    submitted = Submitted(b"id,y\n1,0\n", ledger.Entry("a.csv"))
    path = publish(submitted, tmp_path, note="pair features")
    path.unlink()
    assert publish(submitted, tmp_path).read_bytes() == submitted.content
    (entry,) = ledger.read(tmp_path / ledger.FILENAME)
    assert entry.note == "pair features"
    path.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"a\.csv: this was changed"):
        publish(submitted, tmp_path)
    assert path.read_bytes() == b"mine"

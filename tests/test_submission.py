"""A submission is the sample with answers filled in, or it is refused with the reasons."""

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from pipeline.config import LoadStage
from pipeline.metrics import METRICS
from pipeline.schema import Tables, find_form, find_roles
from pipeline.submission import (
    file_problems,
    fill,
    form_notes,
    problems,
    to_bytes,
    written_labels,
)


def competition(labels, sample=None, ids=(30, 10, 20), test_ids=(10, 20, 30)):
    """(sample, test, schema) of three rows to predict; the sample asks for them as 30, 10, 20.

    sample: the values in the sample's columns, by column; None for no sample at all.
    """
    train = pd.DataFrame({"id": range(len(labels)), "x": 0.0, "y": labels})
    test = pd.DataFrame({"id": test_ids, "x": 0.0})
    form = None if sample is None else pd.DataFrame({"id": ids, **sample})
    frames = {"train": train, "test": test} | ({} if form is None else {"sample": form})
    tables = Tables.of(frames)
    roles = find_roles(tables, LoadStage(id="id"))
    found, _ = find_form(tables, roles)
    schema = {
        "task": roles.task, "target": "y", "id": "id", "simulated": False,
        "classes": list(roles.classes) if roles.classes else None,
        "sample": found.to_json(), "files": {"train": {"sha256": "abc"}},
    }  # fmt: skip
    if tables.sample is None:
        return tables.test[["id"]].assign(y=tables.train["y"].iloc[0]), tables.test, schema
    return tables.sample, tables.test, schema


TWO = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])  # rows of test: ids 10, 20, 30
THREE = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.2, 0.5, 0.3]])
VALUES = np.array([[1.5], [-2.25], [3.0]])
BINARY, WORDS, AMOUNTS = [0, 1] * 10, ["a", "b", "c"] * 10, [float(i) for i in range(30)]


def csv_of(prediction, metric, *case, **keys):
    sample, test, schema = competition(*case, **keys)
    submission = fill(sample, test, prediction, schema, METRICS[metric])
    assert problems(submission, sample, test, schema, METRICS[metric]) == []
    content = to_bytes(submission, schema)
    assert file_problems(content, sample, schema) == []
    return content.decode()


@pytest.mark.parametrize(
    ("prediction", "metric", "labels", "sample", "expected"),
    [
        (TWO, "accuracy", BINARY, {"y": 0}, "id,y\n30,1\n10,0\n20,1\n"),
        (TWO, "accuracy", BINARY, {"y": "0.0"}, "id,y\n30,1.0\n10,0.0\n20,1.0\n"),
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
        (TWO, "accuracy", BINARY, {"answer": 0}, "id,answer\n30,1\n10,0\n20,1\n"),
        (TWO, "roc_auc", BINARY, {"y": 0}, "id,y\n30,0.6\n10,0.1\n20,0.8\n"),
        (TWO, "log_loss", BINARY, None, "id,y\n10,0.1\n20,0.8\n30,0.6\n"),
        (THREE, "accuracy", WORDS, {"y": "a"}, "id,y\n30,b\n10,a\n20,c\n"),
        (THREE, "log_loss", WORDS, {"y_c": 0.3, "y_a": 0.3, "y_b": 0.4},
         "id,y_c,y_a,y_b\n30,0.3,0.2,0.5\n10,0.1,0.7,0.2\n20,0.8,0.1,0.1\n"),
        (VALUES, "rmse", AMOUNTS, {"y": 0}, "id,y\n30,3.0\n10,1.5\n20,-2.25\n"),
        (VALUES, "rmsle", AMOUNTS, {"y": 0}, "id,y\n30,3.0\n10,1.5\n20,0.0\n"),
    ],
)  # fmt: skip
def test_answers_stand_in_the_samples_form_and_order(prediction, metric, labels, sample, expected):
    assert csv_of(prediction, metric, labels, sample) == expected


def test_a_probability_a_last_digit_above_one_is_one():
    above = np.array([[0.0, np.nextafter(1, 2)], [1.0, 0.0], [0.5, 0.5]])
    assert csv_of(above, "roc_auc", BINARY, {"y": 0}) == "id,y\n30,0.5\n10,1.0\n20,0.0\n"
    with pytest.raises(AssertionError, match="outside 0 to 1"):
        csv_of(above + 0.1, "roc_auc", BINARY, {"y": 0})


def test_rows_in_order_where_sample_and_test_share_no_id():
    tables = Tables.of({
        "train": pd.DataFrame({"x": range(30), "label": [0, 1, 2] * 10}),
        "test": pd.DataFrame({"x": [0.0, 1.0, 2.0]}),
        "sample": pd.DataFrame({"ImageId": [1, 2, 3], "Label": 0}),
    })  # fmt: skip
    roles = find_roles(tables, LoadStage())
    schema = {"task": "multiclass", "id": None, "classes": list(roles.classes),
              "sample": find_form(tables, roles)[0].to_json()}  # fmt: skip
    submission = fill(tables.sample, tables.test, THREE, schema, METRICS["accuracy"])
    assert to_bytes(submission, schema) == b"ImageId,Label\n1,0\n2,2\n3,1\n"
    assert problems(submission, tables.sample, tables.test, schema, METRICS["accuracy"]) == []


def test_one_column_for_three_classes_holds_labels_and_the_forms_are_named():
    assert csv_of(THREE, "log_loss", WORDS, {"y": "a"}) == "id,y\n30,b\n10,a\n20,c\n"
    _, _, schema = competition(WORDS, {"y": "a"})
    (note,) = form_notes(schema, METRICS["roc_auc"])
    assert "'y_a', 'y_b', 'y_c'" in note and "'accuracy'" in note
    assert form_notes(schema, METRICS["accuracy"]) == []
    assert form_notes(competition(BINARY, {"y": 0})[2], METRICS["roc_auc"]) == []


def test_labels_follow_the_spelling_of_the_sample():
    def written(classes, *shown):
        return written_labels(classes, pd.Series(shown, dtype="str")).tolist()

    assert written(["0", "1"], "0.0") == ["0.0", "1.0"]
    assert written(["a", "b"], "0") == ["a", "b"]
    assert written(["no", "yes"], "No") == ["No", "yes"]
    assert written([" <=50K", " >50K"], "<=50K") == ["<=50K", ">50K"]


def test_ids_header_separator_and_encoding_are_the_samples_own():
    sample, test, schema = competition(BINARY, {"y": 0}, ids=["007", "+1", "3e3"],
                                       test_ids=["+1", "3e3", "007"])  # fmt: skip
    schema["sample"] |= {"header": ["ID ", "y"], "separator": ";", "encoding": "utf-8-sig"}
    submission = fill(sample, test, TWO, schema, METRICS["accuracy"])
    content = to_bytes(submission, schema)
    assert content == b"\xef\xbb\xbfID ;y\n007;1\n+1;0\n3e3;1\n"
    assert file_problems(content, sample, schema) == []
    schema["sample"] |= {"header": []}
    bare = to_bytes(submission, schema)
    assert bare == content.replace(b"ID ;y\n", b"")
    assert file_problems(bare, sample, schema) == []
    schema["sample"] |= {"header": ["ID ", "y"]}
    for spoiled, reason in {
        content.replace(b"007", b"7"): "spelled otherwise",
        content.replace(b";", b","): "separator",
        content.replace(b"ID ", b"id"): "header",
    }.items():
        assert reason in file_problems(spoiled, sample, schema)[0]


def test_ids_saved_as_floats_are_the_samples_whole_numbers():
    sample, test, schema = competition(BINARY, {"y": 0}, test_ids=["10.0", "20.0", "30.0"])
    submission = fill(sample, test, TWO, schema, METRICS["accuracy"])
    assert submission["id"].tolist() == ["30", "10", "20"]
    assert submission["y"].tolist() == ["1", "0", "1"]


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
def test_what_the_organiser_would_refuse_is_told(reason):
    sample, test, schema = competition(BINARY, {"y": 0})
    spoiled = SPOILS[reason](fill(sample, test, TWO, schema, METRICS["accuracy"]))
    assert reason in "; ".join(problems(spoiled, sample, test, schema, METRICS["accuracy"]))


@pytest.mark.parametrize(
    ("metric", "labels", "answers", "reason"),
    [
        ("roc_auc", BINARY, [0.1, 1.2, 0.3], "probabilities outside 0 to 1"),
        ("roc_auc", BINARY, [0.1, np.nan, 0.3], "empty in 1 rows"),
        ("rmse", AMOUNTS, [0.1, np.inf, 0.3], "infinite"),
        ("rmse", AMOUNTS, ["0.1", "2", "x"], "not numbers"),
        ("rmsle", AMOUNTS, [0.1, -0.1, 0.3], "below zero"),
    ],
)
def test_numbers_that_the_metric_does_not_take_are_told(metric, labels, answers, reason):
    sample, test, schema = competition(labels, {"y": 0})
    submission = sample.assign(y=answers)
    assert reason in "; ".join(problems(submission, sample, test, schema, METRICS[metric]))


ids = st.lists(st.integers(0, 10**12), min_size=2, max_size=30, unique=True)


@settings(max_examples=50, deadline=None)
@given(ids=ids, data=st.data())
def test_every_id_gets_its_own_prediction_whatever_the_order(ids, data):
    asked = data.draw(st.permutations(ids))
    sample, test, schema = competition(AMOUNTS, {"y": 0}, ids=asked, test_ids=ids)
    values = np.array([data.draw(st.floats(-1e300, 1e300)) for _ in ids])
    submission = fill(sample, test, values[:, None], schema, METRICS["rmse"])
    assert problems(submission, sample, test, schema, METRICS["rmse"]) == []
    text = submission.to_csv(index=False, lineterminator="\n")
    served = pd.read_csv(io.StringIO(text)).set_index("id")["y"]
    assert_array_equal(served.loc[ids].to_numpy(), values)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_submission_with_any_two_rows_exchanged_is_refused(data):
    sample, test, schema = competition(BINARY, {"y": 0}, ids=range(9), test_ids=range(9))
    one, other = data.draw(st.lists(st.integers(0, 8), min_size=2, max_size=2, unique=True))
    order = list(range(9))
    order[one], order[other] = other, one
    spoiled = sample.iloc[order].reset_index(drop=True)
    assert problems(spoiled, sample, test, schema, METRICS["accuracy"])

"""Every value that the contract forbids is reported, with the row that a spreadsheet shows."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import DataError
from pipeline.reading.contract import (
    ColumnRule,
    check,
    check_ids,
    check_sample,
    check_target,
    compare,
)
from pipeline.reading.typed_tables import as_words

RATING = ColumnRule(kind="integer", min=0, max=5, missing=False)


def message(function, *args) -> str:
    with pytest.raises(DataError) as caught:
        function(*args)
    return str(caught.value)


def words(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


# -- the contract ----------------------------------------------------------------------------------


def test_a_table_that_keeps_the_contract_passes_unchanged():
    frame = pd.DataFrame(
        {
            "seat": [0, 5],
            "class": words("Eco", None),
            "delay": [0.5, np.nan],
            "name": words("a", "b"),
        }
    ).set_axis([7, 3])
    before = frame.copy()
    columns = {
        "seat": RATING,
        "class": ColumnRule(kind="category", allowed=("Eco", "Business")),
        "delay": ColumnRule(kind="number", min=0),
        "name": ColumnRule(kind="text", missing=False),
    }

    check(frame, columns, "train.csv")

    pd.testing.assert_frame_equal(frame, before)


def test_all_violations_are_reported_together_with_their_rows():
    # rows of the spreadsheet: header 1, then 2, 3, 4; the index of the frame plays no part
    frame = pd.DataFrame(
        {
            "seat": [7.0, 3.0, np.nan],
            "class": words("Eco", "eco", None),
            "delay": words("12", "late", "-1"),
            "age": [1.5, 30.0, np.inf],
        }
    ).set_axis([5, 5, 9])
    columns = {
        "seat": RATING,
        "class": ColumnRule(kind="category", allowed=("Eco", "Business")),
        "delay": ColumnRule(kind="number", min=0),
        "age": ColumnRule(kind="integer", max=120),
        "gate": ColumnRule(kind="text"),
    }

    lines = message(check, frame, columns, "train.csv").splitlines()

    assert lines[0] == (
        "train.csv: 7 values in 4 columns and 1 absent column against the data contract "
        "(rows are counted as in a spreadsheet, the header is row 1)."
    )
    assert lines[1:-1] == [
        "  column 'gate': named by the contract, not in the table",
        "  column 'seat', row 2: found '7', allowed are whole numbers 0 to 5, none missing",
        "  column 'seat', row 4: found nothing, allowed are whole numbers 0 to 5, none missing",
        "  column 'class', row 3: found 'eco', allowed are 'Eco', 'Business'",
        "  column 'delay', row 3: found 'late', allowed are numbers of 0 or more",
        "  column 'delay', row 4: found '-1', allowed are numbers of 0 or more",
        "  column 'age', row 2: found '1.5', allowed are whole numbers of 120 or less",
        "  column 'age', row 4: found 'inf', allowed are whole numbers of 120 or less",
    ]
    assert lines[-1] == ("Correct the file, or widen [load.columns] in the competition's TOML.")


def test_many_violations_are_counted_and_every_column_shows_some():
    frame = pd.DataFrame({f"c{i}": np.full(1000, 9) for i in range(4)})

    lines = message(check, frame, dict.fromkeys(frame, RATING), "train").splitlines()

    assert lines[0].startswith("train: 4,000 values in 4 columns")
    assert lines[-2] == "  ... and 3980 more"
    assert len(lines) == 1 + 20 + 2
    for name in frame:
        assert sum(f"column '{name}', row 2:" in line for line in lines) == 1


CELLS = st.none() | st.integers(-3, 8) | st.floats(-3, 8) | st.just(math.inf)


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(CELLS, min_size=1, max_size=8),
    kind=st.sampled_from(["integer", "number"]),
    low=st.none() | st.integers(-1, 2),
    high=st.none() | st.integers(3, 5),
    missing=st.booleans(),
    as_text=st.booleans(),
)
def test_exactly_the_forbidden_rows_are_named(values, kind, low, high, missing, as_text):
    """Against the rule as one would write it for a single value."""

    def forbidden(value):
        if value is None:
            return not missing
        return (
            math.isinf(value)
            or (kind == "integer" and value != int(value))
            or (low is not None and value < low)
            or (high is not None and value > high)
        )

    cells = [None if value is None else str(value) for value in values] if as_text else values
    series = pd.Series(cells, dtype="str" if as_text else "float64")
    wrong = [row for row, value in enumerate(values, start=2) if forbidden(value)]
    column = ColumnRule(kind=kind, min=low, max=high, missing=missing)
    try:
        check(series.to_frame("x"), {"x": column}, "t")
    except DataError as error:
        named = [line.split("row ")[1].split(":")[0] for line in str(error).splitlines()[1:-1]]
        assert [int(row) for row in named] == wrong
    else:
        assert wrong == []


@pytest.mark.parametrize(
    ("allowed", "values"),
    [
        ((0, 1), pd.Series([0, 1])),
        ((0, 1), pd.Series([0.0, np.nan, 1.0])),
        ((0, 1), words("0", "1")),
        ((True, False), words("True", "False")),
        ((True, False), pd.Series([True, False])),
    ],
)
def test_allowed_values_are_the_same_whatever_their_type(allowed, values):
    check(values.to_frame("x"), {"x": ColumnRule(kind="category", allowed=allowed)}, "t")
    narrower = ColumnRule(kind="category", allowed=allowed[:1])
    assert "1 value in 1 column" in message(check, values.to_frame("x"), {"x": narrower}, "t")


def test_values_are_shown_as_the_file_has_them():
    written = pd.DataFrame({"price": words("$1,234.50", "$5")})
    frame = pd.DataFrame({"price": words("1234.5", "5")})
    rules = {"price": ColumnRule(kind="number", max=10)}

    text = message(check, frame, rules, "t", "Correct it", written)

    assert "row 2: found '$1,234.50', allowed are numbers of 10 or less" in text


def test_what_a_terminal_would_obey_is_not_printed():
    frame = pd.DataFrame({"x": words("\x1b[2J" + "z" * 500)})

    text = message(check, frame, {"x": ColumnRule(kind="number")}, "t")

    assert "\x1b" not in text and "z" * 100 not in text


@pytest.mark.parametrize(
    ("settings_", "expected"),
    [
        ({"kind": "integer", "min": 5, "max": 0}, "more than max"),
        ({"kind": "text", "min": 5}, 'for kind "number" or "integer"'),
        ({"kind": "category", "allowed": ()}, "allowed is empty"),
        ({"kind": "rating"}, "'number', 'integer', 'category', 'text' or 'date'"),
        ({"kind": "number", "min": "0"}, "min"),
        ({"kind": "number", "least": 0}, "least"),
    ],
)
def test_a_contract_that_makes_no_sense_is_refused(settings_, expected):
    with pytest.raises(ValidationError) as caught:
        ColumnRule(**settings_)
    assert expected in str(caught.value)


# -- train against test ----------------------------------------------------------------------------


def test_tables_with_the_same_columns_pass():
    train = pd.DataFrame({"id": words("TRAIN_1"), "a": [1], "b": words("x"), "c": [1.5], "y": [0]})
    test = pd.DataFrame({"id": [1], "b": words("z"), "a": [0.5], "c": [np.nan]})

    compare(train, test, "y", "id")
    compare(train.drop(columns="id"), test, "y", "id")
    compare(train, test.assign(y=1).drop(columns="id"), "y", "id")


def test_columns_in_one_table_alone_are_all_named():
    train = pd.DataFrame({"a": [1], "b": [1], "c": [1], "y": [0]})
    test = pd.DataFrame({"a": [1], "d": [1]})

    text = message(compare, train, test, "y", "id")

    assert "found 2 only in train: 'b', 'c'; 1 only in test: 'd'" in text


# -- ids and the sample ----------------------------------------------------------------------------


def test_duplicated_and_missing_ids_are_named_with_their_rows():
    frame = pd.DataFrame({"id": [5, 7, 5, 8, 7, 7]}, index=range(10, 16))
    check_ids(frame.iloc[[0, 1, 3]], "id", "test")

    text = message(check_ids, frame, "id", "test")
    assert text.startswith("test: column 'id' has 2 ids more than once: ")
    assert "'5' in rows 2, 4; '7' in rows 3, 6, 7 (" in text
    assert "no id in row 3 (" in message(
        check_ids, pd.DataFrame({"id": words("a", None)}), "id", "t"
    )
    assert "no column 'key'; found 'id'" in message(check_ids, frame, "key", "test")


def test_many_duplicates_are_counted():
    frame = pd.DataFrame({"id": np.repeat(np.arange(50_000), 2)})

    text = message(check_ids, frame, "id", "test")

    assert "50,000 ids" in text and len(text) < 400


@settings(max_examples=50, deadline=None)
@given(
    ids=st.lists(st.integers(0, 20), unique=True, min_size=1),
    drop=st.sets(st.integers(0, 20)),
    add=st.sets(st.integers(21, 30)),
    order=st.randoms(use_true_random=False),
)
def test_the_sample_must_have_the_ids_of_test_in_any_order(ids, drop, add, order):
    listed = [i for i in ids if i not in drop] + sorted(add)
    order.shuffle(listed)
    test = as_words(pd.DataFrame({"id": ids}))
    sample = as_words(pd.DataFrame({"id": listed, "target": 0}))
    try:
        check_sample(sample, test, "id", ["target"])
    except DataError:
        assert set(listed) != set(ids)
    else:
        assert set(listed) == set(ids)


def test_a_wrong_sample_says_what_is_missing():
    test = as_words(pd.DataFrame({"id": [1, 2, 3]}))
    sample = as_words(pd.DataFrame({"id": [1, 2, 9], "target": 0}))

    text = message(check_sample, sample, test, "id", ["target"])
    assert "1 only in test: '3'; 1 only in the sample: '9'" in text
    assert "sample: no column 'p'; found 'id', 'target'" in message(
        check_sample, sample, test, "id", ["p"]
    )
    assert "sample: no column 'key'" in message(check_sample, sample, test, "key", ["target"])
    repeated = sample.assign(id=["1", "1", "2"])
    assert "more than once" in message(check_sample, repeated, test, "id", ["target"])


# -- the target ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "task"),
    [
        (pd.Series([0, 1, 1]), "binary"),
        (words("no", "yes"), "binary"),
        (words("a", "b", "c"), "multiclass"),
        (pd.Series([0.5, 2.0]), "regression"),
    ],
)
def test_a_target_that_can_be_learnt_passes(target, task):
    check_target(target.rename("y"), task)


@pytest.mark.parametrize(
    ("target", "task", "expected"),
    [
        (
            pd.Series([0, np.nan, 1, np.nan]),
            "binary",
            "is missing in rows 3, 5 (rows are counted as in a spreadsheet, the header is row 1). "
            'Leave these rows out with [load] missing_target = "drop" in the competition\'s TOML, '
            "fill them in, or name the right column in [load] target",
        ),
        (pd.Series([0.5, np.nan]), "regression", "is missing in row 3"),
        (pd.Series([1, 1]), "binary", "has one value only, '1'"),
        (pd.Series([1, 2, 3]), "binary", "has 3 values, '1', '2', '3'; a binary target has two"),
        (
            words("1.5", "dear"),
            "regression",
            "must be numbers for regression; found 'dear' in row 3",
        ),
        (pd.Series([1.0, np.inf]), "regression", "found 'inf' in row 3"),
        (pd.Series([None, None], dtype="float64"), "multiclass", "is missing in rows 2, 3"),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused_with_the_reason(target, task, expected):
    text = message(check_target, target.rename("y"), task)

    assert text.startswith("train: the target 'y' ") and expected in text


def test_importing_does_not_cost_pandas():
    code = (
        "import sys, pipeline.reading.contract; "
        "sys.exit(bool({'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

import decimal
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.encoding.columns import (
    CodedColumn,
    CodedTable,
    code_column,
    code_table,
    number_column,
)
from pipeline.errors import DataError
from pipeline.problem import Feature


def coded(series: pd.Series, kind: str = "number") -> CodedColumn:
    (column,) = code_column(Feature("a", kind), series)
    return column


def test_numbers_keep_their_value_and_what_is_not_finite_is_missing():
    series = pd.Series([3, np.inf, -np.inf, np.nan, 2.5, 1e308, -0.0])
    largest = float(np.finfo(np.float32).max)
    found = coded(series).decoded().tolist()
    assert found == [3, None, None, None, 2.5, largest, 0]
    assert not np.signbit(found[-1])


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([True, None, False], dtype=object),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([1, None, 0], dtype="Int64"),
        pd.Series(["1", "no number", "0"]),
        pd.Series([decimal.Decimal(1), None, 0], dtype=object),
    ],
    ids=lambda series: f"{series.dtype}-{series[0]!r}",
)
def test_whatever_stands_for_one_and_zero_is_read_as_such(series):
    assert coded(series).decoded().tolist() == [1, None, 0]


def test_mixed_labels_do_not_depend_on_the_rows_before_them():
    values = [1, True, 1.0, "1", 2.5, None, np.nan, "x"]
    expected = ["1", "True", "1", "1", "2.5", None, None, "x"]
    for order in (range(8), reversed(range(8))):
        order = list(order)
        series = pd.Series([values[i] for i in order], dtype=object)
        found = coded(series, "category").decoded().tolist()
        assert found == [expected[i] for i in order]


def test_whole_numbers_with_gaps_have_the_labels_that_they_have_without():
    whole = coded(pd.Series([3, 10, 2**62 + 1]), "category")
    gaps = coded(pd.Series([3, 10, None]), "category")
    assert whole.decoded().tolist() == ["3", "10", str(2**62 + 1)]
    assert gaps.decoded().tolist() == ["3", "10", None]


def test_distribution_knows_only_the_rows_taken():
    frame = pd.DataFrame({"a": [*list("cabbz"), None]})
    table = code_table(frame, [Feature("a", "category")])
    (taken,) = table.take(np.array([2, 1, 3, 5])).columns["a"]
    seen = taken.distribution()
    assert seen.values.tolist() == ["a", "b"]
    assert (seen.counts.tolist(), seen.missing) == ([1, 2], 1)


def digests(**changes: list) -> dict[str, str]:
    rows = {"a": ["x y", "z", None], "b": [1.0, 2.0, None], "c": ["u", "v", "u"]} | changes
    kinds = {"a": "text", "b": "number", "c": "category"}
    features = [Feature(name, kind) for name, kind in kinds.items()]
    return code_table(pd.DataFrame(rows), features).digests()


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("a", ["x y", "z", "z"]),
        ("a", ["x y", None, "z"]),
        ("b", [1.0, 2.5, None]),
        ("b", [2.0, 1.0, None]),
        ("c", ["u", "u", "v"]),
        ("c", ["u", "w", "u"]),
    ],
)
def test_a_feature_has_another_digest_if_and_only_if_its_rows_differ(name, rows):
    before, after = digests(), digests(**{name: rows})
    assert digests() == before
    assert [each for each in before if before[each] != after[each]] == [name]


def test_where_one_text_ends_and_the_next_begins_counts():
    assert digests(c=["ab", "c", "ab"])["c"] != digests(c=["a", "bc", "a"])["c"]


def test_a_column_read_as_another_kind_has_another_digest():
    frame, kinds = pd.DataFrame({"a": ["1", "2"]}), ("number", "category", "text")
    assert len({code_table(frame, [Feature("a", kind)]).digests()["a"] for kind in kinds}) == 3


def test_negative_zero_is_zero():
    assert number_column("a", np.array([-0.0, 0.0])).decoded().tolist() == [0, 0]


def test_an_absent_column_is_named():
    with pytest.raises(DataError, match="no column 'b'"):
        code_table(pd.DataFrame({"a": [1]}), [Feature(name, "number") for name in "ab"])


@pytest.mark.parametrize(
    "values, narrow", [(255, "uint8"), (256, "uint16"), (65_535, "uint16"), (65_536, "int32")]
)
def test_codes_are_as_narrow_as_their_values_and_missing_allow(values, narrow):
    numbers = np.append(np.arange(values), np.nan)
    column = number_column("a", numbers)
    assert column.codes.dtype == narrow
    np.testing.assert_array_equal(column.with_missing()[column.codes], numbers)
    wide = CodedTable({"a": (replace(column, codes=column.codes.astype(np.int32)),)}, len(numbers))
    assert CodedTable({"a": (column,)}, len(numbers)).digests() == wide.digests()

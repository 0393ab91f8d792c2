import decimal

import numpy as np
import pandas as pd
import pytest

from pipeline.encoding.columns import Column, read_column, read_table
from pipeline.errors import DataError


def rows_of(column: Column) -> list:
    """What each row holds, None where it misses."""
    values = [*column.values.tolist(), None]
    return [values[code] for code in column.codes]


def test_numbers_keep_their_value_and_what_is_not_finite_is_missing():
    series = pd.Series([3, np.inf, -np.inf, np.nan, 2.5, 1e308, -0.0])
    largest = float(np.finfo(np.float32).max)
    found = rows_of(read_column("a", series, "number")["a"])
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
    assert rows_of(read_column("a", series, "number")["a"]) == [1, None, 0]


def test_mixed_labels_do_not_depend_on_the_rows_before_them():
    values = [1, True, 1.0, "1", 2.5, None, np.nan, "x"]
    expected = ["1", "True", "1", "1", "2.5", None, None, "x"]
    for order in (range(8), reversed(range(8))):
        order = list(order)
        series = pd.Series([values[i] for i in order], dtype=object)
        found = rows_of(read_column("a", series, "category")["a"])
        assert found == [expected[i] for i in order]


def test_whole_numbers_with_gaps_have_the_labels_that_they_have_without():
    whole = read_column("a", pd.Series([3, 10, 2**62 + 1]), "category")["a"]
    gaps = read_column("a", pd.Series([3, 10, None]), "category")["a"]
    assert rows_of(whole) == ["3", "10", str(2**62 + 1)]
    assert rows_of(gaps) == ["3", "10", None]


def test_distribution_knows_only_the_rows_taken():
    table = read_table(
        pd.DataFrame({"a": [*list("cabbz"), None]}), [{"name": "a", "kind": "category"}]
    )
    seen = table.take(np.array([2, 1, 3, 5])).columns["a"].distribution()
    assert seen.values.tolist() == ["a", "b"]
    assert (seen.counts.tolist(), seen.missing) == ([1, 2], 1)


def test_a_raw_column_keeps_its_name_beside_a_part_of_the_same_name():
    frame = pd.DataFrame({"a": ["x y", "z"], "a words": [7, 8]})
    columns = [{"name": "a", "kind": "text"}, {"name": "a words", "kind": "number"}]
    for asked in (columns, columns[::-1]):
        table = read_table(frame, asked)
        assert rows_of(table.columns["a words"]) == [7, 8]
        assert rows_of(table.columns["a words'"]) == [2, 1]


def test_an_absent_column_is_named():
    with pytest.raises(DataError, match="no column 'b'"):
        read_table(pd.DataFrame({"a": [1]}), [{"name": n, "kind": "number"} for n in "ab"])

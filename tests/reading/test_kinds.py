"""What a column holds is found as a person would find it, and read alike in every table."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.problem import Feature
from pipeline.reading.contract import ColumnRule
from pipeline.reading.kinds import (
    align,
    conform,
    describe_column,
    infinite_numbers,
    may_be_names,
    notes,
    unseen_values,
)
from pipeline.reading.notation import Notation
from pipeline.reading.typed_tables import as_words


def words(**columns) -> pd.DataFrame:
    """What a CSV file of these columns holds."""
    return as_words(pd.DataFrame(columns))


def column_of(values) -> pd.Series:
    return words(c=values)["c"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3] * 20, "number"),
        ([1.5, np.nan] * 20, "number"),
        (["red", "green", None] * 20, "category"),
        ([f"Ms {i}" for i in range(60)], "text"),
        ([f"a long story of many words, number {i % 55}" for i in range(110)], "text"),
        (["2020-01-31", "2021-12-01"] * 20, "date"),
        (["2020-01-31 10:00:00", None] * 20, "date"),
        (["1.5.2", "1.6.3"] * 20, "category"),
    ],
)
def test_kind_follows_from_a_columns_values(values, kind):
    column = column_of(values)
    assert describe_column("c", column, column).feature.kind == kind


def test_a_declared_kind_is_taken():
    column = column_of([1, 2, 3] * 20)
    declared = ColumnRule(kind="category")
    feature = Feature("c", "category")
    assert describe_column("c", column, column, declared).feature == feature
    turned = conform(words(c=["1.0", None, "3"]), [feature], "test")
    assert turned["c"].tolist()[::2] == ["1", "3"]
    assert turned["c"].isna().tolist() == [False, True, False]


def test_one_word_among_numbers_is_reported_with_its_row():
    column = column_of([*map(str, range(99)), "abc"])
    with pytest.raises(DataError, match="train, row 101: column 'Age' holds 'abc'"):
        describe_column("Age", column, column)
    for declared in ({"kind": "number", "missing_words": ("abc",)}, {"kind": "category"}):
        rule = ColumnRule.model_validate(declared)
        feature = describe_column("Age", column, column, rule).feature
        assert feature.kind == declared["kind"]
        assert conform(words(Age=["abc", "5"]), [feature], "x")["Age"].isna().sum() == (
            declared["kind"] == "number"
        )


def test_codes_that_are_mostly_numbers_are_categories():
    column = column_of([*map(str, range(80)), *(f"V{i}" for i in range(20))] * 5)
    assert describe_column("diagnosis", column, column).feature.kind == "category"


def test_which_is_the_day_may_follow_from_the_other_table():
    train, test = column_of(["03/04/2020"] * 30), column_of(["03/04/2020", "25/12/2020"] * 15)
    feature = describe_column("when", train, test).feature
    assert feature.formats == ("%d/%m/%Y",)
    turned = conform(test.to_frame("when"), [feature], "test")["when"]
    assert turned.iloc[1] == pd.Timestamp(2020, 12, 25)


DAY = Feature("c", "date", formats=("%Y-%m-%d",))


@pytest.mark.parametrize(
    ("feature", "values", "message"),
    [
        (Feature("c", "number"), ["2020", "x"], "row 3: column 'c' holds 'x', allowed are numbers"),
        (DAY, ["2020-01-01", "31.1.2020"], "written as YYYY-MM-DD"),
    ],
)
def test_new_rows_must_have_the_types_of_the_training_rows(feature, values, message):
    with pytest.raises(DataError, match=message):
        conform(words(c=values), [feature], "new.csv")


def test_a_minute_is_not_taken_for_a_month():
    feature = Feature("c", "date", formats=("%d.%m.%Y %H:%M:%S",))
    with pytest.raises(DataError, match=r"written as DD\.MM\.YYYY HH:MM:SS\. "):
        conform(words(c=["2020"]), [feature], "new.csv")


def test_infinite_numbers_are_counted_over_columns():
    frame = pd.DataFrame({"a": [np.inf, -np.inf, 1.0], "b": [0.5, np.nan, np.inf], "c": [1, 2, 3]})
    (note,) = infinite_numbers({"train": frame, "test": frame[["c"]]})
    assert note == "train: 3 infinite numbers in 2 columns ('a', 'b'), counted as missing"


def test_values_never_seen_are_reported_once_and_missing_ones_not_at_all():
    train = words(city=["Ulm", "Linz", "Bern"], flag=["True", "False", "True"])
    rows = words(city=["Graz", "Graz", None, "Ulm"], flag=["1", "0", "1", "0"])
    assert unseen_values(train, rows) == {"city": ["Graz"], "flag": ["1", "0"]}


def test_new_rows_must_have_every_column_and_keep_the_order():
    features = [Feature("b", "number"), Feature("a", "category")]
    turned = conform(words(a=["u"], more=[0], b=[1]), features, "new.csv")
    assert list(turned) == ["b", "a"]
    with pytest.raises(DataError, match="no column 'b'; found 'a'"):
        conform(words(a=["u"]), features, "new.csv")


# -- how words are read ----------------------------------------------------------------------------


def read(*cells, new=(), **declared):
    """A column of these cells, forty times each -> its feature, and the cells (or new ones) as they
    are read."""
    column = column_of(list(cells) * 40)
    rule = ColumnRule.model_validate(declared) if declared else None
    feature = describe_column("c", column, column, rule).feature
    return feature, conform(words(c=list(new or cells)), [feature], "new")["c"].tolist()


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "?", "3"], [1, np.nan, 3]),
        (["1.5", "NA", "n.a."], [1.5, np.nan, np.nan]),
        (["7", "None", "-"], [7, np.nan, np.nan]),
        (["2", "#VALUE!", "없음"], [2, np.nan, np.nan]),
        (["$1,234.50", "$5", "$0.25"], [1234.5, 5, 0.25]),
        (["12%", "3.5%", ""], [12, 3.5, np.nan]),
        (["1.234,5", "2,5", "7"], [1234.5, 2.5, 7]),
        (["0,682", "-1,246", "12,375"], [0.682, -1.246, 12.375]),
        (["682", "-1,246", "12,375"], [682, -1246, 12375]),
        (["45 yrs", "3 yrs", "unknown"], [45, 3, np.nan]),
        (["１２", "３", "4"], [12, 3, 4]),
        (["₩1,000", "₩0", "?"], [1000, 0, np.nan]),
        (["(1,234)", "1,000", "5"], [-1234, 1000, 5]),
        (["1.2k", "3k", "900"], [1200, 3000, 900]),
        (["$3M", "$1k", "$2B"], [3e6, 1e3, 2e9]),
        (["12B", "13B", "7B"], [12, 13, 7]),  # a seat or a size: a letter is no factor here
        (["9007199254740993", "5", "1"], [9007199254740993, 5, 1]),
    ],
)
def test_numbers_are_read_as_people_write_them(cells, values):
    feature, found = read(*cells)
    assert feature.kind == "number"
    np.testing.assert_array_equal(np.array(found, dtype=float), np.array(values, dtype=float))
    assert all(a == b for a, b in zip(found, values, strict=True) if b == b)


@pytest.mark.parametrize(
    "cells",
    [["5 km", "500 m", "1 cm"], ["US$1k", "€2k", "£4k"], ["3K", "4B", "5K"],
     ["12A", "12", "13B"], ["10-20", "5-10", "1-2"], ["A5", "A6", "B7"],
     ["5%", "5", "7"], ["1.5.2", "1.6.3", "2.0.1"]],
)  # fmt: skip
def test_what_is_no_number_stays_a_category(cells):
    feature, found = read(*cells)
    assert feature.kind == "category" and found == cells


def test_new_rows_are_read_in_the_notation_of_the_training_rows():
    feature, found = read("1.234,5", "2,5", new=["3.000", "?", "1.000.000,25", "7"])
    assert feature.notation == Notation(decimal=",", thousands=".")
    np.testing.assert_array_equal(found, [3000, np.nan, 1000000.25, 7])
    with pytest.raises(DataError, match="row 2: column 'c' holds 'seven', allowed are numbers"):
        conform(words(c=["seven"]), [feature], "new.csv")


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        (["DE", "FR", "NA", ""], [False, False, False, True]),  # gaps are left empty
        (["DE", "FR", "NA", "ZA"], [False] * 4),  # a code like the others
        (["Ex", "Gd", "NA", "Fa"], [False, False, True, False]),
        (["Apnea", "Insomnia", "None"], [False] * 3),
        (["red", "green", "nan", "<NA>"], [False, False, True, True]),
    ],
)
def test_words_that_may_be_values_are_kept_where_the_others_say_so(cells, missing):
    feature, found = read(*cells)
    assert feature.kind == "category"
    assert pd.isna(found).tolist() == missing


def test_the_toml_settles_which_words_mean_missing():
    _, found = read("Ex", "Gd", "NA", kind="category", missing_words=())
    assert found == ["Ex", "Gd", "NA"]
    _, found = read("red", "none seen", kind="category", missing_words=("none seen",))
    assert found[0] == "red" and pd.isna(found[1])
    feature, found = read("-999", "5", "?", kind="number", missing_words=("-999", "?"))
    assert feature.missing == ("-999", "?")
    np.testing.assert_array_equal(found, [np.nan, 5, np.nan])


def test_values_that_differ_by_blanks_are_one_level():
    assert read("red ", " red", "red", "blue")[1] == ["red", "red", "red", "blue"]


def test_a_question_mark_in_test_alone_is_missing_there():
    train, test = column_of(range(60)), column_of(["?", *range(59)])
    feature = describe_column("c", train, test).feature
    assert feature == Feature("c", "number", missing=("?",))
    assert conform(test.to_frame("c"), [feature], "test")["c"].isna().sum() == 1


def test_numbers_in_train_and_words_in_test_are_refused():
    train, test = column_of(range(60)), column_of(["red", "blue"] * 30)
    with pytest.raises(DataError, match="test, row 2: column 'c' holds 'red', train has numbers"):
        describe_column("c", train, test)


def test_words_in_train_and_by_chance_numbers_in_test_are_categories():
    train = column_of([f"PC {i}" if i % 2 else i for i in range(60)] * 2)
    assert describe_column("c", train, column_of([5, 7])).feature.kind == "category"


def test_whatever_a_person_might_have_meant_otherwise_is_noted():
    frame = words(
        price=["$1,000", "?"] * 30,
        size=[*range(14)] * 4 + ["S", "M", "L", "XL"],
        grade=["Ex", "NA"] * 30,
        length=[f"{i} {'km' if i % 2 else 'm'}" for i in range(20)] * 3,
    )
    described = [describe_column(name, frame[name], frame[name][:0]) for name in frame]
    found = list(notes(described))
    assert "column 'price' holds numbers: '$1,000' is read as 1000 (if it is none: " in found[0]
    assert 'missing_words = ["S", "M", "L"]' in found[1]
    assert "its numbers have different units, 'km', 'm'" in found[2]
    assert "'?' among the numbers of 1 column ('price') counts as missing" in found
    assert any("'NA' in 1 column ('grade') counts as missing" in line for line in found)


def test_a_declared_category_leaves_nothing_to_note():
    column = column_of([*range(14)] * 4 + ["S", "M", "L", "XL"])
    rule = ColumnRule(kind="category")
    assert list(notes([describe_column("size", column, column, rule)])) == []


def test_plain_numbers_are_parsed_once():
    train, test = column_of([1, 2, 3] * 20), column_of([4, None])
    plain = describe_column("c", train, test).values
    assert plain["train"].tolist() == [1, 2, 3] * 20 and plain["train"].dtype == "int64"
    assert plain["test"].tolist()[0] == 4 and plain["test"].isna().tolist() == [False, True]


def test_columns_are_matched_where_only_case_or_blanks_differ():
    frame, renamed = align(words(age=[1], Income=[2], x=[3]), ["Age", "income", "x", "y"])
    assert list(frame) == ["Age", "income", "x"]
    assert renamed == {"age": "Age", "Income": "income"}
    assert align(words(age=[1], AGE=[2]), ["Age"])[1] == {}


def test_numbers_that_repeat_a_few_of_many_possible_ones_may_be_names():
    rng = np.random.default_rng(0)
    ids = rng.choice(100_000, 60, replace=False) + 1
    assert may_be_names(pd.Series(rng.choice(ids, 600)))
    assert not may_be_names(pd.Series(ids))  # which do not repeat
    assert not may_be_names(pd.Series(rng.choice(ids * 100, 600)))  # a price in whole 100s
    assert not may_be_names(pd.Series(rng.integers(1, 80, 600)))  # an age
    assert not may_be_names(pd.Series(rng.choice(ids, 600) / 7))
    assert not may_be_names(pd.Series([], dtype=float))

"""Features and labels in two files become one table, each row with its own label, or a message."""

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.reading.csv_files import TextTable
from pipeline.reading.labels import complete, join, joined_tables
from pipeline.reading.typed_tables import as_words
from pipeline.stage_settings import LoadStage
from tests.reading.test_tables import message


def words(**columns) -> pd.DataFrame:
    """What a CSV file of these columns holds."""
    return as_words(pd.DataFrame(columns))


TRAIN = words(id=[7, 3, 5], x=[0.1, 0.2, 0.3])
WHOLE = TRAIN.assign(y=["a", "b", "c"])


def test_rows_are_matched_by_id_in_any_order():
    for order in ([0, 1, 2], [2, 0, 1]):
        labels = WHOLE[["id", "y"]].iloc[order].reset_index(drop=True)
        joined = join(TRAIN, labels)
        assert_frame_equal(joined.train, WHOLE)
        assert joined.added == ("y",) and "by 'id'" in joined.note


def test_whole_numbers_are_one_id_however_they_are_stored():
    labels = WHOLE[["id", "y"]].assign(id=["7.0", "3.0", "5.0"])
    assert join(TRAIN, labels).train["y"].tolist() == ["a", "b", "c"]


def test_several_columns_together_may_name_the_rows():
    keys = words(city=["a", "a", "b"], week=[1, 2, 1])
    joined = join(keys.assign(x="1.5"), keys.assign(cases=["4", "5", "6"]).iloc[[2, 0, 1]])
    assert joined.train["cases"].tolist() == ["4", "5", "6"]
    assert "'city', 'week'" in joined.note


def test_without_an_id_the_order_decides():
    labels = words(y=[1, 0, 1]).set_axis([9, 8, 7])
    joined = join(TRAIN.drop(columns="id"), labels)
    assert joined.train["y"].tolist() == ["1", "0", "1"]
    assert "row by row" in joined.note


def test_a_number_of_the_row_is_no_label():
    labels = words(row=[0, 1, 2], y=["a", "b", "c"])
    assert join(TRAIN.drop(columns="id"), labels).added == ("y",)
    assert join(TRAIN.drop(columns="id"), labels[["row"]]).added == ("row",)


def test_a_train_table_with_all_columns_or_with_the_target_stays_as_it_is():
    assert join(WHOLE, WHOLE[["id", "y"]]).train is WHOLE
    read = {"train": WHOLE, "test": TRAIN, "labels": words(id=[1], z=[2])}
    files = {role: TextTable(table, tuple(table.columns)) for role, table in read.items()}
    tables, notes = joined_tables(files, LoadStage(target="y"))
    assert tables.train is WHOLE and "not used" in notes[0]


def test_columns_that_a_file_of_labels_adds_are_known():
    read = {"train": TRAIN, "test": TRAIN, "labels": WHOLE[["id", "y"]]}
    files = {role: TextTable(table, tuple(table.columns)) for role, table in read.items()}
    assert joined_tables(files, LoadStage())[0].label_columns == ("y",)


def test_without_rows_to_predict_test_has_the_columns_of_train_alone():
    files = {"train": TextTable(WHOLE, tuple(WHOLE.columns))}
    tables, _ = joined_tables(files, LoadStage(test="none"))
    assert tables.test.shape == (0, 3) and tables.sample is None


@pytest.mark.parametrize(
    ("train", "labels", "expected"),
    [
        (TRAIN, WHOLE[["id", "y"]].iloc[1:], "1 only in train: '7'"),
        (TRAIN.iloc[1:], WHOLE[["id", "y"]], "1 only in the labels: '7'"),
        (TRAIN, WHOLE[["id", "y"]].assign(id=["a", "b", "c"]), "3 only in train: '7', '3', '5';"),
        (TRAIN[["x"]], WHOLE[["y"]].iloc[1:], "3 rows, its labels 2 rows, and they share no"),
        (TRAIN.assign(id="1"), WHOLE[["id", "y"]].iloc[1:], "'id' does not name each row once"),
        (TRAIN.assign(id="1"), WHOLE[["id", "y"]], "share 'id', which is missing or the same"),
        (TRAIN.assign(id=["7", np.nan, "5"]), WHOLE[["id", "y"]], "share 'id', which is missing"),
    ],
)
def test_what_cannot_be_matched_is_one_message(train, labels, expected):
    text = message(join, train.reset_index(drop=True), labels.reset_index(drop=True))
    assert expected in text and "[load] labels" in text and "\n" not in text


@pytest.mark.parametrize(
    ("groups", "labelled", "expected"),
    [
        ("aabbc", "abcd", "1 only in the labels: 'd'. Correct"),  # and none of train without one
        ("aabbcc", "ab", "1 only in train: 'c'; 2 rows of train without a label. Correct"),
        ("aabbcc", "abde", "1 only in train: 'c'; 2 only in the labels: 'd', 'e'; 2 rows"),
        ("aab", "abcd", "2 only in the labels: 'c', 'd'. Correct"),  # more labels than rows
    ],
)
def test_groups_and_their_labels_have_the_same_ids(groups, labelled, expected):
    train = words(group=[*groups], x=range(len(groups)))
    labels = words(group=[*labelled], y=range(len(labelled)))
    assert expected in message(join, train, labels)
    same = train[train["group"].isin(labels["group"])].reset_index(drop=True)
    found = join(same, labels[labels["group"].isin(same["group"])].reset_index(drop=True))
    assert found.train["y"].tolist() == [str(labelled.index(each)) for each in same["group"]]


def test_a_column_that_lacks_ids_is_not_taken_before_one_that_has_all():
    train = words(visit=[0, 1, 1] * 3, patient=[*"aaabbbccc"], x=range(9))
    labels = words(visit=[1, 2, 3], patient=[*"abc"], y=[5, 6, 7])
    found = join(train, labels)
    assert found.train["y"].tolist() == [*"555666777"]


def test_neither_table_is_changed():
    train, labels = TRAIN.copy(), WHOLE[["id", "y"]].copy()
    join(train, labels)
    assert_frame_equal(train, TRAIN)
    assert_frame_equal(labels, WHOLE[["id", "y"]])


def test_a_sample_with_some_of_the_ids_is_completed_in_the_order_of_test():
    sample = words(id=[5, 7], y=[0.25, 0.5])
    whole, found = complete(sample, words(id=[7, 3, 5, 4]))
    assert whole["id"].tolist() == ["7", "3", "5", "4"] and {*whole["y"]} == {"0.25", "0.5"}
    assert list(whole) == list(sample) and whole.dtypes.equals(sample.dtypes)
    assert "2 of test's 4 ids" in found


@pytest.mark.parametrize(
    "sample",
    [
        words(id=[3, 5, 7], y=0),  # whole, in another order
        words(id=[3, 5], y=0),  # most of them: of another version
        words(id=[8], y=0),  # an id that test lacks
        words(row=[3], y=0),
    ],
)
def test_any_other_sample_stays_as_it_is(sample):
    whole, found = complete(sample, TRAIN)
    assert whole is sample and not found

"""Files of predictions from elsewhere: matched by id or by row, their columns found, or refused."""

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.reading.predictions import Rows, read_folds, read_predictions
from tests.small_loaded import loaded

IDS = pd.Series(["a", "b", "c", "d"])
ROWS = Rows("train", 4, IDS, np.ones(4, dtype=bool))
P = np.array([0.1, 0.2, 0.7, 0.9])
BINARY = loaded([0, 0, 1, 1], classes=("no", "yes")).problem
THREE = loaded([0, 1, 2, 2], "multiclass", ("low", "middle", "high")).problem
VALUES = loaded([1.0, 2.0, 3.0, 4.0], "regression").problem


@pytest.fixture
def file(tmp_path):
    """file(table or array, name) -> path"""

    def save(content, name="oof.csv"):
        path = tmp_path / name
        if name.endswith(".npy"):
            np.save(path, content)
        elif name.endswith(".parquet"):
            pd.DataFrame(content).to_parquet(path)
        else:
            pd.DataFrame(content).to_csv(path, index=False)
        return path

    return save


BOTH = np.column_stack([1 - P, P])


@pytest.mark.parametrize("name", ["oof.csv", "oof.parquet"])
@pytest.mark.parametrize(
    "columns",
    [
        {"y": P},
        {"anything": P},
        {"yes": P, "no": 1 - P},
        {"proba_no": 1 - P, "proba_yes": P},
        {"probability yes": P, "other": P / 2},
        {"0": 1 - P, "1": P},
        {"fold": [0, 1, 0, 1], "pred": P},
        {"y": [0, 0, 1, 1], "pred": P},  # the targets themselves are no prediction
    ],
)
def test_probabilities_of_two_classes_are_found_by_their_names(name, columns, file):
    path = file(columns, name)
    found = read_predictions(path, ROWS, BINARY, np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(found, BOTH)


def test_rows_are_matched_by_id_where_there_is_one(file):
    order = [2, 0, 3, 1]
    path = file({"id": IDS[order], "pred": P[order]})
    np.testing.assert_allclose(read_predictions(path, ROWS, BINARY), BOTH)


@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 2)])
def test_an_array_goes_by_row(shape, file):
    path = file((BOTH if shape == (4, 2) else P).reshape(shape), "oof.npy")
    np.testing.assert_allclose(read_predictions(path, ROWS, BINARY), BOTH)


def test_classes_keep_their_own_order_and_few_digits_sum_to_1_again(file):
    path = file({"high": [0.333] * 4, "low": [0.333] * 4, "middle": [0.333] * 4})
    found = read_predictions(path, ROWS, THREE)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-12)
    path = file({"high": [0.7] * 4, "low": [0.1] * 4, "middle": [0.2] * 4})
    np.testing.assert_allclose(read_predictions(path, ROWS, THREE)[0], [0.1, 0.2, 0.7])


def test_rows_that_no_fold_validates_may_lack_a_prediction(file):
    path = file({"pred": [None, 2.5, 3.5, 4.5]})
    later = Rows("train", 4, None, np.array([False, True, True, True]))
    found = read_predictions(path, later, VALUES)
    assert np.isnan(found[0, 0]) and found[1:, 0].tolist() == [2.5, 3.5, 4.5]


@pytest.mark.parametrize(
    ("columns", "problem", "message"),
    [
        ({"id": ["a", "b", "c", "x"], "pred": P}, BINARY, r"'id' must have the ids of train"),
        ({"id": ["a", "b", "c", "c"], "pred": P}, BINARY, r"1 id more than once"),
        ({"pred": P[:3]}, BINARY, r"found 3 rows, but train has 4"),
        ({"pred": [0.1, None, 0.3, 0.4]}, BINARY, r"no number for 1 of 4 rows \(id 'b' is"),
        ({"pred": [0.1, "inf", 0.3, 0.4]}, BINARY, r"found infinite numbers in 1 row;"),
        ({"pred": [-3.0, 0.2, 0.3, 2.5]}, BINARY, r"found -3 as the first of 2 rows; allowed are"),
        ({"no": P, "yes": P}, BINARY, r"probabilities that sum to 0.2 in the worst of 4 rows"),
        ({"one": P, "two": P}, BINARY, r"'one', 'two' with numbers; allowed is one that holds"),
        ({"low": P, "high": P}, THREE, r"a column of probabilities for each class is needed"),
        ({"y": [1.0, 2.0, 3.0, 4.0]}, VALUES, r"\('y': these are the targets themselves\)"),
        ({"pred": ["yes", "no", "no", "no"]}, BINARY, r"found no column with numbers"),
    ],
)
def test_what_is_no_prediction_of_these_rows_is_refused(columns, problem, message, file):
    y = np.array([1.0, 2.0, 3.0, 4.0])
    with pytest.raises(DataError, match=message):
        read_predictions(file(columns), ROWS, problem, y)


def test_an_array_of_objects_is_never_unpickled(file):
    path = file(np.array([{}, {}, {}, {}], dtype=object), "oof.npy")
    with pytest.raises(DataError, match=r"this \.npy file is damaged"):
        read_predictions(path, ROWS, BINARY)


def test_an_array_of_another_number_of_classes_is_refused(file):
    with pytest.raises(DataError, match=r"\(4, 2\), where \(4, 3\) is needed, .* 'low', 'middle'"):
        read_predictions(file(BOTH, "oof.npy"), ROWS, THREE)


def test_folds_are_read_in_the_order_of_our_rows(file):
    path = file({"id": IDS[::-1], "fold": ["B", "B", "A", "A"], "pred": P})
    assert read_folds(path, "fold", ROWS, BINARY).tolist() == [0, 0, 1, 1]
    with pytest.raises(DataError, match=r"no column 'folds' of folds; found the columns"):
        read_folds(path, "folds", ROWS, BINARY)

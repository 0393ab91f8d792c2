"""Equal rows, counted by hand."""

import numpy as np
import pandas as pd

from pipeline.exploration.duplicates import find_duplicates, fingerprints, to_json
from pipeline.problem import Feature

COLUMNS = [Feature("x", "number"), Feature("word", "category")]


def frame(x, words):
    return pd.DataFrame({"x": x, "word": pd.Series(words, dtype="str")})


def test_a_worked_example():
    train = frame([1, 1, 1, 2, 3], ["a", "a", "a", "b", None])
    test = frame([1.0, 9.0, 3.0, 9.0], ["a", "z", None, "z"])
    y = np.array([0, 0, 1, 0, 1])

    found = find_duplicates(train, test, y, COLUMNS, is_regression=False)

    assert (found.repeated_train, found.repeated_test) == (2, 1)
    assert found.shared.tolist() == [True, False, True, False]
    assert found.repeated_share == 0.6
    assert found.differs(y)[found.train].tolist() == [True, True, True, False, False]
    assert found.conflicting == 3  # 1, a has targets 0, 0 and 1
    assert found.ceiling == 0.8  # one of five must be wrong
    assert to_json(found) == {
        "train": 2,
        "test": 1,
        "shared": 2,
        "conflicting": 3,
        "ceiling": 0.8,
    }


def test_regression_has_no_ceiling_but_conflicts():
    train = frame([1, 1, 2], ["a", "a", "a"])

    found = find_duplicates(train, train, np.array([0.5, 0.7, 0.1]), COLUMNS, is_regression=True)

    assert (found.conflicting, found.ceiling, found.shared.sum()) == (2, None, 3)


def test_how_a_value_is_stored_does_not_matter():
    """Whole numbers become floats where one is missing; zero has two signs."""
    one = frame(np.array([0, 7]), ["a", None])
    other = frame(np.array([-0.0, 7.0]), ["a", None])

    assert (fingerprints(one, COLUMNS) == fingerprints(other, COLUMNS)).all()


def test_missing_is_not_the_word_none():
    one, other = frame([1, 1], [None, "x"]), frame([1, 1], ["None", "x"])

    assert (fingerprints(one, COLUMNS) != fingerprints(other, COLUMNS)).tolist() == [True, False]


def test_columns_do_not_run_together():
    columns = [Feature("one", "category"), Feature("two", "category")]
    rows = pd.DataFrame({"one": ["ab", "a"], "two": ["c", "bc"]}, dtype="str")

    assert len(set(fingerprints(rows, columns))) == 2

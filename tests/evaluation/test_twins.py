"""Equal rows, counted by hand, and told from those that chance makes equal."""

import numpy as np
import pandas as pd

from pipeline.evaluation.twins import are_copies, find_twins

COLUMNS = [("x", "number"), ("word", "category")]


def frame(x, words) -> pd.DataFrame:
    return pd.DataFrame({"x": x, "word": pd.Series(words, dtype="str")})


def test_a_worked_example():
    train = frame([1, 1, 2, 2, 3], ["a", "a", "b", "b", None])
    test = frame([1.0, 2.0, 3.0, 9.0], ["a", "b", None, "z"])
    found = find_twins(train, test, np.array([0, 1, 1, 1, 0]), np.array([0, 1, 0, 0, 1]), COLUMNS)
    assert found.straddling.tolist() == [True, True, False, False, False]
    assert (found.within, found.agreeing) == (0.8, 0.0)
    assert (found.shared, found.rows, found.sure, found.across) == (3, 4, 2, 0.75)
    assert not found.train_copied  # too few rows to matter
    assert not found.test_copied


def test_copies_agree_in_the_last_column_too_and_chance_does_not():
    rng = np.random.default_rng(0)
    columns = [(name, "number") for name in "abc"]
    table = pd.DataFrame(rng.integers(0, 12, (1000, 3)), columns=list("abc"))
    fine = table.assign(a=rng.integers(0, 10**6, 1000))
    assert are_copies(pd.concat([fine, fine[:100]]), None, columns)
    assert not are_copies(table, None, columns)
    assert are_copies(fine, fine[:50], columns)
    assert not are_copies(fine, table, columns)


def test_rows_that_only_train_repeats_are_found_on_a_coarse_table_too():
    rng = np.random.default_rng(0)
    columns = [(name, "number") for name in "abc"]
    table, test = (
        pd.DataFrame(rng.integers(0, 30, (n, 3)), columns=list("abc")) for n in (2000, 1000)
    )
    y, fold = rng.integers(0, 2, 2000), np.arange(2000) % 5
    honest = find_twins(table, test, y, fold, columns)
    assert not honest.train_copied
    assert not honest.test_copied
    copied = table.copy()
    copied.iloc[:600] = table.iloc[1000:1600].to_numpy()
    planted = find_twins(copied, test, y, fold, columns)
    assert planted.train_copied
    assert not planted.test_copied

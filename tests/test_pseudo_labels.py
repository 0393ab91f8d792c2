"""Test rows that a model is sure of are learnt from as it labels them, and no score leaks."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline import fitting
from pipeline.encoding.columns import code_table
from pipeline.encoding.stacking import stacked
from pipeline.errors import SettingsError
from pipeline.problem import Feature
from pipeline.pseudo_labels import surest
from pipeline.report import extra_rows
from tests import values
from tests.report.values import evidence

KINDS = {"size": "number", "city": "category", "said": "text", "day": "date"}
ROWS, TEST = 120, 40


def frame(rows, seed):
    rng = np.random.default_rng(seed)
    words = rng.choice(["good", "bad", "late", "early"], (rows, 3))
    return pd.DataFrame(
        {
            "size": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows).round(1)),
            "city": pd.Series(rng.choice(["a", "b", f"only {seed}"], rows)).where(
                rng.random(rows) > 0.1
            ),
            "said": [" ".join(each) for each in words],
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(500, size=rows), "D"),
        }
    )


def test_tables_coded_apart_are_stacked_as_if_they_had_been_coded_together():
    features = [Feature(name, kind) for name, kind in KINDS.items()]
    above, below = frame(ROWS, 0), frame(TEST, 1)
    together = code_table(pd.concat([above, below], ignore_index=True), features)
    found = stacked(code_table(above, features), code_table(below, features))
    assert found.rows == ROWS + TEST
    assert found.digests() == together.digests()
    said = [table.columns["said"][-1].tokens for table in (found, together)]
    assert_array_equal(said[0].vocabulary, said[1].vocabulary)
    assert_array_equal(said[0].texts, said[1].texts)


def test_of_each_predicted_class_the_surest_rows_are_taken():
    sure = np.array([0.9, 0.6, 0.8, 0.7, 0.1, 0.3, 0.2, 0.4])
    predicted = np.column_stack([1 - sure, sure])
    assert surest(predicted, 0.5).tolist() == [0, 2, 4, 6]
    assert surest(predicted, 1.0).tolist() == list(range(8))
    assert surest(np.full((3, 2), [0.2, 0.8]), 1 / 3).tolist() == [0]


@pytest.fixture
def problem(tmp_path):
    rng = np.random.default_rng(5)
    train, test = frame(ROWS, 0), frame(TEST, 1)
    y = (train["size"].fillna(0) + rng.normal(size=ROWS) > 0).to_numpy().astype(int)
    given = values.loaded(train, test, y, KINDS, ("no", "yes"))
    return values.fits(tmp_path, given), given, values.folds(ROWS).folds[0]


def test_a_fit_learns_from_what_the_fold_s_own_fit_predicts(problem):
    fits, given, fold = problem
    plain = values.member("linear")
    member = replace(plain, pseudo_labels=0.5)
    first = fits.test(plain, fold).values
    rows = surest(first, 0.5)
    tables = fits.tables(member)
    table = stacked(tables.train.take(fold.train), tables.test.take(rows))
    y = np.append(given.y[fold.train], first[rows].argmax(axis=1))
    by_hand = fitting.fit(plain, fits.objective, tables.features, table, y, fold)
    expected = by_hand.predict(tables.train.take(fold.valid))
    assert fits.fit(member, fold).valid.tobytes() == expected.tobytes()
    assert fits.key(member, fold) != fits.key(plain, fold)


def test_no_label_of_a_validation_row_matters(problem, tmp_path):
    fits, given, fold = problem
    member, y = values.member("linear"), given.y.copy()
    member = replace(member, pseudo_labels=1.0)
    y[fold.valid] = 1 - y[fold.valid]
    other = values.fits(tmp_path / "other", replace(given, y=y))
    assert other.fit(member, fold).valid.tobytes() == fits.fit(member, fold).valid.tobytes()


def test_values_and_a_test_without_rows_have_no_pseudo_labels(problem, tmp_path):
    _, given, fold = problem
    member = replace(values.member("linear"), pseudo_labels=0.3)
    numbers = values.loaded(given.train, given.test, given.y.astype(float), KINDS)
    with pytest.raises(SettingsError, match="the target is a number; allowed are classes"):
        values.fits(tmp_path / "numbers", numbers).fit(member, fold)
    bare = replace(given, test=given.test[:0])
    with pytest.raises(SettingsError, match="there are no test rows to learn from"):
        values.fits(tmp_path / "bare", bare).fit(member, fold)


def test_the_report_compares_it_with_the_same_model_without():
    found = evidence()
    name = next(iter(found.fitted))
    trained = found.train[name]
    labelled = replace(trained, member=replace(trained.member, pseudo_labels=0.3))
    given = replace(found, train={**found.train, "labelled": labelled})
    worth = extra_rows.compute(given)
    (one,) = worth.comparisons
    assert (one.member, one.how, one.difference.score) == ("labelled", "30% of test", 0.0)
    text, table = extra_rows.render(worth, given, {})
    assert f"Of the {len(found.load.test):,} rows of test" in text
    assert len(table.rows) == 1

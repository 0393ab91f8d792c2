"""Values that differ in the file differ in both views."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.encoding import View
from pipeline.encoding.columns import code_table
from pipeline.encoding.precision import MOST_KNOTS, counted_from
from pipeline.encoding.views import VIEWS, FoldEncoder
from pipeline.problem import Feature
from pipeline.settings import Encode

A = [Feature("a", "number")]
SMALL = np.random.default_rng(0).integers(0, 100, size=2000)


def encoder_of(numbers) -> FoldEncoder:
    table = code_table(pd.DataFrame({"a": numbers}), A)
    y = np.arange(table.rows) % 2
    return FoldEncoder(Encode(), A, 2).fit(table, y, np.random.default_rng(0))


def first(encoder, numbers, view: View = "tree") -> np.ndarray:
    """The first column of a view."""
    return encoder.transform(code_table(pd.DataFrame({"a": numbers}), A), view)[:, 0]


@pytest.mark.parametrize(
    "offset", [10**9, 1_700_000_000_000, 2**53, 1_582_218_195_625_938_945, -(2**62)]
)
def test_an_offset_takes_nothing_away(offset):
    near, far = encoder_of(SMALL), encoder_of(SMALL + offset)
    _, expected = np.unique(SMALL, return_inverse=True)
    _, found = np.unique(first(far, SMALL + offset), return_inverse=True)
    assert_array_equal(found, expected)
    dense = [first(near, SMALL, "dense"), first(far, SMALL + offset, "dense")]
    assert_allclose(dense[1], dense[0], atol=1e-5)


def test_gaps_and_a_value_that_stands_for_missing_change_nothing():
    account = np.where(SMALL < 60, 0.0, 1e9 + SMALL)
    account[::7] = np.nan
    found = first(encoder_of(account), account)
    assert np.isnan(found[::7]).all()
    known = ~np.isnan(account)
    assert_array_equal(
        np.argsort(found[known], kind="stable"), np.argsort(account[known], kind="stable")
    )
    assert len(np.unique(found[known])) == len(np.unique(account[known]))


@pytest.mark.parametrize("numbers", [SMALL, SMALL / 7, 1e6 + SMALL, np.exp(SMALL / 2)])
def test_numbers_that_differ_in_float32_stay_as_they_are(numbers):
    assert_array_equal(first(encoder_of(numbers), numbers), numbers.astype(np.float32))


def test_a_column_of_ordinary_measurements_stays_as_it_is():
    numbers = np.random.default_rng(0).normal(size=200_000)
    assert_array_equal(first(encoder_of(numbers), numbers), numbers.astype(np.float32))


def test_new_values_keep_their_place_among_many_known_ones():
    rng = np.random.default_rng(0)
    known = 1_700_000_000_000 + rng.integers(0, 86_400_000, size=30_000)
    encoder = encoder_of(known)
    new = np.sort(1_700_000_000_000 + rng.integers(-(10**6), 87_400_000, size=5_000))
    found = first(encoder, new)
    assert (np.diff(found) >= 0).all()
    inside = (new > known.min()) & (new < known.max())
    assert len(np.unique(found[inside])) > 0.99 * len(np.unique(new[inside]))
    assert found.max() == MOST_KNOTS - 1 and found.min() == 0


def test_a_large_value_in_other_rows_does_not_change_what_is_learned():
    table = code_table(pd.DataFrame({"a": np.append(SMALL, 2**60)}), A)
    y = np.arange(len(SMALL)) % 2
    one = FoldEncoder(Encode(), A, 2)
    one.fit(table.take(np.arange(len(SMALL))), y, np.random.default_rng(0))
    assert one.state() == encoder_of(SMALL).state()


@pytest.mark.parametrize("offset", [10**9, 2**60])
def test_with_the_state_of_another_it_gives_the_same_bytes_row_by_row(offset):
    encoder = encoder_of(SMALL + offset)
    again = FoldEncoder(Encode(), A, 2).set_state(encoder.state())
    new = [offset + 3, 0, offset - 2**40, 5]
    for view in VIEWS:
        together = first(encoder, new, view)
        alone = np.concatenate([first(again, [number], view) for number in new])
        assert alone.tobytes() == together.tobytes()


def test_counting_from_an_origin_is_exact_to_the_last_digit():
    rng = np.random.default_rng(0)
    values = np.append(rng.integers(-(2**63), 2**63 - 1, size=1000), [-(2**63), 2**63 - 1])
    for origin in (2**63 - 1, -(2**63), 2**53 + 1, 3):
        expected = [float(int(value) - origin) for value in values]
        assert_allclose(counted_from(origin, values), expected, rtol=2e-16)
    near = np.arange(2**62 - 50, 2**62 + 50)
    assert_array_equal(counted_from(2**62 + 1, near), np.arange(-51.0, 49.0))


@pytest.mark.parametrize(("origin", "unit"), [(1e8, 1.0), (1e15, 1e3), (-1e12, 1.0)])
def test_target_means_of_targets_far_from_zero_differ(origin, unit):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"city": rng.choice([f"c{i}" for i in range(40)], size=2000)})
    effect = frame["city"].str[1:].astype(int).to_numpy() / 10 + rng.normal(size=2000)
    city, found = [Feature("city", "category")], []
    for y in (effect, origin + unit * effect):
        encoder, rng = FoldEncoder(Encode(), city, None), np.random.default_rng(0)
        found.append(encoder.fit_transform(code_table(frame, city), y, rng, "tree")[:, 1])
    assert np.corrcoef(found[0], found[1])[0, 1] > 0.9999

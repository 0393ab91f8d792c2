"""Numbers that are no prediction are refused by every command that would write them."""

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.plan import MANY_ROWS
from pipeline.prediction import check, off_rounding, precision, rounded

SOUND = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({(0, 1): np.nan}, "no finite number for 1 of 3 rows"),
        ({(0, 1): np.inf, (2, 0): -np.inf}, "no finite number for 2 of 3 rows"),
        ({(0, 1): 1.0 + 1e-6}, "above 1 for 1 of 3 rows"),
        ({(1, 1): -0.5}, "below 0 or above 1 for 1 of 3 rows"),
    ],
)
def test_what_is_no_probability_is_refused(changed, found):
    prediction = SOUND.copy()
    for place, value in changed.items():
        prediction[place] = value
    with pytest.raises(DataError, match=rf"^the blend predicts .*{found}.*Mend it\.$"):
        check(prediction, 3, 2, "the blend", "Mend it.")


@pytest.mark.parametrize("shape", [(3, 1), (3, 3), (2, 2), (4, 2), (3,), (3, 2, 1), (0, 2)])
def test_another_width_or_length_is_refused(shape):
    with pytest.raises(DataError, match="shape"):
        check(np.full(shape, 0.5), 3, 2, "the blend", "Mend it.")


def test_a_last_digit_beyond_one_is_rounding():
    prediction = SOUND + np.array([[0.0, 0.0], [3e-16, -3e-16], [0.0, 0.0]])
    assert prediction.max() > 1
    check(prediction, 3, 2, "the blend", "")
    np.testing.assert_array_equal(off_rounding(prediction), SOUND)
    assert off_rounding(np.array([1.1]))[0] == 1.1


def test_values_may_lie_anywhere():
    check(np.array([[-1e9], [1e9]]), 2, 1, "the blend", "")
    with pytest.raises(DataError, match="finite"):
        check(np.array([[np.nan], [1e9]]), 2, 1, "the blend", "")


def test_predictions_of_few_rows_keep_every_digit():
    kind = precision(np.arange(MANY_ROWS), 2)
    assert kind == np.float64 and rounded(SOUND, kind) is SOUND


def test_of_many_rows_two_probabilities_sum_to_one_and_keep_their_order():
    kind = precision(np.zeros(MANY_ROWS + 1, int), 2)
    p = np.array([0.0, 1e-12, 1e-11, 1 / 3, 1 - 1e-12, 1.0])
    found = rounded(np.column_stack([1 - p, p]), kind)
    assert found.dtype == np.float32 and (found.sum(axis=1) == 1).all()
    np.testing.assert_allclose(found[:, 1], p, rtol=1e-7)
    assert (np.diff(found[:, 1]) > 0).all()


@pytest.mark.parametrize(
    ("start", "kind"), [(0.0, np.float32), (1.7e9, np.float64), (1e35, np.float64)]
)
def test_values_that_lie_close_together_keep_every_digit(start, kind):
    """As times in seconds do."""
    assert precision(start + np.random.default_rng(0).normal(size=MANY_ROWS + 1), 1) == kind

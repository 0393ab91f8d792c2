"""Each column against the target: bins, order, means and the words for them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.exploration.association import associations, caption
from pipeline.exploration.target import Target
from pipeline.problem import Feature


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", ["number", "category", "text", "date"])
def test_an_empty_column_is_one_bin_and_no_relation(kind):
    dtype = {"number": "float64", "date": "datetime64[us]"}.get(kind, "str")
    frame = pd.DataFrame({"x": pd.Series([None] * 40, dtype=dtype)})

    (found,) = associations(frame, np.arange(40) % 2, [Feature("x", kind)], 2)

    assert (found.labels, found.strength, found.p) == (("missing",), 0.0, 1.0)


def test_the_strongest_column_comes_first_and_names_its_ends(rng):
    y = rng.integers(2, size=400)
    frame = pd.DataFrame(
        {"noise": rng.normal(size=400), "word": pd.Series(np.where(y, "yes", "no"), dtype="str")}
    )

    first, second = associations(
        frame, y, [Feature("noise", "number"), Feature("word", "category")], 2
    )

    assert (first.column, second.column) == ("word", "noise")
    assert (first.labels[first.lowest], first.labels[first.highest]) == ("no", "yes")
    assert not first.is_noise and second.is_noise


def test_means_and_standard_errors_match_numpy(rng):
    codes = np.repeat([0, 1, 2], 30)
    y = rng.normal(size=90) + codes

    (found,) = associations(pd.DataFrame({"x": codes}), y, [Feature("x", "number")], 0)

    groups = y.reshape(3, 30)
    assert_allclose(found.means, groups.mean(axis=1))
    assert_allclose(found.errors, groups.std(axis=1, ddof=1) / np.sqrt(30))


def test_a_relation_names_where_the_class_is_rare_and_where_common():
    words = pd.Series(["low"] * 100 + ["high"] * 100, dtype="str")
    y = np.repeat([1, 0, 1, 0], [10, 90, 80, 20])

    (found,) = associations(pd.DataFrame({"x": words}), y, [Feature("x", "category")], 2)
    text = caption(found, Target("t", y, ("no", "yes")))

    assert text.startswith("Strongly related")
    assert "the share of 'yes' is 10% at 'low' and 80% at 'high'" in text

"""What LightGBM wrote is read back to the byte; what it would crash on never reaches it."""

import re

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tree_text import Ensemble, checked

COLUMNS = 4


def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, COLUMNS))
    X[::7, 0] = np.nan
    X[:, 3] = rng.integers(0, 40, size=400)
    return X


def fitted(objective="binary", **options):
    """A small ensemble, with sets of categories too."""
    X = rows()
    y = X[:, 1] + (X[:, 3] % 3 > 1) + (X[:, 2] > 1)
    if objective != "regression":
        y = np.digitize(y, [0.5] if objective == "binary" else [0.0, 1.0])
    parameters = {"objective": objective, "verbosity": -1, "num_leaves": 7, "num_threads": 1}
    parameters |= {"cat_smooth": 1, "min_data_per_group": 5, **options}
    data = lightgbm.Dataset(X, y, categorical_feature=[3])
    return lightgbm.train(parameters, data, 5)


BINARY = Ensemble("binary sigmoid:1", 1, COLUMNS)
TEXT = fitted().model_to_string()


def line(key, tree=0):
    """The values of this line of one of the trees."""
    return re.findall(rf"^{key}=(.*)$", TEXT, re.MULTILINE)[tree].split(" ")


def changed(key, place, value, tree=0):
    """The text with one number replaced."""
    values = line(key, tree)
    spots = list(re.finditer(rf"^{key}=.*$", TEXT, re.MULTILINE))
    values[place] = str(value)
    start, end = spots[tree].span()
    return f"{TEXT[:start]}{key}={' '.join(values)}{TEXT[end:]}"


@pytest.mark.parametrize(
    ("objective", "shape", "options"),
    [
        ("binary", BINARY, {}),
        ("multiclass", Ensemble("multiclass num_class:3", 3, COLUMNS), {"num_class": 3}),
        ("regression", Ensemble("regression", 1, COLUMNS), {}),
        # no split at all: trees of one leaf
        ("binary", BINARY, {"min_data_in_leaf": 400}),
    ],
)
def test_what_is_checked_predicts_the_same_bytes(objective, shape, options):
    booster = fitted(objective, **options)
    again = lightgbm.Booster(model_str=checked(booster.model_to_string(), shape))
    assert again.predict(rows()).tobytes() == booster.predict(rows()).tobytes()


def test_the_ensemble_of_these_tests_asks_for_numbers_and_for_sets_of_categories():
    kinds = {int(kind) % 2 for kind in line("decision_type")}
    assert kinds == {0, 1}
    assert "cat_threshold" in TEXT


def test_a_split_into_rows_with_a_value_and_rows_without_comes_back():
    """LightGBM's threshold is infinite there."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, COLUMNS))
    X[::3, 0] = np.nan
    y = np.isnan(X[:, 0]).astype(float)
    data = lightgbm.Dataset(X, y)
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 3)
    text = booster.model_to_string()
    assert "inf" in text.partition("threshold=")[2].partition("\n")[0]
    again = lightgbm.Booster(model_str=checked(text, BINARY))
    assert again.predict(X).tobytes() == booster.predict(X).tobytes()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("left_child", 6, "child 6"),  # seven leaves have the nodes 0 to 5
        ("left_child", -8, "child -8"),
        ("left_child", 0, "child 0"),  # its own
        ("right_child", 2**40, "child"),
        ("split_feature", COLUMNS, "split_feature has 4"),
        ("split_feature", -1, "split_feature has -1"),
        ("threshold", "nan", "numbers"),
        ("threshold", "-nan", "numbers"),
        ("threshold", "fin", "numbers"),
        ("leaf_value", "1e999", "leaf_value has inf"),
        ("leaf_value", "0.5 0.5", "leaf_value has 8 numbers, not 7"),
        ("decision_type", 12, "decision_type has 12"),
        ("num_leaves", 8, "has 6 numbers, not 7"),
        ("num_leaves", 0, "num_leaves has 0"),
        ("num_leaves", 10**30, "num"),
        ("is_linear", 1, "is_linear"),
        ("cat_boundaries", 1, "ascend from 0"),
        ("cat_threshold", 2**32, "cat_threshold has 4294967296"),
    ],
)
def test_a_number_that_no_tree_can_have_is_refused(key, value, message):
    with pytest.raises(ValueError, match=message):
        checked(changed(key, 0, value), BINARY)


def test_a_node_with_two_parents_and_a_cycle_are_refused():
    inner = [(place, int(child)) for place, child in enumerate(line("left_child"))]
    place, child = next(pair for pair in inner if pair[1] > 0)
    with pytest.raises(ValueError, match="two nodes, or of none"):
        checked(changed("left_child", place, -1), BINARY)
    with pytest.raises(ValueError, match=f"node {child} has child"):
        checked(changed("left_child", child, place), BINARY)


def test_a_set_of_categories_that_is_not_there_is_refused():
    place = next(i for i, kind in enumerate(line("decision_type")) if int(kind) % 2)
    for value in (99, -1, 0.5):
        with pytest.raises(ValueError, match="a set of categories"):
            checked(changed("threshold", place, value), BINARY)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (Ensemble("binary sigmoid:1", 1, 3), "max_feature_idx=2"),
        (Ensemble("regression", 1, COLUMNS), "objective=regression"),
        (Ensemble("binary sigmoid:1", 2, COLUMNS), "num_class=2"),
    ],
)
def test_an_ensemble_of_another_problem_is_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        checked(TEXT, shape)


NUMBERS = [match.span() for match in re.finditer(r"-?\d+", TEXT)]
ODD = ("", "-1", "0", "1", "3", "8", "99", "-99", "2147483647", "-2147483648", "1e400", "x", "1 1")


@given(st.sampled_from(NUMBERS), st.sampled_from(ODD))
def test_whatever_number_is_changed_it_is_refused_or_predicts_numbers(span, odd):
    """The library crashes, or never ends, with some of these that are not refused."""
    start, end = span
    try:
        text = checked(TEXT[:start] + odd + TEXT[end:], BINARY)
    except ValueError:
        return
    assert np.isfinite(lightgbm.Booster(model_str=text).predict(rows())).all()


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 60))
def test_a_text_that_lacks_a_piece_is_refused_or_predicts_numbers(start, length):
    try:
        text = checked(TEXT[:start] + TEXT[start + length :], BINARY)
    except ValueError:
        return
    assert np.isfinite(lightgbm.Booster(model_str=text).predict(rows())).all()

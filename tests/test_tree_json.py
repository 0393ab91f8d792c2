"""What XGBoost wrote is read back to the byte; what it would crash on never reaches it."""

import json
import re

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from pipeline.tree_json import Forest, checked

COLUMNS = 4
BINARY = Forest("binary:logistic", 1, COLUMNS)


def rows():
    X = np.random.default_rng(0).normal(size=(400, COLUMNS)).astype(np.float32)
    X[::7, 0] = np.nan
    return X


def fitted(forest, rounds=5, **options):
    X = rows()
    y = X[:, 1] + (X[:, 2] > 1) + np.isnan(X[:, 0])
    if forest.objective in ("count:poisson", "reg:tweedie"):
        y = np.exp(y)
    elif not forest.objective.startswith("reg"):
        y = np.digitize(y, [0.5] if forest == BINARY else [0.0, 1.0])
    parameters = {"objective": forest.objective, "max_depth": 3, "nthread": 1, **options}
    return xgboost.train(parameters, xgboost.DMatrix(X, y, nthread=1), rounds)


def text_of(booster):
    return booster.save_raw("json").decode()


def loaded(text):
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(text.encode()))
    return booster.predict(xgboost.DMatrix(rows(), nthread=1))


TEXT = text_of(fitted(BINARY))


def changed(key, place, value, tree=0):
    """The text with one number of one tree replaced."""
    document = json.loads(TEXT)
    document["learner"]["gradient_booster"]["model"]["trees"][tree][key][place] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("forest", "options"),
    [
        (BINARY, {}),
        (Forest("multi:softprob", 3, COLUMNS), {"num_class": 3}),
        (Forest("reg:squarederror", 1, COLUMNS), {}),
        (Forest("reg:absoluteerror", 1, COLUMNS), {}),
        (Forest("reg:quantileerror", 1, COLUMNS, 0.9), {"quantile_alpha": 0.9}),
        (Forest("count:poisson", 1, COLUMNS), {}),
        (Forest("reg:tweedie", 1, COLUMNS, 1.3), {"tweedie_variance_power": 1.3}),
        (BINARY, {"min_child_weight": 1e6}),  # no split at all: trees of one leaf
    ],
)
def test_what_is_checked_predicts_the_same_bytes(forest, options):
    booster = fitted(forest, **options)
    found = loaded(checked(text_of(booster), forest))
    assert found.tobytes() == booster.predict(xgboost.DMatrix(rows(), nthread=1)).tobytes()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("left_children", 0, "child 0"),  # its own
        ("left_children", -2, "child -2"),
        ("left_children", 10**6, "child 1000000"),
        ("right_children", 1, "two nodes, or of none"),  # the left one's
        ("split_indices", COLUMNS, "split_indices has 4"),
        ("split_indices", -1, "split_indices has -1"),
        ("split_indices", 2**70, "something else than numbers"),
        ("split_type", 1, "split_type has 1"),
        ("default_left", 2, "default_left has 2"),
        ("split_conditions", float("nan"), "not finite"),
        ("split_conditions", 1e39, "not finite"),
        ("split_conditions", "1", "something else than numbers"),
        ("split_conditions", [1.0], "inhomogeneous"),
    ],
)
def test_a_number_that_no_tree_can_have_is_refused(key, value, message):
    with pytest.raises(ValueError, match=message):
        checked(changed(key, 0, value), BINARY)


def test_leaves_that_add_up_to_infinity_are_refused():
    text = changed("split_conditions", -1, 3e38)
    document = json.loads(text)
    trees = document["learner"]["gradient_booster"]["model"]["trees"]
    trees[1]["split_conditions"][-1] = 3e38
    assert np.isfinite(loaded(checked(text, BINARY))).all()
    with pytest.raises(ValueError, match="too large"):
        checked(json.dumps(document), BINARY)


@pytest.mark.parametrize(
    ("forest", "message"),
    [
        (Forest("reg:squarederror", 1, COLUMNS), "objective is 'binary:logistic'"),
        (Forest("binary:logistic", 2, COLUMNS), "rounds of 2"),
        (Forest("binary:logistic", 1, 2), "split_indices has"),
    ],
)
def test_the_trees_of_another_problem_are_refused(forest, message):
    with pytest.raises(ValueError, match=message):
        checked(TEXT, forest)


NUMBERS = [match.span() for match in re.finditer(r"-?[\d.]+(E-?\d+)?", TEXT)]
ODD = ("", "-1", "0", "1", "3", "99", "2147483647", "-2147483648", "1e400", "x", "1,1", "[1]")


@given(st.sampled_from(NUMBERS), st.sampled_from(ODD))
def test_whatever_number_is_changed_it_is_refused_or_predicts_numbers(span, odd):
    """The library crashes, or never ends, with some of these that are not refused."""
    start, end = span
    _refused_or_finite(TEXT[:start] + odd + TEXT[end:])


@given(st.integers(0, len(TEXT) - 1), st.integers(1, 60))
def test_a_text_that_lacks_a_piece_is_refused_or_predicts_numbers(start, length):
    _refused_or_finite(TEXT[:start] + TEXT[start + length :])


def _refused_or_finite(text):
    try:
        text = checked(text, BINARY)
    except (ValueError, LookupError, TypeError):
        return
    assert np.isfinite(loaded(text)).all()

"""Ids and order: chance stays chance, and what was planted is named."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.exploration.strength import FoldedTarget
from pipeline.problem import Form, Problem
from pipeline.report.row_order import alarms, find_orders, natural_order

N = 1200


def folded(y: np.ndarray, classes: int) -> FoldedTarget:
    return FoldedTarget(y, classes, np.random.default_rng(0).permutation(np.arange(len(y)) % 5))


@pytest.mark.parametrize("classes", [0, 2, 5])
@pytest.mark.parametrize("rare", [0.004, 0.3])
def test_chance_gives_no_clue(classes, rare):
    for seed in range(25):
        rng = np.random.default_rng([classes, seed])
        shares = np.array([1 - rare, *np.full(max(classes - 1, 1), rare / max(classes - 1, 1))])
        y = rng.choice(len(shares), N, p=shares) if classes else rng.standard_cauchy(N)
        ids = pd.Series([f"{rng.choice(['A', 'B', 'C'])}{k}" for k in rng.permutation(N)])
        assert find_orders(ids, folded(y, classes)) == []


def clues(ids: pd.Series | None, y: np.ndarray, classes: int = 2) -> set[str]:
    return {clue.name for clue in find_orders(ids, folded(y, classes))}


def test_what_was_planted_is_named():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, N)
    shuffled = pd.Series(rng.permutation(N))
    assert clues(2 * shuffled + y, y) == {"the id's last character"}
    assert clues(pd.Series([f"{'xy'[k]}{n}" for n, k in zip(shuffled, y, strict=True)]), y) == {
        "the letters at the start of the id",
        "the id's order",
    }
    runs = np.repeat(rng.integers(0, 2, N // 4), 4)
    assert "the previous row" in clues(None, runs)
    middle = (np.abs(np.arange(N) - N / 2) < N / 4).astype(int)
    assert "the row's place in the file" in clues(None, np.where(rng.random(N) < 0.3, y, middle))


def test_time_in_a_regression_is_found():
    rng = np.random.default_rng(1)
    value = np.arange(N) / N + rng.normal(size=N)
    assert "the row's place in the file" in clues(None, value, 0)


def test_numbers_inside_ids_are_sorted_as_numbers():
    words = pd.Series(["a10", "a2", "b1", "a2x", ""])
    assert [words[k] for k in np.argsort(natural_order(words))] == ["", "a2", "a2x", "a10", "b1"]


@pytest.mark.parametrize("counts", [[4, 4], [1, 40], [15] * 40, [19, 19], [1, 1]])
def test_where_no_two_classes_are_common_there_is_no_clue(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    target = FoldedTarget(y, len(counts), np.arange(len(y)) % 2)
    assert find_orders(pd.Series([f"a{i}" for i in range(len(y))]), target) == []


def test_rows_of_a_group_that_share_a_target_are_no_clue():
    rng = np.random.default_rng(0)
    y, groups = rng.integers(2, size=300).repeat(4), np.arange(300).repeat(4)
    form = Form(("group", "y"), "target", "group", by_row=False, aggregate="mean")
    problem = Problem("y", "group", "binary", ("no", "yes"), None, form, ())
    load = SimpleNamespace(
        problem=problem,
        train=pd.DataFrame({"group": groups}),
        test=pd.DataFrame({"group": groups + 300}),
    )
    split = SimpleNamespace(group="group", time=False)
    evidence = SimpleNamespace(load=load, problem=problem, split=split)
    target = folded(y, 2)
    assert find_orders(None, target)  # row by row there is one
    assert not list(alarms(evidence, target))

"""Ids and order: chance stays chance, and what was planted is named."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from pipeline.exploration.strength import FoldedTarget
from pipeline.problem import Feature, Form, Problem
from pipeline.report import row_order
from pipeline.report.row_order import alarms, find_orders, natural_order, stretches

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


def test_ids_that_are_one_number_have_the_order_that_any_ids_have():
    heads = np.random.default_rng(0).choice(["", "a", "TRAIN_", "é"], 300)
    words = pd.Series([f"{head}{'0' * (n % 3)}{n % 90}" for n, head in enumerate(heads)])
    odd = pd.concat([words, pd.Series(["1a1"])])  # which is no one number
    expected = rankdata(natural_order(odd)[:-1], method="dense") - 1
    np.testing.assert_array_equal(natural_order(words), expected)


def test_of_many_rows_neighbours_from_all_parts_of_the_file_are_looked_at(monkeypatch):
    np.testing.assert_array_equal(stretches(5), np.arange(5))
    monkeypatch.setattr(row_order, "MOST_LOOKED_AT", 3000)
    found = stretches(10_000)
    assert (len(found), found[0], found[-1]) == (3000, 0, 9_999)
    assert (np.diff(found) == 1).sum() == 2997


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


@pytest.mark.parametrize("is_column", [True, False])
def test_a_part_of_the_id_that_a_column_tells_is_no_clue(is_column):
    """Of ids such as 17_s3, of a day and a shop, on which sales depend."""
    rng, shop = np.random.default_rng(0), np.tile(np.arange(8), 300)
    ids = [f"{day}_s{each}" for day, each in zip(np.arange(300).repeat(8), shop, strict=True)]
    y = 3.0 * rng.normal(size=8)[shop] + rng.normal(size=2400)
    table = pd.DataFrame({"id": ids, "x": rng.normal(size=2400)})
    table["shop"] = [f"shop {each}" for each in (shop if is_column else rng.permutation(shop))]
    order = rng.permutation(2400)
    table, y = table.iloc[order].reset_index(drop=True), y[order]
    form = Form(("id", "y"), "target", "id", by_row=False)
    features = tuple(Feature(name, "category") for name in ("x", "shop"))
    problem = Problem("y", "id", "regression", None, None, form, features)
    load = SimpleNamespace(problem=problem, train=table, test=table.assign(id="9"), answers=None)
    split = SimpleNamespace(group=None, time=False)
    evidence = SimpleNamespace(load=load, problem=problem, split=split)
    found = " ".join(alarm.found for alarm in alarms(evidence, folded(y, 0)))
    assert ("last character" in found) != is_column

"""The leaderboard against hand-worked numbers, and its verdicts against what chance does."""

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from pipeline.estimates import decimals, share_interval, with_error, with_interval
from pipeline.folds import folds_of
from pipeline.metrics import METRICS, Estimate
from pipeline.report import leaderboard
from pipeline.report.leaderboard import rank, to_json
from tests.report.values import evidence

ACCURACY, RMSE = METRICS["accuracy"], METRICS["rmse"]


def labels(y, wrong):
    """Predictions (n, 2) that are right but for the rows `wrong`."""
    codes = np.where(wrong, 1 - y, y)
    return np.eye(2)[codes] * 0.8 + 0.1


def board(y, predictions, metric=ACCURACY, folds=4):
    valid = [fold.valid for fold in folds_of(0, np.arange(len(y)) % folds)]
    return rank(metric, y, predictions, valid, seed=0, parallel_map=map)


@pytest.fixture
def y():
    return np.arange(200) % 2


def test_the_difference_has_mcnemars_standard_error(y):
    rows = np.arange(200)
    one, other = labels(y, rows < 10), labels(y, (rows >= 5) & (rows < 30))
    found = board(y, {"one": one, "other": other}).entries[1].to_best
    only_other, only_one = 20, 5
    assert found.score == pytest.approx((only_one - only_other) / 200)
    variance = (only_one + only_other) / 200 - ((only_one - only_other) / 200) ** 2
    assert found.standard_error == pytest.approx(np.sqrt(variance / 199))


def test_equally_good_models_are_distinguished_in_one_run_of_twenty(y):
    rng = np.random.default_rng(5)
    runs = [
        board(y, {name: labels(y, rng.random(200) < 0.2) for name in ("one", "other")})
        for _ in range(400)
    ]
    told_apart = np.mean([run.entries[1].verdict == "worse" for run in runs])
    assert told_apart == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 400))


def test_a_clear_difference_is_called_worse_and_a_small_one_noise(y):
    rows = np.arange(200)
    found = board(
        y,
        {
            "bad": labels(y, rows % 2 == 0),
            "good": labels(y, rows < 10),
            "near": labels(y, (rows >= 10) & (rows < 22)),
        },
    )
    assert [(entry.name, entry.verdict) for entry in found.entries] == [
        ("good", "best"),
        ("near", "not distinguishable"),
        ("bad", "worse"),
    ]
    assert found.conclusion().endswith("On these rows it is not distinguishable from near.")


def test_the_mean_over_folds_of_one_size_is_the_score_over_all_rows(y):
    entry = board(y, {"one": labels(y, np.arange(200) % 7 == 0)}).best
    assert entry.fold_mean == pytest.approx(entry.estimate.score)
    assert entry.fold_spread == pytest.approx(np.std(entry.folds, ddof=1))


def test_a_folds_score_is_that_of_its_validation_rows(y):
    entry = board(y, {"one": labels(y, np.arange(200) % 4 == 2)}).best
    assert entry.folds == (1, 1, 0, 1)


def test_less_error_ranks_first_and_the_first_of_equals_leads():
    y = np.linspace(0, 1, 60)
    off = {name: (y + shift)[:, None] for name, shift in (("a", 0.3), ("c", 0.1), ("b", 0.1))}
    found = board(y, off, RMSE)
    assert [entry.name for entry in found.entries] == ["c", "b", "a"]
    assert found.entries[1].comparison == "the same as c"
    assert found.conclusion().startswith("c (b predicts the same) scores best: RMSE")
    assert found.conclusion().endswith("All others are worse by more than noise.")


def test_a_blend_of_one_model_is_the_same_as_it_and_no_more(y):
    rng = np.random.default_rng(0)
    one = rng.dirichlet(np.ones(2), size=200)
    # of the same accuracy, row by row, but not the same
    bolder = np.where(one > 0.5, 0.9, 0.1)
    found = board(y, {"one": one, "blend": one * (1 - 1e-15), "bolder": bolder})
    words = {entry.name: entry.comparison for entry in found.entries}
    assert words == {"one": "best", "blend": "the same as one", "bolder": "not distinguishable"}


def test_a_fold_without_a_score_is_left_out(y):
    found = board(y, {"one": labels(y, y == 2)}, METRICS["roc_auc"], folds=2)  # a class each
    assert found.best.folds == (None, None)
    assert json.loads(json.dumps(to_json(found), allow_nan=False))["entries"][0]["fold_mean"] == 1


@pytest.mark.parametrize(
    ("score", "error", "shown"),
    [
        (0.93471, 0.00452, "0.9347 ± 0.0045"),
        (12345.6, 12.3, "12,346 ± 12"),
        (1, 0, "1.0000 ± 0.0000"),
    ],
)
def test_scores_show_two_digits_of_their_standard_error(score, error, shown):
    assert with_error(Estimate(score, error)) == shown


def test_an_interval_is_1_96_standard_errors_to_either_side():
    assert with_interval(Estimate(-0.02, 0.01), 4) == "-0.0396 to -0.0004"
    assert decimals(0.01) == 3


@pytest.mark.parametrize(
    ("difference", "shown"),
    [
        (Estimate(0.003, 0.0015), "+0.0001 to +0.0059"),  # leaves out zero, so never +0.000
        (Estimate(-0.003, 0.0015), "-0.0059 to -0.0001"),
        (Estimate(0.0005, 0.0015), "-0.002 to +0.003"),
    ],
)
def test_an_interval_that_leaves_out_zero_does_not_read_as_zero(difference, shown):
    assert with_interval(difference, 3) == shown


def test_the_printed_table_fits_a_small_terminal(y):
    rng = np.random.default_rng(0)
    names = ["blend", *(f"model_{i}" for i in range(40))]
    found = board(y, {name: labels(y, rng.random(200) < 0.2) for name in names})
    table = leaderboard.terminal_table(
        found, dict.fromkeys(names, 123.4), caption="blend: greedy; candidates: 0.8", title="Scores"
    )
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= 20
    assert any("29 more in the report" in line for line in lines)
    assert not any("…" in line for line in lines)


def test_figures_are_the_same_bytes_every_time(y):
    found = board(y, {"one": labels(y, np.arange(200) < 20), "other": labels(y, y == 2)})
    one, other = (
        leaderboard.fold_plot(found, {"one": "#111111", "other": "#222222"}).finish()
        for _ in range(2)
    )
    assert (one.svg, one.png) == (other.svg, other.png)


@pytest.mark.parametrize(("successes", "n"), [(0, 30), (1, 30), (17, 40), (2, 5000), (30, 30)])
def test_the_interval_of_a_share_is_wilsons(successes, n):
    """The roots of (p - share)^2 = z^2 p (1 - p) / n."""
    for end in share_interval(successes, n):
        variance = end * (1 - end) / n
        assert (end - successes / n) ** 2 == pytest.approx(1.959964**2 * variance, abs=1e-9)


def test_members_are_named_with_their_kind_where_it_is_another():
    found = evidence()
    board = leaderboard.compute(found)
    assert {entry.name for entry in board.entries} == {"blend", "small", "linear"}
    table = leaderboard.table(board, found)
    assert {row[0] for row in table.rows} == {"blend", "small (lightgbm)", "linear"}
    assert "kernel (left out)" in str(leaderboard.render(board, found, {"folds": None}))


def test_rows_that_no_fold_validates_are_left_out():
    found = evidence()
    kept = [replace(fold, valid=fold.valid[fold.valid >= 60]) for fold in found.split.folds]
    y = found.y.copy()
    y[:60] = 1 - y[:60]
    late = replace(found.split, folds=tuple(kept)), replace(found.load, y=y)
    other = replace(found, split=late[0], load=late[1])
    board = leaderboard.compute(other)
    assert board.rows == len(y) - 60
    untouched = leaderboard.compute(replace(found, split=late[0]))
    assert board == untouched


def test_the_frame_has_a_row_an_entry_with_its_difference_to_the_best(y):
    found = board(y, {"one": labels(y, np.arange(200) < 20), "other": labels(y, y == 2)})
    frame = found.frame()
    assert frame["model"].tolist() == ["other", "one"]
    assert frame["verdict"].tolist() == ["best", "worse"]
    assert frame["accuracy"].tolist() == [1.0, 0.9]
    assert frame["to_best"].tolist() == [0.0, pytest.approx(-0.1)]
    assert frame["low"][1] < -0.1 < frame["high"][1] < 0

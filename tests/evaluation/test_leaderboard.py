"""The leaderboard against hand-worked numbers, and its verdicts against what chance does."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from pipeline.evaluation import leaderboard
from pipeline.evaluation.leaderboard import decimals, rank, with_error, with_interval
from pipeline.folds import folds_of
from pipeline.metrics import METRICS, Estimate

ACCURACY, LOG_LOSS, RMSE, R2 = (METRICS[n] for n in ("accuracy", "log_loss", "rmse", "r2"))


def labels(y, wrong):
    """Predictions (n, 2) that are right but for the rows `wrong`."""
    codes = np.where(wrong, 1 - y, y)
    return np.eye(2)[codes] * 0.8 + 0.1


def board(y, predictions, metrics=(ACCURACY, LOG_LOSS), folds=4):
    numbers = np.arange(len(y)) % folds
    return rank(metrics, y, predictions, folds_of(0, numbers), seed=0, parallel_map=map)


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


def test_models_that_are_equally_good_are_told_apart_in_one_run_of_twenty(y):
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
    assert "not distinguishable from it on these rows: near." in found.conclusion()


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
    found = board(y, off, (RMSE, R2))
    assert [entry.name for entry in found.entries] == ["c", "b", "a"]
    assert found.entries[1].told == "the same as c"
    assert found.conclusion().startswith("Best is c (b predicts the same) with RMSE")


def test_a_blend_of_one_model_is_the_same_as_it_and_no_more(y):
    rng = np.random.default_rng(0)
    one = rng.dirichlet(np.ones(2), size=200)
    # of the same accuracy, row by row, but not the same
    bolder = np.where(one > 0.5, 0.9, 0.1)
    found = board(y, {"one": one, "blend": one * (1 - 1e-15), "bolder": bolder})
    told = {entry.name: entry.told for entry in found.entries}
    assert told == {"one": "best", "blend": "the same as one", "bolder": "not distinguishable"}


def test_a_fold_without_a_score_is_left_out(y):
    one_class_folds = folds_of(0, np.arange(200) % 2)
    metrics = METRICS["roc_auc"], LOG_LOSS
    found = rank(metrics, y, {"one": labels(y, y == 2)}, one_class_folds, seed=0, parallel_map=map)
    assert found.best.folds == (None, None)
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["entries"][0]["fold_mean"] == 1


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
    table = leaderboard.table(
        found, dict.fromkeys(names, 123.4), caption="blend: greedy; candidates: 0.8", title="Scores"
    )
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= 20
    assert any("29 more in leaderboard.json" in line for line in lines)
    assert not any("…" in line for line in lines)


def test_figures_are_the_same_bytes_every_time(y):
    found = board(y, {"one": labels(y, np.arange(200) < 20), "other": labels(y, y == 2)})
    one, other = (
        leaderboard.fold_plot(found, {"one": "#111111", "other": "#222222"}).finish()
        for _ in range(2)
    )
    assert (one.svg, one.png) == (other.svg, other.png)

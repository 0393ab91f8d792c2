"""The error of a score allows for rows that err alike."""

import numpy as np
import pytest

from pipeline.expectation import expectation
from pipeline.metrics import METRICS, clustering, paired_difference
from pipeline.targets import Scored, mean_difference


def test_rows_that_err_alike_count_as_one():
    """40 groups of 25 rows of one loss: the error is that of 40 rows, 5 times as large."""
    of_group = np.random.default_rng(0).normal(size=40)
    wider = clustering(np.repeat(of_group, 25), np.repeat(np.arange(40), 25))
    assert wider == pytest.approx(5 * np.sqrt(40 / 39))


def test_rows_that_err_on_their_own_do_not_widen_it_much():
    losses = np.random.default_rng(0).normal(size=4000)
    assert clustering(losses, np.arange(4000) // 20) == pytest.approx(1, abs=0.15)
    assert clustering(losses, np.arange(4000)) == pytest.approx(1, abs=1e-3)
    assert clustering(losses, np.zeros(4000, dtype=int)) == 1
    assert clustering(np.zeros(9), np.arange(9)) == 1


@pytest.mark.parametrize("name", ["rmse", "mae"])
def test_the_interval_covers_the_score_on_other_groups(name):
    """Values of 30 groups with an error of their own: scores on other such groups lie within two of
    its errors in nine of ten draws; as if rows were independent, in far fewer."""
    metric, rng, hits = METRICS[name], np.random.default_rng(1), np.zeros(2)
    groups = np.repeat(np.arange(30), 40)

    def draw():
        y = rng.normal(size=len(groups))
        return y, (y + rng.normal(size=30)[groups] + 0.3 * rng.normal(size=len(y)))[:, np.newaxis]

    many = [draw() for _ in range(60)]
    truth = np.mean([metric.score(*each) for each in many])
    for y, prediction in many:
        for place, clusters in enumerate((groups, None)):
            found = expectation(metric, y, prediction, 0.0, clusters)
            hits[place] += abs(found.score - truth) < 2 * found.standard_error
    assert hits[0] / 60 > 0.85 > 0.6 > hits[1] / 60


def test_two_models_are_compared_over_groups_where_rows_err_alike():
    """A difference that is one number a group has the error of 40 groups, 5 times that of rows."""
    of_group = np.random.default_rng(0).normal(size=40)
    y, groups = np.zeros(1000), np.repeat(np.arange(40), 25)
    one, other = np.full((1000, 1), 9.0), 9 + of_group[groups][:, np.newaxis]
    metric = METRICS["mae"]
    alone = paired_difference(metric, y, one, other)
    together = paired_difference(metric, y, one, other, clusters=groups)
    assert together.score == alone.score
    assert together.standard_error == pytest.approx(alone.standard_error * 5 * np.sqrt(40 / 39))
    scored = [Scored(metric, y, each, np.arange(1000), groups) for each in (one, other)]
    mean = mean_difference(*([each] * 2 for each in scored))
    assert mean.standard_error == pytest.approx(together.standard_error)

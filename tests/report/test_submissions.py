"""Submissions against the leaderboard: only scores that can be compared, and an honest verdict."""

from dataclasses import replace

import pytest

from pipeline.ledger import Entry
from pipeline.report import submissions
from tests.report.values import evidence


def entries(*scores):
    given = {"metric": "accuracy", "score": 0.93, "standard_error": 0.005}
    return [Entry(f"{n}.csv", leaderboard=score, **given) for n, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "verdict"),
    [((0.935, 0.931), "They agree"), ((0.935, 0.80), "look for drift")],
)
def test_submissions_are_compared_by_the_noise_of_cross_validation(scores, verdict):
    found = submissions.compute(replace(evidence(), scores=entries(*scores)))
    assert verdict in submissions.plots(found, evidence())[0].caption


def test_scores_of_another_metric_are_left_out():
    (entry,) = entries(0.9)
    others = [replace(entry, metric="log_loss"), replace(entry, leaderboard=None)]
    found = submissions.compute(replace(evidence(), scores=[entry, *others]))
    assert "over 1 submission;" in found.conclusion()


def test_without_a_score_the_command_that_records_one_is_named():
    found = submissions.compute(evidence())
    assert submissions.plots(found, evidence()) == []
    assert "python -m pipeline score FILE SCORE" in str(submissions.render(found, evidence(), {}))

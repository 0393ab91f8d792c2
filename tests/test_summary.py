"""The summary of a complete run: what it claims holds, and it never fills the screen."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.blending import Blended, Expected
from pipeline.expectation import WIDER
from pipeline.experiments import Difference, Experiment
from pipeline.metrics import Estimate
from pipeline.report.alarm import Alarm
from pipeline.report.leaderboard import Leaderboard, LeaderboardEntry
from pipeline.stages.evaluate import Evaluated
from pipeline.summary import prediction_interval, summarise
from pipeline.training import CutShort
from pipeline.workspace import Workspace

FILE = "airline_greedy_0.9400_12345678.csv"
TOML = "[models.linear]\n[presets.best.split]\nrepeats = 5\n[presets.quick.split]\nrepeats = 1\n"
SCORE = Estimate(0.94, 0.0043)


@pytest.fixture
def summary(tmp_path, monkeypatch):
    """The lines on a run of which the summary's own inputs are made by hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", tmp_path)

    def lines(
        models=3,
        alarms=0,
        simulated=False,
        reason="",
        name="airline",
        cut=None,
        group_size=1,
        **of_experiment,
    ):
        (tmp_path / f"{name}.toml").write_text(TOML)
        given = {"preset": "default", "number": 1, "submission": FILE, "best_before": None}
        given |= {"metric": "accuracy", **vars(SCORE)}
        experiment = Experiment.model_construct(**{**given, **of_experiment})
        found = {
            "load": SimpleNamespace(
                simulated=simulated,
                train=pd.DataFrame({"group": np.arange(3000) // group_size}),
                test=pd.DataFrame({"group": np.arange(2000) // group_size}),
                problem=SimpleNamespace(
                    id="group", form=SimpleNamespace(aggregate="mean" if group_size > 1 else None)
                ),
            ),
            "blend": Blended(
                *(None, "greedy", "accuracy", None, None, {}, (), ""),
                expected=Expected(*vars(SCORE).values(), 0.939, 0.001),
                cut_short=cut or {},
            ),
            "evaluate": evaluated(models, alarms, reason),
        }
        flow = SimpleNamespace(workspace=Workspace(tmp_path, name), value=found.get, targets=("",))
        flow.of = lambda target: flow
        return summarise(flow, experiment)

    return lines


def evaluated(models, alarms, reason):
    """A leaderboard of so many models, each worse than the one before it; the blend is the last."""
    names = [*(f"model_{number}" for number in range(models)), "blend"]
    entries = tuple(
        LeaderboardEntry(
            name, SCORE, SCORE, (0.94,), Estimate(-0.01 * place, 0.001) if place else None
        )
        for place, name in enumerate(names)
    )
    board = Leaderboard("accuracy", "log_loss", entries, 3000)
    found = [f"column {number} " + "leaks " * 80 for number in range(alarms)]
    return Evaluated(
        board, tuple(Alarm("leak", each, "", "") for each in found), reason, {}, "", {}
    )


@pytest.mark.parametrize("alarms", [0, 1, 40])
@pytest.mark.parametrize("models", [1, 2, 30])
def test_it_is_short_and_names_file_blend_alarms_and_what_is_next(summary, models, alarms):
    lines = summary(models, alarms, number=7, cut={"rnn": CutShort(repeats=(1, 3))})

    assert len(lines) <= 20
    assert max(map(len, lines)) <= 180
    assert lines[0] == f"submissions/airline/{FILE} (Accuracy 0.9400 ± 0.0043)"
    text = "\n".join(lines)
    assert "submitted (greedy, +0.0010 by averaging all fits)" in text
    assert text.count("ALARM") == min(alarms, 3)
    assert ("37 alarms more in the report" in text) == (alarms == 40)
    for step in ("make watch", "upload", f"score {FILE} SCORE", "make PRESET=best all"):
        assert step in text


def test_what_had_no_time_is_named_with_what_gives_it_some(summary):
    cut = {"kernel": CutShort(repeats=(0, 3)), "rnn": CutShort(repeats=(1, 3))}
    text = "\n".join(summary(cut=cut))
    assert "cut short: kernel (left out), rnn (1 of 3 repeats)\n" in text
    assert "if the machine was busy or full, `make all NEW_PLAN=1` tries once more" in text
    assert "cut short" not in "".join(summary())


def test_the_command_that_divides_the_minutes_again_has_the_runs_preset(summary):
    cut = {"rnn": CutShort(repeats=(1, 3))}
    text = "\n".join(summary(cut=cut, preset="quick", name="cars"))
    assert "`make C=cars PRESET=quick all NEW_PLAN=1` tries once more" in text


@pytest.mark.parametrize(
    ("best", "line"),
    [
        (None, "experiment 7"),
        (
            Difference(to=3, score=0.0012, standard_error=0.0031),
            "experiment 7: +0.0012 ± 0.0031 against the best earlier one, 3 (within noise)",
        ),
        (
            Difference(to=3, score=0.0124, standard_error=0.0031),
            "experiment 7: +0.0124 ± 0.0031 against the best earlier one, 3 (better)",
        ),
        (
            Difference(to=3, score=0.0, standard_error=0.0),
            "experiment 7: the same predictions as experiment 3",
        ),
    ],
)
def test_the_experiment_is_compared_with_the_best_before_it(summary, best, line):
    lines = summary(number=7, best_before=best)

    assert f"{line}; `make experiments` lists them all" in lines


def test_the_first_experiment_has_no_others_to_be_listed_with(summary):
    assert "make experiments" not in "".join(summary())


def test_a_simulated_run_is_not_for_upload(summary):
    text = "\n".join(summary(simulated=True))

    assert "SIMULATED" in text
    assert "data/raw/airline" in text
    assert "pipeline score" not in text and "leaderboard:" not in text


def test_an_alarm_may_be_why_no_expected_score_is_given(summary):
    lines = summary(reason="duplicates stand in different folds")

    assert "(out-of-fold Accuracy 0.9400 ± 0.0043)" in lines[0]
    assert lines[1] == "no expected score is given: duplicates stand in different folds"
    assert "expected on the leaderboard" not in "".join(lines)


@pytest.mark.parametrize(("preset", "step"), [("quick", "make C=cars all"), ("best", "cars.toml")])
def test_the_next_run_is_a_longer_one(summary, preset, step):
    lines = summary(preset=preset, name="cars")

    assert lines[-1].split("  ")[1] == step
    assert any(line.startswith("  make C=cars watch") for line in lines)


def test_the_leaderboard_counts_groups_where_they_are_what_is_predicted(summary):
    assert any("all 2,000 test rows" in line for line in summary())
    assert any("all 500 groups" in line for line in summary(group_size=4))


def test_the_leaderboard_of_other_rows_falls_into_the_range():
    """Other training rows move the truth as far as the error over rows leaves out."""
    rng = np.random.default_rng(0)
    train, test, truth = 300, 200, 0.9
    inside = 0
    for _ in range(4000):
        score = rng.binomial(train, truth) / train
        error = WIDER * np.sqrt(score * (1 - score) / train)
        low, high = prediction_interval(Estimate(score, error), train, test)
        moved = truth + rng.normal(scale=error * np.sqrt(1 - 1 / WIDER**2))
        inside += low <= rng.binomial(test, moved) / test <= high

    assert 0.93 < inside / 4000 < 0.965

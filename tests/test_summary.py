"""The summary of a whole run: what it promises holds, and it never fills the screen."""

import numpy as np
import pytest

from pipeline.artifacts import Workspace
from pipeline.expectation import WIDER
from pipeline.summary import _cut_short, prediction_interval, summarise

FILE = "airline_greedy_0.9400_12345678.csv"
TOML = "[models.linear]\n[presets.best.split]\nrepeats = 5\n[presets.quick.split]\nrepeats = 1\n"


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """What a whole run has left, as far as the summary reads it -> its lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.summary.COMPETITIONS", tmp_path)

    def told(models=3, alarms=0, simulated=False, preset="default", name="airline", reason=""):
        (tmp_path / f"{name}.toml").write_text(TOML)
        workspace = Workspace(tmp_path, name)
        names = [*(f"model_{number}" for number in range(models)), "blend"]
        entry = {"score": 0.94, "standard_error": 0.0043, "verdict": "worse"}
        files = {"train": {"rows": 3000}, "test": {"rows": 2000}}
        about = {"file": FILE, "metric": "accuracy", "method": "greedy", "score": 0.94}
        found = {
            ("load", "schema"): {"task": "binary", "files": files},
            ("submit", "submission"): {**about, "standard_error": 0.0043, "simulated": simulated},
            ("evaluate", "leaderboard"): {
                "entries": [{"name": name, **entry} for name in names],
                "alarms": [{"found": f"column {n} " + "leaks " * 80} for n in range(alarms)],
                "promise_withdrawn": reason,
            },
        }
        for (stage, document), content in found.items():
            with workspace.stage_output(stage, {"digest": ""}) as out:
                out.write_json(document, content)
        workspace.settings.write_text("preset", f"{preset}\n")
        return summarise(workspace)

    return told


@pytest.mark.parametrize("alarms", [0, 1, 40])
@pytest.mark.parametrize("models", [1, 2, 30])
def test_it_is_short_and_names_file_blend_alarms_and_what_is_next(finished, models, alarms):
    lines = finished(models, alarms)

    assert len(lines) <= 19  # and an empty one before
    assert max(map(len, lines)) <= 180
    assert lines[0] == f"submissions/airline/{FILE} (Accuracy 0.9400 ± 0.0043)"
    text = "\n".join(lines)
    assert "submitted (greedy)" in text
    assert text.count("ALARM") == min(alarms, 3)
    assert ("37 alarms more in the report" in text) == (alarms == 40)
    for step in ("make watch", "upload", f"score {FILE} SCORE", "make PRESET=best all"):
        assert step in text


def test_what_had_no_time_is_named_with_what_gives_it_some(tmp_path):
    cut = {"kernel": {"repeats": [0, 3]}, "rnn": {"repeats": [1, 3]}}
    one, other = _cut_short(Workspace(tmp_path, "airline"), cut)
    assert one == "cut short by [budget] minutes: kernel (left out), rnn (1 of 3 repeats)"
    assert "delete" in other and "data/build/airline/budget" in other
    assert _cut_short(Workspace(tmp_path, "airline"), {}) == []


def test_a_simulated_run_is_not_for_upload(finished):
    text = "\n".join(finished(simulated=True))

    assert "SIMULATED" in text
    assert "data/raw/airline" in text
    assert "pipeline score" not in text and "leaderboard:" not in text


def test_a_promise_that_an_alarm_withdraws_is_not_made(finished):
    lines = finished(reason="copies of rows stand in different folds")

    assert "(out-of-fold Accuracy 0.9400 ± 0.0043)" in lines[0]
    assert lines[1] == "no score can be promised: copies of rows stand in different folds"
    assert "expected on the leaderboard" not in "".join(lines)


@pytest.mark.parametrize(("preset", "step"), [("quick", "make C=cars all"), ("best", "cars.toml")])
def test_the_next_run_is_a_longer_one(finished, preset, step):
    lines = finished(preset=preset, name="cars")

    assert lines[-1].split("  ")[1] == step
    assert any(line.startswith("  make C=cars watch") for line in lines)


def test_the_leaderboard_of_other_rows_falls_into_the_range():
    """Other training rows move the truth as far as the error over rows leaves out."""
    rng = np.random.default_rng(0)
    train, test, truth = 300, 200, 0.9
    inside = 0
    for _ in range(4000):
        score = rng.binomial(train, truth) / train
        error = WIDER * np.sqrt(score * (1 - score) / train)
        low, high = prediction_interval(score, error, train, test)
        moved = truth + rng.normal(scale=error * np.sqrt(1 - 1 / WIDER**2))
        inside += low <= rng.binomial(test, moved) / test <= high

    assert 0.93 < inside / 4000 < 0.965

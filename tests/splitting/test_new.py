"""`new` writes [split] so that the folds differ as test does from train, and says what it saw."""

import numpy as np
import pandas as pd
import pytest

from pipeline.config import load_configuration
from pipeline.new import configuration_for, settings_given, write_competition
from pipeline.progress import Progress
from pipeline.stage_settings import LoadStage, members
from pipeline.stages.load import load
from pipeline.stages.split import split


def hours(days: int) -> pd.DataFrame:
    """Six rows a day from 2023-01-01 on, named by their time alone."""
    when = pd.date_range("2023-01-01", periods=6 * days, freq="4h")
    x = np.random.default_rng(0).normal(size=len(when)).round(3)
    return pd.DataFrame({"datetime": when, "x": x, "y": x > 0})


def organiser(folder, frame: pd.DataFrame, is_test) -> None:
    test = frame[is_test].drop(columns="y")
    folder.mkdir()
    frame[~is_test].to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    test[["datetime"]].assign(y=False).to_csv(folder / "sample_submission.csv", index=False)


def started(tmp_path, **given):
    """The competition that `new` writes, its settings by preset, and its folds."""
    made = write_competition("fresh", tmp_path / "raw", tmp_path, settings_given({}, **given))
    made.path.write_text(made.text)
    presets = ("default", "quick", "best")
    found = {preset: load_configuration("fresh", preset, tmp_path) for preset in presets}
    stage = LoadStage(**found["default"].load.model_dump(), task="binary")
    loaded = load(stage, tmp_path / "raw", Progress(live=False))
    return made, found, loaded, split(found["default"].split, loaded, Progress(live=False))


def test_days_that_only_test_has_are_cut_from_every_month_by_a_column_that_names_the_rows(tmp_path):
    frame = hours(181)
    organiser(tmp_path / "raw", frame, frame["datetime"].dt.day >= 20)
    made, found, loaded, folds = started(tmp_path)
    assert (loaded.problem.id, loaded.problem.names) == ("datetime", ["datetime (date)", "x"])
    for preset in found.values():
        assert (preset.split.time, preset.split.within) == ("datetime", "month")
        assert (preset.split.folds, preset.split.repeats) == (3, 1)
    days = loaded.train["datetime (date)"].dt.day.to_numpy()
    assert [sorted({*days[fold.valid]}) for fold in folds.folds] == [
        [*range(1, 8)],
        [*range(8, 14)],
        [*range(14, 20)],
    ]
    saw = "Test has days 20 to 31 of every month by column 'datetime', train has days 1 to 19"
    assert any(saw in message for message in made.messages)
    assert f"# {saw}. The" in made.text


def test_later_rows_give_windows_with_the_distance_and_the_length_of_test(tmp_path):
    frame = hours(200)
    frame = frame[(frame["datetime"] < "2023-06-01") | (frame["datetime"] >= "2023-06-04")]
    frame = frame.reset_index(drop=True)
    organiser(tmp_path / "raw", frame, (frame["datetime"] >= "2023-06-04").to_numpy())
    _, found, loaded, folds = started(tmp_path)
    chosen = found["default"].split
    assert (chosen.time, chosen.horizon, chosen.gap) == ("datetime", "46 days", "3 days")
    times = loaded.train["datetime (date)"].to_numpy()
    for fold in folds.folds:
        assert times[fold.valid].min() - times[fold.train].max() > np.timedelta64(3, "D")


def test_what_the_caller_says_of_the_split_counts(tmp_path):
    frame = hours(100)
    later = (frame["datetime"] >= "2023-03-20").to_numpy()
    organiser(tmp_path / "raw", frame, later)
    made, found, _, folds = started(tmp_path, lines=["split.scheme=stratified"])
    assert (found["default"].split.time, folds.scheme) == (None, "stratified")
    assert not any("lies after" in message for message in made.messages)
    tables = {"train": frame[~later], "test": frame[later].drop(columns="y")}
    given = settings_given({"target": "y", "id": "datetime"})
    for overlay, time in (({"split": {"scheme": "plain"}}, None), ({}, "datetime")):
        configuration = configuration_for(tables, tmp_path / "frames", given, "default", overlay)
        assert configuration.split.time == time


@pytest.mark.parametrize("seed", range(3))
def test_a_random_split_is_left_at_random(tmp_path, seed):
    frame = hours(30)
    organiser(tmp_path / "raw", frame, np.random.default_rng(seed).random(len(frame)) < 0.4)
    _, found, _, folds = started(tmp_path)
    assert (found["default"].split.scheme, folds.scheme) == ("auto", "stratified")
    assert found["best"].split.repeats > found["default"].split.repeats


def test_groups_that_test_has_of_its_own_are_folded_by_and_seen_by_no_model(tmp_path):
    frame = hours(80)[["x", "y"]]
    frame.insert(0, "patient", np.arange(len(frame)) // 8 + 101)
    frame.insert(
        0, "datetime", [f"row{i}" for i in np.random.default_rng(0).permutation(len(frame))]
    )
    organiser(tmp_path / "raw", frame, (frame["patient"] * 7 % 10 < 3).to_numpy())
    _, found, loaded, folds = started(tmp_path)
    assert found["quick"].split.group == "patient" and "patient" in loaded.problem.names
    for fold in folds.folds:
        train, valid = (loaded.train["patient"].iloc[rows] for rows in (fold.train, fold.valid))
        assert not {*train} & {*valid}
    assert not any(member.encoder.sees("patient") for member in members(found["default"]).values())
    assert all(member.encoder.sees("x") for member in members(found["default"]).values())


@pytest.mark.parametrize("lines", [(), ("split.group=who",), ("split.own=mine",)])
def test_a_group_that_test_does_not_share_is_no_feature_however_it_is_split(tmp_path, lines):
    """Each has a level of its own, and 30 rows."""
    rng, people = np.random.default_rng(0), [f"p{i}" for i in range(60)]
    frame = pd.DataFrame({"who": np.repeat(people, 30), "x": rng.normal(size=1800).round(3)})
    frame["y"] = frame["x"] + np.repeat(rng.normal(size=60), 30) > 0
    is_test = np.repeat(np.arange(60) % 3 == 0, 30)
    (tmp_path / "raw").mkdir()
    frame[~is_test].to_csv(tmp_path / "raw/train.csv", index=False)
    frame[is_test].drop(columns="y").to_csv(tmp_path / "raw/test.csv", index=False)
    given = settings_given({"target": "y"}, lines)
    made = write_competition("fresh", tmp_path / "raw", tmp_path, given)
    assert 'drop = ["who"]' in made.text
    assert "# Test has other values of it" in made.text

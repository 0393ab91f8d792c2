"""The minutes are kept, more of them never do less, and the record says what is done again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.artifacts import Folder
from pipeline.budget import AFTER, MANY_ROWS, Piece, Record, allow, strongest, told, weights
from pipeline.config import BudgetShares
from pipeline.errors import DataError


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class World:
    """Pieces that cost so many seconds a trial or repeat, run one after another as make does."""

    def __init__(self, folder, minutes, costs, tuned=(), asked=3, rows=0):
        self.record, self.clock, self.asked = Record(Folder(folder)), Clock(), asked
        self.costs, self.rows = costs, rows
        self.budget = BudgetShares(minutes=minutes, models=tuple(costs), tuned=tuple(tuned))

    def allow(self, name, key="k", data="d"):
        piece = Piece(*name.split("/"), key, data)
        return allow(self.record, self.budget, piece, self.clock.now, self.clock, rows=self.rows)

    def work(self, name, key="k", data="d", killed_after=None):
        """What a stage does, by a clock that stands still between the steps; how many it made."""
        allowance, done = self.allow(name, key, data), 0
        stage, model = name.split("/")
        asked = 0 if stage == "tune" and model not in self.budget.tuned else self.asked
        while done < asked and allowance.goes_on(done):
            if done == killed_after:
                return done
            cost = self.costs[model]
            if allowance.left() < cost:
                self.clock.now += max(0.0, allowance.left())
                break
            self.clock.now += cost
            done += 1
            allowance.note(done)
        allowance.finish(done, asked)
        self.clock.now += AFTER
        return done

    def run(self):
        return {name: self.work(name) for model in self.costs for name in pieces_of(model)}


def pieces_of(model):
    return f"tune/{model}", f"train/{model}"


seconds = st.floats(0.01, 100.0)
minutes = st.floats(0.05, 10.0)
four_models = st.fixed_dictionaries(dict.fromkeys(("one", "two", "three", "four"), seconds))
some_tuned = st.sets(st.sampled_from(["two", "four"]))


@given(minutes, four_models, some_tuned)
def test_the_minutes_are_kept(tmp_path_factory, minutes, costs, tuned):
    world = World(tmp_path_factory.mktemp("w"), minutes, costs, tuned)
    done = world.run()
    first = next(iter(costs))
    late = len(done) * AFTER + (costs[first] if done[f"train/{first}"] == 1 else 0.0)
    assert world.clock.now <= 60 * minutes + late
    assert done[f"train/{first}"] >= 1


@given(minutes, minutes, four_models, some_tuned)
def test_more_minutes_never_do_less(tmp_path_factory, fewer, more, costs, tuned):
    fewer, more = sorted((fewer, more))
    one, other = (
        World(tmp_path_factory.mktemp("w"), minutes, costs, tuned).run()
        for minutes in (fewer, more)
    )
    assert all(other[name] >= one[name] for name in one)


def with_lightgbm(costs):
    """The same models, the third of them LightGBM."""
    order = {"one": "one", "two": "two", "lightgbm": "three", "four": "four"}
    return {name: costs[key] for name, key in order.items()}


@given(minutes, four_models, some_tuned)
def test_of_many_rows_the_strongest_finishes_a_repeat_in_half_of_the_minutes_or_in_any_case(
    tmp_path_factory, minutes, costs, tuned
):
    folder, rows = tmp_path_factory.mktemp("w"), MANY_ROWS + 1
    world = World(folder, minutes, with_lightgbm(costs), tuned, rows=rows)
    for model in ("one", "two"):
        for name in pieces_of(model):
            world.work(name)
    before = world.clock.now
    assert before <= 30 * minutes + 4 * AFTER
    assert [world.work(name) for name in pieces_of("lightgbm")][1] >= 1


@given(minutes, minutes, four_models, some_tuned)
def test_more_minutes_never_do_less_of_many_rows_either(
    tmp_path_factory, fewer, more, costs, tuned
):
    fewer, more = sorted((fewer, more))
    one, other = (
        World(
            tmp_path_factory.mktemp("w"), minutes, with_lightgbm(costs), tuned, rows=MANY_ROWS + 1
        ).run()
        for minutes in (fewer, more)
    )
    assert all(other[name] >= one[name] for name in one)


def test_the_strongest_model_follows_from_the_rows():
    models = ("linear", "lightgbm", "kernel")
    assert strongest(models, MANY_ROWS) == "linear"
    assert strongest(models, MANY_ROWS + 1) == "lightgbm"
    assert strongest(("linear", "kernel"), MANY_ROWS + 1) == "linear"


def test_what_is_not_needed_passes_on(tmp_path):
    costs = {"cheap": 0.1, "dear": 15.0}
    assert World(tmp_path, 1.0, costs).run()["train/dear"] == 3


def test_a_share_of_each_model_goes_to_its_tuning_if_it_is_tuned():
    budget = BudgetShares(minutes=1.0, models=("one", "two"), tuned=("two",))
    assert weights(budget) == pytest.approx(
        {"tune/one": 0, "train/one": 1, "tune/two": 1 / 3, "train/two": 2 / 3}
    )


def test_without_minutes_nothing_is_bound_or_recorded(tmp_path):
    world = World(tmp_path, None, {"one": 1e9})
    assert world.run()["train/one"] == 3
    assert list(tmp_path.iterdir()) == []


def test_the_record_is_followed_whatever_the_clock_says(tmp_path):
    first = World(tmp_path, 1.0, {"one": 0.1, "two": 15.0, "three": 15.0}, ["three"])
    done = first.run()
    assert 0 < done["train/two"] < 3
    for slower in (0.01, 1.0, 100.0):
        costs = {name: slower * cost for name, cost in first.costs.items()}
        assert World(tmp_path, 1.0, costs, ["three"]).run() == done


def test_other_inputs_other_minutes_and_other_models_are_new_attempts(tmp_path):
    world = World(tmp_path, 1.0, {"one": 0.1, "two": 30.0})
    assert world.run()["train/two"] == 1
    assert world.allow("train/two").follow == 1
    assert world.allow("train/two", key="other").follow is None
    assert World(tmp_path, 2.0, world.costs).allow("train/two").follow is None
    assert World(tmp_path, 1.0, {**world.costs, "new": 1.0}).allow("train/two").follow is None
    # what is complete stays so
    assert World(tmp_path, 2.0, world.costs).allow("train/one").follow == 3
    assert World(tmp_path, 0.001, world.costs).allow("train/one").follow == 3
    # and the first attempt is not forgotten
    assert World(tmp_path, 2.0, world.costs).work("train/two") == 3
    assert world.allow("train/two").follow == 3


def test_other_rows_owe_nothing_to_the_record(tmp_path):
    world = World(tmp_path, 1.0, {"one": 19.0, "two": 1.0})
    world.run()
    alone = World(tmp_path / "new", 1.0, world.costs)
    for name in ("train/one", "train/two"):
        assert world.work(name, "other", "other") == alone.work(name, "other", "other")


def test_what_a_killed_run_took_counts(tmp_path):
    world = World(tmp_path, 0.5, {"one": 0.1, "two": 8.0})
    world.work("tune/one"), world.work("train/one"), world.work("tune/two")
    before = world.allow("train/two").left()
    world.work("train/two", killed_after=1)
    assert world.allow("train/two").left() == pytest.approx(before - 8.0)


def test_a_record_that_is_none_is_told(tmp_path):
    world = World(tmp_path, 1.0, {"one": 1.0})
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "one.json").write_text(json.dumps([{"a": 1}]))
    with pytest.raises(DataError, match=r"train/one.json: this is no record"):
        world.allow("train/one")


def test_what_was_cut_short_in_words():
    cut = {"rnn": {"repeats": [0, 3], "trials": [2, 5]}, "one": {"trials": [7, 20]}}
    assert told(cut) == "rnn (left out), one (7 of 20 trials)"

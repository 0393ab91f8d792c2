"""The minutes are kept, more of them never do less, and the plan says what is done again."""

import json
import math
import multiprocessing
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError
from pipeline.files import with_checksum
from pipeline.plan import FIRST, MANY_ROWS, Allowance, Decision, Plan, Shares


class Clock:
    def __init__(self):
        self.now = 0.0


class Watch:
    """A stopwatch by a clock that only tests move."""

    def __init__(self, clock):
        self.clock, self.started = clock, clock.now

    def seconds(self):
        return self.clock.now - self.started


class PlanInMemory(Plan):
    """For many examples: the disk is slow."""

    kept = {}  # decisions by path

    def read(self):
        return dict(self.kept.get(self.path, {}))

    def _write(self, decisions):
        self.kept[self.path] = decisions


class World:
    """Parts that cost so many seconds a trial or repeat, run one after another as a run does."""

    def __init__(self, folder, minutes, costs, tuned=(), asked=3, rows=0):
        self.clock, self.costs, self.asked = Clock(), costs, asked
        kinds = {name: name for name in costs}
        trials = {name: asked if name in tuned else 0 for name in costs}
        shares = Shares(minutes, kinds, trials, rows)
        self.plan = PlanInMemory(folder / f"{minutes}.json", shares, lambda: Watch(self.clock))

    def work(self, name, found=0):
        """What a stage does, by a clock that stands still between the steps; how many it made.

        So many units are found in the store: they cost nothing now.
        """
        allowance, done = self.plan.allowance(name), 0
        stage, member = name.split("/")
        asked = 0 if stage == "tune" and not self.plan.shares.trials[member] else self.asked
        while done < asked and allowance.goes_on(done):
            cost = self.costs[member]
            if allowance.left() < cost:
                self.clock.now += max(0.0, allowance.left())
                break
            if done < found:
                allowance.earlier += cost
            else:
                self.clock.now += cost
            done += 1
        return allowance.settle(done, asked, "unit").done

    def run(self):
        return {name: self.work(name) for member in self.costs for name in parts_of(member)}


def parts_of(member):
    return f"tune/{member}", f"train/{member}"


seconds = st.floats(0.01, 100.0)
minutes = st.floats(0.05, 10.0)
four_members = st.fixed_dictionaries(dict.fromkeys(("one", "two", "three", "four"), seconds))
some_tuned = st.sets(st.sampled_from(["two", "four"]))


@given(minutes, four_members, some_tuned)
def test_the_minutes_are_kept(tmp_path_factory, minutes, costs, tuned):
    world = World(tmp_path_factory.mktemp("w"), minutes, costs, tuned)
    done = world.run()
    first = next(iter(costs))
    late = costs[first] if done[f"train/{first}"] == 1 else 0.0
    assert world.clock.now <= 60 * minutes + late + 1e-9
    assert done[f"train/{first}"] >= 1


@given(minutes, minutes, four_members, some_tuned)
def test_more_minutes_never_do_less(tmp_path_factory, fewer, more, costs, tuned):
    fewer, more = sorted((fewer, more))
    one, other = (
        World(tmp_path_factory.mktemp("w"), minutes, costs, tuned).run()
        for minutes in (fewer, more)
    )
    assert all(other[name] >= one[name] for name in one)


def with_lightgbm(costs):
    """The same members, the third of them LightGBM."""
    order = {"one": "one", "two": "two", "lightgbm": "three", "four": "four"}
    return {name: costs[key] for name, key in order.items()}


@given(minutes, four_members, some_tuned)
def test_of_many_rows_the_strongest_finishes_a_repeat_in_half_of_the_minutes_or_in_any_case(
    tmp_path_factory, minutes, costs, tuned
):
    folder, rows = tmp_path_factory.mktemp("w"), MANY_ROWS + 1
    world = World(folder, minutes, with_lightgbm(costs), tuned, rows=rows)
    for member in ("one", "two"):
        for name in parts_of(member):
            world.work(name)
    assert world.clock.now <= 60 * minutes * (1 - FIRST) + 1e-9
    assert [world.work(name) for name in parts_of("lightgbm")][1] >= 1


@given(minutes, minutes, four_members, some_tuned)
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


def test_the_strongest_member_follows_from_the_rows_and_the_kinds():
    def strongest(rows, **kinds):
        return Shares(1.0, kinds, dict.fromkeys(kinds, 0), rows).strongest

    kinds = {"line": "linear", "boosted": "lightgbm", "more": "lightgbm"}
    assert strongest(MANY_ROWS, **kinds) == "line"
    assert strongest(MANY_ROWS + 1, **kinds) == "boosted"
    assert strongest(MANY_ROWS + 1, line="linear", gp="kernel") == "line"


def test_what_is_not_needed_passes_on(tmp_path):
    costs = {"cheap": 0.1, "dear": 15.0}
    assert World(tmp_path, 1.0, costs).run()["train/dear"] == 3


def test_the_others_get_the_time_of_what_is_not_begun(tmp_path):
    world = World(tmp_path, 1.0, {"slow": 100.0, "one": 12.0, "two": 12.0})
    world.plan.allowance("train/slow").settle(0, 3, "repeat", "one repeat would take 2 minutes")
    assert [world.work(f"train/{name}") for name in ("one", "two")] == [2, 2]


def test_a_share_of_each_member_goes_to_its_tuning_if_it_is_tuned():
    shares = Shares(1.0, {"one": "linear", "two": "linear"}, {"one": 0, "two": 5}, 0)
    assert shares.weights == pytest.approx(
        {"tune/one": 0, "train/one": 1, "tune/two": 1 / 3, "train/two": 2 / 3}
    )


def test_without_minutes_nothing_is_bound_or_recorded(tmp_path):
    world = World(tmp_path, None, {"one": 1e9})
    assert world.run()["train/one"] == 3
    assert list(tmp_path.iterdir()) == []
    assert Allowance().left() == math.inf


def test_the_plan_is_followed_whatever_the_clock_says(tmp_path):
    first = World(tmp_path, 1.0, {"one": 0.1, "two": 15.0, "three": 15.0}, ["three"])
    done = first.run()
    assert 0 < done["train/two"] < 3
    for slower in (0.01, 1.0, 100.0):
        costs = {name: slower * cost for name, cost in first.costs.items()}
        assert World(tmp_path, 1.0, costs, ["three"]).run() == done


@given(minutes, four_members, some_tuned, st.integers(0, 3))
def test_what_is_found_counts_as_much_as_when_it_was_computed(
    tmp_path_factory, minutes, costs, tuned, found
):
    """A run that was killed, or that finds another preset's fits, decides as one from scratch."""
    scratch, resumed = (
        World(tmp_path_factory.mktemp("w"), minutes, costs, tuned) for _ in range(2)
    )
    names = [name for member in costs for name in parts_of(member)]
    assert [resumed.work(name, found) for name in names] == [scratch.work(name) for name in names]


# -- the file --------------------------------------------------------------------------------------


def small_plan(folder, key="about"):
    kinds = {"one": "linear", "two": "linear"}
    return Plan(folder / f"{key}.json", Shares(1.0, kinds, dict.fromkeys(kinds, 0), 0))


def test_another_key_is_decided_again(tmp_path):
    decision = Decision(done=1, asked=3, seconds=30.0, reason="no more fit")
    small_plan(tmp_path).decide("train/one", decision)
    assert small_plan(tmp_path).decision("train/one") == decision
    assert small_plan(tmp_path).allowance("train/one").follow == 1
    assert small_plan(tmp_path, "other").allowance("train/one").follow is None


def test_of_two_runs_the_first_decides_and_the_second_follows(tmp_path):
    one, other = (small_plan(tmp_path).allowance("train/one") for _ in range(2))
    assert one.settle(2, 3, "repeat").done == 2
    for done in (1, 2, 3):
        assert other.settle(done, 3, "repeat").done == 2
    assert other.goes_on(1)
    assert not other.goes_on(2)
    assert other.left() == math.inf


class SlowPlan(Plan):
    """Takes its time between reading and writing."""

    def read(self):
        content = super().read()
        time.sleep(0.2)
        return content


def decide(folder, done, start):
    plan = SlowPlan(folder / "about.json", Shares(1.0, {}, {}, 0))
    start.wait(60)
    counts = plan.decide("train/one", Decision(done=done, asked=9, seconds=1.0)).done
    (folder / f"agreed-{done}").write_text(str(counts))


def test_processes_that_decide_at_once_agree(tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    processes = [context.Process(target=decide, args=(tmp_path, n, start)) for n in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert len({file.read_text() for file in tmp_path.glob("agreed-*")}) == 1
    assert len(list(tmp_path.glob("agreed-*"))) == 3


def test_a_new_attempt_opens_what_was_cut_short(tmp_path):
    plan = small_plan(tmp_path)
    plan.decide("train/one", Decision(done=3, asked=3, seconds=10.0))
    assert not plan.renew()
    plan.decide("train/two", Decision(done=1, asked=3, seconds=50.0, reason="no more fit"))
    assert plan.renew()
    assert plan.decision("train/one").done == 3
    assert plan.decision("train/two") is None


def test_a_new_attempt_fits_the_repeats_of_a_member_that_had_fewer_rounds(tmp_path):
    plan = small_plan(tmp_path)
    plan.decide("rounds/one", Decision(done=300, asked=900, seconds=0.0))
    plan.decide("train/one", Decision(done=3, asked=3, seconds=10.0))
    assert plan.renew()
    assert plan.read() == {}
    assert plan.allowance("train/one").is_bound


def test_a_flipped_bit_is_found(tmp_path):
    plan = small_plan(tmp_path)
    plan.decide("train/one", Decision(done=2, asked=3, seconds=30.0, reason="no more fit"))
    content = plan.path.read_bytes()
    whole = plan.read()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        plan.path.write_bytes(damaged)
        try:
            assert plan.read() == whole  # a blank between two words became another one
        except DataError as error:
            assert "Delete it and run the same command again" in str(error)


NO_PLANS = (
    "",
    "[]",
    '{"decisions": {}, "checksum": ""}',
    with_checksum({}),
    with_checksum({"decisions": {"a": {"done": -1}}}),
    "[" * 9999,
)


@pytest.mark.parametrize("content", NO_PLANS)
def test_a_file_that_is_no_plan_is_reported_with_what_to_do(tmp_path, content):
    plan = small_plan(tmp_path)
    plan.path.write_text(content)
    with pytest.raises(DataError, match=r"about.json: this plan .* is damaged. Delete it"):
        plan.allowance("train/one")


def test_a_plan_is_plain_json_that_people_can_read(tmp_path):
    plan = small_plan(tmp_path)
    plan.decide("train/one", Decision(done=2, asked=3, seconds=30.0, reason="no more fit"))
    assert json.loads(plan.path.read_text())["decisions"] == {
        "train/one": {
            "done": 2,
            "asked": 3,
            "seconds": 30.0,
            "reason": "no more fit",
            "ran_out": False,
        }
    }


# -- messages --------------------------------------------------------------------------------------


def bounded(tmp_path, minutes, rows=0):
    """The second member's training, of a clock that stands still."""
    kinds = {"one": "linear", "two": "linear"}
    shares = Shares(minutes, kinds, dict.fromkeys(kinds, 0), rows)
    return Plan(tmp_path / "plan.json", shares, lambda: Watch(Clock())).allowance("train/two")


def test_only_what_fits_is_begun_unless_the_plan_or_the_first_repeat_asks(tmp_path):
    allowance = bounded(tmp_path, 4.0)
    assert allowance.left() == 120.0
    assert allowance.affords(100.0)
    assert not allowance.affords(600.0)
    assert allowance.bound.plan.allowance("train/one").affords(600.0)
    allowance.settle(1, 3, "repeat")
    assert allowance.affords(600.0)


def test_a_message_says_how_long_and_of_what(tmp_path):
    message = bounded(tmp_path, 4.0).too_long("one repeat", 720.0)
    assert message == (
        "one repeat would take about 12 minutes, with 2 minutes left of "
        "its share of [budget] minutes = 4"
    )
    message = bounded(tmp_path, 4.0).too_long("one repeat", math.inf)
    assert message == "there is no time for one repeat in its share of [budget] minutes = 4"

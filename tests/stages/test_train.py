"""Training: out-of-fold means out of fold, and no fit that is there is computed again."""

import functools
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from pipeline import parallel, training
from pipeline.errors import OutOfMemoryError
from pipeline.plan import Allowance
from pipeline.progress import Progress
from pipeline.stage_settings import TrainStage
from pipeline.stages import train as stage
from pipeline.stages.train import train
from pipeline.store import Store
from pipeline.threads import threads
from pipeline.tuning import FinishedTrial, Tuned
from tests import values
from tests.stages.small import (
    Clock,
    SmallFits,
    Ticking,
    fits_in,
    folds,
    loaded,
    member,
    plan_of,
    stored,
)
from tests.values import contents

UNTUNED = Tuned(member(), "log_loss", None, (), 0)


def run(fits, load=None, split=None, tuned=UNTUNED, budget=None, progress=None):
    progress = progress or Progress(live=False)
    load, split = load or loaded(), split or folds()
    return train(TrainStage(name="one"), load, split, None, tuned, fits, progress, budget)


def test_out_of_fold_predictions_come_from_models_that_never_saw_the_row(tmp_path):
    load, split = loaded(), folds()
    valid = split.folds[1].valid
    turned = load.y.copy()
    turned[valid] = 1 - turned[valid]
    other = loaded(y=turned)
    before, after = (
        run(fits_in(tmp_path / name, each), each).oof[0]
        for name, each in (("one", load), ("other", other))
    )
    assert before[valid].tobytes() == after[valid].tobytes()
    assert before.tobytes() != after.tobytes()


def test_test_predictions_are_the_mean_over_the_fits(tmp_path):
    fits, split = fits_in(tmp_path), folds(repeats=2)
    trained = run(fits, split=split)
    parts = [fits.test(member(), fold).values for fold in split.folds]
    assert trained.test.tobytes() == np.mean(parts, axis=0).tobytes()
    assert [fit.key for fit in trained.fits] == [
        fits.key(member(), fold).path for fold in split.folds
    ]


def test_predictions_by_fold_are_the_mean_over_the_repeats(tmp_path):
    fits, split = fits_in(tmp_path), folds(repeats=2)
    trained = run(fits, split=split)
    for number in range(3):
        parts = [fits.test(member(), fold).values for fold in split.folds if fold.number == number]
        np.testing.assert_array_equal(trained.test_by_fold[number], np.mean(parts, axis=0))
    assert len(trained.test_by_fold) == 3
    assert not np.array_equal(trained.test_by_fold[0], trained.test_by_fold[1])


def test_of_many_rows_folds_are_compared_on_some_of_the_test_rows(tmp_path, monkeypatch):
    fits = fits_in(tmp_path)
    every = run(fits)
    monkeypatch.setattr(training, "MANY_ROWS", 100)
    monkeypatch.setattr(training, "COMPARED", 8)
    some = run(fits)
    assert some.test.tobytes() == every.test.tobytes()
    np.testing.assert_array_equal(some.test_by_fold, every.test_by_fold[:, ::3])


@pytest.mark.parametrize(("many", "kept"), [(240, 3), (239, 0)])
def test_of_many_rows_no_fits_predictions_of_test_are_kept_beside_their_mean(
    tmp_path, monkeypatch, many, kept
):
    monkeypatch.setattr("pipeline.stages.train.MANY_ROWS", many)
    load, tuned = loaded(), replace(UNTUNED, member=values.member("linear"))
    fits = values.fits(tmp_path, load)
    trained = run(fits, load, tuned=tuned)
    keys = fits.store.keys()
    kinds = [key.kind for key in keys]
    assert (kinds.count("fit"), kinds.count("test")) == (3, kept)
    parts = [fits.test(tuned.member, fold).values for fold in folds().folds]
    np.testing.assert_allclose(trained.test, np.mean(parts, axis=0))


class Threaded(SmallFits):
    """Memory has room for one of its fits at a time, which have two threads each."""

    def at_once(self, of):
        return 1

    def threads(self, of, number, at_once=None):
        return [2] * number

    def workers(self, left=None, progress=None, at_once=None):
        return parallel.workers(at_once, left)

    def fit(self, of, fold):
        assert threads() == 2
        return super().fit(of, fold)


def test_one_fit_at_a_time_has_its_threads_without_a_bound_on_the_minutes(tmp_path):
    found = run(Threaded(Store(tmp_path), loaded()))
    assert found.oof.tobytes() == run(fits_in(tmp_path / "other")).oof.tobytes()


def test_a_fit_on_all_rows_has_the_weight_that_the_member_asks_for(tmp_path):
    """Whatever is scored is out of fold as before."""
    fits, split = fits_in(tmp_path), folds(repeats=2)
    plain = run(fits, split=split)
    whole = fits.test(member(), split.whole).values
    for weight in (0.25, 1.0):
        asked = replace(UNTUNED, member=replace(member(), refit=weight))
        trained = run(fits, split=split, tuned=asked)
        expected = (1 - weight) * plain.test + weight * whole
        np.testing.assert_allclose(trained.test, expected, rtol=1e-12)
        np.testing.assert_allclose(trained.test_by_fold.mean(axis=0), expected, rtol=1e-12)
        assert trained.oof.tobytes() == plain.oof.tobytes()
        assert len(trained.fits) == len(plain.fits) + 1
        assert [fit.score for fit in trained.fits if fit.score is None] == [None]


def test_folds_may_leave_rows_out_and_differ_in_number_between_the_repeats(tmp_path):
    split = folds(repeats=2)
    kept = [fold for fold in split.folds if fold.name not in ("r0-f0", "r1-f2")]
    trained = run(fits_in(tmp_path), split=replace(split, folds=tuple(kept)))
    never = np.isnan(trained.oof[:, :, 0])
    for repeat, number in ((0, 0), (1, 2)):
        (left_out,) = [f for f in split.repeat(repeat) if f.number == number]
        assert set(np.flatnonzero(never[repeat])) == set(left_out.valid)
    assert len(trained.test_by_fold) == 3


def test_scores_are_those_of_the_folds_validation_rows(tmp_path):
    load, split = loaded(), folds()
    trained = run(fits_in(tmp_path), load, split)
    for fold, fit in zip(split.folds, trained.fits, strict=True):
        right = trained.oof[0, fold.valid].argmax(axis=1) == load.y[fold.valid]
        assert fit.score == right.mean()
        assert (fit.repeat, fit.fold) == (fold.repeat, fold.number)


def test_where_a_metric_has_no_value_there_is_no_score(tmp_path):
    load, split = loaded(), folds()
    y = load.y.copy()
    y[split.folds[0].valid] = 1
    load = loaded(y=y)
    settings = TrainStage(name="one", metric="roc_auc")
    fits = fits_in(tmp_path, load)
    trained = train(settings, load, split, None, UNTUNED, fits, Progress(live=False))
    assert trained.fits[0].score is None
    assert trained.fits[1].score is not None


class Counting(SmallFits):
    """Notes what is computed, and can be interrupted."""

    def __init__(self, *arguments, stop=99, **more):
        super().__init__(*arguments, **more)
        self.computed, self.stop = [], stop

    def fit(self, of, fold):
        if self.seconds(of, fold) is None:
            self.computed.append(fold.name)
            if len(self.computed) == self.stop:
                raise KeyboardInterrupt
        return super().fit(of, fold)


def test_finished_folds_of_an_interrupted_run_are_used(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    whole = run(fits_in(tmp_path / "whole"))
    fits = Counting(fits_in(tmp_path / "stopped").store, loaded(), stop=3)
    with pytest.raises(KeyboardInterrupt):
        run(fits)
    resumed = run(fits)
    assert fits.computed == ["r0-f0", "r0-f1", "r0-f2", "r0-f2"]
    assert contents(resumed) == contents(whole)


def test_a_third_repeat_computes_its_own_fits_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    fits = Counting(fits_in(tmp_path).store, loaded())
    two = run(fits, split=folds(repeats=2))
    fits.computed.clear()
    three = run(fits, split=folds(repeats=3))
    assert fits.computed == ["r2-f0", "r2-f1", "r2-f2"]
    assert three.oof[:2].tobytes() == two.oof.tobytes()


def test_one_process_and_two_give_the_same_bytes(tmp_path, monkeypatch):
    two = run(fits_in(tmp_path / "two"), split=folds(repeats=2))
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    one = run(fits_in(tmp_path / "one"), split=folds(repeats=2))
    assert contents(one) == contents(two)


# -- where there is a budget -----------------------------------------------------------------------

CASES = [(0.2, 0), (3.4, 1), (5.3, 1), (6.5, 2), (9.5, 3), (99.0, 3)]


def bounded(folder, seconds, clock=None, **more):
    """An allowance of so many seconds for a member that may be left out."""
    plan = plan_of(folder / "plans", seconds, watch=clock, **more)
    allowance = plan.allowance("train/one")
    allowance.bound = replace(allowance.bound, share=seconds, first=seconds, at_least=0)
    return allowance


@pytest.mark.parametrize(("seconds", "done"), CASES)
def test_as_many_repeats_are_made_as_there_is_time_for(tmp_path, seconds, done, capsys):
    clock, split = Clock(), folds(repeats=3)
    budget = bounded(tmp_path, seconds, clock)
    ticking = Ticking(clock, 1.0)
    trained = run(fits_in(tmp_path / "cut"), split=split, budget=budget, progress=ticking)
    assert (trained.repeats, trained.asked) == (done, 3)
    message = capsys.readouterr().out
    assert ("left out" in message) == (done == 0)
    assert (f"{done} of 3 repeats" in message) == (0 < done < 3)
    # the plan is followed, whatever the clock says, and ends in the same bytes
    follow = bounded(tmp_path, seconds, Clock(1e6))
    again = run(fits_in(tmp_path / "again"), split=split, budget=follow)
    assert contents(again) == contents(trained)
    assert capsys.readouterr().out == message
    whole = run(fits_in(tmp_path / "whole"), split=split)
    assert whole.oof[:done].tobytes() == trained.oof.tobytes()


@pytest.mark.parametrize(("seconds", "done"), CASES)
def test_fits_that_are_found_count_as_much_as_when_they_were_computed(
    tmp_path, seconds, done, monkeypatch
):
    """With one core and a second a fit: a resumed run, or another preset's fits."""
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    fits, split = fits_in(tmp_path), folds(repeats=3)
    run(fits, split=split)
    assert run(fits, split=split, budget=bounded(tmp_path, seconds)).repeats == done


def test_fits_that_are_found_were_spread_over_the_cores(tmp_path, monkeypatch):
    fits, split = fits_in(tmp_path), folds(repeats=3)
    run(fits, split=split)
    for cores, done in ((1, 1), (2, 2), (9, 3)):  # three fits take 3, 2 and 1 seconds
        monkeypatch.setattr("pipeline.parallel.cores", lambda cores=cores: cores)
        budget = bounded(tmp_path, 3.7, about=cores)
        assert run(fits, split=split, budget=budget).repeats == done


def test_the_first_repeat_of_a_tuned_member_has_cost_the_search(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    fits, split = fits_in(tmp_path), folds(repeats=3)
    tuned = Tuned(member(), "log_loss", 0.4, (FinishedTrial(0, 0.4, "complete", {}),), 1)
    run(fits, split=split)
    for seconds, done in ((0.5, 1), (3.5, 2)):
        budget = bounded(tmp_path, seconds, about="tuned")
        assert run(fits, split=split, tuned=tuned, budget=budget).repeats == done


def test_the_first_member_makes_its_first_repeat_in_any_case(tmp_path):
    clock = Clock()
    budget = plan_of(tmp_path / "plans", 0.001, watch=clock).allowance("train/one")
    trained = run(
        fits_in(tmp_path / "s"), split=folds(repeats=3), budget=budget, progress=Ticking(clock, 1.0)
    )
    assert trained.repeats == 1
    assert trained.oof.shape == (1, 240, 2)


def test_what_is_under_way_when_the_time_is_up_is_stopped(tmp_path):
    from pipeline.plan import Stopwatch

    budget = bounded(tmp_path, 1.0, Stopwatch())
    watch = Stopwatch()
    trained = run(fits_in(tmp_path / "s", naps=60.0), budget=budget)
    assert trained.repeats == 0
    assert watch.seconds() < 5


@pytest.mark.parametrize("decided", [1, 2])
def test_of_two_runs_side_by_side_the_second_follows_the_first(tmp_path, decided, monkeypatch):
    """The other run decides while this one is at work, for fewer repeats or for more."""
    clock, split = Clock(), folds(repeats=3)
    budget = bounded(tmp_path, 3.4 if decided == 2 else 6.5, clock)
    fit_repeats = stage.CrossFitting.run

    def slow(*arguments):
        fit_repeats(*arguments)
        plan_of(tmp_path / "plans", 3.4 if decided == 2 else 6.5).decide(
            "train/one", budget_decision(decided)
        )

    monkeypatch.setattr(stage.CrossFitting, "run", slow)
    ticking = Ticking(clock, 1.0)
    trained = run(fits_in(tmp_path / "s"), split=split, budget=budget, progress=ticking)
    assert trained.repeats == decided


def budget_decision(done):
    from pipeline.plan import Decision

    return Decision(done=done, asked=3, seconds=1.0, reason="the other run said so")


def test_a_member_without_a_repeat_is_left_out_with_arrays_of_no_repeat(tmp_path):
    trained = run(fits_in(tmp_path / "s"), budget=bounded(tmp_path, 0.0))
    assert trained.oof.shape == (0, 240, 2)
    assert trained.test_by_fold.shape == (0, 20, 2)
    assert np.isnan(trained.test).all()
    assert trained.fits == ()


def test_labels_that_mean_nothing_score_chance(tmp_path):
    load = loaded(n=3000)
    shuffled = np.random.default_rng(1).permutation(load.y)
    load = loaded(n=3000, y=shuffled)
    trained = run(fits_in(tmp_path, load), load, folds(n=3000))
    accuracy = (trained.oof[0].argmax(axis=1) == shuffled).mean()
    assert accuracy == pytest.approx(0.5, abs=3 * np.sqrt(0.25 / 3000))


def test_without_a_budget_nothing_is_looked_up_twice(tmp_path):
    """`Allowance()` is what a stage has that is given none."""
    fits = fits_in(tmp_path)
    fits.seconds = functools.partial(pytest.fail, "looked up")
    assert run(fits, budget=Allowance()).repeats == 1
    assert stored(fits)


# -- where memory runs out -------------------------------------------------------------------------


class Hungry(SmallFits):
    """Its fits have memory for so many at once; a worker that has none is killed, or finds none. Of
    the first `spared` repeats all are small."""

    def __init__(self, *arguments, room=1, killed=True, spared=0, **more):
        super().__init__(*arguments, **more)
        self.room, self.killed, self.spared, self.asked = room, killed, spared, 9
        self.parent = os.getpid()

    def at_once(self, of):
        return 2

    def workers(self, left=None, progress=None, at_once=None):
        self.asked = at_once
        return parallel.workers(at_once, left)

    def fit(self, of, fold):
        if self.asked > self.room and fold.number == 1 and fold.repeat >= self.spared:
            if self.killed and os.getpid() != self.parent:
                os.kill(os.getpid(), signal.SIGKILL)
            raise MemoryError
        return super().fit(of, fold)


@pytest.mark.parametrize("killed", [True, False])
def test_fits_that_memory_has_no_room_for_are_computed_one_at_a_time(tmp_path, killed, capsys):
    whole = run(fits_in(tmp_path / "whole"))
    fits = Hungry(fits_in(tmp_path / "short").store, loaded(), killed=killed)
    assert contents(run(fits)) == contents(whole)
    assert "memory ran out: one fit at a time now" in capsys.readouterr().out


@pytest.mark.parametrize("killed", [True, False])
def test_a_member_that_memory_has_no_room_for_is_left_out_where_minutes_are(
    tmp_path, killed, capsys
):
    fits = Hungry(fits_in(tmp_path).store, loaded(), room=0, killed=killed)
    trained = run(fits, budget=bounded(tmp_path, 99.0))
    assert trained.repeats == 0
    assert str(trained.cut_short) == "left out, as memory ran out"
    assert "left out: memory ran out in one of its fits" in capsys.readouterr().out
    follow = run(fits, budget=bounded(tmp_path, 99.0))
    assert contents(follow) == contents(trained)
    with pytest.raises((OutOfMemoryError, MemoryError)):  # all is to be done
        run(fits)


def test_of_a_cluster_it_is_said_which_worker_had_no_memory(tmp_path, monkeypatch, capsys):
    fits = Hungry(fits_in(tmp_path).store, loaded(), room=9)
    fits.cluster = "a cluster"
    monkeypatch.setattr(stage.CrossFitting, "_add", no_worker_has_memory)
    assert run(fits, budget=bounded(tmp_path, 99.0)).ran_out
    assert "worker tcp://10.0.0.7:1: there is not enough memory" in capsys.readouterr().out
    with pytest.raises(OutOfMemoryError):  # all is to be done
        run(fits)


def no_worker_has_memory(*_):
    raise OutOfMemoryError("worker tcp://10.0.0.7:1: there is not enough memory for this fit.")


def test_whole_repeats_from_before_memory_ran_out_are_kept(tmp_path):
    """Another attempt at the rest, one fit at a time, does not begin with them again."""
    clock = Clock()
    fits = Hungry(fits_in(tmp_path).store, loaded(), room=0, spared=2)
    budget, ticking = bounded(tmp_path, 11.0, clock), Ticking(clock, 1.0)
    trained = run(fits, split=folds(repeats=3), budget=budget, progress=ticking)
    assert (trained.repeats, str(trained.cut_short)) == (2, "2 of 3 repeats, as memory ran out")


def test_what_memory_leaves_of_the_time_goes_to_the_others(tmp_path):
    """And the plan's key of a member tells memory from time."""
    clock = Clock()
    fits, budget = Hungry(fits_in(tmp_path).store, loaded(), room=0), bounded(tmp_path, 60.0, clock)
    run(fits, budget=budget, progress=Ticking(clock, 1.0))
    (decision,) = budget.bound.plan.cut("train/one")
    assert decision.ran_out
    assert decision.seconds < 5


def test_boosting_whose_rounds_memory_is_too_short_to_measure_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "limited", no_memory)
    trained = run(Hungry(fits_in(tmp_path).store, loaded()), budget=bounded(tmp_path, 99.0))
    assert trained.repeats == 0
    assert trained.ran_out


def test_a_member_whose_pace_memory_is_too_short_to_measure_is_left_out(tmp_path, monkeypatch):
    fits = Hungry(fits_in(tmp_path).store, loaded())
    monkeypatch.setattr(stage.pace, "repeat_seconds", no_memory)
    trained = run(fits, budget=bounded(tmp_path, 99.0))
    assert str(trained.cut_short) == "left out, as memory ran out"


def no_memory(*arguments):
    raise OutOfMemoryError("killed")

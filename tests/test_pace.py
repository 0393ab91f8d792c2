"""What a fit on all rows would take, from samples; and a member that would take too long."""

import functools
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline import pace
from pipeline.folds import Fold
from pipeline.journal import Journal
from pipeline.member import Member
from pipeline.models import neural_net
from pipeline.plan import MANY_ROWS, Allowance, cells_a_round
from pipeline.probe import Probe, extrapolated
from pipeline.progress import Progress
from pipeline.settings import EncoderSettings
from pipeline.stage_settings import TrainStage, TuneStage
from pipeline.stages.train import train
from pipeline.stages.tune import tune
from pipeline.tuning import Tuned
from tests import values
from tests.stages.small import fits_in, folds, loaded, member, plan_of, stored

ROWS = 640_000


@pytest.mark.parametrize(
    ("cost", "within"),
    [
        (lambda n: 1e-3 * n, 1.01),
        (lambda n: 1e-7 * n**2, 1.01),
        (lambda n: 1e-10 * n**3, 1.01),
        (lambda n: 0.05 + 1e-3 * n, 1.2),  # what a fit costs whatever its rows does not grow
        (lambda n: 1e-5 * n * math.log(n), 1.3),
    ],
    ids=["linear", "quadratic", "cubic", "overhead", "sorting"],
)
def test_growth_is_found_from_small_samples(cost, within):
    asked = []

    def measured(rows):
        asked.append(rows)
        return cost(rows)

    found = extrapolated(measured, ROWS, enough=1.0)[1]
    assert cost(ROWS) / within <= found <= cost(ROWS) * within
    assert cost(asked[-2]) < 1.0  # the search ends with the first sample that takes enough
    assert asked == [500 * 2**i for i in range(len(asked))]


@pytest.mark.parametrize("enough", [0.06, 0.3])
def test_what_a_fit_takes_whatever_its_rows_is_not_multiplied(enough):
    """Of 0.505 seconds of the first sample half a second; in proportion it would be 646."""
    for found in extrapolated(lambda n: 0.5 + 1e-5 * n, ROWS, enough):
        assert found == pytest.approx(0.5 + 1e-5 * ROWS, rel=0.01)


def test_what_is_cheap_is_measured_whole():
    assert extrapolated(lambda n: 1e-8 * n, 1200, enough=1.0)[1] == 1e-8 * 1200
    assert extrapolated(lambda n: 0.0, 1200, enough=1.0) == (0.0, 0.0)
    assert extrapolated(lambda n: n, 80, enough=1.0) == (80, 80)


MANY = loaded(n=12_000)
MANY_FOLDS = folds(n=12_000, number=2)


class Recorded:
    """Fits that cost two milliseconds a row to learn from and one to predict."""

    y, cores, given = MANY.y, None, None
    objective = SimpleNamespace(outputs=2)

    def __init__(self, learnt=MANY_ROWS):
        self.samples, self.learnt = [], learnt

    def learnt_rows(self, of):
        return self.learnt

    def at_once(self, of):
        return self.cores

    def threads(self, of, number, at_once=None):
        return self.given or [1] * number

    def features(self, of):
        return range(20)

    def measure(self, of, fold, rows, predicted):
        assert set(rows) <= set(fold.train) and set(predicted) <= set(fold.valid)
        self.samples.append(rows)
        return 0.002 * len(rows), 0.001 * len(predicted)


def test_a_fold_takes_its_fit_and_the_predictions_of_validation_and_test_rows():
    fits, fold = Recorded(), MANY_FOLDS.folds[0]
    found = Probe(fits, member(), fold).fold_seconds(900, 100.0)
    assert found == pytest.approx((0.002 * 6000, 0.001 * (6000 + 900)))
    shares = [MANY.y[rows].mean() for rows in fits.samples]
    assert shares == pytest.approx([MANY.y[fold.train].mean()] * len(shares), abs=0.002)


def test_a_model_that_learns_from_a_sample_is_measured_on_no_more():
    fits, fold = Recorded(learnt=1000), MANY_FOLDS.folds[0]
    found = Probe(fits, member(), fold).fold_seconds(0, 1000.0)
    assert found == pytest.approx((0.002 * 1000, 0.001 * 6000))
    assert max(map(len, fits.samples)) == 1000


def bounded(tmp_path, seconds, part="train/one"):
    """Where another member is the first, which would be fitted in any case."""
    allowance = plan_of(tmp_path, seconds, part).allowance(part)
    allowance.bound = replace(allowance.bound, share=seconds, first=seconds, at_least=0)
    return allowance


def test_few_rows_and_endless_time_are_not_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "workers", None)  # nothing may be tried
    few, many = folds(n=MANY_ROWS, number=2).folds, MANY_FOLDS.folds
    fits = Recorded()
    follows = bounded(tmp_path, 2.0)
    follows.settle(0, 1, "repeat")
    for chosen, budget in ((few, bounded(tmp_path, 1.0)), (many, Allowance()), (many, follows)):
        assert pace.repeat_seconds(fits, member(), chosen, 900, budget) == 0.0


class Boosted(Recorded):
    """Fits that cost a second, and 50 ms a round."""

    def measure(self, of, fold, rows, predicted):
        return 1.0 + 0.05 * of.settings["max_rounds"], 0.0


def test_the_strongest_has_as_many_rounds_as_should_fit_and_the_plan_keeps_them(tmp_path):
    """Two folds on two cores: of 26 seconds a second goes to the start, and 500 rounds fit into the
    rest. A later run follows, whatever the clock says; who may be left out is not limited."""
    fits, boosting = Boosted(), replace(member(), settings={"max_rounds": 900})
    fits.cores = 2
    number = functools.partial(pace.rounds_that_fit, fits, boosting, MANY_FOLDS.folds, 900)
    plan = plan_of(tmp_path, 52.0)  # half of it is for a first repeat, or the share: all of it
    allowance = plan.allowance("train/one")
    allowance.bound = replace(allowance.bound, first=26.0)
    assert allowance.limited("rounds", 900, number) == 500
    assert plan.allowance("train/one").limited("rounds", 900, None) == 500
    assert plan.cut("train/one")[0].done == 500 and plan.renew() and not plan.cut("train/one")
    assert allowance.finishes and not bounded(tmp_path, 1.0).finishes
    assert number(0.5) == pace.FEWEST_ROUNDS and number(1e6) == 900


def test_a_last_fold_with_the_threads_of_two_cores_leaves_time_for_more_rounds():
    """Two threads share 60% of a fit, which takes 0.7 times as long then: of 54 seconds a fit of
    three on two cores has 27, or 31.8 where the last one has both."""
    fits, boosting = Boosted(), replace(member(), settings={"max_rounds": 900})
    fits.cores, three = 2, folds(n=12_000, number=3).folds
    number = functools.partial(pace.rounds_that_fit, fits, boosting, three, 900)
    assert number(54.0) == 520
    fits.given = [1, 1, 2]
    assert pace.speed_up(2) == pytest.approx(1 / 0.7)
    assert number(54.0) == 610


class Imported(Recorded):
    """The first fit imports for two seconds; each takes 0.2, 2 microseconds a row, and rounds in
    proportion to what they read."""

    y = np.zeros(1_000_000)

    def measure(self, of, fold, rows, predicted):
        self.samples.append(rows)
        rounds = of.settings["max_rounds"] * cells_a_round(len(rows), 20, 2) * 1e-9
        return 2.0 * (len(self.samples) == 1) + 0.2 + 2e-6 * len(rows) + rounds, 0.0


def test_what_a_fit_takes_beside_its_rounds_is_not_multiplied_by_the_rows():
    fits, boosting = Imported(), replace(member(), settings={"max_rounds": 900})
    fold = Fold(0, 0, np.arange(900_000), np.arange(900_000, 1_000_000))
    begun, a_round = Probe(fits, boosting, fold).round_seconds()
    assert begun == pytest.approx(0.2 + 2e-6 * 900_000, rel=0.03)
    assert a_round == pytest.approx(cells_a_round(900_000, 20, 2) * 1e-9, rel=0.01)
    assert max(map(len, fits.samples)) == 90_000


class Wide(Recorded):
    """A bin of a leaf takes five times what a cell takes: of many columns most of a round."""

    y = np.zeros(50_000)

    def measure(self, of, fold, rows, predicted):
        self.samples.append(rows)
        return 0.2 + of.settings["max_rounds"] * 1e-6 * cells_a_round(len(rows), 1, 2, 5 * 31), 0.0


def test_what_a_round_takes_whatever_the_rows_is_not_multiplied_by_them():
    fits, boosting = Wide(), replace(member(), settings={"max_rounds": 900})
    fold = Fold(0, 0, np.arange(40_000), np.arange(40_000, 50_000))
    begun, a_round = Probe(fits, boosting, fold).round_seconds()
    assert begun == pytest.approx(0.2, rel=0.01)
    assert a_round == pytest.approx(1e-6 * cells_a_round(40_000, 1, 2, 5 * 31), rel=0.01)
    assert max(map(len, fits.samples)) == 20_000


class Uneven(Recorded):
    """Fits that cost nine seconds, half of one more or less, and 150 ms a round."""

    def measure(self, of, fold, rows, predicted):
        self.samples.append(rows)
        return 9.0 + (-0.5, 0.5)[len(self.samples) % 2] + 0.15 * of.settings["max_rounds"], 0.0


def test_rounds_are_measured_where_the_rest_of_a_fit_outweighs_them():
    fits, boosting = Uneven(), replace(member(), settings={"max_rounds": 900})
    a_round = Probe(fits, boosting, MANY_FOLDS.folds[0]).round_seconds()[1]
    assert a_round == pytest.approx(0.15, rel=0.3)


class Stopped(Recorded):
    """Early stopping ends fits of few rows after few rounds, which take what they read."""

    def measure(self, of, fold, rows, predicted):
        self.samples.append(rows)
        needed = 10 * (work(len(rows)) / work(500)) ** 4
        return 1e-6 * work(len(rows)) * min(of.settings["max_rounds"], needed), 0.0


def work(rows):
    return cells_a_round(rows, 1, 2)


@pytest.mark.parametrize(("left", "found", "largest"), [(1.0, 1.39, 6000), (0.6, 0.85, 1000)])
def test_boosting_takes_no_longer_than_all_of_its_rounds(left, found, largest):
    """1.39 seconds, and 2.06 by the growth from 500 rows to 1,000. With less time than even growth
    in proportion takes, rounds are not measured."""
    fits, fold = Stopped(), MANY_FOLDS.folds[0]
    boosting = replace(member(), settings={"max_rounds": 100})
    seconds = Probe(fits, boosting, fold).fold_seconds(0, left)[0]
    assert seconds == pytest.approx(found, rel=0.02)
    assert max(map(len, fits.samples)) == largest


@pytest.mark.parametrize("enough", [0.1, 1.0])
def test_histograms_of_many_columns_are_not_multiplied_by_the_rows(enough):
    """A round on 500 rows reads a seventh of what one on 40,000 does."""
    found = extrapolated(lambda rows: 0.3 + 1e-4 * work(rows), 40_000, enough, work)
    assert found == pytest.approx((0.3 + 1e-4 * work(40_000),) * 2)
    assert extrapolated(lambda rows: 1e-4 * work(rows), 40_000, enough)[0] > 1.3 * found[0]


def test_training_takes_the_rounds_of_the_plan_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(pace, "rounds_that_fit", lambda *_: 40)
    load, fits = loaded(), fits_in(tmp_path)
    boosting = replace(member(), settings={**member().settings, "max_rounds": 300})
    tuned = Tuned(boosting, "log_loss", None, (), 0)
    given = TrainStage(name="one"), load, folds(), None, tuned, fits, Progress(live=False)
    trained = train(*given, plan_of(tmp_path, 60.0).allowance("train/one"))
    assert trained.member.settings["max_rounds"] == 40
    assert str(trained.cut_short) == "40 of 300 rounds"
    unbound = train(*given)
    assert unbound.member == boosting and not unbound.cut_short


def test_the_folds_of_a_repeat_are_spread_over_the_cores(tmp_path, monkeypatch):
    budget = bounded(tmp_path, 600.0)
    one = Probe(Recorded(), member(), MANY_FOLDS.folds[0]).fold_seconds(900, 600.0)
    for cores, times in ((1, 3), (2, 2), (3, 1), (8, 1)):
        monkeypatch.setattr("pipeline.parallel.cores", lambda cores=cores: cores)
        found = pace.repeat_seconds(Recorded(), member(), MANY_FOLDS.folds[:1] * 3, 900, budget)
        assert found == pytest.approx(times * sum(one))


LEARNT = 40_000
LARGE = loaded(n=60_000)
LARGE_FOLDS = folds(n=60_000, number=3)


@pytest.mark.parametrize(
    ("seconds", "rows"),
    [
        (146.0, LEARNT),  # 80 to learn from all of them, and 22 for predictions: 70% of it
        (100.0, 24_000),  # 48 to learn
        (61.0, 10_000),
        (59.0, LEARNT),  # less than FEWEST_ROWS: too long, and not begun
        (0.0, LEARNT),
    ],
)
def test_a_model_of_a_sample_learns_from_as_many_rows_as_should_fit(monkeypatch, seconds, rows):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 3)
    fits = Recorded(learnt=LEARNT)
    fits.y = LARGE.y
    found = pace.rows_that_fit(fits, member(), LARGE_FOLDS.folds, 2000, LEARNT, seconds)
    assert found == pytest.approx(rows, abs=500)


def sampled(most):
    return replace(member(), settings={**member().settings, "most_rows": most})


def test_training_takes_the_rows_of_the_plan_and_says_so(tmp_path, monkeypatch):
    """Measured once: a later run follows. Fewer rows than FEWEST_ROWS are not limited."""
    monkeypatch.setattr(pace, "rows_that_fit", lambda *_: 12_000)
    fits = fits_in(tmp_path / "store", LARGE)
    monkeypatch.setattr(type(fits), "learnt_rows", lambda _, of: of.settings["most_rows"] or 60_000)
    for most, found in ((30_000, "12,000 of 30,000 rows"), (None, "12,000 of 60,000 rows")):
        plan = plan_of(tmp_path / f"plan{most}", 60.0)
        for _ in range(2):
            trained = run_train(
                plan.allowance("train/one"), fits, sampled(most), LARGE, LARGE_FOLDS
            )
            assert trained.member.settings["most_rows"] == 12_000
            assert str(trained.cut_short) == found
        assert [each.done for each in plan.cut("train/one")] == [12_000]
    few = run_train(plan_of(tmp_path / "few", 60.0).allowance("train/one"), fits, sampled(9000))
    assert few.member == sampled(9000) and not few.cut_short


# -- stages ----------------------------------------------------------------------------------------


def run_train(budget, fits, of=None, load=MANY, split=MANY_FOLDS):
    tuned = Tuned(of or member(), "log_loss", None, (), 0)
    progress = Progress(live=False)
    settings = TrainStage(name="one")
    return train(settings, load, split, None, tuned, fits, progress, budget)


def test_a_repeat_that_would_take_too_long_is_not_begun_and_the_plan_says_so(tmp_path, capsys):
    budget = bounded(tmp_path, 30.0)
    fits = fits_in(tmp_path / "store", MANY, took=60.0)
    trained = run_train(budget, fits)
    assert (trained.repeats, trained.asked) == (0, 1)
    assert trained.oof.shape == (0, 12_000, 2)
    assert stored(fits) == set()
    message = capsys.readouterr().out
    assert "left out: one repeat would take about" in message
    assert budget.bound.plan.decision("train/one").done == 0
    # the plan is followed, and gives the same reason
    assert run_train(bounded(tmp_path, 30.0), fits).repeats == 0
    assert capsys.readouterr().out == message


def test_the_strongest_member_is_begun_in_any_case(tmp_path):
    budget = plan_of(tmp_path, 0.001).allowance("train/one")
    assert run_train(budget, fits_in(tmp_path / "store", MANY, took=60.0)).repeats == 1


def test_a_trial_that_would_take_too_long_is_not_begun(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 2)
    budget = bounded(tmp_path, 90.0, "tune/one")  # enough for one trial, which shows nothing
    settings = TuneStage(name="one", member=member(), trials=3)
    fits, journal = fits_in(tmp_path / "store", MANY, took=60.0), Journal(tmp_path / "j.log")
    progress = Progress(live=False)
    tuned = tune(settings, MANY, MANY_FOLDS, None, fits, journal, progress, budget)
    assert (tuned.trials, tuned.settings) == ((), member().settings)
    assert "the settings of the TOML: one trial would take about" in capsys.readouterr().out


def test_the_time_of_a_real_fit_is_foreseen(tmp_path):
    fits, fold = values.fits(tmp_path, MANY), MANY_FOLDS.folds[0]
    network = neural_net.Settings(epochs=40, n_networks=1, hidden=(64,))
    of = Member("neural_net", network.of_model(), EncoderSettings())
    # the least of several: what else the machine does only adds to it
    took = min(sum(fits.measure(of, fold, fold.train, fold.valid)) for _ in range(3))
    foreseen = min(sum(Probe(fits, of, fold).fold_seconds(0, 20 * took)) for _ in range(3))
    assert took / 2.5 < foreseen < took * 2.5

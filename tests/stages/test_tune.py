"""The search: reproducible, resumable, bounded by trials and by time; it keeps what it found."""

import multiprocessing
import random
import subprocess
import sys
import time

import numpy as np
import optuna
import pytest

from pipeline import studies
from pipeline.errors import DataError, SettingsError
from pipeline.journal import Journal
from pipeline.models import logistic
from pipeline.plan import Stopwatch
from pipeline.progress import Progress
from pipeline.stage_settings import TrainStage, TuneStage
from pipeline.stages.train import train
from pipeline.stages.tune import tune
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


def settings(trials=8, **changes):
    return TuneStage(
        **{"name": "one", "member": member(), "trials": trials, "startup_trials": 3, **changes}
    )


def run(folder, chosen=None, journal=None, budget=None, progress=None, fits=None, **more):
    """Tune with a journal and a store in this folder."""
    load, split = more.get("load") or loaded(), more.get("split") or folds()
    fits = fits or fits_in(folder / "store", load)
    studies = Journal(journal or folder / "j.log")
    progress = progress or Progress(live=False)
    return tune(chosen or settings(), load, split, None, fits, studies, progress, budget)


def only_study(journal):
    (summary,) = optuna.get_all_study_summaries(studies.open_journal(journal))
    return optuna.load_study(study_name=summary.study_name, storage=studies.open_journal(journal))


def values_of(tuned):
    return [trial.value for trial in tuned.trials if trial.state == "complete"]


def test_same_seed_and_trials_give_the_same_bytes(tmp_path):
    one, other = (run(tmp_path / name) for name in ("one", "other"))
    assert contents(one) == contents(other)


def test_one_process_and_two_give_the_same_bytes(tmp_path, monkeypatch):
    two = run(tmp_path / "two", settings(20, pruning_warmup=2))
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    one = run(tmp_path / "one", settings(20, pruning_warmup=2))
    assert contents(one) == contents(two)


def test_the_best_is_the_best_of_the_trials_and_no_worse_than_the_toml(tmp_path):
    tuned = run(tmp_path)
    assert tuned.value == min(values_of(tuned)) <= tuned.trials[0].value
    assert tuned.trials[0].params == {"l2": logistic.Settings().l2}
    best = min(tuned.trials, key=lambda trial: trial.value)
    assert tuned.settings == {**member().settings, **best.params}


def test_the_value_is_the_mean_score_over_the_folds(tmp_path):
    load, split = loaded(), folds()
    tuned, fits = run(tmp_path), fits_in(tmp_path / "again", load)
    losses = [
        -np.log(fits.fit(tuned.member, f).valid[np.arange(len(f.valid)), load.y[f.valid]]).mean()
        for f in split.folds
    ]
    assert tuned.value == pytest.approx(np.mean(losses), rel=1e-12)
    assert tuned.metric == "log_loss"


def test_a_search_in_two_parts_takes_the_path_of_one_in_a_single_part(tmp_path):
    whole = run(tmp_path / "whole", settings(8))
    run(tmp_path / "parts", settings(3))
    assert contents(run(tmp_path / "parts", settings(8))) == contents(whole)


def test_a_metric_to_maximise_is_maximised_and_reported_with_its_own_sign(tmp_path, capsys):
    tuned = run(tmp_path, settings(8, metric="roc_auc"))
    assert 0.5 < tuned.value == max(values_of(tuned)) <= 1
    assert f"ROC AUC {tuned.value:.4f} (mean of folds) after 8 trials" in capsys.readouterr().out


def test_a_fold_that_lacks_a_class_is_scored_by_log_loss(tmp_path):
    y = loaded().y.copy()
    y[folds().folds[1].valid] = 1
    assert run(tmp_path / "one", settings(1, metric="roc_auc")).metric == "roc_auc"
    tuned = run(tmp_path / "other", settings(1, metric="roc_auc"), load=loaded(y=y))
    assert tuned.metric == "log_loss"


def test_no_trials_keep_the_settings_of_the_toml(tmp_path):
    tuned = run(tmp_path, settings(0))
    assert (tuned.member, tuned.value, tuned.trials) == (member(), None, ())
    assert not tmp_path.joinpath("j.log").exists()


def test_hopeless_trials_are_pruned(tmp_path):
    tuned = run(tmp_path, settings(25, pruning_warmup=2))
    assert 0 < sum(trial.state == "pruned" for trial in tuned.trials) < 25


def test_a_suggestion_that_is_no_setting_is_named(tmp_path, monkeypatch):
    def suggest(trial):
        trial.suggest_int("leafs", 2, 9)

    monkeypatch.setattr(logistic, "suggest", suggest)
    with pytest.raises(SettingsError, match=r"suggest: found 'leafs', allowed are .*seed"):
        run(tmp_path)


def test_optuna_is_imported_by_those_who_search_alone():
    code = (
        "import sys, pathlib, pipeline.stages.tune as stage\n"
        "stage.Journal(pathlib.Path('j.log')); print('optuna' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# -- the journal -----------------------------------------------------------------------------------


def test_what_a_kill_leaves_behind_changes_nothing(tmp_path):
    whole = run(tmp_path / "whole", settings(6))
    run(tmp_path, settings(4))
    only_study(tmp_path / "j.log").ask()  # a trial that nobody will finish
    with (tmp_path / "j.log").open("ab") as file:
        file.write(b'{"op_code": 4, "worker_id": "cut sho')  # a line that nobody will finish
    assert contents(run(tmp_path, settings(6))) == contents(whole)
    states = [trial.state.name for trial in only_study(tmp_path / "j.log").trials]
    assert states.count("FAIL") == 1
    assert "RUNNING" not in states


DAMAGED_LINES = (b"\n", b"{'no': json}\n", b"[1]\n", b"\xff\n", b"[" * 9999 + b"\n")


@pytest.mark.parametrize("damage", DAMAGED_LINES)
@pytest.mark.parametrize("line", [0, 7, -1])
def test_a_damaged_line_loses_nothing_and_ends_in_the_same_bytes(tmp_path, capsys, damage, line):
    whole = run(tmp_path / "whole", settings(6))
    journal = tmp_path / "j.log"
    run(tmp_path, settings(4))
    lines = journal.read_bytes().splitlines(keepends=True)
    lines.insert(line, damage)
    journal.write_bytes(b"".join(lines))
    capsys.readouterr()
    assert contents(run(tmp_path, settings(6))) == contents(whole)
    message, aside = capsys.readouterr().out, tmp_path / "j.log.damaged-1"
    if damage.strip():
        number = lines.index(damage) + 1
        assert f"line {number} of {journal} is damaged" in " ".join(message.split())
        assert aside.read_bytes() == b"".join(lines)
    else:
        assert "damaged" not in message
        assert not aside.exists()


def test_a_journal_of_something_else_is_reported_with_what_to_do(tmp_path):
    journal = tmp_path / "j.log"
    journal.write_text('{"op_code": 0, "worker_id": "x"}\n')
    with pytest.raises(DataError, match=r"no journal of searches .* Move it away and run the comp"):
        run(tmp_path, settings(1))
    journal.rename(tmp_path / "away.log")
    run(tmp_path, settings(1))


def test_a_study_that_is_deleted_meanwhile_is_reported_and_begins_again(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole", settings(4))
    journal, report = tmp_path / "j.log", studies.Study.report

    def deleted(trial, scores):
        if trial.number == 2:
            name = only_study(journal).study_name
            optuna.delete_study(study_name=name, storage=studies.open_journal(journal))
        return report(trial, scores)

    monkeypatch.setattr(studies.Study, "report", staticmethod(deleted))
    with pytest.raises(DataError, match=r"deleted while trials were added to it. Run the same"):
        run(tmp_path, settings(4))
    monkeypatch.setattr(studies.Study, "report", staticmethod(report))
    assert contents(run(tmp_path, settings(4))) == contents(whole)


@pytest.mark.parametrize(
    "change",
    [
        {"load": loaded(seed=1)},
        {"split": folds(number=4)},
        {"chosen": settings(3, member=member(l1=0.1))},
        {"chosen": settings(3, seed=1)},
        {"chosen": settings(3, startup_trials=2)},
        {"chosen": settings(3, metric="roc_auc")},
    ],
    ids=["data", "folds", "member", "seed", "sampler", "metric"],
)
def test_a_study_is_about_one_question(tmp_path, change):
    """Other data are another study: its trials are never those of the old one."""
    journal = tmp_path / "j.log"
    run(tmp_path / "old", settings(3), journal)
    arguments = {"chosen": settings(3), **change}
    found = run(tmp_path / "new", journal=journal, **arguments)
    assert contents(found) == contents(run(tmp_path / "alone", **arguments))
    assert len(optuna.get_all_study_names(studies.open_journal(journal))) == 2


def test_changed_code_of_the_search_is_another_study(tmp_path, monkeypatch):
    run(tmp_path, settings(2))
    monkeypatch.setattr("pipeline.code.key", lambda *modules: "other")
    run(tmp_path, settings(2))
    assert len(optuna.get_all_study_names(studies.open_journal(tmp_path / "j.log"))) == 2


# -- the fits --------------------------------------------------------------------------------------


def kept_fits(fits, *members):
    """Keys of the fits of these members on the folds of the first repeat."""
    return {fits.key(each, fold).hash for each in members for fold in folds().folds}


@pytest.mark.parametrize("warmup", [2, 99], ids=["some pruned", "none pruned"])
def test_the_fits_of_the_toml_and_of_the_best_trial_are_kept_and_no_others(tmp_path, warmup):
    fits = fits_in(tmp_path / "store", naps=0.01)
    tuned = run(tmp_path, settings(12, pruning_warmup=warmup), fits=fits)
    assert tuned.settings != member().settings
    assert stored(fits) == kept_fits(fits, member(), tuned.member)


def test_a_longer_search_keeps_what_a_shorter_one_ended_with(tmp_path):
    """Another preset asks for fewer trials: its members are still there."""
    fits = fits_in(tmp_path / "store")
    short, long = (run(tmp_path, settings(trials), fits=fits) for trials in (3, 12))
    assert short.settings != long.settings
    assert stored(fits) == kept_fits(fits, member(), short.member, long.member)


class Computed(SmallFits):
    """Notes each fit that is computed, in a file that workers share."""

    def fit(self, of, fold):
        if self.seconds(of, fold) is None:
            with (self.store.root.parent / "computed").open("a") as file:
                file.write(f"{fold.name}\n")
        return super().fit(of, fold)

    def computed(self):
        return (self.store.root.parent / "computed").read_text().split()


def test_train_computes_none_of_the_fits_of_the_search(tmp_path):
    load, split = loaded(), folds(repeats=2)
    fits = Computed(fits_in(tmp_path / "store").store, load)
    tuned = run(tmp_path, fits=fits, split=split)
    before = len(fits.computed())
    train(TrainStage(name="one"), load, split, None, tuned, fits, Progress(live=False))
    assert sorted(fits.computed()[before:]) == ["r1-f0", "r1-f1", "r1-f2"]


def test_fits_that_were_there_before_the_search_are_not_forgotten(tmp_path):
    """Another experiment has them: random trials of two searches are the same."""
    first = run(tmp_path, settings(3, metric="roc_auc"))
    others = [member(l2=trial.params["l2"]) for trial in first.trials]
    fits = fits_in(tmp_path / "store")
    for other in others:
        for fold in folds().folds:
            fits.fit(other, fold)
    tuned = run(tmp_path, settings(12))
    assert stored(fits) == kept_fits(fits, *others, tuned.member)


class Stopping(SmallFits):
    """Interrupts the search at its last fold's fit of one trial."""

    def fit(self, of, fold):
        if fold.number == 2 and of.settings["l2"] == self.at:
            raise KeyboardInterrupt
        return super().fit(of, fold)


@pytest.mark.parametrize("number", [1, 4, 7])
def test_what_a_killed_search_fitted_is_used_and_forgotten_in_its_turn(
    tmp_path, monkeypatch, number
):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    chosen = settings(pruning_warmup=99)
    whole = run(tmp_path / "whole", chosen)
    fits = Stopping(fits_in(tmp_path / "store").store, loaded())
    fits.at = whole.trials[number].params["l2"]
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, chosen, fits=fits)
    killed = member(l2=fits.at)
    assert kept_fits(fits, killed) & stored(fits)
    fits = Computed(fits.store, loaded())
    assert contents(run(tmp_path, chosen, fits=fits)) == contents(whole)
    assert stored(fits) == kept_fits(fits, member(), whole.member)
    assert fits.computed()[0] == "r0-f2"  # the one that was interrupted
    assert fits.computed().count("r0-f2") == fits.computed().count("r0-f0") + 1


def test_worse_trials_that_a_kill_left_in_the_store_are_forgotten(tmp_path):
    """It came after a trial had ended and before its fits were removed."""
    fits = fits_in(tmp_path / "store")
    short = run(tmp_path, settings(4), fits=fits)
    for trial in short.trials:
        fits.fit(member(l2=trial.params["l2"]), folds().folds[0])
    only_study(tmp_path / "j.log").ask()  # the next one had begun
    whole = run(tmp_path, settings(6), fits=fits)
    assert stored(fits) == kept_fits(fits, member(), short.member, whole.member)


def test_a_real_search_and_training_share_their_fits(tmp_path):
    load, split = loaded(), folds(repeats=2)
    fits = values.fits(tmp_path, load)
    tuned = run(tmp_path, fits=fits, load=load, split=split)
    before = stored(fits)
    assert kept_fits(fits, member(), tuned.member) <= before
    trained = train(TrainStage(name="one"), load, split, None, tuned, fits, Progress(live=False))
    new = [fit for fit in trained.fits if fit.key.partition("/")[2] not in before]
    assert [fit.repeat for fit in new] == [1, 1, 1]


# -- where there is a budget -----------------------------------------------------------------------


def bounded(folder, seconds, clock=None):
    return plan_of(folder / "plans", seconds, "tune/one", watch=clock).allowance("tune/one")


def share(seconds):
    """Minutes of which tuning gets so many seconds: a third."""
    return 3 * seconds


def test_a_search_that_was_cut_short_is_repeated_to_the_byte(tmp_path, capsys):
    clock, chosen = Clock(), settings(500)
    budget = bounded(tmp_path, share(100.0), clock)
    cut = run(tmp_path, chosen, budget=budget, progress=Ticking(clock, 9.0))
    assert (len(cut.trials), cut.asked) == (11, 500)
    message = capsys.readouterr().out
    assert (
        "after 11 of 500 trials: no more trials fit into its share of [budget] minutes = 5"
        in message
    )
    again = run(tmp_path / "other", chosen, budget=bounded(tmp_path, share(100.0), Clock(1e6)))
    assert contents(again) == contents(cut)
    assert capsys.readouterr().out == message
    # nor do trials that were added since change anything
    assert len(run(tmp_path, settings(14)).trials) == 14
    more = run(tmp_path, chosen, budget=bounded(tmp_path, share(100.0), Clock(1e6)))
    assert contents(more) == contents(cut)


def test_trials_that_are_found_count_as_much_as_when_they_were_made(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    clock, report, chosen = Clock(), studies.Study.report, settings(30, pruning_warmup=99)

    def timed(trial, scores):
        found = report(trial, scores)
        clock.now += 3.0  # three fits of a second each
        return found

    monkeypatch.setattr(studies.Study, "report", staticmethod(timed))
    scratch = run(tmp_path / "a", chosen, budget=bounded(tmp_path, share(34.0), clock))
    assert len(scratch.trials) == 11
    clock.now = 0.0
    run(
        tmp_path / "b",
        settings(6, pruning_warmup=99),
        budget=bounded(tmp_path / "b", share(1e6), clock),
    )
    for folder, there in (("b", 6), ("b", 11)):  # a search that was killed, and one without a kill
        journal = tmp_path / folder / "j.log"
        assert len(studies.Study(only_study(journal), None, {}).finished) == there
        clock.now = 0.0
        budget = bounded(tmp_path / f"{there}", share(34.0), clock)
        found = run(tmp_path / folder, chosen, budget=budget)
        assert contents(found) == contents(scratch)


def test_without_time_for_a_trial_the_settings_of_the_toml_stand(tmp_path, capsys):
    tuned = run(tmp_path, budget=bounded(tmp_path, 0.0))
    assert (tuned.trials, tuned.member, tuned.asked) == ((), member(), 8)
    message = capsys.readouterr().out
    assert "the settings of the TOML: there is no time for one trial in its share" in message


def test_a_trial_under_way_when_the_time_is_up_is_given_up(tmp_path):
    watch = Stopwatch()
    budget = bounded(tmp_path, share(1.0), Stopwatch())
    fits = fits_in(tmp_path / "store", naps=60.0)
    tuned = run(tmp_path, fits=fits, budget=budget)
    assert (tuned.trials, tuned.member) == ((), member())
    assert watch.seconds() < 5
    assert [trial.state.name for trial in only_study(tmp_path / "j.log").trials] == ["FAIL"]


# -- side by side ----------------------------------------------------------------------------------


def search(folder, trials):
    fits = fits_in(folder / "store", naps=0.05)
    run(folder, settings(trials), fits=fits)


def test_two_runs_that_want_the_same_search_wait_for_each_other(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=search, args=(tmp_path, 6)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    trials = only_study(tmp_path / "j.log").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6
    assert contents(run(tmp_path, settings(6))) == contents(run(tmp_path / "alone", settings(6)))


def test_a_search_that_waits_says_so_and_goes_on_when_the_other_is_killed(tmp_path, capsys):
    whole = run(tmp_path / "whole", settings(6))
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=search, args=(tmp_path, 99))
    process.start()
    journal = tmp_path / "j.log"
    while not journal.exists() or b"intermediate_value" not in journal.read_bytes():
        time.sleep(0.02)
    capsys.readouterr()

    class Killing(Progress):
        def announce(self, text):
            super().announce(text)
            process.kill()

    tuned = run(tmp_path, settings(6), progress=Killing(live=False))
    process.join(10)
    assert contents(tuned) == contents(whole)
    message = capsys.readouterr().out
    assert "waits for another run, which searches one " in message


def test_a_search_that_is_killed_again_and_again_ends_in_the_same_bytes(tmp_path):
    whole = run(tmp_path / "whole", settings(8))
    context, moments = multiprocessing.get_context("spawn"), random.Random(0)
    fits, journal = fits_in(tmp_path / "store"), tmp_path / "j.log"
    for _ in range(4):
        size = journal.stat().st_size if journal.exists() else 0
        process = context.Process(target=search, args=(tmp_path, 8))
        process.start()
        while process.is_alive() and (not journal.exists() or journal.stat().st_size == size):
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.4))
        process.kill()
        process.join(10)
    assert contents(run(tmp_path, settings(8), fits=fits)) == contents(whole)
    assert kept_fits(fits, member(), whole.member) <= stored(fits)


def test_other_searches_do_not_wait(tmp_path):
    journal = Journal(tmp_path / "j.log")
    progress = Progress(live=False)
    with journal.study("one 1234", settings(), {}, False, progress):
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=search, args=(tmp_path, 2))
        process.start()
        process.join(60)
        assert process.exitcode == 0


# -- where memory runs out -------------------------------------------------------------------------


class Hungry(SmallFits):
    """Finds no memory once so many fits are there."""

    def __init__(self, *arguments, room, **more):
        super().__init__(*arguments, **more)
        self.room = room

    def fit(self, of, fold):
        if self.seconds(of, fold) is None and len(stored(self)) >= self.room:
            raise MemoryError
        return super().fit(of, fold)


@pytest.mark.parametrize(("room", "trials"), [(0, 0), (4, 1)])
def test_a_search_ends_where_memory_does_and_keeps_its_trials(tmp_path, room, trials, monkeypatch):
    monkeypatch.setattr("pipeline.parallel.cores", lambda: 1)
    fits = Hungry(fits_in(tmp_path / "store").store, loaded(), room=room)
    budget = bounded(tmp_path, 99.0)
    tuned = run(tmp_path, budget=budget, fits=fits)
    assert (len(tuned.trials), tuned.asked) == (trials, 8)
    decision = budget.bound.plan.decision(budget.bound.part)
    assert (decision.done, decision.ran_out) == (trials, True)
    with pytest.raises(MemoryError):  # where all trials are to be made
        run(tmp_path / "all", fits=Hungry(fits_in(tmp_path / "2").store, loaded(), room=0))

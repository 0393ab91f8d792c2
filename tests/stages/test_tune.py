"""The search: reproducible, resumable, bounded by trials and by time, shared by processes."""

import multiprocessing
import subprocess
import sys
import time

import numpy as np
import optuna
import pytest

from pipeline import studies
from pipeline.artifacts import Folder
from pipeline.budget import UNBOUNDED, Allowance, Attempt
from pipeline.config import TuneStage
from pipeline.errors import DataError
from pipeline.folds import folds_of
from pipeline.metrics import METRICS
from pipeline.models import logistic
from pipeline.progress import Progress
from pipeline.stages import tune
from tests.stages.encoded import problem, write_encoded


def settings(trials=8, **changes):
    model = logistic.Settings().model_dump(mode="json", exclude={"trials"})
    budget = {"trials": trials, "startup_trials": 3, **changes}
    return TuneStage(name="logistic", model=model, **budget)


@pytest.fixture
def folders(tmp_path):
    return write_encoded(tmp_path, *problem())


def run(folders, journal, chosen, out, budget=UNBOUNDED):
    tune.run(
        chosen,
        **folders,
        journal=journal,
        inputs_digest="digest",
        out=Folder(out),
        progress=Progress(live=False),
        budget=budget,
    )
    return Folder(out).read_json("best")


def only_study(journal):
    (summary,) = optuna.get_all_study_summaries(studies.open_journal(journal))
    return optuna.load_study(study_name=summary.study_name, storage=studies.open_journal(journal))


def test_same_seed_and_budget_give_the_same_bytes(folders, tmp_path):
    for name in ("one", "two"):
        run(folders, tmp_path / f"{name}.log", settings(), tmp_path / name)
    for file in ("best.json", "trials.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_best_is_the_best_of_the_trials_and_no_worse_than_the_toml(folders, tmp_path):
    best = run(folders, tmp_path / "j.log", settings(), tmp_path / "out")
    trials = Folder(tmp_path / "out").read_json("trials")
    values = [trial["value"] for trial in trials if trial["state"] == "complete"]
    assert best["value"] == min(values) <= trials[0]["value"]
    assert trials[0]["params"] == {"l2": logistic.Settings().l2}


def test_a_search_in_two_parts_takes_the_path_of_one_in_a_single_part(folders, tmp_path):
    whole = run(folders, tmp_path / "whole.log", settings(8), tmp_path / "whole")
    run(folders, tmp_path / "parts.log", settings(3), tmp_path / "first")
    parts = run(folders, tmp_path / "parts.log", settings(8), tmp_path / "second")
    assert parts["settings"] == whole["settings"]
    one, other = (Folder(tmp_path / name).read_text("trials.json") for name in ("whole", "second"))
    assert one == other


def test_a_metric_to_maximise_is_maximised_and_told_with_its_own_sign(folders, tmp_path):
    chosen = settings(8, metric="roc_auc")
    best = run(folders, tmp_path / "j.log", chosen, tmp_path / "out")
    trials = Folder(tmp_path / "out").read_json("trials")
    values = [trial["value"] for trial in trials if trial["state"] == "complete"]
    assert 0.5 < best["value"] == max(values) <= 1


def test_what_a_kill_leaves_behind_changes_nothing(folders, tmp_path):
    whole = run(folders, tmp_path / "whole.log", settings(6), tmp_path / "whole")
    journal = tmp_path / "killed.log"
    run(folders, journal, settings(4), tmp_path / "first")
    only_study(journal).ask()  # a trial that nobody will finish
    with journal.open("ab") as file:
        file.write(b'{"op_code": 4, "worker_id": "cut sho')  # a line that nobody will finish
    assert run(folders, journal, settings(6), tmp_path / "second") == whole
    states = [trial.state.name for trial in only_study(journal).trials]
    assert states.count("FAIL") == 1
    assert "RUNNING" not in states


DAMAGED_LINES = (b"\n", b"{'no': json}\n", b"[1]\n", b"\xff\n", b"[" * 9999 + b"\n")


@pytest.mark.parametrize("damage", DAMAGED_LINES)
@pytest.mark.parametrize("line", [0, 7, -1])
def test_a_damaged_line_loses_nothing_and_ends_in_the_same_bytes(
    folders, tmp_path, capsys, damage, line
):
    whole = run(folders, tmp_path / "whole.log", settings(6), tmp_path / "whole")
    journal = tmp_path / "j.log"
    run(folders, journal, settings(4), tmp_path / "first")
    lines = journal.read_bytes().splitlines(keepends=True)
    lines.insert(line, damage)
    journal.write_bytes(b"".join(lines))
    capsys.readouterr()
    assert run(folders, journal, settings(6), tmp_path / "second") == whole
    told, aside = capsys.readouterr().out, tmp_path / "j.log.damaged-1"
    if damage.strip():
        number = lines.index(damage) + 1
        assert f"line {number} of {journal} is damaged" in " ".join(told.split())
        assert aside.read_bytes() == b"".join(lines)
    else:
        assert "damaged" not in told
        assert not aside.exists()


def test_a_journal_of_something_else_is_told_with_what_to_do(folders, tmp_path):
    journal = tmp_path / "j.log"
    journal.write_text('{"op_code": 0, "worker_id": "x"}\n')
    with pytest.raises(DataError, match=r"no journal of searches .* Move it away and run make"):
        run(folders, journal, settings(1), tmp_path / "out")
    journal.rename(tmp_path / "away.log")
    run(folders, journal, settings(1), tmp_path / "out")


def test_a_study_that_is_deleted_meanwhile_is_told_and_begins_anew(folders, tmp_path, monkeypatch):
    whole = run(folders, tmp_path / "whole.log", settings(4), tmp_path / "whole")
    journal, score = tmp_path / "j.log", studies.evaluate_trial

    def deleted(study, trial, scores):
        if trial.number == 2:
            optuna.delete_study(study_name=study.study_name, storage=studies.open_journal(journal))
        return score(study, trial, scores)

    monkeypatch.setattr(studies, "evaluate_trial", deleted)
    with pytest.raises(DataError, match=r"deleted while trials were added to it. Run the same"):
        run(folders, journal, settings(4), tmp_path / "out")
    monkeypatch.setattr(studies, "evaluate_trial", score)
    assert run(folders, journal, settings(4), tmp_path / "out") == whole


def test_a_search_that_was_cut_short_is_repeated_to_the_byte(folders, tmp_path, capsys):
    bound = clocked(share=100.0, seconds_a_trial=9.0)
    best = run(folders, tmp_path / "j.log", settings(500), tmp_path / "cut", bound)
    assert best["cut_short"]
    assert best["trials"] == 11
    assert "11 of 500 trials in its share of [budget] minutes = 2" in capsys.readouterr().out
    again = Allowance(2.0, follow=11)
    run(folders, tmp_path / "other.log", settings(500), tmp_path / "again", again)
    whole = run(folders, tmp_path / "j.log", settings(14), tmp_path / "whole")
    assert whole["trials"] == 14
    run(folders, tmp_path / "j.log", settings(500), tmp_path / "more", again)
    for file in ("best.json", "trials.json"):
        cut, *others = ((tmp_path / n / file).read_bytes() for n in ("cut", "again", "more"))
        assert others == [cut, cut]


def test_without_time_for_a_trial_the_settings_of_the_toml_stand(folders, tmp_path, capsys):
    bound = clocked(share=0.0, seconds_a_trial=1.0)
    best = run(folders, tmp_path / "j.log", settings(), tmp_path / "out", bound)
    assert (best["trials"], best["settings"]) == (0, settings().model)
    assert "there is no time for one trial in its share" in capsys.readouterr().out


def test_a_trial_under_way_when_the_time_is_up_is_given_up(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(tune, "fold_score", sleepy)
    bound = Allowance(
        1.0, Attempt("key", "data", "budget", share=2.0, first=0.0), started=time.perf_counter()
    )
    began = time.monotonic()
    best = run(folders, tmp_path / "j.log", settings(), tmp_path / "out", bound)
    assert best["trials"] == 0
    assert time.monotonic() - began < 5
    assert [trial.state.name for trial in only_study(tmp_path / "j.log").trials] == ["FAIL"]


def sleepy(*_):
    time.sleep(60)


def clocked(share, seconds_a_trial):
    """An allowance whose clock moves on by as much with every trial."""
    now = [0.0]
    bound = Allowance(2.0, Attempt("key", "data", "budget", share, first=0.0), clock=lambda: now[0])
    note = bound.note

    def noting(done):
        now[0] += seconds_a_trial
        note(done)

    bound.note = noting
    return bound


def test_no_trials_keep_the_settings_of_the_toml(folders, tmp_path):
    best = run(folders, tmp_path / "j.log", settings(0), tmp_path / "out")
    assert best["settings"] == settings().model
    assert not (tmp_path / "j.log").exists()


def test_hopeless_trials_are_pruned(folders, tmp_path):
    best = run(folders, tmp_path / "j.log", settings(25, pruning_warmup=2), tmp_path / "out")
    assert 0 < best["pruned"] < 25


def join(folders, journal):
    tune.join(
        settings(12),
        **folders,
        journal=journal,
        inputs_digest="digest",
        progress=Progress(live=False),
    )


def test_several_processes_share_one_study(folders, tmp_path):
    journal = tmp_path / "shared.log"
    context = multiprocessing.get_context("spawn")
    searches = [context.Process(target=join, args=(folders, journal)) for _ in range(2)]
    for search in searches:
        search.start()
    for search in searches:
        search.join(60)
    assert [search.exitcode for search in searches] == [0, 0]
    study = only_study(journal)
    assert 12 <= len(studies.finished(study)) <= 13  # both may be at the last one


def test_optuna_is_imported_by_those_who_search_alone():
    code = "import sys, pipeline.stages.tune; print('optuna' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"


def test_a_fold_that_lacks_a_class_is_judged_by_log_loss():
    y = np.array([0, 0, 0, 1, 1, 1])
    mixed, pure = (folds_of(0, np.array(numbers)) for numbers in ([0, 1] * 3, [0] * 3 + [1] * 3))
    assert tune.judge(METRICS["roc_auc"], y, mixed).name == "roc_auc"
    assert tune.judge(METRICS["roc_auc"], y, pure).name == "log_loss"

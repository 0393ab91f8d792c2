"""Every run is kept, numbered, described by what changed, and comparable on the same rows."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest

from pipeline import code, experiments
from pipeline.blending import Blended
from pipeline.errors import DataError
from pipeline.experiments import Experiment, Record
from pipeline.files import read_checked, with_checksum
from pipeline.ledger import record_score
from pipeline.problem import Loaded

FEWER_ROUNDS = ("max_rounds = 5", "max_rounds = 4")
STIFFER = ("[models.linear]", "[models.linear]\nl2 = 30.0")
OTHER_FOLDS = ("folds = 2", "folds = 3")


def known(small) -> list[Experiment]:
    return experiments.read_all(small.workspace)


def value(small, experiment, node, kind):
    return small.store.get(experiment.key(node), kind)


# -- what is kept ----------------------------------------------------------------------------------


def test_the_first_run_is_experiment_1(small):
    (first,) = known(small)
    assert (first.number, first.preset, first.note, first.changes) == (1, "default", "", ())
    assert first.best_before is None
    assert first.submission == small.submissions[0].name
    assert set(first.models) == set(first.weights) == {"linear", "lightgbm"}
    assert (small.workspace.experiments / "0001" / "report.html").is_file()
    assert (small.workspace.experiments / "0001" / "explore.html").is_file()


def test_runs_are_numbered_and_the_last_one_is_current(small):
    assert small.experiment(*FEWER_ROUNDS).number == 2
    assert small.experiment(*STIFFER).number == 3
    assert [each.number for each in known(small)] == [1, 2, 3]
    assert experiments.current(small.workspace).number == 3


def test_experiments_are_counted_beyond_four_digits(small):
    """As texts, 10000 would come before 9999, and be written again."""
    record = small.workspace.experiments / "0001" / experiments.RECORD
    for number in (9999, 10000):
        path = small.workspace.experiments / str(number) / experiments.RECORD
        path.parent.mkdir()
        path.write_text(with_checksum({**read_checked(record), "number": number}))
    assert [each.number for each in known(small)] == [1, 9999, 10000]
    assert small.experiment(*STIFFER).number == 10001


def test_the_same_run_again_is_the_same_experiment(small):
    small.experiment(*FEWER_ROUNDS)
    again = small.experiment(*reversed(FEWER_ROUNDS))
    assert (again.number, len(known(small))) == (1, 2)
    assert experiments.current(small.workspace).number == 1
    assert again.changes == () and again.created == known(small)[0].created


def test_experiments_outlive_clean(small, command):
    small.experiment(*FEWER_ROUNDS, note="fewer rounds")
    before = known(small)
    assert command("clean", "tiny")[0] == 0
    assert known(small) == before
    again = small.experiment()
    assert (again.number, again.note) == (2, "fewer rounds")
    assert again.model_copy(update={"seconds": before[1].seconds}) == before[1]


def test_a_later_note_is_added_to_the_earlier_one(small, command):
    assert small.experiment(note="pair features").note == "pair features"
    assert small.experiment().note == "pair features"
    assert small.experiment(note="pair features").note == "pair features"
    _, output, _ = command("run", "all", "tiny", "--note", "a baseline")
    assert output.endswith("the note of experiment 1 is now: pair features; a baseline\n")
    assert [each.note for each in known(small)] == ["pair features; a baseline"]


def test_a_note_of_several_parts_is_added_once(small):
    for _ in range(2):
        assert small.experiment(note="pairs; fewer rounds").note == "pairs; fewer rounds"
    assert small.experiment(note="rounds").note == "pairs; fewer rounds; rounds"


def test_the_ledger_names_the_experiment_and_its_note(small):
    small.experiment(*STIFFER, note="stiffer")
    entries = [(each["file"], each["experiment"], each["note"]) for each in small.ledger()]
    assert entries == [
        (known(small)[0].submission, 1, ""),
        (known(small)[1].submission, 2, "stiffer"),
    ]


def test_a_run_that_only_trains_is_no_experiment(small):
    small.edit(*FEWER_ROUNDS)
    assert small.run("train").experiment is None
    assert len(known(small)) == 1


def test_a_run_that_ends_with_the_blend_is_one_without_a_submission(small):
    small.edit(*FEWER_ROUNDS)
    assert small.run("blend").experiment.submission is None
    assert small.experiment().submission is not None
    assert [each.number for each in known(small)] == [1, 2]


def test_code_that_changes_no_prediction_is_the_same_experiment(small, with_code):
    with_code("stages/load.py", "0" * 64)
    again = small.experiment()
    assert again.number == 1
    assert again.code["stages/load.py"] == "0" * experiments.SHORT


# -- what changed ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "changes"),
    [
        (FEWER_ROUNDS, ("models.lightgbm.max_rounds 5 -> 4",)),
        (
            ("learning_rate = 0.1", "learning_rate = 0.05"),
            ("models.lightgbm.learning_rate 0.1 -> 0.05",),
        ),
        (OTHER_FOLDS, ("split.folds 2 -> 3",)),
        (("[models.linear]", "[models.logistic]\n[models.linear]"), ("models.logistic added",)),
        (("[models.linear]\n", ""), ("models.linear taken out",)),
        (
            ("[models.linear]", '[models.linear]\ndrop = ["weight"]'),
            ('models.linear.drop [] -> ["weight"]',),
        ),
        (
            ("folds = 2", "folds = 3\nrepeats = 2"),
            ("split.folds 2 -> 3", "split.repeats 1 -> 2"),
        ),
    ],
)
def test_settings_that_changed_are_named_with_both_values(small, edit, changes):
    assert small.experiment(*edit).changes == changes


def test_a_preset_is_what_it_changes(small):
    kept = small.run("submit", preset="quick").experiment
    assert (kept.preset, kept.changes) == ("quick", ("models.lightgbm.max_rounds 5 -> 3",))


def test_code_that_changed_is_named_by_its_file(small, with_code):
    with_code("models/linear.py", "0" * 64)
    small.edit(*STIFFER)
    kept = small.experiment()
    assert kept.changes == ("code: models/linear.py", "models.linear.l2 0.01 -> 30.0")


def with_parts(experiment, nodes, **code) -> Experiment:
    """An experiment whose nodes ran these files and packages as well."""
    changed = {name: experiment.nodes[name] for name in nodes}
    changed = {
        name: node.model_copy(update={"code": (*node.code, *code)})
        for name, node in changed.items()
    }
    return experiment.model_copy(
        update={"code": {**experiment.code, **code}, "nodes": {**experiment.nodes, **changed}}
    )


def test_many_files_that_changed_are_one_entry_before_the_settings(small):
    """As after a pull: the setting that was changed must not be lost behind them."""
    second, (first, *_) = small.experiment(*STIFFER), known(small)
    files = {f"encoding/f{n:02d}.py": "0" * 16 for n in range(30)}
    older = with_parts(first, ["encode"], **files, numpy="2.3.0")
    newer = with_parts(second, ["encode"], **dict.fromkeys(files, "1" * 16), numpy="2.4.0")
    assert experiments.changes(older, newer) == [
        "code: encoding/f00.py, encoding/f01.py, encoding/f02.py and 27 more",
        "numpy 2.3.0 -> 2.4.0",
        "models.linear.l2 0.01 -> 30.0",
    ]


def test_a_file_that_one_of_two_experiments_alone_ran_is_named(small):
    (first,) = known(small)
    other = with_parts(first, ["encode"], **{"encoding/new.py": "0" * 16, "polars": "1.0"})
    assert experiments.changes(first, other) == ["code: encoding/new.py added", "polars added"]
    assert experiments.changes(other, first) == ["code: encoding/new.py removed", "polars removed"]


def test_stages_and_models_that_one_experiment_alone_has_change_no_code(small):
    (first,) = known(small)
    nodes = {name: node for name, node in first.nodes.items() if name not in ("evaluate", "submit")}
    parts = {part for node in nodes.values() for part in node.code}
    code = {part: hash for part, hash in first.code.items() if part in parts}
    shorter = first.model_copy(update={"nodes": nodes, "code": code})
    assert experiments.changes(first, shorter) == experiments.changes(shorter, first) == []


def test_models_that_the_minutes_left_out_of_one_experiment_are_named_first(small):
    (first,) = known(small)
    settings = {**first.settings, "split": {**first.settings["split"], "folds": 9}}
    rest = {name: score for name, score in first.models.items() if name != "linear"}
    other = first.model_copy(update={"models": rest, "settings": settings})
    assert experiments.changes(first, other)[0] == "linear left out"
    assert experiments.changes(other, first)[0] == "linear no longer left out"
    assert "linear" not in " ".join(experiments.changes(other, other))


def test_a_package_that_changed_is_named_with_both_versions(small, with_code):
    with_code("lightgbm", "9.9.9")
    kept = small.experiment(*FEWER_ROUNDS)
    assert kept.changes[:1] == (f"lightgbm {code.now('lightgbm')} -> 9.9.9",)


def test_raw_files_that_changed_are_named(small):
    path = small.workspace.raw / "train.csv"
    path.write_text(path.read_text().replace("Bern", "Ulm", 3))
    assert small.experiment().changes == ("raw files changed",)


def test_changes_are_those_against_the_experiment_before(small):
    small.experiment(*FEWER_ROUNDS)
    assert small.experiment(*STIFFER).changes == ("models.linear.l2 0.01 -> 30.0",)


def test_changes_are_those_against_the_last_one_of_the_same_preset(small):
    small.run("submit", preset="quick")
    assert small.experiment(*STIFFER).changes == ("models.linear.l2 0.01 -> 30.0",)
    quick = small.run("submit", preset="quick").experiment
    assert quick.changes == ("models.linear.l2 0.01 -> 30.0",)


def test_what_no_prediction_depends_on_is_named_last(small):
    small.edit("importance_rows = 0", "importance_rows = 9")
    changes = small.experiment(*OTHER_FOLDS).changes
    assert changes == ("split.folds 2 -> 3", "evaluate.importance_rows 0 -> 9")


# -- compared --------------------------------------------------------------------------------------


def test_the_difference_to_the_best_before_is_paired_row_by_row(small):
    kept = small.experiment(*STIFFER)
    first = known(small)[0]
    y = value(small, first, "load", Loaded).y
    one, other = (value(small, each, "blend", Blended).oof for each in (kept, first))
    rows = (one.argmax(axis=1) == y).astype(float) - (other.argmax(axis=1) == y)
    assert kept.best_before.to == 1
    assert kept.best_before.score == pytest.approx(rows.mean())
    assert kept.best_before.standard_error == pytest.approx(rows.std(ddof=1) / np.sqrt(len(y)))
    assert kept.best_before.score == pytest.approx(kept.validated - first.validated)
    assert kept.best_before.standard_error > 0


def test_it_is_compared_with_the_best_and_not_with_the_last(small):
    worse = small.experiment(*STIFFER)
    first = known(small)[0]
    assert worse.validated < first.validated
    third = small.experiment("l2 = 30.0", "l2 = 29.0")
    assert third.best_before.to == 1


def test_another_column_left_out_while_loading_is_compared_on_the_same_rows(small):
    kept = small.experiment("[split]", '[load]\ndrop = ["weight"]\n[split]')
    assert kept.best_before is not None and kept.rows == known(small)[0].rows


@pytest.mark.parametrize(
    ("edits", "differs"),
    [
        ([OTHER_FOLDS], "other folds"),
        ([("folds = 2", "folds = 2\nseed = 1")], "other folds"),
        ([('"accuracy"', '"log_loss"')], "another metric"),
        ([OTHER_FOLDS, ('"accuracy"', '"log_loss"')], "other folds, another metric"),
    ],
    ids=["folds", "seed", "metric", "both"],
)
def test_what_makes_two_experiments_not_comparable_is_named(small, command, edits, differs):
    for edit in edits:
        small.edit(*edit)
    assert small.experiment().best_before is None
    _, output, _ = command("experiments", "tiny")
    assert f"not comparable to 1: {differs}  " in output.splitlines()[1]
    code, output, _ = command("compare", "tiny", "2", "1")
    assert (code, f"not comparable row by row: {differs}\n" in output) == (0, True)
    assert " minus " not in output


def test_other_targets_are_not_comparable(small, command):
    path = small.workspace.raw / "train.csv"
    lines = path.read_text().splitlines(keepends=True)
    swapped = {"yes\n": "no\n", "no\n": "yes\n"}
    cells, label = lines[1].rsplit(",", 1)
    path.write_text("".join([lines[0], f"{cells},{swapped[label]}", *lines[2:]]))
    assert small.experiment().best_before is None
    assert "not comparable row by row: other rows\n" in command("compare", "tiny", "2", "1")[1]


def test_a_model_that_one_experiment_alone_has_is_named(small, command):
    small.experiment("[models.linear]", "[models.logistic]")
    lines = command("compare", "tiny", "2", "1")[1].splitlines()
    found = dict(line.split(maxsplit=1) for line in lines[3:7])
    assert (found["logistic"], found["linear"]) == ("only in 2", "only in 1")
    assert found["lightgbm"] == "the same predictions"


def test_two_experiments_are_compared_model_by_model(small, command):
    small.experiment(*STIFFER, note="stiffer")
    code, output, errors = command("compare", "tiny", "2", "1")
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].startswith("2: Accuracy 0.") and lines[0].endswith("  stiffer")
    assert lines[1].startswith("1: Accuracy 0.")
    assert lines[2] == "2 minus 1, on the same rows (95% interval):"
    found = dict(line.split(maxsplit=1) for line in lines[3:6])
    assert set(found) == {"blend", "linear", "lightgbm"}
    assert found["lightgbm"] == "the same predictions"
    interval = r"-0\.\d+  \(-0\.\d+ to [+-]0\.\d+\)  (worse|within noise)"
    assert re.fullmatch(interval, found["linear"]), found
    assert lines[6:] == ["  models.linear.l2 0.01 -> 30.0"]
    turned, _, _ = command("compare", "tiny", "1", "2")[1].partition("models.linear.l2")
    assert "models.linear.l2 30.0 -> 0.01" in command("compare", "tiny", "1", "2")[1]
    assert re.search(r"linear  +\+0\.\d+", turned)


def test_an_experiment_is_found_by_its_number_with_or_without_zeros(small, command):
    assert command("compare", "tiny", "0001", "1")[0] == 0
    for number in ("2", "0", "-1", "one", "", "1.0", "00"):
        code, _, error = command("compare", "tiny", "1", f"{number}")
        assert code == 2, number
        assert "there are: 1" in error or "No such option" in error


# -- the list and the page -------------------------------------------------------------------------


def test_the_list_has_the_newest_first_with_what_changed(small, command):
    small.experiment(*STIFFER, note="stiffer")
    record_score(small.workspace.submissions / known(small)[0].submission, 0.85125, "tiny")
    code, output, errors = command("experiments", "tiny")
    assert (code, errors) == (0, "")
    header, second, first, page = output.splitlines()
    assert header.split() == [
        "no.",
        "when",
        "preset",
        "accuracy",
        *["vs.", "best", "earlier", "board", "time"],
    ]
    assert second.startswith("2 ") and " vs. 1 " in second
    assert second.endswith("stiffer; models.linear.l2 0.01 -> 30.0")
    assert first.startswith("1 ") and "the first" in first and " 0.85125 " in first
    assert page == "as a page: data/build/tiny/experiments.html"
    assert ">0.85125</td>" in (small.build / "experiments.html").read_text()


class Links(HTMLParser):
    """The links of a page, and the ids that it has."""

    def __init__(self, html):
        super().__init__()
        self.links, self.ids = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids.append(found.get("id"))
        if tag == "a":
            self.links.append(found["href"])


def test_the_pages_links_lead_to_files_and_to_places_on_the_page(small, command):
    small.experiment(*STIFFER)
    small.run()
    command("experiments", "tiny")
    path = small.build / "experiments.html"
    page = Links(path.read_text())
    inside = [link[1:] for link in page.links if link.startswith("#")]
    assert {"experiment-1", "experiment-2"} <= set(inside) <= set(page.ids)
    files = [link for link in page.links if not link.startswith("#")]
    assert len(files) == 4  # a report and a submission each
    for link in files:
        assert "://" not in link
        assert (path.parent / unquote(link)).is_file(), link


def test_a_file_that_has_gone_is_not_linked(small, command):
    small.submissions[0].unlink()
    command("experiments", "tiny")
    links = Links((small.build / "experiments.html").read_text()).links
    assert not any(link.endswith(".csv") for link in links)


def test_what_a_note_holds_is_text(small, command):
    hostile = "<script>alert(1)</script>\x1b[2J"
    small.experiment(note=hostile)
    _, output, _ = command("experiments", "tiny")
    assert "\x1b" not in output
    assert "<script>alert" not in (small.build / "experiments.html").read_text()


def test_experiments_of_two_metrics_are_listed_together(small, command):
    small.experiment('"accuracy"', '"log_loss"')
    code, output, _ = command("experiments", "tiny")
    assert (code, output.count("\n")) == (0, 4)
    assert small.build.joinpath("experiments.html").is_file()


# -- an earlier one's submission -------------------------------------------------------------------


def test_an_earlier_submission_is_written_again_with_the_same_bytes(small, command, with_code):
    file = small.submissions[0]
    before = file.read_bytes()
    small.experiment(*STIFFER)
    with_code("stages/submit.py", "0" * 64)
    file.unlink()
    code, output, _ = command("submit", "tiny", "1")
    assert (code, output) == (0, f"submissions/tiny/{file.name}: the submission of experiment 1\n")
    assert file.read_bytes() == before
    assert len(small.ledger()) == 2


def test_a_submission_written_again_is_entered_with_its_experiment_and_note(small, command):
    small.experiment(*STIFFER, note="stiffer")
    entries = small.ledger()
    (small.workspace.submissions / "ledger.jsonl").unlink()
    command("submit", "tiny", "2")
    (entry,) = small.ledger()
    assert (entry["experiment"], entry["note"]) == (2, "stiffer")
    assert entry["file"] == entries[1]["file"]


def test_a_submission_that_was_never_made_is_one_message(small, command):
    small.edit(*STIFFER)
    small.run("blend")
    code, _, error = command("submit", "tiny", "2")
    assert (code, "has no submission: it ended before" in error) == (2, True)


def test_a_submission_whose_value_has_gone_is_one_message(small, command):
    file = small.submissions[0]
    file.unlink()
    small.store.clean()
    code, _, error = command("submit", "tiny", "1")
    assert (code, "the value of submit is not in the store any more" in error) == (2, True)
    assert "`make C=tiny all`" in error and not file.exists()
    file.write_text("id,y\n")
    assert f"{file.name} is there still" in command("submit", "tiny", "1")[2]


def test_what_computes_a_value_again_has_the_experiment_s_preset(small, command):
    small.run("submit", preset="quick")
    small.store.clean()
    _, _, error = command("submit", "tiny", "2")
    assert "`make C=tiny PRESET=quick all` computes it again if settings, code and raw" in error


# -- prune -----------------------------------------------------------------------------------------


def test_prune_keeps_the_last_ones_usable_and_reports_sizes(small, command):
    small.experiment(*FEWER_ROUNDS)
    last = small.experiment(*STIFFER)
    size = small.store.size()
    code, output, _ = command("prune", "tiny", "--keep", "1")
    found = re.fullmatch(
        r"deleted (\d+) values of data/build/tiny/store: (\d+\.\d) MB -> (\d+\.\d) MB\n", output
    )
    assert code == 0 and found, output
    assert int(found[1]) > 5
    assert small.store.size() < size
    assert float(found[2]) == pytest.approx(size / 1e6, abs=0.1)
    assert not any(done.computed for done in small.run("submit").flow.done.values())
    assert command("predict", "tiny", str(small.test_file), "--out", "new.csv")[0] == 0
    assert command("submit", "tiny", str(last.number))[0] == 0
    assert command("submit", "tiny", "1")[0] == 2
    assert len(known(small)) == 3


def test_what_was_pruned_can_be_compared_no_more_and_says_so(small, command):
    small.experiment(*FEWER_ROUNDS)
    command("prune", "tiny", "--keep", "1")
    code, output, _ = command("compare", "tiny", "2", "1")
    assert (code, "its predictions are not stored any more" in output) == (0, True)
    assert small.experiment(*STIFFER).best_before.to == 2


def test_prune_keeps_the_fits_of_those_it_keeps(small, monkeypatch):
    """What a lost value of a stage is computed from is still there."""
    from pipeline import fitting

    experiments.prune(small.workspace, keep=1)
    for key in list(small.store.keys()):
        if key.kind not in ("fit", "test"):
            small.store.remove(key)
    monkeypatch.setattr(fitting, "fit", None)
    assert small.experiment().number == 1


@pytest.mark.parametrize(("keep", "left"), [(1, True), (5, True), (0, False)])
def test_prune_deletes_nothing_that_is_kept(small, keep, left):
    before = set(small.store.keys())
    gone, _, _ = experiments.prune(small.workspace, keep)
    assert set(small.store.keys()) == (before if left else set())
    assert gone == (0 if left else len(before))


def test_other_settings_of_the_report_are_recorded_for_the_same_experiment(small):
    second = small.experiment(*STIFFER)
    small.edit("importance_rows = 0", "importance_rows = 20")
    again = small.experiment()
    assert again.number == second.number == len(known(small))
    assert again.settings["evaluate"]["importance_rows"] == 20
    assert "evaluate.importance_rows 0 -> 20" in again.changes
    assert again == known(small)[-1]


def test_the_same_experiment_by_another_preset_has_the_settings_and_the_name_of_that(small):
    small.edit("max_rounds = 3", "max_rounds = 5")
    small.edit(
        "[presets.quick.models.lightgbm]",
        "[presets.quick.evaluate]\nimportance_rows = 9\n[presets.quick.models.lightgbm]",
    )
    again = small.run("submit", preset="quick").experiment
    assert (again.number, again.preset) == (1, "quick")
    assert again.settings["evaluate"]["importance_rows"] == 9
    again = small.run("submit").experiment
    assert (again.number, again.preset) == (1, "default")
    assert again.settings["evaluate"]["importance_rows"] == 0


# -- damaged records -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b'{"number": 1}', b"[" * 9999], ids=repr
)
@pytest.mark.parametrize(
    "arguments",
    [
        ("experiments", "tiny"),
        ("compare", "tiny", "1", "2"),
        ("submit", "tiny", "2"),
        ("prune", "tiny"),
        ("run", "all", "tiny", "--note", "again"),
        ("predict", "tiny", "rows.csv", "--experiment", "2"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_damaged_record_is_one_message(small, command, content, arguments):
    path = small.workspace.experiments / "0001" / experiments.RECORD
    path.write_bytes(content)
    stored = set(small.store.keys())
    code, output, error = command(*arguments)
    assert (code, output) == (2, "")
    assert error.startswith(f"error: {path}: this is no record of an experiment (")
    assert error.endswith("Move the folder away and run `make C=tiny all`.\n")
    assert error.count("\n") == 1
    assert set(small.store.keys()) == stored


@pytest.mark.parametrize("node", ["load", "split", "encode", "blend"])
def test_a_record_without_one_of_its_values_is_one_message(small, command, node):
    path = small.workspace.experiments / "0001" / experiments.RECORD
    content = read_checked(path)
    del content["nodes"][node]
    path.write_text(with_checksum(content))
    code, _, error = command("experiments", "tiny")
    assert (code, error.count("\n")) == (2, 1)
    assert f"no record of an experiment (Value error, nodes: there is no {node})" in error


def test_a_digit_that_flipped_in_a_score_is_not_believed(small, command):
    path = small.workspace.experiments / "0001" / experiments.RECORD
    score = json.loads(path.read_text())["score"]
    path.write_text(path.read_text().replace(f'"score": {score}', f'"score": {score + 0.01}'))
    code, _, error = command("experiments", "tiny")
    assert (code, "its checksum does not match" in error) == (2, True)


def test_a_value_that_is_not_the_one_of_the_record_is_not_compared(small):
    """The key is the same, the bytes are others, as after a library that was patched in place."""
    second = small.experiment(*STIFFER)
    first = known(small)[0]
    assert experiments.differences(small.store, second, first, ["blend"])["blend"] is not None
    path = small.workspace.experiments / "0001" / experiments.RECORD
    content = read_checked(path)
    content["nodes"]["blend"]["digest"] = "0" * 64
    path.write_text(with_checksum(content))
    first = known(small)[0]
    assert experiments.differences(small.store, second, first, ["blend"]) == {"blend": None}


def test_a_folder_without_a_record_is_no_experiment(small):
    """A run that was killed before it was kept."""
    (small.workspace.experiments / "0002").mkdir()
    assert [each.number for each in known(small)] == [1]
    assert small.experiment(*STIFFER).number == 2


def test_a_field_of_a_later_version_is_left_out(small):
    path = small.workspace.experiments / "0001" / experiments.RECORD
    before = known(small)
    path.write_text(with_checksum({**read_checked(path), "of a later version": [1]}))
    assert known(small) == before
    assert issubclass(Experiment, Record)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../0001", b"\0", "١".encode()])
def test_a_damaged_name_of_the_current_one_is_one_message(small, content):
    (small.workspace.experiments / experiments.CURRENT).write_bytes(content)
    with pytest.raises(DataError, match="allowed is the number of an experiment"):
        experiments.current(small.workspace)
    (small.workspace.experiments / experiments.CURRENT).unlink()
    assert small.experiment().number == 1

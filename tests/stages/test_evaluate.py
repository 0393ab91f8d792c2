"""The report: its numbers against oracles, its page against a hostile file, its bytes twice."""

import re
from contextlib import contextmanager

import numpy as np
import pytest

from pipeline import figures, ledger
from pipeline.evaluation import diagnostics, leaderboard, learning_curve, report
from pipeline.evaluation.learning_curve import Curve
from pipeline.folds import folds_of
from pipeline.metrics import METRICS, Estimate
from pipeline.page import cell as page_cell
from pipeline.progress import Progress
from pipeline.runner import run_stage
from pipeline.stages import evaluate
from tests.test_predictor import finished, survey

HOSTILE = '<script>alert("no")</script>'
TASKS = {"binary": "accuracy", "multiclass": "balanced_accuracy", "regression": "rmse"}


binary = pytest.mark.parametrize("run", ["binary"], indirect=True, scope="module")


@pytest.fixture(scope="module", params=TASKS)
def run(request, tmp_path_factory):
    rows = survey(request.param).rename(columns={"weight": HOSTILE})
    root = tmp_path_factory.mktemp(request.param)
    workspace = finished(root, rows, title=HOSTILE.replace('"', "'"), metric=TASKS[request.param])
    run_stage(workspace, "evaluate", None, Progress(live=False))
    return workspace


def contents(workspace):
    folder = workspace.stage("evaluate").path
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_blends_score_is_the_blend_stages(run):
    found = run.stage("evaluate").read_json("leaderboard")
    blend = run.stage("blend").read_json("blend")
    (entry,) = [entry for entry in found["entries"] if entry["name"] == "blend"]
    assert entry["score"] == pytest.approx(blend["cross_validated"])
    assert blend["score"] == pytest.approx(blend["cross_validated"] + blend["averaging"])
    assert {entry["name"] for entry in found["entries"]} == {"blend", "lightgbm", "linear"}


def test_the_best_comes_first_and_the_rest_is_measured_against_it(run):
    found = run.stage("evaluate").read_json("leaderboard")
    sign = -1 if found["greater_is_better"] else 1
    scores = [sign * entry["score"] for entry in found["entries"]]
    assert scores == sorted(scores)
    best = found["entries"][0]
    for entry in found["entries"][1:]:
        difference = entry["to_best"]
        assert difference["difference"] == pytest.approx(entry["score"] - best["score"])
        crosses = difference["low"] <= 0 <= difference["high"]
        assert (entry["verdict"] in ("not distinguishable", "the same")) == crosses


def test_the_report_is_one_small_file_that_reads_nothing_else(run):
    page = run.stage("evaluate").read_text("report.html")
    assert len(page.encode()) < 3_000_000
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert "default-src 'none'" in page


def test_strings_from_the_files_are_escaped(run):
    page = run.stage("evaluate").read_text("report.html")
    assert "alert(" in page
    assert "<script>alert" not in page


def test_a_leak_is_told_on_the_page_in_the_json_and_on_the_terminal(tmp_path, capsys):
    rows = survey("binary")
    answer, rng = (rows["answer"] == "yes").to_numpy(), np.random.default_rng(0)
    rows[HOSTILE] = np.where(rng.random(len(rows)) < 0.02, ~answer, answer).astype(int)
    workspace = finished(tmp_path, rows, metric="accuracy")
    capsys.readouterr()
    run_stage(workspace, "evaluate", None, Progress(live=False))
    folder = workspace.stage("evaluate")
    page, printed = folder.read_text("report.html"), capsys.readouterr().out
    (alarm,) = folder.read_json("leaderboard")["alarms"]
    assert alarm["kind"] == "column"
    assert HOSTILE in alarm["found"]
    assert f"ALARM: {alarm['found']}" in printed.splitlines()
    assert "<script>alert" not in page
    assert (
        page.index('id="leaderboard"') < page.index('id="alarm-column"') < page.index('id="blend"')
    )
    assert "[load] drop" in page[page.index('id="alarm-column"') : page.index('id="blend"')]


def test_what_was_looked_for_is_told_where_there_is_no_alarm(run):
    raised = run.stage("evaluate").read_json("leaderboard")["alarms"]
    page = run.stage("evaluate").read_text("report.html")
    assert raised == []
    assert "No alarm: a column that alone predicts the target" in page


def test_every_figure_is_a_png_too_with_a_caption_of_its_own(run):
    page = run.stage("evaluate").read_text("report.html")
    figures = run.stage("evaluate").folder("figures")
    names = figures.names(".png")
    assert {"folds", "learning-curves", "importance"} < set(names)
    for name in names:
        assert (figures.path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f'id="figure-{name}"' in page
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page, re.DOTALL)
    assert len(set(captions)) == len(names)


def test_a_second_run_on_one_core_gives_the_same_bytes(run, monkeypatch):
    before = contents(run)

    @contextmanager
    def one_core():
        yield map

    monkeypatch.setattr(evaluate, "workers", one_core)
    run_stage(run, "evaluate", None, Progress(live=False))
    assert contents(run) == before


@binary
def test_a_leaderboard_score_is_drawn(run):
    page = run.stage("evaluate").read_text("report.html")
    assert "No leaderboard score is known yet" in page
    for metric in ("accuracy", "log_loss"):
        entry = {"file": metric, "metric": metric, "score": 0.9, "leaderboard": 0.91}
        ledger.append(run.submissions / ledger.FILENAME, entry)
    run_stage(run, "evaluate", None, Progress(live=False))
    page = run.stage("evaluate").read_text("report.html")
    assert 'id="figure-submissions"' in page
    assert "over 1 submission;" in page


@binary
def test_what_is_printed_fits_a_screen(run, capsys):
    run_stage(run, "evaluate", None, Progress(live=False))
    lines = capsys.readouterr().out.splitlines()
    assert 5 <= len(lines) <= 20
    assert any("blend: equal; candidates: equal" in line for line in lines)
    assert "`make C=tiny watch`" in lines[-1]
    assert evaluate.watch_command("airline") == "make watch"


@binary
def test_the_report_names_the_submissions_folder_and_the_latest_file(run):
    (run.submissions / ledger.FILENAME).unlink(missing_ok=True)
    run_stage(run, "evaluate", None, Progress(live=False))
    page = run.stage("evaluate").read_text("report.html")
    assert "submissions/tiny/" in page
    assert "the latest one in the ledger" not in page
    for name in ("old.csv", "<new>.csv"):
        ledger.append(run.submissions / ledger.FILENAME, {"file": name, "leaderboard": None})
    run_stage(run, "evaluate", None, Progress(live=False))
    page = run.stage("evaluate").read_text("report.html")
    assert "the latest one in the ledger is &lt;new&gt;.csv." in page


def test_a_model_has_one_colour_in_every_figure():
    rng = np.random.default_rng(0)
    y, names = np.arange(200) % 2, ["blend", "one", "two"]
    predictions = {name: rng.dirichlet(np.ones(2), size=200) for name in names}
    metrics = METRICS["accuracy"], METRICS["log_loss"]
    folds = folds_of(0, np.arange(200) % 4)
    board = leaderboard.rank(metrics, y, predictions, folds, seed=0, parallel_map=map)
    curves = [Curve(name, (10, 20), (Estimate(0.5, 0.1),) * 2, None) for name in names[:0:-1]]
    colours = figures.colours(names)

    roc = diagnostics.roc_plot(y, predictions, ["no", "yes"]).figure.axes[0]
    fold = leaderboard.fold_plot(board, colours).figure.axes[0]
    curve = learning_curve.curve_plot(curves, metrics[0], colours).figure.axes[0]

    drawn = {line.get_label(): line.get_color() for line in roc.lines if line.get_label() in names}
    dots = [line.get_color() for line in fold.lines if len(line.get_xdata()) == 4]
    labelled = zip(*curve.get_legend_handles_labels(), strict=True)
    assert len(set(drawn.values())) == 3
    assert dict(zip([entry.name for entry in board.entries], dots, strict=True)) == drawn
    assert {text: bars[0].get_color() for bars, text in labelled}.items() < drawn.items()


TRIALS = [{"number": n, "state": "complete", "value": v} for n, v in enumerate((0.4, 0.5, 0.6))]


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([], "as in the TOML"),
        (TRIALS, "as in the TOML: none of 3 trials beat it"),
        ([*TRIALS, {"number": 3, "state": "pruned", "value": 0.1}], "none of 4 trials beat it"),
        ([*TRIALS, {"number": 3, "state": "complete", "value": 0.39}], "4 trials"),
    ],
)
def test_settings_that_no_trial_beat_are_the_tomls(trials, told):
    found = report.found_by({"trials": len(trials)}, trials)
    assert found.endswith(told)
    assert ("TOML" in found) == ("TOML" in told or "beat" in told)


def test_how_the_ways_to_blend_were_judged_is_told_where_it_is_known():
    board = leaderboard.rank(
        (METRICS["rmse"], METRICS["r2"]),
        np.arange(30.0),
        {"blend": np.ones((30, 1))},
        folds_of(0, np.arange(30) % 3),
        seed=0,
        parallel_map=map,
    )
    scores = {"score": 3.0, "standard_error": 0.5}
    about = {"method": "equal", "candidates": {"equal": scores, "stack": scores}}
    judged = {"stack": {"gain": 0.12, "standard_error": 0.05, "verdict": "not clearly better"}}
    old, new = (
        report.candidates_table(board, each) for each in (about, about | {"judged": judged})
    )
    assert len(old.columns) == 3
    assert [page_cell(value).text for value in new.rows[1][2:4]] == [
        "0.120 ± 0.050",
        "not clearly better",
    ]

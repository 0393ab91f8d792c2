"""The report: its numbers against oracles, its page against a hostile file, its bytes twice."""

import re
from contextlib import contextmanager

import numpy as np
import pytest

from pipeline import figures, ledger
from pipeline.evaluation import diagnostics, leaderboard, learning_curve, tables, tuning
from pipeline.evaluation.learning_curve import Curve
from pipeline.folds import folds_of
from pipeline.metrics import METRICS, Estimate
from pipeline.page import cell as page_cell
from pipeline.progress import Progress
from pipeline.runner import run_stage
from pipeline.stages import evaluate
from pipeline.wording import make_command
from tests.test_predictor import finished, survey

HOSTILE = '<script>alert("no")</script>'
TASKS = {"binary": "accuracy", "multiclass": "balanced_accuracy", "regression": "rmse"}


binary = pytest.mark.parametrize("run", ["binary"], indirect=True, scope="module")


@pytest.fixture(scope="module", params=TASKS)
def run(request, tmp_path_factory):
    rows = survey(request.param).rename(columns={"weight": HOSTILE})
    root = tmp_path_factory.mktemp(request.param)
    return evaluated(root, rows, title=HOSTILE.replace('"', "'"), metric=TASKS[request.param])


def evaluated(root, rows, **options):
    """A workspace in which every stage up to evaluate has run."""
    workspace = finished(root, rows, **options)
    for stage in ("explore", "evaluate"):
        run_stage(workspace, stage, None, Progress(live=False))
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
    workspace = evaluated(tmp_path, rows, metric="accuracy")
    folder = workspace.stage("evaluate")
    page, printed = folder.read_text("report.html"), capsys.readouterr().out
    (alarm,) = folder.read_json("leaderboard")["alarms"]
    assert alarm["kind"] == "column"
    assert HOSTILE in alarm["found"]
    assert f"ALARM: {alarm['found']}" in printed.splitlines()
    assert "<script>alert" not in page
    first, own = page.index("1 alarm:"), page.index('id="alarm-column"')
    assert page.index('id="run"') < first < page.index('id="leaderboard"')
    assert page.index('id="alarms"') < own < page.index('id="tuning"')
    assert "[load] drop" in page[own : page.index('id="tuning"')]


def test_what_was_looked_for_is_told_where_there_is_no_alarm(run):
    raised = run.stage("evaluate").read_json("leaderboard")["alarms"]
    page = run.stage("evaluate").read_text("report.html")
    assert raised == []
    assert "No alarm: a column that alone predicts the target" in page


def test_the_sections_stand_in_the_order_of_a_readers_questions(run):
    page = run.stage("evaluate").read_text("report.html")
    found = re.findall(r'<h2 id="([a-z]+)"', page)
    asked = "run leaderboard blend errors columns rows drift alarms tuning provenance"
    assert found == asked.split()
    linked = re.findall(r'<li><a href="#([a-z]+)"', page)
    assert linked == found


def test_the_first_section_names_the_data_the_file_to_upload_and_its_score(run):
    page = run.stage("evaluate").read_text("report.html")
    blend = run.stage("blend").read_json("blend")
    first = page[page.index('id="run"') : page.index('id="leaderboard"')]
    assert "train.csv (180 rows) and test.csv (30 rows)" in first
    assert f"submissions/tiny/tiny_{blend['method']}_{blend['score']:.4f}_HASH.csv" in first
    half = 1.96 * blend["standard_error"]
    digits = leaderboard.decimals(blend["standard_error"])
    ends = [f"{blend['score'] + sign * half:,.{digits}f}" for sign in (-1, 1)]
    assert "95% interval {} to {}".format(*ends) in first


def test_every_model_shows_its_folds_in_its_row(run):
    page = run.stage("evaluate").read_text("report.html")
    found = run.stage("evaluate").read_json("leaderboard")
    strips = re.findall(r'<svg class="strip".*?</svg>', page, re.DOTALL)
    assert len(strips) == len(found["entries"])
    for entry, strip in zip(found["entries"], strips, strict=True):
        scores = [score for score in entry["fold_scores"] if score is not None]
        assert strip.count("<circle") == len(scores)
        assert f'aria-label="{entry["name"]}: {len(scores)} folds from' in strip
        dots = [float(x) for x in re.findall(r'cx="([0-9.]+)"', strip)]
        np.testing.assert_allclose(np.corrcoef(dots, scores)[0, 1], 1, atol=1e-3)


def test_drift_is_told_as_the_exploration_found_it(run):
    page = run.stage("evaluate").read_text("report.html")
    summary = run.stage("explore").read_json("summary")
    part = page[page.index('id="drift"') : page.index('id="alarms"')]
    assert f"AUC {summary['adversarial']['auc']:.3f}" in part
    assert f"{len(summary['drift'])} columns tested" in part


def test_partial_dependence_moves_as_the_target_was_made(run):
    # the survey's answer grows with size: yes, the value, and less of the lowest of three classes
    found = run.stage("evaluate").read_json("leaderboard")["dependence"]
    size = next(item for item in found if item["column"] == "size")
    is_lowest = run.stage("load").read_json("schema")["task"] == "multiclass"
    assert size["values"] == list("012345")
    assert size["output"] != 1 or not is_lowest
    rise = size["mean"][-1] - size["mean"][0]
    assert (-rise if is_lowest and size["output"] == 0 else rise) > 0.2
    low, mean, high = (np.array(size[key]) for key in ("lowest_fold", "mean", "highest_fold"))
    assert (low <= mean).all()
    assert (mean <= high).all()


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
    assert make_command("airline") == "make"


@binary
def test_the_report_names_the_submissions_folder_and_the_latest_file(run):
    (run.submissions / ledger.FILENAME).unlink(missing_ok=True)
    run_stage(run, "evaluate", None, Progress(live=False))
    page = run.stage("evaluate").read_text("report.html")
    assert "submissions/tiny/" in page
    assert "The latest one in the ledger" not in page
    for name in ("old.csv", "<new>.csv"):
        ledger.append(run.submissions / ledger.FILENAME, {"file": name, "leaderboard": None})
    run_stage(run, "evaluate", None, Progress(live=False))
    page = run.stage("evaluate").read_text("report.html")
    assert "The latest one in the ledger is &lt;new&gt;.csv." in page


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


def trial(number, value, state="complete"):
    return {"number": number, "state": state, "value": value, "params": {"a": value}}


TRIALS = [trial(number, value) for number, value in enumerate((0.4, 0.5, 0.6))]


@pytest.mark.parametrize(
    ("trials", "told"),
    [
        ([], "as in the TOML"),
        (TRIALS, "as in the TOML: none of 3 trials beat it"),
        ([*TRIALS, trial(3, 0.1, "pruned")], "none of 4 trials beat it"),
        ([*TRIALS, trial(3, 0.39)], "4 trials"),
    ],
)
def test_settings_that_no_trial_beat_are_the_tomls(trials, told):
    complete = [each["value"] for each in trials if each["state"] == "complete"]
    best = {"trials": len(trials), "value": min(complete, default=None)}
    search = tuning.read_search("lightgbm", best, trials, METRICS["accuracy"])
    found = tables.found_by(best, search)
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
        tables.candidates_table(board, each) for each in (about, about | {"judged": judged})
    )
    assert len(old.columns) == 3
    assert [page_cell(value).text for value in new.rows[1][2:4]] == [
        "0.120 ± 0.050",
        "not clearly better",
    ]

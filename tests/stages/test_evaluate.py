"""The report: its numbers against oracles, its page against a hostile file, its bytes twice."""

import re
from contextlib import contextmanager

import pytest

from pipeline import ledger
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
    assert entry["score"] == pytest.approx(blend["score"])
    assert entry["standard_error"] == pytest.approx(blend["standard_error"])
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
        assert (entry["verdict"] == "not distinguishable") == crosses


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

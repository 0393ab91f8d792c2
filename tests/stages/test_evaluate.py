"""The report: one page against a hostile file, its bytes twice, a value that the store can keep."""

import io
import json
import re
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline import page, report
from pipeline.estimates import decimals
from pipeline.exploration.adversarial import Adversarial
from pipeline.exploration.column_drift import column_drifts
from pipeline.exploration.duplicates import find_duplicates
from pipeline.ledger import Entry
from pipeline.progress import Progress
from pipeline.report import class_errors, leaderboard, learning_curve
from pipeline.report.alarm import Alarm
from pipeline.report.alarms import Alarms
from pipeline.report.learning_curve import Curve, LearningCurves
from pipeline.stages import evaluate as stage
from pipeline.stages.evaluate import Evaluated
from pipeline.store import Key, Store
from tests import values
from tests.report.values import evidence, loaded, trials

HOSTILE = '<script>alert("no")</script>'
TASKS = ("binary", "multiclass", "regression")


def explored(load):
    """What the report reads of the exploration."""
    tables, features = (load.train, load.test), load.problem.features
    found = SimpleNamespace(
        drifts=tuple(column_drifts(*tables, features)),
        adversarial=Adversarial(0.512, 0.3, (0.48, 0.5, 0.53), 210, (("size", 1.0),)),
        duplicates=find_duplicates(
            *tables, load.y, features, is_regression=load.problem.classes is None
        ),
        mirror=None,
    )
    return SimpleNamespace(findings=found)


def survey(task="binary", load=None, title=HOSTILE, **options):
    """A run whose columns and title try to act; one of its members was tuned."""
    load = load or loaded(task, {"weight": HOSTILE})
    found = evidence(task, load, explore=explored(load))
    tried = trials(
        list(np.linspace(0.5, 0.4, 9)), params=[{"rate": float(n % 4)} for n in range(9)]
    )
    tune = {**found.tune, "small": replace(found.tune["small"], trials=tried, asked=9)}
    settings = found.settings.model_copy(update={"title": title, "learning_curve": (0.5, 1.0)})
    return replace(found, tune=tune, settings=settings, **options)


def evaluated(found, monkeypatch, cores=None):
    """What the stage gives for this evidence."""
    monkeypatch.setattr(stage, "Predictor", lambda *values: found.predictor)
    if cores == 1:
        monkeypatch.setattr(type(found.fits), "workers", one_core)
    values = (found.load, found.explore, found.split, found.encode, found.tune, found.train)
    progress = Progress(live=False)
    return stage.evaluate(found.settings, *values, found.blend, found.fits, found.scores, progress)


@contextmanager
def one_core(fits, **options):
    yield map


@pytest.fixture(scope="module", params=TASKS)
def run_and_output(request):
    """(evidence, what the stage gives), what it printed"""
    found, output = survey(request.param), io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch, redirect_stdout(output):
        done = evaluated(found, monkeypatch)
    return (found, done), output.getvalue()


@pytest.fixture(scope="module")
def run(run_and_output):
    return run_and_output[0]


def part(html, name):
    """A section of the page."""
    start = html.index(f'<h2 id="{name}"')
    return html[start : html.find("<h2 ", start + 1)]


def test_the_blends_score_is_the_blend_stages(run):
    found, done = run
    expected = found.blend.expected
    assert done.leaderboard.entry("blend").estimate.score == pytest.approx(expected.cross_validated)
    assert {entry.name for entry in done.leaderboard.entries} == {"blend", "small", "linear"}


def test_the_best_comes_first_and_the_rest_is_compared_with_it(run):
    board = run[1].summary["leaderboard"]
    metric = run[1].leaderboard.metric
    losses = [
        -entry["estimate"]["score"] * (2 * metric.greater_is_better - 1)
        for entry in board["entries"]
    ]
    assert losses == sorted(losses)
    best, *others = board["entries"]
    for entry in others:
        difference, error = entry["to_best"]["score"], entry["to_best"]["standard_error"]
        assert difference == pytest.approx(entry["estimate"]["score"] - best["estimate"]["score"])
        within = abs(difference) <= 1.96 * error
        assert (entry["verdict"] in ("not distinguishable", "the same")) == within


def test_the_report_is_one_small_file_that_reads_nothing_else(run):
    html = run[1].html
    assert len(html.encode()) < 3_000_000
    sources = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert sources
    assert all(source.startswith(("data:image/", "#")) for source in sources)
    assert "default-src 'none'" in html


def test_strings_from_the_files_are_escaped(run):
    assert "alert(" in run[1].html
    assert "<script>alert" not in run[1].html


def test_the_summary_is_plain_json_by_section(run):
    summary = run[1].summary
    assert tuple(summary) == report.SECTIONS
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_the_sections_stand_in_the_order_of_a_readers_questions(run):
    found, done = run
    ids = re.findall(r'<h2 id="([a-z-]+)"', done.html)
    absent = {"class-errors"} if found.problem.task == "regression" else {"value-errors"}
    asked = [name.replace("_", "-") for name in report.SECTIONS]
    assert ids == [name for name in asked if name not in absent | {"odds", "foreign", "extra-rows"}]
    assert re.findall(r'<li><a href="#([a-z-]+)"', done.html) == ids


def test_the_first_section_names_the_data_and_the_score_to_expect(run):
    found, done = run
    first, expected = part(done.html, "overview"), found.blend.expected
    assert "train.csv (180 rows) and test.csv (30 rows)" in first
    half, digits = 1.96 * expected.standard_error, decimals(expected.standard_error)
    ends = [f"{expected.score + sign * half:,.{digits}f}" for sign in (-1, 1)]
    assert "95% interval {} to {}".format(*ends) in first


def test_every_entry_shows_its_folds_in_its_row(run):
    _, done = run
    strips = re.findall(r'<svg class="strip".*?</svg>', done.html, re.DOTALL)
    assert len(strips) == len(done.leaderboard.entries)
    for entry, strip in zip(done.leaderboard.entries, strips, strict=True):
        assert strip.count("<circle") == len(entry.scores) == 6
        assert f'aria-label="{entry.name}: 6 folds from' in strip
        dots = [float(x) for x in re.findall(r'cx="([0-9.]+)"', strip)]
        np.testing.assert_allclose(np.corrcoef(dots, entry.scores)[0, 1], 1, atol=1e-3)


def test_drift_is_what_the_exploration_found(run):
    found, done = run
    words = part(done.html, "drift")
    assert "AUC 0.512" in words
    assert f"{len(found.explore.findings.drifts)} columns tested" in words


def test_partial_dependence_follows_the_target(run):
    # the target grows with size: yes, the value, and less of the lowest of three classes
    dependences = run[1].summary["dependence"]["found"]
    size = next(item for item in dependences if item["grid"]["column"] == "size")
    assert size["grid"]["labels"] == list("012345")
    rise = np.ptp(np.mean(size["curves"], axis=0), axis=0)
    assert rise.max() > 0.2


def test_every_figure_is_a_png_too_with_a_caption_of_its_own(run):
    _, done = run
    assert {"folds", "learning-curves", "importance", "drift", "tuning-small"} < set(done.figures)
    for name, png in done.figures.items():
        assert png.startswith(b"\x89PNG")
        assert f'id="figure-{name}"' in done.html
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", done.html, re.DOTALL)
    assert len(set(captions)) == len(done.figures)


def test_a_second_run_on_one_core_of_slower_fits_differs_in_the_seconds_alone(
    run, monkeypatch, tmp_path
):
    found, done = run
    slower = {name: replace(of, fit_seconds=77.7) for name, of in found.train.items()}
    other = evaluated(replace(found, train=slower, results={}), monkeypatch, cores=1)
    one, two = (
        Store(tmp_path / name).put(Key("evaluate", "0"), value).digest
        for name, value in (("one", done), ("two", other))
    )
    assert one == two
    assert "77.7 s" in other.html
    same = replace(other, html=other.html.replace("77.7", "1.5"))
    assert values.contents(same) == values.contents(done)


def test_the_store_keeps_the_value(run, tmp_path):
    store, key = Store(tmp_path), Key("evaluate", "0")
    store.put(key, run[1])
    assert store.get(key, Evaluated) == run[1]


def test_every_result_of_a_section_can_be_kept(run, tmp_path):
    """So that a section can be computed once, by a key of its own."""
    store = Store(tmp_path)
    for number, result in enumerate(run[0].results.values()):
        if result is not None:
            store.put(Key("section", str(number)), result)
            kept = store.get(Key("section", str(number)), type(result))
            assert values.contents(kept) == values.contents(result)


def test_without_alarms_the_page_says_what_was_looked_for(run):
    assert run[1].alarms == ()
    assert "No alarm. These were looked for: a column that alone" in run[1].html


def test_an_alarm_is_on_the_page_in_the_value_and_on_the_terminal(monkeypatch, capsys):
    alarm = Alarm("column", f"{HOSTILE} alone predicts it", "It leaks.", "Drop it.", "it leaks")
    monkeypatch.setattr(report.module("alarms"), "compute", lambda evidence: Alarms((alarm,)))
    done = evaluated(survey(), monkeypatch, cores=1)
    assert done.alarms == (alarm,)
    assert done.no_score_reason == "it leaks"
    assert f"ALARM: {alarm.found}" in capsys.readouterr().out.splitlines()
    assert "<script>alert" not in done.html
    overview = part(done.html, "overview")
    assert "1 alarm:" in overview
    assert 'href="#alarms"' in overview
    assert "No expected score is given: it leaks." in overview


@pytest.mark.parametrize("run_and_output", ["binary"], indirect=True)
def test_a_leaderboard_score_is_drawn(run, monkeypatch):
    found, done = run
    assert "No leaderboard score is known yet" in done.html
    given = {"metric": "accuracy", "score": 0.9, "leaderboard": 0.91}
    entries = [Entry("a.csv", **given), Entry("b.csv", **given | {"metric": "log_loss"})]
    html = evaluated(replace(found, scores=entries), monkeypatch, cores=1).html
    assert 'id="figure-submissions"' in html
    assert "over 1 submission;" in html


def test_what_divides_the_minutes_again_is_the_command_of_the_run(run):
    shown = page.with_run_details(run[1].html, "experiment 1", "make PRESET=quick all")
    assert "<code>make PRESET=quick all NEW_PLAN=1</code>" in shown
    assert '<p class="soft">experiment 1</p>' in shown


def test_what_is_printed_fits_a_screen(run_and_output):
    lines = run_and_output[1].splitlines()
    assert 5 <= len(lines) <= 20
    assert any("blend: equal; candidates: equal" in line for line in lines)
    assert any("cut short: kernel (left out)" in line for line in lines)
    assert "`make C=tiny watch`" in lines[-1]


def test_a_model_has_one_colour_in_every_figure():
    found = evidence("binary")
    board = leaderboard.compute(found)
    errors = class_errors.compute(found)
    curves = LearningCurves(
        tuple(
            Curve(name, (10, 20), (board.best.estimate,) * 2, None) for name in ("linear", "small")
        )
    )

    (fold_draft,) = leaderboard.plots(board, found)
    _, roc_draft, _ = class_errors.plots(errors, found)
    (curve_draft,) = learning_curve.plots(curves, found)

    fold, roc, curve = (each.figure.axes[0] for each in (fold_draft, roc_draft, curve_draft))
    names = {"blend", "linear", "small"}
    drawn = {line.get_label(): line.get_color() for line in roc.lines if line.get_label() in names}
    dots = [line.get_color() for line in fold.lines if len(line.get_xdata()) == 6]
    labelled = zip(*curve.get_legend_handles_labels(), strict=True)
    assert len(set(drawn.values())) == 3
    assert dict(zip([entry.name for entry in board.entries], dots, strict=True)) == drawn
    assert {text: bars[0].get_color() for bars, text in labelled}.items() < drawn.items()

"""The experiments of a competition side by side: as lines, as a page, and two of them compared."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from pipeline import ledger, page
from pipeline.config import BLEND
from pipeline.estimates import decimals, interval, signed, verdict, with_error, with_interval
from pipeline.experiments import (
    Experiment,
    changes,
    differences,
    find,
    is_comparable,
    preceding,
    read_all,
    what_differs,
)
from pipeline.files import in_use, write_atomically
from pipeline.metrics import Estimate
from pipeline.store import Store
from pipeline.wording import count, duration, from_here, make_command, some
from pipeline.workspace import Workspace

PAGE = "experiments.html"
MOST_NAMED = 3  # changes in a line
MOST_NUMBERS = 24  # along the chart's axis
WIDTH, HEIGHT = 1060, 280  # of the chart, in pixels
LEFT, RIGHT, TOP, BOTTOM = 80, 1050, 16, 240  # where scores are drawn in it


def list_experiments(workspace: Workspace) -> Iterator[str]:
    """A line an experiment, newest first; writes the page and ends with its path."""
    known = read_all(workspace)
    if not known:
        make = make_command(workspace.competition, "all")
        yield f"no experiment of {workspace.competition} yet: `{make}` makes the first one"
        return
    submitted = leaderboard_scores(workspace)
    header = ("no.", "when", "preset", known[-1].metric, "vs. best earlier", "board", "time", "")
    rows = [header, *(_row(known, each, submitted) for each in reversed(known))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
        yield "  ".join(cells).rstrip()
    path = workspace.experiments.parent / PAGE
    write_atomically(path, render(workspace, known, submitted))
    yield f"as a page: {from_here(path)}"


def leaderboard_scores(workspace: Workspace) -> dict[str, float]:
    """The score that the leaderboard gave, by the submission's file name."""
    entries = ledger.scored(ledger.read(workspace.submissions / ledger.FILENAME))
    return {each.file: float(each.leaderboard) for each in entries if each.leaderboard is not None}


def _row(
    known: Sequence[Experiment], experiment: Experiment, submitted: Mapping[str, float]
) -> tuple[str, ...]:
    """The cells as text, between the number and what the experiment was about."""
    about = (experiment.note, some(list(experiment.changes), MOST_NAMED))
    cells = _cells(known, experiment, submitted)
    return (str(experiment.number), *(each.text for each in cells), "; ".join(filter(None, about)))


def _cells(
    known: Sequence[Experiment], experiment: Experiment, submitted: Mapping[str, float]
) -> list[page.Cell]:
    """When, preset, score, against the best earlier one, leaderboard score, time."""
    board, found = submitted.get(experiment.submission or ""), experiment.best_before
    return [
        page.cell(experiment.when),
        page.cell(experiment.preset),
        page.Cell(with_error(experiment.expected), experiment.score),
        page.Cell(against_best(known, experiment), found.score if found else None),
        page.Cell("" if board is None else f"{board:g}", board),
        page.Cell(duration(experiment.seconds), experiment.seconds),
    ]


def against_best(known: Sequence[Experiment], experiment: Experiment) -> str:
    """`+0.0012 ± 0.0007 vs. 3`; why there is no difference, where there is none."""
    found = experiment.best_before
    if found is not None:
        same = f"same as {found.to}"
        return same if found.is_zero else f"{signed(found.estimate)} vs. {found.to}"
    last = preceding(known, experiment)
    if last is None:
        return "the first"
    earlier = [each for each in known if each.number < experiment.number]
    if any(is_comparable(each, experiment) for each in earlier):
        return "earlier values are pruned"
    return f"not comparable to {last.number}: {what_differs(last, experiment)}"


# -- two of them -----------------------------------------------------------------------------------


def compare_experiments(workspace: Workspace, a: str, b: str) -> Iterator[str]:
    """The paired difference of two experiments, of their blends and model by model."""
    one, other = find(workspace, a), find(workspace, b)
    yield f"{one.number}: {_score(one)}  {one.note}".rstrip()
    yield f"{other.number}: {_score(other)}  {other.note}".rstrip()
    if is_comparable(one, other):
        with in_use(workspace.lock):
            yield from _differences(workspace, one, other)
    else:
        yield f"not comparable row by row: {what_differs(one, other)}"
    for change in changes(other, one):
        yield f"  {change}"


def _score(experiment: Experiment) -> str:
    score = with_error(experiment.expected)
    return f"{experiment.label} {score} ({experiment.method}, {experiment.preset})"


def _differences(workspace: Workspace, one: Experiment, other: Experiment) -> Iterator[str]:
    """A line for the blends, and one for every model of either experiment."""
    store, greater = Store(workspace.store), one.measure.greater_is_better
    both = [BLEND, *(name for name in one.models if name in other.models)]
    paired = differences(store, one, other, both)
    found = {name: _verdict(difference, greater) for name, difference in paired.items()}
    for each, rival in ((one, other), (other, one)):
        only = [name for name in each.models if name not in rival.models]
        found |= dict.fromkeys(only, f"only in {each.number}")
    for target in one.target_names if one.targets else ():
        pair = one.of(target), other.of(target)
        difference = differences(store, *pair, [BLEND])[BLEND]
        greater = pair[0].measure.greater_is_better
        found[f"{BLEND} of {target}"] = _verdict(difference, greater)
    width = max(map(len, found))
    yield f"{one.number} minus {other.number}, on the same rows (95% interval):"
    for name, text in found.items():
        yield f"  {name:<{width}}  {text}"


def _verdict(difference: Estimate | None, greater_is_better: bool) -> str:
    if difference is None:
        return "its predictions are not stored any more"
    found = verdict(difference, greater_is_better)
    if found == "the same":
        return "the same predictions"
    digits = decimals(difference.standard_error)
    return f"{difference.score:+.{digits}f}  ({with_interval(difference)})  {found}"


# -- the page --------------------------------------------------------------------------------------


def render(
    workspace: Workspace, known: Sequence[Experiment], submitted: Mapping[str, float]
) -> str:
    """All experiments on one page: scores over time, a table, and what each of them was."""
    table = page.Section("all", "", [_table(known, submitted)])
    return page.render(
        "experiments.html",
        title=f"{workspace.competition}: experiments",
        subtitle=count(len(known), "experiment"),
        simulated=False,
        footer="",
        chart=chart(known),
        sections=[table, *(_section(workspace, known, each) for each in reversed(known))],
    )


def _table(known: Sequence[Experiment], submitted: Mapping[str, float]) -> page.SortableTable:
    columns = ("Experiment", "When (UTC)", "Preset", "Score", "Against the best earlier")
    rows = [[_to_section(each), *_cells(known, each, submitted)] for each in reversed(known)]
    return page.SortableTable(
        "All experiments; a number leads to what it was.", (*columns, "Leaderboard", "Time"), rows
    )


def _to_section(experiment: Experiment) -> page.Cell:
    number, link = experiment.number, Markup('<a href="#experiment-{}">{}</a> {}')
    return page.Cell(link.format(number, number, experiment.note), f"{number:09d}")


@dataclass(frozen=True)
class Point:
    """An experiment in the chart: where its score and its 95% interval stand, in pixels."""

    number: int
    x: float
    y: float
    top: float
    bottom: float
    label: str
    is_comparable: bool
    is_numbered: bool


@dataclass(frozen=True)
class Chart:
    """The scores of the experiments that have the newest one's metric, the oldest on the left.

    `marks` are heights and texts on the axis of scores.
    """

    metric: str
    points: Sequence[Point]
    marks: Sequence[tuple[float, str]]
    size: tuple[int, int] = (WIDTH, HEIGHT)
    left: int = LEFT
    right: int = RIGHT


def chart(known: Sequence[Experiment]) -> Chart:
    """Where the scores and their intervals stand; at most MOST_NUMBERS have their number below."""
    same = [each for each in known if each.metric == known[-1].metric]
    ends = np.array([interval(each.expected) for each in same])
    ticks, digits = _ticks(ends.min(), ends.max())
    across = np.linspace(LEFT + 30, RIGHT - 30, len(same)).round(1)
    middles = _down(np.array([each.score for each in same]), ticks)
    bottoms, tops = _down(ends[:, 0], ticks), _down(ends[:, 1], ticks)
    every = -(-len(same) // MOST_NUMBERS)
    points = [
        Point(
            each.number,
            float(across[i]),
            middles[i],
            tops[i],
            bottoms[i],
            label=f"{each.number}: {_score(each)} {each.note}".rstrip(),
            is_comparable=is_comparable(each, known[-1]),
            is_numbered=(len(same) - 1 - i) % every == 0,
        )
        for i, each in enumerate(same)
    ]
    texts = [f"{tick:,.{digits}f}" for tick in ticks]
    marks = list(zip(_down(ticks, ticks), texts, strict=True))
    return Chart(known[-1].label, points, marks)


def _ticks(low: float, high: float) -> tuple[np.ndarray, int]:
    """Round scores that enclose these two, and how many decimals they need."""
    from matplotlib.ticker import MaxNLocator

    ticks = np.asarray(MaxNLocator(4).tick_values(low, high if high > low else low + 1e-3))
    step = ticks[1] - ticks[0]
    return ticks, next(n for n in range(12) if np.isclose(round(step, n), step))


def _down(scores: np.ndarray, ticks: np.ndarray) -> list[float]:
    """Scores as distances from the top of the chart, in pixels."""
    places: list[float] = np.interp(scores, ticks[[0, -1]], (BOTTOM, TOP)).round(1).tolist()
    return places


def _section(
    workspace: Workspace, known: Sequence[Experiment], experiment: Experiment
) -> page.Section:
    """What one experiment was: its score and blend, its files, what changed, all settings."""
    number, last = experiment.number, preceding(known, experiment)
    weights = ", ".join(f"{name} {w:.2f}" for name, w in experiment.weights.items() if w >= 0.005)
    run = f"preset {experiment.preset}, {duration(experiment.seconds)}"
    facts = [
        (experiment.label, with_error(experiment.expected), "to expect"),
        ("Against the best earlier", against_best(known, experiment), ""),
        ("Blend", experiment.method, weights),
        ("Run", experiment.when, run),
    ]
    files = {
        "report": workspace.experiments / experiment.name / "report.html",
        "submission": workspace.submissions / (experiment.submission or "-"),
    }
    return page.Section(
        f"experiment-{number}",
        f"{number}: {experiment.note}" if experiment.note else str(number),
        [
            page.Facts(facts),
            _targets(experiment),
            Markup(", ").join(_link(workspace, name, path) for name, path in files.items()),
            f"Changed since experiment {last.number}:" if last and experiment.changes else None,
            page.Bullets(experiment.changes) if experiment.changes else None,
            page.Details("All settings", [_settings(experiment)]),
        ],
    )


def _targets(experiment: Experiment) -> page.SortableTable | None:
    """The score of each of several targets."""
    rows = [
        [
            each.target,
            experiment.of(each.target).label,
            page.Cell(with_error(each.expected), each.score),
            each.method,
        ]
        for each in experiment.targets
    ]
    columns = ("Target", "Metric", "To expect", "Blend")
    return page.SortableTable("", columns, rows) if rows else None


def _settings(experiment: Experiment) -> page.SortableTable:
    """Every setting by its name in the TOML."""
    named: list[tuple[str, object]] = []
    waiting = list(experiment.settings.items())[::-1]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}", each) for key, each in value.items()][::-1]
        else:
            named.append((name, json.dumps(value, ensure_ascii=False)))
    return page.SortableTable("", ("Setting", "Value"), named)


def _link(workspace: Workspace, name: str, path: Path) -> str:
    """A file by its path from the page, where there is one."""
    if not path.is_file():
        return f"no {name}"
    address = Path(os.path.relpath(path, workspace.build)).as_posix()
    return Markup('<a href="{}">{}</a>').format(address, name)

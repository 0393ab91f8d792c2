"""The experiments of a competition side by side: as lines, as a page, and two of them compared."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import ledger, page
from pipeline.estimates import NORMAL_95, decimals, verdict, with_error, with_interval
from pipeline.experiments import (
    Difference,
    Experiment,
    blend_difference,
    changes,
    find,
    is_comparable,
    model_differences,
    read_all,
)
from pipeline.files import write_atomically
from pipeline.metrics import METRICS, Estimate
from pipeline.store import Store
from pipeline.wording import count, duration, from_here, make_command, some
from pipeline.workspace import Workspace

PAGE = "experiments.html"
MOST_NAMED = 3  # changes in a line
WIDTH, HEIGHT, MARGIN = 720, 240, 48  # of the chart, in pixels


def list_experiments(workspace: Workspace) -> Iterator[str]:
    """A line an experiment, newest first; writes the page and ends with its path."""
    known = read_all(workspace)
    if not known:
        make = make_command(workspace.competition)
        yield f"no experiment of {workspace.competition} yet: `{make} all` makes the first one"
        return
    submitted = leaderboard_scores(workspace)
    header = ("no.", "when", "preset", known[-1].metric, "to the best before", "board", "time", "")
    rows = [header, *(_row(known, each, submitted) for each in reversed(known))]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header) - 1)]
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, [*widths, 0], strict=True)]
        yield "  ".join(cells).rstrip()
    path = workspace.experiments.parent / PAGE
    write_atomically(path, render(workspace, known, submitted))
    yield f"as a page: {from_here(path)}"


def leaderboard_scores(workspace: Workspace) -> dict[str, float]:
    """What the leaderboard said, by the submission's file name."""
    entries = ledger.scored(ledger.read(workspace.submissions / ledger.FILENAME))
    return {each.file: float(each.leaderboard) for each in entries if each.leaderboard is not None}


def _row(
    known: Sequence[Experiment], experiment: Experiment, submitted: Mapping[str, float]
) -> tuple[str, ...]:
    score = Estimate(experiment.score, experiment.standard_error)
    board = submitted.get(experiment.submission or "")
    return (
        str(experiment.number),
        experiment.created[:16].replace("T", " "),
        experiment.preset,
        with_error(score),
        against_best(known, experiment),
        "" if board is None else f"{board:g}",
        duration(experiment.seconds),
        description(experiment),
    )


def description(experiment: Experiment) -> str:
    """The note, and what changed against the experiment before."""
    changed = some(list(experiment.changes), MOST_NAMED)
    return "; ".join(filter(None, (experiment.note, changed)))


def against_best(known: Sequence[Experiment], experiment: Experiment) -> str:
    """`+0.0012 ± 0.0007 to 3`; why there is no difference, where there is none."""
    found = experiment.best_before
    if found is not None:
        return f"same as {found.to}" if found.is_zero else f"{gain_with_error(found)} to {found.to}"
    earlier = [each for each in known if each.number < experiment.number]
    if not earlier:
        return "the first"
    if any(is_comparable(each, experiment) for each in earlier):
        return "earlier values are pruned"
    return "not comparable: other folds or rows"


def gain_with_error(difference: Difference | Estimate) -> str:
    """`+0.0012 ± 0.0007`."""
    digits = decimals(difference.standard_error)
    return f"{difference.score:+.{digits}f} ± {difference.standard_error:.{digits}f}"


# -- two of them -----------------------------------------------------------------------------------


def compare_experiments(workspace: Workspace, a: str, b: str) -> Iterator[str]:
    """The paired difference of two experiments, of their blends and model by model."""
    one, other = find(workspace, a), find(workspace, b)
    yield f"{one.number}: {_score(one)}  {one.note}".rstrip()
    yield f"{other.number}: {_score(other)}  {other.note}".rstrip()
    if not is_comparable(one, other):
        yield (
            "not comparable row by row: they were validated on other folds, other rows, or by "
            "another metric"
        )
    else:
        yield from _differences(workspace, one, other)
    for change in changes(other, one):
        yield f"  {change}"


def _score(experiment: Experiment) -> str:
    score = with_error(Estimate(experiment.score, experiment.standard_error))
    return f"{METRICS[experiment.metric].label} {score} ({experiment.method}, {experiment.preset})"


def _differences(workspace: Workspace, one: Experiment, other: Experiment) -> Iterator[str]:
    store = Store(workspace.store)
    found: dict[str, Estimate | None] = {"blend": blend_difference(store, one, other)}
    found |= model_differences(store, one, other)
    width = max(map(len, found))
    greater = METRICS[one.metric].greater_is_better
    yield f"{one.number} minus {other.number}, on the same rows (95% interval):"
    for name, difference in found.items():
        yield f"  {name:<{width}}  {_verdict(difference, greater)}"


def _verdict(difference: Estimate | None, greater_is_better: bool) -> str:
    if difference is None:
        return "its predictions are not stored any more"
    found = verdict(difference, greater_is_better)
    if found == "the same":
        return "the same predictions"
    digits = decimals(difference.standard_error)
    return f"{difference.score:+.{digits}f}  ({with_interval(difference)})  {found}"


# -- the page --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """An experiment in the chart: where its score and its 95% interval stand, in pixels."""

    number: int
    x: float
    y: float
    top: float
    bottom: float
    label: str
    comparable: bool


def render(
    workspace: Workspace, known: Sequence[Experiment], submitted: Mapping[str, float]
) -> str:
    """All experiments on one page: scores over time, and what each of them was."""
    newest = known[-1]
    return page.render(
        "experiments.html",
        title=f"{workspace.competition}: experiments",
        subtitle=f"{count(len(known), 'experiment')}, newest first",
        simulated=False,
        footer="",
        sections=(),
        metric=METRICS[newest.metric].label,
        points=points(known),
        size=(WIDTH, HEIGHT, MARGIN),
        scale=_scale(known),
        experiments=[_shown(workspace, known, each, submitted) for each in reversed(known)],
    )


def _range(known: Sequence[Experiment]) -> tuple[float, float]:
    """The scores that the chart spans: those of the newest one's metric."""
    same = [each for each in known if each.metric == known[-1].metric]
    low = min(each.score - NORMAL_95 * each.standard_error for each in same)
    high = max(each.score + NORMAL_95 * each.standard_error for each in same)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _scale(known: Sequence[Experiment]) -> list[tuple[float, str]]:
    """Where the axis has a mark, and its text."""
    low, high = _range(known)
    marks = [low + share * (high - low) for share in (0.0, 0.5, 1.0)]
    return [(_height(mark, known), f"{mark:.4g}") for mark in marks]


def _height(score: float, known: Sequence[Experiment]) -> float:
    low, high = _range(known)
    return round(MARGIN / 2 + (HEIGHT - MARGIN) * (high - score) / (high - low), 1)


def points(known: Sequence[Experiment]) -> list[Point]:
    """The experiments that have the newest one's metric, the oldest on the left."""
    same = [each for each in known if each.metric == known[-1].metric]
    step = (WIDTH - 2 * MARGIN) / max(1, len(same) - 1)
    return [
        Point(
            each.number,
            round(MARGIN + place * step, 1),
            _height(each.score, known),
            _height(each.score + NORMAL_95 * each.standard_error, known),
            _height(each.score - NORMAL_95 * each.standard_error, known),
            f"{each.number}: {_score(each)}",
            is_comparable(each, known[-1]),
        )
        for place, each in enumerate(same)
    ]


@dataclass(frozen=True)
class Shown:
    """What the page says of an experiment; links are paths from the page."""

    number: int
    when: str
    preset: str
    note: str
    score: str
    against_best: str
    leaderboard: str
    seconds: str
    changes: tuple[str, ...]
    weights: str
    report: str
    submission: str


def _shown(
    workspace: Workspace,
    known: Sequence[Experiment],
    experiment: Experiment,
    submitted: Mapping[str, float],
) -> Shown:
    board = submitted.get(experiment.submission or "")
    report = workspace.experiments / experiment.name / "report.html"
    file = workspace.submissions / (experiment.submission or "-")
    return Shown(
        experiment.number,
        experiment.created[:16].replace("T", " "),
        experiment.preset,
        experiment.note,
        _score(experiment),
        against_best(known, experiment),
        "" if board is None else f"{board:g}",
        duration(experiment.seconds),
        experiment.changes,
        ", ".join(f"{name} {w:.2f}" for name, w in experiment.weights.items() if w >= 0.005),
        _link(workspace, report),
        _link(workspace, file),
    )


def _link(workspace: Workspace, path: Path) -> str:
    """A path as the page links to it; empty where there is nothing."""
    if not path.is_file():
        return ""
    return Path(os.path.relpath(path, workspace.build)).as_posix()

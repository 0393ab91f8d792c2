"""Several targets together: the mean of their scores for every member and the blend, and a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from markupsafe import Markup

from pipeline import page
from pipeline.blending import Blended
from pipeline.config import BLEND
from pipeline.estimates import decimals, with_error
from pipeline.folds import Folds
from pipeline.ledger import Entry
from pipeline.metrics import Metric
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.store import MEASURED
from pipeline.targets import (
    AverageBlend,
    ByTarget,
    Mean,
    average_blend,
    folder_of,
    mean_metric,
    metrics_of,
    ranked,
    scored,
)
from pipeline.training import Trained
from pipeline.wording import count, make_command

if TYPE_CHECKING:
    from pipeline.stage_settings import AverageStage

SUBTITLE = (
    "Each target has folds, models, a blend and a report of its own; the competition counts the "
    "mean of their scores. Every score is out-of-fold."
)
HOW_TO_READ = (
    "± is one standard error over rows: what is hard in a row is often hard for all targets, which "
    "is counted. Difference to the best: the 95% interval of the paired difference; where it "
    "includes zero, two entries are not distinguishable."
)


@dataclass(frozen=True)
class Averaged:
    """The mean over targets: `metric` is what it is called, `entries` are ranked, best first.

    `html` is the page, `figures` are none: the targets' reports have them.
    """

    metric: str
    entries: tuple[Mean, ...]
    summary: Mapping[str, Any]
    html: str = field(metadata=MEASURED)
    figures: Mapping[str, bytes] = field(metadata=MEASURED)


def average(
    settings: "AverageStage",
    load: ByTarget[Loaded],
    split: ByTarget[Folds],
    train: ByTarget[Mapping[str, Trained]],
    blend: ByTarget[Blended],
    scores: Sequence[Entry],
    progress: Progress,
) -> Averaged:
    """Rank the members that every target has, and the blends, by the mean over targets.

    `scores` are submissions with a leaderboard score.
    """
    metrics = metrics_of(load, blend)
    targets = {
        name: {
            target: scored(
                load[target],
                metrics[target],
                oof[target],
                split[target].validated,
                split[target].validated_clusters,
            )
            for target in load
        }
        for name, oof in _out_of_fold(train, blend).items()
    }
    metric = mean_metric(list(metrics.values()), settings.over_targets)
    entries = tuple(ranked(targets, metric))
    best = entries[0]
    progress.say(f"{metric.label} {with_error(best.estimate)}, {best.name}")
    watch = make_command(settings.name, "watch")
    progress.advise(f"the page on all targets is ready: `{watch}` opens it")
    sections = [
        _expected(average_blend(load, blend, settings.over_targets), load, metric),
        _targets(load, blend, metrics),
        _leaderboard(entries, list(load), metric),
        *_submissions(scores),
    ]
    return Averaged(
        metric.label,
        entries,
        {"metric": metric.label, "entries": [each.plain() for each in entries]},
        html=page.document(
            settings.title or settings.name or "Report",
            _subtitle(settings.url),
            sections,
            footer="Two runs of the same code on the same files and settings give the same page.",
            simulated=any(each.simulated for each in load.values()),
        ),
        figures={},
    )


def _subtitle(url: str) -> str:
    link = Markup('{} Competition: <a href="{}">{}</a>.')
    return link.format(SUBTITLE, url, url) if url else SUBTITLE


def _out_of_fold(
    train: Mapping[str, Mapping[str, Trained]], blend: Mapping[str, Blended]
) -> dict[str, dict[str, Any]]:
    """By name, then by target: predictions (n, k) of the blend and of members that all have."""
    found = {BLEND: {target: each.oof for target, each in blend.items()}}
    for name in next(iter(train.values())):
        if all(members[name].repeats for members in train.values()):
            found[name] = {target: members[name].mean_oof for target, members in train.items()}
    return found


def _expected(together: AverageBlend, load: Mapping[str, Loaded], metric: Metric) -> page.Section:
    first = next(iter(load.values()))
    facts = [
        (metric.label, with_error(together.expected.estimate), "to expect on the leaderboard"),
        ("Targets", count(len(load)), ", ".join(load)),
        ("Rows", count(len(first.train)), f"{count(len(first.test))} to predict"),
    ]
    cut = ", ".join(f"{name} ({each})" for name, each in together.cut_short.items())
    notice = page.Notice(f"Cut short: {cut}.") if cut else None
    return page.Section("expected", "", [page.Facts(facts), notice])


def _targets(
    load: Mapping[str, Loaded], blend: Mapping[str, Blended], metrics: Mapping[str, Metric]
) -> page.Section:
    rows = []
    for place, (target, each) in enumerate(blend.items(), start=1):
        expected = each.expected.estimate
        folder = f"targets/{quote(folder_of(place, target))}"
        rows.append(
            [
                page.Cell(Markup('<a href="{}/report.html">{}</a>').format(folder, target), target),
                load[target].problem.task,
                metrics[target].label,
                page.Cell(with_error(expected), expected.score),
                each.method,
                page.Cell(Markup('<a href="{}/explore.html">the data</a>').format(folder), target),
            ]
        )
    columns = ("Target", "Task", "Metric", "To expect", "Blend", "Exploration")
    return page.Section(
        "targets",
        "The targets",
        [page.SortableTable("A name leads to the target's report.", columns, rows)],
    )


def _leaderboard(entries: Sequence[Mean], targets: Sequence[str], metric: Metric) -> page.Section:
    digits = decimals(entries[0].estimate.standard_error)
    better = "higher" if metric.greater_is_better else "lower"
    rows = [
        [
            "the blend" if each.name == BLEND else each.name,
            page.Cell(with_error(each.estimate, digits), each.estimate.score),
            each.against_best(digits),
            page.toned(each.verdict, {"best": "good", "worse": ""}.get(each.verdict, "warn")),  # type: ignore[arg-type]
            *(page.Cell(with_error(found), found.score) for found in each.by_target.values()),
        ]
        for each in entries
    ]
    columns = ("Model", metric.label, "Difference to the best", "Verdict", *targets)
    caption = f"{metric.label}: {better} is better. Models that some target lacks are left out."
    table = page.SortableTable(caption, columns, rows)
    return page.Section("leaderboard", "Leaderboard", [table, page.Soft(HOW_TO_READ)])


def _submissions(scores: Sequence[Entry]) -> Iterator[page.Section]:
    """What the leaderboard said, beside what was expected."""
    if scores:
        rows = [[each.file, each.score, each.leaderboard] for each in scores]
        columns = ("Submission", "Expected", "Leaderboard")
        table = page.SortableTable("Submissions with a leaderboard score.", columns, rows)
        yield page.Section("submissions", "Submissions", [table])

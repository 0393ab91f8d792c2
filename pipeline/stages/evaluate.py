"""Score every member and the blend on rows that they never saw, and make the report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from pipeline import page, report
from pipeline.blending import Blended
from pipeline.encoded import Encoded
from pipeline.exploration.findings import Explored
from pipeline.figures import Plot, style
from pipeline.fits import Fits
from pipeline.folds import Folds
from pipeline.ledger import Entry
from pipeline.predictor import Predictor
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.report.alarm import Alarm
from pipeline.report.alarms import Alarms
from pipeline.report.evidence import Evidence
from pipeline.report.leaderboard import Leaderboard, terminal_table
from pipeline.store import MEASURED
from pipeline.training import Trained
from pipeline.tuning import Tuned
from pipeline.wording import make_command

if TYPE_CHECKING:
    from pipeline.stage_settings import EvaluateStage

Plots = Mapping[str, Mapping[str, Plot]]  # by section, then by the figure's own name


@dataclass(frozen=True)
class Evaluated:
    """How good the members and the blend are, and the report.

    `no_score_reason` is why no expected score is given, empty where one is; `summary` holds the
    results of all sections of the report, by name, as plain JSON.

    `html` is the report, one file; `figures` are its figures as PNG, by name. The page shows
    seconds and the figures use the machine's fonts, so that neither is part of the value.
    """

    leaderboard: Leaderboard
    alarms: tuple[Alarm, ...]
    no_score_reason: str
    summary: Mapping[str, Any]
    html: str = field(metadata=MEASURED)
    figures: Mapping[str, bytes] = field(metadata=MEASURED)


def evaluate(
    settings: "EvaluateStage",
    load: Loaded,
    explore: Explored,
    split: Folds,
    encode: Encoded,
    tune: Mapping[str, Tuned],
    train: Mapping[str, Trained],
    blend: Blended,
    fits: Fits,
    scores: Sequence[Entry],
    progress: Progress,
) -> Evaluated:
    """Compute the sections of the report, draw them, and show the leaderboard.

    `scores` are submissions with a leaderboard score. Members that the budget left out, and rows
    that no fold validates, are left out of it all.
    """
    own = of_fitted(blend, train)
    predictor = None if own is None else Predictor(load, split, train, own, fits)
    with fits.workers(progress=progress) as parallel_map:
        evidence = Evidence(
            settings=settings,
            load=load,
            explore=explore,
            split=split,
            encode=encode,
            tune=tune,
            train=train,
            blend=blend,
            fits=fits,
            predictor=predictor,
            scores=scores,
            map=parallel_map,
        )
        compute(evidence, progress)
    return finish(evidence, progress)


def of_fitted(blend: Blended, train: Mapping[str, Trained]) -> Blended | None:
    """The blend without predictions from elsewhere, which cannot be made again for changed rows;
    None where nothing is left."""
    fitted = [name for name, each in train.items() if not each.is_foreign]
    if {*blend.blend.needed} <= {*fitted}:
        return blend
    own = blend.blend.of(fitted)
    return None if own is None else replace(blend, blend=own)


def compute(evidence: Evidence, progress: Progress) -> None:
    """Fill in the evidence's results, section by section: later ones read those of earlier ones."""
    with progress.task("report", len(report.SECTIONS)) as task:
        for name in report.SECTIONS:
            evidence.results[name] = report.module(name).compute(evidence)
            task.advance(report.module(name).TITLE)


def finish(evidence: Evidence, progress: Progress) -> Evaluated:
    """The figures, the page, and the leaderboard on the terminal."""
    board: Leaderboard = evidence.results["leaderboard"]
    alarms: Alarms = evidence.results["alarms"]
    plots = draw(evidence)
    show(board, alarms, evidence, progress)
    return Evaluated(
        board,
        tuple(alarms.found),
        alarms.no_score_reason,
        {name: report.to_json(name, evidence) for name in report.SECTIONS},
        html=render(evidence, plots),
        figures={plot.name: plot.png for of in plots.values() for plot in of.values()},
    )


def draw(evidence: Evidence) -> Plots:
    """The figures of every section."""
    found = {}
    with style():
        for name in report.SECTIONS:
            drafts, simulated = report.plots(name, evidence), evidence.load.simulated
            found[name] = {draft.name: draft.finish(simulated=simulated) for draft in drafts}
    return found


def render(evidence: Evidence, plots: Plots) -> str:
    """The page: every section that has a result, under its title."""
    settings = evidence.settings
    subtitle = "Every score is out-of-fold: the models that predict a row never saw it."
    link = Markup('{} Competition: <a href="{}">{}</a>.')
    sections = [report.render(name, evidence, plots[name]) for name in report.SECTIONS]
    return page.document(
        settings.title or settings.name or "Report",
        link.format(subtitle, settings.url, settings.url) if settings.url else subtitle,
        [section for section in sections if section is not None],
        footer="Two runs of the same code on the same files and settings differ only in the times.",
        simulated=evidence.load.simulated,
    )


def show(board: Leaderboard, alarms: Alarms, evidence: Evidence, progress: Progress) -> None:
    """The leaderboard on the terminal, and the alarms."""
    blend, undone = evidence.blend, evidence.blend.undone
    candidates = ", ".join(
        f"{method} {found.score:,.{board.digits}f}" for method, found in blend.candidates.items()
    )
    caption = f"blend: {blend.method}; candidates: {candidates}"
    if undone:
        caption += f"\ncut short: {undone}"
    rows = "simulated rows" if evidence.load.simulated else "rows"
    title = f"Out-of-fold scores on {board.rows:,} {rows}"
    seconds = {name: trained.fit_seconds for name, trained in evidence.trained.items()}
    progress.show(terminal_table(board, seconds, caption=caption, title=title))
    for alarm in alarms.found:
        progress.advise(f"ALARM: {alarm.found}")
    if alarms.no_score_reason:
        progress.advise(f"no expected score is given: {alarms.no_score_reason}")
    watch = make_command(evidence.settings.name, "watch")
    progress.say(f"the report is ready: `{watch}` opens it")

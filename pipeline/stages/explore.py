"""Look before modelling: the target, every column, drift between train and test, duplicates."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.exploration import (
    adversarial,
    association,
    column_drift,
    correlations,
    findings_page,
    pairs,
    profile,
    ratings,
    target,
)
from pipeline.exploration.adversarial import Adversarial
from pipeline.exploration.association import Association
from pipeline.exploration.bins import as_numbers
from pipeline.exploration.column_drift import ColumnDrift
from pipeline.exploration.duplicates import find_duplicates
from pipeline.exploration.findings import Explored, Findings, Rows
from pipeline.exploration.strength import most_related
from pipeline.exploration.target import Target
from pipeline.figures import Draft, Plot
from pipeline.models.lightgbm import native
from pipeline.parallel import Map, workers
from pipeline.problem import Feature, Loaded
from pipeline.progress import Progress, Task

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.stage_settings import ExploreStage

COLUMNS_DRAWN = 60
PAIRS_DRAWN = 6


@dataclass(frozen=True)
class Sample:
    """What tests and figures look at: some features, and rows drawn of train and test, y (n,)."""

    features: list[Feature]
    train: "pd.DataFrame"
    test: "pd.DataFrame"
    target: Target


def explore(settings: "ExploreStage", load: Loaded, progress: Progress) -> Explored:
    """The findings, and the page with its figures."""
    native()  # imported here, so that the workers need not import it each
    problem = load.problem
    about = Target(problem.target, np.asarray(load.y), problem.classes)
    sample = draw_sample(settings, load)
    drawings = min(len(sample.features), COLUMNS_DRAWN) + PAIRS_DRAWN + 6
    steps = adversarial.batches(settings.permutations) + drawings
    with workers() as parallel_map, progress.task("exploring", steps) as task:
        findings = look(settings, load, sample, parallel_map, task)
        plots = draw(findings, about, sample, parallel_map, task, simulated=load.simulated)
    progress.say(findings_page.headline(findings, about, simulated=load.simulated))
    return Explored(
        findings,
        findings_page.to_json(findings, about, load),
        findings_page.document(settings.name, findings, about, load, plots),
        {name: plot.png for name, plot in plots.items()},
    )


def draw_sample(settings: "ExploreStage", load: Loaded) -> Sample:
    """At most `max_rows` rows of train and of test, and of a wide table the related columns."""
    problem, y = load.problem, np.asarray(load.y)
    features = most_related(load.train, y, problem.features, len(problem.classes or ()))
    rng = np.random.default_rng([settings.seed, 1])
    one, other = (draw_rows(len(f), settings.max_rows, rng) for f in (load.train, load.test))
    train = load.train[problem.names].iloc[one].reset_index(drop=True)
    test = load.test[problem.names].iloc[other].reset_index(drop=True)
    return Sample(features, train, test, Target(problem.target, y[one], problem.classes))


def draw_rows(rows: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of at most so many rows, ascending."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(rng.choice(rows, size=most, replace=False))


# -- looking ---------------------------------------------------------------------------------------


def look(
    settings: "ExploreStage", load: Loaded, sample: Sample, parallel_map: Map[Any, Any], task: Task
) -> Findings:
    """Counts are of all rows; tests and figures are of the rows drawn."""
    problem, features, y = load.problem, sample.features, sample.target.y
    classes = len(problem.classes or ())
    related = association.associations(sample.train, y, features, classes, len(problem.features))
    kinds = {feature.name: feature for feature in features}
    strongest = [kinds[each.column] for each in related if each.varies]
    rng = np.random.default_rng([settings.seed, 3])
    code = _shown_class(related, y) if classes else None
    return Findings(
        rows=Rows(len(load.train), len(load.test)),
        drawn=Rows(len(sample.train), len(sample.test)),
        features=len(problem.features),
        profiles=tuple(profile.profile(load.train, load.test, each) for each in features),
        associations=tuple(related),
        pairs=tuple(pairs.find_pairs(sample.train, y, strongest, classes, rng)),
        ratings=ratings.find_ratings(sample.train, y, features, code, settings.ratings),
        correlations=correlations.correlations(sample.train, features, sample.target),
        drifts=_drifts(sample),
        adversarial=_adversarial(settings, sample, parallel_map, task),
        duplicates=find_duplicates(
            load.train, load.test, np.asarray(load.y), problem.features, is_regression=not classes
        ),
    )


def _drifts(sample: Sample) -> tuple[ColumnDrift, ...]:
    """None where there are no rows to predict."""
    if not len(sample.test):
        return ()
    return tuple(column_drift.column_drifts(sample.train, sample.test, sample.features))


def _shown_class(related: Sequence[Association], y: np.ndarray) -> int:
    """The class that the ratings show: the one that the strongest column shows."""
    return related[0].shown_class if related else int(np.bincount(y).argmax())


def _adversarial(
    settings: "ExploreStage", sample: Sample, parallel_map: Map[Any, Any], task: Task
) -> Adversarial | None:
    """On at most `max_rows` rows of both together, in the proportion that they have."""
    total = len(sample.train) + len(sample.test)
    matrix = adversarial.joint_matrix(sample.train, sample.test, sample.features)
    rows = draw_rows(total, settings.max_rows, np.random.default_rng([settings.seed, 2]))
    return adversarial.adversarial_validation(
        matrix[rows],
        rows >= len(sample.train),
        [feature.name for feature in sample.features],
        permutations=settings.permutations,
        seed=settings.seed,
        parallel_map=parallel_map,
        task=task,
    )


# -- drawing ---------------------------------------------------------------------------------------

Drawing = Callable[[], Draft | None]


def draw(
    findings: Findings,
    about: Target,
    sample: Sample,
    parallel_map: Map[Any, Any],
    task: Task,
    *,
    simulated: bool,
) -> dict[str, Plot]:
    """Every figure by its name."""
    plots = {}
    for plot in parallel_map(partial(_finish, simulated), [*_drawings(findings, about, sample)]):
        task.advance()
        if plot is not None:
            plots[plot.name] = plot
    return plots


def _finish(simulated: bool, drawing: Drawing) -> Plot | None:
    draft = drawing()
    return None if draft is None else draft.finish(simulated=simulated)


def _drawings(findings: Findings, about: Target, sample: Sample) -> Iterator[Drawing]:
    rows = findings.rows.train, findings.rows.test
    yield partial(target.plot, about)
    yield partial(profile.missing_plot, findings.profiles, *rows)
    if findings.drifts:
        yield partial(column_drift.plot, findings.drifts)
    varying = [each for each in findings.associations if each.varies]
    for place, each in enumerate(varying[:COLUMNS_DRAWN]):
        values = np.empty(0)
        if each.kind != "category":
            values = as_numbers(sample.train[each.column], each.kind)
        text = _column_summary(findings, each.column)
        yield partial(association.plot, each, values, sample.target, place, text)
    for place, pair in enumerate([p for p in findings.pairs if p.matters][:PAIRS_DRAWN]):
        yield partial(pairs.plot, pair, sample.target, place)
    if findings.ratings is not None:
        yield partial(ratings.plot, findings.ratings, sample.target)
    if findings.correlations is not None:
        yield partial(correlations.plot, findings.correlations)
    if findings.adversarial is not None:
        yield partial(adversarial.plot, findings.adversarial)


def _column_summary(findings: Findings, column: str) -> str:
    """What a column's figure does not show: missing values, zeros and drift."""
    (own,) = [item for item in findings.profiles if item.column == column]
    found = [item.summary for item in findings.drifts if item.column == column]
    rows = findings.rows
    text = "; ".join([*profile.missing_and_zeros(own, rows.train, rows.test), *found])
    return f"{text[0].upper()}{text[1:]}." if text else ""

"""Look before modelling: the target, every column, drift between train and test, duplicates."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from pipeline.artifacts import Folder
from pipeline.config import Explore
from pipeline.exploration import charts, document, heat_maps
from pipeline.exploration.association import Relation, relations
from pipeline.exploration.drift import (
    Adversarial,
    adversarial_validation,
    as_numbers,
    batches,
    column_drifts,
    joint_matrix,
)
from pipeline.exploration.duplicates import find_duplicates
from pipeline.exploration.findings import (
    Dataset,
    Findings,
    all_columns,
    draw_rows,
    headline,
    held_told,
    summarise,
)
from pipeline.exploration.interactions import Interaction, interactions
from pipeline.exploration.profile import correlations, profiles
from pipeline.exploration.ratings import Ratings, in_order, rating_columns, ratings
from pipeline.exploration.related import most_related
from pipeline.figures import Draft, Plot
from pipeline.models.lightgbm import native
from pipeline.parallel import Map, workers
from pipeline.progress import Progress, Task

DRAWN_COLUMNS = 60
DRAWN_PAIRS = 6
CORRELATED_COLUMNS = 100


def run(settings: Explore, *, load: Folder, out: Folder, progress: Progress) -> None:
    """Write explore.html, its figures as PNG, and every number in summary.json."""
    native()  # imported here, so that the workers need not import it each
    dataset = read_dataset(load)
    related = most_related(dataset.train, dataset.y, dataset.columns, dataset.classes)
    dataset = replace(dataset, columns=related)
    sample = dataset.drawn(settings.max_rows, np.random.default_rng([settings.seed, 1]))
    drawings = min(len(dataset.columns), DRAWN_COLUMNS) + DRAWN_PAIRS + 6
    steps = batches(settings.permutations) + drawings
    with workers() as spread, progress.task("looking", steps) as task:
        findings = explore(settings, dataset, sample, spread, task)
        plots = draw(findings, dataset, sample, spread, task)
    for name, plot in plots.items():
        out.folder("figures").write_bytes(f"{name}.png", plot.png)
    out.write_json("summary", summarise(findings, dataset, sample))
    out.write_text("explore.html", document.render(findings, dataset, sample, plots))
    progress.say(headline(findings, dataset))


def read_dataset(load: Folder) -> Dataset:
    schema = load.read_json("schema")
    columns = all_columns(schema)
    names = [name for name, _ in columns]
    train, test = load.read_table("train", names), load.read_table("test", names)
    return Dataset(train, test, np.array(load.read_array("y")), columns, schema)


# --- looking --------------------------------------------------------------------------------------


def explore(
    settings: Explore, dataset: Dataset, sample: Dataset, spread: Map[Any, Any], task: Task
) -> Findings:
    """Counts are of all rows; tests and figures are of the rows drawn."""
    is_regression = dataset.schema["task"] == "regression"
    columns, classes = dataset.columns, len(dataset.schema["classes"] or ())
    among = len(dataset.all_columns)
    related = relations(sample.train, sample.y, columns, classes, among)
    rated_class = None if is_regression else _rated_class(related, sample.y)
    names, correlated = _correlations(sample, classes)
    return Findings(
        profiles=profiles(dataset.train, dataset.test, columns),
        relations=related,
        pairs=_pairs(settings, sample, related, classes),
        rated=_ratings(settings, sample, rated_class),
        rated_class=rated_class,
        correlated=names,
        correlations=correlated,
        drifts=column_drifts(sample.train, sample.test, columns),
        adversarial=_adversarial(settings, sample, spread, task),
        duplicates=find_duplicates(
            dataset.train, dataset.test, dataset.y, dataset.all_columns, is_regression=is_regression
        ),
    )


def _rated_class(related: Sequence[Relation], y: np.ndarray) -> int:
    """The class that the heat map shows: the one that the strongest column tells most of."""
    return related[0].telling_class if related else int(np.bincount(y).argmax())


def _pairs(
    settings: Explore, sample: Dataset, related: Sequence[Relation], classes: int
) -> list[Interaction]:
    """Pairs of the strongest columns."""
    columns = [(relation.column, relation.kind) for relation in related if relation.varies]
    rng = np.random.default_rng([settings.seed, 3])
    return interactions(sample.train, sample.y, columns, classes, rng)


def _ratings(settings: Explore, sample: Dataset, code: int | None) -> Ratings | None:
    """In the order of the settings' journey, or else of the file."""
    names = rating_columns(sample.train, sample.columns)
    if settings.journey:
        names = in_order(settings.journey, sample.train, sample.columns)
    if not names:
        return None
    y = sample.y.astype(float) if code is None else (sample.y == code).astype(float)
    return ratings(sample.train, names, y, is_journey=bool(settings.journey))


def _correlations(sample: Dataset, classes: int) -> tuple[list[str], np.ndarray]:
    """Columns of numbers and dates, and the target where it is a number or one of two classes."""
    chosen = [(name, kind) for name, kind in sample.columns if kind in ("number", "date")]
    chosen = chosen[:CORRELATED_COLUMNS]
    parts = [as_numbers(sample.train[name], kind) for name, kind in chosen]
    names = [name for name, _ in chosen]
    if classes <= 2 and parts:
        parts.append(sample.y.astype(float))
        names.append(_marked(sample.schema["target"]))
    if len(parts) < 2:
        return [], np.empty((0, 0))
    matrix = np.column_stack(parts)
    found = correlations(np.where(np.isfinite(matrix), matrix, np.nan))
    varied = ~np.isnan(found).all(axis=0)
    kept = [name for name, varies in zip(names, varied, strict=True) if varies]
    return kept, found[np.ix_(varied, varied)]


def _marked(target: str) -> str:
    return target if target.casefold() == "target" else f"{target} (target)"


def _adversarial(
    settings: Explore, sample: Dataset, spread: Map[Any, Any], task: Task
) -> Adversarial | None:
    """On at most `max_rows` rows of both together, in the proportion that they have."""
    total = len(sample.train) + len(sample.test)
    matrix = joint_matrix(sample.train, sample.test, sample.columns)
    rows = draw_rows(total, settings.max_rows, np.random.default_rng([settings.seed, 2]))
    return adversarial_validation(
        matrix[rows],
        rows >= len(sample.train),
        sample.names,
        permutations=settings.permutations,
        seed=settings.seed,
        spread=spread,
        task=task,
    )


# --- drawing --------------------------------------------------------------------------------------

Job = Callable[[], Draft | None]


def draw(
    findings: Findings, dataset: Dataset, sample: Dataset, spread: Map[Any, Any], task: Task
) -> dict[str, Plot]:
    """Every figure by its name."""
    plots = {}
    finish = partial(_finish, bool(dataset.schema["simulated"]))
    for plot in spread(finish, _drawings(findings, dataset, sample)):
        task.advance()
        if plot is not None:
            plots[plot.name] = plot
    return plots


def _finish(simulated: bool, job: Job) -> Plot | None:
    draft = job()
    return None if draft is None else draft.finish(simulated=simulated)


def _drawings(findings: Findings, dataset: Dataset, sample: Dataset) -> list[Job]:
    target = sample.target
    jobs: list[Job] = [
        partial(charts.target_plot, dataset.target),
        partial(charts.missing_plot, findings.profiles, len(dataset.train), len(dataset.test)),
        partial(charts.drift_plot, findings.drifts),
    ]
    varying = [relation for relation in findings.relations if relation.varies]
    for place, relation in enumerate(varying[:DRAWN_COLUMNS]):
        values = np.empty(0)
        if relation.kind != "category":
            values = as_numbers(sample.train[relation.column], relation.kind)
        about = held_told(findings, dataset, relation.column)
        jobs.append(partial(charts.distribution_plot, relation, values, target, place, about))
    for place, pair in enumerate([pair for pair in findings.pairs if pair.matters][:DRAWN_PAIRS]):
        jobs.append(partial(heat_maps.pair_plot, pair, target, place))
    if findings.rated is not None:
        jobs.append(partial(heat_maps.rating_plot, findings.rated, target, findings.rated_class))
    if len(findings.correlated):
        names, matrix = _most_correlated(findings.correlated, findings.correlations)
        total = len(findings.correlated), _marked(target.name)
        jobs.append(partial(heat_maps.correlation_plot, names, matrix, *total))
    if findings.adversarial is not None:
        jobs.append(partial(charts.adversarial_plot, findings.adversarial))
    return jobs


def _most_correlated(names: list[str], matrix: np.ndarray) -> tuple[list[str], np.ndarray]:
    """As many columns as fit into the figure, in their order."""
    if len(names) <= heat_maps.LARGEST:
        return names, matrix
    strength = np.nan_to_num(np.abs(matrix - np.eye(len(names)))).max(axis=1)
    kept = np.sort(np.argsort(-strength, kind="stable")[: heat_maps.LARGEST])
    return [names[place] for place in kept], matrix[np.ix_(kept, kept)]

"""Look before modelling: the target, every column, drift between train and test, duplicates."""

from collections.abc import Callable, Generator, Iterable, Sequence
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
)
from pipeline.exploration.adversarial import Adversarial
from pipeline.exploration.association import Association
from pipeline.exploration.duplicates import find_duplicates
from pipeline.exploration.findings import Exploration, Explored, Findings, Rows, Sample
from pipeline.exploration.part import Drawing, Part
from pipeline.exploration.redundant import find_redundant
from pipeline.exploration.strength import most_related
from pipeline.exploration.target import Target
from pipeline.figures import Plot
from pipeline.native_library import import_module_bare
from pipeline.parallel import Map, workers
from pipeline.problem import Loaded
from pipeline.progress import Progress, Steps
from pipeline.splitting.mirroring import find_mirror
from pipeline.table import take

if TYPE_CHECKING:
    from pipeline.stage_settings import ExploreStage

OTHER_FIGURES = 12  # besides one a column; for the progress bar
MOST_CELLS = 500_000  # that adversarial validation looks at


def explore(settings: "ExploreStage", load: Loaded, progress: Progress) -> Explored:
    """The findings, and the page with its figures."""
    import_module_bare("lightgbm")  # imported here, so that the workers need not import it each
    sample = draw_sample(settings, load)
    target = Target(load.problem.target, np.asarray(load.y), load.problem.classes)
    total = adversarial.batches(settings.permutations) + len(sample.features) + OTHER_FIGURES
    with workers() as parallel_map, progress.task("exploring", total) as steps:
        counting_map = partial(_counted, parallel_map, steps)
        found = look(settings, load, sample, counting_map)
        exploration = Exploration(load, target, sample, found)
        parts = findings_page.parts(exploration)
        plots = draw(parts, counting_map, simulated=load.simulated)
    progress.say(findings_page.headline(exploration))
    return Explored(
        found,
        findings_page.to_json(exploration, parts),
        findings_page.document(settings.name, exploration, parts, plots),
        {plot.name: plot.png for own in plots for plot in own},
    )


def _counted(
    parallel_map: Map[Any, Any], steps: Steps, function: Callable[[Any], Any], jobs: Iterable[Any]
) -> Generator[Any, None, None]:
    """The same map; each result is a step of the progress."""
    for result in parallel_map(function, jobs):
        steps.advance()
        yield result


def draw_sample(settings: "ExploreStage", load: Loaded) -> Sample:
    """At most `max_rows` rows of train and of test, and the `max_columns` most related columns."""
    problem, y = load.problem, np.asarray(load.y)
    classes = len(problem.classes or ())
    features = most_related(load.train, y, problem.features, classes, settings.max_columns)
    rng = np.random.default_rng([settings.seed, 1])
    one, other = (draw_rows(len(f), settings.max_rows, rng) for f in (load.train, load.test))
    train = take(load.train, one, problem.names)
    test = take(load.test, other, problem.names)
    return Sample(features, train, test, Target(problem.target, y[one], problem.classes))


def draw_rows(rows: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of at most so many rows, ascending."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(rng.choice(rows, size=most, replace=False))


def look(
    settings: "ExploreStage", load: Loaded, sample: Sample, parallel_map: Map[Any, Any]
) -> Findings:
    """Counts are of all rows; tests and figures are of the rows drawn."""
    problem, features, y = load.problem, sample.features, sample.target.y
    classes = len(problem.classes or ())
    related = association.associations(sample.train, y, features, classes, len(problem.features))
    by_name = {feature.name: feature for feature in features}
    strongest = [by_name[each.column] for each in related if each.varies]
    rng = np.random.default_rng([settings.seed, 3])
    code = _shown_class(related, y) if classes else None
    rated = problem.features if settings.ratings else features  # named, and so shown in any case
    return Findings(
        rows=Rows(len(load.train), len(load.test)),
        drawn=Rows(len(sample.train), len(sample.test)),
        features=len(problem.features),
        profiles=tuple(profile.profile(load.train, load.test, each) for each in features),
        associations=tuple(related),
        pairs=tuple(pairs.find_pairs(sample.train, y, strongest, classes, rng)),
        ratings=ratings.find_ratings(sample.train, y, rated, code, settings.ratings),
        correlations=correlations.correlations(sample.train, features, sample.target),
        drifts=tuple(column_drift.column_drifts(sample.train, sample.test, features)),
        adversarial=_adversarial(settings, sample, parallel_map),
        duplicates=find_duplicates(
            load.train, load.test, np.asarray(load.y), problem.features, is_regression=not classes
        ),
        mirror=find_mirror(load.train, load.test, problem.features, problem.id),
        redundant=find_redundant(load.train, load.test, problem.names),
    )


def _shown_class(related: Sequence[Association], y: np.ndarray) -> int:
    """The class that the ratings show: the one that the strongest column shows."""
    return related[0].shown_class if related else int(np.bincount(y).argmax())


def _adversarial(
    settings: "ExploreStage", sample: Sample, parallel_map: Map[Any, Any]
) -> Adversarial | None:
    """On at most `max_rows` rows of both together, in the proportion that they have, and fewer
    where there are many columns: the model is fitted some 400 times.

    Columns that no model sees are left out: groups that test does not share say nothing of models.
    """
    total = len(sample.train) + len(sample.test)
    features = [each for each in sample.features if each.name not in settings.unseen]
    matrix = adversarial.joint_matrix(sample.train, sample.test, features)
    most = min(settings.max_rows, MOST_CELLS // max(1, len(features)))
    rows = draw_rows(total, most, np.random.default_rng([settings.seed, 2]))
    return adversarial.adversarial_validation(
        matrix[rows],
        rows >= len(sample.train),
        [feature.name for feature in features],
        permutations=settings.permutations,
        seed=settings.seed,
        parallel_map=parallel_map,
    )


def draw(
    parts: Sequence[Part], parallel_map: Map[Any, Any], *, simulated: bool
) -> list[list[Plot]]:
    """The figures of each part."""
    drawings = [drawing for part in parts for drawing in part.drawings]
    plots = parallel_map(partial(_finish, simulated=simulated), drawings)
    return [[next(plots) for _ in part.drawings] for part in parts]


def _finish(drawing: Drawing, *, simulated: bool) -> Plot:
    return drawing().finish(simulated=simulated)

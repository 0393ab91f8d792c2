"""Combine the models by their out-of-fold predictions, scored on rows the weights never saw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.blend_weights import repeated
from pipeline.blending import (
    MOST_MODELS,
    Blended,
    Expected,
    FittedBlend,
    Fitter,
    MethodComparison,
    OutOfFold,
    stacker_coefficients,
)
from pipeline.errors import UserError
from pipeline.expectation import averaging, expectation
from pipeline.folds import Folds
from pipeline.metrics import Metric, estimate, get_metric, paired_difference
from pipeline.postprocessing import postprocessed
from pipeline.prediction import check, rounded
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.table import take
from pipeline.training import Trained
from pipeline.wording import some

if TYPE_CHECKING:
    from pipeline.stage_settings import BlendStage

# the simpler one first: a later one must be better by more than noise
METHODS = ("equal", "greedy", "stack")
# how many numbers blends are fitted on, rows times models times classes, of more of them, and how
# many rows in any case: for weights, and for the nested choice of a method (docs/blending.md)
FITTED, CHOSEN = (5_000_000, 50_000), (1_000_000, 20_000)
RARE = 100  # rows: of a class that has fewer all are drawn
STACKER, SORTING = 5, 3  # models that a stacker takes as long as; how much longer a sort takes
MOST_COEFFICIENTS = 3_000  # of the stacker: 7 models of 20 classes
MOST_OUTPUTS, INNER_FOLDS = 100, 3  # models times classes; of more of them so many inner folds
NAMED = "The method is the one that [blend] method in the competition's TOML names."
RULE = (
    "The simplest method is kept (the best few models equally, then greedy selection, then the "
    "stacker), unless a later one is better in {decisive} by more than two standard errors of the "
    "paired difference{and_not_worse}."
)
AND_NOT_WORSE = " and not worse in {metric}"
NO_STACKER = (
    " The stacker was not tried: for {models} models of {outputs} classes it would have to learn "
    "{coefficients:,} coefficients, more than {most:,}."
)
NONE_FITTED = (
    "No model has predictions of all rows: {}. Close other programs, use fewer rows, or a machine "
    "with more memory, and have what was cut short tried again (NEW_PLAN=1)."
)
REMEDY = "Leave out of the TOML a model that predicts such numbers, or name a [blend] method."
LEAST = 0.005  # a share that is shown
MOST_NAMED = 12  # models


def blend(
    settings: "BlendStage",
    load: Loaded,
    split: Folds,
    train: Mapping[str, Trained],
    progress: Progress,
) -> Blended:
    """The models' blend, each row's out-of-fold blend, and the score to expect.

    A model without a repeat is not in it; one with fewer repeats than others is, by their mean.
    """
    trained = {name: train[name] for name in sorted(train) if train[name].repeats}
    if not trained:
        raise UserError(
            NONE_FITTED.format(", ".join(f"{n} ({t.cut_short})" for n, t in train.items()))
        )
    members, duplicates = without_duplicates(trained)
    metric, outputs = get_metric(settings.metric, load.problem.task), load.problem.outputs
    fitter = Fitter(tuple(members), metric, settings.rounds, settings.l2)
    methods = methods_tried(settings.method, len(members), outputs)
    known = out_of_fold(metric.target(load), split, members)
    known = replace(known, is_drawn=drawn(known, metric, FITTED))
    candidates = cross_fitted(fitter, methods, known)
    method, comparisons = choose(metric, known, candidates)
    fitted = fitter.fit((method,), known.to_fit())[method]
    unseen = nested(fitter, candidates, known)
    test = fitted.combine({name: each.test for name, each in members.items()})
    for prediction, rows in ((unseen, len(known.y)), (test, len(load.test))):
        check(prediction, rows, outputs, f"the blend ({method})", REMEDY)
    before = unseen
    if settings.postprocess:
        validated = take(load.train, split.validated, load.problem.names)
        unseen = postprocessed(settings.postprocess, unseen, validated, load.problem)
    test = postprocessed(settings.postprocess, test, load.test, load.problem)
    unseen, test = (rounded(each, known.predictions.dtype) for each in (unseen, test))
    effect = worth(settings.postprocess, metric, known, unseen, before)
    blended = Blended(
        blend=fitted,
        method=method,
        metric=metric.name,
        oof=on_all_rows(unseen, split),
        test=test,
        candidates={
            name: estimate(metric, known.y, each, clusters=known.clusters)
            for name, each in candidates.items()
        },
        comparisons=comparisons,
        rule=rule(settings.method, metric, len(members), outputs) + effect,
        expected=_expected(metric, fitted, members, known, unseen),
        duplicates=duplicates,
        cut_short={name: train[name].cut_short for name in sorted(train) if train[name].cut_short},
        postprocess=settings.postprocess,
    )
    _report(blended, metric, progress)
    if effect:
        progress.say(effect.strip())
    return blended


def worth(
    module: str | None, metric: Metric, known: OutOfFold, after: np.ndarray, before: np.ndarray
) -> str:
    """What postprocessing brings: predictions (v, k) after and before it; "" without any.

    The candidates' scores and the members' are without it.
    """
    if module is None:
        return ""
    found = paired_difference(metric, known.y, after, before, clusters=known.clusters)
    return (
        f" Last comes postprocess of pipeline/competitions/{module}.py: {metric.in_sentence} "
        f"after minus before it {found.score:+.4f} ± {found.standard_error:.4f}."
    )


def without_duplicates(
    trained: Mapping[str, Trained],
) -> tuple[dict[str, Trained], dict[str, str]]:
    """The members that predict something else than those before them; by name, whom others repeat.

    Two that predict the same would count twice.
    """
    names, first = list(trained), {}
    oof, test = ([getattr(each, part) for each in trained.values()] for part in ("oof", "test"))
    for place, same in enumerate(repeated(oof, test)):
        if same != place:
            first[names[place]] = names[same]
    return {name: each for name, each in trained.items() if name not in first}, first


def on_all_rows(unseen: np.ndarray, split: Folds) -> np.ndarray:
    """Predictions (v, k) of the validated rows -> (n, k), NaN for the others."""
    oof = np.full((split.rows, unseen.shape[1]), np.nan, unseen.dtype)
    oof[split.validated] = unseen
    return oof


def _expected(
    metric: Metric,
    fitted: FittedBlend,
    members: Mapping[str, Trained],
    known: OutOfFold,
    unseen: np.ndarray,
) -> Expected:
    """Of the nested blend's predictions (v, k): their score, and what averaging all fits adds."""
    folds = max(len(each.test_by_fold) for each in members.values())
    by_fold = {name: _spread(each.test_by_fold, folds) for name, each in members.items()}
    rule, predicted = fitted.decision_rule, unseen
    if rule is not None and rule.gives_whole:
        plain = replace(fitted, decision_rule=None)
        predicted = plain.combine(dict(zip(members, known.predictions, strict=True)))
    gain = averaging(metric, fitted, by_fold, (known.y, predicted))
    return expectation(metric, known.y, unseen, gain, known.clusters)


def _spread(by_fold: np.ndarray, folds: int) -> np.ndarray:
    """(folds, m, k): of predictions from elsewhere only the mean of all fits is known."""
    return np.broadcast_to(by_fold, (folds, *by_fold.shape[1:]))


def out_of_fold(y: np.ndarray, split: Folds, members: Mapping[str, Trained]) -> OutOfFold:
    """The rows that every repeat validates, with the models' mean predictions of them."""
    rows, every = split.validated, list(members.values())
    kind = np.result_type(*(each.oof for each in every))
    predictions = np.empty((len(every), len(y[rows]), every[0].oof.shape[2]), kind)
    for place, each in enumerate(every):  # a copy of one member at a time
        predictions[place] = each.mean_oof[rows]
    folds = at_least_two(split.numbers()[rows])
    return OutOfFold(predictions, y[rows], folds, split.validated_clusters)


def drawn(
    known: OutOfFold, metric: Metric, most: tuple[int, int], among: np.ndarray | None = None
) -> np.ndarray | None:
    """Rows of about so many numbers, as a mask (n,), fewer where the metric sorts them, and at
    least so many of them; None where there are no more. `among` are those that may be drawn."""
    models, rows, outputs = known.predictions.shape
    of_a_row, (numbers, fewest) = (models + STACKER) * max(1, outputs - 1), most
    if metric.smooth_on(outputs, known.y).overall is not None:
        of_a_row *= SORTING
        if outputs > 2:  # a sort a class, whose mean varies less than that of one
            fewest //= SORTING
    among, size = np.arange(rows) if among is None else among, max(fewest, numbers // of_a_row)
    if len(among) <= size:
        return None
    is_drawn = np.zeros(rows, dtype=bool)
    is_drawn[np.random.default_rng(0).permutation(among)[:size]] = True
    if outputs > 1:  # of a rare class a draw might have no row
        rare = np.flatnonzero(np.bincount(known.y[among]) < RARE)
        is_drawn[among[np.isin(known.y[among], rare)]] = True
    return is_drawn


def at_least_two(folds: np.ndarray) -> np.ndarray:
    """Fold numbers (n,) without gaps, from 0 on; a single fold is dealt into two, row by row."""
    numbers = np.unique(folds, return_inverse=True)[1]
    return numbers if numbers.any() else np.arange(len(numbers)) % 2


def methods_tried(method: str, models: int, outputs: int) -> tuple[str, ...]:
    """The one asked for; `auto`: all, but no stacker of more coefficients than MOST_COEFFICIENTS,
    which takes minutes a fit and has too few rows to learn them from."""
    if method != "auto":
        return (method,)
    models = min(models, MOST_MODELS)
    fits = stacker_coefficients(models, outputs) <= MOST_COEFFICIENTS
    return METHODS if fits else METHODS[:-1]


def rule(method: str, metric: Metric, models: int, outputs: int) -> str:
    """How the method is chosen, in words."""
    if method != "auto":
        return NAMED
    decisive, own = metric.decisive.in_sentence, metric.in_sentence
    and_not_worse = AND_NOT_WORSE.format(metric=own) if own != decisive else ""
    text = RULE.format(decisive=decisive, and_not_worse=and_not_worse)
    if "stack" in methods_tried(method, models, outputs):
        return text
    models = min(models, MOST_MODELS)
    coefficients = stacker_coefficients(models, outputs)
    return text + NO_STACKER.format(
        models=models, outputs=outputs, coefficients=coefficients, most=MOST_COEFFICIENTS
    )


def cross_fitted(fitter: Fitter, methods: Sequence[str], known: OutOfFold) -> dict[str, np.ndarray]:
    """By method: each fold blended as the other folds' rows say, (n, k); NaN for rows in none."""
    shape, kind = known.predictions.shape[1:], known.predictions.dtype
    blended = {method: np.full(shape, np.nan, kind) for method in methods}
    for train, valid in pairs(known.folds):
        unseen = fitter.named(known.predictions[:, valid])
        for method, fitted in fitter.fit(methods, known.to_fit(train)).items():
            blended[method][valid] = fitted.combine(unseen)
    return blended


def pairs(folds: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """From fold numbers (n,), -1 for none: the rows of all other folds, and those of each."""
    for number in range(int(folds.max()) + 1):
        yield np.flatnonzero((folds >= 0) & (folds != number)), np.flatnonzero(folds == number)


def nested(fitter: Fitter, candidates: Mapping[str, np.ndarray], known: OutOfFold) -> np.ndarray:
    """Each fold blended by a method that was chosen, and by weights that were fitted, without it.

    From the cross-fitted `candidates` (n, k) by method; returns (n, k). The method is chosen as for
    all rows, among the folds of the rows that are left.
    """
    methods, targets = list(candidates), replace(known, predictions=known.predictions[:0])
    blended = candidates[methods[0]].copy()
    if len(methods) == 1:
        return blended
    for seen, valid in pairs(known.folds):
        if len(seen) > 1:
            inner = cross_fitted(fitter, methods, with_inner_folds(known, seen, fitter.metric))
            found = {method: each[seen] for method, each in inner.items()}
            method, _ = choose(fitter.metric, targets.take(seen), found)
            blended[valid] = candidates[method][valid]
    return blended


def with_inner_folds(known: OutOfFold, seen: np.ndarray, metric: Metric) -> OutOfFold:
    """The folds of the rows that are `seen`, renumbered: few of them where models and classes are
    many. Blends are fitted on fewer rows."""
    models, rows, outputs = known.predictions.shape
    inner, folds = at_least_two(known.folds[seen]), np.full(rows, -1)
    folds[seen] = inner % INNER_FOLDS if models * outputs > MOST_OUTPUTS else inner
    return replace(known, folds=folds, is_drawn=drawn(known, metric, CHOSEN, seen))


def choose(
    metric: Metric, known: OutOfFold, candidates: Mapping[str, np.ndarray]
) -> tuple[str, tuple[MethodComparison, ...]]:
    """The method that RULE keeps, and the comparison of each with the one kept before it."""
    by = metric.decisive
    kept, *others = candidates
    comparisons = []
    for method in others:
        one, other = candidates[method], candidates[kept]
        pair = paired_difference(by, known.y, one, other, clusters=known.clusters)
        gain = by.sign * pair.score
        is_clear = gain > 2 * pair.standard_error
        wins = is_clear and metric.loss(known.y, one) <= metric.loss(known.y, other)
        comparisons.append(MethodComparison(method, kept, gain, pair.standard_error, wins))
        kept = method if wins else kept
    return kept, tuple(comparisons)


def _report(blended: Blended, metric: Metric, progress: Progress) -> None:
    if blended.cut_short:
        progress.say(f"cut short: {blended.undone}")
    used = [(name, weight) for name, weight in blended.weights.items() if weight >= LEAST]
    if len(used) > MOST_NAMED:
        used.sort(key=lambda item: -item[1])
    shares = [f"{name} {weight:.2f}" for name, weight in used]
    expected = blended.expected
    score = f"{metric.label} {expected.score:.4f} ± {expected.standard_error:.4f}"
    progress.say(f"{score}, {blended.method}: {some(shares, MOST_NAMED)}")
    if blended.blend.decision_rule is not None:
        progress.detail(f"predictions are {blended.blend.decision_rule.describe()}")

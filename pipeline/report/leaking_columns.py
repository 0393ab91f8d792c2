"""Does one column give the target away, in all rows or in a large part of them?"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.config import BLEND
from pipeline.exploration.bins import fine_codes
from pipeline.exploration.strength import FoldedTarget, most_related, predictions, skill
from pipeline.figures import label
from pipeline.page import number, percent
from pipeline.problem import Feature, Kind
from pipeline.report.alarm import NAMED, Alarm, quoted_label, score
from pipeline.report.evidence import Evidence, looked_at, sample_remark
from pipeline.table import take
from pipeline.wording import count, some

if TYPE_CHECKING:
    import pandas as pd

MOST_COLUMNS = 200  # of more, those most related to the target
# skill below which no column can make a score too good to be true, for classes and for values: of a
# value an honest column often predicts half (size and price)
LEAST_SKILL, LEAST_SKILL_OF_VALUES = 0.5, 0.8
NEARLY_ALL = 0.9  # of the blend's skill
MOST_OF_IT = 0.7  # of the blend's skill, where no other column comes close
AHEAD = 3.5  # times the odds skill / (1 - skill) of the next best column
CONFIDENCES = 8  # bins of a class's probability
PURE_SHARE, PURE_EXPECTED = 0.15, 30.0  # of the rows; rows of another class, were it by chance


@dataclass(frozen=True)
class ColumnSkill:
    """A column, its bins (n,), and how much of the target they predict."""

    feature: Feature
    codes: np.ndarray
    skill: float


def alarms(evidence: Evidence, target: FoldedTarget) -> Iterator[Alarm]:
    """Columns that alone predict nearly what the blend does, and columns of which some
    values have rows of one class only."""
    table = evidence.load.train
    features = most_related(
        table, target.y, evidence.problem.features, target.classes, MOST_COLUMNS
    )
    if len(features) < 2:
        return
    rows = looked_at(np.arange(len(target.y)))
    every, target = target, target.take(rows)
    train = take(table, rows, [each.name for each in features])
    bins = [fine_codes(train[each.name], each.kind) for each in features]
    found = [
        ColumnSkill(each, codes, skill(codes, target))
        for each, codes in zip(features, bins, strict=True)
    ]
    blended = evidence.predictions[BLEND][rows]
    blend = max(skill(codes, target) for codes in blend_codes(blended))
    least = LEAST_SKILL if target.classes else LEAST_SKILL_OF_VALUES
    leaks = [each for each in found if each.skill >= least and _leaks(each, found, blend)]
    names = {each.feature.name for each in leaks}
    if leaks:
        leaks.sort(key=lambda each: -each.skill)
        texts = [_describe(each, blend, evidence, target, rows) for each in leaks]
        yield _column_alarm(names, texts, evidence)
    parts = [
        f"{quoted_label(each.name)} {part}"
        for each in features
        if each.name not in names
        and one_class_part(train[each.name], each.kind, target)
        and (part := one_class_part(table[each.name], each.kind, every))
    ]
    if parts:
        yield Alarm(
            "one class only",
            some(parts, NAMED),
            "So many rows without an exception are rare. A column that is filled in once the "
            "outcome is known looks like this.",
            "Find out whether the column is known before the outcome is. If not, list it in "
            "[load] drop and run again; if it is, the score stands.",
        )


def blend_codes(prediction: np.ndarray) -> list[np.ndarray]:
    """Out-of-fold predictions (n, k) as bins, in the forms that may predict most."""
    import pandas as pd

    if prediction.shape[1] <= 2:
        return [fine_codes(pd.Series(prediction[:, -1]), "number")]
    best = prediction.argmax(axis=1)
    sure = fine_codes(pd.Series(prediction.max(axis=1)), "number")
    sure = sure * CONFIDENCES // (int(sure.max()) + 1)
    return [best, best * CONFIDENCES + sure]


def _leaks(one: ColumnSkill, found: Sequence[ColumnSkill], blend: float) -> bool:
    """Whether a column alone is nearly as good as the blend, or close to it and far ahead."""
    next_best = max(each.skill for each in found if each is not one)
    is_ahead = _odds(one.skill) >= AHEAD * _odds(next_best)
    return one.skill >= (MOST_OF_IT if is_ahead else NEARLY_ALL) * blend


def _odds(share: float) -> float:
    return max(share, 0.0) / (1 - share) if share < 1 else math.inf


def _column_alarm(names: set[str], texts: Sequence[str], evidence: Evidence) -> Alarm:
    blend = score(evidence, evidence.validated_y, evidence.validated())
    sampled = sample_remark(len(evidence.y))
    remark = sampled and f".{sampled[:-1]}"  # the page ends the sentence
    return Alarm(
        "column",
        f"Of what the blend of all columns predicts of the target ({evidence.metric.in_sentence} "
        f"{blend}), one column alone predicts most: {some(texts, NAMED)}{remark}",
        "A column that nearly equals the target was often made from it, or recorded after the "
        "outcome was known. Such a column is worth nothing where the outcome is still open.",
        "Find out how and when it was recorded, and how it looks in test (the exploration page). "
        "If it is not known in time, list it in [load] drop and run again; if it is, the score "
        "stands.",
        _by_drift(names, evidence),
    )


def _by_drift(names: set[str], evidence: Evidence) -> str:
    """No expected score is given where a column that predicts nearly all differs in test."""
    changed = [
        quoted_label(drift.column)
        for drift in evidence.explore.findings.drifts
        if drift.column in names and drift.verdict == "drift"
    ]
    if not changed:
        return ""
    return f"the blend depends on {some(changed, NAMED)}, which differs between train and test"


def _describe(
    one: ColumnSkill, blend: float, evidence: Evidence, target: FoldedTarget, rows: np.ndarray
) -> str:
    """The column's share of the blend's skill, and its own score; target and bins are of `rows`.

    A note where it is not the value that predicts, but whether there is one; no score of a value,
    for which the bins are too coarse.
    """
    text = f"{quoted_label(one.feature.name)} {percent(one.skill / max(blend, one.skill), 0)}"
    values = take(evidence.load.train, rows, [one.feature.name])[one.feature.name]
    missing = values.isna().to_numpy().astype(np.int64)
    if missing.any() and skill(missing, target) >= NEARLY_ALL * one.skill:
        text += " (by being missing or not)"
    if target.classes:
        validated = target.validated
        own = predictions(one.codes, target)[validated]
        text += f", scoring {score(evidence, evidence.y[rows[validated]], own)}"
    return text


# -- parts without an exception --------------------------------------------------------------------


def one_class_part(values: "pd.Series", kind: Kind, target: FoldedTarget) -> str:
    """A large part of a column in which every row is of one class, in words; '' if none, or values.

    Parts: missing or not, a level that many rows share or any other.
    """
    if not target.classes:
        return ""
    shares = np.bincount(target.y, minlength=target.classes) / len(target.y)
    for words, part in _parts(values, kind):
        rows = int(part.sum())
        seen = np.bincount(target.y[part], minlength=target.classes)
        # of another class by the shares of all rows
        others = rows * (1 - shares[seen.argmax()])
        if rows >= PURE_SHARE * len(part) and seen.max() == rows and others >= PURE_EXPECTED:
            return (
                f"{words} in {count(rows, 'row')}, and all of them are of one class, where "
                f"{others:,.0f} of another would be expected"
            )
    return ""


def _parts(values: "pd.Series", kind: Kind) -> Iterator[tuple[str, np.ndarray]]:
    missing = values.isna().to_numpy()
    if missing.any():
        yield "is missing", missing
        yield "is not missing", ~missing
    if kind not in ("category", "number"):
        return
    counts = values.value_counts()
    for level in counts.index[counts >= PURE_SHARE * len(values)]:
        part = (values == level).to_numpy(dtype=bool, na_value=False)
        shown = number(float(level)) if kind == "number" else f"'{label(level)}'"
        yield f"is {shown}", part
        yield f"is not {shown}", ~part & ~missing

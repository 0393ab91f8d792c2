"""Is the score too good to be true? Signs that the answer came in on a side road.

Every alarm says what was found, why it matters and what to do about it. The bounds were chosen so
that honest tables, with their strong columns and chance duplicates, raise none.

Some alarms withdraw the promise of a score: those that show why out-of-fold scores cannot hold on
the test rows. Rows of one source stand in several folds, while test is of others; copies stand in
several folds and test has few; a column tells nearly all, and is another in test; a jump above the
learning curve. A column that tells nearly all and looks the same in test, rows that test shares
with train, and a score next to perfect withdraw nothing: the leaderboard may well agree with it.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures, page
from pipeline.evaluation.leaderboard import Leaderboard, in_sentence
from pipeline.evaluation.learning_curve import Curve
from pipeline.evaluation.row_order import SIGNIFICANT, find_clues, natural_order
from pipeline.evaluation.single_columns import (
    Judged,
    best_skills,
    blend_codes,
    predictions,
    pure_part,
    skill,
)
from pipeline.evaluation.twins import Twins, find_twins
from pipeline.exploration.drift import column_drifts
from pipeline.exploration.related import most_related
from pipeline.folds import Fold
from pipeline.metrics import METRICS, Metric
from pipeline.schema import alike_labels
from pipeline.wording import count, some

if TYPE_CHECKING:
    import pandas as pd

CHECKED = (
    "a column that alone predicts the target, rows that train and test share, copied rows across "
    "folds, labels that differ in case alone, a source of rows that test has none of, an id or an "
    "order of rows that tells the target, a score far above the learning curve, and a score next "
    "to perfect"
)
# skill below which no column can make a score too good to be true, for classes and for values: of a
# value an honest column often tells half (size and price)
TELLS_MUCH, TELLS_MUCH_OF_VALUES = 0.5, 0.8
NEARLY_ALL = 0.9  # of the blend's skill
MOST_OF_IT = 0.7  # of the blend's skill, where no other column comes near
AHEAD = 3.5  # times the odds skill / (1 - skill) of the next best column
NAMED = 3  # columns
JUMP = 5.0  # standard errors
MIXED = 0.5  # of the runs that chance makes
PERFECT = 0.999  # ROC AUC or R²
FEWEST_ROWS = 200  # to be perfect on fewer is no news
FEWEST_LEFT = 30  # rows without twins, for a score


@dataclass(frozen=True)
class Alarm:
    """One sign that the score may be too good: what was `found`, `why` it matters, what to `do`.

    `withdraws` is the reason for which no score can be promised, empty where one can.
    """

    kind: str
    found: str
    why: str
    do: str
    withdraws: str = ""

    def to_json(self) -> dict[str, str]:
        return dict(vars(self))


@dataclass(frozen=True)
class Evidence:
    """What is looked at. `train` and `test` hold the features, named by `columns` (name, kind).

    `ids` are train's, None where it has none; y (n,) and the blend's out-of-fold prediction (n, k)
    belong to train's rows; `classes` is 0 for regression. `group` is the column whose rows the
    folds keep together; `origins` are columns that name a source of which test has none; `labels`
    are the classes, `test_ids` test's ids.
    """

    train: "pd.DataFrame"
    test: "pd.DataFrame"
    columns: list[tuple[str, str]]
    ids: "pd.Series | None"
    y: np.ndarray
    classes: int
    folds: Sequence[Fold]
    blend: np.ndarray
    group: str | None = None
    origins: Sequence[str] = ()
    labels: Sequence[str] = ()
    test_ids: "pd.Series | None" = None

    @property
    def judged(self) -> Judged:
        fold = np.zeros(len(self.y), dtype=np.int64)
        for part in self.folds:
            if part.repeat == 0:
                fold[part.valid] = part.number
        return Judged(np.asarray(self.y), self.classes, fold)


def find_alarms(evidence: Evidence, board: Leaderboard, curves: Sequence[Curve]) -> list[Alarm]:
    """All alarms, those that weigh most first."""
    judged, metric = evidence.judged, board.metric
    is_grouped = evidence.group is not None
    twins = find_twins(evidence.train, evidence.test, judged.y, judged.fold, evidence.columns)
    return [
        *column_alarms(evidence, judged, board),
        *perfect_alarm(evidence.y, evidence.blend),
        *origin_alarm(evidence.origins, evidence.group),
        *copy_alarm(twins, evidence, board),
        *shared_alarm(twins),
        *label_alarm(evidence.labels),
        *order_alarm(evidence.ids, judged, is_grouped or among(evidence.ids, evidence.test_ids)),
        *curve_alarm(curves, metric),
    ]


def withdrawn(alarms: Sequence[Alarm]) -> str:
    """Why no score can be promised; empty where one can."""
    return "; ".join(alarm.withdraws for alarm in alarms if alarm.withdraws)


def told(alarms: Sequence[Alarm]) -> str:
    """The heading sentence of the report's section."""
    if not alarms:
        return f"No alarm: {CHECKED} were looked for."
    return (
        f"{count(len(alarms), 'alarm')}. Each is a sign, not a proof; do not trust the scores "
        "above until it is explained."
    )


# -- columns ---------------------------------------------------------------------------------------


def column_alarms(evidence: Evidence, judged: Judged, board: Leaderboard) -> Iterator[Alarm]:
    """Columns that alone predict nearly what the blend does, and columns with a pure part."""
    columns = most_related(evidence.train, evidence.y, evidence.columns, evidence.classes)
    found = list(best_skills(evidence.train, columns, judged))
    if len(found) < 2:
        return
    whole = max(skill(codes, judged) for codes in blend_codes(evidence.blend))
    skills = np.array([worth for worth, _, _ in found])
    least = TELLS_MUCH if judged.classes else TELLS_MUCH_OF_VALUES
    order = np.argsort(-skills, kind="stable")
    leaks = [place for place in order if skills[place] >= least and _leaks(skills, place, whole)]
    if leaks:
        shares = [(skills[k] / max(whole, skills[k]), *found[k][1:]) for k in leaks]
        yield _column_alarm(shares, evidence, judged, board)
    kinds = dict(evidence.columns)
    named = {found[place][1] for place in leaks}
    pure = {
        name: pure_part(evidence.train[name], kinds[name], judged)
        for _, name, _ in found
        if name not in named
    }
    parts = [f"{_named(name)} {part}" for name, part in pure.items() if part]
    if parts:
        yield _pure_alarm(parts)


def _leaks(skills: np.ndarray, place: int, blend: float) -> bool:
    """Whether a column alone is nearly as good as the blend, or close to it and far ahead."""
    own, next_best = float(skills[place]), float(np.delete(skills, place).max())
    is_ahead = _odds(own) >= AHEAD * _odds(next_best)
    return own >= (MOST_OF_IT if is_ahead else NEARLY_ALL) * blend


def _odds(share: float) -> float:
    return max(share, 0.0) / (1 - share) if share < 1 else math.inf


def _column_alarm(
    leaks: Sequence[tuple[float, str, np.ndarray]],
    evidence: Evidence,
    judged: Judged,
    board: Leaderboard,
) -> Alarm:
    """leaks: (share of the blend's skill, name, bins)."""
    told = [
        f"{_named(name)} {page.percent(share, 0)}"
        f"{_by_missing(evidence.train[name], codes, judged)}{_scored(codes, judged, board)}"
        for share, name, codes in leaks
    ]
    blend = _score(board, judged.y, evidence.blend)
    return Alarm(
        "column",
        f"Of what the blend of all columns tells of the target ({in_sentence(board.metric)} "
        f"{blend}), one column alone tells most: {some(told, NAMED)}",
        "A column that is nearly the answer was often made from it, or noted after it was known. "
        "Such a column is worth nothing on rows whose answer lies ahead.",
        "Find out how and when it was recorded, and how it looks in test (explore.html). If it is "
        "not known in time, list it in [load] drop and run again; if it is, the score stands.",
        _by_drift([name for _, name, _ in leaks], evidence),
    )


def _by_drift(names: Sequence[str], evidence: Evidence) -> str:
    """A promise is withdrawn where a column that tells nearly all is another in test."""
    columns = [column for column in evidence.columns if column[0] in names]
    drifts = column_drifts(evidence.train, evidence.test, columns)
    changed = [_named(drift.column) for drift in drifts if drift.verdict == "drift"]
    if not changed:
        return ""
    return f"the blend leans on {some(changed, NAMED)}, which differs between train and test"


def _scored(codes: np.ndarray, judged: Judged, board: Leaderboard) -> str:
    """The column's own score; the bins of a value are too coarse for one."""
    if not judged.classes:
        return ""
    return f", scoring {_score(board, judged.y, predictions(codes, judged))}"


def _by_missing(values: "pd.Series", codes: np.ndarray, judged: Judged) -> str:
    """A note where it is not the value that tells, but whether there is one."""
    missing = values.isna().to_numpy().astype(np.int64)
    most = skill(missing, judged) >= NEARLY_ALL * skill(codes, judged)
    return " (by being missing or not)" if missing.any() and most else ""


def _pure_alarm(parts: Sequence[str]) -> Alarm:
    return Alarm(
        "pure part",
        some(parts, NAMED),
        "So many rows without one exception are rare in nature. A column that is filled in once "
        "the answer is known looks like this.",
        "Find out whether the column is known before the answer is. If not, list it in [load] drop "
        "and run again; if it is, the score stands.",
    )


def _score(board: Leaderboard, y: np.ndarray, prediction: np.ndarray) -> str:
    return f"{board.metric.score(y, prediction):,.{board.digits}f}"


def _named(name: str) -> str:
    return f"'{figures.label(name, 40)}'"


# -- rows ------------------------------------------------------------------------------------------


def copy_alarm(twins: Twins, evidence: Evidence, board: Leaderboard) -> Iterator[Alarm]:
    """Copied training rows that stand in different folds."""
    if not twins.train_copied:
        return
    mine, y, blend = twins.straddling, evidence.y, evidence.blend
    scores = f"{in_sentence(board.metric)} {_score(board, y, blend)} with them"
    if (~mine).sum() >= FEWEST_LEFT:
        without = _score(board, y[~mine], blend[~mine])
        # a metric may have no value on what is left
        scores += "" if without == "nan" else f" and {without} without"
    yield Alarm(
        "copies across folds",
        f"{count(int(mine.sum()), 'row')} of train ({page.percent(float(mine.mean()))}) have an "
        f"equal row in another fold, more than chance would give, and "
        f"{page.percent(twins.agreeing)} of them the same target in all of these: {scores}",
        "A model that has learnt a row by heart is right on its copy. Rows of the test table have "
        f"an equal one in train in {page.percent(twins.across)} of cases.",
        "Take the copies out of train.csv, or keep them together by a column that names their "
        "origin: [split] group. Then run again, and believe that score.",
        ""
        if twins.test_like_train
        else "copies of rows stand in different folds, and test has few",
    )


def shared_alarm(twins: Twins) -> Iterator[Alarm]:
    """Rows of test that stand in train as well."""
    if not twins.test_copied:
        return
    yield Alarm(
        "shared rows",
        f"{count(twins.shared, 'row')} of test ({page.percent(twins.across)}) equal a row of "
        f"train in all features; for {count(twins.sure)} of them the equal rows of train agree on "
        f"the target. Within train {page.percent(twins.within)} of the rows have an equal one",
        "Their answers can be looked up, so that a leaderboard may reward memory. A private one, "
        "or new rows, need not hold any of them.",
        "Ask the organiser whether that is meant, and read the rules before making use of it. "
        "Compare models by cross-validation, not by the leaderboard.",
    )


def label_alarm(labels: Sequence[str]) -> Iterator[Alarm]:
    """Classes that differ in case or blanks alone are most likely one."""
    for alike in alike_labels(labels):
        yield Alarm(
            "labels",
            f"the classes {some([repr(label) for label in alike], NAMED)} differ only in case or "
            "blanks",
            "The models learn them as different classes, which they most likely are not.",
            "If they are one, say so in the competition's TOML: [load] merge_labels = true",
        )


def origin_alarm(origins: Sequence[str], group: str | None) -> Iterator[Alarm]:
    """Columns that name where a row comes from, of which test holds others than train."""
    if not origins or group in origins:
        return
    name = origins[0]
    also = f" (and so of {some([_named(each) for each in origins[1:]], NAMED)})" * (
        len(origins) > 1
    )
    yield Alarm(
        "origin",
        f"The values of '{figures.label(name, 40)}' repeat within train and tell of the target, "
        f"and none of them occurs in test{also}",
        "The folds put rows of one value on both sides, so that models are judged on patients, "
        "customers or days that they know; of those in test they know none.",
        f"Keep such rows together: [split] group = {json.dumps(name, ensure_ascii=False)} in the "
        "competition's TOML. Then run again, and believe that score.",
        f"rows of one {_named(name)} stand in several folds, and test is of others",
    )


def order_alarm(ids: "pd.Series | None", judged: Judged, holds: bool = False) -> Iterator[Alarm]:
    """Ids or places in the file that tell the target.

    Rows that stand together may belong together. The score `holds` where folds by group allow for
    that, or where test's rows stand among train's and have the same neighbours; and of a file that
    is sorted by the target itself no more is known.
    """
    clues = find_clues(ids, judged)
    if not clues:
        return
    names = list(dict.fromkeys(clue.what for clue in clues))
    yield Alarm(
        "id or order",
        f"Beyond chance (p < {SIGNIFICANT:.4f}) the target is told by {' and '.join(names)}",
        "Rows were sorted or numbered by somebody who knew the answers, or rows that stand "
        "together belong together (one day, one customer): then random folds put relatives on "
        "both sides, and the score is too good. No model sees the id or the order itself.",
        "Find out what the order stands for. If it is time or origin, keep such rows together by a "
        "column that names it ([split] group); do not build features from the id.",
        ""
        if holds or any(is_sorted(order) for order in _orders(judged.y, ids))
        else "rows that stand together in the file seem to belong together, yet not in the folds",
    )


def among(ids: "pd.Series | None", others: "pd.Series | None") -> bool:
    """Whether two tables' ids alternate in their common order about as often as by chance.

    n and m shuffled ids have 1 + 2nm / (n + m) runs on average (Wald and Wolfowitz 1940).
    """
    if ids is None or others is None or not len(ids) or not len(others):
        return False
    words = [*ids.astype("str").fillna(""), *others.astype("str").fillna("")]
    side = np.arange(len(words)) < len(ids)
    side = side[np.argsort(natural_order(np.array(words, dtype=object)), kind="stable")]
    runs = 1 + int((side[1:] != side[:-1]).sum())
    return runs >= MIXED * (1 + 2 * len(ids) * len(others) / len(words))


def _orders(y: np.ndarray, ids: "pd.Series | None") -> Iterator[np.ndarray]:
    """The targets in the order of the file, and in that of the ids."""
    yield y
    if ids is not None:
        words = ids.astype("str").fillna("").to_numpy(dtype=object)
        yield y[np.argsort(natural_order(words), kind="stable")]


def is_sorted(y: np.ndarray) -> bool:
    """Whether targets (n,) lie class by class, or rise or fall all the way."""
    steps = np.diff(y)
    blocks = int((steps != 0).sum()) + 1
    return blocks == len(np.unique(y)) or bool((steps >= 0).all() or (steps <= 0).all())


# -- scores ----------------------------------------------------------------------------------------


def curve_alarm(curves: Sequence[Curve], metric: Metric) -> Iterator[Alarm]:
    """The best model's last step, against what the two sizes before it lead one to expect."""
    known = [curve for curve in curves if len(curve.rows) >= 3 and curve.last_step is not None]
    if not known:
        return
    sign = 1 if metric.greater_is_better else -1
    best = max(known, key=lambda curve: sign * curve.points[-1].score)
    assert best.last_step is not None
    expected, error = _extrapolated(best, sign)
    excess = sign * best.points[-1].score - expected
    if not excess > JUMP * error > 0:
        return
    shown = [f"{value:.4g}" for value in (best.points[-1].score, sign * expected)]
    yield Alarm(
        "learning curve",
        f"{best.model} scores {in_sentence(metric)} {shown[0]} on {best.rows[-1]:,} training rows, "
        f"where its scores on fewer rows lead one to expect {shown[1]}: {excess / error:.0f} "
        "standard errors too good",
        "Learning slows down as rows are added. A jump at the full size is a sign of copies of the "
        "validation rows among the last rows, or of a model that was shown these rows.",
        "Look for copies (explore.html) and for what the full training does and the refits do not; "
        "expect the smaller score.",
        f"the scores of {best.model} jump above its learning curve",
    )


def _extrapolated(curve: Curve, sign: int) -> tuple[float, float]:
    """The score to expect at the last size, greater is better, and the standard error of the gap.

    A line in log rows through the two sizes before, never falling. Learning curves bend down from
    it, so that it promises too much rather than too little.
    """
    x = np.log(curve.rows[-3:])
    before, last = (sign * point.score for point in curve.points[-3:-1])
    ratio = float((x[2] - x[1]) / (x[1] - x[0]))
    assert curve.last_step is not None
    # the steps are paired alike, so that the last one's error stands for both
    error = curve.last_step.standard_error * math.sqrt(1 + ratio**2)
    return last + max(last - before, 0.0) * ratio, error


def perfect_alarm(y: np.ndarray, blend: np.ndarray) -> Iterator[Alarm]:
    """A blend that is nearly always right."""
    if len(y) < FEWEST_ROWS:
        return
    score = _perfect(y, blend)
    if score:
        yield Alarm(
            "next to perfect",
            f"The blend is next to perfect: {score}",
            "Hardly any question that is worth a competition has an answer without noise.",
            "Look first at the column that the blend leans on most (below), and ask whether it is "
            "known before the answer is. Drop what is not: [load] drop.",
        )


def _perfect(y: np.ndarray, blend: np.ndarray) -> str:
    """What is perfect about it, or nothing."""
    if blend.shape[1] == 1:
        r2 = METRICS["r2"].score(y, blend)
        return f"R² {r2:.5f}" if r2 > PERFECT else ""
    wrong = int((blend.argmax(axis=1) != y).sum())
    # √wrong is its standard error: up to one is within one error of none
    if wrong <= 1:
        return f"{count(wrong, 'row')} of {len(y):,} wrong"
    area = METRICS["roc_auc"].score(y, blend)
    # with many classes nearly all pairs are easy
    return f"ROC AUC {area:.5f}" if blend.shape[1] == 2 and area > PERFECT else ""

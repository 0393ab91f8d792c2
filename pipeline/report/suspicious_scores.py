"""Is a score itself suspicious: far above its learning curve, or next to perfect?"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.exploration.strength import FoldedTarget
from pipeline.metrics import METRICS, Metric
from pipeline.report.alarm import Alarm
from pipeline.report.evidence import Evidence
from pipeline.report.learning_curve import Curve, LearningCurves
from pipeline.wording import count

JUMP = 5.0  # standard errors
PERFECT = 0.999  # ROC AUC or R²
FEWEST_ROWS = 200  # to be perfect on fewer is nothing unusual


def alarms(evidence: Evidence, target: FoldedTarget) -> Iterator[Alarm]:
    yield from perfect_alarm(evidence.validated_y, evidence.validated())
    curves: LearningCurves | None = evidence.results["learning_curve"]
    yield from curve_alarm(curves.curves if curves else (), evidence.metric)


def perfect_alarm(y: np.ndarray, blend: np.ndarray) -> Iterator[Alarm]:
    """A blend (n, k) that is nearly always right."""
    score = _perfect(y, blend) if len(y) >= FEWEST_ROWS else ""
    if score:
        yield Alarm(
            "near perfect",
            f"The blend is nearly perfect: {score}",
            "Hardly any target that is worth a competition can be predicted without error.",
            "Look first at the column that the blend depends on most (Feature importance), and ask "
            "whether it is known before the outcome is. Drop what is not: [load] drop.",
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


def curve_alarm(curves: Sequence[Curve], metric: Metric) -> Iterator[Alarm]:
    """The best model's last step, against what the two sizes before it suggest."""
    known = [curve for curve in curves if len(curve.rows) >= 3 and curve.last_step is not None]
    if not known:
        return
    best, sign = LearningCurves(tuple(known)).best(metric), metric.sign
    expected, error = _extrapolated(best, sign)
    excess = sign * best.points[-1].score - expected
    if not excess > JUMP * error > 0:
        return
    shown = [f"{value:.4g}" for value in (best.points[-1].score, sign * expected)]
    yield Alarm(
        "learning curve",
        f"{best.model} has {metric.in_sentence} {shown[0]} on {best.rows[-1]:,} training rows, "
        f"where its scores on fewer rows suggest {shown[1]}: {excess / error:.0f} standard errors "
        "too good",
        "Learning slows down as rows are added. A jump at the full size is a sign of duplicates of "
        "the validation rows among the last rows, or of a model that has seen these rows.",
        "Look for duplicates (the exploration page) and for what the full training does and the "
        "smaller fits do not; expect the smaller score.",
        f"the scores of {best.model} jump above its learning curve",
    )


def _extrapolated(curve: Curve, sign: int) -> tuple[float, float]:
    """The score to expect at the last size, greater is better, and the standard error of the gap.

    A line in log rows through the two sizes before, never falling. Learning curves flatten, so that
    it expects too much rather than too little.
    """
    x = np.log(curve.rows[-3:])
    before, last = (sign * point.score for point in curve.points[-3:-1])
    ratio = float((x[2] - x[1]) / (x[1] - x[0]))
    assert curve.last_step is not None
    # the steps are paired alike, so that the last one's error stands for both
    error = curve.last_step.standard_error * math.sqrt(1 + ratio**2)
    return last + max(last - before, 0.0) * ratio, error

"""What the blend is made of, and how the method of blending was chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from pipeline import figures, page
from pipeline.blending import MethodComparison
from pipeline.estimates import with_error
from pipeline.metrics import Estimate, Metric
from pipeline.report.evidence import Evidence

TITLE = "Blend"


@dataclass(frozen=True)
class Composition:
    """The method, the weight of each member, and the methods that were tried: their cross-validated
    scores, and how each did against the one kept before it."""

    method: str
    weights: Mapping[str, float]
    candidates: Mapping[str, Estimate]
    comparisons: tuple[MethodComparison, ...]

    def conclusion(self) -> str:
        """Which models the blend is made of, by their shares."""
        total = sum(map(abs, self.weights.values())) or 1.0
        ordered = sorted(self.weights.items(), key=lambda item: -abs(item[1]))
        used = [f"{name} {page.percent(abs(w) / total, 0)}" for name, w in ordered if w]
        unused = [name for name, weight in ordered if not weight]
        shares = "shares of its coefficients" if self.method == "stack" else "shares"
        left_out = f"; not used: {', '.join(unused)}" if unused else ""
        return f"Method: {self.method}; {shares}: {', '.join(used)}{left_out}."


def compute(evidence: Evidence) -> Composition:
    found = evidence.blend
    return Composition(found.method, found.weights, found.candidates, found.comparisons)


def render(
    blend: Composition, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    return [
        Markup("<strong>{}</strong>").format(blend.conclusion()),
        evidence.blend.rule,
        decision(evidence),
        table(blend, evidence.metric, evidence.results["leaderboard"].digits),
    ]


def decision(evidence: Evidence) -> str | None:
    """How predictions become what the metric scores, where that is more than the likeliest."""
    rule = evidence.blend.blend.decision_rule
    if rule is None:
        return None
    return (
        f"To suit {evidence.metric.in_sentence}, the blend's predictions are {rule.describe()}. "
        "This, too, was fitted on out-of-fold predictions, and in the score without each fold."
    )


def table(blend: Composition, metric: Metric, digits: int) -> page.SortableTable:
    """The methods that were tried."""
    comparisons = {comparison.method: comparison for comparison in blend.comparisons}
    improvement = f"{metric.decisive.label} improvement ± standard error"
    heads = (improvement, "Comparison") if comparisons else ()
    return page.SortableTable(
        "Methods of blending, each scored on folds that its weights were not fitted on. In the "
        "blend's own score the method, too, was chosen without each fold.",
        ("Method", f"{metric.label} ± standard error", *heads, "Verdict"),
        [
            [
                method,
                page.Cell(with_error(score, digits), score.score),
                *(_comparison_cells(comparisons.get(method)) if comparisons else ()),
                page.toned("chosen", "good") if method == blend.method else None,
            ]
            for method, score in blend.candidates.items()
        ],
    )


def _comparison_cells(comparison: MethodComparison | None) -> list[object]:
    """How much better than the simpler method that was kept before, and what follows."""
    if comparison is None:
        return [None, None]
    verdict = "better" if comparison.is_kept else "not clearly better"
    gain = Estimate(comparison.gain, comparison.standard_error)
    return [page.Cell(with_error(gain), gain.score), f"{verdict} than {comparison.against}"]

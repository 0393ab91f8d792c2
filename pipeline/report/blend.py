"""What the blend is made of, and how the method of blending was chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from pipeline import figures, page
from pipeline.blending import MOST_MODELS, Blended, MethodComparison
from pipeline.estimates import with_error
from pipeline.metrics import Estimate, Metric
from pipeline.report.evidence import Evidence
from pipeline.wording import some

TITLE = "Blend"
MOST_NAMED = 12  # models


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
        used = [(name, abs(weight) / total) for name, weight in ordered if weight]
        unused = [name for name, weight in ordered if not weight]
        shares = "shares of its coefficients" if self.method == "stack" else "shares"
        left_out = f"; not used: {some(unused, MOST_NAMED)}" if unused else ""
        return f"Method: {self.method}; {shares}: {shares_of(used)}{left_out}."


def shares_of(used: Sequence[tuple[str, float]]) -> str:
    """'lightgbm 60%, rnn 30%, and 12 more with 10% together', the largest shares first."""
    shown = used if len(used) <= MOST_NAMED else used[: MOST_NAMED - 1]
    listed = ", ".join(f"{name} {page.percent(share, 0)}" for name, share in shown)
    rest = [share for _, share in used[len(shown) :]]
    if not rest:
        return listed
    return f"{listed}, and {len(rest)} more with {page.percent(sum(rest), 0)} together"


def compute(evidence: Evidence) -> Composition:
    found = evidence.blend
    return Composition(found.method, found.weights, found.candidates, found.comparisons)


def render(
    blend: Composition, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    return [
        Markup("<strong>{}</strong>").format(blend.conclusion()),
        evidence.blend.rule,
        of_many(evidence.blend, len(evidence.trained)),
        decision(evidence),
        table(blend, evidence.metric, evidence.results["leaderboard"].digits),
    ]


def of_many(blend: Blended, models: int) -> str:
    """Which models were not looked at closely; empty where all were."""
    found = []
    if blend.duplicates:
        pairs = [f"{name} (as {same})" for name, same in blend.duplicates.items()]
        found.append(f"Left out, for they predict the same as another: {some(pairs, MOST_NAMED)}.")
    if models - len(blend.duplicates) > MOST_MODELS:
        found.append(
            f"Of many models the {MOST_MODELS} that least squares, weights not below 0, finds the "
            "most useful are blended; they, too, are chosen without the rows that score them."
        )
    return " ".join(found)


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

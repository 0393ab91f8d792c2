"""What the blend is made of, and how the method of blending was chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from pipeline import figures, page
from pipeline.blending import Contest
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
    contests: tuple[Contest, ...]

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
    return Composition(found.method, found.weights, found.candidates, found.contests)


def render(
    blend: Composition, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    return [
        Markup("<strong>{}</strong>").format(blend.conclusion()),
        evidence.blend.rule,
        table(blend, evidence.metric, evidence.results["leaderboard"].digits),
    ]


def table(blend: Composition, metric: Metric, digits: int) -> page.SortableTable:
    """The methods that were tried."""
    contests = {contest.method: contest for contest in blend.contests}
    improvement = f"{metric.decisive.label} improvement ± standard error"
    heads = (improvement, "Comparison") if contests else ()
    return page.SortableTable(
        "Methods of blending, each scored on folds that its weights were not fitted on. In the "
        "blend's own score the method, too, was chosen without each fold.",
        ("Method", f"{metric.label} ± standard error", *heads, "Verdict"),
        [
            [
                method,
                page.Cell(with_error(score, digits), score.score),
                *(_contest_cells(contests.get(method)) if contests else ()),
                page.toned("chosen", "good") if method == blend.method else None,
            ]
            for method, score in blend.candidates.items()
        ],
    )


def _contest_cells(contest: Contest | None) -> list[object]:
    """How much better than the simpler method that was kept before, and what follows."""
    if contest is None:
        return [None, None]
    verdict = "better" if contest.is_kept else "not clearly better"
    gain = Estimate(contest.gain, contest.standard_error)
    return [page.Cell(with_error(gain), gain.score), f"{verdict} than {contest.against}"]

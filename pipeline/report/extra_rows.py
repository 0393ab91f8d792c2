"""What the extra rows are worth: members that learn from them beside those that do not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline import figures, page
from pipeline.estimates import verdict, with_error
from pipeline.member import Member
from pipeline.metrics import Estimate, paired_difference
from pipeline.report.evidence import Evidence

TITLE = "Extra rows"


@dataclass(frozen=True)
class Worth:
    """A member with extra rows minus the same without, on the rows that folds validate."""

    member: str
    share: float
    is_feature: bool
    without: str
    difference: Estimate


@dataclass(frozen=True)
class ExtraRowsWorth:
    """How many extra rows there are, and each comparison."""

    rows: int
    comparisons: tuple[Worth, ...]


def compute(evidence: Evidence) -> ExtraRowsWorth | None:
    extra = evidence.load.extra
    if extra is None:
        return None
    return ExtraRowsWorth(len(extra.y), tuple(_comparisons(evidence)))


def _comparisons(evidence: Evidence) -> Iterator[Worth]:
    """Each member with extra rows, beside one of its kind without: of equal settings, if any."""
    members = {name: found.member for name, found in evidence.trained.items()}
    plain = [name for name, member in members.items() if not _uses(member)]
    for name, member in members.items():
        alike = [other for other in plain if members[other].kind == member.kind]
        if not _uses(member) or not alike:
            continue
        without = max(alike, key=lambda other: members[other].settings == member.settings)
        difference = paired_difference(
            evidence.metric,
            evidence.validated_y,
            evidence.validated(name),
            evidence.validated(without),
            clusters=evidence.split.validated_clusters,
        )
        yield Worth(name, member.extra, member.extra_feature, without, difference)


def _uses(member: Member) -> bool:
    return bool(member.extra) or member.extra_feature


def render(
    worth: ExtraRowsWorth, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    further = f"{worth.rows:,} further rows "
    if not any(_uses(found.member) for found in evidence.trained.values()):
        return [f"{further}are learnt from by none of the models that were fitted."]
    text = (
        f"{further}are learnt from by some models and validated by none; as a feature, a model of "
        "these rows alone predicts all others, and its prediction is a column. Both scores of a "
        "pair are of the same rows."
    )
    if not worth.comparisons:
        return [f"{text} No model of the same kind does without them, so their worth is unknown."]
    metric = evidence.metric
    cells = [
        [
            each.member,
            "as a feature" if each.is_feature else page.percent(each.share, 0),
            each.without,
            page.Cell(with_error(each.difference), each.difference.score),
            verdict(each.difference, metric.greater_is_better),
        ]
        for each in worth.comparisons
    ]
    columns = (
        "Model",
        "Extra rows",
        "Without",
        f"{metric.label}: difference ± standard error",
        "Verdict",
    )
    return [text, page.SortableTable("With the extra rows minus without.", columns, cells)]

"""What extra rows and pseudo-labels are worth: a member with them beside one without."""

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
    """A member with further rows minus the same without, on the rows that folds validate; `how` it
    learns from them, in words."""

    member: str
    how: str
    without: str
    difference: Estimate


@dataclass(frozen=True)
class ExtraRowsWorth:
    """How many extra rows and test rows there are, and each comparison."""

    rows: int
    test_rows: int
    comparisons: tuple[Worth, ...]


def compute(evidence: Evidence) -> ExtraRowsWorth | None:
    extra = evidence.load.extra
    if extra is None and not any(_how(each.member) for each in evidence.trained.values()):
        return None
    rows = 0 if extra is None else len(extra.y)
    return ExtraRowsWorth(rows, len(evidence.load.test), tuple(_comparisons(evidence)))


def _comparisons(evidence: Evidence) -> Iterator[Worth]:
    """Each member with further rows, beside one of its kind without: of equal settings, if any."""
    members = {name: found.member for name, found in evidence.trained.items()}
    plain = [name for name, member in members.items() if not _how(member)]
    for name, member in members.items():
        alike = [other for other in plain if members[other].kind == member.kind]
        if not _how(member) or not alike:
            continue
        without = max(alike, key=lambda other: members[other].settings == member.settings)
        difference = paired_difference(
            evidence.metric,
            evidence.validated_y,
            evidence.validated(name),
            evidence.validated(without),
            clusters=evidence.split.validated_clusters,
        )
        yield Worth(name, _how(member), without, difference)


def _how(member: Member) -> str:
    """How a member learns from extra rows and from test rows; "" for one that does not."""
    ways = [
        page.percent(member.extra, 0) if member.extra else "",
        "as a feature" if member.extra_feature else "",
        f"{page.percent(member.pseudo_labels, 0)} of test" if member.pseudo_labels else "",
    ]
    return ", ".join(filter(None, ways))


def render(
    worth: ExtraRowsWorth, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    ways = [_how(found.member) for found in evidence.trained.values()]
    if not any(ways):
        return [
            f"{worth.rows:,} further rows are learnt from by none of the models that were fitted."
        ]
    text = _explained(worth, any(found.member.pseudo_labels for found in evidence.trained.values()))
    if not worth.comparisons:
        return [f"{text} No model of the same kind does without them, so their worth is unknown."]
    metric = evidence.metric
    cells = [
        [
            each.member,
            each.how,
            each.without,
            page.Cell(with_error(each.difference), each.difference.score),
            verdict(each.difference, metric.greater_is_better),
        ]
        for each in worth.comparisons
    ]
    columns = (
        "Model",
        "Learns from",
        "Without",
        f"{metric.label}: difference ± standard error",
        "Verdict",
    )
    return [text, page.SortableTable("With these rows minus without.", columns, cells)]


def _explained(worth: ExtraRowsWorth, are_labelled: bool) -> str:
    """Which rows these are; `are_labelled`: some model learns from test rows too."""
    extra = (
        f"{worth.rows:,} further rows are learnt from by some models and validated by none; as a "
        "feature, a model of these rows alone predicts all others, and its prediction is a column. "
    )
    labelled = (
        f"Of the {worth.test_rows:,} rows of test some models learn from those of which they are "
        "surest, with the class that they predict; each fold's fit labels them anew. "
    )
    return (
        f"{extra * bool(worth.rows)}{labelled * are_labelled}Both scores of a pair are of the same "
        "rows."
    )

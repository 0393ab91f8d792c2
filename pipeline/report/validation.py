"""Which rows each fold trained on and validated, and whether that mirrors the organiser's split."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline import figures, page
from pipeline.folds import Fold
from pipeline.report.evidence import Evidence
from pipeline.splitting.times import described, row_times
from pipeline.splitting.windows import shown
from pipeline.wording import count

TITLE = "Folds"
SCHEMES = {
    "stratified": "drawn at random, each with its share of every class",
    "plain": "drawn at random",
    "group": "drawn at random, rows of one group together",
    "stratified_group": "drawn at random, rows of one group together, with shares of every class",
    "time": "made by time",
    "column": "those of a column of the training file",
    "own": "made by the competition's own split(frame)",
}


@dataclass(frozen=True)
class FoldRows:
    """Rows of one fold, and where they lie in time: (first, last), empty without a time."""

    fold: str
    train: int
    valid: int
    trained: tuple[str, ...] = ()
    validated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validation:
    """The folds of the first repeat; `mirrors` is what was seen of the organiser's split."""

    scheme: str
    folds: tuple[FoldRows, ...]
    never: int
    mirrors: str


def compute(evidence: Evidence) -> Validation:
    split, mirror = evidence.split, evidence.explore.findings.mirror
    times = row_times(split.time, evidence.load) if split.time else None

    def rows(fold: Fold) -> FoldRows:
        spans = [
            () if times is None else (shown(times[side].min()), shown(times[side].max()))
            for side in (fold.train, fold.valid)
        ]
        return FoldRows(fold.name, len(fold.train), len(fold.valid), *spans)

    never = split.rows - len(split.validated)
    seen = "" if mirror is None else mirror.description
    return Validation(split.scheme, tuple(map(rows, split.repeat(0))), never, seen)


def render(
    found: Validation, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    split = evidence.split
    along = f", along {described(split.time)}" if split.time else ""
    group = f" (column '{split.group}')" if split.group else ""
    text = f"The folds were {SCHEMES.get(found.scheme, found.scheme)}{group}{along}."
    if found.never:
        text += f" {count(found.never, 'row')} of train are in no score: no fold validates them."
    if split.refit:
        text += " Rows to predict get the prediction of a fit on all rows."
    with_times = bool(split.time)
    heads = ["Fold", "Training rows", "Validation rows"]
    heads += ["Trained from", "to", "Validated from", "to"] if with_times else []
    table = [[f.fold, f.train, f.valid, *f.trained, *f.validated] for f in found.folds]
    return [
        f"{found.mirrors}." if found.mirrors else None,
        text,
        page.SortableTable("The folds of the first repeat.", tuple(heads), table),
    ]

"""What logistic regression has learned: by what factor each value of a column changes the odds.

A column reaches the model as several dense columns (a rating is scaled and one-hot), so no single
coefficient shows what a value contributes. Their sum does: with T (values, d) the dense view of the
column's distinct values and w (d,) its coefficients, T w are log-odds by value. They are compared
with the column's mean over the training rows; of a column of many numbers, quartile with quartile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from pipeline import figures, page
from pipeline.encoding.columns import CodedColumn, CodedTable
from pipeline.encoding.views import FoldEncoder
from pipeline.report.evidence import Evidence
from pipeline.wording import count

TITLE = "Odds ratios"
KIND = "logistic"
SINGLE_VALUES = 12  # a column of numbers with more is compared between its quartiles
FEWEST_ROWS = 20  # that hold a value, for it to be compared
SHOWN = 20
QUARTILES = (0.25, 0.75)


@dataclass(frozen=True)
class Contrast:
    """A value of a column against its mean, or a high value against a low one.

    `high` and `low` are places in the column's table by value; low None stands for the mean.
    """

    column: str
    value: str
    rows: int
    high: int
    low: int | None


@dataclass(frozen=True)
class Odds:
    """By how much a contrast changes the log-odds of class `code`: mean, lowest, highest fold."""

    contrast: Contrast
    code: int
    mean: float
    lowest: float
    highest: float

    @property
    def called(self) -> str:
        return f"{self.contrast.column} {self.contrast.value}"

    @property
    def is_clear(self) -> bool:
        """Whether all folds agree on the direction."""
        return self.lowest > 0 or self.highest < 0

    @property
    def ratios(self) -> list[str]:
        """The odds ratio of mean, lowest and highest fold, to two digits of the greatest."""
        return ratios([self.mean, self.lowest, self.highest])


@dataclass(frozen=True)
class OddsByModel:
    """The greatest changes first, by the name of each logistic regression, and its folds."""

    models: Mapping[str, tuple[Odds, ...]]
    folds: Mapping[str, int]


def ratios(log_odds: Sequence[float]) -> list[str]:
    """e^x, with as many decimals as suit each other; beyond a thousand only that is written."""
    times = [float(np.exp(np.clip(value, -50, 50))) for value in log_odds]
    shown = page.alike([min(value, 1000.0) for value in times], 2)
    ends = {True: "> 1,000", False: "< 0.001"}
    return [
        text if 0.001 <= value <= 1000 else ends[value > 1]
        for text, value in zip(shown, times, strict=True)
    ]


def compute(evidence: Evidence) -> OddsByModel | None:
    names = [name for name, found in evidence.trained.items() if found.member.kind == KIND]
    models = {name: model_odds(evidence, name) for name in names}
    models = {name: found for name, found in models.items() if found}
    folds = {name: len(evidence.folds(name)) for name in models}
    return OddsByModel(models, folds) if models else None


def model_odds(evidence: Evidence, name: str) -> tuple[Odds, ...]:
    """Of one logistic regression, over the folds that it was fitted on."""
    member, classes = evidence.train[name].member, len(evidence.classes)
    table = evidence.encode.tables[member.encoder.features or ""].train
    contrasts: list[Contrast] = []
    changes = []
    for fold in evidence.folds(name):
        fitted = evidence.fits.fitted(member, fold)
        columns = fitted.encoder.columns(table)
        contrasts = contrasts or [c for each in columns for c in _contrasts(each, columns[each])]
        learned = fitted.model.state()["model"]
        # where a fold's rows lack a class, there is another model, or only the classes' shares
        if learned is not None and len(learned["classes_"]) == classes:
            logits = column_logits(fitted.encoder, table, learned["coef_"])
            changes.append([_change(each, logits, columns[each.column]) for each in contrasts])
    if not changes or not contrasts:
        return ()
    found = _over_folds(contrasts, np.array(changes))
    return tuple(sorted(found, key=lambda odds: -abs(odds.mean)))


def column_logits(
    encoder: FoldEncoder, table: CodedTable, coef: np.ndarray
) -> dict[str, np.ndarray]:
    """Each column's part in the logits by value, (m + 1, k), missing last; coef (k, d).

    k is 1 for two classes. Summed over the columns at a row's values, with the intercept, these are
    the row's logits.
    """
    place = 0
    parts: dict[str, np.ndarray] = {}
    for name, _, values in encoder.by_value(table, "dense"):
        width = values.shape[1]
        part = values.astype(float) @ coef[:, place : place + width].T
        parts[name] = parts[name] + part if name in parts else part
        place += width
    assert place == coef.shape[1]
    return parts


def _contrasts(name: str, column: CodedColumn) -> Iterator[Contrast]:
    """What there is to compare in one column; nothing of texts, whose words are too many,
    nor of cycles, which are more than one column."""
    if column.kind in ("text", "cycle"):
        return
    counts = column.counts()
    many = column.kind == "number" and len(column.values) > SINGLE_VALUES
    if many and counts[:-1].sum() >= FEWEST_ROWS:
        places = np.arange(len(counts) - 1)
        low, high = np.quantile(places, QUARTILES, weights=counts[:-1], method="inverted_cdf")
        if low < high:
            ends = page.alike([float(column.values[place]) for place in (low, high)])
            rows = int(counts[:-1].sum())
            yield Contrast(name, f"from {ends[0]} to {ends[1]}", rows, int(high), int(low))
    values = [] if many else list(column.values)
    for place in np.flatnonzero(counts[: len(values)] >= FEWEST_ROWS):
        value = values[place]
        shown = value if isinstance(value, str) else page.number(float(value))
        yield Contrast(name, f"= {shown}", int(counts[place]), int(place), None)
    if counts[-1] >= FEWEST_ROWS and not column.repeats:
        yield Contrast(name, "is missing", int(counts[-1]), len(counts) - 1, None)


def _change(
    contrast: Contrast, logits: Mapping[str, np.ndarray], column: CodedColumn
) -> np.ndarray:
    """Change of the logits, (k,); of several classes against the mean class."""
    values = logits[contrast.column]
    mean = np.average(values, axis=0, weights=column.counts())
    change = values[contrast.high] - (mean if contrast.low is None else values[contrast.low])
    return change if len(change) == 1 else change - change.mean()


def _over_folds(contrasts: Sequence[Contrast], changes: np.ndarray) -> Iterator[Odds]:
    """changes (folds, contrasts, k) -> the class that changes most: mean and range over folds."""
    for place, contrast in enumerate(contrasts):
        mean = changes[:, place].mean(axis=0)
        output = int(np.abs(mean).argmax())
        own = changes[:, place, output]
        code = 1 if len(mean) == 1 else output
        yield Odds(contrast, code, float(mean[output]), float(own.min()), float(own.max()))


# -- the page --------------------------------------------------------------------------------------


def render(
    odds: OddsByModel, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    classes, target = evidence.classes, evidence.problem.target
    blocks: list[page.Block] = [
        "What logistic regression has learned. It is a linear model; other models of the blend may "
        "follow curves. A column that is derived from others changes together with them, and then "
        "their odds ratios multiply."
    ]
    for name, found in odds.models.items():
        blocks += [
            page.Heading(evidence.described(name)) if len(odds.models) > 1 else None,
            Markup("<strong>{}</strong>").format(conclusion(found, classes, target)),
            table(found, classes, target, odds.folds[name]),
        ]
    return blocks


def conclusion(found: Sequence[Odds], classes: Sequence[str], target: str) -> str:
    """What raises and what lowers the odds most."""
    clear = [odds for odds in found if odds.is_clear]
    if not clear:
        return "There is no value on whose effect, raising or lowering the odds, all folds agree."
    sentences = []
    for rises, verb in ((True, "Largest increase"), (False, "Largest decrease")):
        side = [odds for odds in clear if (odds.mean > 0) == rises]
        if side:
            mean, low, high = side[0].ratios
            sentences.append(
                f"{verb}: {side[0].called} multiplies the odds of "
                f"{_class(side[0], classes, target)} by {mean} ({low} to {high} over the folds)."
            )
    return " ".join(sentences)


def _class(odds: Odds, classes: Sequence[str], target: str) -> str:
    return f"{target} = {classes[odds.code]}"


def table(
    found: Sequence[Odds], classes: Sequence[str], target: str, folds: int
) -> page.SortableTable:
    """Odds ratios with their range over the folds, the greatest changes first."""
    hidden = f" The {SHOWN} greatest changes of {len(found):,} are listed." * (len(found) > SHOWN)
    is_binary = len(classes) == 2
    of = f"of {target} = {classes[1]}" if is_binary else "of a class, against the mean class,"
    return page.SortableTable(
        f"Odds ratio: the factor by which the odds {of} change while all other columns stay the "
        "same. '= value' is compared with the column's average over the training rows, 'from … to "
        f"…' are its quartiles. Mean of {count(folds, 'fold')}, and the lowest and highest of them."
        f"{hidden}",
        ("Value", "Rows", *([] if is_binary else ["Class"]), "Odds ratio", "Folds", "Effect"),
        [
            _row(odds, None if is_binary else _class(odds, classes, target))
            for odds in found[:SHOWN]
        ],
    )


def _row(odds: Odds, of: str | None) -> list[object]:
    mean, low, high = odds.ratios
    span = page.Cell(f"{low} to {high}", odds.lowest)
    direction = "more likely" if odds.mean > 0 else "less likely"
    verdict = direction if odds.is_clear else page.Cell("the folds disagree", None, "muted")
    named = [odds.called, odds.contrast.rows, *([] if of is None else [of])]
    return [*named, page.Cell(mean, odds.mean), span, verdict]

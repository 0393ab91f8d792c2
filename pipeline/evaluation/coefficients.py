"""What logistic regression has learned, in plain words: odds by the answers that people gave.

A column reaches the model as several dense columns (a rating is scaled and one-hot), so no single
coefficient says what an answer is worth. Their sum does: with T (values, d) the dense view of the
column's distinct values and w (d,) its coefficients, T w are log-odds by value. They are told
against the column's mean over the training rows; of a column of many numbers, between quartiles.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline import page
from pipeline.artifacts import Folder
from pipeline.encoding.columns import Column, Table, TextColumn, read_table
from pipeline.encoding.features import add_features
from pipeline.encoding.views import FoldEncoder
from pipeline.folds import Fold
from pipeline.wording import count

MODEL = "logistic"
SINGLE_VALUES = 12  # a column of numbers with more is told between its quartiles
FEWEST_ROWS = 20  # that give an answer, for it to be told
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
    def is_sure(self) -> bool:
        """Whether all folds agree on the direction."""
        return self.lowest > 0 or self.highest < 0

    @property
    def times(self) -> str:
        """`3.2 times (2.8 to 3.7)`: the odds ratio and its range over the folds."""
        mean, low, high = self.ratios
        return f"{mean} times ({low} to {high})"

    @property
    def ratios(self) -> list[str]:
        """The odds ratio of mean, lowest and highest fold, to two digits of the greatest."""
        return ratios([self.mean, self.lowest, self.highest])

    def to_json(self) -> dict[str, Any]:
        kept = {"column": self.contrast.column, "value": self.contrast.value, "class": self.code}
        return {**kept, "log_odds": self.mean, "lowest": self.lowest, "highest": self.highest}


def ratios(log_odds: Sequence[float]) -> list[str]:
    """e^x, with as many decimals as suit each other; what is beyond a thousand is told as such."""
    times = [float(np.exp(np.clip(value, -50, 50))) for value in log_odds]
    shown = page.alike([min(value, 1000.0) for value in times], 2)
    ends = {True: "> 1,000", False: "< 0.001"}
    return [
        text if 0.001 <= value <= 1000 else ends[value > 1]
        for text, value in zip(shown, times, strict=True)
    ]


def logistic_odds(load: Folder, encode: Folder, train: Folder, folds: Sequence[Fold]) -> list[Odds]:
    """The greatest changes first; `train` is the model's own folder."""
    schema = load.read_json("schema")
    classes = len(schema["classes"])
    first = _encoder(encode, folds[0].name)
    names = [column["name"] for column in schema["columns"]]
    frame = add_features(first.settings.features, load.read_table("train", names))
    table = read_table(frame, first.columns)
    contrasts = [each for name in table.columns for each in _contrasts(name, table.columns[name])]
    changes = []
    for fold in folds:
        if not train.folder("models").has(f"{fold.name}.npz"):
            continue  # it had nothing to learn from, and predicts the shares of the classes
        state = train.folder("models").read_arrays(fold.name)
        if len(state["classes_"]) == classes:
            logits = column_logits(_encoder(encode, fold.name), table, state["coef_"])
            changes.append([_change(each, logits, table) for each in contrasts])
    if not changes or not contrasts:
        return []
    found = _summed_up(contrasts, np.array(changes))
    return sorted(found, key=lambda odds: -abs(odds.mean))


def _encoder(encode: Folder, fold: str) -> FoldEncoder:
    return FoldEncoder.from_json(encode.folder(fold).read_json("encoder"))


def column_logits(encoder: FoldEncoder, table: Table, coef: np.ndarray) -> dict[str, np.ndarray]:
    """Each column's part in the logits by value, (m + 1, k), missing last; coef (k, d).

    k is 1 for two classes. Summed over the columns at a row's values, with the intercept, these are
    the row's logits.
    """
    place, parts = 0, {}
    for name, part in encoder.encoders_.items():
        block = part.dense(table.columns[name])[:, encoder.varying_[name]]
        parts[name] = block.astype(float) @ coef[:, place : place + block.shape[1]].T
        place += block.shape[1]
    for name, fitted in encoder.target_means_.items():
        block = fitted.dense(fitted.by_value(table.columns[name]))
        parts[name] = parts[name] + block @ coef[:, place : place + block.shape[1]].T
        place += block.shape[1]
    assert place == coef.shape[1]
    return parts


def _contrasts(name: str, column: Column) -> Iterator[Contrast]:
    """What there is to tell of one column; nothing of texts, whose words are too many."""
    if isinstance(column, TextColumn):
        return
    counts = column.counts()
    many = column.kind == "number" and len(column.values) > SINGLE_VALUES
    if many and counts[:-1].sum() >= FEWEST_ROWS:
        low, high = _quartiles(counts[:-1])
        if low < high:
            ends = page.alike([float(column.values[place]) for place in (low, high)])
            rows = int(counts[:-1].sum())
            yield Contrast(name, f"from {ends[0]} to {ends[1]}", rows, high, low)
    values = [] if many else list(column.values)
    for place in np.flatnonzero(counts[: len(values)] >= FEWEST_ROWS):
        value = values[place]
        shown = value if isinstance(value, str) else page.number(float(value))
        yield Contrast(name, f"= {shown}", int(counts[place]), int(place), None)
    if counts[-1] >= FEWEST_ROWS and not column.repeats:
        yield Contrast(name, "is missing", int(counts[-1]), len(counts) - 1, None)


def _quartiles(counts: np.ndarray) -> tuple[int, int]:
    """Places of the quartiles among ascending values, from the rows of each."""
    shares = np.cumsum(counts) / counts.sum()
    low, high = (int(np.searchsorted(shares, quartile)) for quartile in QUARTILES)
    return low, high


def _change(contrast: Contrast, logits: Mapping[str, np.ndarray], table: Table) -> np.ndarray:
    """Change of the logits, (k,); of several classes against the mean class."""
    values = logits[contrast.column]
    if contrast.low is None:
        base = np.average(values, axis=0, weights=table.columns[contrast.column].counts())
    else:
        base = values[contrast.low]
    change = values[contrast.high] - base
    return change if len(change) == 1 else change - change.mean()


def _summed_up(contrasts: Sequence[Contrast], changes: np.ndarray) -> Iterator[Odds]:
    """changes (folds, contrasts, k) -> the class that changes most: mean and range over folds."""
    for place, contrast in enumerate(contrasts):
        mean = changes[:, place].mean(axis=0)
        output = int(np.abs(mean).argmax())
        own = changes[:, place, output]
        code = 1 if len(mean) == 1 else output
        yield Odds(contrast, code, float(mean[output]), float(own.min()), float(own.max()))


# -- words -----------------------------------------------------------------------------------------


def conclusion(found: Sequence[Odds], classes: Sequence[str], target: str) -> str:
    """What raises and what lowers the odds most."""
    sure = [odds for odds in found if odds.is_sure]
    if not sure:
        return "Logistic regression has no answer whose direction all folds agree on."
    told = []
    for is_up, verb in ((True, "Most in favour"), (False, "Most against")):
        side = [odds for odds in sure if (odds.mean > 0) == is_up]
        if side:
            of = _class(side[0], classes, target)
            told.append(f"{verb}: {side[0].called}, odds of {of} {side[0].times}.")
    return " ".join(told)


def _class(odds: Odds, classes: Sequence[str], target: str) -> str:
    return f"{target} = {classes[odds.code]}"


def table(found: Sequence[Odds], classes: Sequence[str], target: str, folds: int) -> page.Table:
    """Odds ratios with their range over the folds, the greatest changes first."""
    hidden = f" The {SHOWN} greatest changes of {len(found):,} are listed." * (len(found) > SHOWN)
    is_binary = len(classes) == 2
    of = f"of {target} = {classes[1]}" if is_binary else "of a class against the mean class"
    return page.Table(
        f"By how many times the odds {of} change, other columns left as they are. '= value' is "
        "compared with the column's average over the training rows, 'from … to …' are its "
        f"quartiles. Mean of {count(folds, 'fold')}, and the lowest and highest of them.{hidden}",
        ("Answer", "Training rows", *([] if is_binary else ["Odds of"]), "Times", "Folds", "So"),
        [
            _row(odds, None if is_binary else _class(odds, classes, target))
            for odds in found[:SHOWN]
        ],
    )


def _row(odds: Odds, of: str | None) -> list[Any]:
    mean, low, high = odds.ratios
    span = page.Cell(f"{low} to {high}", odds.lowest)
    direction = "more likely" if odds.mean > 0 else "less likely"
    verdict = direction if odds.is_sure else page.Cell("the folds disagree", None, "muted")
    named = [odds.called, odds.contrast.rows, *([] if of is None else [of])]
    return [*named, page.Cell(mean, odds.mean), span, verdict]

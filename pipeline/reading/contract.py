"""The data contract: what a competition's columns may hold, and what every table must keep to.

Rows are counted as a spreadsheet shows them: the header is row 1, the first data row is row 2.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from pipeline.errors import DataError
from pipeline.problem import Feature, Task
from pipeline.reading import distinct
from pipeline.settings import Settings
from pipeline.wording import count, did_you_mean, some

if TYPE_CHECKING:
    import pandas as pd

FIRST_ROW = 2
MOST_LINES = 20
MOST_NAMES = 5
WHOLE = re.compile(r"^([+-]?\d+)\.0+$")
REMEDY = "Correct the file, or widen [load.columns] in the competition's TOML"
ROWS_EXPLAINED = "rows are counted as in a spreadsheet, the header is row 1"


class ColumnRule(Settings):
    """What one column may hold: `{ kind = "integer", min = 0, max = 5, missing = false }`."""

    kind: Literal["number", "integer", "category", "text", "date"]
    min: float | None = Field(None, strict=True, description="smallest number allowed")
    max: float | None = Field(None, strict=True, description="greatest number allowed")
    allowed: tuple[str | int | bool, ...] | None = Field(None, description="the only values")
    format: str | tuple[str, ...] | None = Field(
        None, description='of dates, or several: "%d/%m/%Y"; found by looking if left out'
    )
    missing: bool = Field(True, strict=True, description="whether values may be missing")
    missing_words: tuple[str, ...] | None = Field(
        None, description="words that mean missing; left out, the usual ones"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        ranged = self.min is not None or self.max is not None
        if ranged and self.kind not in ("number", "integer"):
            raise ValueError(f'min and max are for kind "number" or "integer", not "{self.kind}"')
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min is {self.min:g}, which is more than max, {self.max:g}")
        if self.allowed is not None and not self.allowed:
            raise ValueError("allowed is empty; name the values, or leave it out")
        self._refuse_format()
        return self

    def _refuse_format(self) -> None:
        if self.format is None:
            return
        from pipeline.reading import dates

        if self.kind != "date":
            raise ValueError(f'format is for kind "date", not "{self.kind}"')
        if not self.formats:
            raise ValueError("format is empty; name at least one, or leave it out")
        for format in self.formats:
            if error := dates.format_error(format):
                raise ValueError(f"format {format!r}: {error}")
        if len({dates.is_time(format) for format in self.formats}) > 1:
            raise ValueError("format: dates and times without a date cannot be in one column")

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats of dates that are named."""
        return (self.format,) if isinstance(self.format, str) else self.format or ()

    def __str__(self) -> str:
        """What is allowed, in words that follow 'allowed are'."""
        if self.allowed is not None:
            values = ", ".join(map(quoted_value, self.allowed))
        elif self.formats:
            from pipeline.reading import dates

            values = f"dates written as {' or '.join(map(dates.shape, self.formats))}"
        else:
            values = {"integer": "whole numbers", "number": "numbers"}.get(self.kind, "values")
            values += self._range()
        return values if self.missing else f"{values}, none missing"

    def _range(self) -> str:
        if self.min is not None and self.max is not None:
            return f" {self.min:g} to {self.max:g}"
        if self.min is not None:
            return f" of {self.min:g} or more"
        return "" if self.max is None else f" of {self.max:g} or less"

    def fits(self, values: "pd.Series") -> "pd.Series":
        """values (n,), none missing -> (n,) bool: which of them are allowed."""
        import pandas as pd

        fit = pd.Series(True, index=values.index)
        if self.allowed is not None:
            # 1, 1.0 and "1" stand for one another, as missing values come and go
            words = {_word(value) for value in self.allowed}
            fit &= values.isin([value for value in values.unique() if _word(value) in words])
        if self.formats:
            from pipeline.reading.date_columns import is_gap, read_dates

            dates = Feature(str(values.name), "date", formats=self.formats)
            fit &= read_dates(values, dates).notna() | is_gap(values, dates)
        if self.kind in ("number", "integer"):
            numbers = _numbers(values)
            low = -np.inf if self.min is None else self.min
            high = np.inf if self.max is None else self.max
            fit &= np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
            if self.kind == "integer":
                fit &= numbers == np.floor(numbers)
        return fit


def check(
    frame: "pd.DataFrame",
    rules: Mapping[str, ColumnRule],
    where: str,
    remedy: str = REMEDY,
    written: "pd.DataFrame | None" = None,
) -> None:
    """Every value is what the contract allows, or one error lists all that are not.

    where: the table's name or file, for the message; remedy: what to do, without its full stop;
    written: the values as the file has them, to be shown.
    """
    found = _violations(frame, rules)
    absent = [name for name in rules if name not in frame]
    if not found and not absent:
        return
    total, shown = sum(map(len, found.values())), frame if written is None else written
    meant = {name: did_you_mean(name, map(str, shown.columns), otherwise="") for name in absent}
    lines = [
        f"column {name!r}: named by the contract, not in the table{'. ' * bool(near)}{near}"
        for name, near in meant.items()
    ]
    lines += [
        f"column {name!r}, row {row + FIRST_ROW}: found {quoted_value(shown[name].iloc[row])}, "
        f"allowed are {rules[name]}"
        for name, row in _spread(found, max(0, MOST_LINES - len(absent)))
    ]
    counts = [f"{count(total, 'value')} in {count(len(found), 'column')}"] if found else []
    counts += [count(len(absent), "absent column")] if absent else []
    more = total + len(absent) - MOST_LINES
    lines = lines[:MOST_LINES] + [f"... and {more} more"] * (more > 0)
    raise DataError(
        f"{where}: {' and '.join(counts)} against the data contract ({ROWS_EXPLAINED}).\n  "
        + "\n  ".join(lines)
        + f"\n{remedy}."
    )


def compare(train: "pd.DataFrame", test: "pd.DataFrame", target: str, id: str | None) -> None:
    """Train and test have the same columns; the target need not be in test, nor the id in both."""
    free = [target, id]
    tables = {"train": train, "test": test}
    names = {side: t.columns.difference(free, sort=False) for side, t in tables.items()}
    if found := differences(names):
        raise DataError(
            f"train and test must have the same columns but for the target {target!r}; found "
            f"{found}. Correct the files, or name the columns in [load] drop of the TOML."
        )


def check_ids(frame: "pd.DataFrame", id: str, where: str) -> None:
    """Every row has an id, and no other row has the same one."""
    _require_columns(frame, [id], where)
    if not frame[id].hasnans and distinct.is_unique(frame[id]):
        return
    ids = frame[id].reset_index(drop=True)
    missing = ids.index[ids.isna()]
    if len(missing):
        raise DataError(
            f"{where}: column {id!r} has no id in {_rows(missing)} ({ROWS_EXPLAINED}). "
            "Give every row an id of its own."
        )
    repeated = ids[ids.duplicated(keep=False)]
    if len(repeated):
        groups = repeated.groupby(repeated, sort=False).groups
        shown = list(groups.items())[:MOST_NAMES]
        first = "; ".join(f"{quoted_value(id)} in {_rows(rows)}" for id, rows in shown)
        raise DataError(
            f"{where}: column {id!r} has {count(len(groups), 'id')} more than once: {first}"
            f"{'; ...' if len(groups) > MOST_NAMES else ''} ({ROWS_EXPLAINED}). Give every row "
            "an id of its own."
        )


def check_sample(
    sample: "pd.DataFrame", test: "pd.DataFrame", id: str, columns: Sequence[str]
) -> None:
    """The sample has the id and the columns to predict, and the ids of test, in any order."""
    _require_columns(sample, [id, *(name for name in columns if name != id)], "sample")
    check_ids(sample, id, "sample")
    check_ids(test, id, "test")
    known, wanted = comparable(test[id], sample[id])
    if found := differences({"test": known, "the sample": wanted}):
        raise DataError(
            f"sample and test must have the same ids in column {id!r}; found {found}. Download "
            "both again from the same competition, correct [load] id in the TOML, or do without "
            'the sample: [load] sample = "none".'
        )


def differences(sides: "Mapping[str, pd.Series | pd.Index]") -> str:
    """1 only in test: '3'; 2 only in train: '5', '7'. Nothing where both sides have the same."""
    (one, values), (other, others) = sides.items()
    own = {
        one: values[~distinct.are_in(values, others)],
        other: others[~distinct.are_in(others, values)],
    }
    return "; ".join(
        f"{len(found):,} only in {side}: {_quoted_values(found)}"
        for side, found in own.items()
        if len(found)
    )


def comparable(one: "pd.Series", other: "pd.Series") -> "tuple[pd.Series, pd.Series]":
    """Ids of two tables in one spelling: as they are; or, where they have none in common so,
    without blanks around, and 5 for 5.0, as whole numbers with gaps are saved."""
    if distinct.share_any(one, other):
        return one, other
    bare = (ids.str.strip().str.replace(WHOLE, r"\1", regex=True) for ids in (one, other))
    return next(bare), next(bare)


def check_target(target: "pd.Series", task: Task) -> None:
    """A target that can be learnt: known in every row, two values at least, right for the task.

    target: numbers, NaN where they are none; or words (n,).
    """
    target = target.reset_index(drop=True)
    problem, remedy = _target_problem(target, task)
    if problem:
        raise DataError(
            f"train: the target {str(target.name)!r} {problem} ({ROWS_EXPLAINED}). {remedy}"
        )


def _target_problem(target: "pd.Series", task: str) -> tuple[str, str]:
    """What is wrong with the target and what to do; two empty strings if nothing is."""
    name_it = "or name the right column in [load] target of the competition's TOML."
    other = f"Correct the file, {name_it}"
    missing = target.index[target.isna()]
    if len(missing):
        return (
            f"is missing in {_rows(missing)}",
            'Leave these rows out with [load] missing_target = "drop" in the competition\'s TOML, '
            f"fill them in, {name_it}",
        )
    values = target.unique()
    if len(values) < 2:
        found = f"has one value only, {quoted_value(values[0])}" if len(values) else "has no value"
        return f"{found}; at least two are needed", other
    if task == "binary" and len(values) > 2:
        found = _quoted_values(values.tolist())
        other = f'{other[:-1]}, or set [competition] task = "multiclass".'
        return f"has {len(values)} values, {found}; a binary target has two", other
    if task == "regression":
        wrong = target.index[~np.isfinite(_numbers(target))]
        if len(wrong):
            first = quoted_value(target.iloc[wrong[0]])
            other = f'{other[:-1]}, or correct [competition] task = "regression".'
            return f"must be numbers for regression; found {first} in {_rows(wrong)}", other
    return "", ""


def _violations(frame: "pd.DataFrame", rules: Mapping[str, ColumnRule]) -> dict[str, np.ndarray]:
    """Column -> the positions of the rows whose values its rule forbids; none without any."""
    found = {}
    for name in (name for name in rules if name in frame):
        values = frame[name].reset_index(drop=True)
        fits = rules[name].fits(values.dropna())
        allowed = fits.reindex(values.index, fill_value=rules[name].missing)
        found[name] = np.flatnonzero(~allowed.to_numpy(dtype=bool))
    return {name: rows for name, rows in found.items() if len(rows)}


def _spread(found: Mapping[str, np.ndarray], most: int) -> list[tuple[str, int]]:
    """The first few violations of every column rather than all of the first column's."""
    cells = [(name, int(row)) for name, rows in found.items() for row in rows[:most]]
    rank = [place for rows in found.values() for place in range(len(rows[:most]))]
    first = np.argsort(rank, kind="stable")[:most]
    return [cells[place] for place in sorted(first)]


def _numbers(values: "pd.Series") -> "pd.Series":
    """(n,) -> (n,) float64; NaN where the value is no number."""
    import pandas as pd

    return pd.to_numeric(values, errors="coerce").astype("float64")


def _require_columns(frame: "pd.DataFrame", names: Iterable[str], where: str) -> None:
    absent = [name for name in names if name not in frame]
    if absent:
        raise DataError(
            f"{where}: no column {_quoted_values(absent)}; found "
            f"{_quoted_values(frame.columns, most=30)}. Correct the file, or the name in [load] of "
            "the competition's TOML."
        )


def _word(value: Any) -> str:
    """The value as a person writes it: 7 for 7.0, so that words and numbers can be compared."""
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return WHOLE.sub(r"\1", str(value))


def quoted_value(value: Any) -> str:
    """The value in quotes, cut short, with nothing in it that a terminal obeys."""
    if isinstance(value, float) and math.isnan(value):
        return "nothing"
    word = _word(value)
    return repr(word if len(word) <= 60 else word[:57] + "...")


def _quoted_values(values: Iterable[Any], most: int = MOST_LINES) -> str:
    return some([quoted_value(value) for value in values], most)


def _rows(positions: Iterable[int]) -> str:
    rows = [str(position + FIRST_ROW) for position in positions]
    return f"row{'s' if len(rows) > 1 else ''} {some(rows, MOST_NAMES)}"

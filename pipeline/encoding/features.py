"""A competition's own features: columns computed row by row, before anything is fitted.

They live in pipeline/competitions/<name>.py as `features(frame) -> frame`, with the columns of the
schema in and those columns and more out. Strings that it adds are categories.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd


def add_features(module: str | None, frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with the features of pipeline/competitions/<module>.py; None adds none."""
    if module is None:
        return frame
    place = f"pipeline.competitions.{module}"
    try:
        features = importlib.import_module(place).features
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        raise SettingsError(
            f"[encode] features: found '{module}', but there is no pipeline/competitions/"
            f"{module}.py. Correct the name, or write that file with `features(frame)`."
        ) from None
    added: pd.DataFrame = features(frame.copy(deep=False))
    if len(added) != len(frame):
        raise SettingsError(
            f"[encode] features = '{module}': {len(frame)} rows went in and {len(added)} came out. "
            "Return one row for each row, in the same order."
        )
    return added


def check_row_wise(module: str, frame: "pd.DataFrame") -> None:
    """Raise SettingsError unless half of the rows alone get the features that they get among all.

    A feature that looks at other rows would carry validation rows into training.
    """
    whole, half = add_features(module, frame).iloc[::2], add_features(module, frame.iloc[::2])
    differing = [
        name
        for name in whole.columns.union(half.columns, sort=False)
        if name not in whole or name not in half or not _same(whole[name], half[name])
    ]
    if differing:
        raise SettingsError(
            f"[encode] features = '{module}': column '{differing[0]}' changes when other rows are "
            "left out, which would carry validation rows into training. "
            "Compute each row's features from that row alone."
        )


def feature_columns(
    frame: "pd.DataFrame", columns: Sequence[Mapping[str, str]]
) -> list[dict[str, str]]:
    """Names and kinds of a frame's columns: of the schema's as there, of added ones by type."""
    known = {column["name"]: column["kind"] for column in columns}
    return [
        {"name": str(name), "kind": known.get(str(name)) or _kind(frame[name])}
        for name in frame.columns
    ]


def _kind(series: "pd.Series[Any]") -> str:
    from pandas.api import types

    if types.is_datetime64_any_dtype(series.dtype):
        return "date"
    numeric = types.is_numeric_dtype(series.dtype) or types.infer_dtype(series, skipna=True) in (
        "boolean",
        "integer",
        "floating",
        "mixed-integer-float",
        "empty",
    )
    return "number" if numeric else "category"


def _same(one: "pd.Series[Any]", other: "pd.Series[Any]") -> bool:
    """Equal but for rounding and for the type: a gap elsewhere turns whole numbers into floats."""
    from pandas.testing import assert_series_equal

    try:
        assert_series_equal(
            one.reset_index(drop=True), other.reset_index(drop=True), check_dtype=False
        )
    except AssertionError:
        return False
    return True

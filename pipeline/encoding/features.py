"""A competition's own features: columns computed row by row, before anything is fitted.

They live in pipeline/competitions/<name>.py as `features(frame) -> frame`, with the problem's
features in and those columns and more out. Strings that it adds are categories.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pipeline.errors import SettingsError
from pipeline.own_functions import own_function
from pipeline.problem import Feature, Kind

if TYPE_CHECKING:
    import pandas as pd

MOST_CHECKED = 10_000  # rows


def add_features(module: str | None, frame: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with the features of pipeline/competitions/<module>.py; None adds none."""
    if module is None:
        return frame
    features = own_function(module, "features(frame)", "[encode] features")
    added: pd.DataFrame = features(frame.copy(deep=False))
    if len(added) != len(frame):
        raise SettingsError(
            f"[encode] features = '{module}': {len(frame)} rows went in and {len(added)} came out. "
            "Return one row for each row, in the same order."
        )
    return added


def check_row_wise(module: str, frame: "pd.DataFrame", added: "pd.DataFrame") -> None:
    """Raise SettingsError unless some of the rows alone get the features that they get among all.

    A feature that looks at other rows would carry validation rows into training. `added` is the
    frame with its features; every second row is looked at, of a large table some MOST_CHECKED.
    """
    rows = slice(None, None, max(2, len(frame) // MOST_CHECKED))
    among, alone = added.iloc[rows], add_features(module, frame.iloc[rows])
    differing = [
        name
        for name in among.columns.union(alone.columns, sort=False)
        if name not in among or name not in alone or not _same(among[name], alone[name])
    ]
    if differing:
        raise SettingsError(
            f"[encode] features = '{module}': column '{differing[0]}' changes when other rows are "
            "left out, which would carry validation rows into training. "
            "Compute each row's features from that row alone."
        )


def with_kinds(frame: "pd.DataFrame", features: Sequence[Feature]) -> tuple[Feature, ...]:
    """All columns of a frame: those features as they are, added ones with a kind by their type."""
    known = {feature.name: feature for feature in features}
    return tuple(
        known.get(str(name)) or Feature(str(name), _kind(frame[name])) for name in frame.columns
    )


def _kind(series: "pd.Series[Any]") -> Kind:
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

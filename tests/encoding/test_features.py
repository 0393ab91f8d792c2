import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pipeline.encoding.features import MOST_CHECKED, add_features, check_row_wise, with_kinds
from pipeline.errors import SettingsError
from pipeline.problem import Feature

FRAME = pd.DataFrame({"a": [1.0, 2, 3, 4], "b": ["x", "y", None, "x"]})


@pytest.fixture
def features(monkeypatch):
    """Give `pipeline.competitions.made_up` this function."""

    def install(function):
        module = SimpleNamespace(features=function)
        monkeypatch.setitem(sys.modules, "pipeline.competitions.made_up", module)

    return install


def test_row_wise_features_pass(features):
    features(lambda frame: frame.assign(sum=frame["a"] + 1, both=frame["b"] + "!"))
    added = add_features("made_up", FRAME)
    check_row_wise("made_up", FRAME, added)
    assert with_kinds(added, [Feature("b", "text")]) == (
        Feature("a", "number"),
        Feature("b", "text"),
        Feature("sum", "number"),
        Feature("both", "category"),
    )


@pytest.mark.parametrize(
    "leak",
    [
        lambda frame: frame.assign(mean=frame["a"].mean()),
        lambda frame: frame.assign(many=frame.groupby("b", dropna=False)["a"].transform("size")),
        lambda frame: frame.assign(place=np.arange(len(frame))),
        lambda frame: frame.join(pd.get_dummies(frame["b"])),
    ],
    ids=["mean", "group size", "row number", "columns by value"],
)
@pytest.mark.parametrize("times", [1, MOST_CHECKED], ids=["few rows", "many rows"])
def test_features_that_look_at_other_rows_are_refused(features, leak, times):
    features(leak)
    frame = pd.concat([FRAME] * times, ignore_index=True)
    with pytest.raises(SettingsError, match="changes when other rows are left out"):
        check_row_wise("made_up", frame, add_features("made_up", frame))


def test_features_must_keep_the_rows(features):
    features(lambda frame: frame.dropna())
    with pytest.raises(SettingsError, match="4 rows went in and 3 came out"):
        add_features("made_up", FRAME)


def test_the_callers_frame_is_not_changed(features):
    def scribble(frame):
        frame["a"] = 0
        frame.loc[0, "b"] = "z"
        return frame

    features(scribble)
    before = FRAME.copy(deep=True)
    add_features("made_up", FRAME)
    pd.testing.assert_frame_equal(FRAME, before)


def test_an_unknown_module_is_named():
    with pytest.raises(SettingsError, match=r"no pipeline/competitions/nowhere\.py"):
        add_features("nowhere", FRAME)


def test_types_of_added_columns():
    added = pd.DataFrame(
        {
            "flag": pd.Series([True, None], dtype=object),
            "when": pd.to_datetime(["2020-01-01", None]),
            "mixed": pd.Series([1, "a"], dtype=object),
            "whole": pd.Series([1, None], dtype="Int64"),
        }
    )
    kinds = [feature.kind for feature in with_kinds(added, [])]
    assert kinds == ["number", "date", "category", "number"]

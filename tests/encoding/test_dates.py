import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline.encoding.columns import code_column, code_table
from pipeline.encoding.cycles import CycleEncoder
from pipeline.encoding.views import FoldEncoder
from pipeline.problem import Feature
from pipeline.settings import Encode

DATE = Feature("d", "date")


def by_row(series) -> dict[str, np.ndarray]:
    return {
        part.name.removeprefix("d "): part.with_missing()[part.codes]
        for part in code_column(DATE, series)
        if part.kind == "number"
    }


# the first moon landing, a Sunday; a leap day, a Thursday; the day that days are counted from
TEXTS = ["1969-07-20 20:17", "2024-02-29", "2000-01-01", None]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(pd.to_datetime(pd.Series(TEXTS), format="mixed")),
        pd.Series(TEXTS),
        pd.Series(pd.to_datetime(pd.Series(TEXTS), format="mixed")).dt.tz_localize("Asia/Seoul"),
    ],
    ids=["datetime", "text", "with time zone"],
)
def test_parts_of_known_dates(series):
    parts = by_row(series)
    assert_allclose(parts["year"], [1969, 2024, 2000, np.nan])
    assert_allclose(parts["month"], [7, 2, 1, np.nan])
    assert_allclose(parts["day"], [20, 29, 1, np.nan])
    assert_allclose(parts["weekday"], [6, 3, 5, np.nan])
    assert_allclose(parts["hour"], [20, 0, 0, np.nan])
    # Julian day numbers 2440423.345, 2460369.5 and 2451544.5 from the almanac
    assert_allclose(parts["days"], [2440423.345 - 2451544.5, 8825, 0, np.nan], atol=1e-3)


def test_how_a_text_is_read_does_not_depend_on_the_texts_before_it():
    texts = ["13/01/2020", "2020-02-30", "01/02/2020", "2020-01-05"]
    forward, backward = by_row(pd.Series(texts)), by_row(pd.Series(texts[::-1]))
    for part in forward:
        assert_allclose(forward[part], backward[part][::-1])
    assert np.isnan(forward["days"]).tolist() == [False, True, False, False]


def test_the_indicator_belongs_to_one_part_only():
    parts = code_column(DATE, pd.Series(TEXTS))
    assert [part.name for part in parts if not part.repeats] == ["d days"]


def test_the_hours_are_choices_of_their_own_for_a_line_and_one_number_for_a_tree():
    times = pd.Series(pd.date_range("2021-01-01", periods=480, freq="h"))
    encoder = FoldEncoder(Encode(), [DATE], None)
    night = ((times.dt.hour < 6) | (times.dt.hour >= 22)).to_numpy(dtype=float)
    table = code_table(pd.DataFrame({"d": times}), [DATE])
    scaled = encoder.fit_transform(table, night, np.random.default_rng(0), "dense")
    dense = np.column_stack([scaled.astype(float), np.ones(480)])
    weights = np.linalg.lstsq(dense, night, rcond=None)[0]
    assert_allclose(dense @ weights, night, atol=1e-3)
    assert [name for name in encoder.names("tree") if "hour" in name] == ["d hour"]


def test_a_line_foresees_the_season_of_months_that_it_has_not_seen():
    """A wave of one turn a year, learnt from nine months of it."""
    times = pd.Series(pd.date_range("2021-01-01", "2021-12-31", freq="D"))
    warmth = np.cos(2 * np.pi * (times.dt.day_of_year.to_numpy() - 200) / 365.2425)
    encoder = FoldEncoder(Encode(), [DATE], None)
    known = times[:270]
    table = code_table(pd.DataFrame({"d": known}), [DATE])
    encoder.fit(table, warmth[:270], np.random.default_rng(0))
    whole = encoder.transform(code_table(pd.DataFrame({"d": times}), [DATE]), "dense")
    names = encoder.names("dense")
    waves = [place for place, name in enumerate(names) if name.startswith("d season")]
    dense = np.column_stack([whole[:, waves].astype(float), np.ones(len(times))])
    weights = np.linalg.lstsq(dense[:270], warmth[:270], rcond=None)[0]
    assert_allclose(dense[270:] @ weights, warmth[270:], atol=1e-3)
    assert not any("season" in name for name in encoder.names("tree"))


def test_a_missing_date_has_no_season_and_a_damaged_cycle_is_refused():
    parts = {part.name: part for part in code_column(DATE, pd.Series(TEXTS))}
    season = CycleEncoder.fit(parts["d season"], Encode())
    table = season.by_value(parts["d season"], "dense")
    assert table[parts["d season"].codes[3]].tolist() == [0, 0, 0, 0]
    assert season.by_value(parts["d season"], "tree").shape == (len(table), 0)
    with pytest.raises(ValueError, match="longer than 0"):
        CycleEncoder(0.0)

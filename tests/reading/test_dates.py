"""Dates are read as a person reads them, in whatever format they are written, or asked about."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_series_equal

from pipeline.errors import DataError
from pipeline.problem import Feature
from pipeline.reading import kinds
from pipeline.reading.contract import ColumnRule
from pipeline.reading.date_columns import find_dates, formats_of
from pipeline.reading.dates import format_error, parse, pattern, shape
from pipeline.reading.typed_tables import as_words

# (format, text, the instant)
KNOWN = [
    ("%Y-%m-%d", "2021-03-01", "2021-03-01"),
    ("%Y-%m-%d", "2021-3-1", "2021-03-01"),
    ("%Y-%m-%d", "9999-12-31", "9999-12-31"),
    ("%Y-%m-%d", "0001-01-01", "0001-01-01"),
    ("%Y-%m-%dT%H:%M:%S", "2021-03-01T10:20:30", "2021-03-01T10:20:30"),
    ("%Y-%m-%d %H:%M:%S.%f", "2021-03-01 10:20:30.25", "2021-03-01T10:20:30.25"),
    ("%Y-%m-%d %H:%M:%S.%f", "2021-03-01 10:20:30", "2021-03-01T10:20:30"),
    ("%Y-%m-%d %H:%M:%S.%f", "2021-03-01 10:20:30.123456789", "2021-03-01T10:20:30.123456"),
    ("%d/%m/%Y", "01/12/2017", "2017-12-01"),
    ("%m/%d/%Y", "09/22/1986", "1986-09-22"),
    ("%m/%d/%Y %I:%M %p", "1/5/2021 3:45 PM", "2021-01-05T15:45"),
    ("%m/%d/%Y %I:%M %p", "1/5/2021 12:00 am", "2021-01-05T00:00"),
    ("%m/%d/%Y %I:%M %p", "1/5/2021 12:30 p.m.", "2021-01-05T12:30"),
    ("%Y. %m. %d.", "2021. 3. 1.", "2021-03-01"),
    ("%Y년 %m월 %d일", "2021년 3월 1일", "2021-03-01"),
    ("%Y년 %m월 %d일 %p %I시 %M분", "2021년 3월 1일 오후 3시 5분", "2021-03-01T15:05"),
    ("%Y-%m-%d %p %I:%M:%S", "2021-03-01 오전 12:00:01", "2021-03-01T00:00:01"),
    ("%Y.%m.%d(%a)", "2021.03.01(월)", "2021-03-01"),
    ("%y.%m.%d", "21.03.01", "2021-03-01"),
    ("%y.%m.%d", "69.03.01", "1969-03-01"),
    ("%y.%m.%d", "68.03.01", "2068-03-01"),
    ("%d-%b-%y", "01-Mar-21", "2021-03-01"),
    ("%d-%b-%Y", "1-SEPT-2021", "2021-09-01"),
    ("%B %d, %Y", "March 1, 2021", "2021-03-01"),
    ("%a, %d %b %Y %H:%M:%S %z", "Mon, 01 Mar 2021 10:00:00 GMT", "2021-03-01T10:00"),
    ("%d/%b/%Y:%H:%M:%S %z", "01/Mar/2021:10:00:00 +0900", "2021-03-01T01:00"),
    ("%Y-%m-%dT%H:%M:%S%z", "2021-03-01T10:00:00Z", "2021-03-01T10:00"),
    ("%Y-%m-%dT%H:%M:%S%z", "2021-03-01T10:00:00-05:30", "2021-03-01T15:30"),
    ("%Y-%m-%d %H:%M %z", "2021-03-01 10:00 KST", "2021-03-01T01:00"),
    ("%m/%d/%Y %I:%M %p %z", "3/1/2021 8:00 PM EST", "2021-03-02T01:00"),
    ("%Y%m%d", "20210301", "2021-03-01"),
    ("%Y%m", "202103", "2021-03-01"),
    ("%Y%m%d%H", "2020010113", "2020-01-01T13:00"),
    ("%Y%m%d%H", "2020123124", "2021-01-01T00:00"),  # AirKorea's last hour of the year
    ("%Y%m%d%H%M%S", "20200101134501", "2020-01-01T13:45:01"),
    ("%Y%m%dT%H%M%S", "20141013T000000", "2014-10-13"),
    ("%Y-%m", "2021-03", "2021-03-01"),
    ("%Y-%m-%d", "２０２１-０３-０１", "2021-03-01"),
    ("%Y-%m-%d", " 2021-03-01 ", "2021-03-01"),
    ("unix s", "1614556800", "2021-03-01"),
    ("unix ms", "1614556800500", "2021-03-01T00:00:00.5"),
]
NO_DATES = [
    ("%Y-%m-%d", "2021-02-29"),
    ("%Y-%m-%d", "2021-13-01"),
    ("%Y-%m-%d", "0000-00-00"),
    ("%Y-%m-%d", "20210301"),
    ("%d/%m/%Y", "03/25/2021"),
    ("%Y-%m-%d %H:%M", "2021-03-01 24:01"),
    ("%Y-%m-%d %I:%M %p", "2021-03-01 13:00 AM"),
    ("%Y%m%d%H", "20201115"),
    ("%d-%b-%y", "01-Mars-21"),
    ("%Y-%m-%d", "2021-03-01 and more"),
]


def text(values: pd.Series) -> pd.Series:
    """The words that a CSV file of this column holds."""
    return as_words(values.to_frame("c"))["c"]


def feature_of(name, train, test, rule=None) -> Feature:
    return kinds.describe_column(name, text(train), text(test), rule).feature


def conform(frame, features, where):
    return kinds.conform(as_words(frame), features, where)


@pytest.mark.parametrize(("format", "text", "instant"), KNOWN)
def test_an_instant_is_read(format, text, instant):
    (read,) = parse(pd.Series([text]), [format])
    assert read == pd.Timestamp(instant)


@pytest.mark.parametrize(("format", "text"), NO_DATES)
def test_what_is_no_date_of_the_form_is_missing(format, text):
    assert parse(pd.Series([text]), [format]).isna().all()


@pytest.mark.parametrize(
    ("format", "text", "hours"),
    [
        ("%H:%M", "13:45", 13.75),
        ("%H:%M:%S", "00:00:36", 0.01),
        ("%I:%M %p", "1:45 PM", 13.75),
        ("%p %I:%M", "오후 1:45", 13.75),
        ("%H시 %M분", "9시 30분", 9.5),
        ("%H:%M", "24:00", 24.0),
    ],
)
def test_a_time_alone_is_hours_since_midnight(format, text, hours):
    assert parse(pd.Series([text]), [format]).tolist() == [hours]


# -- the format of a column ------------------------------------------------------------------------

DAYS = [
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y. %m. %d.", "%Y년 %m월 %d일", "%y년 %m월 %d일",
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%y.%m.%d", "%d/%m/%y", "%d-%b-%y",
    "%d %b %Y", "%b %d, %Y",
    "%d%b%Y", "%Y:%m:%d", "%Y-%m-%d (%a)", "%a, %d %b %Y", "%Y%m%d",
]  # fmt: skip
CLOCKS = ["", " %H:%M", " %H:%M:%S", "T%H:%M:%S.%f", " %I:%M:%S %p", " %p %I:%M", "T%H:%M:%S%z"]
EDGE = ("%Y%m%d%H%M%S", "%Y%m%dT%H%M%S", "%Y%m%d%H", "%Y-%m", "%Y%m", "%Y년 %m월", "%b-%y")
FORMATS = [day + clock for day in DAYS for clock in CLOCKS if day != "%Y%m%d" or not clock]
FORMATS += EDGE
instants = st.lists(
    st.datetimes(datetime(1971, 1, 1), datetime(2067, 12, 31)), min_size=40, max_size=60
)


def typed(words, feature) -> pd.Series:
    return conform(pd.DataFrame({"c": words}), [feature], "x")["c"]


def written(instants: list[datetime], format: str) -> list[str]:
    return [instant.strftime(format.replace("%z", "+09:00")) for instant in instants]


@pytest.mark.parametrize("format", FORMATS)
@given(instants)
@settings(max_examples=3, deadline=None)
def test_a_form_is_found_and_its_instants_come_back(format, drawn):
    # every day of a month, so that day and month cannot be taken for one another
    drawn += [datetime(2019 + day % 2, 1 + day % 12, day) for day in range(1, 32) if day != 30]
    words = pd.Series(written(drawn, format))
    feature = feature_of("c", words, words.head(5))
    assert feature.kind == "date"
    expected = pd.Series([datetime.strptime(word, format) for word in words])
    if expected.dt.tz is not None:
        expected = expected.dt.tz_localize(None)  # one offset in all: local time
    assert_series_equal(typed(words, feature), expected, check_names=False, check_dtype=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [("%Y-%m-%d", "%d/%m/%Y"), ("%Y%m%d", "%Y-%m-%d"), ("%y.%m.%d", "%Y. %m. %d.")],
)
def test_train_and_test_may_have_different_forms(one, other):
    days = [datetime(2020 + i % 2, 1 + i % 12, 1 + i % 28) for i in range(60)]
    train, test = pd.Series(written(days, one)), pd.Series(written(days, other))
    feature = feature_of("c", train, test)
    read = [
        conform(pd.DataFrame({"c": side}), [feature], "t")["c"].tolist() for side in (train, test)
    ]
    assert read[0] == read[1] == [pd.Timestamp(day) for day in days]
    whole = train.astype("int64") if one == "%Y%m%d" else train
    assert feature_of("c", whole, test) == feature


def test_days_and_months_are_distinguished_by_all_values_together():
    train = pd.Series(["03/04/2020", "05/06/2020"])
    open_ = find_dates("when", train)
    assert open_.formats == ("%m/%d/%Y",)
    assert open_.notes == (
        "column 'when': '03/04/2020' is taken for MM/DD/YYYY, though no value rules out "
        'DD/MM/YYYY; if it is that: [load.columns] "when" = { kind = "date", format = "%d/%m/%Y" }',
    )
    settled = find_dates("when", train, pd.Series(["25/12/2020"]))
    assert (settled.formats, settled.notes) == (("%d/%m/%Y",), ())
    # the order of one format holds for another
    both = find_dates("when", pd.Series(["03/04/2020", "25/12/2020 10:00"]))
    assert (set(both.formats), both.notes) == ({"%d/%m/%Y", "%d/%m/%Y %H:%M"}, ())


@pytest.mark.parametrize(
    ("words", "zone", "first"),
    [
        (["2021-03-01T10:00:00+09:00", "2021-03-02T10:00:00+09:00"], 540, "2021-03-01T10:00"),
        (["2021-03-01T10:00:00+09:00", "2021-03-02T10:00:00Z"], 0, "2021-03-01T01:00"),
        (["2021-03-01T10:00:00", "2021-03-02T10:00:00+09:00"], 540, "2021-03-01T10:00"),
    ],
)
def test_one_offset_keeps_local_time_and_several_are_given_in_utc(words, zone, first):
    feature = feature_of("c", pd.Series(words), pd.Series(words))
    assert feature.zone == zone
    assert typed(words, feature)[0] == pd.Timestamp(first)


@pytest.mark.parametrize(
    "zero", ["0000-00-00", "0000-00-00 00:00:00", "0", "00000000", "0000/00/00"]
)
def test_zero_dates_are_missing_in_train_and_in_new_rows(zero):
    words = pd.Series(["2021-03-01", "2021-03-20", zero] * 10)
    found = find_dates("c", words)
    assert found.formats == ("%Y-%m-%d",)
    assert found.notes == (f"column 'c': 10 values are no date and missing ({zero!r})",)
    feature = feature_of("c", words.head(2), words.head(2))
    assert typed([zero], feature).isna().all()


def test_a_few_words_among_dates_are_gaps_with_a_note():
    words = pd.Series([f"2021-03-{day:02d}" for day in range(1, 29)] + ["unknown", "?"])
    found = find_dates("c", words)
    assert found.notes == ("column 'c': 2 values are no date and missing ('unknown', '?')",)
    feature = feature_of("c", words, words)
    assert typed(["?", "2021-03-01"], feature).isna().tolist() == [True, False]
    with pytest.raises(DataError, match=r"x, row 2: column 'c' holds 'never'.*YYYY-MM-DD"):
        typed(["never"], feature)


@pytest.mark.parametrize(
    ("word", "format"), [("ongoing", "%Y-%m-%d"), ("2021-02-30", None), ("13/13/2021", None)]
)
def test_one_word_for_no_date_may_stand_in_many_rows(word, format):
    """A date that does not exist is a mistake, of which few may be missing, but not so many."""
    days = [f"2021-03-{1 + i % 28:02d}" for i in range(30)]
    found = find_dates("end", pd.Series(days + [word] * 10))
    assert found.formats == ((format,) if format else ())
    assert len(found.notes) == 1


def test_dates_among_many_words_stay_words_and_are_asked_about():
    words = pd.Series([f"2021-03-{day:02d}" for day in range(1, 29)] + ["a", "b", "c", "d"] * 2)
    described = kinds.describe_column("c", text(words), text(words))
    assert described.feature.kind == "category"
    assert "78% of its values are dates (YYYY-MM-DD)" in described.notes[0]


@pytest.mark.parametrize(
    ("name", "numbers", "format"),
    [
        ("day", range(20190101, 20190131), "%Y%m%d"),
        ("x", range(20190101, 20190131), "%Y%m%d"),
        ("x", [20190101, 0, 20190103, 20190104, 20190105, 20190106, 99991231], "%Y%m%d"),
        ("x", [*range(201901, 201913)], "%Y%m"),
        ("month", [201901, 201902], "%Y%m"),
        ("측정일시", [2019010101, 2019010124, 2019010207], "%Y%m%d%H"),
        ("x", [201901011345, 201901020000, 201903050708, 202001010000, 201912312359], "%Y%m%d%H%M"),
        ("timestamp", [*range(1614556800, 1614556900)], "unix s"),
        ("created_at", [*range(1614556800000, 1614556800100)], "unix ms"),
        ("price", range(20190101, 20190141), None),
        ("x", [201901, 201902], None),
        ("x", [*range(1614556800, 1614556900)], None),
        ("x", [21010101, 21010102, 21010103, 21010104, 21010105, 21010106], None),
        ("n", range(200000, 200100), None),
        ("year", range(1990, 2020), None),
        ("x", [190101 + 100 * (i % 12) + i % 28 for i in range(60)], "%y%m%d"),
        ("x", [-20190101], None),
    ],
)
def test_whole_numbers_are_dates_only_when_that_is_nearly_certain(name, numbers, format):
    found = find_dates(name, pd.Series([*numbers]))
    assert found.formats == ((format,) if format else ())
    if format:
        assert f'[load.columns] "{name}" = {{ kind = "number" }}' in found.notes[-1]
        with_gaps = pd.Series([*numbers, np.nan])
        assert find_dates(name, with_gaps).formats == (format,)
        assert parse(with_gaps, [format]).isna().sum() == 1 + [*numbers].count(0)


@pytest.mark.parametrize("sign", [-1, 99999999, 20200230, 1])
def test_a_number_for_no_date_among_many_dates_is_a_gap(sign):
    numbers = pd.Series([*range(20200101, 20200131), sign] * 2)
    found = find_dates("x", numbers)
    assert found.formats == ("%Y%m%d",)
    assert found.notes[0] == f"column 'x': 2 values are no date and missing ('{sign}')"
    feature = feature_of("c", numbers, numbers)
    assert typed(numbers, feature).isna().tolist() == ([False] * 30 + [True]) * 2
    assert find_dates("x", pd.concat([numbers.head(8), numbers.tail(1)])).formats == ()


@pytest.mark.parametrize(
    "words",
    [
        ["1.5.2", "1.6.3"] * 20,
        ["192.168.0.1", "10.0.0.1"] * 20,
        ["010-1234-5678", "010-9999-0000"] * 20,
        ["A-2021-03-01", "B-2021-03-02"] * 20,
        ["3:2", "1:0", "16:9"] * 20,
        ["10-15", "15-20"] * 20,
        ["", "0000-00-00"],
        [f"{i:06d}" for i in range(1000)],
        [f"{i:06d}" for i in range(101, 131)],
        ["may", "june"],
    ],
)
def test_other_words_are_no_dates(words):
    assert find_dates("c", pd.Series(words)).formats == ()


# -- what the TOML may declare ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "wrong"),
    [
        ("%d/%m/%Y", ""),
        ("%H:%M", ""),
        ("unix s", ""),
        ("%q", "'%q' is no code"),
        ("%d.%m", "needs a year"),
        ("%Y", "needs a year (%Y or %y) and a month"),
        ("%Y-%m-%m", "named twice"),
        ("%Y-%m-%d %I:%M", "belong together"),
        ("DD/MM/YYYY", "needs a year"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(format, wrong):
    assert (wrong in format_error(format)) and bool(format_error(format)) == bool(wrong)
    if wrong:
        with pytest.raises(ValueError, match="format"):
            ColumnRule(kind="date", format=format)


def test_declared_forms_are_taken():
    words = pd.Series(["03/04/2020", "05/06/2020"])
    feature = feature_of("c", words, words, ColumnRule(kind="date", format="%d/%m/%Y"))
    assert feature == Feature("c", "date", formats=("%d/%m/%Y",))
    assert typed(words, feature)[0] == pd.Timestamp(2020, 4, 3)
    numbers = pd.Series(range(20190101, 20190131))
    assert feature_of("c", numbers, numbers, ColumnRule(kind="number")).kind == "number"
    with pytest.raises(DataError, match=r"no known format.*format = "):
        feature_of("c", pd.Series(["x"]), pd.Series(["y"]), ColumnRule(kind="date"))


def test_a_declared_form_is_a_contract():
    declared = ColumnRule(kind="date", format=("%d/%m/%Y", "%Y-%m-%d"))
    values = pd.Series(["03/04/2020", "2020-04-03", "0000-00-00", "04/2020"])
    assert declared.fits(values).tolist() == [True, True, True, False]
    assert str(declared) == "dates written as DD/MM/YYYY or YYYY-MM-DD"
    assert shape("%Y-%m-%dT%H:%M:%S%z") == "YYYY-MM-DDTHH:MM:SS±HH:MM"


def test_a_word_without_digits_is_no_date_and_compiles_no_pattern():
    pattern.cache_clear()
    assert formats_of("Loyal Customer") == formats_of("") == ()
    assert pattern.cache_info().misses == 0

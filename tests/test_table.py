"""A table reads from its file the columns that are asked for, and only these."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline import codec, table
from pipeline.errors import DataError
from pipeline.problem import Loaded
from pipeline.table import Table, take, whole, write
from tests.small_loaded import loaded
from tests.values import contents


@pytest.fixture
def frame():
    rows, rng = 1000, np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)),
            "count": rng.integers(0, 9, rows),
            "word": pd.Series(rng.choice(["a", "b", None], rows), dtype="str"),
            "price": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(0, 900, rows).round(2)),
            "day": pd.date_range("2020-01-01", periods=rows),
            "day.of": pd.Series(rng.choice([1, None], rows), dtype="Int64"),
            "flag": rng.random(rows) < 0.5,
            "zone": pd.date_range("2020-01-01", periods=rows, tz="Asia/Seoul"),
        }
    )


def kept(frame: pd.DataFrame, path) -> Table:
    with path.open("wb") as file:
        write(frame, file)
    return Table(path, len(frame))


@pytest.mark.parametrize("few", [0, 10**6], ids=["many rows", "few rows"])
def test_it_is_asked_as_a_frame_is(tmp_path, monkeypatch, frame, few):
    monkeypatch.setattr(table, "FEW_CELLS", few)
    found = kept(frame, tmp_path / "t.parquet")
    assert (len(found), list(found), "day" in found, "x" in found) == (1000, [*frame], True, False)
    for name in frame:
        pd.testing.assert_series_equal(found[name], frame[name])
    pd.testing.assert_frame_equal(found[["word", "count"]], frame[["word", "count"]])
    pd.testing.assert_frame_equal(whole(found), frame)
    assert repr(found) == "<Table: 1,000 rows of 8 columns; .frame() reads all>"
    assert found.get("x") is None and found.get(None) is None
    with pytest.raises(KeyError, match="x"):
        found[["count", "x"]]


def test_of_many_columns_neighbours_are_read_together(tmp_path, monkeypatch, frame):
    """One by one, the list of 5,000 columns would be read 5,000 times: minutes."""
    read = []
    monkeypatch.setattr(table, "MANY_COLUMNS", 3)
    monkeypatch.setattr(table, "FEW_CELLS", 2 * len(frame))
    found = kept(frame, tmp_path / "t.parquet")
    columns = found._columns
    monkeypatch.setattr(found, "_columns", lambda names: read.append(names) or columns(names))
    for name in frame:
        pd.testing.assert_series_equal(found[name], frame[name])
    assert read == [list(frame)[start : start + 2] for start in range(0, frame.shape[1], 2)]
    pd.testing.assert_frame_equal(found[["count", "day"]], frame[["count", "day"]])


def test_rows_are_those_of_the_frame(tmp_path, frame):
    rows = np.array([999, 3, 3, 0])
    found, names = kept(frame, tmp_path / "t.parquet"), ["day", "number", "word"]
    pd.testing.assert_frame_equal(take(found, rows, names), take(frame, rows, names))
    assert take(found, rows, []).shape == (4, 0)


def test_rows_that_are_written_in_groups_are_the_same_table(tmp_path, monkeypatch, frame):
    frame = frame.drop(columns="price")
    how = {"index": False, "compression": "zstd"}
    how["use_dictionary"] = ["count", "word", "day.of", "flag"]  # what repeats
    frame.to_parquet(tmp_path / "pandas", **how)
    kept(frame, tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "pandas").read_bytes()
    frame.to_parquet(tmp_path / "pandas", row_group_size=300, **how)
    monkeypatch.setattr(table, "ROW_GROUP", 300)
    found = kept(frame, tmp_path / "four")
    assert (tmp_path / "four").read_bytes() == (tmp_path / "pandas").read_bytes()
    pd.testing.assert_frame_equal(whole(found), frame)


@pytest.mark.parametrize(
    ("numbers", "places"),
    [
        ([1.5, np.nan, -12.25], 2),
        ([0.1 + 0.2, 0.3], None),  # 0.30000000000000004
        ([2.0, np.nan], 0),
        ([-0.0, 1.0], None),
        ([np.inf, 1.0], None),
        ([214748.3647, -214748.3647], 4),
        ([214748.3648], None),
        ([1e300], None),
        ([1e-6], 6),
        ([1e-7], None),
        ([0.5] * 2000 + [0.125], 3),  # the last one decides
        ([], 0),
    ],
)
def test_numbers_of_few_decimal_places_take_four_bytes_and_come_back(tmp_path, numbers, places):
    frame = pd.DataFrame({"n": np.array(numbers, dtype=float)})
    assert table.decimal_places(frame["n"]) == places
    found = kept(frame, tmp_path / "t.parquet")
    assert found["n"].to_numpy().tobytes() == frame["n"].to_numpy().tobytes()
    (column,) = pq.ParquetFile(found.path).schema
    assert column.physical_type == ("DOUBLE" if places is None else "INT32")


def test_a_table_that_was_kept_before_with_its_points_is_read(tmp_path, frame):
    frame.to_parquet(tmp_path / "t.parquet", index=False, compression="zstd")
    pd.testing.assert_frame_equal(whole(Table(tmp_path / "t.parquet", len(frame))), frame)


def test_rows_in_groups_have_the_decimal_places_of_all(tmp_path, monkeypatch):
    frame = pd.DataFrame({"n": [np.nan, 1.0, 0.25, np.nan, np.nan, 3.0]})
    monkeypatch.setattr(table, "ROW_GROUP", 2)
    pd.testing.assert_frame_equal(whole(kept(frame, tmp_path / "t.parquet")), frame)


@pytest.mark.parametrize("few", [0, 10**6], ids=["many rows", "few rows"])
def test_of_many_rows_a_column_is_read_and_of_few_the_table_once(tmp_path, monkeypatch, frame, few):
    found, asked, read = kept(frame, tmp_path / "t.parquet"), [], pq.ParquetFile.read
    monkeypatch.setattr(table, "FEW_CELLS", few)

    def recorded(file, columns):
        asked.append(columns)
        return read(file, columns=columns)

    monkeypatch.setattr(pq.ParquetFile, "read", recorded)
    take(found, np.arange(3), ["day", "word"])
    assert found["count"].sum() == frame["count"].sum()
    assert asked == ([list(frame)] if few else [["day"], ["word"], ["count"]])


def test_a_file_that_has_gone_is_reported(tmp_path, frame):
    found = kept(frame, tmp_path / "t.parquet")
    found.path.unlink()
    with pytest.raises(DataError, match="missing or damaged now"):
        found["day"]


def test_who_asks_for_y_reads_no_table(tmp_path, monkeypatch):
    load = loaded(np.arange(6) % 2, "binary", train={"a": np.arange(6.0)})
    for name, content in contents(load).items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.delattr(pq.ParquetFile, "read")
    monkeypatch.delattr(pq, "read_table")
    again = codec.decode(Loaded, tmp_path)
    np.testing.assert_array_equal(again.y, load.y)
    assert (len(again.train), list(again.train)) == (6, list(load.train))

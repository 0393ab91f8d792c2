"""A parquet file is refused by what it decodes to, before it is decoded."""

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from pipeline.reading import memory
from pipeline.reading.tables import read_table
from tests.reading.test_tables import message


def test_words_that_repeat_count_as_often_as_they_stand_there(tmp_path, monkeypatch):
    """A few KB that hold one long word 100,000 times."""
    word = pa.array(["x" * 5000])
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(100_000, np.int32)), word)
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": column}), path)
    assert path.stat().st_size < 50_000
    monkeypatch.setattr(memory, "available", lambda: 1_500_000_000)
    text = message(read_table, path)
    assert "table of 500.8 MB" in text
    assert "about 1.5 GB of memory; 1.5 GB are free" in text

    monkeypatch.setattr(memory, "available", lambda: 2_399_999)  # 8 bytes a row, before it is read
    monkeypatch.setattr(parquet.ParquetFile, "read", None)
    assert "about 2.4 MB" in message(read_table, path)


def test_more_columns_than_are_allowed_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({f"c{i}": [1] for i in range(20_001)}), path)
    assert "20,001 columns; allowed are 20,000" in message(read_table, path)


def test_repeated_words_come_out_as_they_are(tmp_path):
    path = tmp_path / "t.parquet"
    repeated = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), pa.array(["x", "yy"]))
    parquet.write_table(pa.table({"a": repeated, "b": ["u", None, "v", "u"]}), path)
    found = read_table(path).words
    assert found["a"].tolist()[::3] == ["x", "x"]
    assert found.isna().sum().tolist() == [1, 1]


def test_tables_in_a_cell_are_refused_before_they_are_read(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    monkeypatch.setattr(parquet.ParquetFile, "read", None)
    for cells in (pa.array([["x"], []]), pa.array([b"ab", b"cd"], pa.binary(2))):
        parquet.write_table(pa.table({"a": cells}), path)
        assert "column 'a' is of type" in message(read_table, path)

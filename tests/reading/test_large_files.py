"""A large file is read in blocks, its words lie on disk, and nothing else differs."""

import bz2
import gzip
import io
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from pipeline import scratch
from pipeline.errors import DataError
from pipeline.progress import Progress
from pipeline.reading import archives, csv_files, memory
from pipeline.reading.archives import Source, content
from pipeline.reading.csv_files import TextTable
from pipeline.reading.tables import read_table
from pipeline.stage_settings import LoadStage
from pipeline.stages.load import load

FULL = Path("/dev/full")
TABLE = "id,name,size\n" + "".join(f"{i},Kim {i % 7},{i / 8}\n" for i in range(60))
TABLES = {
    "plain": TABLE.encode(),
    "mark": TABLE.encode("utf-8-sig"),
    "windows": TABLE.replace("\n", "\r\n").encode(),
    "old mac": TABLE.replace("\n", "\r").encode(),
    "quoted": b"a,b\n" + b'1,"x\r\n,""y"\n\n2,\n  \n3,"4\n\n"\n' * 20,
    "korean": ("이름,나이\n" + "김하나,3\n" * 40).encode(),
    "cp949": ("이름,나이\n" + "김하나,3\n" * 40).encode("cp949"),
    "utf-16": TABLE.encode("utf-16"),
    "one column": b"y\n" + b"1\n\n3\n" * 30,
    "titled": "2023년,,\n\n".encode() + TABLE.encode(),
    "headless": b"1,a\n2,b\n" * 40,
    "semicolons": TABLE.replace(",", ";").replace("\n", ";\n").encode(),
    "saved index": b",a\n" + b"".join(b"%d,x\n" % i for i in range(80)),
    "missing": b"a,b\n" + b",\n1,NA\n" * 40,
}
BAD = {
    "ragged": TABLE.encode() + b"1,2\n" + TABLE.encode(),
    "many lines": b"a,b\n" + b'1,"2\n\n"\n' * 40 + b'"1\n",2,3\n',
    "open quote": TABLE.encode() + b'7,8,"9\n',
    "zero": TABLE.encode() + b"1,2,\0\n",
    "no text": TABLE.encode() + b"1,2,\xff\x81\n",
    "damaged korean": b"a,b\n" + "한국어,나이\n".encode("cp949") * 90 + b"\xff,b\n",
    "blank": b" \n" * 90,
    "only a header": b"a,b\n" + b"\n" * 90,
    "no header": b"1,2\n" * 90,
    "web page": b"<html>" + b"a,b\n" * 90,
    "json": b'[{"a": 1, "b": 2},\n' + b'{"a": 1, "b": 2},\n' * 40 + b"{}]",
    "twice": b"a,a\n" + b"1,2\n" * 90,
}


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("t.csv", data)
    return file.getvalue()


PACKED = {"t.csv": bytes, "t.csv.gz": gzip.compress, "t.csv.bz2": bz2.compress, "t.zip": zipped}


@pytest.fixture
def in_blocks(monkeypatch, tmp_path):
    """What follows is read as a large file is, in blocks of so many bytes."""

    def begin(block: int) -> None:
        monkeypatch.setattr(scratch, "LARGE", 0)
        monkeypatch.setattr(scratch, "LARGE_COLUMN", 0)
        monkeypatch.setattr(csv_files, "BLOCK", block)
        monkeypatch.setattr(archives, "CHUNK", 100)

    with scratch.within(tmp_path):
        yield begin


def read(path) -> TextTable | str:
    try:
        return read_table(path, None if path.name.startswith("headless") else True)
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("block", [64, 100, 1000])
@pytest.mark.parametrize("name", TABLES)
def test_the_table_is_that_of_a_small_file(write, in_blocks, name, block):
    path = write(f"{name}.csv", TABLES[name])
    whole = read(path)
    in_blocks(block)
    found = read(path)

    assert isinstance(whole, TextTable) and isinstance(found, TextTable)
    pd.testing.assert_frame_equal(found.words, whole.words)
    about = [(t.header, t.separator, t.encoding, t.notes) for t in (found, whole)]
    assert about[0] == about[1]


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_reported_alike(write, in_blocks, name):
    path = write(f"{name}.csv", BAD[name])
    whole = read(path)
    in_blocks(100)

    assert isinstance(whole, str) and read(path) == whole


@pytest.mark.parametrize("name", PACKED)
def test_what_is_unpacked_is_mapped_and_leaves_no_file(write, in_blocks, tmp_path, name):
    path = write(name, PACKED[name](TABLE.encode()))
    in_blocks(200)
    taken = pa.total_allocated_bytes()
    words = read_table(path).words

    assert words["size"].tolist() == [str(i / 8) for i in range(60)]
    assert pa.total_allocated_bytes() - taken < len(TABLE) / 2
    assert [each.name for each in tmp_path.iterdir()] == [name]
    scratch.release()
    assert words["id"].iloc[59] == "59"


def test_a_packed_file_that_is_cut_short_is_reported(write, in_blocks):
    in_blocks(200)

    text = read(write("t.csv.gz", gzip.compress(TABLE.encode() * 9)[:-9]))
    assert "is not a whole gzip file" in text


def test_loaded_is_the_same_on_disk_and_in_memory(write, in_blocks, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    rows = [
        f"{i},{i / 4},{' x' if i % 3 else 'y'},{i % 5 or ''},2020-01-{i % 28 + 1:02}"
        for i in range(90)
    ]
    head = "id,a,b,c,when"
    (folder / "train.csv").write_text(
        f"{head},y\n" + "".join(f"{row},{len(row) % 2}\n" for row in rows)
    )
    (folder / "test.csv").write_text(f"{head}\n" + "".join(f"9{row}\n" for row in rows))
    whole = load(LoadStage(), folder, Progress())
    in_blocks(300)
    found = load(LoadStage(), folder, Progress())

    for one, other in ((found.train, whole.train), (found.test, whole.test)):
        pd.testing.assert_frame_equal(one, other)
    assert (found.y == whole.y).all()
    assert (found.problem, found.notes) == (whole.problem, whole.notes)


def test_what_memory_or_the_disk_has_no_room_for_is_refused(write, monkeypatch):
    path = write("t.csv", TABLE.encode() * 100)
    size, whole = len(TABLE) * 100, 1000
    monkeypatch.setattr(scratch, "LARGE", whole)
    least = archives.TIMES * whole + archives.LARGE_TIMES * (size - whole)
    monkeypatch.setattr(memory, "available", lambda: least)
    assert content(Source(path)) == TABLE.encode() * 100

    monkeypatch.setattr(memory, "available", lambda: least - 1)
    assert "of memory" in read(path)
    monkeypatch.setattr(memory, "available", lambda: least)
    monkeypatch.setattr(scratch, "free", lambda: archives.ON_DISK * size - 1)
    assert "of the disk" in read(path)


@pytest.mark.skipif(not FULL.exists(), reason="Linux has it")
def test_a_full_disk_is_no_damage_of_the_file(write, in_blocks, monkeypatch):
    path = write("t.zip", zipped(TABLE.encode()))
    in_blocks(200)
    monkeypatch.setattr(scratch, "file", lambda: FULL.open("wb", buffering=0))

    with pytest.raises(OSError, match="No space left"):
        read_table(path)


@pytest.mark.skipif(not FULL.exists(), reason="Linux has it")
@pytest.mark.parametrize("values", [[1.5, 2.5], ["a", "b"]], ids=["numbers", "words"])
def test_the_error_of_a_full_disk_names_its_folder(values, tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "LARGE_COLUMN", 0)
    monkeypatch.setattr(scratch, "file", lambda: FULL.open("wb"))
    with scratch.within(tmp_path), pytest.raises(scratch.DiskFull) as caught:
        scratch.column(pd.Series(values))
    assert caught.value.filename == str(tmp_path)

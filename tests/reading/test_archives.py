"""The bytes that were packed come out, or one clear message and nothing that does harm."""

import bz2
import gzip
import hashlib
import lzma
import os
import struct
from functools import partial

import pyarrow as pa
import pytest

from pipeline.reading import archives, memory
from pipeline.reading.archives import Source, checksum, content, is_table, members
from tests.reading.test_tables import TABLE, archived, message


@pytest.fixture
def write(tmp_path):
    """write(name, content, *members) -> the source in a fresh folder."""

    def write(name: str, data: bytes, *inner: str) -> Source:
        (tmp_path / name).write_bytes(data)
        return Source(tmp_path / name, inner)

    return write


def test_bytes_come_out_as_they_were_packed(write):
    packed = archived({"t.csv.gz": gzip.compress(TABLE)})
    assert content(write("t.zip", packed, "t.csv.gz")) == TABLE
    nested = archived({"t.zip": packed})
    assert content(write("all.zip", nested, "t.zip", "t.csv.gz")) == TABLE


PACKERS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": partial(pa.Codec("zstd").compress, asbytes=True),
}


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["t.csv", "t"])
def test_every_kind_of_compression_comes_out(write, kind, name):
    packed = PACKERS[kind](TABLE)
    assert is_table(f"{name}.{kind}")
    assert content(write(f"{name}.{kind}", packed)) == TABLE
    assert content(write("t.zip", archived({f"{name}.{kind}": packed}), f"{name}.{kind}")) == TABLE


@pytest.mark.parametrize("kind", PACKERS)
def test_what_is_cut_short_or_something_else_is_refused(write, kind):
    packed = PACKERS[kind](TABLE * 1000)
    for data in (packed[:-5], packed[: len(packed) // 2], TABLE):
        assert "is not a whole" in message(content, write(f"t.csv.{kind}", data))


@pytest.mark.parametrize(
    "name", ["a.csv", "a.TSV", "a.tab", "a.txt", "a.dat", "a.parquet", "a.zip"]
)
def test_tables_are_known_by_their_names(name):
    assert is_table(name)
    assert not is_table(name + ".md") and not is_table("a.png.gz") and not is_table("csv")


def test_members_are_sorted_and_leave_out_folders_and_hidden_files(write):
    names = ("b.csv", "a/", "a/c.txt", "__MACOSX/b.csv", ".hidden/b.csv", "a/.b.csv")
    found = members(write("t.zip", archived(dict.fromkeys(names, b""))))
    assert [source.members for source in found] == [("a/c.txt",), ("b.csv",)]


def test_a_locked_zip_is_refused(write):
    data = bytearray(archived({"t.csv": TABLE}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1  # bit 0 of the flags: encrypted (APPNOTE 4.4.4)

    assert "locked with a password" in message(content, write("t.zip", bytes(data), "t.csv"))


@pytest.mark.parametrize("wrap", ["zip", *PACKERS])
def test_a_bomb_is_refused(write, monkeypatch, wrap):
    table = b"a,b\n" + b"1,2\n" * 10**6
    if wrap == "zip":
        source = write("t.zip", archived({"t.csv": table}), "t.csv")
    else:
        source = write(f"t.csv.{wrap}", PACKERS[wrap](table))
    assert content(source) == table  # 4 MB may shrink as much as they like

    monkeypatch.setattr(archives, "BOMB_BYTES", 10**6)
    assert "unpacks to" in message(content, source)

    monkeypatch.setattr(archives, "BOMB_RATIO", 10**6)
    assert content(source) == table

    monkeypatch.setattr(memory, "available", lambda: 10**7)
    text = message(content, source)
    assert "is a table of" in text
    assert "10.0 MB are free" in text


def test_a_table_that_memory_cannot_hold_is_refused_before_it_is_read(write, monkeypatch):
    source = write("t.csv", TABLE * 1000)
    monkeypatch.setattr(memory, "available", lambda: 10 * len(TABLE) * 1000)
    assert content(source) == TABLE * 1000
    monkeypatch.setattr(memory, "available", lambda: 10 * len(TABLE) * 1000 - 1)
    assert "reading it takes about" in message(content, source)


def test_memory_is_that_of_the_machine_or_of_the_container_where_less(tmp_path, monkeypatch):
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    5000 kB\n")
    (tmp_path / "cgroup").write_text("0::/outer/inner\n")
    (tmp_path / "outer" / "inner").mkdir(parents=True)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "OWN_GROUP", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.available() == 5000 * 1024

    (tmp_path / "outer" / "inner" / "memory.max").write_text("max\n")
    (tmp_path / "outer" / "inner" / "memory.current").write_text("7\n")
    assert memory.available() == 5000 * 1024

    (tmp_path / "outer" / "memory.max").write_text("3000000\n")
    (tmp_path / "outer" / "memory.current").write_text("2500000\n")
    (tmp_path / "outer" / "memory.stat").write_text(
        "anon 9\nactive_file 100000\ninactive_file 300000\n"
    )
    assert memory.available() == 900_000

    (tmp_path / "cgroup").write_text("4:cpu,memory:/box\n1:name=systemd:/\n")  # version 1
    box = tmp_path / "memory" / "box"
    box.mkdir(parents=True)
    (box / "memory.limit_in_bytes").write_text("2000000\n")
    (box / "memory.usage_in_bytes").write_text("1900000\n")
    (box / "memory.stat").write_text("rss 9\nactive_file 7\ntotal_inactive_file 300000\n")
    assert memory.available() == 400_000


def test_memory_of_a_system_without_proc_is_all_that_there_is(tmp_path, monkeypatch):
    for name in ("MEMINFO", "OWN_GROUP", "CGROUP"):
        monkeypatch.setattr(memory, name, tmp_path / "none")
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1000}.get)
    assert memory.available() == 4_096_000


def test_zips_in_zips_have_an_end(write):
    packed = TABLE
    for number in range(6):
        packed = archived({"t.csv" if number == 0 else "t.zip": packed})
    deep = write("deep.zip", packed, *["t.zip"] * 5, "t.csv")
    assert "6 zips deep; allowed are 3" in message(content, deep)

    many = write("many.zip", archived({f"train{i}.zip": b"" for i in range(300)}))
    assert "300 zips; allowed are 50" in message(members, many)


@pytest.mark.parametrize("encoding", ["cp949", "utf-8"])
def test_korean_names_without_the_mark_of_utf_8(write, encoding):
    """As Korean Windows writes them; zipfile itself always sets the mark."""
    name = "학습데이터.csv"
    bytes_ = name.encode(encoding)
    stand_in = "x" * len(bytes_)
    data = archived({stand_in: TABLE}).replace(stand_in.encode(), bytes_)
    (found,) = members(write("t.zip", data))
    assert found.members == (name,)
    assert content(found) == TABLE


def test_a_zip_that_lies_about_its_size_is_not_unpacked_beyond_it(write):
    data = bytearray(archived({"t.csv": TABLE * 1000}))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(signature) + offset, 100)  # uncompressed size

    text = message(content, write("t.zip", bytes(data), "t.csv"))
    assert "not a whole zip archive" in text


def test_checksum_is_sha256_of_what_the_file_holds_now(write, tmp_path):
    for written in (TABLE, TABLE + TABLE, TABLE[::-1]):
        assert checksum(write("t.csv", written).path) == hashlib.sha256(written).hexdigest()
    assert "no such file" in message(checksum, tmp_path / "none.csv")

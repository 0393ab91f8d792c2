"""A table's bytes: out of a file, a zip or a zip in it, decompressed; nothing that does harm.

What is large is unpacked into files without a name. A path that leads out of its archive, a
password or a bomb is refused.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import math
import mmap
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from pipeline import raw_files, scratch
from pipeline.errors import DataError
from pipeline.reading import memory
from pipeline.wording import count, printable, quoted, some

WORKBOOK = ".xlsx"
PLAIN = (".csv", ".tsv", ".tab", ".parquet", WORKBOOK)
TEXT = (".txt", ".data", ".dat")  # often a table, as often a description of one
METHODS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
COMPRESSED = tuple(METHODS)
TIMES = 10  # a CSV's bytes that reading takes: bytes, text, words and columns; 6 to 15 measured
LARGE_TIMES = 1  # of what lies on disk: one column, and its different words; 0.2 of numbers
ON_DISK = 3  # times its bytes that a table's words take there
PACKED, PACKED_TIMES = (".zip", ".parquet", ".npy", WORKBOOK), 2  # in memory, yet to be unpacked
MOST_COLUMNS = 20_000  # what every stage bears
MOST_MEMBERS, MOST_ZIPS, MOST_DEPTH = 100_000, 50, 3  # in a zip; of them zips; zips in zips
BOMB_BYTES, BOMB_RATIO = 10**9, 200  # text packs to a tenth, rarely to a fiftieth
CHUNK = 1 << 24
Content = bytes | mmap.mmap  # of a table's file: large ones are mapped
IS_UTF8 = 0x800  # flag of a member whose name is UTF-8 (APPNOTE 4.4.4)
MOST_NAMED = 12  # tables in a message


@dataclass(frozen=True)
class Source:
    """Where a table lies: a file, or a member of a zip (or of a zip within a zip); of a workbook
    the sheet, by default the first with data."""

    path: Path
    members: tuple[str, ...] = ()
    sheet: str = ""

    @property
    def name(self) -> str:
        """Last part of the name, in small letters, which shows the format and the role."""
        return re.split(r"[/\\]", printable((str(self.path), *self.members)[-1]))[-1].lower()

    def __str__(self) -> str:
        sheet = f"#{self.sheet}" if self.sheet else ""
        return printable("/".join((str(self.path), *self.members)) + sheet)


def without_sheet(name: str) -> tuple[str, str]:
    """'data.xlsx#June' -> ('data.xlsx', 'June'); what names no sheet -> (name, '')."""
    file, mark, sheet = name.rpartition("#")
    is_sheet = mark and file.lower().endswith(WORKBOOK)
    return (file, sheet) if is_sheet else (name, "")


def content(source: Source) -> bytes:
    """The table's own bytes: out of its zips, decompressed."""
    return bytes(opened(source)[:])


def opened(source: Source) -> Content:
    """The same; large ones are not read: they lie in their file, or unpacked in one of their own.

    Raises DataError where they are cut short, or come to more than there is room for.
    """
    with _stored(source) as (file, size):
        if source.name.endswith(COMPRESSED):
            return _decompressed(file, size, source)
        if source.members:
            return _drained(file, source, size)
        _refuse_size(size, source)
        with readable(source.path):
            return scratch.mapped(file) if size > scratch.LARGE else file.read()


def digest(source: Source) -> str:
    """SHA-256 of the table's own bytes, in hexadecimal."""
    return hashlib.sha256(opened(source)).hexdigest()


def require_member(source: Source) -> None:
    """DataError where the zip has no such member."""
    with _stored(source):
        pass


def members(source: Source) -> list[Source]:
    """What lies in the zip, by name, without folders and hidden files."""
    with _archive(source) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    names = sorted(name for name in map(_name, infos) if not is_hidden(name))
    zips = sum(name.lower().endswith(".zip") for name in names)
    for found, most, what in ((len(infos), MOST_MEMBERS, "file"), (zips, MOST_ZIPS, "zip")):
        if found > most:
            raise DataError(
                f"{source} holds {count(found, what)}; allowed are {most:,}. Unpack it, and put "
                "only the tables there."
            )
    return [Source(source.path, (*source.members, name)) for name in names]


def checksum(path: Path) -> str:
    """SHA-256 of the file, in hexadecimal."""
    with readable(path):
        return raw_files.checksum(path)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What the file system refuses becomes a DataError, as does what is no file or folder.

    A device or a pipe may have no end.
    """
    try:
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise DataError(
                f"{path} is a device, a pipe or a socket, and allowed are files. Write what comes "
                "from there into a file first."
            )
        yield
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, and allowed are files. Name a file in it.") from None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. Put it there, or correct the name.") from None
    except PermissionError:
        raise DataError(f"{path} may not be read. Give yourself permission to read it.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None


def listed(sources: Sequence[Source]) -> str:
    """The tables by name, for a message."""
    return some(sorted(map(str, sources)), MOST_NAMED) or "no table"


def is_table(name: str) -> bool:
    """By its name: text, parquet, a workbook, a zip; or text compressed (`train.gz` too)."""
    name = name.lower()
    if name.endswith(".zip"):
        return True
    stem, suffix = _split(name)
    return suffix in (*PLAIN, *TEXT) or (not suffix and stem != name)


def is_text(name: str) -> bool:
    """By its name: text that may be a table or a description."""
    return _split(name.lower())[1] in TEXT


def _split(name: str) -> tuple[str, str]:
    """'a.csv.gz' -> ('a.csv', '.csv'): without its compression, and the suffix that is left."""
    stem = name.removesuffix(next((end for end in COMPRESSED if name.endswith(end)), ""))
    return stem, Path(stem).suffix


def is_hidden(name: str) -> bool:
    """What a Mac adds to zips, and dotfiles."""
    return any(part == "__MACOSX" or part.startswith(".") for part in re.split(r"[/\\]", name))


# -- zip and compressed files ----------------------------------------------------------------------


@contextmanager
def _stored(source: Source) -> Iterator[tuple[IO[bytes], int]]:
    """The file or member, opened, and how many bytes of its disk it takes."""
    if not source.members:
        with readable(source.path):
            file: IO[bytes] = source.path.open("rb")
        with file:
            yield file, source.path.stat().st_size
        return
    if len(source.members) > MOST_DEPTH:
        raise DataError(
            f"{source} lies {len(source.members)} zips deep; allowed are {MOST_DEPTH}. Unpack it, "
            "and put only the tables there."
        )
    *outer, member = source.members
    with _archive(Source(source.path, tuple(outer))) as archive:
        infos = {_name(info): info for info in archive.infolist()}
        if member not in infos:
            names = [name for name in infos if is_table(name) and not is_hidden(name)]
            held = listed([Source(Path(name)) for name in names])
            raise DataError(f"{source}: no such member of the zip; found {held}. Correct the name.")
        info = infos[member]
        _refuse_size(info.file_size, source)
        with archive.open(info) as file:
            yield file, info.compress_size


def _name(info: zipfile.ZipInfo) -> str:
    """The member's name. Where it is not marked as UTF-8, zipfile reads code page 437.

    Korean Windows writes CP949 there, and some programs write UTF-8 without the mark.
    """
    if info.flag_bits & IS_UTF8:
        return info.filename
    try:
        written = info.filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "cp949"):
        with suppress(UnicodeDecodeError):
            return written.decode(encoding)
    return info.filename


@contextmanager
def _archive(source: Source) -> Iterator[zipfile.ZipFile]:
    """The zip, opened and found harmless; whatever is wrong with it becomes a DataError."""
    with readable(source.path), open(source.path, "rb"):
        pass  # a file that is not there, or may not be read, is no bad archive
    packed = io.BytesIO(content(source)) if source.members else source.path
    try:
        with zipfile.ZipFile(packed) as archive:
            refuse_harmful(archive, source)
            yield archive
    except NotImplementedError as error:
        raise DataError(
            f"{source} is packed by a method that is not supported ({error}). Unpack it, and put "
            "the files in its place."
        ) from None
    except scratch.DiskFull:
        raise
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
        *(OSError, EOFError, ValueError, RuntimeError, IndexError, OverflowError),
    ) as error:
        raise DataError(
            f"{source} is not a whole zip archive ({error or 'cut short'}). Download it again, or "
            "remove it."
        ) from None


def refuse_harmful(archive: zipfile.ZipFile, source: Source) -> None:
    """No path that leaves the archive, no password, no bomb."""
    for info in archive.infolist():
        name = _name(info).replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name):
            raise DataError(
                f"{source} holds {info.filename!r}, a path that leads out of the archive. Nothing "
                "was unpacked. Get the file from the organiser again."
            )
        if info.flag_bits & 0x1:
            raise DataError(
                f"{source}: {info.filename!r} is locked with a password. Unpack the archive with "
                "the password, and put the files in its place."
            )
    infos = archive.infolist()
    unpacked, packed = (sum(i.file_size for i in infos), sum(i.compress_size for i in infos))
    refuse_bomb(unpacked, packed, source)


def refuse_bomb(unpacked: int, packed: int, source: Source) -> None:
    """More than 1 GB out of less than a two-hundredth of it."""
    if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * packed:
        raise DataError(
            f"{source} unpacks to {unpacked / 1e9:.1f} GB or more from {packed / 1e6:.1f} MB; "
            f"allowed is up to {BOMB_RATIO} times its size above {BOMB_BYTES / 1e9:.0f} GB. Unpack "
            "it yourself if you trust it, and put only the tables there."
        )


def refuse_beyond_memory(
    size: float, source: Source, times: float, free: float | None = None
) -> None:
    """DataError where reading `size` bytes takes more memory than is free: `times` as much."""
    asked, free = size * times, memory.available() if free is None else free
    if asked > free:
        raise DataError(
            f"{source} is a table of {_bytes(size)}, and reading it takes about {_bytes(asked)} of "
            f"memory; {_bytes(free)} are free here. Close other programs, use a machine with more "
            "memory, or leave rows or columns out."
        )


def refuse_columns(found: int, source: Source) -> None:
    """DataError where a table has more columns than can be learnt from in reasonable time."""
    if found > MOST_COLUMNS:
        raise DataError(
            f"{source} has {found:,} columns; allowed are {MOST_COLUMNS:,}. Keep the most "
            "useful, or check that the first line is the header."
        )


def refuse_duplicates(names: Iterable[str], where: object) -> None:
    """DataError where two columns have one name."""
    duplicates = [name for name, times in Counter(names).items() if times > 1]
    if duplicates:
        raise DataError(
            f"{where} has two or more columns named {quoted(duplicates, 5)}. Give every column "
            "a name of its own."
        )


def refuse_empty(is_empty: bool, source: Source) -> None:
    if is_empty:
        raise DataError(f"{source} is empty. Download or save it again.")


def _refuse_size(size: int, source: Source, free: int | None = None) -> None:
    """DataError where a table of so many bytes is more than memory, or the disk, has room for."""
    refuse_beyond_memory(size, source, _times(source.name, size), free)
    is_on_disk = size > scratch.LARGE and not source.name.endswith(PACKED)
    room = scratch.free() if is_on_disk else math.inf
    if size * ON_DISK > room:
        raise DataError(
            f"{source} is a table of {_bytes(size)}, and reading it takes about "
            f"{_bytes(size * ON_DISK)} of the disk; {_bytes(room)} are free. Delete what is not "
            "needed, or leave rows or columns out."
        )


def _times(name: str, size: int) -> float:
    """How many times its own bytes a file of this name takes in memory: few where only a part of it
    is there at any time."""
    if name.endswith(PACKED):
        return PACKED_TIMES
    whole = min(size, scratch.LARGE)
    return (TIMES * whole + LARGE_TIMES * (size - whole)) / max(size, 1)


def _bytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def _drained(stream: Any, source: Source, packed: int) -> Content:
    """All that the stream unpacks to, in chunks: the size that an archive declares may be a lie."""
    chunks, size, free = [], 0, memory.available()
    file = None
    for chunk in iter(partial(stream.read, CHUNK), b""):
        chunks.append(chunk)
        size += len(chunk)
        refuse_bomb(size, packed, source)
        _refuse_size(size, source, free)
        if size > scratch.LARGE:
            file = file or scratch.file()
            scratch.write(file, chunks)
            chunks = []
    return b"".join(chunks) if file is None else scratch.mapped(file)


def _decompressed(file: IO[bytes], size: int, source: Source) -> Content:
    method = METHODS[Path(source.name).suffix]
    try:
        with _stream(method, file) as stream:
            return _drained(stream, source, size)
    except scratch.DiskFull:
        raise
    except (OSError, EOFError, ValueError, zlib.error, struct.error, lzma.LZMAError) as error:
        raise DataError(
            f"{source} is not a whole {method} file ({error or 'cut short'}). Download it again."
        ) from None


def _stream(method: str, packed: IO[bytes]) -> Any:
    """A file of what `packed` holds, decompressed as it is read."""
    if method == "zstd":
        import pyarrow as pa

        return pa.CompressedInputStream(packed, "zstd")
    if method == "gzip":
        return gzip.GzipFile(fileobj=packed)
    return bz2.BZ2File(packed) if method == "bzip2" else lzma.LZMAFile(packed)

"""Large values on disk instead of in memory, in files without a name.

Nothing has to be cleaned up: the space is free again once nothing uses a value, however the process
ends. The system keeps of it in memory what fits, and takes that back where memory is short.
"""

import mmap
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

LARGE = 1 << 26  # bytes of a table; smaller ones stay in memory
LARGE_COLUMN = 1 << 24
_folder: ContextVar[Path | None] = ContextVar("folder of large values", default=None)
_maps: "weakref.WeakSet[mmap.mmap]" = weakref.WeakSet()


@contextmanager
def within(folder: Path) -> Iterator[None]:
    """Large values lie on the disk of this folder, which need not be there yet; without it, where
    the system has temporary files."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    token = _folder.set(there)
    try:
        yield
    finally:
        _folder.reset(token)


def free() -> int:
    """Bytes that the disk has left."""
    return shutil.disk_usage(_place()).free


def _place() -> Path:
    return _folder.get() or Path(tempfile.gettempdir())


def file() -> IO[bytes]:
    """A new file without a name."""
    return tempfile.TemporaryFile(dir=_place())


class DiskFull(OSError):
    """The disk has no room for what is written: an error of ours, not of the file that is read."""


@contextmanager
def _writing() -> Iterator[None]:
    """Raises DiskFull, which names the folder: the file has no name."""
    try:
        yield
    except OSError as error:
        raise DiskFull(error.errno, error.strerror, str(_place())) from None


def write(file: IO[bytes], parts: Iterable[bytes | memoryview]) -> None:
    """Raises DiskFull."""
    with _writing():
        file.writelines(parts)


def mapped(file: IO[bytes]) -> mmap.mmap:
    """What is written in a file, which is not empty, as bytes to read. Raises DiskFull where the
    disk has no room for the last of it."""
    with _writing():
        file.flush()
    found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _maps.add(found)
    return found


def release() -> None:
    """Take what is mapped out of this process's memory: it is read again when it is needed."""
    for each in tuple(_maps):
        each.madvise(mmap.MADV_DONTNEED)


def table(batches: "Iterable[pa.RecordBatch]", schema: "pa.Schema") -> "pa.Table":
    """Batches of one schema, written one after the other -> a table that lies on disk."""
    import pyarrow as pa

    with (
        _writing(),
        file() as to,
        pa.PythonFile(to, "w") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        for batch in batches:
            writer.write_batch(batch)
            release()
        writer.close()
        return pa.ipc.open_file(pa.py_buffer(mapped(to))).read_all()


def column(values: "pd.Series") -> "pd.Series":
    """Words or numbers (n,), on disk if they are many."""
    import pandas as pd
    import pyarrow as pa

    if values.memory_usage(index=False) < LARGE_COLUMN:
        return values
    if str(values.dtype) == "str":
        words = pa.table({"": pa.array(values)})
        kept = table(words.to_batches(), words.schema)[""].to_pandas().array
    else:
        numbers = np.ascontiguousarray(values.to_numpy())
        with _writing(), file() as to:
            write(to, [numbers.view(np.uint8).data])
            kept = np.frombuffer(mapped(to), dtype=numbers.dtype)
    return pd.Series(kept, index=values.index, name=values.name, copy=False)

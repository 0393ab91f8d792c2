"""A value -> the files of a folder, and back, by walking its fields.

A data frame becomes parquet, of which a `Table` reads columns; an array of a megabyte or more
`.npy`, which is read as a memory map (of single-precision pairs that sum to 1, the second alone),
smaller ones share `arrays.npz`; bytes and, compressed, long texts are files of their own; the rest
is `value.json`. Nothing is pickled: what is read can run no code. Equal values are equal bytes.
"""

import io
import json
import math
import types
import typing
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union

import numpy as np
from pydantic import BaseModel

from pipeline import table
from pipeline.files import to_json
from pipeline.store import MEASURED_FILES, MEASUREMENTS

LARGE_ARRAY = 2**20  # bytes
LONG_TEXT = 10_000  # letters
MARK = "$"  # a JSON object with this one key stands for what is in another file
PAIR = "pair"  # of numbers that sum to 1: the file has the second one of each
VALUE, ARRAYS = "value.json", "arrays.npz"
Open = Callable[[str], AbstractContextManager[io.RawIOBase | io.BufferedIOBase]]


class Damaged(ValueError):
    """What is in the files is not a value of the type that is asked for."""


def is_measured(field: "Field[Any]") -> bool:
    return bool(field.metadata.get("measured"))


# -- value -> files --------------------------------------------------------------------------------


def encode(value: Any, opened: Open) -> None:
    """Write every file, `with opened(name) as file`, one after the other and a part at a time.

    Fields that are MEASURED stand in a file of their own.
    """
    writer = _Writer(opened)
    tree = writer.plain(value, "")
    if writer.arrays:
        writer.file(ARRAYS, _npz(writer.arrays))
    if writer.measured:
        writer.file(MEASUREMENTS, to_json(writer.measured).encode())
    writer.file(VALUE, to_json(tree).encode())


class _Writer:
    """Turns a value into plain JSON, and writes what is kept in other files."""

    def __init__(self, opened: Open) -> None:
        self.opened = opened
        self.arrays: dict[str, np.ndarray] = {}
        self.measured: dict[str, Any] = {}

    def plain(self, value: Any, place: str) -> Any:
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {MARK: repr(float(value))}
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, np.generic):
            return self.plain(value.item(), place)
        if isinstance(value, np.ndarray):
            return self._array(value, place)
        if isinstance(value, bytes):
            return self.file(f"{place}.bin", value)
        if isinstance(value, BaseModel):
            return value.model_dump(mode="json")
        if is_dataclass(value) and not isinstance(value, type):
            return self._fields(value, place)
        if isinstance(value, Mapping):
            return self._items(value, place)
        if isinstance(value, list | tuple):
            return [self.plain(each, _inside(place, str(i))) for i, each in enumerate(value)]
        return self._table(value, place)

    def _fields(self, value: Any, place: str) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for field in fields(value):
            inside = _place(field, place)
            plain = self.plain(getattr(value, field.name), inside)
            (self.measured if is_measured(field) else kept)[
                inside if is_measured(field) else field.name
            ] = plain
        return kept

    def _items(self, value: Mapping[str, Any], place: str) -> Any:
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"{place}: a mapping's keys must be texts")
        # a list of pairs: the order is part of the value, and JSON's keys are sorted
        pairs = [
            [key, self.plain(each, _inside(place, str(i)))]
            for i, (key, each) in enumerate(value.items())
        ]
        return {MARK: "map", "items": pairs}

    def _text(self, value: str, place: str) -> Any:
        if len(value) < LONG_TEXT:
            return value
        import pyarrow as pa

        content = value.encode()
        kept = self.file(f"{place}.txt.zst", pa.compress(content, "zstd", asbytes=True))
        return {**kept, MARK: "text", "size": len(content)}

    def _array(self, value: np.ndarray, place: str) -> Any:
        if value.dtype == object:
            return self._strings(value, place)
        if value.nbytes < LARGE_ARRAY:
            self.arrays[place] = np.asarray(value)
            return {MARK: "array", "at": place}
        sums_to_one, name = _sums_to_one(value), f"{place}.npy"
        with self.opened(name) as file:
            np.save(file, value[..., 1] if sums_to_one else value, allow_pickle=False)
        return {MARK: PAIR if sums_to_one else "file", "at": name}

    def _strings(self, value: np.ndarray, place: str) -> Any:
        import pandas as pd

        if not all(isinstance(each, str) for each in value):
            raise TypeError(f"{place}: an array of objects may hold texts alone")
        return self._table(pd.DataFrame({"": pd.Series(value, dtype="str")}), place, "strings")

    def _table(self, value: Any, place: str, kind: str = "table") -> Any:
        import pandas as pd

        if not isinstance(value, pd.DataFrame | table.Table):
            raise TypeError(f"{place}: no file can hold a {type(value).__name__}")
        name = f"{place}.parquet"
        with self.opened(name) as file:
            table.write(value, file)
        # without columns parquet forgets how many rows there are
        return {MARK: kind, "at": name, "rows": len(value)}

    def file(self, name: str, content: bytes | memoryview) -> dict[str, Any]:
        """A file of this content, and what stands for it."""
        with self.opened(name) as file:
            file.write(content)
        return {MARK: "file", "at": name}


def _sums_to_one(value: np.ndarray) -> bool:
    """Whether these are single-precision pairs (..., 2) of which the second tells the first."""
    is_pair = value.dtype == np.float32 and value.ndim > 1 and value.shape[-1] == 2
    return is_pair and np.array_equal(value[..., 0], 1 - value[..., 1], equal_nan=True)


def _place(field: "Field[Any]", outside: str) -> str:
    """Where a field stands, which names its file: what is measured has files of its own."""
    inside = _inside(outside, field.name)
    return f"{MEASURED_FILES}{inside}" if is_measured(field) else inside


def _inside(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _npz(arrays: Mapping[str, np.ndarray]) -> memoryview:
    """Uncompressed, so that equal arrays are equal bytes."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getbuffer()


# -- files -> value --------------------------------------------------------------------------------


def decode(kind: Any, folder: Path) -> Any:
    """The value of this type that `encode` put into these files.

    Raises Damaged where they hold anything else.
    """
    try:
        tree = json.loads((folder / VALUE).read_bytes())
        measured = folder / MEASUREMENTS
        reader = _Reader(folder, json.loads(measured.read_bytes()) if measured.exists() else {})
        return reader.build(kind, tree, "")
    except Damaged:
        raise
    except MemoryError:
        raise
    except Exception as error:
        raise Damaged(f"{(str(error).splitlines() or [''])[0] or type(error).__name__}") from error


class _Reader:
    """Builds a value of a type from plain JSON and the files that it points to."""

    def __init__(self, folder: Path, measured: Mapping[str, Any]) -> None:
        self.folder, self.measured = folder, measured
        self._arrays: dict[str, np.ndarray] | None = None

    def build(self, kind: Any, tree: Any, place: str) -> Any:
        origin = typing.get_origin(kind)
        if kind is Any or kind is None or origin is Literal:
            return self.leaf(tree)
        if origin in (Union, types.UnionType):
            return self._one_of(typing.get_args(kind), tree, place)
        if origin is not None:
            return self._container(origin, typing.get_args(kind), tree, place)
        if is_dataclass(kind):
            return self._fields(kind, tree, place)
        if kind is table.Table:
            return table.Table(self._path(tree["at"]), tree["rows"])
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind.model_validate_json(json.dumps(tree), strict=True)
        found = self.leaf(tree)
        if kind is float and isinstance(found, int):
            return float(found)
        if isinstance(kind, type) and not isinstance(found, kind):
            raise Damaged(f"{place}: found {type(found).__name__}, not {kind.__name__}")
        return found

    def _one_of(self, kinds: tuple[Any, ...], tree: Any, place: str) -> Any:
        if tree is None:
            return None
        others = [kind for kind in kinds if kind is not type(None)]
        for kind in others[:-1]:
            try:
                return self.build(kind, tree, place)
            except (Damaged, TypeError, LookupError, AttributeError):
                continue
        return self.build(others[-1], tree, place)

    def _container(self, origin: Any, inner: tuple[Any, ...], tree: Any, place: str) -> Any:
        if issubclass(origin, Mapping):
            return {
                key: self.build(inner[1], each, _inside(place, str(i)))
                for i, (key, each) in enumerate(tree["items"])
            }
        if origin is tuple and inner[-1] is not Ellipsis:
            pairs = list(zip(inner, tree, strict=True))
        else:
            pairs = [(inner[0], each) for each in tree]
        built = [self.build(k, each, _inside(place, str(i))) for i, (k, each) in enumerate(pairs)]
        return tuple(built) if origin is tuple else built

    def _fields(self, kind: Any, tree: Any, place: str) -> Any:
        hints, found = _hints(kind), {}
        for field in fields(kind):
            inside = _place(field, place)
            if not (is_measured(field) or field.name in tree or field.default is MISSING):
                continue  # it was kept before there was such a field
            plain = self.measured[inside] if is_measured(field) else tree[field.name]
            found[field.name] = self.build(hints[field.name], plain, inside)
        return kind(**found)

    def leaf(self, tree: Any) -> Any:
        """What JSON alone says: texts, numbers, lists, mappings, and what lies in other files."""
        if isinstance(tree, list):
            return [self.leaf(each) for each in tree]
        if not isinstance(tree, dict):
            return tree
        what = tree.get(MARK)
        if what == "map":
            return {key: self.leaf(each) for key, each in tree["items"]}
        if what == "array":
            return self._array(tree["at"])
        if what in ("nan", "inf", "-inf"):
            return float(what)
        if what in ("table", "strings"):
            return self._table(tree["at"], what, tree["rows"])
        if what == "text":
            return self._text(tree["at"], tree["size"])
        if what == PAIR:
            second = self._file(tree["at"])
            return np.stack([1 - second, second], axis=-1)
        return self._file(tree["at"])

    def _array(self, place: str) -> np.ndarray:
        if self._arrays is None:
            with zipfile.ZipFile(self.folder / ARRAYS) as archive:
                # packed members are not ours, and could unpack to more than there is memory
                if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                    raise Damaged("its arrays are compressed")
            with np.load(self.folder / ARRAYS, allow_pickle=False) as arrays:
                self._arrays = dict(arrays)
        return self._arrays[place]

    def _table(self, name: str, what: str, rows: int) -> Any:
        import pandas as pd

        frame = table.read(self._path(name))
        if not len(frame.columns):
            frame = pd.DataFrame(index=range(rows))
        return frame[""].to_numpy(dtype=object) if what == "strings" else frame

    def _text(self, name: str, size: int) -> str:
        import pyarrow as pa

        content: bytes = pa.decompress(self._path(name).read_bytes(), size, "zstd", asbytes=True)
        return content.decode()

    def _file(self, name: str) -> Any:
        path = self._path(name)
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        content = path.read_bytes()
        return content.decode() if path.suffix == ".txt" else content  # as they were kept before

    def _path(self, name: str) -> Path:
        if Path(name).name != name:
            raise Damaged(f"{name}: a file of this folder was expected")
        return self.folder / name


@cache
def _hints(kind: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except NameError:  # imported for type checkers alone: pandas takes time and memory
        import pandas as pd

        return typing.get_type_hints(kind, localns={"pd": pd})

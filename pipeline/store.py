"""Values under keys: a folder each, written whole or not at all, and verified when it is read.

A key names what a value is computed from, so that what exists under its key need never be computed
again, by whatever run. Two runs that write the same key at once write the same value, but for
seconds that were measured; the second keeps the first one's folder. What does not match its
checksums counts as not there.
"""

import contextlib
import errno
import hashlib
import io
import os
import secrets
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pipeline.errors import DataError
from pipeline.files import digest_of, read_checked, with_checksum

MEASURED: Mapping[str, Any] = {"measured": True}  # of a field: no part of what the value is
MANIFEST, MEASUREMENTS = "manifest.json", "measured.json"
MEASURED_FILES = "measured."  # how names of files begin that hold such fields
UNFINISHED = ".unfinished"
FORMAT = 2  # of the files: another codec that could not read them has another number
T = TypeVar("T")


@dataclass(frozen=True)
class Key:
    """What a value is (`kind`: a stage's name, or "fit"), and a hash of all that it depends on."""

    kind: str
    hash: str

    @classmethod
    def of(cls, kind: str, dependencies: Mapping[str, Any]) -> "Key":
        return cls(kind, digest_of({"format": FORMAT, "kind": kind, **dependencies})[:32])

    @property
    def path(self) -> str:
        return f"{self.kind}/{self.hash}"


@dataclass(frozen=True)
class Manifest:
    """What is known of a stored value without reading it.

    A digest of its bytes, the seconds that it took, its bytes, and the hash of what it is part of.
    """

    digest: str
    seconds: float
    size: int
    part_of: str


class Store:
    """A folder of folders, `kind/hash`. Safe to share between processes and runs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._verified: dict[Key, Manifest] = {}

    def manifest(self, key: Key, digest: str = "") -> Manifest | None:
        """None where nothing is stored under the key, or where it is damaged, or of another digest.

        The bytes are compared with their checksums once a process.
        """
        found = self._verified.get(key) or self._verify(self.root / key.path)
        if found is None:
            return None
        self._verified[key] = found
        return found if digest in ("", found.digest) else None

    def why_not(self, key: Key) -> str:
        """What became of a value that was stored and is not there any more."""
        if (self.root / key.path).exists():
            return "damaged"
        return "not in the store any more, as after `prune` or `clean`"

    def get(self, key: Key, kind: type[T]) -> T | None:
        """The value, or None where there is none that is whole."""
        from pipeline import codec

        if self.manifest(key) is None:
            return None
        try:
            value: T = codec.decode(kind, self.root / key.path)
        except codec.Damaged:  # its checksums hold: a manifest that is as foreign as the files
            self.remove(key)
            return None
        return value

    def put(self, key: Key, value: Any, seconds: float = 0.0, part_of: str = "") -> Manifest:
        """Keep a value; one that is there already, and whole, stays.

        `part_of` is the hash of the value without which this one is of no use: see `prune`.
        """
        from pipeline import codec

        final = self.root / key.path
        files: dict[str, tuple[int, str]] = {}
        with self._unfinished(final) as folder:

            @contextlib.contextmanager
            def opened(name: str) -> Iterator[io.RawIOBase]:
                with _Hashing(folder / name) as file:
                    yield file
                    files[name] = file.size, file.checksum.hexdigest()

            codec.encode(value, opened)
            manifest = {"files": files, "seconds": round(seconds, 3), "part_of": part_of}
            (folder / MANIFEST).write_text(with_checksum(manifest), encoding="utf-8")
            self._move(folder, final, key)
        return self._verified[key]

    def remove(self, key: Key) -> None:
        self._verified.pop(key, None)
        self._discard(self.root / key.path)

    def keys(self) -> Iterator[Key]:
        """Everything that is stored; what else lies in the folder is left out."""
        for folder in sorted(self.root.glob("*/*")):
            is_ours = not any(path.is_symlink() for path in (folder, folder.parent))
            if is_ours and _is_plain(folder.parent.name) and (folder / MANIFEST).is_file():
                yield Key(folder.parent.name, folder.name)

    def prune(self, kept: Collection[Key]) -> int:
        """Delete all but these values and what is part of them; returns how many went."""
        hashes, gone = {key.hash for key in kept}, 0
        for key in list(self.keys()):
            found = None if key in kept else self.manifest(key)
            if key not in kept and (found is None or found.part_of not in hashes):
                self.remove(key)
                gone += 1
        unfinished = self.root / UNFINISHED
        for path in () if unfinished.is_symlink() else unfinished.glob("*"):
            shutil.rmtree(path, ignore_errors=True)  # of runs that were killed
        return gone

    def clean(self) -> bool:
        """Delete all; returns whether there was anything."""
        there = self.root.exists()
        shutil.rmtree(self.root, ignore_errors=True)
        self._verified.clear()
        return there

    def size(self) -> int:
        """Bytes on disk; what another run takes away meanwhile counts for nothing."""
        total = 0
        for folder, _, names in os.walk(self.root):  # passes over folders that have gone
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.stat(os.path.join(folder, name)).st_size
        return total

    def _verify(self, folder: Path) -> Manifest | None:
        try:
            kept = read_checked(folder / MANIFEST)
            files: dict[str, tuple[int, str]] = kept["files"]
            if not all(_is_whole(folder, name, *of) for name, of in files.items()):
                return None
            # what was measured on the way is no part of what the value is
            sums = {n: sum for n, (_, sum) in files.items() if not n.startswith(MEASURED_FILES)}
            size = sum(size for size, _ in files.values())
            return Manifest(digest_of(sums), float(kept["seconds"]), size, str(kept["part_of"]))
        except (ValueError, TypeError, LookupError, AttributeError):
            return None
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EISDIR):
                return None
            raise

    @contextlib.contextmanager
    def _unfinished(self, final: Path) -> Iterator[Path]:
        """A folder of this process alone, gone afterwards whatever happens."""
        folder = self.root / UNFINISHED / f"{final.name}-{secrets.token_hex(8)}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _move(self, folder: Path, final: Path, key: Key) -> None:
        """Put a finished folder in its place, unless another run was there first."""
        final.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(3):
            try:
                folder.rename(final)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
                if self._verify(final) is None:
                    self._discard(final)
                    continue
            break
        found = self._verify(final)
        if found is None:
            raise OSError(errno.EIO, "what was written does not read back as it was", str(final))
        self._verified[key] = found

    def _discard(self, folder: Path) -> None:
        """Take a folder away in one step, then delete it."""
        aside = self.root / UNFINISHED / f"{folder.name}-{secrets.token_hex(8)}"
        aside.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.rename(folder, aside)
        if aside.is_dir() and not aside.is_symlink():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


MOST_KEPT = 16  # values in memory
_values: dict[tuple[str, Key], Any] = {}


@dataclass(frozen=True)
class Piece(Generic[T]):
    """The value of type `kind` under a key: read when it is asked for, once a process."""

    store: Store
    key: Key
    kind: type[T]

    @property
    def value(self) -> T:
        """Raises DataError where it has gone, or was damaged, since it was written."""
        place = str(self.store.root), self.key
        if place not in _values:
            found = self.store.get(self.key, self.kind)
            if found is None:
                raise DataError(
                    f"{self.store.root / self.key.path}: this was there when the run began, and is "
                    "missing or damaged now. Run the same command again: it is computed again."
                )
            while len(_values) >= MOST_KEPT:
                _values.pop(next(iter(_values)))
            _values[place] = found
        value: T = _values[place]
        return value


class _Hashing(io.RawIOBase):
    """A file that is written, and the number and the SHA-256 of its bytes so far.

    No io.FileIO: NumPy writes to such a one past its `write`.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.file = path, path.open("wb")
        self.size, self.checksum = 0, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.checksum.update(content)
        self.size += memoryview(content).nbytes
        with self._naming():
            return self.file.write(content)

    def tell(self) -> int:
        return self.size

    def close(self) -> None:
        with self._naming():
            self.file.close()
        super().close()

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """Let the error of a full disk name the file."""
        try:
            yield
        except OSError as error:
            error.filename = str(self.path)
            raise


def _is_plain(name: str) -> bool:
    """Whether this is the name of something in a folder, and of nothing hidden or elsewhere."""
    return Path(name).name == name and not name.startswith(".")


def _is_whole(folder: Path, name: str, size: int, checksum: str) -> bool:
    """Whether a file has these bytes; a link, a device or a file of another size is not read."""
    found = (folder / name).lstat()
    if not _is_plain(name) or not stat.S_ISREG(found.st_mode) or found.st_size != size:
        return False
    with (folder / name).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == checksum

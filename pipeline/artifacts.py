"""Where everything lies on disk, and in which format: the only module that knows.

A stage writes into a temporary sibling of its folder; `Workspace.stage_output` swaps the whole in
once it is complete, so that an output appears whole or not at all. Formats are parquet, NPY, NPZ
(never pickled), JSON and text: nothing that is loaded can run code.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import BusyError, DataError, SettingsError, UserError

if TYPE_CHECKING:
    import pandas as pd

DONE = "DONE"
NAME = re.compile(r"[a-z][a-z0-9_]*")  # of a competition
LONGEST_REASON = 120  # letters of a library's own error


@dataclass(frozen=True)
class Folder:
    """A folder of artifacts. Names carry no suffix: the format adds it."""

    path: Path

    def folder(self, name: str) -> "Folder":
        return Folder(self.path / name)

    def has(self, filename: str) -> bool:
        return (self.path / filename).exists()

    def names(self, suffix: str) -> list[str]:
        """Sorted names of the artifacts with this suffix, without it."""
        return sorted(file.name.removesuffix(suffix) for file in self.path.glob(f"*{suffix}"))

    def write_table(self, name: str, frame: "pd.DataFrame") -> None:
        with self._writing(f"{name}.parquet") as path:
            frame.to_parquet(path, index=False, compression="zstd")

    def read_table(self, name: str, columns: list[str] | None = None) -> "pd.DataFrame":
        import pandas as pd

        with self._reading(f"{name}.parquet") as path:
            return pd.read_parquet(path, columns=columns)

    def write_array(self, name: str, array: np.ndarray) -> None:
        with self._writing(f"{name}.npy") as path:
            np.save(path, array, allow_pickle=False)

    def read_array(self, name: str) -> np.ndarray:
        """Memory-mapped and read-only: only the pages that are touched are loaded."""
        with self._reading(f"{name}.npy") as path:
            return np.load(path, mmap_mode="r", allow_pickle=False)

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Several arrays in one NPZ (uncompressed, so that equal arrays are equal bytes)."""
        with self._writing(f"{name}.npz") as path, path.open("wb") as file:
            np.savez(file, **dict(arrays), allow_pickle=False)

    def read_arrays(self, name: str) -> dict[str, np.ndarray]:
        with self._reading(f"{name}.npz") as path:
            with zipfile.ZipFile(path) as archive:
                # packed members are not ours, and could unpack to more than there is memory
                if any(info.compress_type != zipfile.ZIP_STORED for info in archive.infolist()):
                    raise ValueError("its arrays are compressed")
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)

    def write_json(self, name: str, value: Any) -> None:
        self.write_text(f"{name}.json", to_json(value))

    def read_json(self, name: str) -> Any:
        with self._reading(f"{name}.json") as path:
            return json.loads(path.read_text(encoding="utf-8"))

    def read_record(self) -> dict[str, Any]:
        """What the finished stage of this folder was computed from, and one hash of it all."""
        text = self.read_text(DONE)
        with self.checking(DONE):
            record: dict[str, Any] = json.loads(text)
            return record | {"digest": str(record["digest"])}

    def write_text(self, filename: str, text: str) -> None:
        with self._writing(filename) as path:
            path.write_text(text, encoding="utf-8", newline="\n")

    def read_text(self, filename: str) -> str:
        with self._reading(filename) as path:
            return path.read_text(encoding="utf-8")

    def write_bytes(self, filename: str, content: bytes) -> None:
        with self._writing(filename) as path:
            path.write_bytes(content)

    def read_bytes(self, filename: str) -> bytes:
        with self._reading(filename) as path:
            return path.read_bytes()

    @contextlib.contextmanager
    def _writing(self, filename: str) -> Iterator[Path]:
        """Hand out the path to write to."""
        path = self._new(filename)
        with _naming(path):
            yield path

    @contextlib.contextmanager
    def checking(self, filename: str) -> Iterator[None]:
        """Whatever fails here with what this file holds means that the file is damaged."""
        try:
            yield
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise self._unusable(filename, error) from None

    @contextlib.contextmanager
    def _reading(self, filename: str) -> Iterator[Path]:
        """Hand out the path of a file that an earlier stage wrote whole.

        Libraries raise all kinds of errors for bytes that are not theirs; what the file system
        refuses, and what is no fault of the file, stays as it is.
        """
        try:
            yield self.path / filename
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._unusable(filename, error) from None
        except (UserError, MemoryError):
            raise
        except Exception as error:
            # a library's own errors have no number; a place before the file's start is EINVAL
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise
            raise self._unusable(filename, error) from None

    def _unusable(self, filename: str, error: Exception) -> DataError:
        """The sentence on a file that is missing or damaged, and what brings it back."""
        path = self.path / filename
        reason = (str(error).splitlines() or [""])[0] or type(error).__name__
        state = f"damaged ({reason[:LONGEST_REASON]})" if path.exists() else "missing"
        return DataError(
            f"{path}: this artifact of an earlier stage is {state}. "
            f"Delete {self._whole()} and run make again."
        )

    def _whole(self) -> Path:
        """The folder that make makes anew once it is deleted: that of the stage, which has DONE."""
        above = (self.path, *self.path.parents[:2])
        return next((folder for folder in above if (folder / DONE).exists()), self.path)

    def _new(self, filename: str) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        return self.path / filename


@dataclass(frozen=True)
class Workspace:
    """The folders of one competition under a root: data/raw, data/build and submissions."""

    root: Path
    competition: str

    def __post_init__(self) -> None:
        refuse_path(self.competition)

    @property
    def raw(self) -> Path:
        return self.root / "data" / "raw" / self.competition

    @property
    def build(self) -> Path:
        return self.root / "data" / "build" / self.competition

    @property
    def submissions(self) -> Path:
        return self.root / "submissions" / self.competition

    @property
    def settings(self) -> Folder:
        """One JSON file a stage, written only when it changes: make compares their times."""
        return Folder(self.build / "settings")

    @property
    def journal(self) -> Path:
        """Optuna's studies of the competition; it outlives the stage folders."""
        return self.build / "studies" / "journal.log"

    @property
    def budget(self) -> Folder:
        """What each piece of tune and train took of [budget] minutes; `make clean` keeps it."""
        return Folder(self.build / "budget")

    def stage(self, name: str) -> Folder:
        return Folder(self.build / name)

    def is_done(self, name: str) -> bool:
        return self.stage(name).has(DONE)

    def digest(self, name: str) -> str:
        """What a finished stage was computed from, as one hash."""
        digest: str = self.stage(name).read_record()["digest"]
        return digest

    def partial(self, name: str, digest: str) -> Folder:
        """Finished pieces of an unfinished stage; a different digest never sees them."""
        return Folder(self.build / "partial" / name / digest[:16])

    def drop_partial(self, name: str) -> None:
        shutil.rmtree(self.build / "partial" / name, ignore_errors=True)

    @contextlib.contextmanager
    def stage_output(self, name: str, record: Mapping[str, Any]) -> Iterator[Folder]:
        """Hand out a temporary folder and, if nothing fails, swap it in for the stage's folder.

        `record` becomes the DONE file. Its time is the time of the start: whatever was edited while
        the stage was running is then newer, and make runs the stage again.
        """
        final = self.build / name
        temporary = final.with_name(f".{final.name}.tmp")
        started = Folder(final.parent)._new(f".{final.name}.started")
        shutil.rmtree(temporary, ignore_errors=True)
        started.touch()
        temporary.mkdir()
        try:
            yield Folder(temporary)
            Folder(temporary).write_text(DONE, to_json(record))
            stat = started.stat()
            os.utime(temporary / DONE, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            _sync_tree(temporary)
            replace_folder(temporary, final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            started.unlink(missing_ok=True)

    def clean(self) -> bool:
        """Delete every artifact but the budget's record; says whether there was any.

        Raises DataError where the folder is a link: what lies behind it may be somebody else's.
        """
        if self.build.is_symlink():
            raise DataError(
                f"{self.build}: this is a link to {self.build.resolve()}, and nothing was deleted: "
                "what lies behind a link may be of use elsewhere. Remove the link, or empty that "
                "folder yourself."
            )
        if not self._artifacts():
            return False
        with self.locked(f"pid{os.getpid()}"):
            for path in self._artifacts():
                _remove(path)
        return True

    def _artifacts(self) -> list[Path]:
        kept = (self.budget.path, self._locks.path)
        return [path for path in sorted(self.build.glob("*")) if path not in kept]

    @property
    def _locks(self) -> Folder:
        return Folder(self.build / ".locks")

    @contextlib.contextmanager
    def locked(self, run: str) -> Iterator[None]:
        """Let the processes of one run in together (`make -j2`), and no process of another run.

        Each process holds a lock on a file of its own, named after its run. POSIX record locks
        vanish with the process, however it ends, and worker processes do not inherit them.
        """
        folder = self._locks
        with folder._new("gate").open("w") as gate:
            fcntl.lockf(gate, fcntl.LOCK_EX)
            self._refuse_other_runs(folder.path, run)
            mine = folder.path / f"{run}-{os.getpid()}.lock"
            held = mine.open("w")
            fcntl.lockf(held, fcntl.LOCK_EX)
        try:
            yield
        finally:
            mine.unlink(missing_ok=True)
            held.close()

    def _refuse_other_runs(self, folder: Path, run: str) -> None:
        for file in folder.glob("*.lock"):
            if file.name.rpartition("-")[0] == run:
                continue
            with file.open("a") as other:
                try:
                    fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError as error:
                    if error.errno not in (errno.EACCES, errno.EAGAIN):
                        raise
                    process = file.stem.rpartition("-")[2]
                    raise BusyError(
                        f"{self.build}: another run of '{self.competition}' is at work here "
                        f"(process {process}); one at a time is allowed. "
                        "Wait until it ends, or stop it with Ctrl-C."
                    ) from None
            file.unlink(missing_ok=True)


def refuse_path(competition: str) -> None:
    """A competition's name is part of paths: what could lead elsewhere is refused."""
    if not NAME.fullmatch(competition):
        shown = f"{competition[:60]!r}" if competition else "none"
        raise SettingsError(
            f"the name of the competition: found {shown}, allowed are small letters, digits and _, "
            "with a letter first. Name a competition, as in `make C=airline all`."
        )


def to_json(value: Any) -> str:
    """JSON as every artifact has it: sorted keys, two spaces, a newline at the end, no NaN."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a single file in one step: a reader sees the old content or the new, never a part."""
    temporary = Folder(path.parent)._new(f".{path.name}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        with _naming(path), temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_folder(new: Path, old: Path) -> None:
    """Put a finished folder in the place of an earlier one."""
    retired = old.with_name(f".{old.name}.old")
    _remove(retired, ignore_errors=True)
    if old.exists() or old.is_symlink():
        old.rename(retired)
    new.rename(old)
    _sync(old.parent)
    _remove(retired, ignore_errors=True)


def _remove(path: Path, ignore_errors: bool = False) -> None:
    """Delete a file, a link (not what it leads to) or a folder with all that it holds."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=ignore_errors)
    else:
        path.unlink(missing_ok=True)


def digest_of(value: Any) -> str:
    """SHA-256 of a JSON value."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()


def require_stage(workspace: Workspace, name: str, goal: str | None = None) -> Folder:
    """The folder of an earlier stage, or one sentence about the goal of make that makes it."""
    if not workspace.is_done(name):
        raise DataError(
            f"{workspace.build / name}: this stage has not run yet. "
            f"Run `make C={workspace.competition} {goal or name.replace('/', '-')}` first."
        )
    return workspace.stage(name)


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let an OSError that names no file name this one; NumPy's short write is a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        code = error.errno or errno.ENOSPC
        raise OSError(code, os.strerror(code), str(path)) from error


def _sync_tree(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with _naming(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)

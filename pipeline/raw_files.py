"""Files of data as they are, which a run depends on."""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path in it; links to folders are followed."""
    return {path.relative_to(folder).as_posix(): checksum(path) for path in _files(folder, ())}


def data_files(package: Path) -> list[Path]:
    """Files beside the competitions' features: neither code nor settings, nor hidden."""
    folder = package / "competitions"
    found = [path for path in folder.rglob("[!.]*") if "__pycache__" not in path.parts]
    return [path for path in found if path.suffix not in (".py", ".toml") and path.is_file()]


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal; computed once a process, unless the file changes."""
    found = path.stat()
    return _checksum(path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@cache
def _checksum(path: Path, *identity: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path, above: tuple[Path, ...]) -> Iterator[Path]:
    """Files in order; a link that leads back to a folder `above` it is not followed."""
    if not folder.is_dir() or folder.resolve() in above:
        return
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        else:
            yield from _files(path, (*above, folder.resolve()))

"""Predictions that were made elsewhere: how a TOML names their files, and where these lie.

A table `[models.NAME]` of kind "predictions" is a member of the blend that is read, not fitted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.errors import DataError
from pipeline.raw_files import checksum
from pipeline.settings import ModelSettings

KIND = "predictions"
MISSING = "missing"  # instead of the checksum of a file that is not there
# what a model's table may have and this one may not: nothing is encoded, learnt, searched or drawn
NOT_FITTED = (
    *("columns", "drop", "encode", "trials", "seed"),
    *("extra", "extra_feature", "as_classes", "as_logarithms", "refit", "pseudo_labels"),
)


class Settings(ModelSettings):
    """`[models.NAME] kind = "predictions"`."""

    oof: str = Field(
        description="file of out-of-fold predictions: in the folder of raw files, or a path; CSV, "
        "parquet or .npy"
    )
    test: str | None = Field(None, description="file of predictions of the test rows")
    folds: str | None = Field(
        None,
        description="the folds that they are out of: FILE/COLUMN, a number a row; left out: it is "
        "not known whether they are those of [split]",
    )

    @property
    def files(self) -> dict[str, str]:
        """By key, the names of the files; a key that is left out is not in it."""
        folds = self.folds.rpartition("/")[0] if self.folds else None
        named = {"oof": self.oof, "test": self.test, "folds": folds}
        return {key: name for key, name in named.items() if name}


@dataclass(frozen=True)
class PredictionFiles:
    """Where the files of one member lie: `folds` is a file and its column."""

    oof: Path
    test: Path | None
    folds: tuple[Path, str] | None


@dataclass(frozen=True)
class Origin:
    """Where predictions came from: names of the files, and what is known of their folds.

    `together` is the share of the pairs of rows of one of their folds that are in one of ours;
    None where their folds are not known.
    """

    oof: str
    test: str | None
    folds: Literal["the same", "other", "unknown"]
    together: float | None = None


def find(name: str, settings: Settings, raw: Path, root: Path) -> PredictionFiles:
    """The files of a member `name`: below `raw`, or from `root` on.

    Raises DataError for one that is not there, and where two keys name one file.
    """
    found = {}
    for key, path in _paths(settings, raw, root):
        if not path.is_file():
            what = "a folder, and allowed is a file" if path.is_dir() else "no such file"
            raise DataError(
                f'[models.{name}] {key} = "{settings.files[key]}": {what}, neither in {raw} nor at '
                f"{path}. Put the file there, or correct the name."
            )
        found[key] = path
    _refuse_one_file(name, settings, found)
    column = settings.folds.rpartition("/")[2] if settings.folds else ""
    folds = (found["folds"], column) if "folds" in found else None
    return PredictionFiles(found["oof"], found.get("test"), folds)


def checksums(settings: Settings, raw: Path, root: Path) -> dict[str, str]:
    """By key, the SHA-256 of each file; "missing" for one that is not there."""
    paths = _paths(settings, raw, root)
    return {key: checksum(path) if path.is_file() else MISSING for key, path in paths}


def paths(settings: Settings, raw: Path, root: Path) -> list[Path]:
    """All files of a member, whether they are there or not."""
    return [path for _, path in _paths(settings, raw, root)]


def _paths(settings: Settings, raw: Path, root: Path) -> Iterator[tuple[str, Path]]:
    for key, name in settings.files.items():
        inside = raw / name
        yield key, inside if inside.is_file() else root / Path(name).expanduser()


def _refuse_one_file(name: str, settings: Settings, found: Mapping[str, Path]) -> None:
    if "test" in found and checksum(found["oof"]) == checksum(found["test"]):
        raise DataError(
            f'[models.{name}]: oof = "{settings.oof}" and test = "{settings.test}" hold the same '
            "bytes; allowed are predictions of the training rows, and others of the test rows. "
            "Name the two files."
        )

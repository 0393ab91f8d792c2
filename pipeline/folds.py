"""Which rows a fold trains on and which it validates, and the matrices that belong to them."""

from dataclasses import dataclass

import numpy as np

from pipeline.artifacts import Folder


@dataclass(frozen=True)
class Fold:
    """One fold of one repeat: row numbers of the training table, ascending, train and valid."""

    repeat: int
    number: int
    train: np.ndarray
    valid: np.ndarray

    @property
    def name(self) -> str:
        return f"r{self.repeat}-f{self.number}"


@dataclass(frozen=True)
class View:
    """One view of one fold: float32 matrices (rows, d), memory-mapped and read-only.

    `categorical` are the indices of the columns that hold category codes.
    """

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    columns: tuple[str, ...]
    categorical: tuple[int, ...]


def read_folds(split: Folder) -> list[Fold]:
    """All folds of all repeats, in order."""
    repeats = int(split.read_json("split")["repeats"])
    return [
        fold
        for repeat in range(repeats)
        for fold in folds_of(repeat, split.read_array(f"folds-{repeat}"))
    ]


def folds_of(repeat: int, numbers: np.ndarray) -> list[Fold]:
    """The folds of one repeat from each row's fold number, (n,)."""
    return [
        Fold(repeat, number, np.flatnonzero(numbers != number), np.flatnonzero(numbers == number))
        for number in range(int(numbers.max()) + 1)
    ]


def read_view(encode: Folder, fold: Fold | str, view: str) -> View:
    """One view ("tree" or "dense") of one fold."""
    folder = encode.folder(fold if isinstance(fold, str) else fold.name)
    described = folder.read_json("columns")[view]
    train, valid, test = (
        folder.read_array(f"{view}-{part}") for part in ("train", "valid", "test")
    )
    return View(
        train,
        valid,
        test,
        tuple(described["columns"]),
        tuple(described.get("categorical", ())),
    )

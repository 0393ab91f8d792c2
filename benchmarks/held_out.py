"""A table's rows in two parts, to learn from and to score on, as breadth.py draws them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from tables import Table

from pipeline import metrics

HELD_OUT = 0.3


@dataclass(frozen=True)
class Draw:
    """Rows to learn from and rows held out, each with its target, and codes y of the latter.

    `classes` are the labels in code order, as words; none for regression.
    """

    table: Table
    train: pd.DataFrame
    held_out: pd.DataFrame
    classes: tuple[str, ...]

    @property
    def metric(self) -> metrics.Metric:
        return metrics.METRICS[self.table.metric]

    @property
    def features(self) -> list[str]:
        hidden = (self.table.target, self.table.group)
        return [name for name in self.train if name not in hidden]

    def y(self, frame: pd.DataFrame) -> np.ndarray:
        """Class codes or values, (n,)."""
        target = frame[self.table.target]
        if not self.classes:
            return target.to_numpy(dtype=float)
        return target.map({name: code for code, name in enumerate(self.classes)}).to_numpy()


def hold_out(table: Table, folder: Path, seed: int, rows: int) -> Draw:
    """Rows of the table for this seed: `rows` to learn from at most, 3/7 of them held out."""
    frame, rng = table.load(folder), np.random.default_rng(seed)
    classes: tuple[str, ...] = ()
    if metrics.METRICS[table.metric].needs != "values":
        frame[table.target] = _words(frame[table.target])
        classes = tuple(sorted(frame[table.target].unique()))
    held_out = _held_out(table, frame, rng)
    most = rows, round(rows * HELD_OUT / (1 - HELD_OUT))
    drawn = [
        rng.permutation(np.flatnonzero(mask))[:n]
        for mask, n in zip((~held_out, held_out), most, strict=True)
    ]
    train, unseen = (frame.iloc[places].reset_index(drop=True) for places in drawn)
    return Draw(table, train, unseen, classes)


def _words(target: pd.Series) -> pd.Series:
    """Labels as words; of two the later one in the alphabet becomes 1, as organisers code it."""
    labels = sorted(target.unique())
    if len(labels) == 2:
        return (target == labels[1]).astype(int).astype(str)
    return target.astype(str)


def _held_out(table: Table, frame: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """A mask (n,) of about 30% of the rows."""
    if table.when is not None:
        order = table.when(frame).rank(method="first", pct=True)
        return (order > 1 - HELD_OUT).to_numpy()
    if table.group is None:
        return rng.permutation(len(frame)) < HELD_OUT * len(frame)
    groups = frame[table.group]
    shuffled = rng.permutation(groups.unique())
    before = groups.value_counts()[shuffled].cumsum().shift(fill_value=0)
    return groups.isin(before.index[before < HELD_OUT * len(frame)]).to_numpy()

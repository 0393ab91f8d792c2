"""Logistic regression with the pairs and triples of columns that a score test picks.

Brings what columns say together, in weights that can be read, and probabilities as smooth as a
line's; costs a second a fit on 3,000 rows. Nothing to a blend of networks and trees. Classes only.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from pipeline.artifacts import Folder
from pipeline.config import ModelSettings
from pipeline.errors import SettingsError
from pipeline.from_scratch.interactions import Group, cells, gain, learn_edges, levels
from pipeline.from_scratch.logistic_regression import LogisticRegression
from pipeline.models import Problem, check_classes

if TYPE_CHECKING:
    import optuna

VIEW = "tree"
CHUNK = 4096  # rows to predict at once: each becomes thousands of columns


class Settings(ModelSettings):
    pairs: int = Field(20, ge=0, description="of columns, the most telling ones")
    triples: int = Field(20, ge=0, description="chosen pairs with a third column")
    bins: int = Field(8, ge=2, description="levels that a number with more values is cut into")
    l2: float = Field(0.003, ge=0, description="weight decay, in units of the mean loss")
    ridge: float = Field(20.0, gt=0, description="the choice's caution about cells of few rows")
    least_rows: int = Field(5, ge=1, description="that a cell of a pair or triple has")
    most_columns: int = Field(60, ge=2, description="to combine: those that tell most alone")
    most_rows: int = Field(10_000, ge=2, description="of more rows a sample of that many is fitted")


def suggest(trial: "optuna.Trial") -> dict[str, Any]:
    return {
        "pairs": trial.suggest_int("pairs", 5, 40, log=True),
        "triples": trial.suggest_int("triples", 5, 40, log=True),
        "bins": trial.suggest_int("bins", 6, 16),
        "l2": trial.suggest_float("l2", 1e-3, 2e-2, log=True),
    }


def build(settings: Settings, problem: Problem) -> "Interactions":
    if problem.task == "regression":
        raise SettingsError(
            "[models.interactions]: the target is a regression one; this model needs classes. "
            "Remove the table from the competition's TOML; [models.lightgbm] takes values too."
        )
    return Interactions(settings, problem)


class Interactions:
    """One 0/1 column for each level, and for each cell of the groups of columns chosen.

    Pairs are chosen by what the levels alone leave unsaid, triples by what the pairs leave.
    """

    def __init__(self, settings: Settings, problem: Problem) -> None:
        self.settings, self.problem = settings, problem

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Interactions":
        """X (n, d) with NaN for missing values; y (n,) class codes."""
        X, y = self._sample(X, y)
        self.edges = learn_edges(X, self.settings.bins, self.problem.categorical)
        codes, alone = levels(X, self.edges), [(j,) for j in range(X.shape[1])]
        self._refit(codes, y, alone)
        columns = self._most_telling()
        self._extend(codes, y, combinations(columns, 2), self.settings.pairs)
        pairs = self.groups[len(alone) :]
        triples = {tuple(sorted({*pair, j})) for pair in pairs for j in columns if j not in pair}
        self._extend(codes, y, sorted(triples), self.settings.triples)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        probabilities = np.zeros((len(X), self.problem.outputs))
        for start in range(0, len(X), CHUNK):
            rows = slice(start, start + CHUNK)
            design = self._design(levels(X[rows], self.edges))
            # a class that none of the fitted rows had keeps probability 0
            probabilities[rows, self.line.classes_] = self.line.predict_proba(design)
        return probabilities

    def save(self, folder: Folder, name: str) -> None:
        learned = {
            "edges": [edges.tolist() for edges in self.edges],
            "groups": self.groups,
            "cells": [known.tolist() for known in self.known],
        }
        folder.write_json(name, learned)
        folder.write_arrays(name, self.line.state())

    def load(self, folder: Folder, name: str) -> "Interactions":
        learned = folder.read_json(name)
        with folder.checking(f"{name}.json"):
            self.edges = [np.array(edges, dtype=float) for edges in learned["edges"]]
            self.groups = [tuple(group) for group in learned["groups"]]
            self.known = [np.array(known, dtype=np.int64) for known in learned["cells"]]
            self._check_groups()
        state = folder.read_arrays(name)
        with folder.checking(f"{name}.npz"):
            self.line = LogisticRegression().set_state(state)
            check_classes(self.line.classes_, self.problem.outputs)
        return self

    def _check_groups(self) -> None:
        """ValueError where a group is not of the problem's columns, or edges do not ascend."""
        d = len(self.problem.columns)
        if len(self.edges) != d or len(self.known) != len(self.groups):
            raise ValueError("edges, groups and cells do not fit together")
        if any((np.diff(edges) <= 0).any() or np.isnan(edges).any() for edges in self.edges):
            raise ValueError("edges do not ascend")
        if any(not 0 <= j < d for group in self.groups for j in group):
            raise ValueError(f"a group has a column that is not among the {d}")

    def _extend(self, codes: np.ndarray, y: np.ndarray, groups: Iterable[Group], most: int) -> None:
        """Add the groups that promise the most, and fit again."""
        p = self.line.predict_proba(self._design(codes))
        t = (y[:, np.newaxis] == self.line.classes_).astype(float)
        shown = slice(1, None) if p.shape[1] == 2 else slice(None)
        r, h = (t - p)[:, shown], (p * (1 - p))[:, shown]
        gains = {
            group: gain(cells(codes, self.edges, group), r, h, self.settings.ridge)
            for group in groups
        }
        best = sorted(gains, key=lambda group: -gains[group])[:most]
        if best:
            self._refit(codes, y, self.groups + best)

    def _refit(self, codes: np.ndarray, y: np.ndarray, groups: Sequence[Group]) -> None:
        self.groups, self.known = list(groups), []
        for group in groups:
            found, rows = np.unique(cells(codes, self.edges, group), return_counts=True)
            self.known.append(found[rows >= (self.settings.least_rows if len(group) > 1 else 1)])
        self.line = LogisticRegression(l2=self.settings.l2, tol=1e-4)
        self.line.fit(self._design(codes), y)

    def _design(self, codes: np.ndarray) -> np.ndarray:
        """Level numbers (n, d) -> (n, known cells of all groups) float32, 1 for each own cell."""
        blocks = (
            cells(codes, self.edges, group)[:, np.newaxis] == known
            for group, known in zip(self.groups, self.known, strict=True)
        )
        return np.concatenate(list(blocks), axis=1).astype(np.float32)

    def _most_telling(self) -> list[int]:
        """Columns whose levels, of all columns alone, have the largest weights; in their order."""
        ends = np.cumsum([len(known) for known in self.known])[:-1]
        sizes = [np.linalg.norm(part) for part in np.split(self.line.coef_, ends, axis=1)]
        chosen = np.argsort(np.negative(sizes), kind="stable")[: self.settings.most_columns]
        return sorted(chosen.tolist())

    def _sample(self, X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(X) <= self.settings.most_rows:
            return X, y
        rng = np.random.default_rng(self.settings.seed)
        rows = np.sort(rng.choice(len(X), self.settings.most_rows, replace=False))
        return X[rows], y[rows]

"""A competition's rows as matrices, fold by fold: what one of its models is given.

For those who look into models, as notebooks do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import fitting, foreign, models
from pipeline.config import Configuration
from pipeline.errors import SettingsError
from pipeline.fits import Fits
from pipeline.folds import Fold
from pipeline.library import compute
from pipeline.member import Member
from pipeline.metrics import get_metric
from pipeline.models import ModelProblem
from pipeline.parallel import in_turn
from pipeline.report import leaderboard
from pipeline.stage_settings import members

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class FoldMatrices:
    """Training rows (n, d) and validation rows (m, d) of one fold, float32, encoded by what was
    learned from the training rows alone; `problem` names the d columns."""

    train: np.ndarray
    valid: np.ndarray
    problem: ModelProblem


@dataclass(frozen=True)
class Matrices:
    """The target y of all rows; of each fold its row numbers and its matrices."""

    y: np.ndarray
    folds: tuple[Fold, ...]
    matrices: tuple[FoldMatrices, ...]
    configuration: Configuration
    simulated: bool

    def model(self, name: str, fold: FoldMatrices, **changes: Any) -> Any:
        """An unfitted model with the settings of [models.name] and these changes."""
        member = _member(self.configuration, name)
        return models.build_bare(member.kind, {**member.settings, **changes}, fold.problem)

    def leaderboard(
        self, oof: Mapping[str, np.ndarray], metric: str | None = None
    ) -> "pd.DataFrame":
        """Out-of-fold predictions (n, k) by name, ranked as in the report."""
        asked, task = self.configuration.competition.metric, self.matrices[0].problem.task
        board = leaderboard.rank(
            get_metric(metric or asked, task),
            self.y,
            oof,
            [fold.valid for fold in self.folds],
            seed=0,
            parallel_map=in_turn,
        )
        return board.frame().set_index("model").round(4)

    def __repr__(self) -> str:
        kind = "SIMULATED rows" if self.simulated else "rows"
        return f"<Matrices: {len(self.y):,} {kind} in {len(self.folds)} folds>"


def matrices(
    competition: str, model: str, preset: str = "quick", *, root: str | Path = "."
) -> Matrices:
    """The matrices that `[models.model]` of a competition's TOML learns from and is validated on.

    They come from the stages load, split and encode of the project below `root`.
    """
    flow = compute(competition, "encode", preset, root=root)
    flow.run("split")
    load, folds = flow.value("load"), flow.value("split").folds
    member = _member(flow.configuration, model)
    of_folds = tuple(_matrices(flow.fits(), member, fold) for fold in folds)
    return Matrices(load.y, folds, of_folds, flow.configuration, load.simulated)


def _matrices(fits: Fits, member: Member, fold: Fold) -> FoldMatrices:
    tables = fits.tables(member)
    train, valid = (tables.train.take(rows) for rows in (fold.train, fold.valid))
    about = member, fits.objective, tables.features
    encoder, matrix = fitting.fit_encoder(*about, train, fits.y[fold.train], fold)
    problem = fitting.model_problem(member, fits.objective, encoder)
    return FoldMatrices(matrix[:], encoder.transform(valid, member.view), problem)


def _member(configuration: Configuration, name: str) -> Member:
    known = {n: each for n, each in members(configuration).items() if each.kind != foreign.KIND}
    if name not in known:
        raise SettingsError(
            f"model: found {name!r}, allowed are {', '.join(known)}. Name one of [models] in the "
            "competition's TOML."
        )
    return known[name]

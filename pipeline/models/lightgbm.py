"""Gradient boosted trees (LightGBM), their number found by early stopping, several seeds averaged.

Brings interactions and thresholds that nobody has to name; costs a second and a half a fit.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import Field

from pipeline.device import fitting_on
from pipeline.early_stopping import BoostingSettings, Clusters, TwoFits, divided
from pipeline.lookup_matrix import BLOCK, LookupMatrix, Matrix
from pipeline.models import ModelProblem, State, Trial
from pipeline.native_library import import_module_bare
from pipeline.threads import threads
from pipeline.tree_text import Ensemble, checked

if TYPE_CHECKING:
    import lightgbm

VIEW = "tree"
IN_BLOCKS = True
# as the library writes them into a model's text
OBJECTIVES = {
    "binary": "binary sigmoid:1",
    "multiclass": "multiclass num_class:{}",
    "l1": "regression_l1",
    "l2": "regression",
    "quantile": "quantile",
    "poisson": "poisson",
    "tweedie": "tweedie",
}
OF_LOSS = {
    "absolute_error": "l1",
    "quantile": "quantile",
    "poisson": "poisson",
    "tweedie": "tweedie",
}
PARAMETERS = {"quantile": "alpha", "tweedie": "tweedie_variance_power"}
COLUMNS_BY = {"split": "feature_fraction_bynode", "tree": "feature_fraction"}
THREADS = re.compile(r"^\[num_threads: \d+\]$", re.MULTILINE)  # changes nothing else in the text


class Settings(BoostingSettings):
    learning_rate: float = Field(0.1, gt=0, le=1)
    num_leaves: int = Field(31, ge=2, le=1024)
    min_child_samples: int = Field(10, ge=1, description="rows in a leaf, at least")
    feature_fraction: float = Field(
        0.5, gt=0, le=1, description="share of the columns that a split or a tree chooses from"
    )
    fraction_by: Literal["split", "tree"] = Field(
        "split",
        description='what draws this share: "split", or "tree" once for all of its splits, which '
        "of hundreds of columns halves the time of a round",
    )
    bagging_fraction: float = Field(1.0, gt=0, le=1, description="share of the rows a tree sees")
    lambda_l2: float = Field(0.01, ge=0)
    n_models: int = Field(4, ge=1, description="seeds to average")


def suggest(trial: Trial) -> None:
    trial.suggest_int("num_leaves", 4, 64, log=True)
    trial.suggest_int("min_child_samples", 3, 60, log=True)
    trial.suggest_float("feature_fraction", 0.2, 1.0)
    trial.suggest_float("bagging_fraction", 0.5, 1.0)
    trial.suggest_float("lambda_l2", 1e-2, 30.0, log=True)


class Boosting:
    """Finds the number of trees on a part of the rows, then fits that many on all of them, unless
    the first fit is the better one in the time.

    The fit on all rows is done once a seed: seeds differ in the columns that each split, or each
    tree, may choose from. LightGBM's deterministic mode: the same bytes on the same machine,
    whatever the threads.
    """

    def __init__(self, settings: Settings, problem: ModelProblem) -> None:
        self.settings, self.problem = settings, problem

    def fit(self, X: Matrix, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        """X (n, d) with NaN for missing values; y (n,) class codes or values."""
        fits = TwoFits.of(y, self.settings, clusters)
        bins = self._bins(X) if isinstance(X, LookupMatrix) else None
        parts = divided(X, y, fits.held_out)
        data = self._dataset(*next(parts), bins)
        watched = self._dataset(*next(parts), data)
        stopped = self._train(data, watched, fits.first)
        rounds = fits.second(stopped.best_iteration)
        if not rounds:
            others = (self._train(data, watched, number=i) for i in self._numbers()[1:])
            self.boosters = [stopped, *others]
            return self
        del data, watched  # what is binned: a byte a cell
        self.boosters = [
            self._train(self._dataset(X, y, bins, i), rounds=rounds, number=i)
            for i in self._numbers()
        ]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        each = [booster.predict(X, num_threads=threads()) for booster in self.boosters]
        values = np.mean(each, axis=0, dtype=float)
        if self.problem.task == "binary":
            return np.column_stack([1 - values, values])
        return values.reshape(len(X), self.problem.outputs)

    def state(self) -> State:
        texts = [booster.model_to_string() for booster in self.boosters]
        return {"boosters": [THREADS.sub("[num_threads: 1]", text) for text in texts]}

    def set_state(self, state: State) -> Self:
        """The library's loader trusts what it reads, so it is given only what was checked."""
        asked = self._objective()
        trees = asked.get("num_class", 1)
        objective = OBJECTIVES[asked["objective"]].format(trees)
        ensemble = Ensemble(objective, trees, len(self.problem.columns))
        texts = [text for text, _ in zip(state["boosters"], self._numbers(), strict=True)]
        lightgbm = import_module_bare("lightgbm")
        self.boosters = [lightgbm.Booster(model_str=checked(text, ensemble)) for text in texts]
        return self

    def _numbers(self) -> range:
        return range(self.settings.n_models)

    def _bins(self, X: LookupMatrix) -> "lightgbm.Dataset":
        """Rows of X, seeded, whose thresholds all data sets of these rows share: they know no y."""
        return self._dataset(X.sample(self.settings.seed), None, None).construct()

    def _dataset(
        self,
        X: Matrix,
        y: np.ndarray | None,
        reference: "lightgbm.Dataset | None" = None,
        number: int = 0,
    ) -> "lightgbm.Dataset":
        lightgbm = import_module_bare("lightgbm")
        rows = in_blocks(X) if isinstance(X, LookupMatrix) else X
        return lightgbm.Dataset(rows, y, reference, params=self._parameters(number))

    def _train(
        self,
        data: "lightgbm.Dataset",
        watched: "lightgbm.Dataset | None" = None,
        rounds: int | None = None,
        number: int = 0,
    ) -> "lightgbm.Booster":
        lightgbm = import_module_bare("lightgbm")
        stopping: list[Callable[..., Any]] = []
        if watched is not None:
            stopping = [lightgbm.early_stopping(self.settings.patience, verbose=False)]
        with fitting_on(self.settings.device, "lightgbm"):
            return lightgbm.train(
                self._parameters(number),
                data,
                rounds or self.settings.max_rounds,
                valid_sets=[watched] if watched is not None else [],
                callbacks=stopping,
            )

    def _parameters(self, number: int) -> dict[str, Any]:
        chosen = self.settings
        return {
            **self._objective(),
            "learning_rate": chosen.learning_rate,
            "num_leaves": chosen.num_leaves,
            "min_child_samples": chosen.min_child_samples,
            COLUMNS_BY[chosen.fraction_by]: chosen.feature_fraction,
            "bagging_fraction": chosen.bagging_fraction,
            "bagging_freq": 1,
            "lambda_l2": chosen.lambda_l2,
            "seed": chosen.seed * chosen.n_models + number,
            "num_threads": threads(),
            "deterministic": True,
            # columns that a tree does not draw are passed over only if they lie one by one
            "force_col_wise" if chosen.fraction_by == "tree" else "force_row_wise": True,
            "verbosity": -1,
            **({"device_type": chosen.device} if chosen.device else {}),
        }

    def _objective(self) -> dict[str, Any]:
        if self.problem.task == "binary":
            return {"objective": "binary"}
        if self.problem.task == "multiclass":
            return {"objective": "multiclass", "num_class": self.problem.outputs}
        objective = OF_LOSS.get(self.problem.loss, "l2")
        named = PARAMETERS.get(objective)
        return {"objective": objective, **({named: self.problem.loss_parameter} if named else {})}


def in_blocks(X: LookupMatrix) -> Any:
    """X (n, d) as the library's `Sequence`, which it bins a block at a time."""
    lightgbm = import_module_bare("lightgbm")

    class Rows(lightgbm.Sequence):  # type: ignore[name-defined]
        batch_size = BLOCK

        def __len__(self) -> int:
            return len(X)

        def __getitem__(self, rows: Any) -> np.ndarray:
            return X[rows]

    return Rows()


build = Boosting

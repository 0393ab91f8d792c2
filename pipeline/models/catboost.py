"""CatBoost: boosted trees that ask one question a level, several seeds averaged. An optional extra.

As good as lightgbm, and a blend that has lightgbm gains nothing from it; costs a second a seed on
3,000 rows, and 100 MB to install: `pip install 'catboost>=1.2'`.
"""

import importlib
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import numpy as np
from pydantic import Field

from pipeline.device import DeviceSettings, fitting_on
from pipeline.early_stopping import Clusters
from pipeline.errors import SettingsError
from pipeline.models import ModelProblem, State, Trial

VIEW = "tree"
OF_LOSS = {
    "absolute_error": "MAE",
    "quantile": "Quantile:alpha={}",
    "poisson": "Poisson",
    "tweedie": "Tweedie:variance_power={}",
}
MISSING = -1  # a code that no category has


class Settings(DeviceSettings):
    iterations: int = Field(1000, ge=1, description="trees")
    learning_rate: float | None = Field(None, gt=0, le=1, description="left out: by the rows")
    depth: int = Field(6, ge=1, le=16)
    l2_leaf_reg: float = Field(3.0, ge=0)
    n_models: int = Field(1, ge=1, description="seeds to average")


def suggest(trial: Trial) -> None:
    trial.suggest_int("depth", 4, 8)
    trial.suggest_float("l2_leaf_reg", 0.5, 20.0, log=True)


def native() -> ModuleType:
    """The package catboost; SettingsError where it is not installed."""
    try:
        return importlib.import_module("catboost")
    except ModuleNotFoundError:
        raise SettingsError(
            "[models.catboost]: the package catboost is not installed here; it is an optional "
            "extra. Install it (.venv/bin/python -m pip install 'catboost>=1.2'), or remove the "
            "table from the competition's TOML."
        ) from None


class CatBoost:
    """One thread and a seed: the same bytes on the same machine. Saved in its own binary format."""

    def __init__(self, settings: Settings, problem: ModelProblem) -> None:
        self.settings, self.problem, self.catboost = settings, problem, native()

    def fit(self, X: np.ndarray, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        """X (n, d) with NaN for missing values; y (n,) class codes or values."""
        with fitting_on(self.settings.device, "catboost"):
            rows = self._rows(X)
            self.models = [self._model(number).fit(rows, y) for number in self._numbers()]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        rows = self._rows(X)
        if self.problem.task == "regression":
            each = [model.predict(rows, thread_count=1) for model in self.models]
            return np.mean(each, axis=0, dtype=float).reshape(-1, 1)
        # a class that none of the fitted rows had keeps probability 0
        probabilities = np.zeros((len(X), self.problem.outputs))
        for model in self.models:
            known = model.classes_.astype(int)
            probabilities[:, known] += model.predict_proba(rows, thread_count=1)
        return probabilities / len(self.models)

    def state(self) -> State:
        with tempfile.TemporaryDirectory() as temporary:
            path, stored = Path(temporary) / "model.cbm", []
            for model in self.models:
                model.save_model(str(path))
                stored.append(path.read_bytes())
        return {"models": stored}

    def set_state(self, state: State) -> Self:
        self.models = [
            self._model(number).load_model(blob=stored)
            for number, stored in zip(self._numbers(), state["models"], strict=True)
        ]
        return self

    def _numbers(self) -> range:
        return range(self.settings.n_models)

    def _rows(self, X: np.ndarray) -> Any:
        """The matrix; where it holds categories a data frame, their codes as whole numbers."""
        if not self.problem.categorical:
            return X
        import pandas as pd

        categories = {*self.problem.categorical}
        columns = {
            place: np.where(np.isnan(column), MISSING, column).astype(np.int64)
            if place in categories
            else column
            for place, column in enumerate(X.T)
        }
        return pd.DataFrame(columns)

    def _model(self, number: int) -> Any:
        regression = self.problem.task == "regression"
        kind = self.catboost.CatBoostRegressor if regression else self.catboost.CatBoostClassifier
        chosen = self.settings
        return kind(
            loss_function=self._loss(),
            iterations=chosen.iterations,
            learning_rate=chosen.learning_rate,
            depth=chosen.depth,
            l2_leaf_reg=chosen.l2_leaf_reg,
            random_seed=chosen.seed * chosen.n_models + number,
            thread_count=1,
            allow_writing_files=False,
            cat_features=list(self.problem.categorical) or None,
            verbose=False,
            **({"task_type": "GPU"} if chosen.device else {}),
        )

    def _loss(self) -> str:
        if self.problem.task == "regression":
            named = OF_LOSS.get(self.problem.loss, "RMSE")
            return named.format(self.problem.loss_parameter)
        return "Logloss" if self.problem.task == "binary" else "MultiClass"


build = CatBoost

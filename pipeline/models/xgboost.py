"""Gradient boosted trees (XGBoost), their number found by early stopping, several seeds averaged.

Brings trees that grow level by level, where LightGBM's grow leaf by leaf; costs a second a fit.
"""

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import Field

from pipeline.device import fitting_on
from pipeline.early_stopping import BoostingSettings, Clusters, TwoFits, divided
from pipeline.lookup_matrix import BLOCK, LookupMatrix, Matrix
from pipeline.models import Model, ModelProblem, State, Trial, check_classes
from pipeline.native_library import import_module_bare
from pipeline.normal_scores import OfNormalScores
from pipeline.threads import threads
from pipeline.tree_json import LARGEST, Forest, checked

if TYPE_CHECKING:
    import xgboost

VIEW = "tree"
IN_BLOCKS = True
OF_LOSS = {
    "absolute_error": "reg:absoluteerror",
    "quantile": "reg:quantileerror",
    "poisson": "count:poisson",
    "tweedie": "reg:tweedie",
}
ROWS_OF_MEDIAN = 5.0  # the median of a leaf of one row is that row's target, noise and all
PARAMETERS = {"quantile": "quantile_alpha", "tweedie": "tweedie_variance_power"}


class Settings(BoostingSettings):
    learning_rate: float = Field(0.1, gt=0, le=1)
    max_depth: int = Field(6, ge=1, le=16, description="splits from the root to a leaf, at most")
    min_child_weight: float = Field(
        1.0,
        ge=0,
        description="rows in a leaf, at least (for absolute errors 5); for classes each counts "
        "p (1 - p)",
    )
    feature_fraction: float = Field(
        0.5, gt=0, le=1, description="share of the columns that a split chooses from"
    )
    bagging_fraction: float = Field(1.0, gt=0, le=1, description="share of the rows a tree sees")
    lambda_l2: float = Field(1.0, ge=0)
    n_models: int = Field(2, ge=1, description="seeds to average")


def suggest(trial: Trial) -> None:
    trial.suggest_int("max_depth", 2, 9)
    trial.suggest_float("min_child_weight", 0.1, 30.0, log=True)
    trial.suggest_float("feature_fraction", 0.2, 1.0)
    trial.suggest_float("bagging_fraction", 0.5, 1.0)
    trial.suggest_float("lambda_l2", 1e-2, 30.0, log=True)


class Boosting:
    """Finds the number of trees on a part of the rows, then fits that many on all of them, unless
    the first fit is the better one in the time.

    The fit on all rows is done once a seed: seeds differ in the columns that each split may choose
    from. The same bytes on the same machine, whatever the threads. Category codes are read as
    numbers.
    """

    def __init__(self, settings: Settings, problem: ModelProblem) -> None:
        self.settings, self.problem = settings, problem

    def fit(self, X: Matrix, y: np.ndarray, clusters: Clusters | None = None) -> Self:
        """X (n, d) with NaN for missing values; y (n,) class codes or values."""
        fits = TwoFits.of(y, self.settings, clusters)
        if self.problem.task == "regression":
            self.classes, target = np.arange(1), y
        else:  # a class that none of the rows has would keep some probability
            self.classes, target = np.unique(y, return_inverse=True)
        bins = self._bins(X) if isinstance(X, LookupMatrix) else None
        parts = divided(X, target, fits.held_out)
        data = self._matrix(*next(parts), bins)
        watched = self._matrix(*next(parts), data)
        stopped = self._train(data, watched, fits.first)
        rounds = fits.second(stopped.best_iteration + 1)
        if not rounds:
            others = (self._train(data, watched, number=i) for i in self._numbers()[1:])
            self.boosters = [each[: each.best_iteration + 1] for each in chain([stopped], others)]
            return self
        del data, watched  # what is binned: a byte a cell, or four where values are missing
        whole = self._matrix(X, target, bins)
        self.boosters = [self._train(whole, rounds=rounds, number=i) for i in self._numbers()]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        rows = self._matrix(X)
        values = np.mean([booster.predict(rows) for booster in self.boosters], axis=0, dtype=float)
        values = np.minimum(values, LARGEST)  # an exponential of a changed file may overflow
        if self.problem.task == "binary":
            return np.column_stack([1 - values, values])
        prediction = np.zeros((len(X), self.problem.outputs))
        prediction[:, self.classes] = values.reshape(len(X), len(self.classes))
        return prediction

    def state(self) -> State:
        texts = [booster.save_raw("json").decode() for booster in self.boosters]
        return {"boosters": texts, "classes": self.classes}

    def set_state(self, state: State) -> Self:
        """The library's loader trusts what it reads, so it is given only what was checked."""
        self.classes = np.array(state["classes"])
        check_classes(self.classes, self.problem.outputs)
        columns, parameter = len(self.problem.columns), self.problem.loss_parameter
        forest = Forest(self._objective(), self._trees(), columns, parameter)
        texts = [text for text, _ in zip(state["boosters"], self._numbers(), strict=True)]
        xgboost = import_module_bare("xgboost")
        self.boosters = []
        for text in texts:
            booster = xgboost.Booster({"nthread": 1})
            booster.load_model(bytearray(checked(text, forest).encode()))
            self.boosters.append(booster)
        return self

    def _numbers(self) -> range:
        return range(self.settings.n_models)

    def _bins(self, X: LookupMatrix) -> "xgboost.DMatrix":
        """Rows of X, seeded, whose thresholds all matrices of these rows share: they know no y."""
        rows = X.sample(self.settings.seed)
        return import_module_bare("xgboost").QuantileDMatrix(rows, nthread=threads())

    def _matrix(
        self, X: Matrix, y: np.ndarray | None = None, bins: "xgboost.DMatrix | None" = None
    ) -> "xgboost.DMatrix":
        xgboost = import_module_bare("xgboost")
        if isinstance(X, LookupMatrix):
            return xgboost.QuantileDMatrix(in_blocks(X, y), ref=bins, nthread=threads())
        return xgboost.DMatrix(X, y, nthread=threads())

    def _train(
        self,
        data: "xgboost.DMatrix",
        watched: "xgboost.DMatrix | None" = None,
        rounds: int | None = None,
        number: int = 0,
    ) -> "xgboost.Booster":
        with fitting_on(self.settings.device, "xgboost"):
            booster: xgboost.Booster = import_module_bare("xgboost").train(
                self._parameters(number),
                data,
                rounds or self.settings.max_rounds,
                evals=[(watched, "held_out")] if watched is not None else [],
                early_stopping_rounds=self.settings.patience if watched is not None else None,
                verbose_eval=False,
            )
            if self.settings.device:
                leave_card(booster)
        return booster

    def _parameters(self, number: int) -> dict[str, Any]:
        chosen = self.settings
        named = PARAMETERS.get(self.problem.loss)
        return {
            "objective": self._objective(),
            **({"num_class": self._trees()} if self.problem.task == "multiclass" else {}),
            **({named: self.problem.loss_parameter} if named else {}),
            "tree_method": "hist",
            "learning_rate": chosen.learning_rate,
            "max_depth": chosen.max_depth,
            "min_child_weight": self._least_weight(),
            "colsample_bynode": chosen.feature_fraction,
            "subsample": chosen.bagging_fraction,
            "reg_lambda": chosen.lambda_l2,
            "seed": chosen.seed * chosen.n_models + number,
            "nthread": threads(),
            "verbosity": 0,
            **({"device": chosen.device} if chosen.device else {}),
        }

    def _least_weight(self) -> float:
        given = self.settings.min_child_weight
        return max(given, ROWS_OF_MEDIAN) if self.problem.loss == "absolute_error" else given

    def _objective(self) -> str:
        if self.problem.task == "binary":
            return "binary:logistic"
        if self.problem.task == "multiclass":
            return "multi:softprob"
        return OF_LOSS.get(self.problem.loss, "reg:squarederror")

    def _trees(self) -> int:
        """That make a round."""
        return len(self.classes) if self.problem.task == "multiclass" else 1


def in_blocks(X: LookupMatrix, y: np.ndarray | None) -> Any:
    """X (n, d) and y (n,) as the library's `DataIter`, which it bins a block at a time."""
    xgboost = import_module_bare("xgboost")

    class Rows(xgboost.DataIter):  # type: ignore[name-defined]
        start = 0

        def next(self, input_data: Any) -> bool:
            here = slice(self.start, self.start + BLOCK)
            self.start += BLOCK
            if here.start < len(X):
                input_data(data=X[here], label=None if y is None else y[here])
            return here.start < len(X)

        def reset(self) -> None:
            self.start = 0

    return Rows()


def leave_card(booster: "xgboost.Booster") -> None:
    """Predict on the CPU, as a stored model does; RuntimeError where it was fitted there, too."""
    used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
    if used == "cpu":
        raise RuntimeError("XGBoost found none, and went on with the CPU")
    booster.set_param({"device": "cpu"})


def build(settings: Settings, problem: ModelProblem) -> Model:
    """Medians are those of normal scores: a long tail would take most of the steps."""
    model = Boosting(settings, problem)
    return OfNormalScores(model) if problem.loss == "absolute_error" else model

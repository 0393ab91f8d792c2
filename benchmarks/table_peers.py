"""Other tools on any table: classes or values, dates as numbers, words as categories.

peers.py has those of two classes on one table. AutoGluon and MLJAR live outside the project's own
environment, as there.
"""

import re
import tempfile
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from held_out import Draw
from peers import categories, words
from searchers import suggest_lightgbm

from pipeline import metrics

TRIALS, LIMIT = 30, 10  # of the tuned LightGBM, and minutes of the others, where none are given
AUTOGLUON = {
    "rmse": "root_mean_squared_error",
    "mae": "mean_absolute_error",
}  # metrics by its names

Build: TypeAlias = Callable[..., Any]  # settings -> an estimator of scikit-learn's kind


def lightgbm_default(drawn: Draw, threads: int) -> Build:
    """LightGBM's defaults."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    settings = {"n_jobs": threads, "verbosity": -1}
    if drawn.table.metric == "mae":
        settings["objective"] = "regression_l1"
    kind = LGBMClassifier if drawn.classes else LGBMRegressor
    return lambda **chosen: kind(**settings, **chosen)


def xgboost_default(drawn: Draw, threads: int) -> Build:
    """XGBoost's defaults."""
    from xgboost import XGBClassifier, XGBRegressor

    settings: dict[str, Any] = {"n_jobs": threads, "enable_categorical": True}
    if drawn.table.metric == "mae":
        settings["objective"] = "reg:absoluteerror"
    kind = XGBClassifier if drawn.classes else XGBRegressor
    return lambda **chosen: kind(**settings, **chosen)


def catboost_default(drawn: Draw, threads: int) -> Build:
    """CatBoost's defaults, its categories not coded: `pip install catboost`."""
    from catboost import CatBoostClassifier, CatBoostRegressor

    settings: dict[str, Any] = {"thread_count": threads, "verbose": False}
    if drawn.table.metric == "mae":
        settings["loss_function"] = "MAE"
    kind = CatBoostClassifier if drawn.classes else CatBoostRegressor
    return lambda **chosen: kind(allow_writing_files=False, **settings, **chosen)


def autogluon(drawn: Draw, threads: int, minutes: float | None) -> np.ndarray:
    """AutoGluon, best quality: `pip install autogluon.tabular[all]`."""
    from autogluon.tabular import TabularPredictor

    asked = AUTOGLUON.get(drawn.table.metric, drawn.table.metric)
    limits = {"time_limit": 60 * (minutes or LIMIT), "num_cpus": threads, "num_gpus": 0}
    known = drawn.train[drawn.features].assign(label=drawn.y(drawn.train))
    with tempfile.TemporaryDirectory() as folder:
        model = TabularPredictor("label", eval_metric=asked, path=folder, verbosity=0)
        model.fit(known, presets="best_quality", **limits)
        if drawn.classes:
            found = model.predict_proba(drawn.held_out[drawn.features])
            return np.asarray(found[list(range(len(drawn.classes)))])
        return np.asarray(model.predict(drawn.held_out[drawn.features]))[:, None]


def mljar(drawn: Draw, threads: int, minutes: float | None) -> np.ndarray:
    """MLJAR in its Compete mode: `pip install mljar-supervised`."""
    from supervised import AutoML

    limits = {"total_time_limit": int(60 * (minutes or LIMIT)), "n_jobs": threads}
    X, unseen = (_columns(drawn, frame) for frame in (drawn.train, drawn.held_out))
    with tempfile.TemporaryDirectory() as folder:
        model = AutoML(mode="Compete", results_path=folder, verbose=0, random_state=0, **limits)
        model.fit(X, drawn.y(drawn.train))
        found = model.predict_proba(unseen) if drawn.classes else model.predict(unseen)
    return np.asarray(found).reshape(len(unseen), -1)


PEERS = {peer.__name__: peer for peer in (lightgbm_default, xgboost_default, catboost_default)}
SEARCHERS = {"autogluon": autogluon, "mljar": mljar}
TUNED = "lightgbm_tuned"
NAMES = (*PEERS, TUNED, *SEARCHERS)


def peer(name: str, drawn: Draw, threads: int, minutes: float | None) -> np.ndarray:
    """A tool's prediction (m, k); RMSLE is learnt on the target's logarithm."""
    if name in SEARCHERS:
        return SEARCHERS[name](drawn, threads, minutes)
    build = (lightgbm_default if name == TUNED else PEERS[name])(drawn, threads)
    X, unseen = (_columns(drawn, frame) for frame in (drawn.train, drawn.held_out))
    y, is_log = drawn.y(drawn.train), drawn.table.metric == "rmsle"
    y, chosen = np.log1p(y) if is_log else y, {}
    if name == "catboost_default":
        chosen = {"cat_features": words(X)}
        X, unseen = (each.fillna(dict.fromkeys(words(X), "")) for each in (X, unseen))
    else:
        X, unseen = categories(X, unseen)
    if name == TUNED:
        chosen = tuned(drawn, build, X, y, minutes)
    model = build(**chosen).fit(X, y)
    if drawn.classes:
        return np.asarray(model.predict_proba(unseen))
    values = np.asarray(model.predict(unseen))
    return (np.expm1(values) if is_log else values)[:, None]


def _columns(drawn: Draw, frame: pd.DataFrame) -> pd.DataFrame:
    """The features, a date as its parts, under names that every tool takes."""
    X = frame[drawn.features].copy()
    for name, form in drawn.table.dates.items():
        when = pd.to_datetime(X.pop(name).astype(str), format=form)
        for part in ("year", "month", "day", "day_of_week", "hour", "day_of_year"):
            X[f"{name} {part}"] = getattr(when.dt, part)
        X[f"{name} days"] = (when - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1)
    return X.set_axis([f"{i}_{re.sub(r'[^0-9A-Za-z]', '_', c)}" for i, c in enumerate(X)], axis=1)


def tuned(
    drawn: Draw, build: Build, X: pd.DataFrame, y: np.ndarray, minutes: float | None
) -> dict[str, Any]:
    """Settings of LightGBM by Optuna, five folds, in so many minutes or TRIALS trials."""
    import optuna
    from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold, cross_val_predict

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    groups = drawn.train[drawn.table.group] if drawn.table.group else None
    plain = StratifiedKFold if drawn.classes else KFold
    folds = plain(5, shuffle=True, random_state=0) if groups is None else GroupKFold(5)
    metric = metrics.METRICS["rmse"] if drawn.table.metric == "rmsle" else drawn.metric.smooth
    method = "predict_proba" if drawn.classes else "predict"

    def loss(trial: optuna.Trial) -> float:
        model = build(**suggest_lightgbm(trial))
        oof = cross_val_predict(model, X, y, groups=groups, cv=folds, method=method)
        return metric.loss(y, oof.reshape(len(y), -1))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(loss, None if minutes else TRIALS, timeout=60 * minutes if minutes else None)
    return study.best_params | {"subsample_freq": 1}

"""Tools that search for the best model by themselves, on the same draws, ten minutes each.

A function each, as in peers.py, with what to install in its first line.
"""

import os
import tempfile
from typing import Any

import numpy as np
import pandas as pd
from peers import Fit, categories, positive

LIMIT = 600  # seconds; draws.py --limit sets it
TRIALS = 100


def lightgbm_tuned(threads: int) -> Fit:
    """LightGBM after 100 trials of Optuna, 5 folds each: `pip install lightgbm optuna`."""
    import optuna
    from lightgbm import LGBMClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)

    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        X, unseen = categories(X, unseen)

        def loss(trial: optuna.Trial) -> float:
            model = LGBMClassifier(n_jobs=threads, verbosity=-1, **suggest_lightgbm(trial))
            return float(-cross_val_score(model, X, y, cv=folds, scoring="neg_log_loss").mean())

        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
        study.optimize(loss, n_trials=TRIALS, timeout=LIMIT)
        chosen = suggest_lightgbm(study.best_trial)
        return positive(LGBMClassifier(n_jobs=threads, verbosity=-1, **chosen).fit(X, y), unseen)

    return fit


def suggest_lightgbm(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "n_estimators": trial.suggest_int("n_estimators", 50, 1000, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 4, 64, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 3, 60, log=True),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1.0),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "subsample_freq": 1,
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 30.0, log=True),
    }


def autogluon_medium(threads: int) -> Fit:
    """AutoGluon, medium quality, 600 s at most: `pip install autogluon.tabular[all]`."""
    return autogluon("medium_quality", threads)


def autogluon_best(threads: int) -> Fit:
    """AutoGluon, best quality, 600 s: `pip install autogluon.tabular[all]`."""
    return autogluon("best_quality", threads)


def autogluon(presets: str, threads: int) -> Fit:
    from autogluon.tabular import TabularPredictor

    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            model = TabularPredictor("label", eval_metric="accuracy", path=folder, verbosity=0)
            limits = {"time_limit": LIMIT, "num_cpus": threads, "num_gpus": 0}
            model.fit(X.assign(label=y), presets=presets, **limits)
            return np.asarray(model.predict_proba(unseen)[1])

    return fit


def mljar(threads: int) -> Fit:
    """MLJAR in its Compete mode, 600 s: `pip install mljar-supervised`."""
    from supervised import AutoML

    jobs = -1 if threads == os.cpu_count() else threads  # with a number it tries no network

    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder:
            limits = {"total_time_limit": LIMIT, "n_jobs": jobs, "random_state": 0}
            model = AutoML(mode="Compete", results_path=folder, verbose=0, **limits)
            model.fit(X, y)
            return positive(model, unseen)

    return fit


def flaml(threads: int) -> Fit:
    """FLAML, 600 s: `pip install flaml[automl,catboost]`."""
    from flaml import AutoML

    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        X, unseen = categories(X, unseen)
        model, limits = AutoML(), {"time_budget": LIMIT, "n_jobs": threads, "seed": 0}
        model.fit(X, y, task="classification", metric="accuracy", verbose=0, **limits)
        return positive(model, unseen)

    return fit


PEERS = (lightgbm_tuned, autogluon_medium, autogluon_best, mljar, flaml)

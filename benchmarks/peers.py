"""Other tools on the same draws: a function each, which says in its first line what to install.

`peer(threads)` imports the tool and returns `fit(X, y, unseen)` -> the probability of class 1 of
each unseen row, (m,). They get the columns as they are: words as categories, ratings as numbers. A
missing arrival delay is left to the tool; where it takes no missing numbers (RealMLP, TabM) the
departure delay stands in. Nothing is tuned by hand: a tool's defaults are what most people get.

They live outside the project's own environment, which stays light:

    python -m venv ~/peers && ~/peers/bin/pip install pandas scikit-learn threadpoolctl catboost ...
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

Fit: TypeAlias = Callable[[pd.DataFrame, np.ndarray, pd.DataFrame], np.ndarray]

# -- boosted trees ---------------------------------------------------------------------------------


def lightgbm_default(threads: int) -> Fit:
    """LightGBM's defaults: `pip install lightgbm scikit-learn`."""
    from lightgbm import LGBMClassifier

    return with_categories(lambda: LGBMClassifier(n_jobs=threads, verbosity=-1))


def xgboost_default(threads: int) -> Fit:
    """XGBoost's defaults: `pip install xgboost scikit-learn`."""
    from xgboost import XGBClassifier

    return with_categories(lambda: XGBClassifier(n_jobs=threads, enable_categorical=True))


def catboost_default(threads: int, seeds: Iterable[int] = (0,)) -> Fit:
    """CatBoost's defaults: `pip install catboost`."""
    from catboost import CatBoostClassifier

    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        found = []
        for seed in seeds:
            model = CatBoostClassifier(
                cat_features=words(X),
                random_seed=seed,
                thread_count=threads,
                allow_writing_files=False,
                verbose=False,
            )
            found.append(positive(model.fit(X, y), unseen))
        return np.mean(found, axis=0)

    return fit


def catboost5(threads: int) -> Fit:
    """CatBoost's defaults, the mean of five seeds: `pip install catboost`."""
    return catboost_default(threads, range(5))


# -- scikit-learn ----------------------------------------------------------------------------------


def random_forest_default(threads: int) -> Fit:
    """scikit-learn's random forest, one-hot categories: `pip install scikit-learn`."""
    from sklearn.ensemble import RandomForestClassifier

    return with_one_hot(lambda: RandomForestClassifier(n_jobs=threads, random_state=0))


def extra_trees_default(threads: int) -> Fit:
    """scikit-learn's extra trees, one-hot categories: `pip install scikit-learn`."""
    from sklearn.ensemble import ExtraTreesClassifier

    return with_one_hot(lambda: ExtraTreesClassifier(n_jobs=threads, random_state=0))


def hist_boosting_default(threads: int) -> Fit:
    """scikit-learn's HistGradientBoosting: `pip install scikit-learn`."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return with_categories(lambda: HistGradientBoostingClassifier(random_state=0))


# -- networks --------------------------------------------------------------------------------------


def realmlp(threads: int) -> Fit:
    """RealMLP with tuned defaults: `pip install torch pytabkit` (CPU wheels do)."""
    from pytabkit import RealMLP_TD_Classifier

    return on_torch(RealMLP_TD_Classifier, threads)


def tabm(threads: int) -> Fit:
    """TabM's defaults: `pip install torch pytabkit` (CPU wheels do)."""
    from pytabkit import TabM_D_Classifier

    return on_torch(TabM_D_Classifier, threads)


def on_torch(classifier: Any, threads: int) -> Fit:
    """A network of pytabkit on the CPU, one seed, 20% of the rows held out to stop by."""
    import logging

    import torch

    torch.set_num_threads(threads)
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)

    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        X, unseen = categories(delays_filled(X), delays_filled(unseen))
        model = classifier(device="cpu", random_state=0, n_threads=threads)
        return positive(model.fit(X, y, cat_col_names=words(X)), unseen)

    return fit


# -- the columns, as each tool wants them ----------------------------------------------------------


def words(X: pd.DataFrame) -> list[str]:
    """Names of the columns that hold no numbers."""
    return [str(name) for name in X if not pd.api.types.is_numeric_dtype(X[name])]


def categories(X: pd.DataFrame, unseen: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Words as pandas categories: those of X; a word that X never had is missing."""
    types = {name: pd.CategoricalDtype(sorted(X[name].dropna().unique())) for name in words(X)}
    return X.astype(types), unseen.astype(types)


def delays_filled(X: pd.DataFrame) -> pd.DataFrame:
    """A missing arrival delay becomes the departure delay."""
    arrival = X["Arrival Delay in Minutes"].fillna(X["Departure Delay in Minutes"])
    return X.assign(**{"Arrival Delay in Minutes": arrival})


def with_categories(build: Callable[[], Any]) -> Fit:
    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        X, unseen = categories(X, unseen)
        return positive(build().fit(X, y), unseen)

    return fit


def with_one_hot(build: Callable[[], Any]) -> Fit:
    def fit(X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        known, rest = (pd.get_dummies(rows) for rows in categories(X, unseen))
        return positive(build().fit(known, y), rest)

    return fit


def positive(model: Any, unseen: pd.DataFrame) -> np.ndarray:
    """The probability of class 1, (m,)."""
    return np.asarray(model.predict_proba(unseen))[:, 1]


PEERS = (
    lightgbm_default,
    xgboost_default,
    catboost_default,
    catboost5,
    random_forest_default,
    extra_trees_default,
    hist_boosting_default,
    realmlp,
    tabm,
)

"""One library on the rows that scale.py made: seconds of reading and accuracy on test, as JSON.

    python benchmarks/scale_peers.py FOLDER lightgbm_folds --threads 2 --out FILE

`lightgbm`, `xgboost`, `catboost`: one fit at the library's defaults. With `_folds` behind it: five
folds, those of the pipeline, of at most ROUNDS rounds with early stopping, test predicted by their
mean. `read_csv` only reads. It imports nothing of the project, so that any Python may run it.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pyarrow import csv

TARGET, ID = "target", "id"
FOLDS, ROUNDS, PATIENCE = 5, 1000, 50
Predict = Callable[[pd.DataFrame], np.ndarray]


def read(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Train and test, words as categories, and y (n,)."""
    train, test = (csv.read_csv(folder / f"{name}.csv").to_pandas() for name in ("train", "test"))
    y = train.pop(TARGET).to_numpy()
    for name in train.columns[train.dtypes.map(lambda kind: kind.kind not in "iufb")]:
        train[name] = train[name].astype("category")
        test[name] = pd.Categorical(test[name], categories=train[name].cat.categories)
    return train.drop(columns=ID), test.drop(columns=ID), y


def lightgbm(X: Any, y: Any, watched: tuple[Any, Any] | None, threads: int) -> Predict:
    from lightgbm import LGBMClassifier, early_stopping

    given: dict[str, Any] = {"n_jobs": threads, "verbosity": -1}
    if watched is None:
        return LGBMClassifier(**given).fit(X, y).predict_proba
    model = LGBMClassifier(n_estimators=ROUNDS, **given)
    stopping = [early_stopping(PATIENCE, verbose=False)]
    return model.fit(X, y, eval_set=[watched], callbacks=stopping).predict_proba


def xgboost(X: Any, y: Any, watched: tuple[Any, Any] | None, threads: int) -> Predict:
    from xgboost import XGBClassifier

    given: dict[str, Any] = {"n_jobs": threads, "enable_categorical": True}
    if watched is None:
        return XGBClassifier(**given).fit(X, y).predict_proba
    model = XGBClassifier(n_estimators=ROUNDS, early_stopping_rounds=PATIENCE, **given)
    return model.fit(X, y, eval_set=[watched], verbose=False).predict_proba


def catboost(X: Any, y: Any, watched: tuple[Any, Any] | None, threads: int) -> Predict:
    from catboost import CatBoostClassifier

    given: dict[str, Any] = {"thread_count": threads, "verbose": False}
    given["allow_writing_files"] = False
    given["cat_features"] = list(X.select_dtypes("category"))
    if watched is None:
        return CatBoostClassifier(**given).fit(X, y).predict_proba
    model = CatBoostClassifier(iterations=ROUNDS, **given)
    return model.fit(X, y, eval_set=watched, early_stopping_rounds=PATIENCE).predict_proba


LIBRARIES = {each.__name__: each for each in (lightgbm, xgboost, catboost)}
METHODS = ("read_csv", *LIBRARIES, *(f"{name}_folds" for name in LIBRARIES))


def predicted(
    method: str, X: pd.DataFrame, y: np.ndarray, test: pd.DataFrame, threads: int
) -> np.ndarray:
    """The probability of class 1 of each test row, (m,)."""
    library = LIBRARIES[method.removesuffix("_folds")]
    if not method.endswith("_folds"):
        return library(X, y, None, threads)(test)[:, 1]
    from sklearn.model_selection import StratifiedKFold

    total = np.zeros(len(test))
    for train, valid in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(X, y):
        watched = X.iloc[valid], y[valid]
        total += library(X.iloc[train], y[train], watched, threads)(test)[:, 1]
    return total / FOLDS


def measure(folder: Path, method: str, threads: int) -> dict[str, float]:
    """Seconds of reading, and the accuracy on test."""
    started = time.perf_counter()
    if method == "read_csv":
        for name in ("train", "test"):
            csv.read_csv(folder / f"{name}.csv")
        return {"load": time.perf_counter() - started}
    train, test, y = read(folder)
    seconds = time.perf_counter() - started
    probability = predicted(method, train, y, test, threads)
    truth = np.load(folder.with_name(f"{folder.name}-truth.npy"))
    return {"load": seconds, "score": float(np.mean((probability > 0.5) == truth))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True, help="file of the result")
    options = parser.parse_args()
    options.out.write_text(json.dumps(measure(options.folder, options.method, options.threads)))


if __name__ == "__main__":
    main()

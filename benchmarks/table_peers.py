"""Other tools on any table, each given the rows as those who know it would give them.

Dates become numbers, words categories, sentences words weighted by TF-IDF unless the tool reads
them itself; RMSLE is learnt on the target's logarithm. Tools that draw folds get the groups or the
times of the rows, so that their folds are like the rows held out. peers.py has those of two classes
on one table. CatBoost, AutoGluon and MLJAR live outside the project's own environment, as there.
"""

import os
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
AUTOGLUON = {"rmsle": "rmse"}  # metrics by its names, where they are not ours
MLJAR = {"rmsle": "rmse", "roc_auc": "auc", "log_loss": "logloss", "f1_macro": "logloss"}
SENTENCES = 200, 0.3, 1.5  # more values than these, a row of words, and words a value
VOCABULARY = 300  # words of a column of sentences
BLOCKS = 5  # of rows whose folds follow groups

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
    """CatBoost's defaults, categories and sentences as they are: `pip install catboost`."""
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
    task = {0: "regression", 2: "binary"}.get(len(drawn.classes), "multiclass")
    limits: dict[str, Any] = {"num_cpus": threads, "num_gpus": 0}
    limits["time_limit"] = 60 * (minutes or LIMIT)
    X, unseen = (_columns(drawn, frame) for frame in (drawn.train, drawn.held_out))
    known, structure = X.assign(label=_y(drawn)), _structure(drawn)
    if structure is not None:
        known = known.assign(fold=structure)
        limits["validation_structure"] = {"group_on" if drawn.table.group else "time_on": "fold"}
    with tempfile.TemporaryDirectory() as folder:
        hidden = {"ignored_columns": ["fold"]}
        model = TabularPredictor(
            "label", task, asked, path=folder, verbosity=0, learner_kwargs=hidden
        )
        model.fit(known, presets="best_quality", **limits)
        if drawn.classes:
            found = model.predict_proba(unseen)
            return found.reindex(columns=range(len(drawn.classes)), fill_value=0.0).to_numpy()
        return _values(drawn, model.predict(unseen))


def mljar(drawn: Draw, threads: int, minutes: float | None) -> np.ndarray:
    """MLJAR in its Compete mode: `pip install mljar-supervised`."""
    from supervised import AutoML

    task = {0: "regression", 2: "binary_classification"}
    jobs = -1 if threads == os.cpu_count() else threads  # with a number it tries no network
    choices: dict[str, Any] = {
        "ml_task": task.get(len(drawn.classes), "multiclass_classification"),
        "eval_metric": MLJAR.get(drawn.table.metric, drawn.table.metric),
        "total_time_limit": int(60 * (minutes or LIMIT)),
        "n_jobs": jobs,
    }
    folds = _folds(drawn)
    if folds is not None:
        choices["validation_strategy"] = {"validation_type": "custom"}
    X, unseen = (_columns(drawn, frame) for frame in (drawn.train, drawn.held_out))
    with tempfile.TemporaryDirectory() as folder:
        model = AutoML(mode="Compete", results_path=folder, verbose=0, random_state=0, **choices)
        model.fit(X, _y(drawn), cv=folds)
        if drawn.classes:
            return np.asarray(model.predict_proba(unseen))
        return _values(drawn, model.predict(unseen))


DEFAULTS = {peer.__name__: peer for peer in (lightgbm_default, xgboost_default, catboost_default)}
SEARCHERS = {"autogluon": autogluon, "mljar": mljar}
SEEDS = {"catboost5": 5}  # of CatBoost's defaults: the mean of their predictions
TUNED = "lightgbm_tuned"
NAMES = (*DEFAULTS, *SEEDS, TUNED, *SEARCHERS)


def peer(name: str, drawn: Draw, threads: int, minutes: float | None) -> np.ndarray:
    """A tool's prediction (m, k)."""
    if name in SEARCHERS:
        return SEARCHERS[name](drawn, threads, minutes)
    X, unseen = (_columns(drawn, frame) for frame in (drawn.train, drawn.held_out))
    y, chosen = _y(drawn), {}
    if name == "catboost_default" or name in SEEDS:
        text = sentences(X)
        chosen["text_features"] = text
        chosen["cat_features"] = [each for each in words(X) if each not in text]
        X, unseen = (each.fillna(dict.fromkeys(words(X), "")) for each in (X, unseen))
        build = catboost_default(drawn, threads)
    else:
        X, unseen = categories(*weighted_words(X, unseen))
        build = (lightgbm_default if name == TUNED else DEFAULTS[name])(drawn, threads)
    if name == TUNED:
        chosen = tuned(drawn, build, X, y, minutes)
    if name not in SEEDS:
        return _fitted(drawn, build(**chosen), X, y, unseen)
    models = (build(random_seed=seed, **chosen) for seed in range(SEEDS[name]))
    return np.mean([_fitted(drawn, model, X, y, unseen) for model in models], axis=0)


def _fitted(
    drawn: Draw, model: Any, X: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame
) -> np.ndarray:
    model.fit(X, y)
    if drawn.classes:
        return np.asarray(model.predict_proba(unseen))
    return _values(drawn, model.predict(unseen))


# -- the rows, as each tool wants them -------------------------------------------------------------


def _y(drawn: Draw) -> np.ndarray:
    """What is learnt, (n,): under RMSLE the logarithm."""
    y = drawn.y(drawn.train)
    return np.log1p(y) if drawn.table.metric == "rmsle" else y


def _values(drawn: Draw, predicted: Any) -> np.ndarray:
    """What was learnt -> values (m, 1)."""
    values = np.asarray(predicted, dtype=float).reshape(-1, 1)
    return np.expm1(values) if drawn.table.metric == "rmsle" else values


def _structure(drawn: Draw) -> pd.Series | None:
    """Each training row's group, or its time, (n,)."""
    table, train = drawn.table, drawn.train
    if table.when is not None:
        return table.when(train)
    return None if table.group is None else train[table.group]


def _folds(drawn: Draw) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Rows to learn from and to validate on, where they are not drawn at random: whole groups, or
    blocks of time."""
    from sklearn.model_selection import GroupKFold, KFold

    structure = _structure(drawn)
    if structure is None:
        return None
    if drawn.table.group:
        return list(GroupKFold(BLOCKS).split(structure, groups=structure))
    order = np.argsort(structure.to_numpy(), kind="stable")
    return [(order[known], order[rest]) for known, rest in KFold(BLOCKS).split(order)]


def sentences(X: pd.DataFrame) -> list[str]:
    """Names of the columns of several words a value, most of them in few rows."""
    least, share, length = SENTENCES

    def is_text(column: pd.Series) -> bool:
        values = column.dropna().astype(str)
        distinct = values.unique()
        many = len(distinct) > max(least, share * len(values))
        return many and values.str.split().str.len().mean() > length

    return [name for name in words(X) if is_text(X[name])]


def weighted_words(X: pd.DataFrame, unseen: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Columns of sentences as TF-IDF of their most frequent words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    for name in sentences(X):
        vectorizer = TfidfVectorizer(max_features=VOCABULARY)
        vectorizer.fit(X[name].fillna(""))
        names = [f"{name}_{i}" for i in range(len(vectorizer.vocabulary_))]
        X, unseen = (
            each.drop(columns=name).join(
                pd.DataFrame(
                    vectorizer.transform(each[name].fillna("")).toarray(), each.index, names
                )
            )
            for each in (X, unseen)
        )
    return X, unseen


def _columns(drawn: Draw, frame: pd.DataFrame) -> pd.DataFrame:
    """The features, a date as seven numbers, under names that every tool takes."""
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
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    plain = StratifiedKFold if drawn.classes else KFold
    folds = _folds(drawn) or plain(BLOCKS, shuffle=True, random_state=0)
    metric = metrics.METRICS["rmse"] if drawn.table.metric == "rmsle" else drawn.metric.smooth
    method = "predict_proba" if drawn.classes else "predict"

    def loss(trial: optuna.Trial) -> float:
        model = build(**suggest_lightgbm(trial))
        oof = cross_val_predict(model, X, y, cv=folds, method=method)
        return metric.loss(y, oof.reshape(len(y), -1))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(loss, None if minutes else TRIALS, timeout=60 * minutes if minutes else None)
    return study.best_params | {"subsample_freq": 1}

"""Tables whose columns are whole numbers that name things: which model learns them best?

Requests for access, as at a large employer: a resource, a manager of a department, a title and what
follows from these, each a number drawn at random. What is decided depends on the resource, the
manager, the title, and on pairs of them. Where catboost is installed, it is told which columns are
categories.

    python benchmarks/integer_categories.py [--seeds 3] [--tables small balanced ...]
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import frames
import numpy as np
import pandas as pd
from scipy.stats import rankdata

from pipeline import fitting, metrics, models
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.settings import EncoderSettings

LARGEST = 300_000
LEVELS = {"department": 400, "manager": 3500, "title": 340, "resource": 6500}
SCORED = 3000


@dataclass(frozen=True)
class Table:
    """`share` of the rows are of class 1; `levels` is a factor on LEVELS."""

    rows: int
    share: float
    levels: float
    columns: int
    pairs: float = 1.0


TABLES = {
    "small": Table(1500, 0.85, 0.15, 9),
    "balanced": Table(2000, 0.5, 0.1, 5),
    "few columns": Table(8000, 0.5, 0.3, 3),
    "no pairs": Table(6000, 0.7, 0.3, 6, pairs=0.0),
    "rare": Table(8000, 0.9, 0.7, 9),
    "large": Table(26_000, 0.94, 1.0, 9),
}


def long_tailed(rng: np.random.Generator, levels: int, rows: int, steepness: float) -> np.ndarray:
    """(rows,) level numbers: the k-th level is drawn with a probability of k^-steepness."""
    shares = np.arange(1, levels + 1.0) ** -steepness
    return rng.choice(levels, rows, p=shares / shares.sum())


def draw(table: Table, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows to learn from and then to score on, as codes; and their class."""
    rng, n = np.random.default_rng(seed), table.rows + SCORED
    departments, managers, titles, resources = (
        max(8, int(levels * table.levels)) for levels in LEVELS.values()
    )
    department = long_tailed(rng, departments, n, 0.8)
    # a department has managers, titles and resources of its own
    manager = (department * 9 + rng.exponential(3, n).astype(int)) % managers
    usual = rng.integers(0, titles, (departments, 6))[department, rng.integers(0, 6, n)]
    title = np.where(rng.random(n) < 0.6, usual, long_tailed(rng, titles, n, 1.0))
    own = long_tailed(rng, resources, 12 * departments, 0.6).reshape(departments, 12)
    asked = own[department, rng.integers(0, 12, n)]
    resource = np.where(rng.random(n) < 0.5, asked, long_tailed(rng, resources, n, 0.9))
    columns = {
        "resource": resource,
        "manager": manager,
        "department": department,
        "title": title,
        "division": rng.integers(0, max(8, managers // 20), managers)[manager],
        "family": rng.integers(0, max(8, titles // 6), titles)[title],
        "site": rng.integers(0, max(8, departments // 4), departments)[department],
        "description": np.where(rng.random(n) < 0.8, title, rng.integers(0, 4 * titles, n)),
        "code": title,
    }
    signal = sum(
        scale * rng.normal(size=len(column) + 1)[column]
        for scale, column in ((0.8, resource), (0.8, manager), (0.4, department), (0.4, title))
    )
    for scale, other in ((1.0, department), (0.7, title), (0.5, manager)):
        effects = rng.normal(size=100_003)
        signal = (
            signal + table.pairs * scale * effects[(resource * 7919 + other * 104_729) % 100_003]
        )
    frame = pd.DataFrame(
        {
            name: rng.permutation(LARGEST)[: columns[name].max() + 1][columns[name]] + 1
            for name in list(columns)[: table.columns]
        }
    )
    noisy = signal + rng.logistic(size=n)
    return frame, (noisy > np.quantile(noisy, 1 - table.share)).astype(int)


def member(kind: str, declared: bool) -> Callable[..., np.ndarray]:
    """Fits a member of the project, to which the columns are numbers or, declared, categories."""

    def predict(train: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
        words = [each.astype(str).radd("n") if declared else each for each in (train, unseen)]
        coded, rows = frames.code(*words), np.arange(len(y))
        settings = models.module(kind).Settings()
        chosen = Member(kind, settings.of_model(), EncoderSettings(**settings.encode))
        objective = fitting.Objective("binary", 2, "log_loss")
        fold = Fold(0, 0, rows, rows[:0])
        fitted = fitting.fit(chosen, objective, coded.features, coded.train, y, fold)
        return fitted.predict(coded.unseen)[:, 1]

    return predict


def catboost(train: pd.DataFrame, y: np.ndarray, unseen: pd.DataFrame) -> np.ndarray:
    from catboost import CatBoostClassifier

    names = list(train)
    model = CatBoostClassifier(
        cat_features=names, random_seed=0, thread_count=1, verbose=False, allow_writing_files=False
    )
    return model.fit(train, y).predict_proba(unseen)[:, 1]


METHODS = {
    "lightgbm, numbers": member("lightgbm", False),
    "lightgbm, categories": member("lightgbm", True),
    "logistic, categories": member("logistic", True),
    "random_effects, numbers": member("random_effects", False),
    "random_effects, categories": member("random_effects", True),
    **({"catboost, categories": catboost} if find_spec("catboost") else {}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tables", nargs="*", choices=TABLES, default=list(TABLES))
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=list(METHODS))
    asked, auc = parser.parse_args(), metrics.METRICS["roc_auc"]
    for name in asked.tables:
        table, scores = TABLES[name], {}
        for seed in range(asked.seeds):
            frame, y = draw(table, seed)
            train, unseen = frame[: table.rows], frame[table.rows :]
            found = {each: METHODS[each](train, y[: table.rows], unseen) for each in asked.methods}
            both = [f"{kind}, categories" for kind in ("lightgbm", "random_effects")]
            if {*both} <= {*found}:
                found["mean of both"] = np.mean([rankdata(found[each]) for each in both], axis=0)
                found["mean of both"] /= len(unseen)
            for method, p in found.items():
                score = auc.score(y[table.rows :], np.column_stack([1 - p, p]))
                scores.setdefault(method, []).append(score)
        peer = np.array(scores[asked.methods[-1]])
        for method, each in scores.items():
            ahead = np.array(each) - peer
            error = np.std(ahead, ddof=1) / np.sqrt(len(ahead)) if len(ahead) > 1 else np.nan
            print(
                f"{name:12} {method:28} {np.mean(each):.4f}, ahead of {asked.methods[-1]} by "
                f"{ahead.mean():+.4f} ± {error:.4f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

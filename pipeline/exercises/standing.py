"""Where a learner's own classes stand: on the same folds as LightGBM, with paired differences."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipeline.exercises.own_class import positive
from pipeline.matrices import Matrices

if TYPE_CHECKING:
    import pandas as pd

BESIDE = "lightgbm"  # what every class is compared with


def standing(
    survey: Matrices, *classes: type, columns: Sequence[str] | None = None, beside: str = BESIDE
) -> "pd.DataFrame":
    """The leaderboard of these classes and of `beside`, a model of the competition's TOML.

    Each is fitted on the training rows of every fold and predicts the others. A class needs fit(X,
    y), and predict_proba(X) or predict(X); with `columns` it is given these alone, in their order.
    """
    oof = {name: np.zeros((len(survey.y), 2)) for name in (beside, *(c.__name__ for c in classes))}
    for fold, X in zip(survey.folds, survey.matrices, strict=True):
        y = survey.y[fold.train]
        oof[beside][fold.valid] = survey.model(beside, X).fit(X.train, y).predict(X.valid)
        names = list(X.problem.columns)
        chosen = [names.index(name) for name in (names if columns is None else columns)]
        for each in classes:
            model = each()
            model.fit(X.train[:, chosen].astype(float), y)
            p = positive(model, X.valid[:, chosen].astype(float))
            oof[each.__name__][fold.valid] = np.column_stack([1 - p, p])
    return survey.leaderboard(oof)

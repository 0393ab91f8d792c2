"""One answer a group of rows: models predict rows, and every row gets its group's aggregate.

Scores are then taken on one row of each group, so that all that judges predictions row by row
judges the answers.
"""

from typing import TYPE_CHECKING

import numpy as np

from pipeline.problem import Aggregate, Loaded

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.table import Frame


def group_numbers(column: "pd.Series", in_order: bool = False) -> np.ndarray:
    """The number of each row's group, (n,); a row whose group is missing is one by itself.

    Groups are numbered as they come, or `in_order` of their values.
    """
    import pandas as pd

    numbers, known = pd.factorize(column, sort=in_order)
    alone = numbers < 0
    return np.asarray(np.where(alone, len(known) + np.cumsum(alone), numbers))


def answer_rows(groups: np.ndarray) -> np.ndarray:
    """One row of each group (n,), ascending: its last."""
    backwards = np.unique(groups[::-1], return_index=True)[1]
    return np.sort(len(groups) - 1 - backwards)


def scored_answers(
    load: Loaded, rows: np.ndarray, prediction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Of predictions (v, k) of these rows of train (v,) those that are scored: all, or where groups
    have one answer the group's, at one row of each."""
    groups, how = train_groups(load), load.problem.form.aggregate
    if groups is None:
        return rows, prediction
    own = groups[rows]
    places = answer_rows(own)
    return rows[places], aggregated(prediction, own, how)[places]


def train_groups(load: Loaded) -> np.ndarray | None:
    """The groups of train's rows (n,); None where rows answer for themselves, or train has none."""
    return _groups(load, load.train)


def test_groups(load: Loaded) -> np.ndarray | None:
    """The same of test's rows (m,)."""
    return _groups(load, load.test)


def _groups(load: Loaded, table: "Frame") -> np.ndarray | None:
    problem = load.problem
    if problem.form.aggregate is None or problem.id not in table:
        return None
    return group_numbers(table[problem.id])


def aggregated(
    prediction: np.ndarray, groups: np.ndarray | None, how: Aggregate | None
) -> np.ndarray:
    """Predictions of rows (n, k) -> every row's that of its group (n, k).

    `any` is the probability that at least one row is positive, were rows independent. Without
    groups nothing changes.
    """
    if groups is None or how is None or not len(prediction):
        return prediction
    import pandas as pd

    outputs = prediction.shape[1]
    columns = prediction[:, 1:] if outputs == 2 else prediction
    if how == "any":
        with np.errstate(divide="ignore"):
            absent = pd.DataFrame(np.log1p(-np.clip(columns, 0.0, 1.0)))
        found = -np.expm1(absent.groupby(groups).transform("sum").to_numpy())
    else:
        found = pd.DataFrame(columns).groupby(groups).transform(how).to_numpy()
    if outputs == 2:
        return np.column_stack([1 - found, found])
    return found / found.sum(axis=1, keepdims=True) if outputs > 2 else found

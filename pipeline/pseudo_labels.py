"""Test rows to learn from, with the classes that a model predicts of them (Lee 2013).

The model is that of a fold, so that no label of a validation row is in what it predicts, and the
out-of-fold scores of what learns from it stay honest.
"""

import numpy as np

from pipeline.encoding.columns import CodedTable
from pipeline.encoding.selection import Selection
from pipeline.encoding.stacking import stacked
from pipeline.errors import SettingsError
from pipeline.fitting import FittedMember


def added(
    fitted: FittedMember, known: tuple[CodedTable | Selection, np.ndarray], test: CodedTable
) -> tuple[CodedTable, np.ndarray]:
    """The rows that `fitted` was fitted on, `known` with their classes (n,), and after them the
    member's share of the test rows with those predicted.

    Raises SettingsError where there are no classes, or no test rows.
    """
    table, y = known
    where = f"[models] pseudo_labels = {fitted.member.pseudo_labels:g}, of a {fitted.member.kind}"
    if not test.rows:
        raise SettingsError(f"{where}: there are no test rows to learn from. Remove the line.")
    predicted = fitted.predict(Selection(test, np.arange(test.rows)))  # of many, no whole matrix
    if predicted.shape[1] == 1:
        raise SettingsError(
            f"{where}: the target is a number; allowed are classes, of which a model may be sure. "
            "Remove the line."
        )
    if isinstance(table, Selection):
        table = table.table.take(table.numbers)
    rows = surest(predicted, fitted.member.pseudo_labels)
    return stacked(table, test.take(rows)), np.concatenate([y, predicted[rows].argmax(axis=1)])


def surest(predicted: np.ndarray, share: float) -> np.ndarray:
    """Of the rows whose likeliest class is the same, this share, the surest ones; ascending.

    predicted (n, k): class probabilities. By class, so that classes stay as common as they are; of
    equally sure rows the first are taken.
    """
    likeliest, sure = predicted.argmax(axis=1), predicted.max(axis=1)
    chosen = []
    for label in np.unique(likeliest):
        rows = np.flatnonzero(likeliest == label)
        order = np.argsort(-sure[rows], kind="stable")
        chosen.append(rows[order[: round(share * len(rows))]])
    return np.sort(np.concatenate(chosen))

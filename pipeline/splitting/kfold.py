"""K-fold: each row gets the number of the fold that validates it, drawn anew by every seed."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pipeline.config import Split

SCIKIT_LEARN = "scikit-learn"


@dataclass(frozen=True)
class Rows:
    """What folds are drawn from: the classes that they get their shares of (n,), if any, and the
    groups that they keep together (n,), if any."""

    classes: np.ndarray | None
    groups: np.ndarray | None
    number: int


def quantile_bins(y: np.ndarray, bins: int) -> np.ndarray:
    """Values (n,) -> the number of their quantile bin, (n,); equal values share one."""
    edges = np.quantile(y, np.linspace(0, 1, bins + 1)[1:-1])
    return np.unique(np.searchsorted(edges, y, side="right"), return_inverse=True)[1]


def draw(settings: "Split", scheme: str, rows: Rows, seed: int) -> np.ndarray:
    """Each row's fold, (n,); every class over as many folds as it has rows, at most all.

    Groups are dealt so that folds have their shares of the classes, where scikit-learn can: where
    one class has as many rows as there are folds.
    """
    classes = rows.classes
    has_large_class = classes is not None and np.bincount(classes).max() >= settings.folds
    if scheme == "stratified" and classes is not None and not has_large_class:
        return round_robin(classes, settings.folds, seed)
    return numbered(_splitter(settings, scheme, seed, has_large_class), rows)


def _splitter(settings: "Split", scheme: str, seed: int, has_large_class: bool) -> Any:
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    as_is = settings.numbering == SCIKIT_LEARN
    if scheme in ("group", "stratified_group"):
        if has_large_class and (scheme == "stratified_group" or not as_is):
            return StratifiedGroupKFold(settings.folds, shuffle=True, random_state=seed)
        if as_is:
            return GroupKFold(settings.folds)
        return GroupKFold(settings.folds, shuffle=True, random_state=seed)
    kind = StratifiedKFold if scheme == "stratified" else KFold
    return kind(settings.folds, shuffle=True, random_state=seed)


def numbered(splitter: Any, rows: Rows) -> np.ndarray:
    """The number of the fold that validates each row, (n,)."""
    numbers = np.full(rows.number, -1)
    with warnings.catch_warnings():
        # that a class has fewer rows than there are folds: see `missing_classes`
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        split = splitter.split(np.empty((rows.number, 0)), rows.classes, rows.groups)
        for fold, (_, valid) in enumerate(split):
            numbers[valid] = fold
    return numbers


def round_robin(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Rows in the order of their class, each class shuffled, dealt to the folds in turn, (n,).

    For classes that all have fewer rows than there are folds: scikit-learn refuses these.
    """
    shuffled = np.random.default_rng(seed).permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    numbers = np.empty(len(y), dtype=int)
    numbers[order] = np.arange(len(y)) % folds
    return numbers

"""Extremely randomised trees (scikit-learn), each on all rows, with random thresholds.

Brings an average of trees that know nothing of each other, where boosting corrects itself: close to
it alone, nothing to a blend that has it. Costs a second a fit on 3,000 rows, and the most room of
all models: a row in nearly every leaf.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from pipeline.artifacts import Folder
from pipeline.config import ModelSettings
from pipeline.from_scratch.estimator import require_learned
from pipeline.models import Problem

if TYPE_CHECKING:
    import optuna

VIEW = "tree"
LEAF = -2  # scikit-learn's mark


class Settings(ModelSettings):
    n_trees: int = Field(200, ge=1)
    max_features: float = Field(
        0.5, gt=0, le=1, description="share of the columns that a split chooses from"
    )
    min_samples_leaf: int = Field(1, ge=1, description="rows in a leaf, at least")


def suggest(trial: "optuna.Trial") -> dict[str, Any]:
    return {
        "max_features": trial.suggest_float("max_features", 0.2, 1.0),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 10, log=True),
    }


class ExtraTrees:
    """The trees as plain arrays, all their nodes in one row: no pickle, and NumPy can walk them.

    Of each node: `feature` or LEAF, `threshold`, the children `left` (x <= threshold) and `right`,
    whether a missing value goes left, and the mean of the rows there, `value` (nodes, k). `roots`
    (trees,) are the nodes to start from.
    """

    def __init__(self, settings: Settings, problem: Problem) -> None:
        self.settings, self.problem = settings, problem

    def fit(self, X: np.ndarray, y: np.ndarray) -> "ExtraTrees":
        """X (n, d) float32 with NaN for missing values; y (n,) class codes or values."""
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        regression = self.problem.task == "regression"
        forest = (ExtraTreesRegressor if regression else ExtraTreesClassifier)(
            self.settings.n_trees,
            max_features=self.settings.max_features,
            min_samples_leaf=self.settings.min_samples_leaf,
            random_state=self.settings.seed,
            n_jobs=1,
        ).fit(X, y)
        trees = [estimator.tree_ for estimator in forest.estimators_]
        roots = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
        value = np.concatenate([tree.value[:, 0, :] for tree in trees])
        if not regression:  # a class that no fitted row had keeps probability 0
            known, value = value, np.zeros((len(value), self.problem.outputs))
            value[:, forest.classes_] = known
        self.nodes = {  # float32 halves the room, and divides float32 rows as float64 does
            "roots": roots,
            "feature": np.concatenate([tree.feature for tree in trees]).astype(np.int32),
            "threshold": _rounded_down(np.concatenate([tree.threshold for tree in trees])),
            "left": _joined([tree.children_left for tree in trees], roots),
            "right": _joined([tree.children_right for tree in trees], roots),
            "missing_left": np.concatenate([tree.missing_go_to_left for tree in trees]) > 0,
            "value": value.astype(np.float32),
        }
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        total = np.zeros((len(X), self.nodes["value"].shape[1]))
        for root in self.nodes["roots"]:
            total += self.nodes["value"][self._leaves(X, root)]
        return total / len(self.nodes["roots"])

    def save(self, folder: Folder, name: str) -> None:
        folder.write_arrays(name, self.nodes)

    def load(self, folder: Folder, name: str) -> "ExtraTrees":
        self.nodes = folder.read_arrays(name)
        with folder.checking(f"{name}.npz"):
            self._check_nodes()
        return self

    def _check_nodes(self) -> None:
        """ValueError where the nodes are not those of trees: a row would never come to a leaf.

        A child comes after its parent and within the same tree, as scikit-learn numbers them.
        """
        nodes, n = self.nodes, len(self.nodes["feature"])
        for key, array in nodes.items():
            require_learned(key, array)
            if array.dtype.kind == "f" and key not in ("threshold", "value"):
                raise ValueError(f"{key} has dtype {array.dtype}")
        by_node = ("feature", "threshold", "left", "right", "missing_left")
        shapes = [nodes[key].shape for key in by_node] + [nodes["value"].shape[:1]]
        bounds = np.append(nodes["roots"], n)
        if set(shapes) != {(n,)} or bounds[0] != 0 or (np.diff(bounds) <= 0).any():
            raise ValueError("its arrays are not of the same nodes")
        inner = np.flatnonzero(nodes["feature"] != LEAF)
        end = np.repeat(bounds[1:], np.diff(bounds))[inner]
        for side in ("left", "right"):
            child = nodes[side][inner]
            if ((child <= inner) | (child >= end)).any():
                raise ValueError(f"{side} holds a node that is no child")
        if not np.isin(nodes["feature"][inner], np.arange(len(self.problem.columns))).all():
            raise ValueError("feature holds a column that is not there")

    def _leaves(self, X: np.ndarray, root: int) -> np.ndarray:
        """The leaf (n,) of one tree that each row ends in; all rows go down a level at a time."""
        nodes, node = self.nodes, np.full(len(X), root)
        inner = np.arange(len(X) if nodes["feature"][root] != LEAF else 0)
        while len(inner):
            at = node[inner]
            x = X[inner, nodes["feature"][at]]
            left = np.where(np.isnan(x), nodes["missing_left"][at], x <= nodes["threshold"][at])
            at = np.where(left, nodes["left"][at], nodes["right"][at])
            node[inner] = at
            inner = inner[nodes["feature"][at] != LEAF]
        return node


def _rounded_down(threshold: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above: float32 x <= threshold means the same of both."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def _joined(children: list[np.ndarray], roots: np.ndarray) -> np.ndarray:
    """Children's places in their own tree -> among the nodes of all trees, int32; LEAF as it is."""
    moved = [np.where(own < 0, LEAF, own + root) for own, root in zip(children, roots, strict=True)]
    return np.concatenate(moved).astype(np.int32)


build = ExtraTrees

"""XGBoost's JSON format, checked before the library reads it.

Its loader trusts the document: a child or a column out of range makes it read memory out of bounds,
and a node that is its own ancestor makes it loop forever. Here every number that predictions depend
on is checked, and the library is given nothing else: statistics of the training rows become 0, and
what follows from the problem is written anew.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

VERSION = [3, 2, 0]
NO_PARENT = 2**31 - 1
# what an objective has of its own, with the number that its loss may have
PARAMETERS = {
    "binary:logistic": '{"reg_loss_param": {"scale_pos_weight": "1"}}',
    "reg:squarederror": '{"reg_loss_param": {"scale_pos_weight": "1"}}',
    "reg:absoluteerror": "{}",
    "reg:quantileerror": '{"quantile_loss_param": {"quantile_alpha": "[%r]"}}',
    "count:poisson": '{"poisson_regression_param": {"max_delta_step": "0.7"}}',
    "reg:tweedie": '{"tweedie_regression_param": {"tweedie_variance_power": "%r"}}',
    "multi:softprob": '{"softmax_multiclass_param": {"num_class": "%d"}}',
}
LOG_LINK = ("count:poisson", "reg:tweedie")  # the exponential of the leaves' sum is predicted
LARGEST = float(np.finfo(np.float32).max)
# what a tree is made of; a leaf's value stands where an inner node has its threshold
WHOLE = ("left_children", "right_children", "split_indices", "default_left", "split_type")
STATISTICS = ("base_weights", "loss_changes", "sum_hessian")
CATEGORIES = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


@dataclass(frozen=True)
class Forest:
    """What it must be: the library's name of the loss, how many trees make a round, and columns.

    `parameter` is that of the loss: of quantiles the share below, of Tweedie's the power.
    """

    objective: str
    trees_a_round: int
    columns: int
    parameter: float | None = None

    def described(self) -> dict[str, Any]:
        """The objective as the library writes it."""
        form = PARAMETERS[self.objective]
        number = self.trees_a_round if self.objective == "multi:softprob" else self.parameter
        own: dict[str, Any] = json.loads(form % number if "%" in form else form)
        return {"name": self.objective, **own}


def checked(text: str, forest: Forest) -> str:
    """The model's text, reduced to what predictions need; ValueError says what is wrong with it."""
    learner = json.loads(text)["learner"]
    found = learner["objective"]["name"]
    if found != forest.objective:
        raise ValueError(f"its objective is {found!r}, not {forest.objective!r}")
    trees = learner["gradient_booster"]["model"]["trees"]
    if not isinstance(trees, list) or not trees or len(trees) % forest.trees_a_round:
        raise ValueError(f"its trees are not rounds of {forest.trees_a_round}")
    base = _base(learner["learner_model_param"]["base_score"], forest)
    _check(trees, forest, base)
    return json.dumps(_document(trees, forest, base), separators=(",", ":"))


def _base(text: str, forest: Forest) -> list[float]:
    """The prediction before the first tree, a number for each tree of a round."""
    base = _numbers(json.loads(text), "base_score", "f")
    if len(base) != forest.trees_a_round:
        raise ValueError(f"base_score has {len(base)} numbers, not {forest.trees_a_round}")
    if forest.objective == "binary:logistic" and not 0 < base[0] < 1:
        raise ValueError(f"base_score has {base[0]}, which is no probability")
    if forest.objective in LOG_LINK and base[0] <= 0:
        raise ValueError(f"base_score has {base[0]}, which has no logarithm")
    numbers: list[float] = base.tolist()
    return numbers


def _check(trees: Sequence[Mapping[str, Any]], forest: Forest, base: Sequence[float]) -> None:
    """Every number that is kept."""
    sizes = np.array([len(tree["left_children"]) for tree in trees])
    if sizes.min() < 1:
        raise ValueError("a tree has no node")
    left, right, column, missing_left, kind = (_of_all(trees, key, "i", sizes) for key in WHOLE)
    values = _of_all(trees, "split_conditions", "f", sizes)
    _check_children(left, right, sizes)
    _check_range("split_indices", column, 0, forest.columns - 1)
    _check_range("default_left", missing_left, 0, 1)
    _check_range("split_type", kind, 0, 0)  # 1 is a set of categories: none is asked for here
    largest = np.maximum.reduceat(np.abs(values), np.cumsum(sizes) - sizes)
    if largest.sum() + np.abs(base).sum() > LARGEST:
        raise ValueError("the values of its leaves are too large to be added")


def _of_all(
    trees: Sequence[Mapping[str, Any]], key: str, kind: str, sizes: np.ndarray
) -> np.ndarray:
    """This list of all trees, one after another: a number for each node."""
    lists = [tree[key] for tree in trees]
    if [len(each) for each in lists] != sizes.tolist():
        raise ValueError(f"{key} does not have one number for each node")
    return _numbers([value for each in lists for value in each], key, kind)


def _numbers(values: Any, key: str, kind: str) -> np.ndarray:
    """A list of JSON as an array (n,), "i" of whole numbers or "f" of finite ones."""
    array = np.array(values)
    if array.ndim != 1 or array.dtype.kind not in {"i": "i", "f": "if"}[kind]:
        raise ValueError(f"{key} holds something else than numbers")
    if kind == "f" and not (np.isfinite(array) & (np.abs(array) <= LARGEST)).all():
        raise ValueError(f"{key} has a number that is not finite")
    return array.astype(float) if kind == "f" else array


def _check_range(key: str, values: np.ndarray, least: int, most: int) -> None:
    wrong = (values < least) | (values > most)
    if wrong.any():
        raise ValueError(f"{key} has {values[np.argmax(wrong)]}, which is out of range")


def _check_children(left: np.ndarray, right: np.ndarray, sizes: np.ndarray) -> None:
    """Every node but a tree's first is the child of one node: of one with a lower number.

    So all of them hang from the first, and no path is endless. A leaf has -1 for both children.
    """
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    size, number = np.repeat(sizes, sizes), np.arange(len(first)) - first
    inner = (left != -1) | (right != -1)
    for child in (left, right):
        wrong = inner & ~((child > number) & (child < size))
        if wrong.any():
            raise ValueError(f"a node has child {child[np.argmax(wrong)]}, which is out of range")
    children = np.concatenate([first[inner] + left[inner], first[inner] + right[inner]])
    times = np.bincount(children, minlength=len(first))
    if (times != (number > 0)).any():
        raise ValueError("a node is the child of two nodes, or of none")


# -- written anew ----------------------------------------------------------------------------------


def _document(
    trees: Sequence[Mapping[str, Any]], forest: Forest, base: Sequence[float]
) -> dict[str, Any]:
    """What the library's loader asks for; it takes its parameters as texts."""
    a_round = forest.trees_a_round
    model = {
        "cats": {"enc": [], "feature_segments": [], "sorted_idx": []},
        "gbtree_model_param": {"num_parallel_tree": "1", "num_trees": str(len(trees))},
        "iteration_indptr": list(range(0, len(trees) + 1, a_round)),
        "tree_info": [number % a_round for number in range(len(trees))],
        "trees": [_tree(tree, number, forest.columns) for number, tree in enumerate(trees)],
    }
    several = str(a_round if a_round > 1 else 0)
    learner = {
        "attributes": {},
        "feature_names": [],
        "feature_types": [],
        "gradient_booster": {"model": model, "name": "gbtree"},
        "learner_model_param": {
            "base_score": json.dumps(list(base)),
            "boost_from_average": "1",
            "num_class": several,
            "num_feature": str(forest.columns),
            "num_target": "1",
        },
        "objective": forest.described(),
    }
    return {"learner": learner, "version": VERSION}


def _tree(tree: Mapping[str, Any], number: int, columns: int) -> dict[str, Any]:
    left, right = tree["left_children"], tree["right_children"]
    parents = [NO_PARENT] * len(left)
    for node, children in enumerate(zip(left, right, strict=True)):
        for child in children:
            if child != -1:
                parents[child] = node
    return {
        **{key: tree[key] for key in WHOLE},
        "split_conditions": [float(value) for value in tree["split_conditions"]],
        "parents": parents,
        **{key: [0.0] * len(left) for key in STATISTICS},
        **{key: [] for key in CATEGORIES},
        "id": number,
        "tree_param": {
            "num_deleted": "0",
            "num_feature": str(columns),
            "num_nodes": str(len(left)),
            "size_leaf_vector": "1",
        },
    }

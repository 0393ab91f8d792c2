"""LightGBM's text format, checked before the library reads it.

Its loader trusts the text: a child or a column out of range makes it read memory out of bounds,
and a node that is its own ancestor makes it loop forever. Here every number that predictions depend
on is checked, and the library is given nothing else: statistics of the training rows, and the
parameters of the training, are left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

END = "end of trees\n"
# the lines of a tree, in the order in which the library writes them; those of categories are
# there only where num_cat is not 0
LINES = (
    *("num_leaves", "num_cat", "split_feature", "split_gain", "threshold", "decision_type"),
    *("left_child", "right_child", "leaf_value", "leaf_weight", "leaf_count", "internal_value"),
    *("internal_weight", "internal_count", "cat_boundaries", "cat_threshold", "is_linear"),
    "shrinkage",
)
CATEGORIES = ("cat_boundaries", "cat_threshold")
STATISTICS = (
    *("split_gain", "leaf_weight", "leaf_count", "internal_value", "internal_weight"),
    *("internal_count", "shrinkage"),
)
REAL = ("threshold", "leaf_value")
# a decision type's bits: 1 for a set of categories, 2 for where missing values go, and from 4 on
# which values are missing: none, 0, or NaN
CATEGORICAL, MOST_KIND = 1, 11


@dataclass(frozen=True)
class Ensemble:
    """What it must be: `objective` as in the text, and how many trees make a round."""

    objective: str
    trees_a_round: int
    columns: int

    def header(self, sizes: Sequence[int]) -> str:
        """The lines before the trees, whose texts are of these sizes in bytes."""
        lines = {
            "version": "v4",
            "num_class": self.trees_a_round,
            "num_tree_per_iteration": self.trees_a_round,
            "label_index": 0,
            "max_feature_idx": self.columns - 1,
            "objective": self.objective,
            "feature_names": " ".join(f"Column_{i}" for i in range(self.columns)),
            "feature_infos": " ".join(["none"] * self.columns),
            "tree_sizes": " ".join(map(str, sizes)),
        }
        return "tree\n" + "".join(f"{key}={value}\n" for key, value in lines.items()) + "\n"


def checked(text: str, ensemble: Ensemble) -> str:
    """The model's text, reduced to what predictions need; ValueError says what is wrong with it."""
    head, _, rest = text.partition("\n\n")
    body, end, _ = rest.partition(END)
    if not end:
        raise ValueError("the text ends before the trees do")
    _check_header(head, ensemble)
    trees = [_lines(block, number) for number, block in enumerate(body.split("\n\n\n")[:-1])]
    if not trees or len(trees) % ensemble.trees_a_round:
        raise ValueError(f"it has {len(trees)} trees, and {ensemble.trees_a_round} make a round")
    _check(trees, ensemble.columns)
    texts = [_text(tree, number) for number, tree in enumerate(trees)]
    return "".join([ensemble.header([len(each) for each in texts]), *texts, END])


def _check_header(head: str, ensemble: Ensemble) -> None:
    """What the model is for is there; the header is written again in any case."""
    found = set(head.split("\n"))
    for line in ensemble.header([]).rstrip().split("\n"):
        if line not in found and not line.startswith(("feature_", "tree_sizes=")):
            raise ValueError(f"its header lacks {line!r}")


def _lines(block: str, number: int) -> dict[str, str]:
    """The values of one tree by the names of its lines."""
    first, *lines = block.split("\n")
    pairs = [line.partition("=")[::2] for line in lines]
    tree = dict(pairs)
    has_categories = tree.get("num_cat") != "0"
    expected = [key for key in LINES if has_categories or key not in CATEGORIES]
    if first != f"Tree={number}" or [key for key, _ in pairs] != expected:
        raise ValueError(f"tree {number} does not have the lines that a tree has")
    return tree


def _text(tree: Mapping[str, str], number: int) -> str:
    kept = (f"{key}={value}\n" for key, value in tree.items() if key not in STATISTICS)
    return f"Tree={number}\n{''.join(kept)}\n\n"


# -- the numbers of all trees at once --------------------------------------------------------------


def _check(trees: Sequence[Mapping[str, str]], columns: int) -> None:
    """Every number that is kept; `columns` is how many the rows have."""
    if any(tree["is_linear"] != "0" for tree in trees):
        raise ValueError("is_linear is not 0")
    one = np.ones(len(trees), dtype=np.int64)
    leaves = _numbers(trees, "num_leaves", one, least=1)
    sets = _numbers(trees, "num_cat", one, least=0)
    left, right = (_numbers(trees, key, leaves - 1) for key in ("left_child", "right_child"))
    _check_children(left, right, leaves)
    _numbers(trees, "split_feature", leaves - 1, least=0, most=columns - 1)
    kinds = _numbers(trees, "decision_type", leaves - 1, least=0, most=MOST_KIND)
    threshold = _numbers(trees, "threshold", leaves - 1)
    _numbers(trees, "leaf_value", leaves)
    asked = kinds % 2 == CATEGORICAL
    _check_sets(trees, threshold[asked], _owners(leaves - 1)[asked], sets)


def _numbers(
    trees: Sequence[Mapping[str, str]],
    key: str,
    lengths: np.ndarray,
    *,
    least: float = -np.inf,
    most: float = np.inf,
) -> np.ndarray:
    """This line of all trees, one after another: as many numbers as `lengths` (trees,) says."""
    lines = [tree.get(key, "") for tree in trees]
    found = np.array([line.count(" ") + (line != "") for line in lines])
    if (found != lengths).any():
        tree = int(np.argmax(found != lengths))
        raise ValueError(f"tree {tree}: {key} has {found[tree]} numbers, not {lengths[tree]}")
    joined = " ".join(filter(None, lines))
    is_real, is_threshold = key in REAL, key == "threshold"
    letters = b"0123456789- " + b"+.e" * is_real + b"inf" * is_threshold
    if joined.encode().translate(None, letters):
        raise ValueError(f"{key} holds something else than numbers")
    try:
        values = np.fromstring(joined, dtype=np.float64 if is_real else np.int64, sep=" ")
    except ValueError:
        values = np.empty(0)
    if len(values) != found.sum():
        raise ValueError(f"{key} holds something else than numbers")
    # an infinite threshold parts the rows that have a value from those that have none
    known = ~np.isnan(values) if is_threshold else np.isfinite(values)
    wrong = ~(known & (values >= least) & (values <= most))
    if wrong.any():
        place = int(np.argmax(wrong))
        tree = int(_owners(lengths)[place])
        raise ValueError(f"tree {tree}: {key} has {values[place]}, which is out of range")
    return values


def _owners(lengths: np.ndarray) -> np.ndarray:
    """The tree that each number belongs to."""
    return np.repeat(np.arange(len(lengths)), lengths)


def _check_children(left: np.ndarray, right: np.ndarray, leaves: np.ndarray) -> None:
    """Every node but 0, and every leaf, is the child of one node: of one with a lower number.

    The library numbers nodes as it splits, so that no tree of its own fails this; and where it
    holds, all of them hang from node 0 and no path is endless. A child below 0 is a leaf: -1 is
    leaf 0.
    """
    nodes = leaves - 1
    owner, first, first_leaf = _owners(nodes), np.cumsum(nodes) - nodes, np.cumsum(leaves) - leaves
    number = np.arange(len(owner)) - first[owner]
    # a root is nobody's child, and so is the leaf of a tree without nodes
    as_nodes, as_leaves = [first[nodes > 0]], [first_leaf[nodes == 0]]
    for child in (left, right):
        is_leaf = child < 0
        valid = np.where(is_leaf, ~child < leaves[owner], (child > number) & (child < nodes[owner]))
        if not valid.all():
            place = int(np.argmin(valid))
            raise ValueError(
                f"tree {owner[place]}: node {number[place]} has child {child[place]}, which is out "
                "of range"
            )
        as_nodes.append((first[owner] + child)[~is_leaf])
        as_leaves.append((first_leaf[owner] + ~child)[is_leaf])
    for found, expected in ((as_nodes, nodes.sum()), (as_leaves, leaves.sum())):
        times = np.bincount(np.concatenate(found), minlength=expected)
        if (times != 1).any():
            raise ValueError("a node or leaf is the child of two nodes, or of none")


def _check_sets(
    trees: Sequence[Mapping[str, str]], threshold: np.ndarray, owner: np.ndarray, sets: np.ndarray
) -> None:
    """Sets of categories: a node's threshold is a set's number, and each set is words of 32 bits.

    threshold (m,) and owner (m,), the tree, of the nodes that ask for categories; sets (trees,).
    """
    if ((threshold < 0) | (threshold >= sets[owner]) | (threshold % 1 != 0)).any():
        raise ValueError("a node asks for a set of categories that is not there")
    those = [tree for tree in trees if tree["num_cat"] != "0"]
    count = sets[sets > 0]
    bounds = _numbers(those, "cat_boundaries", count + 1, least=0)
    last = np.cumsum(count + 1) - 1
    starts = last - count
    steps = np.diff(bounds)
    within = np.ones(len(steps), dtype=bool)
    within[last[:-1]] = False  # from one tree's last to the next one's first
    if (bounds[starts] != 0).any() or (steps[within] <= 0).any():
        raise ValueError("cat_boundaries do not ascend from 0")
    _numbers(those, "cat_threshold", bounds[last], least=0, most=2**32 - 1)

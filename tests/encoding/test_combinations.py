"""Pairs are found where the target depends on two columns together, and only there."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline.encoding.columns import CodedColumn, code_table, label_codes
from pipeline.encoding.combinations import FEWEST_ROWS, SEPARATOR, ScoreTest, combined, find_pairs
from pipeline.encoding.target_means import inner_folds, target_columns
from pipeline.encoding.views import VIEWS, FoldEncoder
from pipeline.problem import Feature
from pipeline.settings import Encode

ROWS = FEWEST_ROWS


def category(labels) -> CodedColumn:
    return CodedColumn("x", *label_codes(pd.Series(labels)), "category")


def drawn(seed: int, together: float) -> tuple[dict[str, CodedColumn], np.ndarray]:
    """Two columns of 30 levels, each with an effect; one of the two together; a third column."""
    rng = np.random.default_rng(seed)
    one, other, third = rng.integers(30, size=(3, ROWS))
    score = rng.normal(size=30)[one] + rng.normal(size=30)[other]
    score += together * rng.normal(size=(30, 30))[one, other]
    y = score + 3 * rng.normal(size=ROWS)
    names = {"one": one, "other": other, "third": third}
    return {name: category([f"l{i}" for i in codes]) for name, codes in names.items()}, y


def found(columns, y, many=("one", "other", "third")):
    targets, inner = target_columns(y, None), inner_folds(len(y), np.random.default_rng(0))
    return find_pairs(columns, many, targets, inner, 10.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_pair_with_an_effect_of_its_own_is_found_and_no_other(seed):
    assert [{*pair} for pair in found(*drawn(seed, 1.0))] == [{"one", "other"}]
    assert found(*drawn(seed, 0.0)) == []
    assert found(*drawn(seed, 1.0), many=()) == []
    columns, y = drawn(seed, 1.0)
    fewer = {name: column.take(np.arange(1, ROWS)) for name, column in columns.items()}
    assert found(fewer, y[1:]) == []
    price = CodedColumn("price", np.arange(100.0), np.arange(ROWS, dtype=np.int32) % 100, "number")
    assert found(columns | {"price": price}, y) != []
    assert found(columns | {"price": price, "weight": price}, y) == []


def test_a_combination_is_what_its_columns_hold_in_a_row_gaps_too():
    one, other = category(["a", "b", None, "a", "b"]), category(["x", "x", "y", "x", None])
    joint = combined([one, other], "both")
    labels = [SEPARATOR.join(each) for each in ("ax", "bx", ("", "y"), "ax", ("b", ""))]
    assert_array_equal(joint.decoded(), labels)
    assert len(joint.values) == 4


def test_the_statistic_is_that_of_least_squares_with_robust_errors():
    """White 1980, of the last coefficient; checked against the formula written out."""
    rng = np.random.default_rng(0)
    base, column = rng.normal(size=(500, 3)), rng.normal(size=500)
    y = base @ [1.0, 2.0, 0.5] + 0.1 * column + rng.normal(size=500)
    z = ScoreTest(y[:, None], [each[:, None] for each in base.T]).z(column[:, None])
    design = np.column_stack([np.ones(500), base])
    hat = design @ np.linalg.pinv(design)
    residual, own = y - hat @ y, column - hat @ column
    assert z == pytest.approx((own @ residual) / np.sqrt((own**2 * residual**2).sum()))


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "city": rng.choice([f"c{i}" for i in range(20)], size=rows),
            "kind": rng.choice(["a", "b", "c"], size=rows),
            "price": np.round(rng.exponential(30, size=rows), 2),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "kind"] = None
    return frame


FEATURES = (Feature("city", "category"), Feature("kind", "category"), Feature("price", "number"))
ASKED = {
    "target_means": ("city",),
    "combinations": (("city", "kind"), ("city", "kind", "price")),
    "counts": ("city", "price"),
    "digits": ("price",),
}


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_what_is_asked_for_is_added_and_comes_back_from_the_state(classes):
    frame, new = table(400, 0), code_table(table(60, 1), FEATURES)
    rng = np.random.default_rng(2)
    y = rng.normal(size=400) if classes is None else rng.integers(classes, size=400)
    for view in VIEWS:
        encoder = FoldEncoder(Encode(**ASKED), FEATURES, classes)
        own = encoder.fit_transform(code_table(frame, FEATURES), y, np.random.default_rng(0), view)
        names = encoder.names(view)
        assert own.shape[1] == len(names) == len(set(names))
        means = "city × kind target mean" + " 1" * (classes == 3)
        assert {means, "city × kind count", "city × kind × price count"} <= {*names}
        assert "city count" in names and "kind count" not in names
        again = FoldEncoder(Encode(**ASKED), FEATURES, classes).set_state(encoder.state())
        assert again.transform(new, view).tobytes() == encoder.transform(new, view).tobytes()
        assert encoder.places(view)["kind"] == [
            place for place, name in enumerate(names) if name.startswith("kind")
        ]
    assert np.isfinite(own).all()


def test_a_row_never_sees_its_own_label_in_a_combination():
    frame = code_table(table(200, 0), FEATURES)
    y = np.random.default_rng(1).integers(2, size=200)

    def tree(y: np.ndarray) -> np.ndarray:
        encoder = FoldEncoder(Encode(**ASKED), FEATURES, 2)
        return encoder.fit_transform(frame, y, np.random.default_rng(0), "tree")

    before = tree(y)
    for row in range(0, 200, 20):
        after = tree(np.where(np.arange(200) == row, 1 - y, y))
        assert after[row].tobytes() == before[row].tobytes()
        assert after.tobytes() != before.tobytes()

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.metrics import log_loss

from pipeline.from_scratch.symmetric_trees import (
    Cuts,
    SymmetricTreesClassifier,
    SymmetricTreesRegressor,
)

NO_L2 = 1e-9
STUMPS = {"n_trees": 60, "lr": 0.3, "depth": 1, "l2": NO_L2}


@pytest.fixture
def marks(rng):
    """X (500, 5) of marks 0 to 5, and how far a row is above what two of them ask for."""
    X = rng.integers(0, 6, size=(500, 5)).astype(float)
    return X, np.minimum(X[:, 0], X[:, 1]) - 2 + 0.5 * rng.normal(size=500)


def test_a_tree_worked_out_by_hand() -> None:
    """Residuals -3, -2, -1, 6: column 0 tells 2 · 5²/3, column 1 2 · 4²/3; a leaf gives r / 2."""
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([1, 2, 3, 10])
    model = SymmetricTreesRegressor(n_trees=1, lr=1.0, depth=2, l2=1.0).fit(X, y)
    assert_array_equal(model.columns_, [[0, 1]])
    assert_array_equal(model.thresholds_, [[0.5, 0.5]])
    assert_allclose(model.values_[0, :, 0], [-1.5, -1, -0.5, 3])
    assert_allclose(model.predict(X), [2.5, 3, 3.5, 7])


def test_boosted_stumps_are_scikit_learns(marks) -> None:
    """With one question a tree there is nothing that symmetry could forbid."""
    X, y = marks
    oracle = GradientBoostingRegressor(n_estimators=60, learning_rate=0.3, max_depth=1)
    found = SymmetricTreesRegressor(**STUMPS).fit(X, y).predict(X)
    assert_allclose(found, oracle.fit(X, y).predict(X), atol=1e-6)


def test_boosted_stumps_of_two_classes_are_scikit_learns(marks) -> None:
    X, y = marks
    oracle = GradientBoostingClassifier(n_estimators=60, learning_rate=0.3, max_depth=1)
    expected = oracle.fit(X, y > 0).predict_proba(X)
    found = SymmetricTreesClassifier(newton_steps=1, **STUMPS).fit(X, y > 0).predict_proba(X)
    assert_allclose(found, expected, atol=1e-6)


def test_each_question_tells_more_than_every_other(marks, rng) -> None:
    """Against sums taken row by row, for two outputs and gaps in the table."""
    X, _ = marks
    X[rng.random(X.shape) < 0.1] = np.nan
    residuals, l2 = rng.normal(size=(500, 2)) + (X[:, :1] > 3), 3.0
    cuts = Cuts.of(X, bins=32)
    yes = ~(X[:, cuts.column] < cuts.threshold)
    asked, leaf = cuts.grow(residuals, depth=4, l2=l2)
    grown = np.zeros(500, dtype=int)
    for question in asked:
        told = [
            sum(
                (residuals[side == s].sum(axis=0) ** 2).sum() / (np.sum(side == s) + l2)
                for s in np.unique(side)
            )
            for side in (2 * grown + answers for answers in yes.T)
        ]
        assert told[question] == pytest.approx(max(told))
        grown = 2 * grown + yes[:, question]
    assert_array_equal(leaf, grown)


def test_only_the_order_of_values_matters(marks) -> None:
    X, y = marks
    one = SymmetricTreesRegressor(n_trees=20).fit(X, y).predict(X)
    other = SymmetricTreesRegressor(n_trees=20).fit(np.exp(X), y).predict(np.exp(X))
    assert_allclose(other, one)


def test_what_is_missing_can_be_what_tells(marks, rng) -> None:
    X, _ = marks
    gap = rng.random(500) < 0.3
    X[gap, 2] = np.nan
    model = SymmetricTreesClassifier(n_trees=50).fit(X[:300], gap[:300])
    assert model.score(X[300:], gap[300:]) == 1
    with pytest.raises(
        ValueError, match=r"row 0, column 1 \(inf\)\. Allowed are finite numbers and"
    ):
        model.predict([[0, np.inf, 0, 0, 0]])


def test_many_newton_steps_lead_to_the_share_of_each_leaf(marks) -> None:
    """Where the slope of the leaf's own loss is 0; l2 makes the steps shorter, and no fewer."""
    X, y = marks
    y = y > 0
    model = SymmetricTreesClassifier(n_trees=1, lr=1.0, depth=1, newton_steps=200).fit(X, y)
    yes = model.columns_.item(), model.thresholds_.item()
    side = X[:, yes[0]] >= yes[1]
    shares = np.where(side, y[side].mean(), y[~side].mean())
    assert_allclose(model.predict_proba(X)[:, 1], shares, atol=1e-9)


def test_a_newton_step_of_three_classes_by_hand() -> None:
    """From p = 1/3 a pure leaf's own class goes by (1 - p) / (p (1 - p) 3/2) = 2, others by -1."""
    X, classes = np.arange(3.0)[:, None], np.array(["a", "b", "c"])
    model = SymmetricTreesClassifier(n_trees=1, lr=1.0, depth=2, l2=NO_L2, newton_steps=1)
    own = 1 / (1 + 2 * np.exp(-3))
    expected = np.where(np.eye(3), own, (1 - own) / 2)
    assert_allclose(model.fit(X, classes).predict_proba(X), expected, atol=1e-6)


@pytest.mark.parametrize("edges", [[0.5], [0.5, 0.95]])
def test_a_rare_class_throws_no_leaf_out(rng, edges) -> None:
    """Of 4,000 rows some 2% are in it, half of them where x is 1: 160 rows, every second one."""
    x = np.repeat([1.0, 0.0], [160, 3840])
    number = np.where(x == 1, np.tile([0.0, 0.9], 2000), rng.random(4000) < 0.01)
    model = SymmetricTreesClassifier(n_trees=120, depth=2).fit(
        np.column_stack([x, rng.normal(size=(4000, 2))]), np.digitize(number, edges)
    )
    assert (np.diff(model.loss_curve_) < 0).all()
    assert model.predict_proba([[1.0, 0, 0]])[0, 1] == pytest.approx(0.5, abs=0.1)


def test_rows_go_down_the_trees_as_they_went_in_training(rng) -> None:
    """With many values, ties on the edges, gaps, and both kinds of float."""
    X = np.column_stack([rng.normal(size=400), rng.integers(0, 40, 400), rng.integers(0, 3, 400)])
    X[rng.random(X.shape) < 0.1] = np.nan
    y = rng.normal(size=400)
    for rows in (X, X.astype(np.float32)):
        model = SymmetricTreesRegressor(n_trees=1, lr=1.0, depth=4, bins=8, l2=NO_L2).fit(rows, y)
        cuts = Cuts.of(rows, bins=8)
        asked, leaf = cuts.grow(y[:, None] - y.mean(), depth=4, l2=NO_L2)
        assert_array_equal(model.columns_[0], cuts.column[asked])
        means = np.array([y[leaf == own].mean() for own in leaf])
        assert_allclose(model.predict(rows), means, atol=1e-6)


def test_a_column_that_is_nearly_always_zero_still_tells(rng) -> None:
    x = np.where(rng.random(2000) < 0.98, 0, rng.integers(1, 60, 2000)).astype(float)
    model = SymmetricTreesClassifier(n_trees=50, depth=1).fit(x[:, None], x > 0)
    assert model.score(x[:, None], x > 0) == 1


def test_a_value_far_from_all_others_is_reached_in_one_step() -> None:
    X, y = np.repeat([0.0, 1.0], [9, 1])[:, None], np.repeat([0.0, 10.0], [9, 1])
    model = SymmetricTreesRegressor(n_trees=1, lr=1.0, depth=1, l2=NO_L2).fit(X, y)
    assert_allclose(model.predict(X), y, atol=1e-6)


def test_what_says_nothing_leaves_the_mean_or_the_share(rng) -> None:
    blank = np.column_stack([np.ones(40), np.full(40, np.nan)])
    y = np.repeat([0, 1], [30, 10])
    assert_allclose(SymmetricTreesClassifier().fit(blank, y).predict_proba(blank)[:, 1], 0.25)
    assert_allclose(SymmetricTreesRegressor().fit(blank, y).predict(blank), 0.25)
    constant = SymmetricTreesRegressor().fit(rng.normal(size=(40, 2)), np.full(40, 7.0))
    assert_array_equal(constant.predict(blank), 7.0)


def test_the_loss_begins_where_only_shares_are_known(marks) -> None:
    X, y = marks
    share = (y > 0).mean()
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    assert SymmetricTreesClassifier(n_trees=1).fit(X, y > 0).loss_curve_ == pytest.approx(entropy)
    assert SymmetricTreesRegressor(n_trees=1).fit(X, 9 * y).loss_curve_ == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("parameter", "refused"),
    [
        ("n_trees", 0),
        ("depth", 17),
        ("depth", 1.5),
        ("bins", 1),
        ("lr", 0.0),
        ("l2", 0),
        ("newton_steps", 0),
    ],
)
def test_what_is_not_allowed_is_named(marks, parameter, refused) -> None:
    X, y = marks
    with pytest.raises(ValueError, match=f"^{parameter} is {refused}; allowed are "):
        SymmetricTreesClassifier(**{parameter: refused}).fit(X, y > 0)


def test_three_classes_however_they_are_called(marks) -> None:
    X, y = marks
    classes = np.digitize(y, [-1.5, 0])
    model = SymmetricTreesClassifier(n_trees=60).fit(X[:350], classes[:350])
    p = model.predict_proba(X[350:])
    assert_allclose(p.sum(axis=1), 1)
    assert log_loss(classes[350:], p) < 0.65 < log_loss(classes[350:], np.full((150, 3), 1 / 3))
    assert (np.diff(model.loss_curve_) < 0).all()
    turned = SymmetricTreesClassifier(n_trees=60).fit(X[:350], 2 - classes[:350])
    assert_allclose(turned.predict_proba(X[350:])[:, ::-1], p, rtol=1e-6)


def test_a_question_for_all_leaves_finds_a_sum_of_thresholds_in_fewer_rows(rng) -> None:
    """What the shape is for: rules that hold everywhere, here how many of five marks are high."""
    X = rng.integers(0, 6, size=(4000, 5)).astype(float)
    y = (X > 2).sum(axis=1) >= 3
    model = SymmetricTreesClassifier(n_trees=100, depth=5).fit(X[:200], y[:200])
    oracle = GradientBoostingClassifier(max_depth=5).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) == 1 > oracle.score(X[200:], y[200:])

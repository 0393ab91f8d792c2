import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.metrics import log_loss

from pipeline.engines.gradient_boosting import (
    Splits,
    SymmetricTreesClassifier,
    SymmetricTreesRegressor,
)

NO_L2 = 1e-9
STUMPS = {"n_trees": 60, "lr": 0.3, "depth": 1, "l2": NO_L2}


@pytest.fixture
def ratings(rng):
    """X (500, 5) of ratings 0 to 5, and y, the minimum of two of them, centred, with noise."""
    X = rng.integers(0, 6, size=(500, 5)).astype(float)
    return X, np.minimum(X[:, 0], X[:, 1]) - 2 + 0.5 * rng.normal(size=500)


def test_a_tree_by_hand() -> None:
    """Residuals -3, -2, -1, 6: the gains are 2 · 5²/3 and 2 · 4²/3; leaf values are r / 2."""
    X, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([1, 2, 3, 10])
    model = SymmetricTreesRegressor(n_trees=1, lr=1.0, depth=2, l2=1.0).fit(X, y)
    assert_array_equal(model.columns_, [[0, 1]])
    assert_array_equal(model.thresholds_, [[0.5, 0.5]])
    assert_allclose(model.values_[0, :, 0], [-1.5, -1, -0.5, 3])
    assert_allclose(model.predict(X), [2.5, 3, 3.5, 7])


def test_boosted_stumps_equal_scikit_learns(ratings) -> None:
    """A tree with a single split is always symmetric."""
    X, y = ratings
    oracle = GradientBoostingRegressor(n_estimators=60, learning_rate=0.3, max_depth=1)
    found = SymmetricTreesRegressor(**STUMPS).fit(X, y).predict(X)
    assert_allclose(found, oracle.fit(X, y).predict(X), atol=1e-6)


def test_boosted_stumps_of_two_classes_equal_scikit_learns(ratings) -> None:
    X, y = ratings
    oracle = GradientBoostingClassifier(n_estimators=60, learning_rate=0.3, max_depth=1)
    expected = oracle.fit(X, y > 0).predict_proba(X)
    found = SymmetricTreesClassifier(newton_steps=1, **STUMPS).fit(X, y > 0).predict_proba(X)
    assert_allclose(found, expected, atol=1e-6)


def test_each_split_has_the_largest_gain(ratings, rng) -> None:
    """Against sums over the rows of each leaf, for two outputs and with missing values."""
    X, _ = ratings
    X[rng.random(X.shape) < 0.1] = np.nan
    residuals, l2 = rng.normal(size=(500, 2)) + (X[:, :1] > 3), 3.0
    splits = Splits.of(X, max_bins=32)
    right = ~(X[:, splits.column] < splits.threshold)
    tree, leaf = splits.grow(residuals, depth=4, l2=l2)
    expected = np.zeros(500, dtype=int)
    for split in tree:
        gains = [
            sum(
                (residuals[leaves == own].sum(axis=0) ** 2).sum() / (np.sum(leaves == own) + l2)
                for own in np.unique(leaves)
            )
            for leaves in (2 * expected + side for side in right.T)
        ]
        assert gains[split] == pytest.approx(max(gains))
        expected = 2 * expected + right[:, split]
    assert_array_equal(leaf, expected)


def test_predictions_are_invariant_to_monotone_transformations(ratings) -> None:
    X, y = ratings
    one = SymmetricTreesRegressor(n_trees=20).fit(X, y).predict(X)
    other = SymmetricTreesRegressor(n_trees=20).fit(np.exp(X), y).predict(np.exp(X))
    assert_allclose(other, one)


def test_a_missing_value_can_be_split_on(ratings, rng) -> None:
    X, _ = ratings
    missing = rng.random(500) < 0.3
    X[missing, 2] = np.nan
    model = SymmetricTreesClassifier(n_trees=50).fit(X[:300], missing[:300])
    assert model.score(X[300:], missing[300:]) == 1
    with pytest.raises(
        ValueError, match=r"row 0, column 1 \(inf\)\. Allowed are finite numbers and"
    ):
        model.predict([[0, np.inf, 0, 0, 0]])


def test_many_newton_steps_converge_to_the_frequency_of_each_leaf(ratings) -> None:
    """There the gradient of the leaf's loss is 0; l2 only makes the steps shorter."""
    X, y = ratings
    y = y > 0
    model = SymmetricTreesClassifier(n_trees=1, lr=1.0, depth=1, newton_steps=200).fit(X, y)
    right = X[:, model.columns_.item()] >= model.thresholds_.item()
    frequencies = np.where(right, y[right].mean(), y[~right].mean())
    assert_allclose(model.predict_proba(X)[:, 1], frequencies, atol=1e-9)


def test_a_newton_step_of_three_classes_by_hand() -> None:
    """From p = 1/3, a pure leaf's class gets (1 - p) / (p (1 - p) 3/2) = 2, the others -1."""
    X, classes = np.arange(3.0)[:, None], np.array(["a", "b", "c"])
    model = SymmetricTreesClassifier(n_trees=1, lr=1.0, depth=2, l2=NO_L2, newton_steps=1)
    own = 1 / (1 + 2 * np.exp(-3))
    expected = np.where(np.eye(3), own, (1 - own) / 2)
    assert_allclose(model.fit(X, classes).predict_proba(X), expected, atol=1e-6)


@pytest.mark.parametrize("edges", [[0.5], [0.5, 0.95]])
def test_newton_steps_for_a_rare_class_do_not_overshoot(rng, edges) -> None:
    """It has 2% of 4,000 rows, half of them among the 160 rows with x = 1, every second one."""
    x = np.repeat([1.0, 0.0], [160, 3840])
    number = np.where(x == 1, np.tile([0.0, 0.9], 2000), rng.random(4000) < 0.01)
    model = SymmetricTreesClassifier(n_trees=120, depth=2).fit(
        np.column_stack([x, rng.normal(size=(4000, 2))]), np.digitize(number, edges)
    )
    assert (np.diff(model.loss_curve_) < 0).all()
    assert model.predict_proba([[1.0, 0, 0]])[0, 1] == pytest.approx(0.5, abs=0.1)


def test_rows_reach_the_same_leaves_in_fit_and_predict(rng) -> None:
    """With many values, ties on the edges, missing values, and both float types."""
    X = np.column_stack([rng.normal(size=400), rng.integers(0, 40, 400), rng.integers(0, 3, 400)])
    X[rng.random(X.shape) < 0.1] = np.nan
    y = rng.normal(size=400)
    for rows in (X, X.astype(np.float32)):
        model = SymmetricTreesRegressor(n_trees=1, lr=1.0, depth=4, bins=8, l2=NO_L2).fit(rows, y)
        splits = Splits.of(rows, max_bins=8)
        tree, leaf = splits.grow(y[:, None] - y.mean(), depth=4, l2=NO_L2)
        assert_array_equal(model.columns_[0], splits.column[tree])
        means = np.array([y[leaf == own].mean() for own in leaf])
        assert_allclose(model.predict(rows), means, atol=1e-6)


def test_a_column_that_is_nearly_always_zero_is_used(rng) -> None:
    x = np.where(rng.random(2000) < 0.98, 0, rng.integers(1, 60, 2000)).astype(float)
    model = SymmetricTreesClassifier(n_trees=50, depth=1).fit(x[:, None], x > 0)
    assert model.score(x[:, None], x > 0) == 1


def test_an_outlier_is_fitted_in_one_step() -> None:
    X, y = np.repeat([0.0, 1.0], [9, 1])[:, None], np.repeat([0.0, 10.0], [9, 1])
    model = SymmetricTreesRegressor(n_trees=1, lr=1.0, depth=1, l2=NO_L2).fit(X, y)
    assert_allclose(model.predict(X), y, atol=1e-6)


def test_uninformative_columns_predict_the_mean_or_the_frequency(rng) -> None:
    blank = np.column_stack([np.ones(40), np.full(40, np.nan)])
    y = np.repeat([0, 1], [30, 10])
    assert_allclose(SymmetricTreesClassifier().fit(blank, y).predict_proba(blank)[:, 1], 0.25)
    assert_allclose(SymmetricTreesRegressor().fit(blank, y).predict(blank), 0.25)
    constant = SymmetricTreesRegressor().fit(rng.normal(size=(40, 2)), np.full(40, 7.0))
    assert_array_equal(constant.predict(blank), 7.0)


def test_the_loss_starts_from_the_frequencies_or_the_variance(ratings) -> None:
    X, y = ratings
    p = (y > 0).mean()
    entropy = -p * np.log(p) - (1 - p) * np.log(1 - p)
    assert SymmetricTreesClassifier(n_trees=1).fit(X, y > 0).loss_curve_ == pytest.approx(entropy)
    assert SymmetricTreesRegressor(n_trees=1).fit(X, 9 * y).loss_curve_ == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("parameter", "value"),
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
def test_invalid_parameters_are_named(ratings, parameter, value) -> None:
    X, y = ratings
    with pytest.raises(ValueError, match=f"^{parameter} is {value}; allowed are "):
        SymmetricTreesClassifier(**{parameter: value}).fit(X, y > 0)


def test_three_classes_in_any_order(ratings) -> None:
    X, y = ratings
    classes = np.digitize(y, [-1.5, 0])
    model = SymmetricTreesClassifier(n_trees=60).fit(X[:350], classes[:350])
    p = model.predict_proba(X[350:])
    assert_allclose(p.sum(axis=1), 1)
    assert log_loss(classes[350:], p) < 0.65 < log_loss(classes[350:], np.full((150, 3), 1 / 3))
    assert (np.diff(model.loss_curve_) < 0).all()
    relabelled = SymmetricTreesClassifier(n_trees=60).fit(X[:350], 2 - classes[:350])
    assert_allclose(relabelled.predict_proba(X[350:])[:, ::-1], p, rtol=1e-6)


def test_symmetric_trees_need_fewer_rows_for_rules_that_hold_everywhere(rng) -> None:
    """The target is whether at least three of five ratings are high."""
    X = rng.integers(0, 6, size=(4000, 5)).astype(float)
    y = (X > 2).sum(axis=1) >= 3
    model = SymmetricTreesClassifier(n_trees=100, depth=5).fit(X[:200], y[:200])
    oracle = GradientBoostingClassifier(max_depth=5).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) == 1 > oracle.score(X[200:], y[200:])

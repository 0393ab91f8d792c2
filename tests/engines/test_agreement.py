"""The engines compute what pipeline/from_scratch explains, to 1e-12."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.engines import fast_adam, fast_layers
from pipeline.engines import gaussian_process as fast_process
from pipeline.engines import gradient_boosting as fast_boosting
from pipeline.engines import linear_regression as fast_linear
from pipeline.engines import logistic_regression as fast_logistic
from pipeline.from_scratch import (
    boosting,
    gaussian_process,
    layers,
    linear_regression,
    logistic_regression,
    optimizers,
)


@pytest.mark.parametrize("units", [None, 1, 2])
def test_layers(units, rng) -> None:
    """An affine layer of one unit and of two; rectified linear units where there is none."""
    pair = layers.Relu(), fast_layers.Relu()
    if units is not None:
        W, b = rng.normal(size=(3, units)), rng.normal(size=units)
        pair = layers.Affine(W, b), fast_layers.Affine(W, b)
    x = rng.normal(size=(20, 3))
    short, fast = (each.forward(x) for each in pair)
    assert_allclose(fast, short, rtol=1e-12, atol=1e-12)
    dy = rng.normal(size=short.shape)
    assert_allclose(pair[1].backward(dy), pair[0].backward(dy), rtol=1e-12, atol=1e-12)
    for name in pair[0].parameters:
        one, two = (getattr(each, "d" + name) for each in pair)
        assert_allclose(two, one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "k", "arguments"),
    [("SoftmaxWithLoss", 4, (0.0,)), ("SoftmaxWithLoss", 4, (0.2,)), ("SigmoidWithLoss", 1, ())],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses(name, k, arguments, weighted, rng) -> None:
    z, t = rng.normal(0, 20, size=(30, k)), rng.integers(max(k, 2), size=30)
    w = rng.uniform(size=30) if weighted else None
    short, fast = (getattr(each, name)(*arguments) for each in (layers, fast_layers))
    assert fast.forward(z, t, w) == pytest.approx(short.forward(z, t, w), rel=1e-12)
    assert_allclose(fast.backward(), short.backward(), rtol=1e-12, atol=1e-14)
    if k > 1:
        assert fast.forward(z, np.eye(k)[t], w) == pytest.approx(short.forward(z, t, w), rel=1e-12)


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_adam(name, rng) -> None:
    """Ten steps of gradients of very different size."""
    theta = rng.normal(size=50)
    paths = [theta.copy(), theta.copy()]
    pair = [getattr(each, name)(0.01) for each in (optimizers, fast_adam)]
    for _ in range(10):
        gradient = rng.normal(size=50) * 10.0 ** rng.integers(-6, 6, 50)
        for each, path in zip(pair, paths, strict=True):
            each.update(path, gradient)
    assert_allclose(*paths, rtol=1e-12)


def test_chunks_do_not_change_adams_step(rng) -> None:
    p = 2 * fast_adam.CHUNK + 3
    theta, gradients = rng.normal(size=p), rng.normal(size=(3, p))
    parts = [theta[i::4].copy() for i in range(4)]
    at_once, separate = fast_adam.Adam(0.01), [fast_adam.Adam(0.01) for _ in parts]
    for g in gradients:
        at_once.update(theta, g)
        for i, (optimizer, part) in enumerate(zip(separate, parts, strict=True)):
            optimizer.update(part, g[i::4])
    for i, part in enumerate(parts):
        assert_array_equal(theta[i::4], part)


@pytest.fixture
def rows(rng):
    X = rng.normal(size=(60, 4))
    return X, X @ [1.0, -2, 0.5, 0] + 3 + rng.normal(size=60)


def same(short, fast) -> None:
    for name in ("coef_", "intercept_", "loss_curve_"):
        one, two = (np.ravel(getattr(each, name)) for each in (short, fast))
        assert_allclose(two, one, rtol=1e-12, atol=1e-12, err_msg=name)


def test_linear_regression(rows) -> None:
    how = {"lr": 0.1, "epochs": 200, "l2": 0.05}
    short = linear_regression.LinearRegression(**how).fit(*rows)
    same(short, fast_linear.LinearRegression(solver="plain", **how).fit(*rows))

    W, b = linear_regression.normal_equation(*rows, l2=0.05)
    exact = fast_linear.LinearRegression(solver="closed_form", l2=0.05).fit(*rows)
    assert_allclose([*exact.coef_, exact.intercept_], [*W, b], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression(rows, classes) -> None:
    X, y = rows
    labels = np.digitize(y, np.quantile(y, np.arange(1, classes) / classes))
    kind = (
        logistic_regression.LogisticRegression
        if classes == 2
        else logistic_regression.SoftmaxRegression
    )
    how = {"lr": 0.5, "epochs": 100, "l2": 0.01}
    short = kind(**how).fit(X, labels)
    fast = fast_logistic.LogisticRegression(solver="plain", **how).fit(X, labels)
    same(short, fast)
    assert_allclose(fast.predict_proba(X), short.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("classes", [False, True])
def test_gradient_boosting(rng, classes) -> None:
    """Ratings, so that no column has more values than the engine has bins."""
    X = rng.integers(0, 6, size=(150, 4)).astype(float)
    y = np.minimum(X[:, 0], X[:, 1]) + rng.normal(size=150)
    how = {"n_trees": 12, "lr": 0.3, "depth": 3, "l2": 3.0}
    if classes:
        y = (y > 2).astype(int)
        short = boosting.SymmetricTreesClassifier(**how).fit(X, y)
        fast = fast_boosting.SymmetricTreesClassifier(newton_steps=1, **how).fit(X, y)
        assert_allclose(fast.predict_proba(X), short.predict_proba(X), rtol=1e-12)
    else:
        short = boosting.SymmetricTrees(**how).fit(X, y)
        fast = fast_boosting.SymmetricTreesRegressor(**how).fit(X, y)
        assert_allclose(fast.predict(X), short.predict(X), rtol=1e-12)
    for tree, columns, thresholds, values in zip(
        short.trees_, fast.columns_, fast.thresholds_, fast.values_, strict=True
    ):
        assert_array_equal(columns, tree.columns)
        assert_array_equal(thresholds, tree.thresholds)
        assert_allclose(values[:, 0], tree.values, rtol=1e-10, atol=1e-12)


def test_gaussian_process(rows) -> None:
    """The fitted kernel of the engine in the short formula; exponent 2 makes it Gaussian."""
    X, y = rows
    fast = fast_process.GaussianProcessRegressor(steps=15, exponent=2.0).fit(X, y)
    short = gaussian_process.GaussianProcess(
        length_scale=fast.length_scale_,
        signal=fast.signal_,
        constant=fast.constant_,
        noise=fast.noise_,
    ).fit(X, (y - y.mean()) / y.std())
    more = 2 * X[::2] + 0.1
    expected = short.predict(more) * y.std() + y.mean()
    assert_allclose(fast.predict(more), expected, rtol=1e-12, atol=1e-12)

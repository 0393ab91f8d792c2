"""docs/playground.html in a real browser: its numbers are those of the Python classes."""

import json
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.engines.gradient_boosting import SymmetricTreesRegressor
from pipeline.from_scratch import layers, optimizers
from pipeline.from_scratch.dropout import Dropout
from pipeline.from_scratch.network import Network
from pipeline.from_scratch.recurrent import Recurrent
from tests import test_browser
from tests.project import ROOT
from tests.test_browser import OVERFLOWING, PHONE, By, Keys, open_page, outside, requested

pytestmark = test_browser.pytestmark
browser = test_browser.browser
PAGE = ROOT / "docs" / "playground.html"
ACTIVATIONS = {"sigmoid": layers.Sigmoid, "tanh": layers.Tanh, "relu": layers.Relu}
OPTIMIZERS = {
    "sgd": lambda lr, beta: optimizers.SGD(lr),
    "momentum": optimizers.Momentum,
    "nesterov": optimizers.Nesterov,
    "adagrad": lambda lr, beta: optimizers.AdaGrad(lr),
    "rmsprop": lambda lr, beta: optimizers.RMSProp(lr, beta),
    "adam": lambda lr, beta: optimizers.Adam(lr, (beta, 0.999)),
}


@pytest.fixture(scope="module")
def page(browser):
    open_page(browser, PAGE)
    return browser


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def compute(page, expression: str, **values):
    """An expression of the page's own functions; arrays go in and come out as lists."""
    names = ", ".join(values)
    text = json.dumps({name: np.asarray(value).tolist() for name, value in values.items()})
    return page.execute_script(f"const {{ {names} }} = {text}; return {expression};")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_paths_on_the_surface_are_those_of_the_optimizers(page, name):
    settings = {"lr": 0.3, "beta": 0.9}
    theta, optimizer = np.array([-7.0, 2.0]), OPTIMIZERS[name](**settings)
    expected = [theta.copy()]
    for _ in range(40):
        optimizer.update(theta, theta * np.array([2 / 20, 2.0]))
        expected.append(theta.copy())

    path = compute(
        page,
        "course.descend({ optimizer, lr, beta, condition: 20, steps: 40, start: [-7, 2] })",
        optimizer=name,
        **settings,
    )

    assert_allclose(path, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_layers_have_the_standard_deviations_of_the_python_layers(page, rng, name):
    x, gradient = rng.normal(size=(2, 30, 20))
    weights = rng.normal(0, 0.3, (5, 20, 20))
    found = compute(
        page,
        f"course.propagate(x, weights, '{name}', gradient)",
        x=x,
        weights=weights,
        gradient=gradient,
    )
    stack = [(layers.Affine(W), ACTIVATIONS[name]()) for W in weights]
    forward, back = [], []
    for affine, activation in stack:
        x = activation.forward(affine.forward(x))
        forward.append(x.std())
    for affine, activation in reversed(stack):
        back.append(gradient.std())
        gradient = affine.backward(activation.backward(gradient))

    assert_allclose(found["forward"], forward, rtol=1e-12)
    assert_allclose(found["back"], back[::-1], rtol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_network_learns_as_the_python_network_with_the_same_weights(page, rng, name):
    """Two steps of AdamW with dropout: the losses, and all weights and biases after them."""
    sizes, X, t = (2, 5, 4, 1), rng.normal(size=(12, 2)), rng.integers(0, 2, 12)
    weights = [rng.normal(size=shape) for shape in pairwise(sizes)]
    biases = [rng.normal(size=width) for width in sizes[1:]]
    affine = [layers.Affine(W.copy(), b.copy()) for W, b in zip(weights, biases, strict=True)]
    dropouts = [Dropout(0.3, rng), Dropout(0.3, rng)]
    stack = [affine[0], ACTIVATIONS[name](), dropouts[0]]
    stack += [affine[1], ACTIVATIONS[name](), dropouts[1], affine[2]]
    network = Network(stack, layers.SigmoidWithLoss())
    optimizer = optimizers.AdamW(0.05, weight_decay=0.4, n_decayed=network.n_weights)
    losses, masks = [], []
    for _ in range(2):
        losses.append(network.loss_and_gradient(X, t))
        masks.append([dropout.mask.tolist() for dropout in dropouts])
        optimizer.update(network.theta, network.gradient)

    start = [[parameter.tolist() for parameter in part] for part in (weights, biases)]
    found = page.execute_script(
        """
        const [X, t, weights, biases, masks, activation] = JSON.parse(arguments[0]);
        const network = new course.Network(weights, biases, activation), losses = [];
        for (const mask of masks) {
            const gradients = network.gradients(X, t, mask);
            losses.push(gradients.loss);
            network.step(gradients, { lr: 0.05, decay: 0.4 });
        }
        return [losses, [...network.weights.flat(2), ...network.biases.flat()],
                network.probabilities(X)];
        """,
        json.dumps([X.tolist(), t.tolist(), *start, masks, name]),
    )

    assert_allclose(found[0], losses, rtol=1e-7)  # a mask is float32, as 1 / (1 - 0.3) is in it
    assert_allclose(found[1], network.theta, rtol=1e-6)
    probability = 1 / (1 + np.exp(-network.predict(X)[:, 0]))
    assert_allclose(found[2], probability, rtol=1e-6)


@pytest.mark.parametrize(("w", "b"), [(0.9, 0.0), (-1.3, 0.1), (1.7, -0.4)])
def test_the_state_and_its_gradient_are_those_of_the_recurrent_layer(page, w, b):
    layer = Recurrent(np.array([[1.0]]), np.array([[w]]))
    layer.b[:] = b
    impulse = np.zeros((1, 40, 1))
    impulse[0, 0, 0] = 0.7
    states = layer.forward(impulse)
    last = np.zeros_like(impulse)
    last[:, -1] = 1

    found = compute(page, "course.remember({ w, b, input: 0.7, steps: 40 })", w=w, b=b)

    assert_allclose(found["states"], states.ravel(), rtol=1e-12)
    assert_allclose(found["gradients"], layer.backward(last).ravel(), rtol=1e-12)


@pytest.mark.parametrize("depth", [1, 3])
def test_the_boosted_trees_predict_what_the_python_trees_predict(page, rng, depth):
    X = rng.uniform(-1, 1, (40, 2))
    y = np.sin(3 * X[:, 0]) + X[:, 0] * X[:, 1] + rng.normal(0, 0.1, 40)
    settings = {"depth": depth, "lr": 0.3, "l2": 1.0}
    found = compute(
        page,
        "(model => [1, 7, 25].map(n => X.map(row => model.predict(row, n))))"
        "(course.boost(X, y, { trees: 25, depth, lr, l2 }))",
        X=X,
        y=y,
        **settings,
    )
    for n_trees, predictions in zip((1, 7, 25), found, strict=True):
        model = SymmetricTreesRegressor(n_trees=n_trees, bins=64, **settings).fit(X, y)
        assert_allclose(predictions, model.predict(X), rtol=1e-9)


def test_the_page_is_operated_by_keyboard_and_asks_the_network_for_nothing(browser):
    open_page(browser, PAGE)
    slider = browser.find_element(By.ID, "memory-w")
    shown = browser.find_element(By.CSS_SELECTOR, 'output[for="memory-w"]')
    before = browser.find_element(By.CSS_SELECTOR, "#memory .readout").text
    slider.send_keys(Keys.ARROW_RIGHT)
    assert shown.text == "0.91"
    assert browser.find_element(By.CSS_SELECTOR, "#memory .readout").text != before
    browser.find_element(By.ID, "boundary-step").send_keys(Keys.ENTER)
    assert "Epoch 1:" in browser.find_element(By.CSS_SELECTOR, "#boundary .readout").text
    browser.find_element(By.ID, "descent-surface").send_keys(Keys.ARROW_UP)
    assert browser.execute_script("return descent.start") == [-7, 2.25]
    unlabelled = (
        "return [...document.querySelectorAll('input, select')].filter(c => !c.labels.length)"
    )
    assert browser.execute_script(unlabelled) == []
    assert browser.get_log("browser") == []
    assert outside(requested(browser)) == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_fits_a_phone_in_both_languages(browser, language):
    open_page(browser, PAGE, width=PHONE)
    if language == "ko":
        browser.find_element(By.ID, "language").send_keys(Keys.ENTER)
        assert "경사하강법" in browser.find_element(By.TAG_NAME, "nav").text
    browser.execute_script(
        "document.querySelectorAll('details').forEach((d) => { d.open = true; })"
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= PHONE
    assert browser.execute_script(OVERFLOWING) == []


def test_every_text_is_there_in_both_languages(browser):
    """Each English span has a Korean one beside it, with the same number of formulas in code."""
    open_page(browser, PAGE)
    pairs = browser.execute_script(
        "return [...document.querySelectorAll('span[lang=en]')].map((s) => {"
        "const ko = s.nextElementSibling;"
        "return ko && ko.lang === 'ko' && ko.textContent !== ''"
        " && s.querySelectorAll('code').length === ko.querySelectorAll('code').length; })"
    )
    assert len(pairs) > 50 and all(pairs)

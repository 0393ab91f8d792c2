"""Each optimizer against its scalar definition and against recorded steps of PyTorch."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch import optimizers, schedules, weight_decay

LR = 0.1


def sgd(theta, gradients):
    for g in gradients:
        theta = theta - LR * g
    return theta


def momentum(theta, gradients, beta=0.9):
    v = 0.0
    for g in gradients:
        v = beta * v - LR * g
        theta = theta + v
    return theta


def nesterov(theta, gradients, beta=0.9):
    """PyTorch's form: b <- beta b + g, theta <- theta - lr (g + beta b)."""
    b = 0.0
    for g in gradients:
        b = beta * b + g
        theta = theta - LR * (g + beta * b)
    return theta


def adagrad(theta, gradients):
    h = 0.0
    for g in gradients:
        h = h + g**2
        theta = theta - LR * g / (h**0.5 + 1e-8)
    return theta


def rmsprop(theta, gradients, rho=0.99):
    h = 0.0
    for g in gradients:
        h = rho * h + (1 - rho) * g**2
        theta = theta - LR * g / (h**0.5 + 1e-8)
    return theta


def adam(theta, gradients, decay=0.0):
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        theta = theta - LR * decay * theta
        m = 0.9 * m + 0.1 * g
        v = 0.999 * v + 0.001 * g**2
        theta = theta - LR * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8)
    return theta


def adamw(theta, gradients):
    return adam(theta, gradients, decay=0.5)


DEFINITIONS = [
    (optimizers.SGD(LR), sgd),
    (optimizers.Momentum(LR), momentum),
    (optimizers.Nesterov(LR), nesterov),
    (optimizers.AdaGrad(LR), adagrad),
    (optimizers.RMSProp(LR), rmsprop),
    (optimizers.Adam(LR), adam),
    (optimizers.AdamW(LR, weight_decay=0.5), adamw),
]


@pytest.mark.parametrize(("optimizer", "definition"), DEFINITIONS, ids=lambda x: type(x).__name__)
def test_steps_equal_the_published_definition(optimizer, definition, rng) -> None:
    start, gradients = rng.normal(size=4), rng.normal(size=(20, 4))
    theta = start.copy()
    for g in gradients:
        before = g.copy()
        optimizer.update(theta, g)
        assert (g == before).all(), "the gradient must not be changed"
    for i in range(4):
        assert theta[i] == pytest.approx(definition(start[i], gradients[:, i]), rel=1e-9)


PYTORCH = json.loads(Path(__file__).with_name("pytorch_optimizers.json").read_text("utf-8"))


@pytest.mark.parametrize("case", PYTORCH["paths"], ids=lambda case: case["name"])
def test_steps_equal_pytorchs(case) -> None:
    """record_pytorch_optimizers.py describes the correspondence of the arguments."""
    optimizer = getattr(optimizers, case["name"])(**case["arguments"])
    theta, path = np.array(PYTORCH["start"]), []
    for gradient in PYTORCH["gradients"]:
        optimizer.update(theta, np.array(gradient))
        path.append(theta.copy())
    assert len(path) == 20
    assert_allclose(path, case["path"], rtol=1e-6)


@pytest.mark.parametrize("case", PYTORCH["clipped"], ids=lambda case: str(case["max_norm"]))
def test_clipping_equals_pytorchs(case) -> None:
    gradient = np.array(PYTORCH["gradients"][0])
    assert optimizers.clip_norm(gradient, case["max_norm"]) == pytest.approx(
        case["norm"], rel=1e-12
    )
    assert_allclose(gradient, case["gradient"], rtol=1e-6)


def test_first_step_of_adam_is_lr_whatever_the_scale() -> None:
    theta = np.zeros(3)
    optimizers.Adam(0.01).update(theta, np.array([1e-3, 1.0, -1e3]))
    assert_allclose(theta, [-0.01, -0.01, 0.01], rtol=1e-4)


@pytest.mark.parametrize(("optimizer", "_"), DEFINITIONS, ids=lambda x: type(x).__name__)
def test_float32_stays_float32(optimizer, _) -> None:
    theta = np.ones(3, np.float32)
    fresh = type(optimizer)(LR)
    for _ in range(2):
        fresh.update(theta, np.ones(3, np.float32))
    state = [value for value in vars(fresh).values() if isinstance(value, np.ndarray)]
    assert all(array.dtype == np.float32 for array in (theta, *state))


def test_decay_applies_only_to_the_first_n_decayed_parameters() -> None:
    theta = np.ones(4)
    optimizers.AdamW(0.1, weight_decay=0.5, n_decayed=3).update(theta, np.zeros(4))
    assert_allclose(theta, [0.95, 0.95, 0.95, 1])


def test_weight_decay_is_l2_for_sgd_and_not_for_adam(rng) -> None:
    start, gradients = rng.normal(size=4), rng.normal(size=(10, 4))

    def in_loss(optimizer) -> np.ndarray:
        theta = start.copy()
        for g in gradients:
            g = g.copy()
            weight_decay.add_l2(g, theta, 0.5)
            optimizer.update(theta, g)
        return theta

    def decoupled(optimizer) -> np.ndarray:
        theta = start.copy()
        for g in gradients:
            weight_decay.decay(theta, LR * 0.5)
            optimizer.update(theta, g)
        return theta

    assert_allclose(in_loss(optimizers.SGD(LR)), decoupled(optimizers.SGD(LR)))
    difference = in_loss(optimizers.Adam(LR)) - decoupled(optimizers.Adam(LR))
    assert np.abs(difference).max() > 0.01
    expected = [adamw(start[i], gradients[:, i]) for i in range(4)]
    assert_allclose(decoupled(optimizers.Adam(LR)), expected)


def test_clipping_keeps_the_direction() -> None:
    g = np.array([3.0, 4.0])
    assert optimizers.clip_norm(g, 1.0) == 5
    assert_allclose(g, [0.6, 0.8])
    assert optimizers.clip_norm(g, 2.0) == pytest.approx(1)
    assert_allclose(g, [0.6, 0.8])


def test_schedules_at_selected_points() -> None:
    assert [schedules.step_decay(t) for t in (0, 0.49, 0.5, 0.75)] == [1, 1, 0.1, 0.01]
    assert_allclose([schedules.cosine(t) for t in (0, 0.5, 1)], [1, 0.5, 0], atol=1e-12)
    ends = (2.0 ** np.arange(5) - 1) / 15  # of the four cycles
    assert_allclose([schedules.coslog4(t) for t in ends], 0, atol=1e-12)
    peaks = (2.0 ** (np.arange(4) + 0.5) - 1) / 15
    assert_allclose([schedules.coslog4(t) for t in peaks], 1)

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import pseudo_huber
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance

from pipeline.engines import fast_layers
from pipeline.from_scratch import layers, losses
from pipeline.from_scratch.batch_ensemble import ScaleEnsemble, SubmodelsAsColumns
from pipeline.from_scratch.batch_normalisation import BatchNormalisation
from pipeline.from_scratch.dropout import Dropout
from pipeline.from_scratch.gradients import numerical_gradient
from pipeline.from_scratch.learned_scaling import LearnedScaling, ParametricActivation
from pipeline.from_scratch.numerical_embeddings import (
    AffineByColumn,
    Cosine,
    CosineAndSine,
    Frequencies,
    PiecewiseLinear,
)

rng = np.random.default_rng(0)
LAYERS = [
    layers.Affine(rng.normal(size=(3, 2)), rng.normal(size=2)),
    layers.Relu(),
    layers.Sigmoid(),
    layers.Tanh(),
    layers.Selu(),
    layers.Mish(),
    layers.Identity(),
    BatchNormalisation(3),
    LearnedScaling(3, lr_factor=6.0),
    ParametricActivation(3, layers.Tanh()),
    Frequencies(3, 4, 0.2, rng),
    Frequencies(3, 4, 0.2, rng, phases=True),
    Cosine(),
    CosineAndSine(),
    AffineByColumn(rng.normal(size=(1, 3, 2))),
    AffineByColumn(rng.normal(size=(3, 1, 2))),
    PiecewiseLinear([np.array([-1.0, -0.3, 0.4, 1.0]), np.array([0.0, 1.0]), np.array([0, 1, 3])]),
    ScaleEnsemble(3, 4, rng),
    SubmodelsAsColumns(2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("training", [True, False])
def test_backward_matches_finite_differences(layer, training, rng) -> None:
    layer.training = training
    for name in layer.parameters:
        getattr(layer, name)[...] += rng.normal(size=getattr(layer, name).shape)
    x = rng.normal(size=(4, 3))
    dy = rng.normal(size=layer.forward(x).shape)
    x_before, dy_before = x.copy(), dy.copy()

    layer.forward(x)
    dx = layer.backward(dy)

    assert_array_equal(x, x_before)
    assert_array_equal(dy, dy_before)
    gradients = {name: getattr(layer, "d" + name).copy() for name in layer.parameters}
    if isinstance(layer, BatchNormalisation):
        layer.momentum = 1.0  # keeps the running statistics constant

    def loss(_: np.ndarray) -> float:
        return float(np.sum(layer.forward(x) * dy))

    assert_allclose(dx, numerical_gradient(loss, x), rtol=1e-6, atol=1e-9)
    for name, gradient in gradients.items():
        expected = numerical_gradient(loss, getattr(layer, name))
        assert_allclose(gradient, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("loss", "k", "target", "oracle"),
    [
        (layers.SoftmaxWithLoss(), 3, np.array([0, 2, 1, 1]), losses.cross_entropy_from_logits),
        (
            layers.SoftmaxWithLoss(smoothing=0.2),
            3,
            np.array([0, 2, 1, 1]),
            lambda z, t, w: losses.cross_entropy_from_logits(z, t, w, smoothing=0.2),
        ),
        (
            layers.SigmoidWithLoss(),
            1,
            np.array([0, 1, 1, 0]),
            lambda z, t, w: losses.binary_cross_entropy_from_logits(z[:, 0], t, w),
        ),
        (
            layers.SquaredErrorLoss(),
            1,
            np.array([0.5, -1, 2, 0]),
            lambda z, t, w: losses.mean_squared_error(z[:, 0], t, w),
        ),
        (
            layers.AbsoluteErrorLoss(),
            1,
            np.array([0.5, -1, 2, 0]),
            lambda z, t, w: np.average(pseudo_huber(0.1, z[:, 0] - t) / 0.1, weights=w),
        ),
        (
            layers.PinballLoss(0.8, delta=1e-9),
            1,
            np.array([0.5, -1, 2, 0]),
            lambda z, t, w: mean_pinball_loss(t, z[:, 0], alpha=0.8, sample_weight=w),
        ),
        (
            layers.PoissonLoss(),
            1,
            np.array([0.5, 3, 2, 1]),
            lambda z, t, w: (
                mean_poisson_deviance(t, np.exp(z[:, 0]), sample_weight=w) / 2
                - np.average(t * np.log(t) - t, weights=w)
            ),
        ),
    ],
    ids=["softmax", "smoothed", "sigmoid", "squared", "absolute", "pinball", "poisson"],
)
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_layers(loss, k, target, oracle, weighted, rng) -> None:
    z = rng.normal(size=(4, k))
    before = z.copy()
    w = np.array([0.5, 2.0, 1.0, 0.5]) if weighted else None
    assert loss.forward(z, target, w) == pytest.approx(oracle(z, target, w))
    assert_array_equal(z, before)
    error = loss.backward().copy()
    expected = numerical_gradient(lambda z: loss.forward(z, target, w), z)
    assert_allclose(error, expected, rtol=1e-6, atol=1e-9)


def test_batch_normalisation_gives_mean_0_and_variance_1(rng) -> None:
    layer = BatchNormalisation(5)
    x = rng.normal(3, 10, size=(1000, 5)) * [1, 100, 1, 1, 0.1]
    y = layer.forward(x)
    assert_allclose(y.mean(axis=0), 0, atol=1e-10)
    assert_allclose(y.var(axis=0), 1, rtol=1e-4)
    for _ in range(200):
        layer.forward(x)
    assert_allclose(layer.running_mean, x.mean(axis=0), rtol=1e-6)
    layer.training = False
    assert_allclose(layer.forward(x[:1]), y[:1], rtol=1e-6)


def test_batch_normalisation_ignores_a_single_row_in_its_running_statistics(rng) -> None:
    layer = BatchNormalisation(3)
    layer.forward(rng.normal(size=(1, 3)))
    assert_array_equal(layer.running_mean, 0)
    assert_array_equal(layer.running_variance, 1)


def test_dropout_keeps_the_expectation_and_reuses_its_mask_in_backward(rng) -> None:
    layer = Dropout(0.3, rng)
    x = np.ones((2000, 50))
    y = layer.forward(x)
    assert np.mean(y == 0) == pytest.approx(0.3, abs=0.01)
    assert y.mean() == pytest.approx(1, abs=0.01)
    assert_array_equal(layer.backward(x), y)
    layer.training = False
    assert_array_equal(layer.forward(x), x)
    assert_array_equal(layer.backward(x), x)


def test_dropout_gives_the_same_mask_for_the_same_seed() -> None:
    one, two = (Dropout(0.5, np.random.default_rng(3)).forward(np.ones((9, 9))) for _ in range(2))
    assert_array_equal(one, two)


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_another_shape_are_refused(layer, training, rng) -> None:
    """NumPy would broadcast a row, or a column, over all of them."""
    layer.training = training
    y = layer.forward(rng.normal(size=(4, 3)))
    for dy in (y[:1], y[:, :1], y[:, 0], np.vstack([y, y])):
        if dy.shape != y.shape:
            with pytest.raises(ValueError, match=r"shape|dimension|mismatch"):
                layer.backward(np.array(dy))


@pytest.mark.parametrize(
    "layer", [each for each in LAYERS if each.parameters], ids=lambda each: type(each).__name__
)
def test_inputs_of_another_width_are_refused(layer, rng) -> None:
    for x in (rng.normal(size=(4, 1)), rng.normal(size=(4, 5)), rng.normal(size=3)):
        with pytest.raises(ValueError, match="x has shape"):
            layer.forward(x)


@pytest.mark.parametrize("loss", [layers.SquaredErrorLoss(), layers.AbsoluteErrorLoss()])
def test_losses_of_one_output_refuse_more(loss) -> None:
    with pytest.raises(ValueError, match=r"output has shape \(3, 2\), the target \(3,\)"):
        loss.forward(np.ones((3, 2)), np.ones(3))
    for target in (np.ones((3, 1)), np.ones(1), np.ones(4)):
        with pytest.raises(ValueError, match="target"):
            loss.forward(np.ones((3, 1)), target)
    with pytest.raises(ValueError, match="weight has shape"):
        loss.forward(np.ones((3, 1)), np.ones(3), np.ones(1))


@pytest.mark.parametrize("kind", [layers.SoftmaxWithLoss, fast_layers.SoftmaxWithLoss])
def test_softmax_takes_one_hot_rows_and_refuses_other_labels(kind, rng) -> None:
    z, t = rng.normal(size=(4, 3)), np.array([0, 2, 1, 1])
    loss = kind(0.1)
    assert loss.forward(z, np.eye(3)[t]) == pytest.approx(loss.forward(z, t), rel=1e-12)
    for wrong in ([0, 2, 1, -1], [0, 2, 1, 3], [[0, 2, 1, 1]], np.ones((4, 3)), [0.5, 1, 0, 1]):
        with pytest.raises(ValueError, match="labels"):
            loss.forward(z, np.array(wrong))


@pytest.mark.parametrize("shape", [(1,), (4, 3), ()])
def test_a_bias_that_numpy_would_broadcast_is_refused(shape) -> None:
    with pytest.raises(ValueError, match=r"b has shape .*, expected \(3,\)"):
        layers.Affine(np.ones((2, 3)), np.zeros(shape))

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.from_scratch import initialisation, layers

DRAWS = [initialisation.xavier, initialisation.he, initialisation.lecun]
VARIANCE = {"xavier": 2 / 700, "he": 2 / 400, "lecun": 1 / 400}


@pytest.mark.parametrize("draw", DRAWS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("uniform", [False, True])
def test_published_variance(draw, uniform, rng) -> None:
    W = draw(rng, 400, 300, uniform=uniform)
    assert W.shape == (400, 300)
    assert W.var() == pytest.approx(VARIANCE[draw.__name__], rel=0.02)
    assert W.mean() == pytest.approx(0, abs=5e-4)


@pytest.mark.parametrize("depth", [5, 50])
@pytest.mark.parametrize("uniform", [False, True])
def test_activations_keep_their_scale_through_many_layers(depth, uniform, rng) -> None:
    def scale(draw, activation) -> float:
        x = rng.normal(size=(100, 128))
        for _ in range(depth):
            x = activation.forward(x @ draw(rng, 128, 128))
        return float(np.sqrt(np.mean(x**2)))

    def drawn(draw):
        return lambda *args: draw(*args, uniform=uniform)

    assert 0.2 < scale(drawn(initialisation.he), layers.Relu()) < 5
    assert 0.5 < scale(drawn(initialisation.lecun), layers.Selu()) < 2
    assert 0.05 < scale(drawn(initialisation.xavier), layers.Tanh()) < 1
    assert scale(drawn(initialisation.fixed_std), layers.Tanh()) < 0.2**depth, "it vanishes"


def test_orthogonal_preserves_norms(rng) -> None:
    W = initialisation.orthogonal(rng, 20)
    assert_allclose(W.T @ W, np.eye(20), atol=1e-12)

"""The errors of predicted numbers: against scikit-learn, and a curve that a line misses."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import r2_score

from pipeline.config import BLEND
from pipeline.report import value_errors
from tests.report.values import blended, evidence, folds


def plots(y, predicted):
    """The two figures for a target y (n,) and a blend (n,)."""
    found = evidence("regression")
    oof = predicted[:, np.newaxis]
    made = replace(
        found,
        load=replace(found.load, y=y),
        split=folds(len(y)),
        train={},
        blend=blended(oof, y, "rmse", ()),
    )
    assert list(made.predictions) == [BLEND]
    return value_errors.plots(value_errors.compute(made), made)


def test_classes_have_no_such_section():
    assert value_errors.compute(evidence("binary")) is None


def test_the_explained_variance_is_scikit_learns():
    rng = np.random.default_rng(2)
    y = rng.normal(size=500)
    predicted = 0.8 * y + rng.normal(scale=0.3, size=500)
    caption = plots(y, predicted)[0].caption
    assert f"explains {r2_score(y, predicted):.1%} of" in caption
    assert f"correlation is {np.corrcoef(y, predicted)[0, 1]:.3f}" in caption


def test_a_constant_prediction_has_no_correlation():
    caption = plots(np.arange(90.0), np.full(90, 44.5))[0].caption
    assert caption.endswith("correlation is 0.000.")


@pytest.mark.parametrize(
    ("curvature", "verdict"),
    [
        (0.0, "no sign of a curve"),
        (0.5, "Small predictions are too low, large ones too low"),
        (-0.5, "Small predictions are too high, large ones too high"),
    ],
)
def test_residuals_show_the_curve_that_a_line_missed(curvature, verdict):
    rng = np.random.default_rng(3)
    line = rng.normal(size=3000)
    y = line + curvature * (line**2 - 1) + rng.normal(size=3000)
    assert verdict in plots(y, line)[1].caption

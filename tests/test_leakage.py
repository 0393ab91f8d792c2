"""Labels that mean nothing score chance, through encode, fits and blend together."""

import numpy as np
import pandas as pd
import pytest

from pipeline.blending import FittedBlend
from pipeline.encoding.views import FoldEncoder
from pipeline.problem import Loaded
from pipeline.settings import EncoderSettings
from tests import values

ROWS = 1200
MODELS = {"linear": {}, "lightgbm": {"max_rounds": 8}}
# "auto" finds that streets do not differ, and smooths a leak away with their means
ENCODER = EncoderSettings(smoothing=10.0)


@pytest.fixture
def permuted() -> Loaded:
    """Half of the rows of each class, whatever their features; `street` gets target means."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.integers(0, 6, size=ROWS + 30),
            "street": rng.choice([f"street {i}" for i in range(200)], size=ROWS + 30),
            "weight": rng.normal(size=ROWS + 30),
        }
    )
    y = rng.permutation(np.arange(ROWS) % 2)
    kinds = {"size": "number", "street": "category", "weight": "number"}
    return values.loaded(frame[:ROWS], frame[ROWS:], y, kinds, ("no", "yes"))


def accuracy(load: Loaded, folder) -> float:
    """Of the blend, out of fold."""
    fits, folds = values.fits(folder, load), values.folds(ROWS).folds
    oof = {name: np.empty((ROWS, 2)) for name in MODELS}
    for name, settings in MODELS.items():
        for fold in folds:
            oof[name][fold.valid] = fits.fit(values.member(name, ENCODER, **settings), fold).valid
    blended = FittedBlend(tuple(MODELS), np.array([0.5, 0.5])).combine(oof)
    return float((blended.argmax(axis=1) == load.y).mean())


def test_permuted_labels_score_chance_from_encode_to_blend(permuted, tmp_path):
    fitted = values.fits(tmp_path, permuted).fitted(
        values.member("linear"), values.folds(ROWS).folds[0]
    )
    assert "street target mean" in fitted.encoder.names("tree")
    assert accuracy(permuted, tmp_path) == pytest.approx(0.5, abs=3 * np.sqrt(0.25 / ROWS))


def test_a_leak_would_be_seen(permuted, tmp_path, monkeypatch):
    """The same with target means that are fitted on the validation rows too."""
    whole = values.fits(tmp_path, permuted).encode.value.tables[""].train

    def fit_on_all_rows(encoder, table, y, rng, view):
        return encoder.fit(whole, permuted.y, rng).transform(table, view)

    monkeypatch.setattr(FoldEncoder, "fit_transform", fit_on_all_rows)
    assert accuracy(permuted, tmp_path) > 0.6

"""Labels that mean nothing score chance, through load, encode, train and blend together."""

import numpy as np
import pandas as pd
import pytest

from pipeline.encoding.views import FoldEncoder
from pipeline.progress import Progress
from pipeline.runner import run_stage
from tests.test_predictor import finished

ROWS = 1200


@pytest.fixture
def permuted() -> pd.DataFrame:
    """Half of the rows of each class, whatever their features; `street` gets target means."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS + 30),
            "size": rng.integers(0, 6, size=ROWS + 30),
            "street": rng.choice([f"street {i}" for i in range(200)], size=ROWS + 30),
            "weight": rng.normal(size=ROWS + 30),
            "answer": np.append(rng.permutation(np.arange(ROWS) % 2), np.arange(30) % 2),
        }
    )


def accuracy(workspace) -> float:
    y, oof = workspace.stage("load").read_array("y"), workspace.stage("blend").read_array("oof")
    return float((oof.argmax(axis=1) == y).mean())


def test_permuted_labels_score_chance_from_encode_to_blend(permuted, tmp_path):
    workspace = finished(tmp_path, permuted, method="greedy")
    columns = workspace.stage("encode").folder("r0-f0").read_json("columns")
    assert "street target mean" in columns["tree"]["columns"]
    assert accuracy(workspace) == pytest.approx(0.5, abs=3 * np.sqrt(0.25 / ROWS))


def test_a_leak_would_be_seen(permuted, tmp_path, monkeypatch):
    """The same with target means that are fitted on the validation rows too."""
    workspace = finished(tmp_path, permuted, method="greedy")
    frame, y = workspace.stage("load").read_table("train"), workspace.stage("load").read_array("y")

    def fit_on_all_rows(encoder, rows, labels, rng):
        FoldEncoder.fit(encoder, frame, np.array(y), rng)
        return encoder.transform(rows)

    monkeypatch.setattr(FoldEncoder, "fit_transform", fit_on_all_rows)
    for stage, model in (("encode", None), ("train", "linear"), ("train", "lightgbm")):
        run_stage(workspace, stage, model, Progress(live=False))
    run_stage(workspace, "blend", None, Progress(live=False))
    assert accuracy(workspace) > 0.6

"""A source of rows differs from other columns in how its values repeat and what they predict."""

import numpy as np
import pandas as pd
import pytest

from pipeline.exploration.strength import FoldedTarget
from pipeline.report.origins import find_origins


def tables(rng, predicts=True):
    """600 visits of 120 patients in train, 200 of 40 others in test, whose ill ones differ."""
    patient, other = np.repeat(np.arange(120), 5), np.repeat(np.arange(120, 160), 5)
    ill = rng.random(160) < 0.5
    y = ill[patient] ^ (rng.random(600) < (0.1 if predicts else 0.5))
    frames = [
        pd.DataFrame(
            {
                "patient": [f"P{number}" for number in rows],
                "age": rng.integers(18, 80, len(rows)),
                "ward": rng.choice(["north", "south"], len(rows)),
                "dose": rng.normal(size=len(rows)),
                "visit": rng.permutation(10**6)[: len(rows)] + len(rows) * 10**6,
            }
        )
        for rows in (patient, other)
    ]
    return *frames, FoldedTarget(y.astype(int), 2, rng.permutation(600) % 5)


def test_patients_of_train_alone_are_found_and_nothing_else():
    train, test, target = tables(np.random.default_rng(0))
    assert find_origins(train, test, "", target) == ["patient"]
    assert find_origins(train, test, "patient", target) == []
    assert find_origins(train, test.drop(columns="patient"), "", target) == []


def test_patients_that_test_has_too_are_no_reason_to_give_no_score():
    train, test, target = tables(np.random.default_rng(0))
    known = test.assign(patient=[*test["patient"][:-1], "P0"])
    assert find_origins(train, known, "", target) == []


@pytest.mark.parametrize("seed", range(3))
def test_patients_that_predict_nothing_do_no_harm(seed):
    train, test, target = tables(np.random.default_rng(seed), predicts=False)
    assert find_origins(train, test, "", target) == []

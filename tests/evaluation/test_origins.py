"""A source of rows is told from other columns by how its values repeat, and by what they tell."""

import numpy as np
import pandas as pd
import pytest

from pipeline.evaluation.origins import find_origins
from pipeline.evaluation.single_columns import Judged


def tables(rng, tells=True):
    """600 visits of 120 patients in train, 200 of 40 others in test, whose ill ones differ."""
    patient, other = np.repeat(np.arange(120), 5), np.repeat(np.arange(120, 160), 5)
    ill = rng.random(160) < 0.5
    y = ill[patient] ^ (rng.random(600) < (0.1 if tells else 0.5))
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
    return *frames, Judged(y.astype(int), 2, rng.permutation(600) % 5)


def test_patients_of_train_alone_are_found_and_nothing_else():
    train, test, judged = tables(np.random.default_rng(0))
    assert find_origins(train, test, (), judged) == ["patient"]
    assert find_origins(train, test, {"patient"}, judged) == []
    assert find_origins(train, test.drop(columns="patient"), (), judged) == []


def test_patients_that_test_has_too_are_no_reason_to_withdraw():
    train, test, judged = tables(np.random.default_rng(0))
    known = test.assign(patient=[*test["patient"][:-1], "P0"])
    assert find_origins(train, known, (), judged) == []


@pytest.mark.parametrize("seed", range(3))
def test_patients_that_tell_nothing_of_the_target_do_no_harm(seed):
    train, test, judged = tables(np.random.default_rng(seed), tells=False)
    assert find_origins(train, test, (), judged) == []

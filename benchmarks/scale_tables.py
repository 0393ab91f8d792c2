"""Simulated tables of any number of rows, written as an organiser serves them."""

from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.competitions.airline_survey import simulate

TARGET, ID = "target", "id"
BLOCK = 500_000  # rows made at a time
TEST_SHARE = 3 / 7  # test rows for each training row
LEVELS = (2, 3, 5, 8, 30, 120)


def mixed(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """22 columns: 10 numbers of four decimals, 6 categories, 6 counts, and two classes.

    Four hidden factors move them all; the classes follow waves, steps, products and levels, and a
    logistic noise that no model can predict.
    """
    factor = rng.normal(size=(rows, 4))
    columns: dict[str, np.ndarray] = {ID: np.zeros(rows, dtype=int)}
    for i in range(10):
        number = factor[:, i % 4] * (1 + i) + rng.normal(size=rows) * 2 + 10 * i
        columns[f"number {i}"] = number.round(4)
    for i, levels in enumerate(LEVELS):
        spread = np.abs(factor[:, i % 4] + rng.normal(size=rows)) * levels / 4
        code = np.minimum(spread.astype(int), levels - 1)
        columns[f"category {i}"] = np.array([f"level {j}" for j in range(levels)])[code]
    for i in range(6):
        columns[f"count {i}"] = rng.poisson(np.exp(1 + 0.5 * factor[:, i % 4]))
    effect = np.random.default_rng(0).normal(size=120)  # the same in every block
    logit = (
        np.sin(columns["number 0"])
        + 0.08 * columns["number 1"] * (columns["count 0"] > 2)
        + 0.5 * factor[:, 2] * factor[:, 3]
        + 0.3 * effect[(np.abs(factor[:, 1]) * 30).astype(int) % 120]
        + 0.2 * columns["count 1"]
        - 2
    )
    columns[TARGET] = (logit + rng.logistic(size=rows) > 0).astype(int)
    return pd.DataFrame(columns)


KINDS = {"mixed": mixed, "survey": simulate}


def write(kind: str, rows: int, folder: Path) -> None:
    """train.csv, test.csv and sample_submission.csv, and beside the folder the labels of test.

    What is there is not written again.
    """
    labels = truth_file(folder)
    if labels.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    rng, truth = np.random.default_rng(rows), []
    for name, number, first in (
        ("train", rows, 0),
        ("test", round(rows * TEST_SHARE), rows),
    ):
        for start in range(0, number, BLOCK):
            block = KINDS[kind](min(BLOCK, number - start), rng)
            block[ID] = np.arange(len(block)) + first + start
            if name == "test":
                truth.append(block[TARGET].to_numpy(dtype=np.uint8))
                _append(block[[ID]].assign(**{TARGET: 0}), folder / "sample_submission.csv", start)
                block = block.drop(columns=TARGET)
            _append(block, folder / f"{name}.csv", start)
    np.save(labels, np.concatenate(truth))


def truth_file(folder: Path) -> Path:
    """What is true of the test rows; no method may see it."""
    return folder.with_name(f"{folder.name}-truth.npy")


def _append(block: pd.DataFrame, file: Path, start: int) -> None:
    block.to_csv(file, index=False, header=start == 0, mode="a" if start else "w")

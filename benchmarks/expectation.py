"""How far cross-validation is from the truth, and whether pipeline/expectation.py sees it coming.

    python benchmarks/expectation.py --raw DIR --methods lightgbm neural_net --draws 140

A draw is 3,000 rows of Kaggle's airline passenger satisfaction in five folds. The mean of the five
fits is scored on all other rows: that is the truth. 2,000 of them stand for the test rows.
"""

import argparse
from pathlib import Path

import draws
import numpy as np
from peers import Fit
from results import with_error
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from pipeline.blending import FittedBlend
from pipeline.calibration import inverse_temperature
from pipeline.expectation import WIDER, averaging
from pipeline.metrics import METRICS, estimate

ACCURACY = METRICS["accuracy"]
FOLDS, TEST_ROWS = 5, 2000


def look(fit: Fit, draw: draws.Draw) -> tuple[float, ...]:
    """Score, its error over rows, the truth, what averaging brought and was expected to bring."""
    frame, y, train, rest = draw
    known, oof, parts = y[train], np.empty((len(train), 2)), []
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(train, known)
    for seen, held_out in folds:
        asked = np.concatenate([train[held_out], rest])
        p = fit(frame.iloc[train[seen]], known[seen], frame.iloc[asked])
        both = np.column_stack([1 - p, p]).astype(float)
        oof[held_out], rest_of = both[: len(held_out)], both[len(held_out) :]
        parts.append(rest_of)
    scales = np.array([inverse_temperature(known, oof), 1.0])
    blend = FittedBlend(("model",), np.ones(1), inverse_temperatures=scales)
    by_fold = np.stack(parts)
    mean = by_fold.mean(axis=0)
    gain = averaging(ACCURACY, blend, {"model": by_fold[:, :TEST_ROWS]}, (known, oof))
    scored = estimate(ACCURACY, known, oof)
    truth = ACCURACY.score(y[rest], mean)
    brought = truth - np.mean([ACCURACY.score(y[rest], part) for part in parts])
    return scored.score, scored.standard_error, truth, brought, gain


def report(method: str, found: np.ndarray) -> None:
    """found (draws, 5), as `look` returns it; printed in points."""
    score, error, truth, brought, gain = found.T
    print(f"{method}, {len(found)} draws; points of accuracy")
    for name, promised, wide in (
        ("cross-validation", score, error),
        ("with averaging, wider error", score + gain, WIDER * error),
    ):
        off = promised - truth
        right = np.mean(np.abs(off) <= wide)
        times = f"{off.std(ddof=1) / wide.mean():.2f} times its error"
        distance = f"{with_error(list(off), '+.3f')} off, {times}"
        print(f"  {name + ':':29}{distance}; 68% interval right in {right:.0%}")
    true, expected = (with_error(list(each), "+.3f") for each in (brought, gain))
    print(f"  averaging brought {true}, expected were {expected}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True, help="zip or folder with the CSV files")
    parser.add_argument("--methods", nargs="+", default=["lightgbm", "neural_net"])
    parser.add_argument("--draws", type=int, default=140, help="how many, 2 or more")
    parser.add_argument("--first", type=int, default=1000, help="number of the first draw")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.draws)
    with threadpool_limits(1):
        sample = draws.passenger(options.raw, draws.TARGET, 3000, None)
        for method in options.methods:
            fit = draws.own(method, {}, None)
            report(method, np.array([look(fit, sample(number)) for number in numbers]))


if __name__ == "__main__":
    main()

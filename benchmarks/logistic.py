"""Logistic regression on 100,000 rows of 100 columns: how long to scikit-learn's optimum?

    python benchmarks/logistic.py                     every problem, on a quiet machine
    python benchmarks/logistic.py mixed strong --rounds 15

"To the optimum" is a mean loss within 1e-8 of the least that anyone found. For scikit-learn's lbfgs
that is the loosest tolerance of 1e-4, 1e-5, ... that is enough; where none is, the last one that
still helped. All that is compared takes turns. Printed are seconds, then the ratio of lbfgs' time
to ours within a round (above 1 ours is faster), each with its quartiles.
"""

import argparse
import itertools
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from race import Work, race, spread, threads
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Lbfgs

from pipeline.engines.logistic_regression import LogisticRegression
from pipeline.from_scratch.activations import log_softmax

ROWS, COLUMNS, ENOUGH = 100_000, 100, 1e-8


class Problem(NamedTuple):
    """Columns, and how strongly they separate the classes: the spread of a pair's log-odds."""

    columns: Callable[[np.random.Generator], np.ndarray]
    signal: float
    l2: float
    classes: int = 2

    def data(self, rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        X = self.columns(rng)[:rows]
        logits = (X - X.mean(axis=0)) / X.std(axis=0) @ rng.normal(size=(COLUMNS, self.classes))
        logits *= self.signal / np.std(logits[:, 1] - logits[:, 0])
        return X, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def mixed(rng: np.random.Generator) -> np.ndarray:
    """Half of the columns 0 or 1, half normal, all moderately correlated."""
    X = independent(rng) + 0.75 * factors(rng, 10)
    X[:, ::2] = X[:, ::2] > rng.normal(scale=0.5, size=COLUMNS // 2)
    return X


def badly_scaled(rng: np.random.Generator) -> np.ndarray:
    """Nearly on a plane of 8 dimensions, in units from a thousandth to a thousand, far from 0."""
    X = factors(rng, 8) + 0.03 * independent(rng)
    return (X + rng.uniform(-5, 5, size=COLUMNS)) * 10.0 ** rng.uniform(-3, 3, size=COLUMNS)


def survey(rng: np.random.Generator) -> np.ndarray:
    """Twenty answers from 0 to 4 of people in better or worse mood, one-hot: collinear."""
    mood, noise = rng.normal(scale=0.8, size=(ROWS, 1)), rng.normal(size=(ROWS, COLUMNS // 5))
    answers = np.clip(np.round(2.5 + mood + noise), 0, 4)
    return (answers[:, :, None] == np.arange(5)).reshape(ROWS, COLUMNS).astype(float)


def independent(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(ROWS, COLUMNS))


def factors(rng: np.random.Generator, number: int) -> np.ndarray:
    return rng.normal(size=(ROWS, number)) @ rng.normal(size=(number, COLUMNS)) / np.sqrt(number)


PROBLEMS = {
    "mixed": Problem(mixed, signal=1.5, l2=1e-4),
    "badly_scaled": Problem(badly_scaled, signal=1.5, l2=1e-6),
    "strong": Problem(independent, signal=20, l2=1e-6),
    "no_signal": Problem(independent, signal=1e-9, l2=1e-4),
    "survey": Problem(survey, signal=3, l2=1e-5),
    "three_classes": Problem(mixed, signal=3, l2=1e-4, classes=3),
    "ten_classes": Problem(mixed, signal=3, l2=1e-4, classes=10),
}


def loss(model: LogisticRegression | Lbfgs, X: np.ndarray, y: np.ndarray, l2: float) -> float:
    """What both minimise, in float64."""
    logits = X.astype(np.float64) @ model.coef_.T.astype(np.float64) + model.intercept_
    if logits.shape[1] == 1:
        logits = np.column_stack([np.zeros(len(X)), logits])
    penalty = l2 / 2 * np.sum(model.coef_.astype(np.float64) ** 2)
    return float(penalty - np.mean(log_softmax(logits)[np.arange(len(y)), y]))


def contenders(problem: Problem, X: np.ndarray, y: np.ndarray) -> tuple[dict[str, Work], list[str]]:
    """Fits by name, ours first, lbfgs with its own and with a tight tolerance; and their losses."""
    lbfgs = partial(Lbfgs, C=1 / (len(X) * problem.l2), max_iter=1000)
    losses = [loss(LogisticRegression(l2=problem.l2).fit(X, y), X, y, problem.l2)]
    for power in itertools.count(4):
        losses.append(loss(lbfgs(tol=10.0**-power).fit(X, y), X, y, problem.l2))
        better = power == 4 or losses[-1] < losses[-2]
        if losses[-1] - min(losses) <= ENOUGH or not better:
            break
    power -= not better
    fits = {"ours": LogisticRegression(l2=problem.l2).fit}
    fits |= {f"lbfgs, tol 1e-{p:02d}": lbfgs(tol=10.0**-p).fit for p in sorted({4, power})}
    above = [losses[0], losses[1], losses[power - 3]][: len(fits)]
    return fits, [f"{found - min(losses):.0e}" for found in above]


def compare(name: str, rounds: int, dtype: type) -> None:
    problem = PROBLEMS[name]
    X, y = problem.data()
    X = X.astype(dtype)
    fits, above = contenders(problem, X, y)
    seconds = race({each: partial(partial, fit, X, y) for each, fit in fits.items()}, rounds)
    print(f"\n{f'{name}, {dtype.__name__}':<28}{'seconds':>22}{'to ours':>24}{'loss above':>12}")
    for (solver, found), excess in zip(seconds.items(), above, strict=True):
        ratio = "" if solver == "ours" else spread(found / seconds["ours"])
        print(f"  {solver:<26}{spread(found):>22}{ratio:>24}{excess:>12}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("problems", nargs="*", help=f"of {', '.join(PROBLEMS)}; all by default")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if unknown := set(options.problems) - set(PROBLEMS):
        parser.error(
            f"no problem is called {', '.join(unknown)}; allowed are {', '.join(PROBLEMS)}"
        )
    for number in (None, 1):
        print(f"\nThreads: {number or 'as each library chooses'}")
        with threads(number), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            for name in options.problems or PROBLEMS:
                for dtype in (np.float64, np.float32):
                    compare(name, options.rounds, dtype)


if __name__ == "__main__":
    main()

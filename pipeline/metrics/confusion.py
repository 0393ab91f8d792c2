"""How many rows of each class are predicted as each: all that most metrics of labels read.

counts (k, k): rows that are truly class i and predicted as class j.
"""

from collections.abc import Callable

import numpy as np


def likeliest(prediction: np.ndarray) -> np.ndarray:
    """The class of the greatest probability, of equal ones the first, (n, k) -> (n,)."""
    if prediction.shape[1] == 2:  # a comparison is ten times as fast as a search in every row
        return (prediction[:, 1] > prediction[:, 0]).astype(np.intp)
    return np.asarray(prediction.argmax(axis=1))


def confusion(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """y (n,) codes, prediction (n, k) -> counts (k, k)."""
    k = prediction.shape[1]
    cells = np.asarray(y, dtype=np.intp) * k + likeliest(prediction)
    return np.bincount(cells, minlength=k * k).reshape(k, k)


def bootstrapped(
    score: Callable[[np.ndarray], float],
    y: np.ndarray,
    predictions: tuple[np.ndarray, ...],
    draws: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Scores of counts of as many rows as there are, drawn with replacement, (draws, predictions).

    Rows of one class that are predicted alike by all predictions are interchangeable: how many of
    them are drawn is multinomial, so that a draw costs the same however many rows there are.
    """
    k = predictions[0].shape[1]
    labels = [likeliest(each) for each in predictions]
    codes = np.asarray(y, dtype=np.intp)
    for each in labels:
        codes = codes * k + each
    _, first, rows = np.unique(codes, return_index=True, return_counts=True)
    true = np.asarray(y, dtype=np.intp)[first] * k
    cells = [true + each[first] for each in labels]
    scores = np.empty((draws, len(predictions)))
    for draw in range(draws):
        drawn = rng.multinomial(len(y), rows / len(y))
        counts = [np.bincount(each, drawn, k * k).reshape(k, k) for each in cells]
        scores[draw] = [score(each) for each in counts]
    return scores

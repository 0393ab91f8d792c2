"""Folds are pairs of row numbers; which rows are validated follows from them."""

import numpy as np
from numpy.testing import assert_array_equal

from pipeline.folds import Fold, Folds, folds_of


def test_every_row_is_validated_once_per_repeat_and_trained_on_otherwise():
    numbers = np.random.default_rng(0).integers(4, size=50)
    folds = folds_of(2, numbers)
    assert [fold.name for fold in folds] == ["r2-f0", "r2-f1", "r2-f2", "r2-f3"]
    assert_array_equal(np.sort(np.concatenate([fold.valid for fold in folds])), np.arange(50))
    for fold in folds:
        assert_array_equal(np.union1d(fold.train, fold.valid), np.arange(50))
        assert len(fold.train) + len(fold.valid) == 50
        assert (np.diff(fold.train) > 0).all() and (np.diff(fold.valid) > 0).all()


def test_folds_of_all_repeats_stand_in_order():
    numbers = np.array([[0, 1, 1], [1, 0, 1]])
    every = Folds(3, tuple(f for r in (0, 1) for f in folds_of(r, numbers[r])), "plain")
    assert every.repeats == 2
    assert [(fold.name, fold.valid.tolist()) for fold in every.folds] == [
        ("r0-f0", [0]),
        ("r0-f1", [1, 2]),
        ("r1-f0", [1]),
        ("r1-f1", [0, 2]),
    ]
    for repeat in (0, 1):
        assert_array_equal(every.numbers(repeat), numbers[repeat])
        assert [fold.repeat for fold in every.repeat(repeat)] == [repeat, repeat]
    assert_array_equal(every.validated, [0, 1, 2])


def test_rows_that_some_repeat_never_validates_are_not_validated():
    pairs = [
        Fold(0, 0, np.array([0, 1]), np.array([3, 4])),  # row 2 is a gap
        Fold(0, 1, np.array([0, 1, 3]), np.array([5])),
        Fold(1, 0, np.array([0, 1]), np.array([4, 5])),
    ]
    folds = Folds(6, tuple(pairs), "by time")
    assert_array_equal(folds.validated, [4, 5])
    assert_array_equal(folds.numbers(), [-1, -1, -1, 0, 0, 1])

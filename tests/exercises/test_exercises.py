"""Solutions are right, known mistakes are recognised, and results that are off are explained."""

from types import SimpleNamespace

import numpy as np
import pytest

from pipeline import exercises
from pipeline.exercises import solutions
from pipeline.exercises.diagnosis import diagnose
from pipeline.exercises.exercise import Exercise
from pipeline.exercises.own_class import OwnClass

ALL = exercises.exercises()
MISTAKES = [
    (name, message)
    for name, each in ALL.items()
    if isinstance(each, Exercise)
    for message in each.mistakes
]
ROWS = np.random.default_rng(0).normal(size=(6, 3))


@pytest.mark.parametrize("name", ALL)
def test_the_solution_is_correct(name):
    verdict = exercises.check(name, getattr(solutions, name))
    assert verdict.correct, verdict


@pytest.mark.parametrize(("name", "message"), MISTAKES)
def test_a_known_mistake_is_recognised(name, message):
    verdict = exercises.check(name, ALL[name].mistakes[message])
    assert (verdict.correct, verdict.message) == (False, message)


@pytest.mark.parametrize(
    ("found", "expected", "reason"),
    [
        (-ROWS, ROWS, "wrong sign"),
        (6 * ROWS, ROWS, "factor n = 6"),
        (ROWS / 6, ROWS, "mean taken twice"),
        (2 * ROWS, ROWS, "twice"),
        (-ROWS / 2, ROWS, "half of what it should be"),
        (1.3 * ROWS, ROWS, "1.3 times"),
        (ROWS.T, ROWS, "transposed"),
        (ROWS[:3].T, ROWS[:3], "transposed"),
        (ROWS.sum(axis=0), ROWS.sum(axis=1), "along which axis"),
        (ROWS.sum(axis=1, keepdims=True), ROWS.sum(axis=1), "keepdims"),
        (0 * ROWS, ROWS, "0 everywhere"),
        (ROWS + 1, ROWS, "+1 off everywhere"),
        (np.where(ROWS > 1, np.nan, ROWS), ROWS, "not a finite number in"),
        (
            np.where(np.arange(18).reshape(6, 3) == 5, 9, ROWS),
            ROWS,
            "1 of 18 numbers; the first at [1, 2]",
        ),
        (None, ROWS, "is the `return` missing?"),
        ("text", ROWS, "should be numbers of shape (6, 3)"),
        (ROWS + 1e-12, ROWS, None),
    ],
)
def test_what_is_off_is_named(found, expected, reason):
    message = diagnose(found, expected, 6, "dW")
    assert message is None if reason is None else reason in message


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda x, W, dy: (dy @ W.T, x.T @ dy), "2 results were returned, expected are 3"),
        (lambda x, W, dy: (dy @ W, x.T @ dy, dy.sum(0)), "shapes (6, 3), (3, 2), (6, 2)"),
        (lambda x, W, dy: (dy @ W.T, (x.T @ dy).T, dy.sum(0)), "dW has shape (2, 3)"),
        (lambda x, W, dy: (dy @ W.T, x.T @ dy, dy.sum(1)), "db has shape (6,)"),
        (lambda x, W, dy: (dy @ W.T, x.T @ dy, dy.mean(0)), "db is off by a factor 1/n"),
        (lambda x, W, dy: dy.fill(0), "Argument 3 was changed"),
    ],
)
def test_a_wrong_backward_pass_is_explained(answer, reason):
    assert reason in exercises.check("affine_backward", answer).message


class Logistic(solutions.MyLogisticRegression):
    """The answer that the classes below get wrong in one respect each."""


class ReturnsNothing(Logistic):
    def fit(self, X, y):
        super().fit(X, y)


class Opposite(Logistic):
    def predict_proba(self, X):
        return 1 - super().predict_proba(X)


class NeverMoves(Logistic):
    def fit(self, X, y):
        self.w = np.zeros(X.shape[1] + 1)
        return self


class ChangesX(Logistic):
    def fit(self, X, y):
        X -= X.mean(axis=0)
        return super().fit(X, y)


class Unrepeatable(Logistic):
    def predict_proba(self, X):
        return super().predict_proba(X) * np.random.default_rng().uniform(0.9, 1)


class Logits(Logistic):
    def predict_proba(self, X):
        return X @ self.w[:-1] + self.w[-1]


class WrongShape(Logistic):
    def predict_proba(self, X):
        return super().predict_proba(X)[:, None]


class Fails(Logistic):
    def predict_proba(self, X):
        return X @ self.w


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (ReturnsNothing, "return self"),
        (Opposite, "opposite class"),
        (NeverMoves, "All rows get the same class"),
        (ChangesX, "fit changed X"),
        (Unrepeatable, "A second fit predicts otherwise"),
        (Logits, "between 0 and 1"),
        (WrongShape, "(400, 1)"),
        (Fails, "ValueError"),
    ],
)
def test_a_class_that_is_wrong_is_told_why(answer, reason):
    verdict = exercises.check("MyLogisticRegression", answer)
    assert not verdict.correct and reason in verdict.message


def test_ten_classes_are_for_the_leaderboard():
    assert sum(isinstance(each, OwnClass) for each in ALL.values()) == 10


def test_a_class_is_fitted_on_the_training_rows_of_each_fold_and_scored_on_the_others():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    rows = [np.arange(60) % 3 == k for k in range(3)]
    problem = SimpleNamespace(columns=("a", "b", "c"))
    survey = SimpleNamespace(
        y=y,
        folds=[SimpleNamespace(train=np.flatnonzero(~r), valid=np.flatnonzero(r)) for r in rows],
        matrices=[SimpleNamespace(train=X[~r], valid=X[r], problem=problem) for r in rows],
        model=lambda name, fold: SimpleNamespace(
            fit=lambda X, y: SimpleNamespace(predict=lambda X: np.full((len(X), 2), 0.5))
        ),
        leaderboard=lambda oof: oof,
    )

    oof = exercises.standing(survey, solutions.MyRidge, columns=["c", "a"])

    expected = np.empty(60)
    for r in rows:
        expected[r] = (
            solutions.MyRidge().fit(X[~r][:, [2, 0]], y[~r]).predict_proba(X[r][:, [2, 0]])
        )
    assert set(oof) == {"lightgbm", "MyRidge"}
    np.testing.assert_allclose(oof["MyRidge"], np.column_stack([1 - expected, expected]))


def test_an_unknown_exercise_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"found 'sofmax', allowed are nor, sigmoid, softmax"):
        exercises.check("sofmax", np.exp)

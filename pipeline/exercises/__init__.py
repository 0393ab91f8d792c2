"""Exercises of the course: `check` an answer, and `standing`: where one's own class stands.

The notebooks set the tasks. An answer is a function or a class that the learner has written; it is
run beside the library, and where the two differ the verdict says what the mistake probably is.
`solutions.py` has an answer to each.
"""

import importlib
from typing import Any

from pipeline.exercises.diagnosis import Verdict
from pipeline.exercises.exercise import Exercise
from pipeline.exercises.own_class import OwnClass
from pipeline.exercises.standing import standing

__all__ = ["NOTEBOOKS", "check", "exercises", "of_notebook", "standing"]

# which module has the exercises of which notebook, in the order of the course
NOTEBOOKS = {
    "from_perceptron_to_network": "perceptron",
    "regression_and_gradient_descent": "regression",
    "training_a_network": "training",
    "recurrent_networks": "recurrent",
    "boosting_and_kernels": "boosting",
}


def of_notebook(notebook: str) -> tuple[Exercise | OwnClass, ...]:
    """The exercises of a notebook, in its order."""
    module = importlib.import_module(f"pipeline.exercises.{NOTEBOOKS[notebook]}")
    found: tuple[Exercise | OwnClass, ...] = module.EXERCISES
    return found


def exercises() -> dict[str, Exercise | OwnClass]:
    """All exercises by name."""
    return {each.name: each for notebook in NOTEBOOKS for each in of_notebook(notebook)}


def check(name: str, answer: Any) -> Verdict:
    """Whether a function or class does what exercise `name` asks for, and if not, probably why.

    Errors: ValueError where there is no such exercise.
    """
    known = exercises()
    if name not in known:
        raise ValueError(f"exercise: found {name!r}, allowed are {', '.join(known)}.")
    return known[name].check(answer)

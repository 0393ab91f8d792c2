"""An exercise whose answer is a function: its results are compared with the library's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.exercises.diagnosis import Verdict, agrees, diagnose

Arguments = tuple[Any, ...]


@dataclass(frozen=True)
class Exercise:
    """`cases` draws the arguments of some calls, `expected` computes the right results.

    `outputs` names the results where there are several. `mistakes` are wrong answers that are often
    given, each under the sentence that helps; whoever gives the same numbers gets that sentence.
    `rows` counts the rows of a call's arguments, for factors n.
    """

    name: str
    cases: Callable[[np.random.Generator], list[Arguments]]
    expected: Callable[..., Any]
    outputs: tuple[str, ...] = ("The result",)
    mistakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    rows: Callable[[Arguments], int] = lambda arguments: len(np.atleast_1d(arguments[0]))

    def check(self, answer: Callable[..., Any]) -> Verdict:
        """The first thing that is wrong in any of the cases."""
        cases = self.cases(np.random.default_rng(0))
        found = []
        for arguments in cases:
            before = [_copy(argument) for argument in arguments]
            try:
                with np.errstate(all="ignore"):
                    found.append(self._results(answer(*before)))
            except Exception as error:  # whatever a learner's code raises is part of the answer
                return Verdict(False, _raised(error, arguments))
            if changed := _changed(before, arguments):
                return Verdict(False, changed)
        problems = [self._problem(*pair) for pair in zip(found, cases, strict=True)]
        if not any(problems):
            return Verdict(True, "Correct.")
        return Verdict(False, self._known(found, cases) or next(filter(None, problems)))

    def _results(self, value: Any) -> tuple[Any, ...]:
        if len(self.outputs) == 1:
            return (value,)
        return tuple(value) if isinstance(value, tuple | list) else (value,)

    def _right(self, arguments: Arguments, compute: Callable[..., Any]) -> list[np.ndarray]:
        with np.errstate(all="ignore"):
            results = self._results(compute(*[_copy(argument) for argument in arguments]))
        return [np.asarray(result, dtype=float) for result in results]

    def _problem(self, found: tuple[Any, ...], arguments: Arguments) -> str | None:
        expected = self._right(arguments, self.expected)
        if len(found) != len(expected):
            names = ", ".join(self.outputs)
            return f"{len(found)} results were returned, expected are {len(expected)}: {names}."
        pairs = zip(found, expected, self.outputs, strict=True)
        n = self.rows(arguments)
        problems = [diagnose(result, right, n, name) for result, right, name in pairs]
        return " ".join(filter(None, problems)) or None

    def _known(self, found: list[tuple[Any, ...]], cases: list[Arguments]) -> str | None:
        """The sentence of the mistake that gives the same numbers in all cases."""
        for message, mistake in self.mistakes.items():
            wrong = [self._right(arguments, mistake) for arguments in cases]
            if all(_same(*pair) for pair in zip(found, wrong, strict=True)):
                return message
        return None


def _same(found: tuple[Any, ...], wrong: list[np.ndarray]) -> bool:
    try:
        return len(found) == len(wrong) and all(map(agrees, found, wrong))
    except (TypeError, ValueError):
        return False


def _copy(argument: Any) -> Any:
    return argument.copy() if isinstance(argument, np.ndarray) else argument


def _changed(before: list[Any], arguments: Arguments) -> str | None:
    for number, (now, original) in enumerate(zip(before, arguments, strict=True), 1):
        if isinstance(original, np.ndarray) and not np.array_equal(now, original, equal_nan=True):
            return f"Argument {number} was changed: compute with a copy, or without +=, -= and *=."
    return None


def _raised(error: Exception, arguments: Arguments) -> str:
    shapes = ", ".join(str(a.shape) for a in arguments if isinstance(a, np.ndarray))
    given = f" The arrays given have the shapes {shapes}." if shapes else ""
    return f"{type(error).__name__}: {error}.{given}"

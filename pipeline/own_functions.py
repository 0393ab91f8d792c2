"""The functions that an entrant writes in pipeline/competitions/NAME.py, and their mistakes.

A line of the TOML names the module of each: features, metric, split, read, postprocess, survey.
"""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.errors import DataError, SettingsError, UserError


def place_of(module: str, call: str, key: str) -> str:
    """The module's full name, which is not imported.

    `call` is the function and its arguments, `key` the line of the TOML. Raises SettingsError where
    there is no such file.
    """
    place = f"pipeline.competitions.{module}"
    if place not in sys.modules and importlib.util.find_spec(place) is None:
        raise SettingsError(
            f"{key}: found '{module}', but there is no pipeline/competitions/{module}.py. "
            f"Correct the name, or write that file with `{call}`."
        )
    return place


def own_module(module: str, call: str, key: str) -> ModuleType:
    """The module, which has that function. Raises SettingsError where it has none."""
    place = place_of(module, call, key)
    try:
        found = importlib.import_module(place)
    except Exception as error:
        raise SettingsError(
            f"{key}: pipeline/competitions/{module}.py cannot be imported: "
            f"{_described(module, error)}. Correct it."
        ) from error
    if not hasattr(found, call.partition("(")[0]):
        raise SettingsError(
            f"{key}: pipeline/competitions/{module}.py has no function `{call}`. "
            "Write it, or remove the line."
        )
    return found


def own_function(module: str, call: str, key: str) -> Callable[..., Any]:
    """The function itself; what it raises becomes a DataError."""
    function = getattr(own_module(module, call, key), call.partition("(")[0])

    def reported(*given: Any) -> Any:
        with reporting(module, call):
            return function(*given)

    return reported


@contextmanager
def reporting(module: str, call: str) -> Iterator[None]:
    """What the function raises becomes a DataError that names the line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise DataError(
            f"pipeline/competitions/{module}.py: {call} raised {_described(module, error)}. "
            "Correct the function."
        ) from error


def _described(module: str, error: Exception) -> str:
    """KeyError: 'x' (NAME.py, line 2)."""
    calls = traceback.extract_tb(error.__traceback__)
    lines = [call.lineno for call in calls if Path(call.filename).name == f"{module}.py"]
    where = f" ({module}.py, line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"

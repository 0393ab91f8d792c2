"""A function that an entrant writes in pipeline/competitions/NAME.py, and its mistakes."""

import importlib
import importlib.util
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.errors import DataError, SettingsError, UserError


def own_function(module: str, name: str, arguments: str, key: str) -> Callable[..., Any]:
    """The function `name(arguments)`, which [table] `key` names the module of.

    Raises SettingsError where there is none; what it raises itself becomes a DataError.
    """
    place = f"pipeline.competitions.{module}"
    if importlib.util.find_spec(place) is None:
        raise SettingsError(
            f"{key}: found {module!r}, and there is no pipeline/competitions/{module}.py. "
            f"Correct the name, or write that file with `{name}({arguments})`."
        )
    function = getattr(importlib.import_module(place), name, None)
    if function is None:
        raise SettingsError(
            f"{key}: pipeline/competitions/{module}.py has no function `{name}({arguments})`. "
            "Write it, or remove the line."
        )

    def reporting(*given: Any) -> Any:
        try:
            return function(*given)
        except UserError:
            raise
        except Exception as error:
            line = traceback.extract_tb(error.__traceback__)[-1]
            raise DataError(
                f"pipeline/competitions/{module}.py: {name}({arguments}) raised "
                f"{type(error).__name__}: {' '.join(str(error).split())} "
                f"({Path(line.filename).name}, line {line.lineno}). Correct the function."
            ) from error

    return reporting

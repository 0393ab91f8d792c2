"""What every estimator can do: name its parameters, and hand over what it has learned as arrays.

The contract is scikit-learn's: the constructor only stores its parameters, each under its own
name; `fit` learns attributes whose names end in an underscore. No scikit-learn is needed for it.
"""

import inspect
from typing import Any, Self

import numpy as np


class Estimator:
    """Parameters by name, and state as a dictionary of arrays that needs no pickle."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters and their values; `deep` is there for scikit-learn."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name; ValueError for a name that the constructor doesn't have."""
        allowed = self.get_params()
        for name, value in params.items():
            if name not in allowed:
                raise ValueError(
                    f"{type(self).__name__}: invalid parameter '{name}', "
                    f"allowed are {', '.join(allowed)}."
                )
            setattr(self, name, value)
        return self

    def state(self) -> dict[str, np.ndarray]:
        """Everything learned (the attributes that end in `_`), as arrays that `np.savez` takes."""
        return {name: np.array(vars(self)[name]) for name in _learned(self)}

    def set_state(self, state: dict[str, np.ndarray]) -> Self:
        """Take over what another estimator with the same parameters has learned."""
        for name in [name for name in vars(self) if name.endswith("_") or name.startswith("_")]:
            delattr(self, name)
        for name, value in state.items():
            if not name.endswith("_") or name.startswith("_"):
                raise ValueError(f"{type(self).__name__}: '{name}' is no learned attribute.")
            value = np.asarray(value)
            setattr(self, name, value.copy() if value.ndim else value.item())
        return self

    def _require_fit(self, attribute: str) -> None:
        """ValueError where this learned attribute is not there yet."""
        if not hasattr(self, attribute):
            name = type(self).__name__
            raise ValueError(f"This {name} instance is not fitted yet: call fit first.")

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({params})"


def _learned(estimator: Estimator) -> list[str]:
    return [name for name in vars(estimator) if name.endswith("_") and not name.startswith("_")]

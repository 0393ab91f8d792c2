"""What every estimator can do: name its parameters, hand over what it has learned, judge itself.

The contract is scikit-learn's: the constructor only stores its parameters, each under its own
name; `fit` learns attributes whose names end in an underscore. No scikit-learn is needed for it.
"""

import inspect
from collections.abc import Callable, Collection
from typing import Any, Self

import numpy as np

from pipeline.from_scratch import inputs, scikit_learn


class Estimator:
    """Parameters by name, and state as a dictionary of arrays that needs no pickle.

    Every fit learns n_features_in_, and feature_names_in_ (d,) from a data frame with text names.
    """

    _missing_allowed = False  # whether X may hold NaN
    _maybe_infinite: tuple[str, ...] = ()  # what is learned and may hold NaN or infinity

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters and their values; `deep` is there for scikit-learn."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name; ValueError for a name that the constructor doesn't have."""
        allowed = self.get_params()
        for name in params:
            if name not in allowed:
                raise ValueError(
                    f"{type(self).__name__}: invalid parameter '{name}', "
                    f"allowed are {', '.join(allowed)}."
                )
        vars(self).update(params)
        return self

    def state(self) -> dict[str, np.ndarray]:
        """Everything learned (the attributes that end in `_`), as arrays that `np.savez` takes."""
        learned = {name: np.array(vars(self)[name]) for name in vars(self) if _is_learned(name)}
        if "feature_names_in_" in learned:
            learned["feature_names_in_"] = learned["feature_names_in_"].astype(str)
        return learned

    def set_state(self, state: dict[str, np.ndarray]) -> Self:
        """Take over what another estimator with the same parameters has learned.

        ValueError where it is no such thing. It may come from a file: nothing in it may do harm.
        """
        self._forget()
        for name, value in state.items():
            if not _is_learned(name):
                raise ValueError(f"{type(self).__name__}: '{name}' is no learned attribute.")
            value = np.asarray(value)
            require_learned(name, value, name in self._maybe_infinite or name.endswith("_curve_"))
            setattr(self, name, value.copy() if value.ndim else value.item())
        if "feature_names_in_" in state:
            self.feature_names_in_ = np.asarray(state["feature_names_in_"]).astype(object)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n,)."""
        raise NotImplementedError

    def _learn_features(self, X: Any) -> np.ndarray:
        """X for a new fit, as floats (n, d): forgets the fit before, learns width and names."""
        checked, names = self._checked(X), inputs.column_names(X)
        self._forget()
        self.n_features_in_ = checked.shape[1]
        if names is not None:
            self.feature_names_in_ = names
        return checked

    def _known_features(self, X: Any) -> np.ndarray:
        """X as floats (n, d), with the columns that `fit` saw."""
        self._require_fit("n_features_in_")
        name, known = type(self).__name__, vars(self).get("feature_names_in_")
        inputs.require_names(inputs.column_names(X), known, estimator=name)
        return self._checked(X, self.n_features_in_)

    def _checked(self, X: Any, width: int | None = None) -> np.ndarray:
        name, missing = type(self).__name__, self._missing_allowed
        return inputs.features(X, estimator=name, width=width, missing=missing)

    def _more_features(self, X: Any) -> np.ndarray:
        """X for `partial_fit`: the first call learns the columns, later ones must bring them."""
        return (
            self._known_features(X) if hasattr(self, "n_features_in_") else self._learn_features(X)
        )

    def _require_fit(self, attribute: str) -> None:
        """NotFittedError where this learned attribute is not there yet."""
        if not hasattr(self, attribute):
            name = type(self).__name__
            raise scikit_learn.not_fitted(
                f"This {name} instance is not fitted yet: call fit first."
            )

    def _require(self, parameter: str, valid: Callable[[Any], bool], allowed: str) -> None:
        """ValueError that names the parameter, what was found and what is allowed."""
        found = getattr(self, parameter)
        try:
            accepted = valid(found)
        except TypeError:  # not even of a type that can be asked
            accepted = False
        if not accepted:
            raise ValueError(f"{parameter} is {found!r}; allowed are {allowed}.")

    def _require_one_of(self, parameter: str, allowed: Collection[str]) -> None:
        self._require(parameter, lambda found: found in allowed, ", ".join(allowed))

    def _require_whole(self, least: int, *parameters: str) -> None:
        """ValueError for each of the parameters that is no whole number from `least` on."""
        for name in parameters:
            allowed = f"whole numbers, {least} and more"
            self._require(name, lambda found: whole(found, least), allowed)

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy has: all but the memory of a training that may go on, `_name_`."""
        kept = (name for name in vars(self) if not (name[0] == name[-1] == "_"))
        return {name: vars(self)[name] for name in kept}

    def __repr__(self) -> str:
        """The call that makes it; parameters left at their defaults are left out."""
        defaults = inspect.signature(type(self)).parameters
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name].default)
        )
        return f"{type(self).__name__}({', '.join(changed)})"


class Classifier(Estimator):
    """An estimator whose y are classes; learns classes_ (k,)."""

    _multi_class = True

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy: the share of the rows, or of their weight, whose class is predicted."""
        predicted = self.predict(X)
        right = predicted == inputs.column(y, len(predicted))
        return float(np.mean(right * inputs.weights(sample_weight, len(predicted))))

    def _more_labels(self, y: Any, n: int, classes: Any) -> np.ndarray:
        """y for `partial_fit` -> class numbers (n,); the first call's `classes`, or y, name all."""
        known = vars(self).get("classes_", classes)
        if classes is not None and not np.array_equal(np.unique(classes), np.unique(known)):
            raise ValueError(
                f"classes is {np.asarray(classes).tolist()}, but an earlier call learned "
                f"{known.tolist()}: pass the same, or none."
            )
        self.classes_, codes = inputs.labels(y, n, known)
        return codes

    def __sklearn_tags__(self) -> Any:
        missing = self._missing_allowed
        return scikit_learn.tags("classifier", multi_class=self._multi_class, missing=missing)


class Regressor(Estimator):
    """An estimator whose y are numbers."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² = 1 - Σ w (y - ŷ)² / Σ w (y - ȳ)²; for a constant y 1 where it is met, else 0."""
        predicted = self.predict(X)
        y, w = inputs.targets(y, len(predicted)), inputs.weights(sample_weight, len(predicted))
        error = float(w @ (y - predicted) ** 2)
        spread = float(w @ (y - np.average(y, weights=w)) ** 2)
        return 1 - error / spread if spread else float(error == 0)

    def __sklearn_tags__(self) -> Any:
        return scikit_learn.tags("regressor", missing=self._missing_allowed)


def require_learned(name: str, value: np.ndarray, maybe_infinite: bool = False) -> None:
    """ValueError for what no fit learns: other than numbers and text, NaN, infinity."""
    if value.dtype.kind not in "biufU":
        raise ValueError(f"{name} has dtype {value.dtype}; allowed are numbers and text.")
    if value.dtype.kind == "f" and not maybe_infinite and not np.isfinite(value).all():
        raise ValueError(f"{name} holds NaN or infinity.")


def whole(found: Any, least: int) -> bool:
    """Whether it is a whole number, Python's or NumPy's, of at least so much."""
    return isinstance(found, (int, np.integer)) and bool(found >= least)


def _is_learned(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")

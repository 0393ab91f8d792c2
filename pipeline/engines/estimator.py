"""The base classes of all estimators: parameters, fitted state, input checks and scores.

They follow scikit-learn's conventions without needing scikit-learn: the constructor only stores
its parameters, each under its own name; `fit` sets attributes whose names end in an underscore.
"""

import inspect
import math
from collections.abc import Callable, Collection
from typing import Any, Self

import numpy as np

from pipeline.engines import inputs, scikit_learn
from pipeline.engines.magnitude import mean_and_std


class Estimator:
    """Parameters by name, and the fitted state as a dictionary of arrays that needs no pickle.

    Every fit learns n_features_in_ and, from a data frame with string names, feature_names_in_
    (d,).
    """

    _allow_nan = False  # whether X may contain NaN
    _allow_nonfinite: tuple[str, ...] = ()  # fitted attributes that may contain NaN or infinity

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters and their values; `deep` is there for scikit-learn."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Change parameters by name; ValueError for a name that is not a constructor parameter."""
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
        """The fitted attributes (whose names end in `_`), as arrays that `np.savez` accepts."""
        state = {name: np.array(value) for name, value in vars(self).items() if _is_fitted(name)}
        if "feature_names_in_" in state:
            state["feature_names_in_"] = state["feature_names_in_"].astype(str)
        return state

    def set_state(self, state: dict[str, np.ndarray]) -> Self:
        """Restore the `state()` of another estimator with the same parameters.

        ValueError for anything else: the state may come from an untrusted file.
        """
        self._reset()
        for name, value in state.items():
            if not _is_fitted(name):
                raise ValueError(
                    f"{type(self).__name__}: '{name}' is not the name of a fitted attribute, "
                    "which ends in '_'."
                )
            value = np.asarray(value)
            nonfinite = name in self._allow_nonfinite or name.endswith("_curve_")
            check_state_array(name, value, allow_nonfinite=nonfinite)
            setattr(self, name, value.copy() if value.ndim else value.item())
        if "feature_names_in_" in state:
            self.feature_names_in_ = np.asarray(state["feature_names_in_"]).astype(object)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> (n,)."""
        raise NotImplementedError

    def _fit_features(self, X: Any) -> np.ndarray:
        """X for a new fit, as floats (n, d); resets the estimator and learns width and names."""
        checked, names = self._checked(X), inputs.feature_names(X)
        self._reset()
        self.n_features_in_ = checked.shape[1]
        if names is not None:
            self.feature_names_in_ = names
        return checked

    def _predict_features(self, X: Any) -> np.ndarray:
        """X as floats (n, d), which must have the columns of the fit."""
        self._require_fitted("n_features_in_")
        name, expected = type(self).__name__, vars(self).get("feature_names_in_")
        inputs.check_feature_names(inputs.feature_names(X), expected, estimator=name)
        return self._checked(X, self.n_features_in_)

    def _partial_fit_features(self, X: Any) -> np.ndarray:
        """X for `partial_fit`: the first call learns the columns, later ones must have them."""
        if hasattr(self, "n_features_in_"):
            return self._predict_features(X)
        return self._fit_features(X)

    def _checked(self, X: Any, n_features: int | None = None) -> np.ndarray:
        name = type(self).__name__
        return inputs.check_features(
            X, estimator=name, n_features=n_features, allow_nan=self._allow_nan
        )

    def _require_fitted(self, attribute: str) -> None:
        """NotFittedError where this fitted attribute does not exist yet."""
        if not hasattr(self, attribute):
            name = type(self).__name__
            raise scikit_learn.not_fitted(
                f"This {name} instance is not fitted yet: call fit first."
            )

    def _require(
        self,
        parameter: str,
        valid: Callable[[Any], bool],
        allowed: str,
        *,
        allow_infinity: bool = False,
    ) -> None:
        """ValueError that names the parameter, what was found and what is allowed."""
        found = getattr(self, parameter)
        try:
            accepted = valid(found)
        except TypeError:  # of a type that `valid` cannot test
            accepted = False
        if not allow_infinity and isinstance(found, float) and math.isinf(found):
            accepted, allowed = False, f"finite {allowed.removeprefix('None or ')}"
        if not accepted:
            raise ValueError(f"{parameter} is {found!r}; allowed are {allowed}.")

    def _require_one_of(self, parameter: str, allowed: Collection[str]) -> None:
        self._require(parameter, lambda found: found in allowed, ", ".join(allowed))

    def _require_integers(self, minimum: int, *parameters: str) -> None:
        """ValueError unless each of the parameters is an integer of at least `minimum`."""
        for name in parameters:
            self._require(name, lambda value: is_integer(value, minimum), f"integers >= {minimum}")

    def _reset(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)

    def __getstate__(self) -> dict[str, Any]:
        """A copy's attributes: all except a running training's internal state, named `_name_`."""
        kept = (name for name in vars(self) if not (name[0] == name[-1] == "_"))
        return {name: vars(self)[name] for name in kept}

    def __repr__(self) -> str:
        """The constructor call, without the parameters that have their default."""
        defaults = inspect.signature(type(self)).parameters
        changed = (
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if repr(value) != repr(defaults[name].default)
        )
        return f"{type(self).__name__}({', '.join(changed)})"


class Classifier(Estimator):
    """An estimator that predicts classes; learns classes_ (k,)."""

    _multi_class = True
    predict_proba: Callable[[Any], np.ndarray]  # X (n, d) -> (n, k); a perceptron has none

    def predict(self, X: Any) -> np.ndarray:
        """X (n, d) -> the most probable class, (n,)."""
        p = self.predict_proba(X)
        return self.classes_[p.argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy, weighted by sample_weight."""
        predicted = self.predict(X)
        correct = predicted == inputs.column_or_1d(y, len(predicted))
        return float(np.mean(correct * inputs.check_sample_weight(sample_weight, len(predicted))))

    def _partial_fit_labels(self, y: Any, n: int, classes: Any) -> np.ndarray:
        """y for `partial_fit` -> class numbers (n,); the first call's `classes`, or y, has all."""
        known = vars(self).get("classes_", classes)
        if classes is not None and not np.array_equal(np.unique(classes), np.unique(known)):
            raise ValueError(
                f"classes is {np.asarray(classes).tolist()}, but an earlier call learned "
                f"{known.tolist()}: pass the same, or none."
            )
        self.classes_, codes = inputs.encode_labels(y, n, known)
        return codes

    def __sklearn_tags__(self) -> Any:
        return scikit_learn.tags(
            "classifier", multi_class=self._multi_class, allow_nan=self._allow_nan
        )


class Regressor(Estimator):
    """An estimator that predicts numbers."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """R² = 1 - Σ w (y - ŷ)² / Σ w (y - ȳ)²; for a constant y 1 if predicted exactly, else 0."""
        predicted = self.predict(X)
        y = inputs.check_targets(y, len(predicted))
        w = inputs.check_sample_weight(sample_weight, len(predicted))
        mean, std = mean_and_std(y, w)
        residual = float(w @ ((y - predicted) / std) ** 2)
        total = float(w @ ((y - mean) / std) ** 2)
        return 1 - residual / total if total else float(residual == 0)

    def __sklearn_tags__(self) -> Any:
        return scikit_learn.tags("regressor", allow_nan=self._allow_nan)


def check_state_array(name: str, value: np.ndarray, *, allow_nonfinite: bool = False) -> None:
    """ValueError unless the array holds numbers or text and, if floats, no NaN or infinity."""
    if value.dtype.kind not in "biufU":
        raise ValueError(f"{name} has dtype {value.dtype}; allowed are numbers and text.")
    if value.dtype.kind == "f" and not allow_nonfinite and not np.isfinite(value).all():
        raise ValueError(f"{name} holds NaN or infinity.")


def is_integer(value: Any, minimum: int) -> bool:
    """Whether the value is an integer, Python's or NumPy's, of at least `minimum`."""
    return isinstance(value, (int, np.integer)) and bool(value >= minimum)


def _is_fitted(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")

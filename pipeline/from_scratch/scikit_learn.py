"""scikit-learn's own words for an estimator, its errors and its warnings, without importing it.

Its tools (cross-validation, grid search, pipelines, checks) look for objects of its own classes.
They are wanted only where it is loaded already, and are then found among the loaded modules.
"""

import sys
from typing import Any


class NotFittedError(ValueError, AttributeError):
    """Something was asked that only `fit` can teach; scikit-learn's class of this name is alike."""


def not_fitted(message: str) -> Exception:
    """scikit-learn's NotFittedError where it is loaded, else the one above."""
    kind: type[Exception] = _loaded("sklearn.exceptions", "NotFittedError", NotFittedError)
    return kind(message)


def conversion_warning() -> type[Warning]:
    """scikit-learn's DataConversionWarning where it is loaded, else its parent, UserWarning."""
    kind: type[Warning] = _loaded("sklearn.exceptions", "DataConversionWarning", UserWarning)
    return kind


def tags(kind: str, *, multi_class: bool = True, missing: bool = False) -> Any:
    """What scikit-learn asks of a "classifier" or "regressor" before it uses one, as its Tags.

    All the rest is as it expects: dense numbers in, finite but where values may be `missing`, one
    target a row, the same seed the same fit.
    """
    utils = sys.modules["sklearn.utils"]  # only scikit-learn asks, so that it is there
    classifier = utils.ClassifierTags(multi_class=multi_class) if kind == "classifier" else None
    return utils.Tags(
        estimator_type=kind,
        target_tags=utils.TargetTags(required=True),
        classifier_tags=classifier,
        regressor_tags=utils.RegressorTags() if kind == "regressor" else None,
        input_tags=utils.InputTags(allow_nan=missing),
    )


def _loaded(module: str, name: str, otherwise: Any) -> Any:
    return getattr(sys.modules.get(module), name, otherwise)

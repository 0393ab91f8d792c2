"""scikit-learn's tags, errors and warnings for our estimators, without importing it.

Its tools (cross-validation, grid search, pipelines, checks) expect objects of its own classes. They
are needed only where scikit-learn is already imported, and are then looked up in sys.modules.
"""

import sys
from typing import Any


class NotFittedError(ValueError, AttributeError):
    """The estimator is not fitted yet; has the same bases as scikit-learn's class of this name."""


def not_fitted(message: str) -> Exception:
    """scikit-learn's NotFittedError if it is imported, else the one above."""
    kind: type[Exception] = _imported("sklearn.exceptions", "NotFittedError", NotFittedError)
    return kind(message)


def conversion_warning() -> type[Warning]:
    """scikit-learn's DataConversionWarning if it is imported, else its base class, UserWarning."""
    kind: type[Warning] = _imported("sklearn.exceptions", "DataConversionWarning", UserWarning)
    return kind


def tags(kind: str, *, multi_class: bool = True, allow_nan: bool = False) -> Any:
    """scikit-learn's Tags for a "classifier" or "regressor".

    The other tags keep their defaults: dense numerical input, one target per row, deterministic for
    a given seed.
    """
    utils = sys.modules["sklearn.utils"]  # imported, because only scikit-learn calls this
    classifier = utils.ClassifierTags(multi_class=multi_class) if kind == "classifier" else None
    return utils.Tags(
        estimator_type=kind,
        target_tags=utils.TargetTags(required=True),
        classifier_tags=classifier,
        regressor_tags=utils.RegressorTags() if kind == "regressor" else None,
        input_tags=utils.InputTags(allow_nan=allow_nan),
    )


def _imported(module: str, name: str, default: Any) -> Any:
    return getattr(sys.modules.get(module), name, default)

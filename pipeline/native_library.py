"""LightGBM's and XGBoost's own interfaces, for the models and for adversarial validation."""

import importlib
import sys
from types import ModuleType


def import_module_bare(name: str) -> ModuleType:
    """The library without its wrappers for scikit-learn: these are not used here, and what they
    import takes more than half of the time that the import takes."""
    blocked = "sklearn" not in sys.modules
    if blocked:
        sys.modules["sklearn"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module(name)
    finally:
        if blocked:
            del sys.modules["sklearn"]

"""From the organiser's files to a submission that can be trusted.

In a notebook: `run = pipeline.fit(train, target="y", metric="roc_auc", test=test)` with data
frames, `pipeline.run("airline")` for a competition that has a TOML; then `run.predict(new_rows)`.
`pipeline.compute` gives the values of single stages.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.library import Run, compute, fit, run

__all__ = ["Run", "compute", "fit", "run"]


def __getattr__(name: str) -> Any:
    """They are imported when they are first asked for: the command line does without them."""
    if name in __all__:
        from pipeline import library

        return getattr(library, name)
    raise AttributeError(
        f"module 'pipeline' has no attribute {name!r}; it has {', '.join(__all__)}"
    )

"""The report of a run, one file a section: what is computed, its figures and its words.

A section's module has a `TITLE` and these functions:

    compute(evidence) -> a frozen dataclass, or None where there is nothing to report
    plots(result, evidence) -> its figures, as drafts; left out where there are none
    render(result, evidence, plots) -> the blocks of its part of the page; left out where these are
        its figures alone
    to_json(result) -> the same for programs; left out where that is the result's fields

`compute` depends on the evidence and on the results of the sections before it alone; the other
functions see the results of all. The file name is the registry: a new section is a file, and its
name in `SECTIONS`, at the place where readers look for it.
"""

import importlib
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.figures import Draft, Plot
    from pipeline.page import Section
    from pipeline.report.evidence import Evidence

SECTIONS = (
    "overview",
    "leaderboard",
    "blend",
    "extra_rows",
    "foreign",
    "class_errors",
    "value_errors",
    "segments",
    "importance",
    "dependence",
    "odds",
    "learning_curve",
    "drift",
    "validation",
    "submissions",
    "alarms",
    "tuning",
    "provenance",
)


def module(name: str) -> ModuleType:
    """The section of this name."""
    return importlib.import_module(f"pipeline.report.{name}")


def plots(name: str, evidence: "Evidence") -> "Sequence[Draft]":
    """The figures of a section, in the style of the page."""
    from pipeline.figures import style

    section, result = module(name), evidence.results[name]
    if result is None or not hasattr(section, "plots"):
        return []
    with style():
        drafts: Sequence[Draft] = section.plots(result, evidence)
    return drafts


def render(name: str, evidence: "Evidence", plots: "Mapping[str, Plot]") -> "Section | None":
    """A section's part of the page, with its figures by name; None where it has no result."""
    from pipeline.page import Gallery, Section

    section, result = module(name), evidence.results[name]
    if result is None:
        return None
    if hasattr(section, "render"):
        blocks = section.render(result, evidence, plots)
    else:
        blocks = list(plots.values()) if len(plots) == 1 else [Gallery(list(plots.values()))]
    return Section(name.replace("_", "-"), section.TITLE, blocks)


def to_json(name: str, evidence: "Evidence") -> Any:
    """A section's result as plain JSON."""
    from pipeline.plain_json import plain

    section, result = module(name), evidence.results[name]
    return plain(section.to_json(result) if hasattr(section, "to_json") and result else result)

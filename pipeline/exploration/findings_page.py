"""The findings in short: a line for the terminal, the page, and plain JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from pipeline import page
from pipeline.exploration import (
    adversarial,
    association,
    column_drift,
    correlations,
    duplicates,
    organiser_split,
    pairs,
    profile,
    ratings,
    redundant,
    target,
)
from pipeline.exploration.findings import Exploration
from pipeline.exploration.part import Part
from pipeline.figures import Plot
from pipeline.page import p_value
from pipeline.plain_json import plain
from pipeline.problem import File, Loaded
from pipeline.wording import count, some

SECTIONS = (
    target,
    profile,
    redundant,
    association,
    pairs,
    ratings,
    correlations,
    column_drift,
    adversarial,
    organiser_split,
    duplicates,
)  # as they stand on the page


def parts(exploration: Exploration) -> list[Part]:
    """Those for which there is anything to show, the top of the page first."""
    found = [part for each in SECTIONS if (part := each.part(exploration))]
    return [_top(exploration, found), *found, _files(exploration.load)]


def headline(exploration: Exploration) -> str:
    """The findings in one line."""
    findings, load = exploration.findings, exploration.load
    rows = count(findings.rows.train + findings.rows.test, "row")
    parts = [*(["SIMULATED"] * load.simulated), rows, target.balance(exploration.target)]
    parts.append(profile.missing_summary(findings.profiles))
    real = [found.column for found in findings.drifts if not found.is_noise]
    parts.append(f"drift: {some(real, 3) or 'none'}" if findings.rows.test else "no test rows")
    if findings.adversarial is not None:
        found = findings.adversarial
        parts.append(f"adversarial AUC {found.auc:.3f} (p = {p_value(found.p)})")
    return ", ".join(parts)


# -- the page --------------------------------------------------------------------------------------


def document(
    name: str, exploration: Exploration, parts: Sequence[Part], plots: Sequence[Sequence[Plot]]
) -> str:
    """The page; `name` is the competition's, or empty, and `plots` are those of each part."""
    from markupsafe import Markup

    load, problem = exploration.load, exploration.load.problem
    files = ", ".join(file.name for _, file in _by_role(load))
    subtitle = Markup("{}: predicting <strong>{}</strong> ({}).")
    return page.document(
        f"{name or problem.target}: exploration",
        subtitle.format(files, problem.target, problem.task),
        [part.section(own) for part, own in zip(parts, plots, strict=True)],
        footer="Every number on this page is in explore.json beside it; its figures are in "
        "figures/ as PNG.",
        simulated=load.simulated,
    )


def _top(exploration: Exploration, parts: Sequence[Part]) -> Part:
    """The boxes, and what was found."""
    rows, features = exploration.findings.rows, exploration.load.problem.features
    kinds, plural = [feature.kind for feature in features], {"category": "categories"}
    different = [count(kinds.count(k), k, plural.get(k, "")) for k in dict.fromkeys(kinds)]
    facts = [
        ("Rows", count(rows.train + rows.test), f"{rows.train:,} train, {rows.test:,} test"),
        ("Columns", count(len(features)), ", ".join(different)),
        *(fact for part in parts for fact in part.facts),
    ]
    found = page.Bullets(conclusions(exploration, parts))
    return Part("overview", "", [page.Facts(facts), page.Heading("What was found"), found])


def conclusions(exploration: Exploration, parts: Sequence[Part]) -> list[str]:
    """What follows from the findings, a sentence or two a part."""
    return [*(part.conclusion for part in parts if part.conclusion), *_bounds(exploration)]


def _bounds(exploration: Exploration) -> Iterator[str]:
    """Which rows and columns of a large table are looked at."""
    findings = exploration.findings
    if findings.drawn != findings.rows:
        yield (
            f"Tests and figures are of {count(findings.drawn.train, 'row')} of train and "
            f"{count(findings.drawn.test, 'row')} of test, drawn at random; counts are of all rows."
        )
    if len(findings.profiles) < findings.features:
        yield (
            f"This page shows the {len(findings.profiles):,} of {findings.features:,} columns that "
            "are most related to the target; duplicate rows are equal in all columns."
        )


def _files(load: Loaded) -> Part:
    rows = [[role, file.name, file.rows, file.sha256] for role, file in _by_role(load)]
    heads = ("Table", "File", "Rows", "SHA-256")
    table = page.SortableTable("The files that were read.", heads, rows)
    return Part("files", "Files", [table, page.Bullets(load.notes)])


def _by_role(load: Loaded) -> list[tuple[str, File]]:
    return [(role, load.files[role]) for role in ("train", "test", "sample") if role in load.files]


# -- JSON ------------------------------------------------------------------------------------------


def to_json(exploration: Exploration, parts: Sequence[Part]) -> dict[str, Any]:
    """All the numbers, plain."""
    findings, load = exploration.findings, exploration.load
    about = {"task": load.problem.task, **target.to_json(exploration.target)}
    as_they_are = {f.name: getattr(findings, f.name) for f in fields(findings)}
    del as_they_are["duplicates"]  # a number a row
    return plain(as_they_are) | {
        "simulated": load.simulated,
        "headline": headline(exploration),
        "conclusions": conclusions(exploration, parts),
        "target": about,
        "drifts": [plain(each) | {"verdict": each.verdict} for each in findings.drifts],
        "duplicates": duplicates.to_json(findings.duplicates),
    }

"""The findings in short: a line for the terminal, the top of the page, and plain JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from pipeline import page
from pipeline.codec import plain
from pipeline.exploration import (
    adversarial,
    association,
    column_drift,
    correlations,
    duplicates,
    pairs,
    profile,
    ratings,
    target,
)
from pipeline.exploration.findings import Findings
from pipeline.exploration.target import Target
from pipeline.figures import Plot
from pipeline.page import p_value
from pipeline.problem import File, Loaded
from pipeline.wording import count, some


def headline(findings: Findings, about: Target, *, simulated: bool) -> str:
    """The findings in one line."""
    rows = count(findings.rows.train + findings.rows.test, "row")
    parts = [*(["SIMULATED"] * simulated), rows, target.balance(about)]
    parts.append(profile.missing_summary(findings.profiles))
    real = [found.column for found in findings.drifts if not found.is_noise]
    parts.append(f"drift: {some(real, 3) or 'none'}" if findings.rows.test else "no test rows")
    if findings.adversarial is not None:
        found = findings.adversarial
        parts.append(f"adversarial AUC {found.auc:.3f} (p = {p_value(found.p)})")
    return ", ".join(parts)


def conclusions(findings: Findings) -> list[str]:
    """What follows from the findings, a sentence or two each."""
    texts = (
        column_drift.caption(findings.drifts) if findings.drifts else "",
        adversarial.caption(findings.adversarial) if findings.adversarial else "",
        association.summary(findings.associations),
        pairs.summary(findings.pairs),
        profile.constant_summary(findings.profiles),
        column_drift.unseen_summary(findings.drifts),
        duplicates.summary(findings.duplicates),
        _drawn_summary(findings),
        _columns_summary(findings),
    )
    return [text for text in texts if text]


def _drawn_summary(findings: Findings) -> str:
    if findings.drawn == findings.rows:
        return ""
    return (
        f"Tests and figures are of {count(findings.drawn.train, 'row')} of train and "
        f"{count(findings.drawn.test, 'row')} of test, drawn at random; counts are of all rows."
    )


def _columns_summary(findings: Findings) -> str:
    shown = len(findings.profiles)
    if shown >= findings.features:
        return ""
    return (
        f"This page shows the {shown:,} of {findings.features:,} columns that are most related to "
        "the target; duplicate rows are equal in all columns."
    )


# -- the page --------------------------------------------------------------------------------------


def document(
    name: str, findings: Findings, about: Target, load: Loaded, plots: Mapping[str, Plot]
) -> str:
    """The page; `name` is the competition's, or empty."""
    from markupsafe import Markup

    files = ", ".join(file.name for _, file in _files(load))
    subtitle = Markup("{}: predicting <strong>{}</strong> ({}).")
    return page.document(
        f"{name or about.name}: exploration",
        subtitle.format(files, about.name, load.problem.task),
        sections(findings, about, load, plots),
        footer="Every number on this page is in explore.json beside it; its figures are in "
        "figures/ as PNG.",
        simulated=load.simulated,
    )


def sections(
    findings: Findings, about: Target, load: Loaded, plots: Mapping[str, Plot]
) -> list[page.Section]:
    """Those for which there is anything to show, in their order."""
    rows, found = (findings.rows.train, findings.rows.test), findings
    columns = [plot for name, plot in plots.items() if name.startswith("column-")]
    pair_plots = [plot for name, plot in plots.items() if name.startswith("pair-")]
    varying = sum(each.varies for each in found.associations)
    made = [
        _section(findings, about, load),
        target.section(about, plots),
        profile.section(found.profiles, rows, plots),
        association.section(found.associations, about, columns, has_pairs=bool(found.pairs)),
        pairs.section(found.pairs, about, varying, pair_plots) if found.pairs else None,
        ratings.section(found.ratings, plots) if found.ratings else None,
        correlations.section(found.correlations, plots) if found.correlations else None,
        column_drift.section(found.drifts, plots) if found.drifts else None,
        adversarial.section(plots) if found.rows.test else None,
        duplicates.section(found.duplicates),
        page.Section("files", "Files", [_files_table(load), page.Bullets(load.notes)]),
    ]
    return [section for section in made if section is not None]


def _section(findings: Findings, about: Target, load: Loaded) -> page.Section:
    """The top of the page."""
    train, test = findings.rows.train, findings.rows.test
    real, columns = sum(not found.is_noise for found in findings.drifts), len(findings.drifts)
    cells = sum(item.missing_train + item.missing_test for item in findings.profiles)
    facts = [
        ("Rows", count(train + test), f"{train:,} train, {test:,} test"),
        ("Columns", count(findings.features), _kinds(load)),
        target.fact(about),
        ("Missing values", count(cells), profile.missing_summary(findings.profiles)),
        *([("Drift", count(real), f"of {count(columns, 'column')}")] if columns else []),
        *([adversarial.fact(findings.adversarial)] if findings.adversarial else []),
        duplicates.fact(findings.duplicates),
    ]
    found = page.Bullets(conclusions(findings))
    return page.Section("overview", "", [page.Facts(facts), page.Heading("What was found"), found])


def _kinds(load: Loaded) -> str:
    kinds = [feature.kind for feature in load.problem.features]
    plural = {"category": "categories"}
    return ", ".join(
        count(kinds.count(kind), kind, plural.get(kind, "")) for kind in dict.fromkeys(kinds)
    )


def _files_table(load: Loaded) -> page.SortableTable:
    rows = [[role, file.name, file.rows, file.sha256] for role, file in _files(load)]
    heads = ("Table", "File", "Rows", "SHA-256")
    return page.SortableTable("The files that were read.", heads, rows)


def _files(load: Loaded) -> Sequence[tuple[str, File]]:
    """Each table's role and file, in the usual order."""
    return [(role, load.files[role]) for role in ("train", "test", "sample") if role in load.files]


# -- JSON ------------------------------------------------------------------------------------------


def to_json(findings: Findings, about: Target, load: Loaded) -> dict[str, Any]:
    """All the numbers, plain."""
    return {
        **{field.name: plain(getattr(findings, field.name)) for field in fields(findings)},
        "simulated": load.simulated,
        "headline": headline(findings, about, simulated=load.simulated),
        "conclusions": conclusions(findings),
        "target": {"task": load.problem.task, **target.to_json(about)},
        "drifts": [plain(each) | {"verdict": each.verdict} for each in findings.drifts],
        "duplicates": duplicates.to_json(findings.duplicates),
    }

"""The page of the exploration: its facts, tables and figures in their places."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline import page
from pipeline.exploration.association import Relation
from pipeline.exploration.captions import strongest_pairs
from pipeline.exploration.drift import ColumnDrift
from pipeline.exploration.findings import (
    Dataset,
    Findings,
    duplicates_told,
    missing_told,
    pairs_told,
    told,
    zeros_told,
)
from pipeline.exploration.interactions import MOST_COLUMNS, Interaction
from pipeline.exploration.profile import Profile, Target
from pipeline.figures import Plot, label
from pipeline.wording import count

PAIRS_TOLD, NOISE_TOLD = 15, 3
COLUMN_HEADS = (
    "Column",
    "Kind",
    "Distinct",
    "Missing, train",
    "Missing, test",
    "Zeros, train",
    "Zeros, test",
    "Least",
    "Median",
    "Greatest",
    "Commonest",
)
SECTIONS = [
    ("target", "Target"),
    ("columns", "Columns"),
    ("relations", "Columns by target"),
    ("pairs", "Pairs of columns"),
    ("ratings", ""),  # its heading follows from the columns
    ("correlations", "Correlations"),
    ("drift", "Drift"),
    ("adversarial", "Adversarial validation"),
    ("duplicates", "Duplicates"),
    ("files", "Files"),
]


def render(findings: Findings, dataset: Dataset, sample: Dataset, plots: Mapping[str, Plot]) -> str:
    """explore.html."""
    rated_heading = "" if findings.rated is None else findings.rated.heading
    held = {*plots, *(["pairs"] if findings.pairs else [])}
    absent = {"pairs", "ratings", "correlations"} - held
    gallery = [plot for name, plot in plots.items() if name.startswith("column-")]
    return page.render(
        "explore.html",
        simulated=dataset.schema["simulated"],
        name=str(dataset.schema.get("competition") or dataset.schema["target"]),
        rated_heading=rated_heading,
        rated_told=_rated_told(findings),
        sections=[(id, head or rated_heading) for id, head in SECTIONS if id not in absent],
        schema=dataset.schema,
        file_names=[file["name"] for _, file in _files(dataset.schema)],
        facts=_facts(findings, dataset),
        told=told(findings, dataset, sample),
        plots=plots,
        gallery=gallery,
        pair_gallery=[plot for name, plot in plots.items() if name.startswith("pair-")],
        pairs_told=pairs_told(findings.pairs),
        pairs_bound=_pairs_bound(findings),
        undrawn=sum(relation.varies for relation in findings.relations) - len(gallery),
        missing_told=missing_told(findings.profiles),
        zeros_told=zeros_told(findings.profiles, len(dataset.train)),
        duplicates_told=duplicates_told(findings.duplicates, dataset),
        tables={
            "columns": _columns_table(findings.profiles, dataset),
            "relations": _relations_table(findings.relations, dataset.target),
            "pairs": _pairs_table(findings.pairs, dataset.target),
            "correlations": _correlations_table(findings),
            "drift": _drift_table(findings.drifts),
            "files": _files_table(dataset.schema),
        },
    )


def _pairs_bound(findings: Findings) -> str:
    """Of more columns only the strongest ones are paired."""
    varying = sum(relation.varies for relation in findings.relations)
    return f" (the {MOST_COLUMNS} strongest)" if varying > MOST_COLUMNS else ""


def _rated_told(findings: Findings) -> str:
    if findings.rated is not None and findings.rated.is_journey:
        return "The questions in the order in which people meet them; the target at each answer."
    return "Columns of whole numbers with few values, and the target at each value."


def _facts(findings: Findings, dataset: Dataset) -> list[tuple[str, str, str]]:
    train, test = len(dataset.train), len(dataset.test)
    real = [drift for drift in findings.drifts if not drift.is_noise]
    cells = sum(item.missing_train + item.missing_test for item in findings.profiles)
    facts = [
        ("Rows", count(train + test), f"{train:,} train, {test:,} test"),
        ("Columns", count(len(dataset.all_columns)), _kinds(dataset.all_columns)),
        ("Target", *_target_fact(dataset.target)),
        ("Missing values", count(cells), missing_told(findings.profiles)),
        ("Drift", count(len(real)), f"of {count(len(findings.drifts), 'column')}"),
    ]
    found = findings.adversarial
    if found is not None:
        verdict = "train and test look alike" if found.is_noise else "train and test differ"
        told = f"p = {page.p_value(found.p)}: {verdict}"
        facts.append(("Adversarial AUC", f"{found.auc:.3f}", told))
    repeated = findings.duplicates
    facts.append(
        (
            "Repeated rows",
            count(repeated.train + repeated.test),
            f"{repeated.shared:,} shared by train and test",
        )
    )
    return facts


def _kinds(columns: Sequence[tuple[str, str]]) -> str:
    kinds = [kind for _, kind in columns]
    plural = {"category": "categories", "text": "texts"}
    return ", ".join(
        count(kinds.count(kind), kind, plural.get(kind, "")) for kind in dict.fromkeys(kinds)
    )


def _target_fact(target: Target) -> tuple[str, str]:
    if target.classes is None:
        return page.number(float(np.median(target.y))), "median"
    shares = target.counts / target.counts.sum()
    commonest = int(shares.argmax())
    return page.percent(shares[commonest]), f"are '{target.classes[commonest]}'"


def _columns_table(profiles: Sequence[Profile], dataset: Dataset) -> page.Table:
    rows_train, rows_test = len(dataset.train), len(dataset.test)
    rows = [
        [
            item.column,
            item.kind,
            item.distinct,
            _share(item.missing_train, rows_train),
            _share(item.missing_test, rows_test),
            _share(item.zeros_train, rows_train),
            _share(item.zeros_test, rows_test),
            item.smallest,
            item.median,
            item.greatest,
            None
            if item.commonest is None
            else f"{label(item.commonest, 18)} ({page.percent(item.commonest_share)})",
        ]
        for item in profiles
    ]
    told = "Columns, as train has them; missing values and zeros as shares of train's, test's rows."
    return page.Table(told, COLUMN_HEADS, rows)


def _share(rows: int | None, of: int) -> page.Cell | None:
    if rows is None:
        return None
    tone: page.Tone = "" if rows else "muted"
    return page.Cell(page.percent(rows / of) if rows else "0", rows / of, tone)


def _relations_table(found: Sequence[Relation], target: Target) -> page.Table:
    name = "Cramér's V" if target.classes else "Correlation ratio"
    rows = [
        [
            relation.column,
            page.Cell(f"{relation.strength:.3f}", relation.strength),
            page.Cell(page.p_value(relation.p), relation.p),
            page.Cell(page.p_value(relation.p_corrected), relation.p_corrected),
            page.Cell("noise", "noise", "muted")
            if relation.is_noise
            else page.Cell("related", "related", "good"),
        ]
        for relation in found
    ]
    return page.Table(
        "Each column alone against the target; p corrected for the number of columns (Holm).",
        ("Column", name, "p", "Corrected p", "Verdict"),
        rows,
    )


def _pairs_table(pairs: Sequence[Interaction], target: Target) -> page.Table:
    """The pairs that matter and the first of those that do not."""
    shown = [pair for pair in pairs if pair.matters][:PAIRS_TOLD] or pairs[:NOISE_TOLD]
    rows = [
        [
            *pair.columns,
            page.Cell(page.signed(pair.gain, 4), pair.gain),
            page.Cell(page.signed(pair.error, 4), pair.error),
            page.Cell(page.p_value(pair.p_corrected), pair.p_corrected),
            page.Cell("more than the sum", 1, "good")
            if pair.matters
            else page.Cell("noise", 0, "muted"),
        ]
        for pair in shown
    ]
    gain = "Log loss saved" if target.classes else "Share of variance"
    of = count(len(pairs), "pair")
    told = f"The first {len(shown)} of {of}; p corrected for their number (Holm)."
    return page.Table(told, ("Column", "With", gain, "± s.e.", "Corrected p", "Verdict"), rows)


def _correlations_table(findings: Findings) -> page.Table:
    pairs = strongest_pairs(findings.correlated, findings.correlations)[:PAIRS_TOLD]
    return page.Table(
        f"The {len(pairs)} strongest rank correlations.",
        ("Column", "And", "Spearman"),
        [[one, other, page.Cell(page.signed(value, 3), value)] for one, other, value in pairs],
    )


def _drift_table(drifts: Sequence[ColumnDrift]) -> page.Table:
    tones: dict[str, page.Tone] = {"small drift": "warn", "drift": "bad"}
    rows = [
        [
            drift.column,
            drift.statistic,
            page.Cell(f"{drift.value:.3f}", drift.value),
            page.Cell(page.p_value(drift.p), drift.p),
            page.Cell(page.p_value(drift.p_corrected), drift.p_corrected),
            page.Cell(drift.verdict, drift.verdict, tones.get(drift.verdict, "muted")),
            None if drift.unseen is None else page.Cell(page.percent(drift.unseen), drift.unseen),
        ]
        for drift in drifts
    ]
    heads = (
        "Column",
        "Statistic",
        "Distance",
        "p",
        "Corrected p",
        "Verdict",
        "Test rows with new levels",
    )
    return page.Table("Train against test, column by column.", heads, rows)


def _files_table(schema: dict[str, Any]) -> page.Table:
    rows = [[role, file["name"], file["rows"], file["sha256"]] for role, file in _files(schema)]
    return page.Table("The files that were read.", ("Table", "File", "Rows", "SHA-256"), rows)


def _files(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each table's role and file, in the order in which people name them."""
    files = schema["files"]
    return [(role, files[role]) for role in ("train", "test", "sample") if files.get(role)]

"""What the exploration found: the numbers, and the sentences that they amount to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import page
from pipeline.exploration import captions
from pipeline.exploration.association import Relation
from pipeline.exploration.drift import Adversarial, ColumnDrift
from pipeline.exploration.duplicates import Duplicates
from pipeline.exploration.interactions import Interaction
from pipeline.exploration.profile import Profile, Target
from pipeline.exploration.ratings import Ratings
from pipeline.exploration.related import related_told
from pipeline.wording import count, some

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Dataset:
    """What load has written. `columns` are the features' (name, kind) that are looked at, which
    are fewer than the tables have where these are wide; y is (n,)."""

    train: "pd.DataFrame"
    test: "pd.DataFrame"
    y: np.ndarray
    columns: list[tuple[str, str]]
    schema: dict[str, Any]

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.columns]

    @property
    def all_columns(self) -> list[tuple[str, str]]:
        return all_columns(self.schema)

    @property
    def classes(self) -> int:
        """How many classes there are, 0 for values."""
        return len(self.schema["classes"] or ())

    @property
    def target(self) -> Target:
        classes = self.schema["classes"]
        labels = None if classes is None else tuple(str(label) for label in classes)
        return Target(self.schema["target"], self.y, labels)

    def drawn(self, rows: int, rng: np.random.Generator) -> "Dataset":
        """At most so many rows of train and of test, in their order."""
        mine, other = (draw_rows(len(frame), rows, rng) for frame in (self.train, self.test))
        return Dataset(
            self.train.iloc[mine].reset_index(drop=True),
            self.test.iloc[other].reset_index(drop=True),
            self.y[mine],
            self.columns,
            self.schema,
        )


def all_columns(schema: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(name, kind) of every feature."""
    return [(column["name"], column["kind"]) for column in schema["columns"]]


def draw_rows(rows: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """Numbers of at most so many rows, ascending."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(rng.choice(rows, size=most, replace=False))


@dataclass(frozen=True)
class Findings:
    """All that was found, before it is drawn."""

    profiles: list[Profile]
    relations: list[Relation]
    pairs: list[Interaction]
    rated: Ratings | None
    rated_class: int | None
    correlated: list[str]
    correlations: np.ndarray
    drifts: list[ColumnDrift]
    adversarial: Adversarial | None
    duplicates: Duplicates


def headline(findings: Findings, dataset: Dataset) -> str:
    """The findings in one line."""
    rows = count(len(dataset.train) + len(dataset.test), "row")
    simulated = ["SIMULATED"] if dataset.schema["simulated"] else []
    parts = [*simulated, rows, _balance(dataset.target), missing_told(findings.profiles)]
    real = [drift.column for drift in findings.drifts if not drift.is_noise]
    parts.append(f"drift: {some(real, 3) or 'none'}")
    if findings.adversarial is not None:
        found = findings.adversarial
        parts.append(f"adversarial AUC {found.auc:.3f} (p = {page.p_value(found.p)})")
    return ", ".join(parts)


def _balance(target: Target) -> str:
    if target.classes is None:
        low, high = np.quantile(target.y, [0.25, 0.75])
        return "target mostly {} to {}".format(*page.alike((float(low), float(high))))
    shares = [f"{tenths / 10:.1f}%" for tenths in tenths_of_percent(target.counts)]
    return f"balance {' / '.join([*shares[:5], *['…'] * (len(shares) > 5)])}"


def tenths_of_percent(counts: np.ndarray) -> list[int]:
    """Shares in tenths of a percent that add up to 1000: the largest remainders are rounded up."""
    exact = 1000 * counts / counts.sum()
    whole = np.floor(exact).astype(int)
    up = np.argsort(whole - exact, kind="stable")[: 1000 - whole.sum()]
    whole[up] += 1
    return [int(share) for share in whole]


def missing_told(profiles: Sequence[Profile]) -> str:
    holding = [item for item in profiles if item.missing_train or item.missing_test]
    if not holding:
        return "no missing values"
    return f"missing values in {count(len(holding), 'column')}"


def zeros_told(profiles: Sequence[Profile], rows: int) -> str:
    """Columns that are zero in most of train's `rows`, or nothing."""
    mostly = [item for item in profiles if item.distinct > 2 and (item.zeros_train or 0) > rows / 2]
    if not mostly:
        return ""
    shares = [page.percent((item.zeros_train or 0) / rows, 0) for item in mostly]
    named = [f"'{item.column}' ({share})" for item, share in zip(mostly, shares, strict=True)]
    return f"Zero in more than half of the rows: {some(named, 5)}."


def told(findings: Findings, dataset: Dataset, sample: Dataset) -> list[str]:
    """What to conclude, a sentence each."""
    sentences = (
        captions.drift_caption(findings.drifts) if findings.drifts else "",
        captions.adversarial_caption(findings.adversarial) if findings.adversarial else "",
        _related_told(findings.relations),
        pairs_told(findings.pairs),
        _constant_told(findings.profiles),
        _unseen_told(findings.drifts),
        duplicates_told(findings.duplicates, dataset),
        _drawn_told(dataset, sample),
        _narrowed_told(dataset),
    )
    return [sentence for sentence in sentences if sentence]


def _related_told(relations: Sequence[Relation]) -> str:
    useful = [relation for relation in relations if not relation.is_noise]
    if not useful:
        return ""
    best = ", ".join(f"'{item.column}' ({item.strength:.2f})" for item in useful[:3])
    return (
        f"{len(useful)} of {count(len(relations), 'column')} "
        f"{'is' if len(useful) == 1 else 'are'} related to the target when taken alone, first "
        f"of all {best}."
    )


def pairs_told(pairs: Sequence[Interaction]) -> str:
    """How many pairs say more together than added up."""
    if not pairs:
        return ""
    real = [pair for pair in pairs if pair.matters]
    tested = f"Of {count(len(pairs), 'pair')} of columns"
    if not real:
        return (
            f"{tested} none says more of the target than the sum of all columns, beyond noise: "
            "nothing here speaks against models that add up columns."
        )
    best = ", ".join(f"'{one}' with '{other}'" for one, other in (p.columns for p in real[:2]))
    verb = "says" if len(real) == 1 else "say"
    return (
        f"{tested} {len(real)} {verb} more of the target than any sum of columns can, first of all "
        f"{best}: a linear model misses that, unless a feature tells it of the pair."
    )


def held_told(findings: Findings, dataset: Dataset, column: str) -> str:
    """What a column's figure does not show: missing values, zeros and drift."""
    (profile,) = [item for item in findings.profiles if item.column == column]
    (drift,) = [item for item in findings.drifts if item.column == column]
    return captions.held_caption(profile, drift, len(dataset.train), len(dataset.test))


def _constant_told(profiles: Sequence[Profile]) -> str:
    constant = [f"'{item.column}'" for item in profiles if item.distinct <= 1]
    if not constant:
        return ""
    return f"The same in every row of train, so of no use: {some(constant, 5)}."


def _unseen_told(drifts: Sequence[ColumnDrift]) -> str:
    worst = max(drifts, key=lambda drift: drift.unseen or 0.0, default=None)
    if worst is None or not worst.unseen:
        return ""
    return (
        f"{page.percent(worst.unseen)} of the test rows have a level of '{worst.column}' that "
        "train has never shown."
    )


def _drawn_told(dataset: Dataset, sample: Dataset) -> str:
    if len(sample.train) == len(dataset.train) and len(sample.test) == len(dataset.test):
        return ""
    return (
        f"Tests and figures are of {count(len(sample.train), 'row')} of train and "
        f"{count(len(sample.test), 'row')} of test, drawn at random; counts are of all."
    )


def _narrowed_told(dataset: Dataset) -> str:
    chosen = related_told(len(dataset.columns), len(dataset.all_columns))
    return f"This page looks at {chosen}; equal rows are equal in all." if chosen else ""


def duplicates_told(found: Duplicates, dataset: Dataset) -> str:
    """Equal rows, and what follows from them."""
    if not (found.train or found.test or found.shared):
        return "No row is found twice, neither within train and test nor between them."
    parts = (
        f"{count(found.train, 'row')} of train and {count(found.test, 'row')} of test "
        f"repeat an earlier one; {count(found.shared, 'row')} of test "
        f"({page.percent(found.shared / len(dataset.test))}) stand in train as well."
    )
    if found.conflicting:
        parts += (
            f" {count(found.conflicting, 'row')} of train equal another in all features but "
            "not in the target"
        )
        parts += (
            "."
            if found.ceiling is None
            else (
                f": from these features alone no model can be right on more than "
                f"{page.percent(found.ceiling, 2)} of train."
            )
        )
    return parts


def summarise(findings: Findings, dataset: Dataset, sample: Dataset) -> dict[str, Any]:
    """All the numbers, as JSON."""
    return {
        "simulated": dataset.schema["simulated"],
        "headline": headline(findings, dataset),
        "told": told(findings, dataset, sample),
        "rows": {"train": len(dataset.train), "test": len(dataset.test)},
        "looked_at": {"columns": len(dataset.columns), "of": len(dataset.all_columns)},
        "drawn": {"train": len(sample.train), "test": len(sample.test)},
        "target": _target_summary(dataset.target, dataset.schema["task"]),
        "columns": [asdict(item) for item in findings.profiles],
        "relations": [_relation_summary(item) for item in findings.relations],
        "pairs": [_pair_summary(pair) for pair in findings.pairs],
        "ratings": _rating_summary(findings, dataset.target),
        "correlations": {
            "columns": findings.correlated,
            "spearman": [_numbers(row) for row in findings.correlations],
        },
        "drift": [asdict(item) | {"verdict": item.verdict} for item in findings.drifts],
        "adversarial": None if findings.adversarial is None else asdict(findings.adversarial),
        "duplicates": asdict(findings.duplicates),
    }


def _rating_summary(findings: Findings, target: Target) -> dict[str, Any] | None:
    rated, code = findings.rated, findings.rated_class
    if rated is None:
        return None
    return {
        "class": None if code is None or target.classes is None else target.classes[code],
        "columns": list(rated.columns),
        "values": _numbers(rated.values),
        "rows": rated.rows.tolist(),
        "means": [_numbers(row) for row in rated.means],
        "standard_errors": [_numbers(row) for row in rated.errors],
        "bent": rated.bent,
    }


def _pair_summary(pair: Interaction) -> dict[str, Any]:
    """The cells are of those pairs alone that matter; there can be hundreds of others."""
    told = {
        "columns": list(pair.columns),
        "gain": pair.gain,
        "standard_error": pair.error,
        "p": pair.p,
        "p_corrected": pair.p_corrected,
        "matters": pair.matters,
    }
    if not pair.matters:
        return told
    return told | {
        "bins": [list(labels) for labels in pair.labels],
        "rows": pair.rows.tolist(),
        "observed": [_numbers(row) for row in pair.observed],
        "expected": [_numbers(row) for row in pair.expected],
    }


def _target_summary(target: Target, task: str) -> dict[str, Any]:
    about: dict[str, Any] = {"name": target.name, "task": task}
    if target.classes is not None:
        return about | {"classes": list(target.classes), "rows": target.counts.tolist()}
    shares = [0.0, 0.25, 0.5, 0.75, 1.0]
    return about | {
        "mean": float(target.y.mean()),
        "standard_deviation": float(target.y.std()),
        "skewness": target.skewness,
        "quartiles": _numbers(np.quantile(target.y, shares)),
    }


def _relation_summary(relation: Relation) -> dict[str, Any]:
    return {
        "column": relation.column,
        "strength": relation.strength,
        "p": relation.p,
        "p_corrected": relation.p_corrected,
        "bins": list(relation.labels),
        "rows": relation.rows.tolist(),
        "shares": None if relation.shares is None else relation.shares.tolist(),
        "means": None if relation.means is None else _numbers(relation.means),
    }


def _numbers(values: np.ndarray) -> list[float | None]:
    """JSON knows no NaN: None stands for it."""
    return [float(value) if np.isfinite(value) else None for value in values]

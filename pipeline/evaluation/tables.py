"""The report's tables: who leads, how the blend was chosen, and what it was all computed from."""

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipeline import metrics, page
from pipeline.artifacts import Folder
from pipeline.config import EvaluateStage
from pipeline.evaluation.leaderboard import (
    Entry,
    Leaderboard,
    interval,
    with_error,
    with_interval,
)
from pipeline.evaluation.tuning import Search
from pipeline.processor import blas_kernels
from pipeline.wording import count

PACKAGES = ("lightgbm", "matplotlib", "numpy", "optuna", "pandas", "scikit-learn")


def leaderboard_table(
    board: Leaderboard,
    timings: Mapping[str, Mapping[str, float]],
) -> page.Table:
    """Every entry; `timings` by name hold fit_seconds and predict_seconds."""
    scores = (board.metric.label, "To the best", "Verdict", board.second.label, "Folds")
    return page.Table(
        f"Out-of-fold scores on {board.rows:,} rows.",
        ("Model", *scores, "Fit"),
        [
            [
                *_score_cells(entry, board),
                _folds_cell(entry, board),
                _cell(timings.get(entry.name, {}).get("fit_seconds"), ".1f", " s"),
            ]
            for entry in board.entries
        ],
    )


def _score_cells(entry: Entry, board: Leaderboard) -> list[Any]:
    digits = board.digits
    tones: dict[str, page.Tone] = {"best": "good", "worse": ""}
    against = page.Cell("–", 0.0)
    if entry.to_best is not None:
        against = page.Cell(with_interval(entry.to_best, digits), entry.to_best.score)
    return [
        entry.name,
        page.Cell(with_error(entry.estimate, digits), entry.estimate.score),
        against,
        page.Cell(entry.told, entry.told, tones.get(entry.verdict, "warn")),
        page.Cell(with_error(entry.second, board.second_digits), entry.second.score),
    ]


def _folds_cell(entry: Entry, board: Leaderboard) -> page.Cell:
    """Spread over the folds, and every fold as a dot on the scale of the whole board."""
    digits, scores = board.digits, [score for score in entry.folds if score is not None]
    least, greatest = _scale(board)
    span = greatest - least or 1.0
    ends = (entry.estimate.score, *interval(entry.estimate))
    middle, low, high = ((score - least) / span for score in ends)
    told = f"{entry.name}: {count(len(scores), 'fold')}"
    if scores:
        told += f" from {min(scores):,.{digits}f} to {max(scores):,.{digits}f}"
    dots = tuple((score - least) / span for score in scores)
    text = f"± {entry.fold_spread:,.{digits}f}"
    return page.Cell(text, entry.fold_spread, strip=page.Strip(dots, middle, low, high, told))


def _scale(board: Leaderboard) -> tuple[float, float]:
    """The least and the greatest score that a strip of the board shows."""
    shown = [
        score
        for entry in board.entries
        for score in (*interval(entry.estimate), *entry.folds)
        if score is not None
    ]
    return min(shown), max(shown)


def _cell(value: float | None, form: str, unit: str = "") -> page.Cell:
    return page.Cell("–", 0.0) if value is None else page.Cell(f"{value:{form}}{unit}", value)


def candidates_table(board: Leaderboard, about: Mapping[str, Any]) -> page.Table:
    """The ways to blend that were tried; `about` is the blend stage's blend.json.

    Its `judged`, where there is one, says how each later way did against the one kept before it.
    """
    contests = about.get("judged") or {}
    heads = ("Gain ± standard error", "Judged") if contests else ()
    return page.Table(
        "Ways to blend, each judged on rows that its weights were not fitted on.",
        ("Method", f"{board.metric.label} ± standard error", *heads, "Verdict"),
        [
            [
                method,
                page.Cell(with_error(metrics.Estimate(**found), board.digits), found["score"]),
                *(_contest_cells(contests.get(method)) if contests else ()),
                page.Cell("chosen", "chosen", "good") if method == about["method"] else None,
            ]
            for method, found in about["candidates"].items()
        ],
    )


def _contest_cells(contest: Mapping[str, Any] | None) -> list[Any]:
    """How much better than the simpler way that was kept before, and what follows."""
    if contest is None:
        return [None, None]
    gain = metrics.Estimate(contest["gain"], contest["standard_error"])
    against = f" than {contest['against']}" if "against" in contest else ""
    return [page.Cell(with_error(gain), gain.score), f"{contest['verdict']}{against}"]


def models_table(
    settings: EvaluateStage, stages: Mapping[str, Folder], searches: Sequence[Search]
) -> page.Table:
    """The settings that every model was trained with, and where they come from."""
    searched = {search.model: search for search in searches}
    rows = []
    for name in settings.models:
        best = stages[f"tune {name}"].read_json("best")
        chosen = stages[f"train {name}"].read_json("settings")
        told = found_by(best, searched.get(name))
        listed = ", ".join(f"{key} {_short(value)}" for key, value in sorted(chosen.items()))
        rows.append([name, told, listed])
    return page.Table("Settings of the models.", ("Model", "Found by", "Settings"), rows)


def found_by(best: Mapping[str, Any], search: Search | None) -> str:
    """Where a model's settings come from: best.json and its search."""
    if not best["trials"] or search is None:
        return "as in the TOML"
    # the first trial is the TOML's own settings
    if search.best == 0:
        return f"as in the TOML: none of {count(best['trials'], 'trial')} beat it"
    return count(best["trials"], "trial")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def files_table(schema: Mapping[str, Any]) -> page.Table:
    rows = [
        [role, file["name"], file["rows"], page.Cell(file["sha256"], file["sha256"])]
        for role, file in sorted(schema["files"].items())
    ]
    return page.Table("The files that were read.", ("Table", "File", "Rows", "SHA-256"), rows)


def versions_table() -> page.Table:
    rows = [
        ["Python", platform.python_version()],
        *([name, version(name)] for name in PACKAGES),
        ["BLAS kernels of this processor", blas_kernels()],
        ["pipeline, SHA-256 of its code", code_digest()],
    ]
    return page.Table("Versions.", ("Library", "Version"), rows)


def code_digest() -> str:
    """One hash of all the package's Python files, names and contents in order."""
    folder, sums = Path(__file__).parent.parent, hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        sums.update(f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return sums.hexdigest()

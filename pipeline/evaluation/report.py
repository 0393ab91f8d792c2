"""The report of a run: what was judged, what was found, and the one page that tells it."""

import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from pipeline import budget, figures, metrics, page
from pipeline.artifacts import Folder
from pipeline.config import EvaluateStage
from pipeline.evaluation import alarms, segments
from pipeline.evaluation.importance import Importance
from pipeline.evaluation.leaderboard import (
    BLEND,
    Entry,
    Leaderboard,
    decimals,
    interval,
    with_error,
    with_interval,
)
from pipeline.evaluation.learning_curve import Curve
from pipeline.folds import Fold
from pipeline.wording import count

PACKAGES = ("lightgbm", "matplotlib", "numpy", "optuna", "pandas", "scikit-learn")
SECTIONS = [
    ("leaderboard", "Leaderboard"),
    ("alarms", "Alarms"),
    ("blend", "Blend"),
    ("errors", "Where it errs"),
    ("rows", "More rows?"),
    ("columns", "Columns"),
    ("submissions", "Submissions"),
    ("provenance", "Data, settings, versions"),
]


@dataclass(frozen=True)
class Results:
    """What is judged: the target y (n,) and out-of-fold predictions (n, k) by name.

    The blend comes first.
    """

    schema: dict[str, Any]
    metric: metrics.Metric
    folds: list[Fold]
    y: np.ndarray
    predictions: dict[str, np.ndarray]

    @property
    def task(self) -> metrics.Task:
        task: metrics.Task = self.schema["task"]
        return task

    @property
    def blend(self) -> np.ndarray:
        return self.predictions[BLEND]

    @property
    def classes(self) -> list[str]:
        """Labels as they are shown, in code order; none for regression."""
        return figures.labels(self.schema["classes"] or [], 18)

    def errors(self) -> np.ndarray:
        """The blend's error in each row, (n,): 1 for a wrong class, or the absolute error."""
        if self.task == "regression":
            return metrics.absolute_error(self.y, self.blend)
        return 1 - metrics.hits(self.y, self.blend)


@dataclass(frozen=True)
class Evaluation:
    """What was computed of the results."""

    board: Leaderboard
    curves: list[Curve]
    importances: list[Importance]
    segments: list[segments.Segment]
    alarms: list[alarms.Alarm]


def render(
    settings: EvaluateStage,
    results: Results,
    evaluation: Evaluation,
    plots: Mapping[str, figures.Plot],
    stages: Mapping[str, Folder],
    submitted: str | None,
) -> str:
    """The page; `stages` are the folders that it was computed from, by name (`train linear`).

    `submitted` is the file name of the ledger's latest entry, None where there is none.
    """
    schema = results.schema
    return page.render(
        "report.html",
        title=settings.title or str(schema.get("competition") or "Report"),
        url=settings.url,
        simulated=schema["simulated"],
        sections=SECTIONS,
        conclusion=evaluation.board.conclusion(),
        submission=submission_told(str(schema.get("competition") or ""), submitted),
        rule=stages["blend"].read_json("blend").get("rule"),
        judged=_judged(evaluation.board, schema["target"]) + _cut_short(schema, stages),
        facts=facts(results, evaluation.board, stages["blend"].read_json("blend")),
        tables=_tables(settings, results, evaluation, stages),
        plots=plots,
        alarms=evaluation.alarms,
        alarms_told=alarms.told(evaluation.alarms),
        segments_told=segments.conclusion(evaluation.segments),
        found=schema["found"],
        records=dict(_records(stages)),
    )


def submission_told(competition: str, submitted: str | None) -> str:
    """Where the file to upload lies."""
    place = f"submissions/{competition}/" if competition else "submissions/"
    told = f"The file to upload is written to {place} by the stage submit, after this report"
    return f"{told}; the latest one in the ledger is {submitted}." if submitted else f"{told}."


def _judged(board: Leaderboard, target: str) -> str:
    """How to read the leaderboard's columns."""
    metric, second = board.metric, board.second
    better = "more" if metric.greater_is_better else "less"
    return (
        f"{metric.label}{_unit(metric, target)}: {better} is better; ± is the standard "
        f"error over rows. {second.label}{_unit(second, target)} likewise. To the best: "
        "the 95% interval of the difference to the best, row by row. Folds: mean and standard "
        "deviation over folds. Fit: seconds over all folds, one core."
    )


def _cut_short(schema: Mapping[str, Any], stages: Mapping[str, Folder]) -> str:
    """What there was no time for; empty where there was."""
    cut = stages["blend"].read_json("blend").get("cut_short")
    if not cut:
        return ""
    return (
        f" [budget] minutes cut short: {budget.told(cut)}. More minutes do more; the same minutes "
        f"repeat this, unless data/build/{schema.get('competition')}/budget is deleted, the record."
    )


def _unit(metric: metrics.Metric, target: str) -> str:
    """What a score counts, in brackets; nothing for metrics without a unit."""
    if metric.name == "accuracy":
        return " (share of rows)"
    return f" (in units of {target})" if metric.name in ("rmse", "mae") else ""


def facts(
    results: Results, board: Leaderboard, about: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """The numbers to read first: (name, value, note); `about` is the blend stage's blend.json."""
    repeats = results.folds[-1].repeat + 1
    folds = f"{len(results.folds) // repeats} folds"
    target = results.schema["target"]
    return [
        _expected(board, target, about),
        *_scores(board, target),
        (
            "Training rows",
            f"{len(results.y):,}",
            f"{folds}, {count(repeats, 'repeat')}; each row judged by models without it",
        ),
        ("Columns", f"{len(results.schema['columns']):,}", f"to predict: {target}"),
    ]


def _expected(board: Leaderboard, target: str, about: Mapping[str, Any]) -> tuple[str, str, str]:
    """What to expect of the submission; the fact that matters most."""
    score, error, digits = about["score"], about["standard_error"], board.digits
    averaging = f"{about['averaging']:+,.{digits + 1}f}"
    return (
        f"Submission, {board.metric.label}{_unit(board.metric, target)}",
        f"{score:,.{digits}f}",
        f"± {error:,.{digits}f} standard error: to expect on new rows of this kind. The blend as "
        f"cross-validated, and {averaging} for averaging over the models of all folds",
    )


def _scores(board: Leaderboard, target: str) -> Iterator[tuple[str, str, str]]:
    """The blend by both metrics, as facts."""
    blend = next(entry for entry in board.entries if entry.name == BLEND)
    score, error, digits = blend.estimate.score, blend.estimate.standard_error, board.digits
    low, high = interval(blend.estimate)
    yield (
        f"Blend, {board.metric.label}{_unit(board.metric, target)}",
        f"{score:,.{digits}f}",
        f"± {error:,.{digits}f} standard error; "
        f"95% interval {low:,.{digits}f} to {high:,.{digits}f}",
    )
    score, error = blend.second.score, blend.second.standard_error
    yield (
        f"Blend, {board.second.label}{_unit(board.second, target)}",
        f"{score:,.{decimals(error)}f}",
        f"± {error:,.{decimals(error)}f} standard error",
    )


def _records(stages: Mapping[str, Folder]) -> Iterator[tuple[str, str]]:
    """(stage and hash, settings as JSON) of what the report was computed from."""
    for name, folder in stages.items():
        if folder.has("DONE"):
            record = json.loads(folder.read_text("DONE"))
            text = json.dumps(record["settings"], indent=2, ensure_ascii=False)
            yield f"{name} {record['digest'][:16]}", text


# -- tables ----------------------------------------------------------------------------------------


def _tables(
    settings: EvaluateStage, results: Results, evaluation: Evaluation, stages: Mapping[str, Folder]
) -> dict[str, page.Table]:
    schema, about = results.schema, stages["blend"].read_json("blend")
    timings = {name: stages[f"train {name}"].read_json("timing") for name in settings.models}
    return {
        "leaderboard": leaderboard_table(evaluation.board, about["weights"], timings),
        "candidates": candidates_table(evaluation.board, about),
        "segments": segments.table(
            evaluation.segments, schema["target"], results.task != "regression"
        ),
        "models": models_table(settings, stages),
        "files": files_table(schema),
        "versions": versions_table(),
    }


def leaderboard_table(
    board: Leaderboard,
    weights: Mapping[str, float],
    timings: Mapping[str, Mapping[str, float]],
) -> page.Table:
    """Every entry; `timings` by name hold fit_seconds and predict_seconds."""
    scores = (board.metric.label, "To the best", "Verdict", board.second.label, "Folds")
    return page.Table(
        f"Out-of-fold scores on {board.rows:,} rows.",
        ("Model", *scores, "Weight", "Fit"),
        [
            [
                *_score_cells(entry, board),
                _cell(weights.get(entry.name), ".2f"),
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
    folds = f"{entry.fold_mean:,.{digits}f} ± {entry.fold_spread:,.{digits}f}"
    return [
        entry.name,
        page.Cell(with_error(entry.estimate, digits), entry.estimate.score),
        against,
        page.Cell(entry.told, entry.told, tones.get(entry.verdict, "warn")),
        page.Cell(with_error(entry.second, board.second_digits), entry.second.score),
        page.Cell(folds, entry.fold_mean),
    ]


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


def models_table(settings: EvaluateStage, stages: Mapping[str, Folder]) -> page.Table:
    rows = []
    for name in settings.models:
        best = stages[f"tune {name}"].read_json("best")
        chosen = stages[f"train {name}"].read_json("settings")
        told = found_by(best, stages[f"tune {name}"].read_json("trials"))
        listed = ", ".join(f"{key} {_short(value)}" for key, value in sorted(chosen.items()))
        rows.append([name, told, listed])
    return page.Table("Settings of the models.", ("Model", "Found by", "Settings"), rows)


def found_by(best: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> str:
    """Where a model's settings come from: best.json and trials.json of its search."""
    if not best["trials"]:
        return "as in the TOML"
    complete = [trial for trial in trials if trial["state"] == "complete"]
    # the first trial is the TOML's own settings
    if complete and min(complete, key=lambda trial: trial["value"])["number"] == 0:
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
    rows = [["Python", platform.python_version()], *([name, version(name)] for name in PACKAGES)]
    return page.Table("Versions.", ("Library", "Version"), rows)

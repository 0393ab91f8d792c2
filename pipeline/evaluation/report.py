"""The report of a run: what was judged, what was found, and the one page that tells it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline import budget, figures, metrics, page
from pipeline.artifacts import Folder
from pipeline.config import EvaluateStage
from pipeline.evaluation import alarms, coefficients, segments, tables
from pipeline.evaluation.coefficients import Odds
from pipeline.evaluation.dependence import Dependence
from pipeline.evaluation.importance import Importance
from pipeline.evaluation.leaderboard import BLEND, Leaderboard
from pipeline.evaluation.learning_curve import Curve
from pipeline.evaluation.overview import blend_told, data_told, facts, judged_told, submission_told
from pipeline.evaluation.shift import Shift
from pipeline.evaluation.tuning import Influence, Search
from pipeline.folds import Fold

SECTIONS = [
    ("run", "The run"),
    ("leaderboard", "Leaderboard"),
    ("blend", "Blend"),
    ("errors", "Where it errs"),
    ("columns", "What drives it"),
    ("rows", "More rows?"),
    ("drift", "Drift"),
    ("alarms", "Alarms"),
    ("tuning", "Tuning"),
    ("provenance", "To repeat it"),
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
    """What was computed of the results. `odds` are logistic regression's, `influences` by model."""

    board: Leaderboard
    curves: list[Curve]
    importances: list[Importance]
    segments: list[segments.Segment]
    alarms: list[alarms.Alarm]
    dependences: list[Dependence]
    odds: list[Odds]
    shift: Shift
    searches: list[Search]
    influences: dict[str, list[Influence]] = field(default_factory=dict)


def render(
    settings: EvaluateStage,
    results: Results,
    evaluation: Evaluation,
    plots: Mapping[str, figures.Plot],
    stages: Mapping[str, Folder],
    submitted: Sequence[str],
) -> str:
    """The page; `stages` are the folders that it was computed from, by name (`train linear`).

    `submitted` are the file names in the ledger, the latest one last.
    """
    schema, about = results.schema, stages["blend"].read_json("blend")
    withdrawn = alarms.withdrawn(evaluation.alarms)
    return page.render(
        "report.html",
        title=settings.title or str(schema.get("competition") or "Report"),
        url=settings.url,
        simulated=schema["simulated"],
        sections=SECTIONS,
        data=data_told(schema, results.metric),
        conclusion=evaluation.board.conclusion(),
        submission=submission_told(schema, about, results.metric, submitted, withdrawn),
        rule=about.get("rule"),
        blend_told=blend_told(about),
        judged=judged_told(evaluation.board, schema["target"]) + _cut_short(schema, about),
        facts=facts(schema, results.folds, evaluation.board, about, withdrawn),
        tables=_tables(settings, results, evaluation, stages),
        plots=plots,
        gallery=[plot for name, plot in plots.items() if name.startswith("dependence-")],
        searches=[
            [plots[name] for name in plots if name in (f"tuning-{each}", f"parameters-{each}")]
            for each in (search.named for search in evaluation.searches)
        ],
        alarms=evaluation.alarms,
        alarms_told=alarms.told(evaluation.alarms),
        segments_told=segments.conclusion(evaluation.segments),
        odds_told=coefficients.conclusion(evaluation.odds, results.classes, schema["target"]),
        found=schema["found"],
        records=dict(_records(stages)),
    )


def _cut_short(schema: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """What there was no time for; empty where there was."""
    cut = about.get("cut_short")
    if not cut:
        return ""
    return (
        f" [budget] minutes cut short: {budget.told(cut)}. More minutes do more; the same minutes "
        f"repeat this, unless data/build/{schema.get('competition')}/budget is deleted, the record."
    )


def _records(stages: Mapping[str, Folder]) -> Iterator[tuple[str, str]]:
    """(stage and hash, settings as JSON) of what the report was computed from."""
    for name, folder in stages.items():
        if folder.has("DONE"):
            record = folder.read_record()
            text = json.dumps(record["settings"], indent=2, ensure_ascii=False)
            yield f"{name} {record['digest'][:16]}", text


def _tables(
    settings: EvaluateStage, results: Results, evaluation: Evaluation, stages: Mapping[str, Folder]
) -> dict[str, page.Table]:
    schema, about = results.schema, stages["blend"].read_json("blend")
    timings = {name: stages[f"train {name}"].read_json("timing") for name in settings.models}
    target = schema["target"]
    return {
        "leaderboard": tables.leaderboard_table(evaluation.board, timings),
        "candidates": tables.candidates_table(evaluation.board, about),
        "segments": segments.table(evaluation.segments, target, results.task != "regression"),
        "odds": coefficients.table(evaluation.odds, results.classes, target, len(results.folds)),
        "models": tables.models_table(settings, stages, evaluation.searches),
        "files": tables.files_table(schema),
        "versions": tables.versions_table(),
    }

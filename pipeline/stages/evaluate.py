"""Judge every model and the blend on rows that they never saw, and tell it on one page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline import figures, ledger, metrics
from pipeline.artifacts import Folder
from pipeline.budget import told
from pipeline.config import EvaluateStage
from pipeline.evaluation import (
    alarms,
    coefficients,
    dependence,
    diagnostics,
    importance,
    leaderboard,
    learning_curve,
    report,
    segments,
    shift,
    tuning,
)
from pipeline.evaluation.leaderboard import BLEND, Leaderboard
from pipeline.evaluation.origins import find_origins
from pipeline.evaluation.report import Evaluation, Results
from pipeline.folds import read_folds
from pipeline.parallel import Map, workers
from pipeline.predictor import Predictor
from pipeline.progress import Progress
from pipeline.wording import make_command


def run(
    settings: EvaluateStage,
    *,
    load: Folder,
    explore: Folder,
    split: Folder,
    encode: Folder,
    tune: Folder,
    train: Folder,
    blend: Folder,
    submissions: Folder,
    out: Folder,
    progress: Progress,
) -> None:
    """Write leaderboard.json, report.html and figures/, and print the leaderboard.

    Two runs differ in the times that the report shows, and in nothing else.
    """
    # those that [budget] minutes left out have nothing to judge
    trained = tuple(blend.read_json("blend")["models"])
    settings = settings.model_copy(update={"models": trained})
    results = read_results(settings, load, split, train, blend)
    predictor = Predictor(load=load, split=split, encode=encode, train=train, blend=blend)
    refits = learning_curve.Refits(load, encode, train, results.metric.name, settings.seed)
    stages = {"load": load, "explore": explore, "split": split, "encode": encode, "blend": blend}
    for name in settings.models:
        stages |= {f"tune {name}": tune.folder(name), f"train {name}": train.folder(name)}
    evaluation = compute(settings, results, predictor, refits, stages, progress)
    submitted = ledger.read(submissions.path / ledger.FILENAME)
    plots = draw(results, evaluation, comparable(submitted, results.metric))
    for plot in plots.values():
        out.folder("figures").write_bytes(f"{plot.name}.png", plot.png)
    out.write_json("leaderboard", summary(evaluation, blend.read_json("blend")))
    files = [str(entry["file"]) for entry in submitted]
    page = report.render(settings, results, evaluation, plots, stages, files)
    out.write_text("report.html", page)
    show(settings, results, evaluation, stages, progress)


def read_results(
    settings: EvaluateStage, load: Folder, split: Folder, train: Folder, blend: Folder
) -> Results:
    schema = load.read_json("schema")
    task = schema["task"]
    metric = metrics.get_metric(settings.metric, task)
    predictions = {BLEND: np.asarray(blend.read_array("oof"))}
    for name in settings.models:
        predictions[name] = train.folder(name).read_array("oof").mean(axis=0)
    y = np.asarray(load.read_array("y"))
    return Results(schema, metric, read_folds(split), y, predictions)


def comparable(entries: Sequence[dict[str, Any]], metric: metrics.Metric) -> list[dict[str, Any]]:
    """Submissions with a leaderboard score and a cross-validated one of the same metric."""
    return [
        entry
        for entry in ledger.scored(entries)
        if entry.get("score") is not None and entry.get("metric") == metric.name
    ]


# -- what takes time -------------------------------------------------------------------------------


def compute(
    settings: EvaluateStage,
    results: Results,
    predictor: Predictor,
    refits: learning_curve.Refits,
    stages: Mapping[str, Folder],
    progress: Progress,
) -> Evaluation:
    """Everything that the page tells, over the cores."""
    with workers() as parallel_map, progress.task("report", 4) as task:
        board = rank(settings, results, parallel_map)
        task.advance("leaderboard")
        curves = learning_curve.learning_curves(
            refits, settings.models, results.folds, settings.learning_curve, parallel_map
        )
        task.advance("learning curves")
        importances = importances_of(settings, results, predictor, parallel_map)
        task.advance("importance")
        dependences = dependences_of(settings, results, predictor, importances, parallel_map)
        task.advance("partial dependence")
    frame = predictor.load.read_table("train", predictor.columns)
    searches = searches_of(settings, results, stages)
    return Evaluation(
        board,
        curves,
        importances,
        segments.find_segments(frame, results.schema["columns"], results.errors()),
        alarms.find_alarms(evidence(results, predictor.load, stages["split"]), board, curves),
        dependences,
        odds_of(settings, results, stages),
        shift.read_shift(stages["explore"]),
        searches,
        {search.model: tuning.influences(search, settings.seed) for search in searches},
    )


def rank(settings: EvaluateStage, results: Results, parallel_map: Map) -> Leaderboard:
    return leaderboard.rank(
        (results.metric, leaderboard.second_metric(results.metric, results.task)),
        results.y,
        results.predictions,
        results.folds,
        seed=settings.seed,
        parallel_map=parallel_map,
    )


def evidence(results: Results, load: Folder, split: Folder) -> alarms.Evidence:
    """What the alarms look at: the tables that load wrote, the folds, and the blend."""
    schema = results.schema
    columns = [(column["name"], column["kind"]) for column in schema["columns"]]
    names, id = [name for name, _ in columns], schema["id"]
    train, test = load.read_table("train"), load.read_table("test")
    # an id that is a date is a feature too: that it tells the target is no alarm
    sources = {column.get("source") for column in schema["columns"]}
    found = alarms.Evidence(
        train[names],
        test[names],
        columns,
        None if id in sources else train.get(id),
        results.y,
        len(schema["classes"] or ()),
        results.folds,
        results.blend,
        group=split.read_json("split").get("group"),
        labels=schema["classes"] or (),
        test_ids=test.get(id),
    )
    return replace(found, origins=find_origins(train, test, {schema["target"]}, found.judged))


def importances_of(
    settings: EvaluateStage, results: Results, predictor: Predictor, parallel_map: Map
) -> list[importance.Importance]:
    """Of the raw columns; none where the settings ask for no rows."""
    rows, repeats = settings.importance_rows, settings.importance_repeats
    if not rows:
        return []
    shuffles = importance.Shuffles(results.metric.name, rows, repeats, settings.seed)
    return importance.permutation_importance(predictor, results.folds, shuffles, parallel_map)


def dependences_of(
    settings: EvaluateStage,
    results: Results,
    predictor: Predictor,
    importances: Sequence[importance.Importance],
    parallel_map: Map,
) -> list[dependence.Dependence]:
    """Of the most important columns; none where the settings ask for no rows or no columns."""
    columns = [item.column for item in importances[: settings.dependence_columns]]
    if not settings.dependence_rows:
        return []
    return dependence.partial_dependence(
        predictor,
        results.folds,
        columns,
        rows=settings.dependence_rows,
        seed=settings.seed,
        parallel_map=parallel_map,
    )


def odds_of(
    settings: EvaluateStage, results: Results, stages: Mapping[str, Folder]
) -> list[coefficients.Odds]:
    """Of logistic regression, where it is among the models and there are classes."""
    if coefficients.MODEL not in settings.models or results.task == "regression":
        return []
    model = stages[f"train {coefficients.MODEL}"]
    return coefficients.logistic_odds(stages["load"], stages["encode"], model, results.folds)


def searches_of(
    settings: EvaluateStage, results: Results, stages: Mapping[str, Folder]
) -> list[tuning.Search]:
    """Of the models that were tuned."""
    found = []
    for name in settings.models:
        best, trials = (stages[f"tune {name}"].read_json(part) for part in ("best", "trials"))
        search = tuning.read_search(name, best, trials, results.metric)
        if search is not None:
            found.append(search)
    return found


# -- what is written and shown ---------------------------------------------------------------------


def draw(
    results: Results, evaluation: Evaluation, entries: Sequence[dict[str, Any]]
) -> dict[str, figures.Plot]:
    """All figures by name; `entries` are submissions with a leaderboard score."""
    colours, schema = figures.colours(results.predictions), results.schema
    drafts = [leaderboard.fold_plot(evaluation.board, colours), *draw_errors(results)]
    if evaluation.importances:
        columns = len(schema["columns"])
        found = evaluation.importances
        drafts.append(importance.importance_plot(found, results.metric, columns))
    parts = evaluation.dependences
    drafts += dependence.dependence_plots(parts, results.classes, schema["target"])
    drafts.append(learning_curve.curve_plot(evaluation.curves, results.metric, colours))
    drafts += shift.shift_plots(evaluation.shift)
    if entries:
        drafts.append(diagnostics.submissions_plot(entries, results.metric))
    drafts += draw_searches(evaluation)
    with figures.style():
        return {draft.name: draft.finish(simulated=schema["simulated"]) for draft in drafts}


def draw_searches(evaluation: Evaluation) -> Iterator[figures.Draft]:
    """The trials of every tuned model and, if they are many, which settings mattered."""
    board = evaluation.board
    for search in evaluation.searches:
        (entry,) = [entry for entry in board.entries if entry.name == search.model]
        scores = {board.metric.name: entry.estimate, board.second.name: entry.second}
        known = scores.get(search.metric.name)
        yield tuning.history_plot(search, known.standard_error if known else None)
        found = evaluation.influences[search.model]
        if found:
            yield tuning.influence_plot(search, found)


def draw_errors(results: Results) -> list[figures.Draft]:
    """Where the blend errs, in the figures that suit the task."""
    y, blend, classes = results.y, results.blend, results.classes
    if results.task == "regression":
        target = results.schema["target"]
        return [
            diagnostics.truth_plot(y, blend, target),
            diagnostics.residual_plot(y, blend, target),
        ]
    return [
        diagnostics.confusion_plot(y, blend, classes),
        diagnostics.roc_plot(y, results.predictions, classes),
        diagnostics.calibration_plot(y, blend, classes),
    ]


def summary(evaluation: Evaluation, blend: Mapping[str, Any]) -> dict[str, Any]:
    """leaderboard.json: what the report says, for programs; `blend` is blend.json."""
    return {
        **evaluation.board.to_json(),
        "blend": {key: blend[key] for key in ("method", "weights", "candidates")},
        "cut_short": blend["cut_short"],
        "learning_curves": [curve.to_json() for curve in evaluation.curves],
        "importance": [
            {"column": item.column, "loss": item.loss.score, "error": item.loss.standard_error}
            for item in evaluation.importances
        ],
        "dependence": [item.to_json() for item in evaluation.dependences],
        "odds": [odds.to_json() for odds in evaluation.odds],
        "tuning": [
            {"model": model, "settings": [vars(item) for item in found]}
            for model, found in evaluation.influences.items()
        ],
        "segments": [segment.to_json() for segment in evaluation.segments],
        "alarms": [alarm.to_json() for alarm in evaluation.alarms],
        "promise_withdrawn": alarms.withdrawn(evaluation.alarms),
    }


def show(
    settings: EvaluateStage,
    results: Results,
    evaluation: Evaluation,
    stages: Mapping[str, Folder],
    progress: Progress,
) -> None:
    """The leaderboard on the terminal, and the alarms."""
    board, about = evaluation.board, stages["blend"].read_json("blend")
    candidates = ", ".join(
        f"{method} {found['score']:,.{board.digits}f}"
        for method, found in about["candidates"].items()
    )
    seconds = {
        name: stages[f"train {name}"].read_json("timing")["fit_seconds"] for name in settings.models
    }
    data = "simulated rows" if results.schema["simulated"] else "rows"
    title = f"Out-of-fold scores on {len(results.y):,} {data}"
    caption = f"blend: {about['method']}; candidates: {candidates}"
    if about["cut_short"]:
        caption += f"\ncut short by [budget] minutes: {told(about['cut_short'])}"
    progress.show(leaderboard.table(board, seconds, title=title, caption=caption))
    for alarm in evaluation.alarms:
        progress.advise(f"ALARM: {alarm.found}")
    reason = alarms.withdrawn(evaluation.alarms)
    if reason:
        progress.advise(f"no score can be promised: {reason}")
    make = make_command(results.schema.get("competition"))
    progress.say(f"report.html written; `{make} watch` opens it")

"""What a reader of the report needs first: the data, the submission, and its score."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.evaluation.leaderboard import (
    BLEND,
    Leaderboard,
    decimals,
    in_sentence,
    interval,
)
from pipeline.folds import Fold
from pipeline.metrics import Estimate, Metric
from pipeline.page import percent
from pipeline.wording import count


def data_told(schema: Mapping[str, Any], metric: Metric) -> str:
    """Which rows, from where, and what is asked of them."""
    kinds = Counter(column["kind"] for column in schema["columns"])
    listed = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    tables = [schema["files"][role] for role in ("train", "test")]
    files = " and ".join(f"{file['name']} ({count(file['rows'], 'row')})" for file in tables)
    source = "SIMULATED, no file of the organiser: " if schema["simulated"] else "Read from "
    columns, target = count(len(schema["columns"]), "column"), schema["target"]
    return (
        f"{source}{files}. {columns} ({listed}) are to predict '{target}', a {schema['task']} "
        f"target; the competition judges by {in_sentence(metric)}."
    )


def submission_told(
    schema: Mapping[str, Any],
    about: Mapping[str, Any],
    metric: Metric,
    submitted: Sequence[str],
    withdrawn: str,
) -> str:
    """Where the file to upload lies; `about` is blend.json, `submitted` names of the ledger.

    `withdrawn` is why no score can be promised, empty where one can.
    """
    competition = str(schema.get("competition") or "")
    place = f"submissions/{competition}/" if competition else "submissions/"
    mark = "_SIMULATED" if schema["simulated"] else ""
    start = f"{competition}{mark}_{about['method']}_{about['score']:.4f}_"
    low, high = interval(Estimate(about["score"], about["standard_error"]))
    digits = decimals(about["standard_error"])
    expected = (
        f"No score can be promised: {withdrawn}."
        if withdrawn
        else f"Expect {in_sentence(metric)} {about['score']:,.{digits}f} on new rows of this kind, "
        f"95% interval {low:,.{digits}f} to {high:,.{digits}f}."
    )
    told = f"The file to upload is {place}{start}HASH.csv, written by the stage submit. {expected}"
    if schema["simulated"]:
        told += " It answers simulated rows: do not upload it."
    return f"{told} The latest one in the ledger is {submitted[-1]}." if submitted else told


def blend_told(about: Mapping[str, Any]) -> str:
    """Which models the blend is made of, by their shares; `about` is blend.json."""
    weights = sorted(about["weights"].items(), key=lambda item: -abs(item[1]))
    total = sum(abs(weight) for _, weight in weights) or 1.0
    used = [f"{name} {percent(abs(weight) / total, 0)}" for name, weight in weights if weight]
    idle = [name for name, weight in weights if not weight]
    shares = "shares of its coefficients" if about["method"] == "stack" else "shares"
    left_out = f"; left out: {', '.join(idle)}" if idle else ""
    return f"Way: {about['method']}; {shares}: {', '.join(used)}{left_out}."


def judged_told(board: Leaderboard, target: str) -> str:
    """How to read the leaderboard's columns."""
    metric, second = board.metric, board.second
    better = "more" if metric.greater_is_better else "less"
    return (
        f"{metric.label}{_unit(metric, target)}: {better} is better; ± is the standard "
        f"error over rows. {second.label}{_unit(second, target)} likewise. To the best: "
        "the 95% interval of the difference to the best, row by row. Folds: a dot for each "
        "fold, below them the score of all rows with its 95% interval, all models on one scale; "
        "then the standard deviation over folds. Fit: seconds over all folds, one core."
    )


def _unit(metric: Metric, target: str) -> str:
    """What a score counts, in brackets; nothing for metrics without a unit."""
    if metric.name == "accuracy":
        return " (share of rows)"
    return f" (in units of {target})" if metric.name in ("rmse", "mae") else ""


def facts(
    schema: Mapping[str, Any],
    folds: Sequence[Fold],
    board: Leaderboard,
    about: Mapping[str, Any],
    withdrawn: str,
) -> list[tuple[str, str, str]]:
    """The numbers to read first: (name, value, note); `about` is the blend stage's blend.json.

    `withdrawn` is why no score can be promised, empty where one can.
    """
    repeats, target = folds[-1].repeat + 1, schema["target"]
    parts = count(len(folds) // repeats, "fold")
    return [
        _expected(board, target, about, withdrawn),
        *_scores(board, target),
        (
            "Training rows",
            f"{board.rows:,}",
            f"{parts}, {count(repeats, 'repeat')}; each row judged by models without it",
        ),
        ("Columns", f"{len(schema['columns']):,}", f"to predict: {target}"),
    ]


def _expected(
    board: Leaderboard, target: str, about: Mapping[str, Any], withdrawn: str
) -> tuple[str, str, str]:
    """What to expect of the submission; the fact that matters most."""
    name = f"Submission, {board.metric.label}{_unit(board.metric, target)}"
    if withdrawn:
        return name, "no promise", f"no score can be promised: {withdrawn}"
    score, error, digits = about["score"], about["standard_error"], board.digits
    low, high = interval(Estimate(score, error))
    gain = f"{about['averaging']:+,.{digits}f}"
    return (
        name,
        f"{score:,.{digits}f}",
        f"± {error:,.{digits}f} standard error, 95% interval {low:,.{digits}f} to "
        f"{high:,.{digits}f}, to expect on new rows. The blend as cross-validated, and {gain} for "
        "averaging the models of all folds; the error counts too that other rows would have "
        "trained other models",
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

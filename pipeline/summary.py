"""What a whole run amounts to, in at most twenty lines: the file, what to expect, what next."""

import math
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.artifacts import Workspace, require_stage
from pipeline.budget import told
from pipeline.config import COMPETITIONS, read_toml, split_presets
from pipeline.evaluation.leaderboard import NORMAL_95, decimals
from pipeline.expectation import WIDER
from pipeline.metrics import get_metric
from pipeline.wording import count, from_here, make_command

MOST_ENTRIES, MOST_ALARMS = 4, 3
WIDEST = 180


def summarise(workspace: Workspace) -> list[str]:
    """The lines; the first one alone says what there is."""
    schema = require_stage(workspace, "load").read_json("schema")
    submitted = require_stage(workspace, "submit").read_json("submission")
    board = require_stage(workspace, "evaluate").read_json("leaderboard")
    return [
        headline(workspace, submitted, schema, board),
        *_expected(submitted, schema, board),
        "",
        *_leaders(board, submitted),
        *_cut_short(workspace, board.get("cut_short", {})),
        *_alarms(board["alarms"]),
        "",
        *_next(workspace, submitted),
    ]


def headline(
    workspace: Workspace,
    submitted: Mapping[str, Any],
    schema: Mapping[str, Any],
    board: Mapping[str, Any],
) -> str:
    """submissions/airline/x.csv (Accuracy 0.9383 ± 0.0046)"""
    metric = get_metric(submitted["metric"], schema["task"])
    digits = decimals(submitted["standard_error"])
    score = f"{submitted['score']:,.{digits}f} ± {submitted['standard_error']:,.{digits}f}"
    path = from_here(workspace.submissions / submitted["file"])
    return f"{path} ({'out-of-fold ' * bool(withdrawn(board))}{metric.label} {score})"


def withdrawn(board: Mapping[str, Any]) -> str:
    """Why no score can be promised, by the report's alarms; empty where one can."""
    return str(board.get("promise_withdrawn", ""))


def _expected(
    submitted: Mapping[str, Any], schema: Mapping[str, Any], board: Mapping[str, Any]
) -> list[str]:
    """Where the leaderboard's score should lie: both samples are finite, train's and test's."""
    if submitted["simulated"]:
        return ["SIMULATED data: the score says nothing about the competition"]
    if withdrawn(board):
        return [textwrap.shorten(f"no score can be promised: {withdrawn(board)}", WIDEST)]
    rows = {role: schema["files"][role]["rows"] for role in ("train", "test")}
    low, high = prediction_interval(
        submitted["score"], submitted["standard_error"], rows["train"], rows["test"]
    )
    if get_metric(submitted["metric"], schema["task"]).greater_is_better:
        low, high = max(low, -math.inf if submitted["metric"] == "r2" else 0.0), min(high, 1.0)
    else:
        low = max(low, 0.0)
    digits = decimals(submitted["standard_error"])
    return [
        f"expected on the leaderboard: {low:,.{digits}f} to {high:,.{digits}f} "
        f"(95%, if it counts all {count(rows['test'])} test rows)"
    ]


def prediction_interval(
    score: float, error: float, train_rows: int, test_rows: int
) -> tuple[float, float]:
    """95% of the scores on other rows: their own noise comes on top of the standard error.

    The error over n rows alone is σ / √n, WIDER times less than `error`; over m other rows it is
    σ / √m.
    """
    rows_alone = error / WIDER
    reach = NORMAL_95 * math.hypot(error, rows_alone * math.sqrt(train_rows / test_rows))
    return score - reach, score + reach


def _leaders(board: Mapping[str, Any], submitted: Mapping[str, Any]) -> list[str]:
    """The first entries and the blend, which is what was submitted."""
    entries: list[dict[str, Any]] = board["entries"]
    shown = entries[:MOST_ENTRIES]
    if all(entry["name"] != "blend" for entry in shown):
        shown = [*shown[:-1], *(entry for entry in entries if entry["name"] == "blend")]
    width = max(len(entry["name"]) for entry in shown)
    digits = decimals(entries[0]["standard_error"])
    lines = [
        f"  {entry['name']:<{width}}  {entry['score']:,.{digits}f} ± "
        f"{entry['standard_error']:,.{digits}f}  {_verdict(entry, submitted)}"
        for entry in shown
    ]
    more = len(entries) - len(shown)
    return [*lines, *([f"  and {more} more in the report"] if more else [])]


def _verdict(entry: Mapping[str, Any], submitted: Mapping[str, Any]) -> str:
    """Against the best; the blend says that it is what was submitted."""
    verdict = "worse than the best" if entry["verdict"] == "worse" else str(entry["verdict"])
    is_blend = entry["name"] == "blend"
    return f"{verdict}; submitted ({submitted['method']})" if is_blend else verdict


def _cut_short(workspace: Workspace, cut: Mapping[str, Any]) -> list[str]:
    """What had no time, and how it gets some: another attempt on a machine that is less busy."""
    if not cut:
        return []
    record = from_here(workspace.budget.path)
    return [
        textwrap.shorten(f"cut short by [budget] minutes: {told(cut)}", WIDEST),
        f"  more minutes do more; if the machine was busy, delete {record} and run again",
    ]


def _alarms(alarms: Sequence[Mapping[str, str]]) -> list[str]:
    lines = [textwrap.shorten(f"ALARM: {alarm['found']}", WIDEST) for alarm in alarms[:MOST_ALARMS]]
    if len(alarms) > MOST_ALARMS:
        lines.append(f"and {count(len(alarms) - MOST_ALARMS, 'alarm')} more in the report")
    return lines


def _next(workspace: Workspace, submitted: Mapping[str, Any]) -> list[str]:
    name = workspace.competition
    make = make_command(name)
    steps = [(f"{make} watch", "opens the report: where it errs, what drives it")]
    if submitted["simulated"]:
        steps.append(("not for upload", f"put the organiser's files into data/raw/{name} first"))
    else:
        python = from_here(Path(sys.executable))
        steps.append(("upload the file", "and keep what the leaderboard says:"))
        steps.append(("", f"{python} -m pipeline score {submitted['file']} SCORE"))
    steps.extend(_presets(workspace, make))
    width = max(len(step) for step, _ in steps)
    return [f"  {step:<{width}}  {what}" for step, what in steps]


def _presets(workspace: Workspace, make: str) -> list[tuple[str, str]]:
    """A longer run than this one, if the TOML has one."""
    path = COMPETITIONS / f"{workspace.competition}.toml"
    preset = workspace.settings.read_text("preset").strip()
    known = split_presets(read_toml(path), path)
    if preset == "quick":
        return [(f"{make} all", "the full run; this was a first look")]
    if preset == "default" and "best" in known:
        return [(f"{make} PRESET=best all", "takes its time: longer searches, more repeats")]
    return [(f"{path.name}", "holds every setting; edit it and run again")]

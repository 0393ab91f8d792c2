"""The summary of a run, in at most twenty lines: the file, the score to expect, what next."""

import math
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import answers
from pipeline.blending import Blended
from pipeline.config import BLEND, load_presets
from pipeline.estimates import NORMAL_95, decimals, signed, verdict, with_error
from pipeline.expectation import WIDER
from pipeline.experiments import Experiment
from pipeline.flow import Flow
from pipeline.metrics import METRICS, Estimate, Metric
from pipeline.problem import Loaded
from pipeline.report.leaderboard import LeaderboardEntry
from pipeline.stages.average import Averaged
from pipeline.stages.evaluate import Evaluated
from pipeline.wording import count, from_here, make_command
from pipeline.workspace import Workspace

MOST_ENTRIES, MOST_ALARMS, MOST_TARGETS = 4, 3, 3
WIDEST = 180


@dataclass(frozen=True)
class Target:
    """What a run found of a target."""

    load: Loaded
    blend: Blended
    evaluated: Evaluated


@dataclass(frozen=True)
class Summary:
    """The values that the lines are made of."""

    workspace: Workspace
    experiment: Experiment
    targets: Mapping[str, Target]
    averaged: Averaged | None = None

    @property
    def first(self) -> Target:
        return next(iter(self.targets.values()))

    @property
    def load(self) -> Loaded:
        return self.first.load

    @property
    def blend(self) -> Blended:
        return self.first.blend

    @property
    def evaluated(self) -> Evaluated:
        return self.first.evaluated

    @property
    def metric(self) -> Metric:
        return self.experiment.measure

    @property
    def no_score_reason(self) -> str:
        """Why no expected score is given, of the first target that has a reason."""
        reasons = {name: each.evaluated.no_score_reason for name, each in self.targets.items()}
        name = next((name for name, reason in reasons.items() if reason), "")
        return f"{name}: {reasons[name]}" if name else reasons.get("", "")


def summarise(flow: Flow, experiment: Experiment) -> list[str]:
    """The lines; the first one can stand alone."""
    names = ("load", "blend", "evaluate")
    targets = {name: Target(*map(flow.of(name).value, names)) for name in flow.targets}
    averaged = flow.value("average") if len(targets) > 1 else None
    found = Summary(flow.workspace, experiment, targets, averaged)
    return [
        headline(found),
        *_expected(found),
        *_experiment(found),
        "",
        *_leaders(found),
        *_cut_short(found),
        *_alarms(found),
        "",
        *_next(found),
    ]


def headline(found: Summary) -> str:
    """submissions/airline/x.csv (Accuracy 0.9383 ± 0.0046)"""
    file = found.experiment.submission
    path = from_here(found.workspace.submissions / file) if file else "no rows to predict"
    kind = "out-of-fold " if found.no_score_reason else ""
    return f"{path} ({kind}{found.metric.label} {with_error(found.experiment.expected)})"


def _expected(found: Summary) -> Iterator[str]:
    """Where the leaderboard's score should lie: both samples are finite, train's and test's."""
    no_score_reason = found.no_score_reason
    test_groups = answers.test_groups(found.load)
    test_rows = _scored(len(found.load.test), test_groups)
    if found.load.simulated:
        yield "SIMULATED data: this is no score of the competition"
    elif no_score_reason:
        yield textwrap.shorten(f"no expected score is given: {no_score_reason}", WIDEST)
    elif test_rows:
        expected = found.experiment.expected
        interval = prediction_interval(expected, found.evaluated.leaderboard.rows, test_rows)
        low, high = map(found.metric.clip, interval)
        digits = decimals(expected.standard_error)
        what = "test row" if test_groups is None else "group"
        yield (
            f"expected on the leaderboard: {low:,.{digits}f} to {high:,.{digits}f} "
            f"(95%, if it counts all {count(test_rows, what)})"
        )


def _scored(rows: int, groups: np.ndarray | None) -> int:
    """How many answers a score is taken on: one a row, or one a group."""
    return rows if groups is None else len(answers.answer_rows(groups))


def prediction_interval(expected: Estimate, scored: int, test_rows: int) -> tuple[float, float]:
    """95% of the scores on other rows: their own noise comes on top of the standard error.

    The error over the n rows that were scored is σ / √n, WIDER times less than the standard error;
    over m other rows it is σ / √m. Rows that err alike do so in both: their σ is the greater one.
    """
    rows_alone = expected.standard_error / WIDER
    other_rows = rows_alone * math.sqrt(scored / test_rows)
    reach = NORMAL_95 * math.hypot(expected.standard_error, other_rows)
    return expected.score - reach, expected.score + reach


def _experiment(found: Summary) -> Iterator[str]:
    """Which experiment this is, and how it compares with the best one before."""
    experiment, best = found.experiment, found.experiment.best_before
    line = f"experiment {experiment.number}"
    if best is not None and best.is_zero:
        line += f": the same predictions as experiment {best.to}"
    elif best is not None:
        found_to_be = verdict(best.estimate, found.metric.greater_is_better)
        line += f": {signed(best.estimate)} against the best earlier one, {best.to} ({found_to_be})"
    if experiment.number > 1:
        line += f"; `{make_command(found.workspace.competition, 'experiments')}` lists them all"
    yield line


def _leaders(found: Summary) -> Iterator[str]:
    """The first entries and the blend, which is what was submitted."""
    if found.averaged is not None:
        yield from _means(found, found.averaged)
        return
    board = found.evaluated.leaderboard
    entries = board.entries
    shown = list(entries[:MOST_ENTRIES])
    if all(entry.name != BLEND for entry in shown):
        shown = [*shown[:-1], *(entry for entry in entries if entry.name == BLEND)]
    width = max(len(entry.name) for entry in shown)
    for entry in shown:
        score = with_error(entry.estimate, board.digits)
        yield f"  {entry.name:<{width}}  {score}  {_verdict(entry, found)}"
    if len(entries) > len(shown):
        yield f"  and {len(entries) - len(shown)} more in the report"


def _means(found: Summary, averaged: Averaged) -> Iterator[str]:
    """The mean over targets of the blend and of the best of the others; the blend of each target,
    as many as there are lines for."""
    best = next((each for each in averaged.entries if each.name != BLEND), None)
    shown = [each for each in averaged.entries if each.name == BLEND or each is best]
    targets = list(found.targets.items())
    listed = targets if len(targets) <= MOST_TARGETS else targets[: MOST_TARGETS - 1]
    width = max(map(len, [*(entry.name for entry in shown), *(name for name, _ in listed)]))
    digits = decimals(averaged.entries[0].estimate.standard_error)
    for entry in shown:
        verdict = "worse than the best" if entry.verdict == "worse" else entry.verdict
        submitted = "; submitted" if entry.name == BLEND and found.experiment.submission else ""
        yield f"  {entry.name:<{width}}  {with_error(entry.estimate, digits)}  {verdict}{submitted}"
    for name, each in listed:
        label = METRICS[each.blend.metric].label
        expected = with_error(each.blend.expected.estimate)
        yield f"  {name:<{width}}  {label} {expected}  ({each.blend.method})"
    if len(targets) > len(listed):
        yield f"  and {count(len(targets) - len(listed), 'target')} more in the report"


def _verdict(entry: LeaderboardEntry, found: Summary) -> str:
    """Against the best; the blend is what was submitted, if there were rows to predict."""
    verdict = "worse than the best" if entry.verdict == "worse" else entry.verdict
    if entry.name != BLEND:
        return verdict
    submitted = "submitted " if found.experiment.submission else ""
    gain, digits = found.blend.expected.averaging, found.evaluated.leaderboard.digits
    averaging = f", {gain:+.{digits}f} by averaging all fits" if abs(gain) >= 10**-digits else ""
    return f"{verdict}; {submitted}({found.blend.method}{averaging})"


def _cut_short(found: Summary) -> Iterator[str]:
    """What had no time, and how it gets some: another attempt on a machine that is less busy."""
    cut = ", ".join(
        f"{name}: {each.blend.undone}" if name else each.blend.undone
        for name, each in found.targets.items()
        if each.blend.undone
    )
    if cut:
        preset = found.experiment.preset
        again = make_command(found.workspace.competition, "all NEW_PLAN=1", preset)
        yield textwrap.shorten(f"cut short: {cut}", WIDEST)
        yield f"  more minutes do more; if the machine was busy or full, `{again}` tries once more"


def _alarms(found: Summary) -> Iterator[str]:
    alarms = [
        f"{name}: {alarm.found}" if name else alarm.found
        for name, each in found.targets.items()
        for alarm in each.evaluated.alarms
    ]
    for alarm in alarms[:MOST_ALARMS]:
        yield textwrap.shorten(f"ALARM: {alarm}", WIDEST)
    if len(alarms) > MOST_ALARMS:
        yield f"and {count(len(alarms) - MOST_ALARMS, 'alarm')} more in the report"


def _next(found: Summary) -> Iterator[str]:
    name = found.workspace.competition
    watch = make_command(name, "watch")
    steps = [(watch, "opens the report: where it errs, what drives it")]
    if found.load.simulated:
        steps.append(("not for upload", f"put the organiser's files into data/raw/{name} first"))
    elif found.experiment.submission:
        python = from_here(Path(sys.executable))
        steps.append(("upload the file", "and keep the leaderboard's score of it:"))
        steps.append(("", f"{python} -m pipeline score {found.experiment.submission} SCORE"))
    steps.append(_next_run(found))
    width = max(len(step) for step, _ in steps)
    for step, what in steps:
        yield f"  {step:<{width}}  {what}"


def _next_run(found: Summary) -> tuple[str, str]:
    """A longer run than this one, if the TOML has one."""
    path, preset, name = found.workspace.toml, found.experiment.preset, found.workspace.competition
    if preset == "quick":
        return make_command(name, "all"), "the full run; this was a first look"
    if preset == "default" and path.is_file() and "best" in load_presets(path):
        best = make_command(name, "all", "best")
        return best, "takes its time: longer searches, more repeats"
    return path.name, "holds every setting; edit it and run again"

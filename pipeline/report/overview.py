"""What a reader needs first: the data, the best entry, the score to expect of the submission."""

from collections import Counter
from collections.abc import Iterator, Mapping

from markupsafe import Markup

from pipeline import figures, page
from pipeline.blending import Expected
from pipeline.estimates import decimals, interval, with_error
from pipeline.metrics import Estimate
from pipeline.report.alarms import Alarms
from pipeline.report.evidence import BLEND, Evidence
from pipeline.report.leaderboard import Leaderboard
from pipeline.wording import count

TITLE = "The run"
PLURALS = {"category": "categories"}


def compute(evidence: Evidence) -> Expected:
    """The score to expect of the submission, as the blend stage estimated it."""
    return evidence.blend.expected


def render(
    expected: Expected, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    board: Leaderboard = evidence.results["leaderboard"]
    alarms: Alarms = evidence.results["alarms"]
    return [
        describe_data(evidence),
        Markup("<strong>{}</strong>").format(board.conclusion()),
        describe_submission(expected, evidence, alarms.withdrawn),
        _warning(len(alarms.found)) if alarms.found else None,
        page.Facts(list(facts(expected, evidence, board, alarms.withdrawn))),
    ]


def describe_data(evidence: Evidence) -> str:
    """Which rows, from where, and what is to be predicted."""
    load, problem = evidence.load, evidence.problem
    kinds = Counter(feature.kind for feature in problem.features)
    listed = ", ".join(count(n, kind, PLURALS.get(kind, "")) for kind, n in kinds.most_common())
    tables = [load.files[role] for role in ("train", "test") if role in load.files]
    files = " and ".join(f"{file.name} ({count(file.rows, 'row')})" for file in tables)
    source = "SIMULATED rows, from no file of the organiser: " if load.simulated else "Read from "
    columns = count(len(problem.features), "column")
    return (
        f"{source}{files}. The target '{problem.target}' ({problem.task}) is predicted from "
        f"{columns}: {listed}. The metric is {evidence.metric.in_sentence}."
    )


def describe_submission(expected: Expected, evidence: Evidence, withdrawn: str) -> str:
    """The score to expect; `withdrawn` is why none can be promised, empty where one can."""
    digits = decimals(expected.standard_error)
    low, high = interval(Estimate(expected.score, expected.standard_error))
    score = (
        f"No score can be promised: {withdrawn}."
        if withdrawn
        else f"On new rows of this kind, expect {evidence.metric.in_sentence} "
        f"{expected.score:,.{digits}f} (95% interval {low:,.{digits}f} to {high:,.{digits}f})."
    )
    if evidence.load.simulated:
        return f"{score} The submission is for simulated rows: do not upload it."
    return score


def _warning(alarms: int) -> page.Notice:
    text = Markup(
        "<strong>{}:</strong> these scores may be too good to be true. "
        'Read <a href="#alarms">Alarms</a> before you trust them.'
    )
    return page.Notice(text.format(count(alarms, "alarm")), tone="bad")


def facts(
    expected: Expected, evidence: Evidence, board: Leaderboard, withdrawn: str
) -> Iterator[tuple[str, str, str]]:
    """The numbers to read first: (name, value, note)."""
    target, split = evidence.problem.target, evidence.split
    blend = board.entry(BLEND)
    yield _expected(expected, board, target, withdrawn)
    yield _score(f"Blend, {board.metric.label_with_unit(target)}", blend.estimate, board.digits)
    digits = decimals(blend.second.standard_error)
    yield _score(f"Blend, {board.second.label_with_unit(target)}", blend.second, digits)
    folds = count(len(split.repeat(0)), "fold")
    left_out = split.rows - board.rows
    yield (
        "Training rows",
        f"{split.rows:,}",
        f"{folds}, {count(split.repeats, 'repeat')}; each row is scored by models that never saw it"
        + f", but for {count(left_out)} that no fold validates" * bool(left_out),
    )
    yield "Columns", f"{len(evidence.problem.features):,}", f"to predict {target}"


def _expected(
    expected: Expected, board: Leaderboard, target: str, withdrawn: str
) -> tuple[str, str, str]:
    """The number that matters most."""
    name = f"Submission, {board.metric.label_with_unit(target)}"
    if withdrawn:
        return name, "no promise", f"no score can be promised: {withdrawn}"
    digits = board.digits
    low, high = interval(Estimate(expected.score, expected.standard_error))
    return (
        name,
        f"{expected.score:,.{digits}f}",
        f"± {expected.standard_error:,.{digits}f} standard error; 95% interval {low:,.{digits}f} "
        f"to {high:,.{digits}f}. This is the score to expect on new rows: that of the blend in "
        f"cross-validation, {expected.averaging:+,.{digits}f} for averaging the models of all "
        "folds. The standard error allows for other training rows, too, which would have given "
        "other models",
    )


def _score(name: str, found: Estimate, digits: int) -> tuple[str, str, str]:
    score, error = with_error(found, digits).split(" ", 1)
    low, high = interval(found)
    return (
        name,
        score,
        f"{error} standard error; 95% interval {low:,.{digits}f} to {high:,.{digits}f}",
    )

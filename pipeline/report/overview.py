"""What a reader needs first: the data, the best entry, the score to expect of the submission."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from markupsafe import Markup

from pipeline import figures, page
from pipeline.answers import train_groups
from pipeline.blending import Expected
from pipeline.config import BLEND
from pipeline.estimates import decimals, ends
from pipeline.metrics import Estimate, Metric
from pipeline.report.evidence import Evidence
from pipeline.report.leaderboard import Leaderboard
from pipeline.wording import count

TITLE = "Overview"
PLURALS = {"category": "categories"}
Fact = tuple[str, str, str]  # name, value, note


def compute(evidence: Evidence) -> Expected:
    """The score to expect of the submission, as the blend stage estimated it."""
    return evidence.blend.expected


def render(
    expected: Expected, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    board: Leaderboard = evidence.results["leaderboard"]
    alarms = evidence.results["alarms"]
    return [
        describe_data(evidence),
        Markup("<strong>{}</strong>").format(board.conclusion()),
        describe_submission(expected, evidence, alarms.no_score_reason),
        _warning(len(alarms.found)) if alarms.found else None,
        page.Facts(list(facts(expected, evidence, board, alarms.no_score_reason))),
        describe_scores(expected, board, evidence.split.refit),
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


def describe_submission(expected: Expected, evidence: Evidence, no_score_reason: str) -> str:
    """The score to expect; `no_score_reason` is why none is given, empty where one is."""
    estimate = expected.estimate
    score = (
        f"No expected score is given: {no_score_reason}."
        if no_score_reason
        else f"On new rows of this kind, expect {evidence.metric.in_sentence} "
        f"{expected.score:,.{decimals(estimate.standard_error)}f} "
        f"(95% interval {ends(estimate, evidence.metric)})."
    )
    if evidence.load.simulated:
        return f"{score} The submission is for simulated rows: do not upload it."
    return score


def describe_scores(expected: Expected, board: Leaderboard, refit: bool) -> str:
    """What the three kinds of scores on the page are."""
    shift = (
        "its models are fitted once more, on all rows"
        if refit
        else f"shifted by {expected.averaging:+,.{board.digits}f} because it averages the models "
        "of all folds"
    )
    return (
        "Three kinds of score are shown: a model's is out-of-fold (each row is predicted by fits "
        "that never saw it); the blend's is nested (its method and weights, too, were chosen "
        f"without the row's fold); and the submission's is the blend's, {shift}. The "
        "submission's standard error is the larger one: it allows for other training rows as well, "
        "which would have given other models."
    )


def _warning(alarms: int) -> page.Notice:
    text = Markup(
        "<strong>{}:</strong> these scores may be too good to be true. "
        'Read <a href="#alarms">Alarms</a> before you trust them.'
    )
    return page.Notice(text.format(count(alarms, "alarm")), tone="bad")


def facts(
    expected: Expected, evidence: Evidence, board: Leaderboard, no_score_reason: str
) -> Iterator[Fact]:
    """The numbers to read first."""
    target, split, blend = evidence.problem.target, evidence.split, board.entry(BLEND)
    name, second = (metric.label_with_unit(target) for metric in (board.metric, board.second))
    if no_score_reason:
        yield f"Submission, {name}", "not given", no_score_reason
    else:
        yield _score(f"Submission, {name}", board.metric, expected.estimate, board.digits)
    yield _score(f"Blend, {name}", board.metric, blend.estimate, board.digits)
    yield _score(
        f"Blend, {second}", board.second, blend.second, decimals(blend.second.standard_error)
    )
    folds = count(len(split.repeat(0)), "fold")
    groups = train_groups(evidence.load)
    scored = board.rows if groups is None else int(np.isin(groups, groups[evidence.rows]).sum())
    left_out = split.rows - scored
    yield (
        "Training rows",
        f"{split.rows:,}",
        f"{folds}, {count(split.repeats, 'repeat')}"
        + ("" if groups is None else f"; scores are of {count(board.rows, 'group')}")
        + f"; {count(left_out)} that no fold validates" * bool(left_out)
        + "".join(samples(evidence)),
    )
    yield "Columns", f"{len(evidence.problem.features):,}", f"to predict {target}"


def samples(evidence: Evidence) -> Iterator[str]:
    """'; kernel learns from a sample of 5,000', of each model that cannot learn from so many."""
    fold = evidence.split.repeat(0)[0]
    for name, trained in evidence.fitted.items():
        rows = evidence.fits.sample(trained.member, fold)
        if rows is not None:
            yield f"; {name} learns from a sample of {rows:,}"


def _score(name: str, metric: Metric, found: Estimate, digits: int) -> Fact:
    return (
        name,
        f"{found.score:,.{digits}f}",
        f"± {found.standard_error:,.{digits}f} standard error; "
        f"95% interval {ends(found, metric, digits)}",
    )

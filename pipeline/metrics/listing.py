"""The list of metrics: what each is, and what it wants in a submission."""

from collections.abc import Iterator

from pipeline.metrics.catalogue import METRICS
from pipeline.metrics.metric import Metric

HEADINGS = ("metric", "better", "task", "a submission holds", "what it is")
TASKS = {
    ("binary", "multiclass"): "classes",
    ("binary",): "two classes",
    ("regression",): "values",
    ("binary", "regression"): "two classes, values",
}
OWN = (
    "own",
    "as you say",
    "any",
    "a label, probabilities or a value",
    "metric(y, prediction) in pipeline/competitions/NAME.py, beside NAME.toml; own:OTHER for OTHER",
)
NUMBERS = (
    "The number after @ may be another: map@5 and top_accuracy@5 of five labels, pinball@0.1 of "
    "the quantile 0.1, tweedie@1.2 of the power 1.2 (between 1 and 2)."
)


def rows() -> Iterator[tuple[str, ...]]:
    """A row of five texts a metric, and one of the organiser's own."""
    for metric in METRICS.values():
        better = "higher" if metric.greater_is_better else "lower"
        task = TASKS[metric.tasks]
        yield metric.name, better, task, metric.submission, _what(metric)
    yield OWN


def _what(metric: Metric) -> str:
    return f"{metric.label}: {metric.formula}"


def lines() -> Iterator[str]:
    """For a terminal: a line a metric, and what it is below it."""
    table = [row[:4] for row in rows()]
    widths = [max(len(row[i]) for row in [HEADINGS, *table]) for i in range(4)]
    yield "  ".join(f"{head:<{width}}" for head, width in zip(HEADINGS, widths, strict=False))
    for row in rows():
        cells = zip(row[:4], widths, strict=True)
        yield "  ".join(f"{cell:<{width}}" for cell, width in cells).rstrip()
        yield f"    {row[4]}"
    yield NUMBERS
    yield '[competition] metric = "..." in the TOML names one; `new` guesses it.'


def markdown() -> str:
    """The same as a table for the documents."""
    head = f"| {' | '.join(HEADINGS)} |\n|{'---|' * len(HEADINGS)}\n"
    body = ((f"`{name}`", *(cell.replace("|", "\\|") for cell in row)) for name, *row in rows())
    return head + "".join(f"| {' | '.join(row)} |\n" for row in body)

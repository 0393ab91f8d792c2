"""The sample with answers filled in, and every reason why the organiser would refuse it.

Ids and labels are words, spelled as the sample (or train) spells them; probabilities and values are
numbers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.archives import Source
from pipeline.contract import WHOLE, comparable
from pipeline.errors import DataError
from pipeline.metrics import Metric
from pipeline.prediction import off_rounding
from pipeline.reading import parse
from pipeline.wording import shortened

if TYPE_CHECKING:
    import pandas as pd

TRUTHS = ({"false", "0"}, {"true", "1"})  # ways to write truth values: train's and the sample's
MOST_SHOWN = 5


def fill(
    sample: "pd.DataFrame",
    test: "pd.DataFrame",
    prediction: np.ndarray,
    schema: Mapping[str, Any],
    metric: Metric,
) -> "pd.DataFrame":
    """The sample with predictions (n_test, k) in the place of its values, in the sample's order."""
    import pandas as pd

    form = schema["sample"]
    unknown = int((~np.isfinite(prediction)).any(axis=1).sum())
    if unknown:
        refuse([f"the blend has no finite prediction for {unknown:,} rows of test"])
    ordered = prediction[_rows_of_test(sample, test, schema)]
    if metric.needs != "values":
        ordered = off_rounding(ordered)
    if form["form"] == "classes":
        answers: dict[str, Any] = dict(zip(form["class_columns"], ordered.T, strict=True))
    else:
        column = sample[form["target"]]
        answers = {form["target"]: _answer(ordered, column, schema, metric)}
    columns = form["columns"]
    filled = {name: answers[name] if name in answers else sample[name] for name in columns}
    return pd.DataFrame(filled, columns=columns)


def _rows_of_test(
    sample: "pd.DataFrame", test: "pd.DataFrame", schema: Mapping[str, Any]
) -> np.ndarray:
    """Which row of test each row of the sample stands for, (n_sample,)."""
    import pandas as pd

    if schema["sample"]["by_row"]:
        return np.arange(len(sample))
    asked = sample[schema["sample"]["id"]]
    known, wanted = comparable(test[schema["id"]], asked)
    rows = pd.Index(known).get_indexer(pd.Index(wanted))
    if (rows < 0).any():
        refuse([f"the sample asks for ids that test lacks: {_names(asked[rows < 0])}"])
    return rows


def _answer(
    prediction: np.ndarray, column: "pd.Series", schema: Mapping[str, Any], metric: Metric
) -> Any:
    """What the metric judges, (n,): labels, the positive class's probability, or values."""
    if metric.needs == "values":
        values = prediction[:, 0]
        return np.maximum(values, 0.0) if metric.name == "rmsle" else values
    if asks_for_labels(schema, metric):
        labels = written_labels(schema["classes"], column)
        return labels.take(prediction.argmax(axis=1)).reset_index(drop=True)
    return prediction[:, 1]


def asks_for_labels(schema: Mapping[str, Any], metric: Metric) -> bool:
    """Whether the one column to fill in holds labels: one probability cannot stand for three."""
    if schema["sample"]["form"] != "target" or metric.needs == "values":
        return False
    return metric.needs == "labels" or len(schema["classes"]) > 2


def form_notes(schema: Mapping[str, Any], metric: Metric) -> list[str]:
    """What to know of the form, where the sample cannot hold what the metric judges."""
    if metric.needs != "probabilities" or not asks_for_labels(schema, metric):
        return []
    target, classes = schema["sample"]["target"], schema["classes"]
    several = shortened([repr(f"{target}_{label}") for label in classes], 3)
    return [
        f"{metric.label} needs a probability for each of {len(classes)} classes, and the sample "
        f"has one column, {target!r}: it holds labels. If the organiser asks for probabilities, "
        f"give a sample with a column for each class, such as {several}; if for labels, set "
        "[competition] metric to one of labels, such as 'accuracy'"
    ]


def written_labels(classes: Sequence[str], column: "pd.Series") -> "pd.Series":
    """The classes as the sample writes them, in code order: 1.0 or True for 1 if it does so.

    A sample whose values are no labels (0.5, or none at all) leaves train's own.
    """
    import pandas as pd

    shown = [str(word) for word in column.dropna().unique()]
    own = pd.Series(list(classes), dtype="str")
    if not shown or set(shown) <= set(classes):
        return own
    whole = [WHOLE.sub(r"\1", label.strip()) for label in classes]
    if {WHOLE.sub(r"\1", word.strip()) for word in shown} <= set(whole):
        point = all(WHOLE.fullmatch(word.strip()) for word in shown)
        return pd.Series([f"{label}.0" if point else label for label in whole], dtype="str")
    truths = _truths(classes, shown)
    if truths:
        return pd.Series(truths, dtype="str")
    spelled = {word.strip().casefold(): word for word in shown}
    if set(spelled) <= {label.strip().casefold() for label in classes}:
        return own.map(lambda label: spelled.get(label.strip().casefold(), label))
    return own


def _truths(classes: Sequence[str], shown: Sequence[str]) -> list[str]:
    """False and True, in the way of the sample's words, if classes and sample both are such."""
    values = [
        next((i for i, ways in enumerate(TRUTHS) if word.strip().casefold() in ways), -1)
        for word in (*classes, *shown)
    ]
    if sorted(values[: len(classes)]) != [0, 1] or min(values) < 0:
        return []
    word = shown[0].strip()
    pair = ("0", "1") if word in ("0", "1") else ("False", "True")
    if word.isalpha():
        pair = tuple(str.upper(w) if word.isupper() else w for w in pair)  # type: ignore[assignment]
        pair = tuple(str.lower(w) if word.islower() else w for w in pair)  # type: ignore[assignment]
    return [pair[value] for value in values[: len(classes)]]


def with_class_columns(
    schema: Mapping[str, Any], sample: "pd.DataFrame"
) -> tuple[dict[str, Any], "pd.DataFrame"]:
    """A made-up sample for several classes gets a column per class; for two, one is enough."""
    classes = schema["classes"]
    if len(classes) == 2:
        return dict(schema), sample
    form, target = schema["sample"], schema["sample"]["target"]
    class_columns = [f"{target}_{label}" for label in classes]
    made = sample.drop(columns=target).assign(**dict.fromkeys(class_columns, 1 / len(classes)))
    columns = [str(name) for name in made.columns]
    changed = {"form": "classes", "target": None, "class_columns": class_columns}
    named = {"columns": columns, "header": columns}
    return {**schema, "sample": {**form, **changed, **named}}, made


def to_bytes(submission: "pd.DataFrame", schema: Mapping[str, Any]) -> bytes:
    """The file to upload: header, separator and encoding are the sample's own."""
    form = schema["sample"]
    header = form["header"] or False  # a sample without a line of names
    written = {"header": header, "sep": form["separator"], "decimal": form["decimal"]}
    text = submission.to_csv(index=False, lineterminator="\n", **written)
    return text.encode(form["encoding"])


def file_problems(content: bytes, sample: "pd.DataFrame", schema: Mapping[str, Any]) -> list[str]:
    """Where the file, read again, differs from the sample in header, separator or ids."""
    form = schema["sample"]
    table = parse(content, Source(Path("the submission")), header=bool(form["header"]))
    reasons = []
    if list(table.header) != form["header"]:
        reasons.append(f"its header reads {_names(table.header)} for {_names(form['header'])}")
    elif len(form["header"]) > 1 and table.separator != form["separator"]:
        reasons.append(f"its separator is {table.separator!r} for {form['separator']!r}")
    elif form["id"] is not None:
        again = table.words.iloc[:, form["columns"].index(form["id"])]
        if len(again) != len(sample) or list(again) != list(sample[form["id"]]):
            reasons.append(f"its ids in {form['id']!r} are spelled otherwise than the sample's")
    return reasons


# -- what the organiser would refuse ---------------------------------------------------------------


def problems(
    submission: "pd.DataFrame",
    sample: "pd.DataFrame",
    test: "pd.DataFrame",
    schema: Mapping[str, Any],
    metric: Metric,
) -> list[str]:
    """Every reason why this is not the sample with answers filled in; empty if there is none."""
    found, asked = list(submission.columns), list(sample.columns)
    if found != asked:
        how = "in another order" if sorted(found) == sorted(asked) else "others"
        return [f"its columns are {how} than the sample's: {_names(found)} for {_names(asked)}"]
    form = schema["sample"]
    reasons = []
    if len(submission) != len(test):
        reasons.append(f"it has {len(submission):,} rows, and test has {len(test):,}")
    if form["id"] is not None:
        ids = submission[form["id"]]
        reasons += _id_problems(ids, sample[form["id"]], "the sample")
        if not form["by_row"]:
            reasons += _id_problems(ids, test[schema["id"]], "test", exact=False)
    for name in form["class_columns"] or [form["target"]]:
        reasons += _answer_problems(submission[name], sample[name], schema, metric)
    return list(dict.fromkeys(reasons))


def _id_problems(
    ids: "pd.Series", asked: "pd.Series", where: str, exact: bool = True
) -> Iterator[str]:
    """Not the same ids; where `exact`, also not in one order or spelled otherwise."""
    if not exact:
        ids, asked = comparable(ids, asked)
    if list(ids) == list(asked):
        return  # an organiser's ids may repeat
    twins = ids[ids.duplicated()]
    missing, extra = asked[~asked.isin(ids)], ids[~ids.isin(asked)]
    if len(twins):
        yield f"ids more than once: {_names(twins)}"
    if len(missing):
        yield f"ids of {where} missing: {_names(missing)}"
    if len(extra):
        yield f"ids that {where} lacks: {_names(extra)}"
    if exact and not (len(twins) or len(missing) or len(extra)) and list(ids) != list(asked):
        yield f"ids in another order than {where}"


def _answer_problems(
    answers: "pd.Series", column: "pd.Series", schema: Mapping[str, Any], metric: Metric
) -> Iterator[str]:
    name = repr(answers.name)
    empty = int(answers.isna().sum())
    if empty:
        yield f"column {name} is empty in {empty:,} rows"
    if asks_for_labels(schema, metric):
        labels = written_labels(schema["classes"], column)
        unknown = answers[~answers.isin(labels) & answers.notna()].unique()
        if len(unknown):
            yield f"column {name} holds labels that train never had: {_names(unknown)}"
    elif answers.dtype != np.float64:
        yield f"column {name} holds {answers.dtype}, not numbers with decimals"
    elif np.isinf(answers).any():
        yield f"column {name} holds infinite numbers"
    elif metric.needs != "values" and not answers.dropna().between(0, 1).all():
        yield f"column {name} holds probabilities outside 0 to 1"
    elif metric.name == "rmsle" and (answers < 0).any():
        yield f"column {name} holds numbers below zero, which RMSLE does not allow"


def refuse(reasons: Sequence[str]) -> None:
    if reasons:
        raise DataError(
            f"the submission was not written, because it would be refused: {'; '.join(reasons)}. "
            "Check sample and test in the organiser's files, and run load again."
        )


def _names(values: Iterable[Any]) -> str:
    return shortened([str(value) for value in values], MOST_SHOWN)

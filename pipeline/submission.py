"""The sample with answers filled in, and every reason why the organiser would refuse it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import DataError, SettingsError
from pipeline.metrics import Metric
from pipeline.wording import shortened

if TYPE_CHECKING:
    import pandas as pd

TRUTHS = {"False": 0, "True": 1}  # two ways to write truth values: train's and the sample's
MOST_SHOWN = 5
ROUNDING = 1e-9


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
        ordered = _off_rounding(ordered)
    if form["form"] == "classes":
        answers: dict[str, Any] = dict(zip(form["class_columns"], ordered.T, strict=True))
    else:
        column = sample[form["target"]]
        answers = {form["target"]: _answer(ordered, column, schema, metric)}
    columns = form["columns"]
    filled = {name: answers[name] if name in answers else sample[name] for name in columns}
    return pd.DataFrame(filled, columns=columns)


def _off_rounding(probabilities: np.ndarray) -> np.ndarray:
    """Weights that sum to 1 may carry a probability a last digit beyond 0 or 1."""
    inside = np.clip(probabilities, 0.0, 1.0)
    return np.where(np.abs(probabilities - inside) < ROUNDING, inside, probabilities)


def _rows_of_test(
    sample: "pd.DataFrame", test: "pd.DataFrame", schema: Mapping[str, Any]
) -> np.ndarray:
    """Which row of test each row of the sample stands for, (n_sample,)."""
    import pandas as pd

    if schema["sample"]["by_row"]:
        return np.arange(len(sample))
    asked = sample[schema["sample"]["id"]]
    rows = pd.Index(test[schema["id"]]).get_indexer(pd.Index(asked))
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
    if metric.needs == "labels":
        labels = written_labels(schema["classes"], column)
        return labels.take(prediction.argmax(axis=1)).reset_index(drop=True)
    if prediction.shape[1] != 2:
        raise SettingsError(
            f"[competition] metric: {metric.name!r} needs a probability for each of "
            f"{prediction.shape[1]} classes, and the sample has one column, {column.name!r}. "
            "Use a sample with a column per class, or another metric, such as 'accuracy'."
        )
    return prediction[:, 1]


def written_labels(classes: Sequence[Any], column: "pd.Series") -> "pd.Series":
    """The classes as the sample writes them, in code order: 1.0 or True for 1 if it does so.

    A sample whose values are no labels (0.5, or none at all) leaves train's own.
    """
    import pandas as pd

    shown = set(column.unique().tolist())
    if shown <= set(classes):
        return pd.Series(list(classes)).astype(column.dtype)
    if set(classes) <= set(TRUTHS) and shown <= {0, 1}:
        return pd.Series([TRUTHS[label] for label in classes]).astype(column.dtype)
    if list(classes) == [0, 1] and shown <= set(TRUTHS):
        return pd.Series(list(TRUTHS), dtype=column.dtype)
    return pd.Series(list(classes))


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
    return {**schema, "sample": {**form, **changed, "columns": columns}}, made


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
    """Not the same ids; where `exact`, also not of one type and in one order."""
    if exact and ids.dtype != asked.dtype:
        yield f"column {ids.name!r} holds {ids.dtype}, {where} has {asked.dtype}"
        return
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
    if schema["sample"]["form"] == "target" and metric.needs == "labels":
        labels = written_labels(schema["classes"], column)
        unknown = answers[~answers.isin(labels) & answers.notna()].unique()
        if len(unknown):
            yield f"column {name} holds labels that train never had: {_names(unknown)}"
        elif not empty and answers.dtype != labels.dtype:
            yield f"column {name} holds {answers.dtype}, the sample's form is {labels.dtype}"
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

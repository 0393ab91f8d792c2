"""The sample with predictions filled in, and every reason why the organiser would refuse it.

Ids and labels are words, spelled as the sample (or train) spells them; probabilities and values are
numbers.
"""

import platform
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import ledger
from pipeline.errors import DataError
from pipeline.files import write_atomically
from pipeline.metrics import Metric
from pipeline.prediction import off_rounding
from pipeline.problem import Form, Loaded, Problem
from pipeline.reading import distinct
from pipeline.reading.archives import Source
from pipeline.reading.contract import WHOLE, comparable
from pipeline.reading.csv_files import parse
from pipeline.reading.notation import is_plain_number
from pipeline.table import whole
from pipeline.wording import some

if TYPE_CHECKING:
    import pandas as pd

# how truth values are written, in train and in the sample
TRUTHS = (("False", "True"), ("false", "true"), ("FALSE", "TRUE"), ("0", "1"))
MOST_SHOWN = 5
DIGITS = re.compile(r"[+-]?\d+")
MOST_WHOLE = 2**53  # beyond it not every whole number is a float64
CELL = " "  # between the labels of a cell


@dataclass(frozen=True)
class Submitted:
    """What the submit stage gives: the file to upload, and what the ledger is to keep of it."""

    content: bytes
    entry: ledger.Entry

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.entry.file


def publish(
    submitted: Submitted, folder: Path, experiment: int | None = None, note: str = ""
) -> Path:
    """Write the file into the folder and enter it in the ledger there, each once.

    `experiment` and `note` are kept in a new entry. Raises DataError, and changes nothing, where a
    file of this name has other content.
    """
    path = folder / submitted.file
    if not path.exists():
        write_atomically(path, submitted.content)
    elif path.read_bytes() != submitted.content:
        raise DataError(
            f"{path}: this was changed after it was written, its content is not what its name "
            "stands for. Move it away, and run the same command again."
        )
    entry = replace(
        submitted.entry,
        experiment=experiment,
        note=note,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=_versions(),
    )
    ledger.append(folder / ledger.FILENAME, entry)
    return path


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in ledger.LIBRARIES}
    return {"python": platform.python_version(), "blas": blas_kernels(), **libraries}


def blas_kernels() -> str:
    """As threadpoolctl names them: 'openblas 0.3.30 SkylakeX'; else the kind of processor.

    Each kernel is written for a kind of processor and sums in its order: the same run on another
    kind may differ in the last digits, and in what follows from them.
    """
    import numpy  # noqa: F401, its BLAS is loaded with it
    import scipy.linalg  # noqa: F401, likewise
    import threadpoolctl

    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    keys = ("internal_api", "version", "architecture")
    found = {" ".join(str(pool[key]) for key in keys if pool.get(key)) for pool in pools}
    return ", ".join(sorted(found)) or f"none known; {platform.machine()}"


# -- the file --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filling:
    """What fills the sample in: predictions (m, k) of test's rows, of what `load` has as target."""

    load: Loaded
    prediction: np.ndarray
    metric: Metric


def file_content(load: Loaded, prediction: np.ndarray, metric: Metric) -> bytes:
    """The file to upload, from predictions of test's rows (m, k).

    Raises DataError with every reason why the organiser would refuse it.
    """
    return joint_content([Filling(load, prediction, metric)])


def joint_content(targets: Sequence[Filling]) -> bytes:
    """The same with the columns of several targets."""
    filled, loads = [], []
    for target in targets:
        load, metric = target.load, target.metric
        if load.problem.form.made_up and metric.needs == "probabilities":
            load = with_class_columns(load)
        filled.append(fill(load, target.prediction, metric))
        loads.append(load)
        refuse(problems(filled[-1], load, metric))
    submission, load = (filled[0], loads[0]) if len(loads) == 1 else joined(filled, loads)
    content = to_bytes(submission, load.problem.form)
    refuse(file_problems(content, load))
    return content


def joined(
    filled: "Sequence[pd.DataFrame]", loads: Sequence[Loaded]
) -> "tuple[pd.DataFrame, Loaded]":
    """Several targets' columns side by side, at their places in the sample, and its form."""
    import pandas as pd

    columns: dict[str, tuple[int, str, pd.Series]] = {}
    for table, load in zip(filled, loads, strict=True):
        form = load.problem.form
        places = form.places or range(len(columns), len(columns) + len(form.columns))
        names = form.names or [""] * len(form.columns)
        for column, place, name in zip(form.columns, places, names, strict=True):
            columns.setdefault(column, (place, name, table[column]))
    in_order = sorted(columns, key=lambda column: columns[column][0])
    header = tuple(filter(None, (columns[column][1] for column in in_order)))
    form = replace(loads[0].problem.form, columns=tuple(in_order), header=header)
    whole = pd.DataFrame({column: columns[column][2] for column in in_order})
    return whole, replace(loads[0], problem=replace(loads[0].problem, form=form))


def fill(load: Loaded, prediction: np.ndarray, metric: Metric) -> "pd.DataFrame":
    """The sample with predictions (m, k) in the place of its values, in the sample's order."""
    import pandas as pd

    form, sample = load.problem.form, load.sample
    unknown = int((~np.isfinite(prediction)).any(axis=1).sum())
    if unknown:
        refuse([f"the blend has no finite prediction for {unknown:,} rows of test"])
    ordered = prediction[_rows_of_test(load)]
    if load.problem.task != "regression":
        ordered = off_rounding(ordered)
    if form.kind == "classes":
        values: dict[str, Any] = dict(zip(form.class_columns, ordered.T, strict=True))
    else:
        assert form.target is not None
        values = {form.target: _target_values(ordered, sample[form.target], load.problem, metric)}
    filled = {name: values[name] if name in values else sample[name] for name in form.columns}
    return pd.DataFrame(filled, columns=list(form.columns))


def _rows_of_test(load: Loaded) -> np.ndarray:
    """Which row of test each row of the sample stands for, (n_sample,)."""
    form = load.problem.form
    if form.by_row:
        return np.arange(len(load.sample))
    asked = load.sample[form.id]
    known, wanted = comparable(load.test[load.problem.id], asked)
    known = known.drop_duplicates(keep="last")  # of a group, whose rows have one prediction
    places = np.append(known.index.to_numpy(), -1)
    rows = places[distinct.places(wanted, known)]
    if (rows < 0).any():
        refuse([f"the sample asks for ids that test lacks: {_names(asked[rows < 0])}"])
    return rows


def _target_values(
    prediction: np.ndarray, column: "pd.Series", problem: Problem, metric: Metric
) -> Any:
    """What the metric scores, (m,): labels, the positive class's probability, or values."""
    if metric.needs == "values":
        return _written_values(np.maximum(prediction[:, 0], metric.least), column, metric)
    if asks_for_labels(problem, metric):
        labels = written_labels(problem.classes or (), column)
        if metric.labels_a_cell > 1:
            return _likeliest(prediction, labels, metric.labels_a_cell)
        return labels.take(prediction.argmax(axis=1)).reset_index(drop=True)
    return prediction[:, 1]


def _written_values(values: np.ndarray, column: "pd.Series", metric: Metric) -> Any:
    """Numbers with decimals; whole ones as the sample has them, where the metric compares such, or
    where all of them are whole and the sample's have no point."""
    shown = [str(word).strip() for word in column.dropna().unique()]
    if metric.whole_values:
        point = len(shown) > 0 and all(map(WHOLE.fullmatch, shown))
        return values if point else np.rint(values).astype(np.int64)
    is_whole = (values == np.rint(values)).all() and (np.abs(values) < MOST_WHOLE).all()
    has_no_point = len(shown) > 0 and all(map(DIGITS.fullmatch, shown))
    return values.astype(np.int64) if is_whole and has_no_point else values


def _likeliest(prediction: np.ndarray, labels: "pd.Series", most: int) -> "pd.Series":
    """The likeliest labels of each row in one cell, 'A B C', (n,)."""
    import pandas as pd

    order = np.argsort(-prediction, axis=1, kind="stable")[:, :most]
    words = labels.to_numpy(dtype=object)[order]
    return pd.Series([CELL.join(row) for row in words], dtype="str")


def asks_for_labels(problem: Problem, metric: Metric) -> bool:
    """Whether the one column to fill in holds labels: one probability cannot stand for three."""
    if problem.form.kind != "target" or metric.needs == "values":
        return False
    return metric.needs == "labels" or problem.outputs > 2


def form_notes(problem: Problem, metric: Metric) -> list[str]:
    """What to know of the form, where the sample cannot hold what the metric scores."""
    made_up = problem.form.made_up  # and then changed to suit the metric
    if metric.needs != "probabilities" or made_up or not asks_for_labels(problem, metric):
        return []
    target, classes = problem.form.target, problem.classes or ()
    several = some([repr(f"{target}_{label}") for label in classes], 3)
    return [
        f"{metric.label} needs a probability for each of {len(classes)} classes, and the sample "
        f"has one column, {target!r}: it holds labels. If the organiser asks for probabilities, "
        f"give a sample with a column for each class, such as {several}; if for labels, set "
        "[competition] metric to one of labels, such as 'accuracy'"
    ]


def cell_notes(load: Loaded, metric: Metric) -> list[str]:
    """Where the sample's cells hold another number of labels than those of the file."""
    form = load.problem.form
    if form.made_up or not asks_for_labels(load.problem, metric):
        return []
    cells = load.sample[form.target].dropna().astype("str").unique().tolist()
    number = labels_a_cell(load.problem.classes or (), cells)
    if number in (0, metric.labels_a_cell):
        return []
    return [
        f"the sample's cells hold {number} labels, and those of this file "
        f"{metric.labels_a_cell}, as many as {metric.label} scores: if the organiser asks for "
        f"{number}, set [competition] metric to 'map@{number}'"
    ]


def written_labels(classes: Sequence[str], column: "pd.Series") -> "pd.Series":
    """The classes as the sample writes them, in code order: 1.0 or True for 1 if it does so.

    A sample whose values are no labels (0.5, or none at all) leaves train's own.
    """
    import pandas as pd

    shown = [str(word) for word in column.dropna().unique()]
    if cells := labels_in_cells(classes, shown):
        shown = cells
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


def labels_in_cells(classes: Sequence[str], cells: Sequence[str]) -> list[str]:
    """The labels of a sample that has several in a cell, 'A B C'; none where it has not."""
    found = [cell.split() for cell in cells]
    several = bool(found) and all(len(words) > 1 for words in found)
    words = list(dict.fromkeys(word for each in found for word in each))
    return words if several and set(words) <= set(classes) else []


def unread_cells(classes: Sequence[str], cells: Sequence[str]) -> str:
    """What the cells of a sample hold that is neither a label of train nor a number, so that they
    show no metric; "" where there is no such cell."""
    import pandas as pd

    if labels_in_cells(classes, cells):
        return ""
    known = {*written_labels(classes, pd.Series(list(cells), dtype="str")), *classes}
    found = [cell for cell in cells if cell.strip() not in known and not is_plain_number(cell)]
    if not found:
        return ""
    shown = some([repr(cell) for cell in found], MOST_SHOWN)
    if all({*re.split(r"[\s,;|]+", cell.strip())} <= {*classes} for cell in found):
        return (
            f"the sample's cells hold several labels in a form that is not known, {shown}: known "
            "are equally many in each, with a blank between them, as for map@3"
        )
    return f"the sample's cells hold what is no label of train: {shown}"


def labels_a_cell(classes: Sequence[str], cells: Sequence[str]) -> int:
    """How many labels each cell of a sample holds, 0 where it is not the same number in all."""
    if not labels_in_cells(classes, cells):
        return 0
    counts = {len(cell.split()) for cell in cells}
    return counts.pop() if len(counts) == 1 else 0


def _truths(classes: Sequence[str], shown: Sequence[str]) -> list[str]:
    """False and True, spelled like the sample's words, if classes and sample both are such."""
    meanings = {word.casefold(): value for pair in TRUTHS for value, word in enumerate(pair)}
    own, others = (
        [meanings.get(word.strip().casefold()) for word in words] for words in (classes, shown)
    )
    if None in others or own not in ([0, 1], [1, 0]):
        return []
    pair = next((pair for pair in TRUTHS if shown[0].strip() in pair), TRUTHS[0])
    return list(pair) if own == [0, 1] else list(pair[::-1])


def with_class_columns(load: Loaded) -> Loaded:
    """A made-up sample for several classes gets a column per class; for two, one is enough."""
    problem, classes = load.problem, load.problem.classes or ()
    if len(classes) == 2:
        return load
    target = problem.form.target
    class_columns = tuple(f"{target}_{label}" for label in classes)
    sample = whole(load.sample).drop(columns=[target])
    sample = sample.assign(**dict.fromkeys(class_columns, 1 / len(classes)))
    columns = tuple(str(name) for name in sample.columns)
    form = replace(
        problem.form,
        columns=columns,
        header=columns,
        kind="classes",
        target=None,
        class_columns=class_columns,
    )
    return replace(load, sample=sample, problem=replace(problem, form=form))


def to_bytes(submission: "pd.DataFrame", form: Form) -> bytes:
    """The file to upload: header, separator and encoding are the sample's own."""
    text = submission.to_csv(
        index=False,
        lineterminator="\n",
        header=list(form.names) or False,
        sep=form.separator,
        decimal=form.decimal,
    )
    return text.encode(form.encoding)


def file_problems(content: bytes, load: Loaded) -> list[str]:
    """Where the file, read again, differs from the sample in header, separator or ids."""
    form, header = load.problem.form, load.problem.form.names
    table = parse(content, Source(Path("the submission")), header=bool(header))
    if tuple(table.header) != header:
        return [f"its header reads {_names(table.header)} for {_names(header)}"]
    if len(header) > 1 and table.separator != form.separator:
        return [f"its separator is {table.separator!r} for {form.separator!r}"]
    if form.id is not None:
        again = table.words.iloc[:, form.columns.index(form.id)]
        if not distinct.are_alike(again, load.sample[form.id]):
            return [f"its ids in {form.id!r} are spelled otherwise than the sample's"]
    return []


# -- what the organiser would refuse ---------------------------------------------------------------


def problems(submission: "pd.DataFrame", load: Loaded, metric: Metric) -> list[str]:
    """Every reason why this is not the sample with predictions filled in."""
    form, sample, test = load.problem.form, load.sample, load.test
    found, asked = list(submission.columns), list(sample.columns)
    if found != asked:
        how = "in another order" if sorted(found) == sorted(asked) else "others"
        return [f"its columns are {how} than the sample's: {_names(found)} for {_names(asked)}"]
    reasons = []
    known = test.get(load.problem.id)
    if form.aggregate is not None and known is not None:
        known = known.drop_duplicates()
        if len(submission) != len(known):
            reasons.append(f"it has {len(submission):,} rows, and test {len(known):,} groups")
    elif len(submission) != len(test):
        reasons.append(f"it has {len(submission):,} rows, and test has {len(test):,}")
    if form.id is not None:
        ids, samples = submission[form.id], sample[form.id]
        found = [*_id_problems(ids, samples, "the sample")]
        if not found and not distinct.are_alike(ids, samples):
            found = ["ids in another order than the sample"]
        if not form.by_row and known is not None:
            found += _id_problems(*comparable(ids, known), "test")
        reasons += found
    for name in form.class_columns or [form.target]:
        reasons += _value_problems(submission[name], sample[name], load.problem, metric)
    return list(dict.fromkeys(reasons))


def _id_problems(ids: "pd.Series", asked: "pd.Series", where: str) -> Iterator[str]:
    """Not the same ids, in any order."""
    if distinct.are_alike(ids, asked):
        return  # an organiser's ids may repeat
    repeated = ids[ids.duplicated()]
    missing, extra = asked[~distinct.are_in(asked, ids)], ids[~distinct.are_in(ids, asked)]
    if len(repeated):
        yield f"ids more than once: {_names(repeated)}"
    if len(missing):
        yield f"ids of {where} missing: {_names(missing)}"
    if len(extra):
        yield f"ids that {where} lacks: {_names(extra)}"


def _value_problems(
    values: "pd.Series", column: "pd.Series", problem: Problem, metric: Metric
) -> Iterator[str]:
    """Empty cells, labels that are none, numbers that the metric does not take."""
    name = repr(values.name)
    empty = int(values.isna().sum())
    if empty:
        yield f"column {name} is empty in {empty:,} rows"
    if asks_for_labels(problem, metric):
        labels = written_labels(problem.classes or (), column)
        known = values.dropna()
        if metric.labels_a_cell > 1:
            known = known.str.split(CELL).explode()
        unknown = known[~known.isin(labels)].unique()
        if len(unknown):
            yield f"column {name} holds labels that train never had: {_names(unknown)}"
    elif values.dtype.kind != "f" and not (metric.needs == "values" and values.dtype == np.int64):
        yield f"column {name} holds {values.dtype}, not numbers with decimals"
    elif np.isinf(values).any():
        yield f"column {name} holds infinite numbers"
    elif metric.needs != "values" and not values.dropna().between(0, 1).all():
        yield f"column {name} holds probabilities outside 0 to 1"
    elif (values < metric.least).any():
        least = f"{metric.least:g}"
        yield f"column {name} holds numbers below {least}, which {metric.label} does not allow"


def refuse(reasons: Sequence[str]) -> None:
    if reasons:
        raise DataError(
            f"the submission was not written, because it would be refused: {'; '.join(reasons)}. "
            "Check sample and test in the organiser's files, and run load again."
        )


def _names(values: Iterable[Any]) -> str:
    return some([str(value) for value in values], MOST_SHOWN)

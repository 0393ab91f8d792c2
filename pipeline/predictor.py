"""Raw rows -> the blend's prediction: own features, each fold's encoder and models, mean, blend.

A fold's models never saw its validation rows, so `predict_fold` on these is an honest prediction.
"""

import csv
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import archives, models, naming
from pipeline.artifacts import Folder, Workspace, require_stage, write_atomically
from pipeline.blending import Blend, read_blend
from pipeline.config import LoadStage
from pipeline.encoding.columns import Table, read_table
from pipeline.encoding.features import add_features
from pipeline.encoding.views import FoldEncoder
from pipeline.errors import SettingsError
from pipeline.folds import Fold, read_folds
from pipeline.parallel import Map, workers
from pipeline.prediction import check, off_rounding
from pipeline.wording import count, make_command, shortened

if TYPE_CHECKING:
    import pandas as pd

MOST_UNSEEN = 3  # values a column, and columns, that a note names
LONGEST = 60  # letters of a value


class Predictor:
    """The saved blend. Encoders and models are read when a fold is first asked for, and kept."""

    def __init__(
        self, *, load: Folder, split: Folder, encode: Folder, train: Folder, blend: Folder
    ) -> None:
        self.load, self.split, self.encode, self.train = load, split, encode, train
        self.schema: dict[str, Any] = load.read_json("schema")
        self.metric: str = blend.read_json("blend")["metric"]
        self.blend: Blend = read_blend(blend)
        self._encoders: dict[str, FoldEncoder] = {}
        self._models: dict[tuple[str, str], models.Model] = {}
        self._fits: dict[str, set[str]] = {}

    @property
    def columns(self) -> list[str]:
        """Names of the raw columns that a prediction reads."""
        return [column["name"] for column in self.schema["columns"]]

    @property
    def members(self) -> list[str]:
        """Models that the blend cannot do without."""
        if self.blend.stacker is not None:
            return list(self.blend.models)
        return [
            name for name, w in zip(self.blend.models, self.blend.weights, strict=True) if w > 0
        ]

    def predict(
        self,
        frame: "pd.DataFrame",
        folds: Sequence[Fold] | None = None,
        parallel_map: Map[str, dict[str, np.ndarray]] = map,
    ) -> np.ndarray:
        """Rows -> (n, k): each model's mean over these folds, or over all, then blended.

        A model that was cut short has the folds of fewer repeats; the mean is over those.
        """
        names = [fold.name for fold in (folds or read_folds(self.split))]
        table = self._table(frame, names[0])
        fits = {model: [name for name in names if self._has(model, name)] for model in self.members}
        totals: dict[str, np.ndarray] = {}
        for predictions in parallel_map(functools.partial(self._fold_predictions, table), names):
            for model, prediction in predictions.items():
                totals[model] = totals.get(model, 0.0) + prediction / len(fits[model])
        with np.errstate(all="ignore"):  # what is no number is refused, not warned of
            blended = self.blend.combine(totals)
        self._check(blended, len(frame), "the blend")
        return blended if self.schema["task"] == "regression" else off_rounding(blended)

    def predict_fold(self, frame: "pd.DataFrame", fold: str) -> np.ndarray:
        """Rows -> (n, k) by the encoder and the models of one fold alone, named as in "r0-f0"."""
        return self.blend.combine(self._fold_predictions(self._table(frame, fold), fold))

    def exchanging(self, frame: "pd.DataFrame", fold: str) -> "Exchange":
        """Predictions of one fold for these rows, a column's values exchanged between them."""
        return Exchange(self, frame, fold)

    def _table(self, frame: "pd.DataFrame", fold: str) -> Table:
        """The rows as every fold's encoder takes them: all folds read the same columns."""
        encoder = self._encoder(fold)
        rows = add_features(encoder.settings.features, frame[self.columns])
        return read_table(rows, encoder.columns)

    def _fold_predictions(self, table: Table, fold: str) -> dict[str, np.ndarray]:
        with np.errstate(all="ignore"):  # likewise
            views = self._encoder(fold).transform(table)
        return self._view_predictions(views, fold)

    def _view_predictions(
        self, views: Mapping[str, np.ndarray], fold: str
    ) -> dict[str, np.ndarray]:
        members = [name for name in self.members if self._has(name, fold)]
        with np.errstate(all="ignore"):  # likewise
            seen = {name: views[models.module(name).VIEW] for name in members}
            predictions = {name: self._model(name, fold).predict(seen[name]) for name in members}
        for name, prediction in predictions.items():
            where = f"{self.train.path / name}, fold {fold},"
            self._check(prediction, len(seen[name]), where)
        return predictions

    def _check(self, prediction: np.ndarray, rows: int, where: str) -> None:
        """Raises DataError for what no sound encoder or model predicts."""
        outputs = len(self.schema["classes"] or [""])
        competition = self.schema.get("competition")
        make = make_command(None if competition is None else str(competition))
        remedy = f"An encoder or a model is damaged: run `{make} clean`, then `{make} all`."
        check(prediction, rows, outputs, where, remedy)

    def _has(self, model: str, fold: str) -> bool:
        """Whether the model was fitted on this fold."""
        if model not in self._fits:
            fits = self.train.folder(model).read_json("fits")
            self._fits[model] = {f"r{fit['repeat']}-f{fit['fold']}" for fit in fits}
        return fold in self._fits[model]

    def _encoder(self, fold: str) -> FoldEncoder:
        if fold not in self._encoders:
            folder = self.encode.folder(fold)
            state = folder.read_json("encoder")
            with folder.checking("encoder.json"):
                self._encoders[fold] = FoldEncoder.from_json(state)
        return self._encoders[fold]

    def _model(self, name: str, fold: str) -> models.Model:
        if (name, fold) not in self._models:
            described = self._encoder(fold).describe()[models.module(name).VIEW]
            columns, categorical = described["columns"], described.get("categorical", ())
            problem = models.describe(self.schema, columns, categorical, self.metric)
            folder = self.train.folder(name)
            settings = folder.read_json("settings")
            loaded = models.load(name, settings, problem, folder.folder("models"), fold)
            self._models[name, fold] = loaded
        return self._models[name, fold]


def exchanged(
    frame: "pd.DataFrame", rows: np.ndarray, column: str, donors: np.ndarray
) -> "pd.DataFrame":
    """These rows (m,) of a frame, numbered anew, with a column's values from rows `donors` (m,)."""
    changed = frame.iloc[rows].reset_index(drop=True)
    changed[column] = frame[column].array.take(donors)
    return changed


class Exchange:
    """One fold's predictions of rows in which one column has the values of other rows.

    Where columns are encoded one by one, the rows are encoded once, and entries of the matrices are
    exchanged. Features of the competition's own may be of several columns, dates and texts become
    many: these rows are encoded anew.
    """

    def __init__(self, predictor: Predictor, frame: "pd.DataFrame", fold: str) -> None:
        self.predictor, self.frame, self.fold = predictor, frame, fold
        encoder = predictor._encoder(fold)
        own = encoder.settings.features is not None
        self.places = {} if own else encoder.places()
        with np.errstate(all="ignore"):
            self.views = {} if own else encoder.transform(predictor._table(frame, fold))

    def predict(self, rows: np.ndarray, column: str, donors: np.ndarray) -> np.ndarray:
        """Rows (m,) of the frame with the column's values from rows `donors` (m,) -> (m, k)."""
        if column not in self.places:
            changed = exchanged(self.frame, rows, column, donors)
            return self.predictor.predict_fold(changed, self.fold)
        views = {}
        for view, matrix in self.views.items():
            places = self.places[column][view]
            views[view] = matrix[rows]
            views[view][:, places] = matrix[donors[:, np.newaxis], places]
        return self.predictor.blend.combine(self.predictor._view_predictions(views, self.fold))


def labelled(
    prediction: np.ndarray, schema: Mapping[str, Any], ids: "pd.Series | None" = None
) -> "pd.DataFrame":
    """(n, k) -> a table for people: id, predicted label and a probability a class; or values."""
    import pandas as pd

    columns: dict[str, Any] = {} if ids is None else {str(ids.name): ids.to_numpy()}
    if schema["task"] == "regression":
        return pd.DataFrame({**columns, schema["target"]: prediction[:, 0]})
    labels = np.array(schema["classes"], dtype=object)[prediction.argmax(axis=1)]
    columns[schema["target"]] = pd.Series(labels).infer_objects()
    for label, probability in zip(schema["classes"], prediction.T, strict=True):
        columns[f"probability {label}"] = probability
    return pd.DataFrame(columns)


@dataclass(frozen=True)
class Scored:
    """How many rows were predicted, where they are, and a sentence on whatever is odd."""

    target: Path
    rows: int
    notes: tuple[str, ...]


def predictions_path(workspace: Workspace, file: Path, out: Path | None = None) -> Path:
    """Where the predictions of a file go: `out`, or submissions/<c>/predictions by default.

    Raises SettingsError where writing there would harm what the user has.
    """
    name = naming.stem(file.name) if file.suffix.lower() == ".csv" else file.name
    default = workspace.submissions / "predictions" / f"{name}.predictions.csv"
    target = out or default
    raw = workspace.raw.parent
    if target.exists() and file.exists() and target.samefile(file):
        problem = "this is the file to predict, which would be overwritten"
    elif target.resolve().is_relative_to(raw.resolve()):
        problem = f"{raw} is for the organiser's files alone, and `make` reads what lies there"
    elif target.is_dir():
        problem = "this is a folder, and allowed is a file"
    else:
        return target
    raise SettingsError(f"--out {target}: {problem}. Name another file, or leave --out away.")


def predict_file(workspace: Workspace, file: Path, out: Path | None = None) -> Scored:
    """Predict the rows of a file and write them as CSV to where `predictions_path` says.

    Raises DataError where `load` would refuse the file as a test table; SettingsError where a file
    that holds no predictions would be overwritten.
    """
    needed = ("load", "split", "encode", "blend")
    stages = {name: require_stage(workspace, name, goal="all") for name in needed}
    predictor = Predictor(**stages, train=workspace.stage("train"))
    target = predictions_path(workspace, file, out)
    if out is not None:
        _refuse_foreign(target, predictor.schema)
    with workers() as parallel_map:  # before the reading starts threads
        rows, ids = read_rows(stages["load"], file)
        prediction = predictor.predict(rows, parallel_map=parallel_map)
    table = labelled(prediction, predictor.schema, ids)
    content = table.to_csv(index=False, lineterminator="\n").encode()
    notes = [*_replaced(target, content), *_notes(stages["load"], rows, str(file))]
    write_atomically(target, content)
    return Scored(target, len(table), tuple(notes))


def _replaced(target: Path, content: bytes) -> Iterator[str]:
    """Files of one name in two folders have one place for their predictions."""
    if target.exists() and target.read_bytes() != content:
        yield "other predictions lay there and were replaced; --out FILE names another place"


def _refuse_foreign(target: Path, schema: Mapping[str, Any]) -> None:
    """An existing file is replaced only if its header is that of our predictions."""
    if not target.exists():
        return
    ours = list(labelled(np.empty((0, max(1, len(schema["classes"] or ())))), schema))
    with archives.readable(target), target.open(encoding="utf-8", errors="replace") as file:
        header = next(csv.reader(file), [])
    if header not in (ours, [schema["id"], *ours]):
        raise SettingsError(
            f"--out {target}: this file is there already and holds no predictions of "
            f"{schema['target']!r}, so it is not overwritten. Move it away, or name another file."
        )


def read_rows(load: Folder, file: Path) -> "tuple[pd.DataFrame, pd.Series | None]":
    """The features of a file's rows, checked as `load` checks the test table, and their ids."""
    from pipeline import contract, finding, kinds, labels, reading

    described, where = load.read_json("schema"), str(file)
    columns = {column["name"]: column for column in described["columns"]}
    settings = LoadStage.model_validate(load.read_record()["settings"])
    frame = reading.read_table(finding.locate(file), settings.header).words
    if not settings.header:
        made = {name for name, column in columns.items() if "source" in column}
        names = [name for name in map(str, load.read_table("test").columns) if name not in made]
        frame = labels.named_by_place(frame, names)
    sources = [column.get("source", name) for name, column in columns.items()]
    frame, _ = kinds.align(frame, [*sources, *filter(None, [described["id"]])])
    id = described["id"] if described["id"] in frame else None
    needed = {id, *sources} & set(frame.columns)
    rules = {name: rule for name, rule in settings.columns.items() if name in needed}
    again = f", which counts once `make C={described['competition']} all` has run again"
    words = {
        name: kinds.cleaned(frame[name], columns.get(name, {"kind": "text"})) for name in rules
    }
    contract.check(frame.assign(**words), rules, where, f"{contract.REMEDY}{again}")
    if id is not None and not described["sample"]["by_row"]:
        contract.check_ids(frame, id, where)
    rows = kinds.conform(frame, described["columns"], where)
    return rows, None if id is None else frame[id]


def _notes(load: Folder, rows: "pd.DataFrame", where: str) -> Iterator[str]:
    """What is odd about the rows and yet allowed."""
    from pipeline import kinds

    columns = load.read_json("schema")["columns"]
    words = [column["name"] for column in columns if column["kind"] == "category"]
    unseen = kinds.unseen_values(load.read_table("train", words), rows[words])
    if unseen:
        yield _unseen_told(unseen)
    yield from kinds.infinite_numbers({where: rows})


def _unseen_told(unseen: Mapping[str, Sequence[str]]) -> str:
    """2 values in 1 column were never seen in training ('city': 'Graz', 'Wels')."""
    total = sum(map(len, unseen.values()))
    listed = [
        f"{name!r}: {shortened([repr(word[:LONGEST]) for word in words], MOST_UNSEEN)}"
        for name, words in unseen.items()
    ]
    found = f"{count(total, 'value')} in {count(len(unseen), 'column')}"
    verb = "was" if total == 1 else "were"
    return f"{found} {verb} never seen in training ({shortened(listed, MOST_UNSEEN)})"

"""Turn columns into matrices, by an encoder per fold that saw the fold's training rows alone."""

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.artifacts import Folder
from pipeline.config import Encode
from pipeline.encoding.columns import Table, read_table
from pipeline.encoding.features import add_features, check_row_wise, feature_columns
from pipeline.encoding.views import FoldEncoder
from pipeline.errors import SettingsError
from pipeline.folds import Fold, read_folds
from pipeline.progress import Progress
from pipeline.wording import shortened

if TYPE_CHECKING:
    import pandas as pd


def run(settings: Encode, *, load: Folder, split: Folder, out: Folder, progress: Progress) -> None:
    """Write per fold the fitted encoder, and both views of its train, valid and test rows."""
    schema, y = load.read_json("schema"), np.asarray(load.read_array("y"))
    train, test, columns = read_features(settings, schema, load)
    check_target_means(settings, columns)
    classes = None if schema["classes"] is None else len(schema["classes"])
    encoder = FoldEncoder(settings, columns, classes)
    tables = read_table(train, columns), read_table(test, columns)
    folds = read_folds(split)
    codes: dict[str, None] = {}
    with progress.task("folds", len(folds)) as task:
        for fold in folds:
            write_fold(encoder, fold, tables, y, out.folder(fold.name))
            codes |= dict.fromkeys(encoder.codes())
            task.advance()
    widths = {view: len(told["columns"]) for view, told in encoder.describe().items()}
    progress.say(
        f"{len(columns)} columns -> {widths['tree']} for trees, {widths['dense']} dense; "
        f"{len(folds)} folds"
    )
    if codes and settings.target_means == "auto":
        progress.say(
            f"whole numbers that act as codes, not as quantities: {shortened(list(codes), 10)}; "
            "they get a target mean too"
        )


def read_features(
    settings: Encode, schema: dict[str, Any], load: Folder
) -> tuple["pd.DataFrame", "pd.DataFrame", list[dict[str, str]]]:
    """Train, test and their columns, the competition's own row-wise features added."""
    columns = schema["columns"]
    names = [column["name"] for column in columns]
    train, test = load.read_table("train", names), load.read_table("test", names)
    if settings.features is None:
        return train, test, columns
    check_row_wise(settings.features, train)
    train, test = add_features(settings.features, train), add_features(settings.features, test)
    return train, test, feature_columns(train, columns)


def check_target_means(settings: Encode, columns: list[dict[str, str]]) -> None:
    """Raise SettingsError where `target_means` names a column that has none."""
    allowed = [column["name"] for column in columns if column["kind"] in ("category", "number")]
    asked = () if settings.target_means == "auto" else settings.target_means
    unknown = [name for name in asked if name not in allowed]
    if unknown:
        raise SettingsError(
            f"[encode] target_means: found '{unknown[0]}', but there is no such category or number "
            f"column; allowed are {', '.join(allowed)}. Correct the name."
        )


def write_fold(
    encoder: FoldEncoder, fold: Fold, tables: tuple[Table, Table], y: np.ndarray, out: Folder
) -> None:
    """One fold's folder. Only `fit_transform` learns, and it is shown the training rows."""
    train, test = tables
    rng = np.random.default_rng([encoder.settings.seed, fold.repeat, fold.number])
    _write_views(out, "train", encoder.fit_transform(train.take(fold.train), y[fold.train], rng))
    _write_views(out, "valid", encoder.transform(train.take(fold.valid)))
    _write_views(out, "test", encoder.transform(test))
    out.write_json("encoder", encoder.to_json())
    out.write_json("columns", encoder.describe())


def _write_views(out: Folder, part: str, views: dict[str, np.ndarray]) -> None:
    for view, matrix in views.items():
        out.write_array(f"{view}-{part}", matrix)

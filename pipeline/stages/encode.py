"""Turn columns into codes, the competition's own features added, row by row.

What is learned from several rows is learned inside a fold, where a member is fitted.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.encoded import Encoded, Tables
from pipeline.encoding.columns import CodedTable, code_table
from pipeline.encoding.features import add_features, check_row_wise, with_kinds
from pipeline.encoding.views import FoldEncoder
from pipeline.errors import SettingsError
from pipeline.problem import Feature, Loaded
from pipeline.progress import Progress
from pipeline.settings import EncoderSettings
from pipeline.wording import did_you_mean, some

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.stage_settings import EncodeStage

MOST_NAMED = 10


def encode(settings: "EncodeStage", load: Loaded, progress: Progress) -> Encoded:
    """Code train and test, once for each module of features that a member asks for."""
    tables: dict[str, Tables] = {}
    for encoder, model in zip(settings.encoders, settings.models, strict=True):
        module = encoder.features or ""
        is_first = module not in tables
        if is_first:
            tables[module] = _tables(encoder.features, load)
        check_columns(encoder, tables[module].features, model)
        if is_first:
            _describe(encoder, tables[module], load, progress)
    return Encoded(tables)


def _tables(module: str | None, load: Loaded) -> Tables:
    names, features = load.problem.names, load.problem.features
    train, test = load.train[names], load.test[names]
    if module is not None:
        rows, train = train, add_features(module, train)
        check_row_wise(module, rows, train)
        test, features = add_features(module, test), with_kinds(train, features)
    coded = code_table(train, features), code_table(test, features)
    found = Tables(*coded, features, coded[0].digests(), coded[1].digests())
    if load.extra is None:
        return found
    extended = _extended(module, train, load.extra.table[names], features)
    return replace(found, extended=extended, extended_digests=extended.digests())


def _extended(
    module: str | None, train: "pd.DataFrame", extra: "pd.DataFrame", features: Sequence[Feature]
) -> CodedTable:
    """Train's rows and the extra rows after them, coded as one table."""
    import pandas as pd

    added = add_features(module, extra)
    if list(added.columns) != list(train.columns):
        raise SettingsError(
            f"[encode] features = '{module}': of the extra rows it makes other columns than of "
            "train's. Return the same columns, whatever the rows are."
        )
    return code_table(pd.concat([train, added], ignore_index=True), features)


def check_columns(encoder: EncoderSettings, features: Sequence[Feature], model: str) -> None:
    """Raise SettingsError where a model's settings name no column that is there, or leave none."""
    names = [feature.name for feature in features]
    coded = [feature.name for feature in features if feature.kind in ("category", "number")]
    means = () if encoder.target_means == "auto" else encoder.target_means
    where = f"[encode] or [models.{model}.encode] target_means"
    for key, asked, what, allowed in (
        (f"[models.{model}] columns", encoder.columns or (), "column", names),
        (f"[models.{model}] drop", encoder.drop, "column", names),
        (where, means, "category or number column", coded),
    ):
        unknown = [name for name in asked if name not in allowed]
        if unknown:
            raise SettingsError(
                f"{key}: found '{unknown[0]}', but there is no such {what}; "
                f"allowed are {', '.join(allowed)}. "
                f"{did_you_mean(unknown[0], allowed) or 'Correct the name.'}"
            )
    if names and not any(map(encoder.sees, names)):
        raise SettingsError(
            f"[models.{model}] leaves the model none of {', '.join(names)}. Name a column to keep, "
            "or drop fewer."
        )


def _describe(encoder: EncoderSettings, tables: Tables, load: Loaded, progress: Progress) -> None:
    """Report the widths of both views, by an encoder that is fitted on all rows and discarded."""
    seen = [feature for feature in tables.features if encoder.sees(feature.name)]
    classes = load.problem.outputs if load.problem.classes else None
    fitted = FoldEncoder(encoder, seen, classes)
    fitted.fit(tables.train, load.y, np.random.default_rng(encoder.seed))
    tree, dense = (len(fitted.names(view)) for view in ("tree", "dense"))
    progress.say(f"{len(seen)} columns -> {tree} for trees, {dense} dense")
    codes = fitted.codes()
    if codes and encoder.target_means == "auto":
        progress.say(
            "whole numbers that act as codes, not as quantities: "
            f"{some(codes, MOST_NAMED)}; they get a target mean too"
        )

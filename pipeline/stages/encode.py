"""Turn columns into codes, the competition's own features added, row by row.

What is learned from several rows is learned inside a fold, where a member is fitted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipeline.encoded import Encoded, Tables
from pipeline.encoding.columns import code_table
from pipeline.encoding.combinations import MOST_COLUMNS
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
CODED = "category or number column"


def encode(settings: "EncodeStage", load: Loaded, progress: Progress) -> Encoded:
    """Code train and test, once for each module of features that a member asks for."""
    tables: dict[str, Tables] = {}
    notes: dict[str, None] = {}
    for encoder, model in zip(settings.encoders, settings.models, strict=True):
        module = encoder.features or ""
        is_first = module not in tables
        if is_first:
            tables[module] = _tables(encoder.features, load)
        check_columns(encoder, tables[module].features, model)
        if is_first:
            notes |= dict.fromkeys(_describe(encoder, tables[module], load, progress))
    return Encoded(tables, tuple(notes))


def _tables(module: str | None, load: Loaded) -> Tables:
    names, features = load.problem.names, load.problem.features
    train, test = load.train, load.test
    extra = None if load.extra is None else load.extra.table
    if module is not None:
        rows = train[names]
        train = add_features(module, rows)
        check_row_wise(module, rows, train)
        test, features = add_features(module, test[names]), with_kinds(train, features)
        extra = None if extra is None else _added(module, extra[names], train)
    coded = code_table(train, features), code_table(test, features)
    found = Tables(*coded, features, coded[0].digests(), coded[1].digests())
    if extra is None:
        return found
    extended = code_table(train, features, extra)
    return replace(found, extended=extended, extended_digests=extended.digests())


def _added(module: str, extra: "pd.DataFrame", train: "pd.DataFrame") -> "pd.DataFrame":
    """The extra rows with the features of a module, which must be those of train's rows."""
    added = add_features(module, extra)
    if list(added.columns) != list(train.columns):
        raise SettingsError(
            f"[encode] features = '{module}': of the extra rows it makes other columns than of "
            "train's. Return the same columns, whatever the rows are."
        )
    return added


def check_columns(encoder: EncoderSettings, features: Sequence[Feature], model: str) -> None:
    """Raise SettingsError where a model's settings name no column that is there, or leave none."""
    names = [feature.name for feature in features]
    numbers = [feature.name for feature in features if feature.kind == "number"]
    coded = [feature.name for feature in features if feature.kind in ("category", "number")]
    texts = [feature.name for feature in features if feature.kind in ("category", "text")]
    chosen = encoder.combinations if encoder.combinations != "auto" else ()
    where = f"[encode] or [models.{model}.encode]"
    for key, asked, what, allowed in (
        (f"[models.{model}] columns", encoder.columns or (), "column", names),
        (f"[encode] drop or [models.{model}] drop", encoder.drop, "column", names),
        (f"{where} target_means", _named(encoder.target_means), CODED, coded),
        (f"{where} counts", _named(encoder.counts), CODED, coded),
        (f"{where} combinations", [name for each in chosen for name in each], CODED, coded),
        (f"{where} digits", encoder.digits, "number column", numbers),
        (f"{where} texts", _named(encoder.texts), "text or category column", texts),
    ):
        unknown = [name for name in asked if name not in allowed]
        if unknown:
            raise SettingsError(
                f"{key}: found '{unknown[0]}', but there is no such {what}; "
                f"allowed are {', '.join(allowed)}. "
                f"{did_you_mean(unknown[0], allowed)}"
            )
    if names and not any(map(encoder.sees, names)):
        raise SettingsError(
            f"[models.{model}] leaves the model none of {', '.join(names)}. Name a column to keep, "
            "or drop fewer."
        )


def _named(asked: Sequence[str]) -> Sequence[str]:
    """The columns that are named; none where the choice is automatic."""
    return () if asked == "auto" else asked


def _describe(
    encoder: EncoderSettings, tables: Tables, load: Loaded, progress: Progress
) -> list[str]:
    """Notes on what is added and what is left out, by an encoder that is fitted on all rows and
    discarded; they are printed too, after the widths of both views."""
    seen = [feature for feature in tables.features if encoder.sees(feature.name)]
    classes = load.problem.outputs if load.problem.classes else None
    fitted = FoldEncoder(encoder, seen, classes)
    fitted.fit(tables.train, load.y, np.random.default_rng(encoder.seed))
    tree, dense = (len(fitted.names(view)) for view in ("tree", "dense"))
    categories = sum(each.kind == "category" for each in seen) + len(fitted.codes())
    notes = [f"{len(seen)} columns -> {tree} for trees, {dense} dense"]
    notes += _notes(encoder, fitted, categories)
    for note in notes:
        progress.say(note)
    return notes


def _notes(encoder: EncoderSettings, fitted: FoldEncoder, categories: int) -> Iterator[str]:
    """`categories` is the number of columns that pairs might be made of."""
    codes = fitted.codes()
    if codes and encoder.target_means == "auto":
        yield (
            "whole numbers that act as codes, not as quantities: "
            f"{some(codes, MOST_NAMED)}; they get a target mean too"
        )
    if fitted.combinations and encoder.combinations == "auto":
        among = f", among the {MOST_COLUMNS} strongest of {categories} columns,"
        yield (
            f"pairs{among * (categories > MOST_COLUMNS)} that say more than their columns alone: "
            f"{some(list(fitted.combinations), MOST_NAMED)}; they get a target mean and a count "
            "([encode] combinations = [] leaves them out)"
        )
    if fitted.texts:
        yield (
            f"TF-IDF of words and letters: {some(fitted.texts, MOST_NAMED)}; of each "
            f"{encoder.text_directions} main directions at most ([encode] texts = [] leaves them "
            "out)"
        )
    shortened = fitted.shortened()
    if shortened:
        listed = [f"{name} ({kept} of {levels})" for name, (kept, levels) in shortened.items()]
        yield (
            "levels that have a dense column of their own, of those that training rows show: "
            f"{some(listed, MOST_NAMED)}; the others share one"
        )

"""Data frames as the project's models read them: as codes, a competition's features added."""

from dataclasses import dataclass

import pandas as pd

from pipeline.encoding.columns import CodedTable, code_table
from pipeline.encoding.features import add_features, with_kinds
from pipeline.problem import Feature
from pipeline.reading.kinds import conform, describe_column
from pipeline.reading.typed_tables import as_words


@dataclass(frozen=True)
class Coded:
    """Rows to learn from and rows to predict, with the features that both have."""

    features: tuple[Feature, ...]
    train: CodedTable
    unseen: CodedTable


def code(train: pd.DataFrame, unseen: pd.DataFrame, module: str | None = None) -> Coded:
    """Read both as `load` and `encode` would; `module` of pipeline/competitions adds features."""
    words = as_words(train, "train"), as_words(unseen, "unseen")
    raw = [describe_column(name, *(each[name] for each in words)).feature for name in words[0]]
    typed = [add_features(module, conform(each, raw, "the rows")) for each in words]
    features = with_kinds(typed[0], raw)
    return Coded(features, *(code_table(each, features) for each in typed))

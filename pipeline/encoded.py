"""What the encode stage gives: every column as distinct values and codes, features added.

A fold's matrix is a look-up of these codes in the small tables of the encoder that was fitted on
the fold's rows, so it is built where a fit runs, and never stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.encoding.columns import CodedTable
from pipeline.problem import Feature
from pipeline.store import MEASURED


@dataclass(frozen=True)
class Tables:
    """Train and test as codes, with the features of one module of pipeline/competitions.

    `train_digests` and `test_digests` are SHA-256 by feature: what fits are named by. `extended`
    holds the rows of train and the extra rows after them, None where there are none.
    """

    train: CodedTable
    test: CodedTable
    features: tuple[Feature, ...]
    train_digests: Mapping[str, str]
    test_digests: Mapping[str, str]
    extended: CodedTable | None = None
    extended_digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """Tables by the name of the module that adds features; "" where none does.

    `notes`: what is added to the columns' own views and what is left out, on all training rows; in
    a fold it is chosen anew. Nothing is computed from them, so that they are no part of the value.
    """

    tables: Mapping[str, Tables]
    notes: tuple[str, ...] = field(default=(), metadata=MEASURED)

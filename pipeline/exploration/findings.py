"""What the explore stage finds, what it finds that from, and what it gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.exploration.adversarial import Adversarial
from pipeline.exploration.association import Association
from pipeline.exploration.column_drift import ColumnDrift
from pipeline.exploration.correlations import Correlations
from pipeline.exploration.duplicates import Duplicates
from pipeline.exploration.pairs import Pair
from pipeline.exploration.profile import Profile
from pipeline.exploration.ratings import Ratings
from pipeline.exploration.redundant import Redundant
from pipeline.exploration.target import Target
from pipeline.problem import Feature, Loaded
from pipeline.splitting.mirroring import Mirror
from pipeline.store import MEASURED

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Rows:
    """Rows of train and of test."""

    train: int
    test: int


@dataclass(frozen=True)
class Findings:
    """Counts are of all `rows`; tests and figures are of the rows `drawn`.

    Of the `features` columns of a wide table those most related to the target are looked at: there
    is a profile, an association and a drift of each. `adversarial` is None where there are too few
    rows, `mirror` where no column shows how test was split from train.
    """

    rows: Rows
    drawn: Rows
    features: int
    profiles: tuple[Profile, ...]
    associations: tuple[Association, ...]
    pairs: tuple[Pair, ...]
    ratings: Ratings | None
    correlations: Correlations | None
    drifts: tuple[ColumnDrift, ...]
    adversarial: Adversarial | None
    duplicates: Duplicates
    mirror: Mirror | None = None
    redundant: Redundant = field(default_factory=Redundant)


@dataclass(frozen=True)
class Sample:
    """What tests and figures look at: some features, and rows drawn of train and test, y (n,)."""

    features: list[Feature]
    train: "pd.DataFrame"
    test: "pd.DataFrame"
    target: Target


@dataclass(frozen=True)
class Exploration:
    """All that a section of the page may show; `target` is that of all rows."""

    load: Loaded
    target: Target
    sample: Sample
    findings: Findings


@dataclass(frozen=True)
class Explored:
    """`html` is the whole page, `figures` are its figures as PNG by name, `summary` is all the
    numbers as plain JSON.

    Page and figures depend on the machine's fonts, so that neither is part of the value.
    """

    findings: Findings
    summary: Mapping[str, Any]
    html: str = field(metadata=MEASURED)
    figures: Mapping[str, bytes] = field(metadata=MEASURED)

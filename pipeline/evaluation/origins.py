"""Do the rows come from sources that repeat in train, while all of test comes from others?

Patients with several rows each, of whom none is in both files: folds that part a patient's rows
let a model know the patient, which it cannot on test. A column that names the source gives itself
away: nearly every row of train has others of its value, and no row of test has one.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluation.single_columns import Judged, skill

if TYPE_CHECKING:
    import pandas as pd

REPEATED = 0.5  # share of train's rows that have another of their value, at least
FEWEST_SOURCES = 5  # in train and in test
LEAST_SKILL = 0.02  # rows of one source are alike in the target, or parting them does no harm


def find_origins(
    train: "pd.DataFrame", test: "pd.DataFrame", without: Collection[str], judged: Judged
) -> list[str]:
    """The columns that name a source, the most telling first; `without` names the target's."""
    worth = {
        str(name): skill(_codes(train[name]), judged)
        for name in train.columns
        if name in test.columns and name not in without and is_origin(train[name], test[name])
    }
    return sorted((name for name in worth if worth[name] >= LEAST_SKILL), key=lambda n: -worth[n])


def is_origin(train: "pd.Series", test: "pd.Series") -> bool:
    """Whether values repeat within train (n,) and never between train and test (m,)."""
    if train.duplicated(keep=False).mean() < REPEATED:  # quick, and the end of most numbers
        return False
    counts, others = train.value_counts(), test.dropna().unique()
    if min(len(counts), len(others)) < FEWEST_SOURCES:
        return False
    repeated = counts.to_numpy()[counts.to_numpy() > 1].sum() / len(train)
    return bool(repeated >= REPEATED and not counts.index.isin(others).any())


def _codes(values: "pd.Series") -> np.ndarray:
    import pandas as pd

    return np.asarray(pd.factorize(values, use_na_sentinel=False)[0])

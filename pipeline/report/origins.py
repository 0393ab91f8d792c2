"""Do the rows come from sources that repeat in train, while all of test comes from others?

Patients with several rows each, of whom none is in both files: folds that separate a patient's rows
let a model know the patient, which it cannot on test. A column that names the source shows it:
nearly every row of train has others of its value, and no row of test has one.
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.exploration.strength import FoldedTarget, skill
from pipeline.figures import label
from pipeline.reading import distinct
from pipeline.report.alarm import NAMED, Alarm, quoted_label
from pipeline.report.evidence import MOST_LOOKED_AT, Evidence
from pipeline.wording import some

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.table import Frame

REPEATED = 0.5  # share of train's rows that have another of their value, at least
FEWEST_SOURCES = 5  # in train and in test
LEAST_SKILL = 0.02  # rows of one source have similar targets, or separating them does no harm


def alarms(evidence: Evidence, target: FoldedTarget) -> Iterator[Alarm]:
    """Unless the folds keep the rows of a source together."""
    load, group = evidence.load, evidence.split.group
    names = find_origins(load.train, load.test, evidence.problem.target, target)
    if not names or group in names:
        return
    name, others = names[0], [quoted_label(each) for each in names[1:]]
    also = f" (the same holds for {some(others, NAMED)})" if others else ""
    yield Alarm(
        "origin",
        f"The values of '{label(name, 40)}' repeat within train and predict the target, and none "
        f"of them occurs in test{also}",
        "The folds put rows of one value on both sides, so that models are scored on patients, "
        "customers or days that they have seen; of those in test they have seen none.",
        f"Keep such rows together: [split] group = {json.dumps(name, ensure_ascii=False)} in the "
        "competition's TOML. Then run again; that score can be trusted.",
        f"rows of one {quoted_label(name)} are in several folds, and test has others",
    )


def find_origins(train: "Frame", test: "Frame", without: str, target: FoldedTarget) -> list[str]:
    """The columns that name a source, the most predictive first; `without` is the target's name."""
    import pandas as pd

    skills = {
        str(name): skill(pd.factorize(train[name], use_na_sentinel=False)[0], target)
        for name in train.columns
        if name in test.columns and name != without and is_origin(train[name], test[name])
    }
    clear = [name for name in skills if skills[name] >= LEAST_SKILL]
    return sorted(clear, key=lambda name: -skills[name])


def is_origin(train: "pd.Series", test: "pd.Series") -> bool:
    """Whether values repeat within train (n,) and never between train and test (m,)."""
    first = test.iloc[:MOST_LOOKED_AT].dropna()
    if distinct.are_in(train.iloc[:MOST_LOOKED_AT], first).any():  # fast, and excludes most columns
        return False
    if distinct.is_unique(train) or train.duplicated(keep=False).mean() < REPEATED:
        return False
    counts, others = train.value_counts(), test.dropna().unique()
    if min(len(counts), len(others)) < FEWEST_SOURCES:
        return False
    repeated = counts.to_numpy()[counts.to_numpy() > 1].sum() / len(train)
    return bool(repeated >= REPEATED and not counts.index.isin(others).any())

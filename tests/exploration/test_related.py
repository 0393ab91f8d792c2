"""Of a wide table the columns are looked at that tell most of the target."""

import numpy as np
import pandas as pd
import pytest

from pipeline.exploration.related import most_related, related_told


@pytest.mark.parametrize("classes", [0, 2])
def test_the_telling_columns_are_kept_in_their_order(classes):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({f"c{place}": rng.normal(size=500) for place in range(60)})
    value = frame["c40"] ** 2 + frame["c7"].to_numpy()
    frame["word"] = pd.Series(np.where(value + rng.normal(size=500) > 1, "a", None), dtype="str")
    columns = [(name, "category" if name == "word" else "number") for name in frame]
    y = (value > 1).astype(int).to_numpy() if classes else value.to_numpy()

    assert most_related(frame, y, columns, classes, 61) == columns
    chosen = most_related(frame, y, columns, classes, 10)

    assert {"c7", "c40", "word"} < {name for name, _ in chosen}
    assert chosen == [column for column in columns if column in chosen] and len(chosen) == 10


def test_it_is_said_where_not_all_columns_are_looked_at():
    assert related_told(200, 200) == ""
    assert related_told(200, 5000) == "the 200 columns most related to the target of 5,000"

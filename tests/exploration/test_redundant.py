"""Constant columns and duplicates are counted, whatever they hold, and others are not."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from pipeline.exploration.redundant import Redundant, find_redundant, part


def sides(**columns) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = pd.DataFrame(columns)
    return frame.iloc[:200], frame.iloc[200:].reset_index(drop=True)


def test_constant_columns_and_copies_are_found():
    rng = np.random.default_rng(0)
    x, word = rng.normal(size=300), rng.choice(["a", "b"], size=300)
    train, test = sides(
        x=x,
        word=pd.Series(word, dtype="str"),
        one=1.0,
        empty=np.nan,
        none=pd.Series([None] * 300, dtype="str"),
        x_again=x,
        word_again=pd.Series(word, dtype="str"),
        gaps=np.where(rng.random(300) < 0.5, 1.0, np.nan),  # the gaps may mean something
        train_alone=np.where(np.arange(300) < 200, x, 0.0),
        all_but_one_row=np.where(np.arange(300) == 150, 0.0, x),
    )
    found = find_redundant(train, test, list(train))
    assert found.constant == ("one", "empty", "none")
    assert found.duplicates == {"x_again": "x", "word_again": "word"}


def test_many_are_counted_in_one_line():
    found = Redundant(tuple(f"c{i}" for i in range(40)), {f"d{i}": "x" for i in range(7)})
    assert found.summary == (
        "40 columns hold one value in train: 'c0', 'c1', 'c2', 'c3', 'c4' and 35 more; 7 columns "
        "duplicate another one: 'd0' ('x'), 'd1' ('x'), 'd2' ('x'), 'd3' ('x'), 'd4' ('x') and 2 "
        "more; "
        "[load] drop leaves columns out"
    )
    assert not Redundant().summary


def test_the_page_lists_all_of_them_and_has_no_section_without_any():
    found = Redundant(tuple(f"c{i}" for i in range(40)), {"fare again": "fare"})
    shown = part(SimpleNamespace(findings=SimpleNamespace(redundant=found)))
    (table,) = shown.before
    assert [row[0] for row in table.rows] == [*found.constant, "fare again"]
    assert table.rows[-1][1] == "duplicate of 'fare'"
    assert part(SimpleNamespace(findings=SimpleNamespace(redundant=Redundant()))) is None

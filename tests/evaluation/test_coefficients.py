"""Logistic regression in plain words: parts that add up to the model, odds that are the data's."""

import numpy as np
import pandas as pd
import pytest

from pipeline import config
from pipeline.artifacts import Folder
from pipeline.encoding.columns import read_table
from pipeline.encoding.views import FoldEncoder
from pipeline.evaluation.coefficients import (
    Contrast,
    Odds,
    column_logits,
    conclusion,
    logistic_odds,
    ratios,
    table,
)
from pipeline.folds import folds_of
from pipeline.from_scratch.logistic_regression import LogisticRegression

COLUMNS = [
    {"name": "mark", "kind": "number"},
    {"name": "word", "kind": "category"},
    {"name": "weight", "kind": "number"},
    {"name": "note", "kind": "text"},
    {"name": "code", "kind": "category"},
]
N = 2000


def rows(rng) -> pd.DataFrame:
    frame = pd.DataFrame({"mark": rng.integers(0, 5, N).astype(float)})
    frame["word"] = rng.choice(["Bern", "Linz", "Ulm"], N)
    frame["weight"] = rng.normal(size=N)
    frame["note"] = rng.choice(["a fine day", "no luck"], N)
    frame["code"] = [f"c{place:02d}" for place in rng.integers(0, 20, N)]
    return frame.mask(rng.random(frame.shape) < 0.05)


@pytest.fixture(params=[2, 3], ids=["binary", "multiclass"])
def trained(request, tmp_path):
    """Three folds of logistic regression as the stages leave them: load, encode, train, folds."""
    rng, classes = np.random.default_rng(7), request.param
    frame = rows(rng)
    value = (frame["word"] == "Ulm") * 2.0 + frame["weight"].fillna(0) + rng.logistic(size=N)
    y = np.digitize(value, [0.5, 2.0][: classes - 1])
    load, encode, train = (Folder(tmp_path / name) for name in ("load", "encode", "train"))
    load.write_table("train", frame)
    load.write_array("y", y)
    load.write_json("schema", {"columns": COLUMNS, "classes": list(range(classes))})
    folds = folds_of(0, np.arange(N) % 3)
    for fold in folds:
        encoder = FoldEncoder(config.Encode(), COLUMNS, classes)
        part = frame.iloc[fold.train]
        dense = encoder.fit_transform(part, y[fold.train], np.random.default_rng(0))["dense"]
        model = LogisticRegression(l2=1e-4).fit(dense, y[fold.train])
        encode.folder(fold.name).write_json("encoder", encoder.to_json())
        train.folder("models").write_arrays(fold.name, model.state())
    return load, encode, train, folds


def test_the_columns_parts_and_the_intercept_are_the_models_logits(trained):
    load, encode, train, folds = trained
    state = train.folder("models").read_arrays(folds[0].name)
    encoder = FoldEncoder.from_json(encode.folder(folds[0].name).read_json("encoder"))
    read = read_table(load.read_table("train"), encoder.columns)
    dense = encoder.transform(read)["dense"]

    parts = column_logits(encoder, read, state["coef_"])

    assert any("target mean" in name for name in encoder.describe()["dense"]["columns"])
    total = sum(part[read.columns[name].codes] for name, part in parts.items())
    np.testing.assert_allclose(total, dense @ state["coef_"].T, atol=1e-4)


def test_a_category_that_doubles_the_log_odds_is_found(trained):
    load, encode, train, folds = trained
    classes = len(load.read_json("schema")["classes"])
    found = logistic_odds(load, encode, train, folds)
    by_name = {odds.called: odds for odds in found}
    assert [abs(odds.mean) for odds in found] == sorted(
        (abs(odds.mean) for odds in found), reverse=True
    )
    assert not any(odds.contrast.column == "note" for odds in found)
    ulm, linz = by_name["word = Ulm"], by_name["word = Linz"]
    assert all(odds.lowest <= odds.mean <= odds.highest for odds in found)
    assert ulm.is_sure
    quartiles = next(odds for odds in found if odds.contrast.column == "weight")
    assert quartiles.contrast.value.startswith("from −0.")
    if classes == 2:
        words = [odds for odds in found if odds.contrast.column == "word"]
        assert sum(odds.contrast.rows for odds in words) == N
        assert sum(odds.contrast.rows * odds.mean for odds in words) / N == pytest.approx(0)
        # the rows were made with 2 more log-odds at Ulm, and 1 a unit of weight
        assert ulm.mean - linz.mean == pytest.approx(2.0, abs=0.3)
        assert quartiles.mean == pytest.approx(1.35, abs=0.25)
        assert {odds.code for odds in found} == {1}
    else:
        assert ulm.code in (0, 2)
        assert (ulm.mean > 0) == (ulm.code == 2)


def test_a_fold_that_lacks_a_class_is_left_out(trained):
    load, encode, train, folds = trained
    state = train.folder("models").read_arrays(folds[0].name)
    before = logistic_odds(load, encode, train, folds[1:])
    lacking = {**state, "classes_": state["classes_"][:-1]}
    train.folder("models").write_arrays(folds[0].name, lacking)
    assert logistic_odds(load, encode, train, folds) == before


def odds(mean, low, high, column="answer", value="= 5", code=1):
    return Odds(Contrast(column, value, 30, 1, None), code, mean, low, high)


def test_odds_are_told_as_times_with_their_range():
    assert odds(np.log(3.2), np.log(2.8), np.log(3.7)).times == "3.2 times (2.8 to 3.7)"
    assert ratios([np.log(0.3), np.log(0.27), np.log(0.34)]) == ["0.30", "0.27", "0.34"]
    assert ratios([20, 0, -20]) == ["> 1,000", "1", "< 0.001"]
    up, down = odds(1.0, 0.5, 1.5), odds(-2.0, -3.0, -1.0, value="= 1")
    told = conclusion([down, up], ["no", "yes"], "mood")
    assert "Most in favour: answer = 5, odds of mood = yes 2.7 times (1.6 to 4.5)." in told
    assert "Most against: answer = 1" in told
    assert "no answer whose direction" in conclusion([odds(0.1, -0.1, 0.3)], ["no", "yes"], "mood")


def test_the_table_names_the_class_where_there_are_several():
    two, three = (table([odds(1.0, 0.5, 1.5)], list("abc")[:k], "mood", 3) for k in (2, 3))
    assert "odds of mood = b" in two.caption
    assert len(two.rows[0]) == len(two.columns) == 5
    assert three.rows[0][2] == "mood = b"
    assert (
        table([odds(0.1, -0.2, 0.3)], ["a", "b"], "m", 3).rows[0][-1].text == "the folds disagree"
    )

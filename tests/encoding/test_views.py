import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.artifacts import to_json
from pipeline.config import Encode
from pipeline.encoding.views import CHUNK, FoldEncoder

KINDS = {
    "rating": "number",
    "delay": "number",
    "flag": "number",
    "class": "category",
    "city": "category",
    "name": "text",
    "day": "date",
}
COLUMNS = [{"name": name, "kind": kind} for name, kind in KINDS.items()]


def made_up(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    words = rng.choice(["mr", "mrs", "van", "der", "lee"], size=(rows, 3))
    frame = pd.DataFrame(
        {
            "rating": rng.integers(0, 6, size=rows),
            "delay": rng.exponential(20, size=rows).round(),
            "flag": rng.integers(2, size=rows).astype(bool),
            "class": rng.choice(["eco", "plus", "business"], size=rows),
            "city": rng.choice([f"c{i}" for i in range(40)], size=rows),
            "name": [" ".join(row) for row in words],
            "day": pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(900, size=rows), "D"),
        }
    )
    for name in ("delay", "class", "name", "day"):
        frame.loc[rng.random(rows) < 0.1, name] = None
    return frame


def targets(rows: int, classes: int | None) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.normal(size=rows) if classes is None else rng.integers(classes, size=rows)


def fitted(frame, columns=COLUMNS, classes: int | None = 2, **settings):
    """The encoder and both views of the rows that it was fitted on."""
    encoder = FoldEncoder(Encode(**settings), columns, classes)
    y = targets(len(frame), classes)
    return encoder, encoder.fit_transform(frame, y, np.random.default_rng(0))


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_an_encoder_read_from_json_gives_the_same_bytes(classes):
    encoder, _ = fitted(made_up(300), classes=classes)
    text = to_json(encoder.to_json())
    again = FoldEncoder.from_json(json.loads(text))
    new = made_up(100, seed=5)
    assert to_json(again.to_json()) == text
    assert again.describe() == encoder.describe()
    for view, matrix in encoder.transform(new).items():
        assert again.transform(new)[view].tobytes() == matrix.tobytes()


def test_each_row_is_encoded_alone():
    encoder, _ = fitted(made_up(300))
    new = made_up(CHUNK + 90, seed=5)
    rows = np.random.default_rng(2).permutation(len(new))[:500]
    for view, matrix in encoder.transform(new).items():
        some = encoder.transform(new.iloc[rows])[view]
        assert some.tobytes() == matrix[rows].tobytes()


def test_what_is_learned_does_not_depend_on_the_order_of_the_rows():
    frame, y = made_up(300), targets(300, 2)
    rows = np.random.default_rng(2).permutation(300)
    settings = Encode(target_means=())
    one = FoldEncoder(settings, COLUMNS, 2).fit(frame, y, np.random.default_rng(0))
    other = FoldEncoder(settings, COLUMNS, 2).fit(
        frame.iloc[rows], y[rows], np.random.default_rng(0)
    )
    assert to_json(one.to_json()) == to_json(other.to_json())


def test_the_views_hold_what_their_columns_are_called():
    frame = made_up(400)
    encoder, views = fitted(frame)
    described = encoder.describe()
    tree = pd.DataFrame(views["tree"], columns=described["tree"]["columns"])
    dense = pd.DataFrame(views["dense"], columns=described["dense"]["columns"])
    assert views["tree"].dtype == views["dense"].dtype == np.float32
    assert_array_equal(tree["delay"], frame["delay"])
    assert_array_equal(tree["day month"], frame["day"].dt.month)
    assert_array_equal(tree["name has van"], frame["name"].fillna("").str.contains("van"))
    assert_array_equal(dense["class=eco"], frame["class"] == "eco")
    assert_array_equal(dense["class is missing"], frame["class"].isna())
    assert_array_equal(dense["delay is missing"], frame["delay"].isna())
    assert_array_equal(dense["rating=4"], frame["rating"] == 4)
    assert_allclose(np.corrcoef(dense["rating"], frame["rating"])[0, 1], 1, atol=0.01)
    names = described["tree"]["columns"]
    assert [names[place] for place in described["tree"]["categorical"]] == ["class", "city"]
    assert "city target mean" in tree and "class target mean" not in tree
    assert np.isfinite(views["dense"]).all()


def test_trees_are_given_gaps_and_the_dense_view_has_none():
    encoder, _ = fitted(made_up(300))
    nothing = pd.DataFrame({name: [None] for name in KINDS}, dtype=object)
    views = encoder.transform(nothing)
    tree = dict(zip(encoder.describe()["tree"]["columns"], views["tree"][0], strict=True))
    assert all(np.isnan(tree[name]) for name in ("rating", "delay", "flag", "class", "city"))
    assert np.isfinite(views["dense"]).all()


def test_a_date_or_text_has_one_missing_indicator():
    dense = fitted(made_up(300))[0].describe()["dense"]["columns"]
    told = [name for name in dense if name.endswith("is missing")]
    assert told == [
        f"{name} is missing" for name in ("delay", "class", "name characters", "day days")
    ]


def test_the_tree_view_of_a_training_row_does_not_depend_on_its_own_label():
    frame, y = made_up(200), targets(200, 2)
    before = FoldEncoder(Encode(), COLUMNS, 2).fit_transform(frame, y, np.random.default_rng(0))
    for row in range(0, 200, 20):
        changed = y.copy()
        changed[row] = 1 - y[row]
        after = FoldEncoder(Encode(), COLUMNS, 2).fit_transform(
            frame, changed, np.random.default_rng(0)
        )
        assert after["tree"][row].tobytes() == before["tree"][row].tobytes()
        assert after["tree"].tobytes() != before["tree"].tobytes()


def test_dense_columns_that_never_vary_are_left_out():
    frame = made_up(100).assign(rating=3, name=None, flag=pd.Series([None] * 100, dtype=object))
    encoder, views = fitted(frame, rare=1)
    assert (views["dense"].min(axis=0) < views["dense"].max(axis=0)).all()
    dense = encoder.describe()["dense"]["columns"]
    assert not [name for name in dense if name.startswith(("rating", "name", "flag"))]
    assert {"rating", "flag"} <= set(encoder.describe()["tree"]["columns"])


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_target_means_of_several_classes_are_one_column_each_but_the_first(classes):
    encoder, views = fitted(made_up(300), classes=classes, target_means=("class", "rating"))
    means = [name for name in encoder.describe()["tree"]["columns"] if "target mean" in name]
    told = ["target mean 1", "target mean 2"] if classes == 3 else ["target mean"]
    assert means == [f"{name} {each}" for name in ("class", "rating") for each in told]
    if classes == 3:
        share = targets(300, 3)[:, np.newaxis] == [1, 2]
        assert_allclose(views["tree"][:, -2:].mean(axis=0), share.mean(axis=0), atol=0.02)


@pytest.mark.parametrize("kind", ["number", "category", "text", "date"])
@pytest.mark.parametrize(
    "values",
    [
        [1, 1.0, True, "1", "x y", None, np.nan, (1, 2), b"q", pd.NA, 10**30],
        [None] * 5,
        [np.nan] * 5,
        ["2020-01-01"],
        [2**53 + 1, 2**62 + 1, -(2**53) - 1],
        [np.inf, -np.inf, 1e308, -1e308, 5e-324, 0.0],
        [pd.Timestamp("1700-01-01"), pd.NaT, "2020-02-30"],
        [True, False, None],
    ],
    ids=["mixed", "all None", "all NaN", "one row", "beyond 2^53", "infinite", "dates", "bool"],
)
def test_odd_columns_do_not_stop_it(kind, values):
    frame = pd.DataFrame({"a": pd.Series(values, dtype=object), "b": range(len(values))})
    columns = [{"name": "a", "kind": kind}, {"name": "b", "kind": "number"}]
    asked = ("a",) if kind in ("number", "category") else "auto"
    encoder, views = fitted(frame, columns, target_means=asked, rare=1)
    others = pd.DataFrame({"a": pd.Series(["unseen", None, 3], dtype=object), "b": [None, 1, 2]})
    for made in (views, encoder.transform(others), encoder.transform(others.iloc[:0])):
        assert np.isfinite(made["dense"]).all()
        assert not np.isinf(made["tree"]).any()
        for view, matrix in made.items():
            assert matrix.shape[1] == len(encoder.describe()[view]["columns"])
    to_json(encoder.to_json())


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_values_from_other_rows_change_the_places_of_their_column_alone(classes):
    encoder, _ = fitted(made_up(300), classes=classes)
    rows, donors = made_up(100, seed=5), np.random.default_rng(2).permutation(100)
    before, places = encoder.transform(rows), encoder.places()
    assert list(places) == ["rating", "delay", "flag", "class", "city"]
    for name in places:
        after = encoder.transform(rows.assign(**{name: rows[name].to_numpy()[donors]}))
        for view, matrix in before.items():
            expected = matrix.copy()
            expected[:, places[name][view]] = matrix[donors][:, places[name][view]]
            assert_array_equal(after[view], expected)

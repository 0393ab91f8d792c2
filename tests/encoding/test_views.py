import json

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from pipeline.encoding import View
from pipeline.encoding.columns import CodedTable, code_table
from pipeline.encoding.selection import Selection
from pipeline.encoding.views import VIEWS, FoldEncoder
from pipeline.errors import DataError
from pipeline.lookup_matrix import CHUNK
from pipeline.problem import Feature
from pipeline.settings import Encode

KINDS = {
    "rating": "number",
    "delay": "number",
    "flag": "number",
    "class": "category",
    "city": "category",
    "name": "text",
    "day": "date",
}
FEATURES = tuple(Feature(name, kind) for name, kind in KINDS.items())


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


def coded(frame: pd.DataFrame, features=FEATURES) -> CodedTable:
    return code_table(frame, features)


def fitted(
    frame, view: View = "tree", features=FEATURES, classes: int | None = 2, **settings
) -> tuple[FoldEncoder, np.ndarray]:
    """The encoder, and a view of the rows that it was fitted on."""
    encoder, y = FoldEncoder(Encode(**settings), features, classes), targets(len(frame), classes)
    rng = np.random.default_rng(0)
    return encoder, encoder.fit_transform(coded(frame, features), y, rng, view)


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_an_encoder_of_the_same_state_gives_the_same_bytes(classes):
    encoder, _ = fitted(made_up(300), classes=classes)
    again = FoldEncoder(Encode(), FEATURES, classes).set_state(encoder.state())
    new = coded(made_up(100, seed=5))
    assert again.state() == encoder.state()
    for view in VIEWS:
        assert again.names(view) == encoder.names(view)
        assert again.categorical(view) == encoder.categorical(view)
        assert again.transform(new, view).tobytes() == encoder.transform(new, view).tobytes()


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_it_learns_the_same_whichever_view_is_asked_for(classes):
    one, other = (fitted(made_up(300), view, classes=classes)[0] for view in VIEWS)
    assert one.state() == other.state()


def test_each_row_is_encoded_alone():
    encoder, _ = fitted(made_up(300))
    new = made_up(CHUNK + 90, seed=5)
    rows = np.random.default_rng(2).permutation(len(new))[:500]
    for view in VIEWS:
        some = encoder.transform(coded(new.iloc[rows]), view)
        assert some.tobytes() == encoder.transform(coded(new), view)[rows].tobytes()


def test_what_is_learned_does_not_depend_on_the_order_of_the_rows():
    frame, y = made_up(300), targets(300, 2)
    rows = np.random.default_rng(2).permutation(300)
    one, other = (
        FoldEncoder(Encode(target_means=(), text_scores=False), FEATURES, 2) for _ in range(2)
    )
    one.fit(coded(frame), y, np.random.default_rng(0))
    other.fit(coded(frame.iloc[rows]), y[rows], np.random.default_rng(0))
    assert one.state() == other.state()


def test_columns_that_it_does_not_see_change_nothing():
    """The table may hold more; of a date and a text all parts belong to their feature."""
    frame = made_up(300)
    for seen in (FEATURES[::2], FEATURES[1::2]):
        alone = FoldEncoder(Encode(), seen, 2)
        for view in VIEWS:
            rng = np.random.default_rng(0)
            expected = alone.fit_transform(coded(frame, seen), targets(300, 2), rng, view)
            among = FoldEncoder(Encode(), seen, 2)
            rng = np.random.default_rng(0)
            found = among.fit_transform(coded(frame), targets(300, 2), rng, view)
            assert found.tobytes() == expected.tobytes()
            assert among.names(view) == alone.names(view)
            new = made_up(50, seed=5)
            expected = alone.transform(coded(new, seen), view)
            assert among.transform(coded(new), view).tobytes() == expected.tobytes()


def test_target_means_that_are_asked_for_of_columns_it_does_not_see_are_left_out():
    encoder, _ = fitted(made_up(300), features=FEATURES[:2], target_means=("city", "rating"))
    assert [name for name in encoder.names("tree") if "mean" in name] == ["rating target mean"]


def test_a_feature_keeps_its_name_beside_a_part_of_the_same_name():
    frame = pd.DataFrame({"a": ["x y", "z"] * 5, "a words": [7, 8] * 5})
    features = [Feature("a", "text"), Feature("a words", "number")]
    for asked in (features, features[::-1]):
        encoder, _ = fitted(frame, features=asked)
        columns = encoder.columns(coded(frame, asked))
        assert columns["a words"].values.tolist() == [7, 8]
        assert columns["a words'"].values.tolist() == [1, 2]
        assert {"a words", "a words'"} <= set(encoder.names("tree"))


def test_the_views_hold_what_their_columns_are_called():
    frame = made_up(400)
    encoder, matrix = fitted(frame)
    _, scaled = fitted(frame, "dense")
    tree = pd.DataFrame(matrix, columns=encoder.names("tree"))
    dense = pd.DataFrame(scaled, columns=encoder.names("dense"))
    assert matrix.dtype == scaled.dtype == np.float32
    assert_array_equal(tree["delay"], frame["delay"])
    assert_array_equal(tree["day month"], frame["day"].dt.month)
    assert_array_equal(tree["name has van"], frame["name"].fillna("").str.contains("van"))
    assert_array_equal(dense["class=eco"], frame["class"] == "eco")
    assert_array_equal(dense["class is missing"], frame["class"].isna())
    assert_array_equal(dense["delay is missing"], frame["delay"].isna())
    assert_array_equal(dense["rating=4"], frame["rating"] == 4)
    assert_allclose(np.corrcoef(dense["rating"], frame["rating"])[0, 1], 1, atol=0.01)
    names = encoder.names("tree")
    assert [names[place] for place in encoder.categorical("tree")] == ["class", "city"]
    assert encoder.categorical("dense") == ()
    assert "city target mean" in tree and "class target mean" not in tree
    assert np.isfinite(scaled).all()


def test_trees_are_given_gaps_and_the_dense_view_has_none():
    encoder, _ = fitted(made_up(300))
    nothing = coded(pd.DataFrame({name: [None] for name in KINDS}, dtype=object))
    tree = dict(zip(encoder.names("tree"), encoder.transform(nothing, "tree")[0], strict=True))
    assert all(np.isnan(tree[name]) for name in ("rating", "delay", "flag", "class", "city"))
    assert np.isfinite(encoder.transform(nothing, "dense")).all()


def test_a_date_or_text_has_one_missing_indicator():
    encoder, _ = fitted(made_up(300))
    found = [name for name in encoder.names("dense") if name.endswith("is missing")]
    assert found == [
        f"{name} is missing" for name in ("delay", "class", "name characters", "day days")
    ]


def test_the_tree_view_of_a_training_row_does_not_depend_on_its_own_label():
    table, y = coded(made_up(200)), targets(200, 2)

    def tree(y: np.ndarray) -> np.ndarray:
        encoder = FoldEncoder(Encode(), FEATURES, 2)
        return encoder.fit_transform(table, y, np.random.default_rng(0), "tree")

    before = tree(y)
    for row in range(0, 200, 20):
        changed = y.copy()
        changed[row] = 1 - y[row]
        after = tree(changed)
        assert after[row].tobytes() == before[row].tobytes()
        assert after.tobytes() != before.tobytes()


def test_dense_columns_that_never_vary_are_left_out():
    frame = made_up(100).assign(rating=3, name=None, flag=pd.Series([None] * 100, dtype=object))
    encoder, dense = fitted(frame, "dense", rare=1)
    assert (dense.min(axis=0) < dense.max(axis=0)).all()
    constant = ("rating", "name", "flag")
    assert not [name for name in encoder.names("dense") if name.startswith(constant)]
    assert {"rating", "flag"} <= set(encoder.names("tree"))


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_target_means_of_several_classes_are_one_column_each_but_the_first(classes):
    asked = ("class", "rating")
    encoder, tree = fitted(made_up(300), classes=classes, target_means=asked)
    means = [name for name in encoder.names("tree") if "target mean" in name]
    each = ["target mean 1", "target mean 2"] if classes == 3 else ["target mean"]
    assert means == [f"{name} {mean}" for name in asked for mean in each]
    if classes == 3:
        share = targets(300, 3)[:, np.newaxis] == [1, 2]
        of_rating = [encoder.names("tree").index(f"rating {mean}") for mean in each]
        assert_allclose(tree[:, of_rating].mean(axis=0), share.mean(axis=0), atol=0.02)


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
    features = (Feature("a", kind), Feature("b", "number"))
    asked = ("a",) if kind in ("number", "category") else "auto"
    others = pd.DataFrame({"a": pd.Series(["unseen", None, 3], dtype=object), "b": [None, 1, 2]})
    for view in VIEWS:
        encoder, own = fitted(frame, view, features, target_means=asked, rare=1)
        again = FoldEncoder(encoder.settings, features, 2).set_state(encoder.state())
        new = (others, others.iloc[:0])
        for matrix in (own, *(again.transform(coded(rows, features), view) for rows in new)):
            assert np.isfinite(matrix).all() if view == "dense" else not np.isinf(matrix).any()
            assert matrix.shape[1] == len(encoder.names(view))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("classes", [None, 2, 3])
def test_values_from_other_rows_change_the_places_of_their_feature_alone(classes, view):
    encoder, _ = fitted(made_up(300), classes=classes)
    rows, donors = made_up(100, seed=5), np.random.default_rng(2).permutation(100)
    before, places = encoder.transform(coded(rows), view), encoder.places(view)
    assert list(places) == list(KINDS)
    assert sorted(place for each in places.values() for place in each) == list(
        range(before.shape[1])
    )
    for name in places:
        expected = before.copy()
        expected[:, places[name]] = before[donors][:, places[name]]
        after = rows.assign(**{name: rows[name].array.take(donors)})
        assert_array_equal(encoder.transform(coded(after), view), expected)


def test_by_value_it_gives_what_the_matrix_is_looked_up_in():
    encoder, table = fitted(made_up(300))[0], coded(made_up(60, seed=5))
    for view in VIEWS:
        blocks = [values[codes] for _, codes, values in encoder.by_value(table, view)]
        found = np.hstack(blocks).astype(np.float32)
        assert_array_equal(found, encoder.transform(table, view))


def places_of(state, path=()):
    """Every number, flag and text in a state, by its path."""
    if isinstance(state, dict):
        for key, inner in state.items():
            yield from places_of(inner, (*path, key))
    elif isinstance(state, list):
        for key, inner in list(enumerate(state))[:2]:
            yield from places_of(inner, (*path, key))
    else:
        yield path


def changed(state, path, value):
    """The state with another value at a path."""
    if not path:
        return value
    inner = changed(state[path[0]], path[1:], value)
    if isinstance(state, list):
        return [*state[: path[0]], inner, *state[path[0] + 1 :]]
    return {**state, path[0]: inner}


def test_a_state_that_is_none_is_refused_or_encodes_numbers():
    """Whatever stands in it: another type, NaN, infinity, a list that lacks an entry."""
    encoder, _ = fitted(made_up(300, seed=1), classes=3, texts=())
    state, new = json.loads(encoder.state()), coded(made_up(30, seed=5))
    refused = 0
    for path in places_of(state):
        for length in range(1, len(path) + 1):
            for value in (None, "x", -1, 10**9, np.nan, np.inf, [], {}, [1, "x"]):
                other = FoldEncoder(Encode(), FEATURES, 3)
                try:
                    other.set_state(json.dumps(changed(state, path[:length], value)))
                except DataError as error:
                    assert "a stored encoder is damaged" in str(error)
                    refused += 1
                    continue
                with np.errstate(all="ignore"):
                    matrix = other.transform(new, "dense")
                assert matrix.shape == (30, len(other.names("dense")))
    assert refused > 1000


@pytest.mark.parametrize(
    "state", [None, {}, 7, "", "{}", "[" * 10_000, '{"encoders": {}}', b"\xff"]
)
def test_what_is_no_state_at_all_is_refused(state):
    with pytest.raises(DataError, match="a stored encoder is damaged"):
        FoldEncoder(Encode(), FEATURES, 2).set_state(state)


def test_the_state_of_other_columns_is_refused():
    encoder, _ = fitted(made_up(100), features=FEATURES[:3])
    for features in (FEATURES[:2], FEATURES[:4], FEATURES[2::-1]):
        with pytest.raises(DataError, match="encodes other columns"):
            FoldEncoder(Encode(), features, 2).set_state(encoder.state())


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("classes", [None, 3])
def test_what_is_encoded_where_it_is_read_is_the_same_as_all_at_once(view, classes):
    table, rng = coded(made_up(2 * CHUNK)), np.random.default_rng(0)
    rows = np.sort(rng.permutation(2 * CHUNK)[: CHUNK + 900])
    others, y = np.setdiff1d(np.arange(2 * CHUNK), rows), targets(len(rows), classes)
    settings = Encode(target_means=("city",), combinations=(("class", "city"),), counts=("city",))
    one, other = (FoldEncoder(settings, FEATURES, classes) for _ in range(2))
    whole = one.fit_transform(table.take(rows), y, np.random.default_rng(1), view)
    read = other.fit_transform(Selection(table, rows), y, np.random.default_rng(1), view)

    assert other.state() == one.state()
    assert read.shape == whole.shape
    assert_array_equal(read[:], whole)
    assert_array_equal(read[CHUNK - 5 : CHUNK + 7], whole[CHUNK - 5 : CHUNK + 7])
    some = np.array([900, 3, CHUNK])
    assert_array_equal(read[some], whole[some])
    assert_array_equal(read.take(some)[1:], whole[some][1:])
    column = np.arange(2 * len(rows), dtype=np.float32).reshape(-1, 2)
    assert_array_equal(read.beside(column).take(some)[:], np.hstack([whole, column])[some])
    expected = one.transform(table.take(others), view)
    assert_array_equal(other.transform(Selection(table, others), view)[:], expected)

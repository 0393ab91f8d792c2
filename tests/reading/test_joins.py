"""Side tables are joined by their keys: no row is multiplied or lost, and new rows get them."""

import numpy as np
import pandas as pd
import pytest

from pipeline.config import Join, load_configuration, validate
from pipeline.errors import DataError, SettingsError
from pipeline.new import write_competition
from pipeline.progress import Progress
from pipeline.reading.csv_files import TextTable
from pipeline.reading.joins import join_rows, join_side_tables, role
from pipeline.reading.new_rows import rows_of
from pipeline.reading.schema import RawTables
from pipeline.stage_settings import LoadStage
from pipeline.stages.load import load


def words(**columns):
    return pd.DataFrame({name: pd.Series(values, dtype="str") for name, values in columns.items()})


TRAIN = words(id=["1", "2", "3"], shop=["b", "a", "c"], day=["13/2/2020", "14/2/2020", "14/2/2020"])
TEST = words(id=["4"], shop=["a"], day=["13/2/2020"])


def joined(sides, train=TRAIN, test=TEST, **joins):
    """Train, test, the notes and the tables with a row a key, of [load] join.NAME = {...}."""
    settings = {
        name: validate(Join, {"file": f"{name}.csv", **about}, "toml", f"load.join.{name}")
        for name, about in joins.items()
    }
    read = {role(name): TextTable(table, tuple(table.columns)) for name, table in sides.items()}
    tables, notes = join_side_tables(RawTables(train, test), read, settings)
    return tables.train, tables.test, notes, tables.sides


def test_rows_keep_their_order_and_those_without_a_match_are_counted():
    shops = words(shop=["a", "b", "d"], size=["10", "20", "40"], id=["x", "y", "z"])
    train, test, notes, _ = joined({"shops": shops}, shops={"on": "shop"})
    assert train["id"].tolist() == ["1", "2", "3"]
    assert train["size"].fillna("-").tolist() == ["20", "10", "-"]
    assert train["shops_id"].fillna("-").tolist() == ["y", "x", "-"]  # a name that was there
    assert test["size"].tolist() == ["10"]
    assert notes == ["shops: 2 columns joined by 'shop'; no match for 1 of 3 rows of train"]


def test_a_merge_by_pandas_gives_the_same_of_any_table():
    rng = np.random.default_rng(0)
    keys = (
        pd.MultiIndex.from_product([range(9), list("abcd")])
        .to_frame(index=False)
        .sample(25, random_state=1)
    )
    side = words(n=map(str, keys[0]), letter=keys[1], v=map(str, range(25)))
    train = words(n=map(str, rng.integers(9, size=200)), letter=rng.choice(list("abcd"), 200))
    ours, *_ = joined({"side": side}, train, train, side={"on": ["n", "letter"]})
    pd.testing.assert_frame_equal(ours, train.merge(side, on=["n", "letter"], how="left"))


@pytest.mark.parametrize(
    ("keys", "column", "found"),
    [
        (["1.0", "2.0", "3.0"], "id", ["p", "q", "r"]),  # as numbers
        (["2020-02-13", "2020-02-14", "2020-02-15"], "day", ["p", "q", "q"]),  # as dates
        ([" a", "b ", "c"], "shop", ["q", "p", "r"]),  # as text without blanks around
    ],
)
def test_keys_are_compared_as_they_are_read(keys, column, found):
    side = words(key=keys, v=["p", "q", "r"])
    train, *_ = joined({"side": side}, side={"on": {column: "key"}})
    assert train["v"].tolist() == found


def test_a_key_may_come_from_an_earlier_side_table_and_new_rows_get_them_all():
    shops = words(shop=["a", "b", "c"], city=["x", "y", "y"])
    cities = words(name=["x", "y"], people=["7", "9"])
    train, test, _, sides = joined(
        {"shops": shops, "cities": cities},
        shops={"on": "shop"},
        cities={"on": {"city": "name"}},
    )
    assert (train["people"].tolist(), test["people"].tolist()) == (["9", "7", "9"], ["7"])
    pd.testing.assert_frame_equal(join_rows(TEST, sides), test)


def test_several_rows_a_key_are_aggregated_or_refused():
    sales = words(
        shop=["a", "b", "a", "a"], amount=["1", "5", "2.5", None], what=["x", "y", "x", "z"]
    )
    about = {"on": "shop", "aggregate": {"amount": ["mean", "count"], "what": ["nunique", "last"]}}
    train, *_ = joined({"sales": sales}, sales=about)
    assert train["sales_amount_mean"].fillna("-").tolist() == ["5", "1.75", "-"]
    assert train["sales_amount_count"].tolist() == ["1", "2", "0"]  # 0: the shop has no row
    assert train["sales_what_nunique"].tolist() == ["1", "2", "0"]
    assert train["sales_what_last"].fillna("-").tolist() == ["y", "z", "-"]
    with pytest.raises(DataError, match=r"multiply rows.*1 key in 'shop'.*'a' in rows 2 and 4"):
        joined({"sales": sales}, sales={"on": "shop"})
    with pytest.raises(DataError, match=r"column 'what': found 'x', and mean, .* need numbers"):
        joined({"sales": sales}, sales={"on": "shop", "aggregate": {"what": ["mean"]}})


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"on": "shp"}, r"\[load.join.shops\] on: found 'shp', and shops.csv has no such column"),
        ({"on": {"shoop": "shop"}}, r"'shoop', and train has no such column.*Did you mean"),
        ({"on": {"id": "shop"}}, r"no row of train or test has a key that shops.csv has"),
        ({"on": []}, r"on: found \[\], but it names no column"),
        ({"on": "shop", "by": "x"}, r"\[load.join.shops\] by: there is no such key"),
    ],
)
def test_a_join_that_cannot_be_is_one_message(about, expected):
    with pytest.raises((DataError, SettingsError), match=expected):
        joined({"shops": words(shop=["a", "b", "c"], size=["1", "2", "3"])}, shops=about)


# -- from files ------------------------------------------------------------------------------------


def shop_files(folder):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": range(60), "shop": rng.choice(["a", "b", "c"], 60)})
    table.assign(y=range(60)).to_csv(folder / "train.csv", index=False)
    table.to_csv(folder / "test.csv", index=False)
    shops = {"shop": ["a", "b", "c"], "place": ["AA", "BB", "CC"], "size": [1, 2, 3]}
    pd.DataFrame(shops).to_csv(folder / "shops.csv", index=False)
    places = {"code": ["AA", "BB", "CC"], "place name": ["x", "y", "z"]}
    pd.DataFrame(places).to_csv(folder / "places.csv", index=False)
    pd.DataFrame({"shop": ["a", "a", "b"], "sold": [1, 2, 3]}).to_csv(folder / "sales.csv")
    pd.DataFrame({"what": ["id"], "means": ["number"]}).to_csv(folder / "columns.csv", index=False)


def test_new_finds_side_tables_and_load_and_new_rows_join_them(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    shop_files(raw)
    made = write_competition("fresh", raw, tmp_path, raw=raw)
    (tmp_path / "fresh.toml").write_text(made.text)
    settings = LoadStage(**load_configuration("fresh", folder=tmp_path).load.model_dump())
    assert {name: (join.file, join.pairs) for name, join in settings.join.items()} == {
        "shops": ("shops.csv", (("shop", "shop"),)),
        "places": ("places.csv", (("place", "code"),)),
    }
    assert [line for line in made.messages if "sales.csv" in line and "several rows" in line]
    assert raw / "sales.csv" in made.copies  # which the proposed line of the TOML names
    assert raw / "columns.csv" not in made.copies
    found = load(settings, raw, Progress())
    assert [*found.problem.names] == ["shop", "place", "size", "place name"]
    assert {*found.files} == {"train", "test", "join.shops.file", "join.places.file"}
    new = rows_of(pd.DataFrame({"id": [7], "shop": ["c"]}), found, settings)
    assert new.frame.iloc[0].tolist() == ["c", "CC", 3, "z"]

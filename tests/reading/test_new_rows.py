"""New rows are read and checked as load reads the test table, from files and from data frames."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from pipeline.errors import DataError
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.reading.new_rows import read_rows, rows_of
from pipeline.stage_settings import LoadStage
from pipeline.stages.load import load

SETTINGS = LoadStage(columns={"size": {"kind": "integer", "min": 0, "max": 5}})


def survey(n: int = 120) -> pd.DataFrame:
    """Some values are missing."""
    rng = np.random.default_rng(4)
    size, city = rng.integers(0, 6, size=n), rng.choice(["Ulm", "Bern", "Linz"], size=n)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "size": size,
            "city": np.where(rng.random(n) < 0.1, None, city),
            "weight": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n).round(3)),
            "y": np.where(size + (city == "Bern") > 3, "yes", "no"),
        }
    )


ROWS = survey().iloc[-30:].drop(columns="y").reset_index(drop=True)


def loaded_of(raw, train: pd.DataFrame, test: pd.DataFrame, settings=SETTINGS, header=True):
    raw.mkdir()
    train.to_csv(raw / "train.csv", index=False, header=header)
    test.to_csv(raw / "test.csv", index=False, header=header)
    return load(settings, raw, Progress())


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> Loaded:
    return loaded_of(tmp_path_factory.mktemp("new") / "raw", survey()[:-30], ROWS)


def csv(path, rows: pd.DataFrame):
    rows.to_csv(path, index=False)
    return path


def test_rows_of_the_test_table_come_out_as_there_and_leave_nothing_to_note(loaded, tmp_path):
    for rows in (
        read_rows(csv(tmp_path / "rows.csv", ROWS), loaded, SETTINGS),
        rows_of(ROWS, loaded, SETTINGS),
        rows_of(ROWS.set_index(np.arange(30) + 7), loaded, SETTINGS),
    ):
        assert_frame_equal(rows.frame, loaded.test[loaded.problem.names])
        assert_series_equal(rows.ids, loaded.test["id"])
        assert rows.notes == ()


def test_columns_may_have_any_order_and_be_more(loaded):
    turned = ROWS.iloc[:, ::-1].assign(more="x").rename(columns={"city": " City"})
    assert_frame_equal(rows_of(turned, loaded, SETTINGS).frame, loaded.test[loaded.problem.names])


def test_values_may_be_of_any_type_that_writes_the_same_words(loaded):
    typed = ROWS.astype({"size": "Int64", "city": "category", "id": "str"}).assign(
        weight=ROWS["weight"].astype(object)
    )
    assert_frame_equal(rows_of(typed, loaded, SETTINGS).frame, loaded.test[loaded.problem.names])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="city"), "no column 'city'; found"),
        (lambda rows: rows.assign(size=9), "row 2: found '9', allowed are whole numbers 0 to 5"),
        (lambda rows: rows.assign(weight="heavy"), "column 'weight' holds 'heavy'"),
        (lambda rows: rows.assign(id=1), "more than once"),
        (lambda rows: rows.assign(size=[[1]] * len(rows)), "column 'size' is of type list"),
    ],
    ids=["no column", "against the contract", "text for numbers", "repeated ids", "lists"],
)
def test_what_load_would_refuse_is_refused(loaded, tmp_path, change, message):
    rows = change(ROWS)
    with pytest.raises(DataError, match=f"(?s)^the data frame.*{message}"):
        rows_of(rows, loaded, SETTINGS)
    if "list" not in message:
        file = csv(tmp_path / "rows.csv", rows)
        with pytest.raises(DataError, match=f"(?s)^{file}.*{message}"):
            read_rows(file, loaded, SETTINGS)


def test_a_rule_that_is_widened_counts_after_another_run(loaded):
    with pytest.raises(DataError, match="counts from the next complete run on"):
        rows_of(ROWS.assign(size=9), loaded, SETTINGS)


def test_ids_may_be_absent_and_an_unseen_category_is_noted(loaded):
    rows = rows_of(ROWS.drop(columns="id").assign(city="Graz"), loaded, SETTINGS)
    assert rows.ids is None and len(rows.frame) == 30
    assert rows.notes == ("1 value in 1 column was never seen in training ('city': 'Graz')",)


def test_infinite_numbers_are_noted(loaded, tmp_path):
    file = csv(tmp_path / "rows.csv", ROWS.assign(weight=np.inf))
    (note,) = read_rows(file, loaded, SETTINGS).notes
    assert note == f"{file}: 30 infinite numbers in 1 column ('weight'), counted as missing"


@pytest.mark.parametrize("inner", [False, True], ids=["zip", "zip in a zip"])
def test_a_member_of_a_zip_is_read_like_the_file(loaded, tmp_path, inner):
    archive = tmp_path / "data.zip"
    archive.write_bytes(packed({"new/test.csv": csv_bytes(ROWS), "old.csv": b"a\n1\n"}))
    member = archive / "new" / "test.csv"
    if inner:
        outer = tmp_path / "outer.zip"
        outer.write_bytes(packed({"data.zip": archive.read_bytes()}))
        member = outer / "data.zip" / "new" / "test.csv"
    rows = read_rows(member, loaded, SETTINGS)
    assert_frame_equal(rows.frame, loaded.test[loaded.problem.names])


def csv_bytes(rows: pd.DataFrame) -> bytes:
    return rows.to_csv(index=False).encode()


def packed(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def test_an_id_that_is_a_date_is_read_and_given_back_as_it_is_written(tmp_path):
    hours = pd.date_range("2011-01-01", periods=120, freq="h").strftime("%Y-%m-%dT%H:%MZ")
    table = survey().assign(id=hours)
    rows = table.iloc[-30:].drop(columns="y")
    loaded = loaded_of(tmp_path / "raw", table[:-30], rows)
    found = rows_of(rows, loaded, SETTINGS)
    assert found.ids.tolist() == rows["id"].tolist()
    assert_series_equal(found.frame["id (date)"], loaded.test["id (date)"])
    with pytest.raises(DataError, match="no column 'id'"):
        rows_of(rows.drop(columns="id"), loaded, SETTINGS)


def test_columns_without_names_are_known_by_their_place(tmp_path):
    settings = LoadStage(header=False, target="column 5")
    loaded = loaded_of(tmp_path / "raw", survey()[:-30], ROWS, settings, header=False)
    file = tmp_path / "rows.csv"
    ROWS.to_csv(file, index=False, header=False)
    names = loaded.problem.names
    assert_frame_equal(read_rows(file, loaded, settings).frame, loaded.test[names])
    assert_frame_equal(rows_of(ROWS, loaded, settings).frame, loaded.test[names])


def test_numbers_are_read_in_the_notation_of_the_training_rows(tmp_path):
    train, test = (
        rows.assign(weight=rows["weight"].map("{:.3f}".format).str.replace(".", ",")).replace(
            "nan", "?"
        )
        for rows in (survey()[:-30], ROWS)
    )
    loaded = loaded_of(tmp_path / "raw", train, test)
    found = rows_of(test, loaded, SETTINGS).frame
    np.testing.assert_allclose(found["weight"], ROWS["weight"])

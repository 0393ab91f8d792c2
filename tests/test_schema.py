"""What the tables are is found as a person would find it, or asked for in one sentence."""

import numpy as np
import pandas as pd
import pytest

from pipeline.config import LoadStage
from pipeline.contract import Column
from pipeline.errors import DataError, SettingsError
from pipeline.schema import (
    Tables,
    class_columns,
    classes_of,
    conform,
    date_format,
    describe_column,
    find_form,
    find_roles,
    find_task,
    infinite_numbers,
    numbers_with_commas,
    unseen_values,
)

N = 40
IDS = range(1000, 1000 + N)


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


def tables(target="y", labels=(0, 1), id="id", sample=("id", "y"), **more) -> Tables:
    """40 rows of train and of test with an id, a feature and a target with these labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    train = pd.DataFrame(
        {id: range(N), "x": x, target: [labels[i % len(labels)] for i in range(N)]}
    )
    test = pd.DataFrame({id: IDS, "x": x})
    values = {sample[0]: IDS, **dict.fromkeys(sample[1:], 0.5)} if sample else None
    return Tables(train.assign(**more), test, pd.DataFrame(values) if values else None)


def roles_of(given: Tables, **settings):
    return find_roles(given, LoadStage(**settings))


# Kaggle's and DACON's ways to serve a competition: (tables, target, id, task, form, by row)
SHAPES = {
    "playground": (tables(), "y", "id", "binary", "target", False),
    "other case": (tables("label", (0, 1, 2), "ID", ("Id", "Label")), "label", "ID", "multiclass",
                   "target", False),
    "other name": (tables("SalePrice", tuple(np.arange(N) * 1.5), sample=("id", "Expected")),
                   "SalePrice", "id", "regression", "target", False),
    "a column a class": (tables("Status", ("C", "D", "CL"), sample=("id", "Status_C", "Status_CL",
                                                                    "Status_D")),
                         "Status", "id", "multiclass", "classes", False),
    "more in train": (tables("count", tuple(range(N)), sample=("id", "count"), casual=1.0),
                      "count", "id", "regression", "target", False),
    "class columns tell": (tables("Category", ("ARSON", "FRAUD"), sample=("id", "ARSON", "FRAUD"),
                                  Resolution="none"),
                           "Category", "id", "binary", "classes", False),
    "true and false": (tables("Transported", ("True", "False")), "Transported", "id", "binary",
                       "target", False),
    "no sample": (tables(sample=None), "y", "id", "binary", "target", False),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_roles_are_found_by_looking(shape):
    given, target, id, task, kind, by_row = SHAPES[shape]
    roles = roles_of(given)
    form, _ = find_form(given, roles)
    found = (roles.target, roles.id, roles.task, form.kind, form.by_row)
    assert found == (target, id, task, kind, by_row)


def test_rows_are_matched_in_order_where_test_has_no_id():
    given = tables()
    digits = Tables(given.train.drop(columns="id"), given.test.drop(columns="id"),
                    table(ImageId=range(1, N + 1), y=0))  # fmt: skip
    roles = roles_of(digits)
    form, _ = find_form(digits, roles)
    assert (roles.target, roles.id) == ("y", None)
    assert (form.id, form.by_row) == ("ImageId", True)


def test_an_id_of_another_name_is_known_by_its_values():
    given = tables(sample=("passenger", "y"))
    assert roles_of(given).id == "id"
    assert find_form(given, roles_of(given))[0].id == "passenger"


def test_columns_may_come_in_any_order():
    given = tables("Status", ("C", "D", "CL"), sample=("id", "Status_D", "Status_C", "Status_CL"))
    turned = Tables(given.train.iloc[:, ::-1], given.test.iloc[:, ::-1], given.sample)
    roles = roles_of(turned)
    assert (roles.target, roles.id, roles.classes) == ("Status", "id", ("C", "CL", "D"))
    form, _ = find_form(turned, roles)
    assert form.class_columns == ("Status_C", "Status_CL", "Status_D")
    assert form.columns == ("id", "Status_D", "Status_C", "Status_CL")


def test_the_toml_overrules_what_is_found():
    given = tables()
    roles = roles_of(Tables(given.train, given.test), target="x", id="id", task="regression")
    assert (roles.target, roles.task) == ("x", "regression")


@pytest.mark.parametrize(
    ("given", "settings", "told"),
    [
        (tables(), {"target": "Y2"}, "no target 'Y2'; the columns are 'id', 'x', 'y'"),
        (tables(), {"target": "yy"}, "Did you mean 'y'"),
        (tables(), {"id": "row"}, "test: no id 'row'"),
        (tables(), {"drop": ("z",)}, "no column 'z'"),
        (tables(sample=None, z=1), {}, r"cannot be told: train has 'y', 'z' that test lacks"),
        (Tables(tables().test, tables().test), {}, "train has no column that test lacks"),
        (tables(labels=(1,)), {}, "one value only"),
        (tables(labels=(1, np.nan, 0)), {}, "is missing in rows 3"),
        (tables(labels=tuple(f"t{i}" for i in range(N))), {}, "40 different texts in 40 rows"),
        (tables(labels=(*tuple(map(str, range(39))), "abc")), {}, "found 'abc' in row 41"),
        (tables(labels=(0, 1, 2)), {"task": "binary"}, "a binary target has two"),
    ],
)
def test_what_the_tables_leave_open_is_asked_for(given, settings, told):
    with pytest.raises(DataError, match=told):
        roles_of(given, **settings)


def test_the_target_cannot_be_dropped():
    with pytest.raises(SettingsError, match="'y', which is the target"):
        roles_of(tables(), target="y", drop=("y",))


@pytest.mark.parametrize(
    ("sample", "told"),
    [
        (table(id=[*IDS][:-1], y=0), "1 only in test: '1039'"),
        (table(id=[*[*IDS][:-1], 5], y=0), "1 only in the sample: '5'"),
        (table(id=[*[*IDS][:-1], 1000], y=0), "more than once"),
        (table(y=[0] * N), "no column holds the ids"),
        (table(other=range(N), y=0), "no column holds the ids"),
        (table(id=IDS, y=0, z=0), "found 2 columns to fill in, 'y', 'z'"),
    ],
)
def test_a_sample_that_does_not_fit_test_is_refused(sample, told):
    given = Tables(tables().train, tables().test, sample)
    with pytest.raises(DataError, match=told):
        find_form(given, roles_of(given, target="y"))


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["no", "yes"] * 20, "binary"),
        ([0.0, 1.0] * 20, "binary"),
        ([3.5, 7.25] * 20, "binary"),
        (["a", "b", "c"] * 20, "multiclass"),
        ([*range(20)] * 4, "multiclass"),
        ([*range(21)] * 4, "regression"),
        ([0.0, 1.0, 2.0, 3.0] * 10, "multiclass"),
        ([0.5, 1.0, 2.0] * 10, "regression"),
        ([*range(15)], "regression"),
    ],
)
def test_task_follows_from_the_targets_values(values, task):
    assert find_task(pd.Series(values), None)[0] == task


def test_classes_are_in_order_and_whole():
    assert classes_of(pd.Series([2.0, 0.0, 10.0])) == (0, 2, 10)
    assert classes_of(pd.Series(["yes", "no"])) == ("no", "yes")
    assert [type(label) for label in classes_of(pd.Series([1.0, 0.0]))] == [int, int]


@pytest.mark.parametrize(
    ("classes", "columns", "expected"),
    [
        ((0, 1, 10), ("p10", "p1", "p0"), ("p0", "p1", "p10")),
        (("Class_1", "Class_2"), ("Class_2", "Class_1"), ("Class_1", "Class_2")),
        (("c", "cc"), ("cc", "ccc"), ("cc", "ccc")),
        (("Low", "high"), ("LOW", "HIGH"), ("LOW", "HIGH")),
        (("a", "b"), ("a", "c"), None),
        (("a", "b", "c"), ("a", "b"), None),
    ],
)
def test_class_columns_are_told_by_their_names(classes, columns, expected):
    assert class_columns(classes, columns) == expected


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2, 3] * 20, "number"),
        ([1.5, np.nan] * 20, "number"),
        (["red", "green", None] * 20, "category"),
        ([f"Ms {i}" for i in range(60)], "text"),
        ([f"a long story of many words, number {i % 55}" for i in range(110)], "text"),
        (["2020-01-31", "2021-12-01"] * 20, "date"),
        (["2020-01-31 10:00:00", None] * 20, "date"),
        (["1.5.2", "1.6.3"] * 20, "category"),
    ],
)
def test_kind_follows_from_a_columns_values(values, kind):
    column = pd.Series(values)
    assert describe_column("c", column, column)["kind"] == kind


def test_a_declared_kind_is_taken():
    column = pd.Series([1, 2, 3] * 20)
    declared = Column(kind="category")
    assert describe_column("c", column, column, declared) == {"name": "c", "kind": "category"}
    turned = conform(table(c=[1.0, np.nan, 3.0]), [{"name": "c", "kind": "category"}], "test")
    assert turned["c"].tolist()[::2] == ["1", "3"]
    assert turned["c"].isna().tolist() == [False, True, False]


def test_one_word_among_numbers_is_told_with_its_row():
    column = pd.Series([*map(str, range(99)), "abc"])
    with pytest.raises(DataError, match="row 101: column 'Age' holds 'abc'"):
        describe_column("Age", column, column)


def test_codes_that_are_mostly_numbers_are_categories():
    column = pd.Series([*map(str, range(80)), *(f"V{i}" for i in range(20))] * 5)
    assert describe_column("diagnosis", column, column)["kind"] == "category"


def test_which_is_the_day_may_be_told_by_the_other_table():
    train, test = pd.Series(["03/04/2020"] * 30), pd.Series(["03/04/2020", "25/12/2020"] * 15)
    assert date_format(train) == "%m/%d/%Y"
    described = describe_column("when", train, test)
    assert described["format"] == "%d/%m/%Y"
    turned = conform(table(when=test), [described], "test")["when"]
    assert turned.iloc[1] == pd.Timestamp(2020, 12, 25)


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ({"name": "c", "kind": "number"}, "x", "row 3: column 'c' holds 'x', allowed are numbers"),
        ({"name": "c", "kind": "date", "format": "%Y-%m-%d"}, "31.1.2020", "written as YYYY-MM-DD"),
    ],
)
def test_new_rows_must_have_the_types_of_the_training_rows(column, value, told):
    with pytest.raises(DataError, match=told):
        conform(table(c=["2020", value] if column["kind"] == "number" else ["2020-01-01", value]),
                [column], "new.csv")  # fmt: skip


def test_a_minute_is_not_taken_for_a_month():
    column = {"name": "c", "kind": "date", "format": "%d.%m.%Y %H:%M:%S"}
    with pytest.raises(DataError, match=r"written as DD\.MM\.YYYY HH:MM:SS\. "):
        conform(table(c=["2020"]), [column], "new.csv")


def test_infinite_numbers_are_counted_over_columns():
    frame = table(a=[np.inf, -np.inf, 1.0], b=[0.5, np.nan, np.inf], c=[1, 2, 3])
    (told,) = infinite_numbers({"train": frame, "test": frame[["c"]]})
    assert told == "train: 3 infinite numbers in 2 columns ('a', 'b'), counted as missing"


@pytest.mark.parametrize(
    ("values", "hint"),
    [
        (["87,974", "1,200.50", "-3,000,000", "950"], True),
        (["87,974", "1,200", "free"], True),
        (["87,974", "free", "gone"], False),
        (["1,2", "3,4", "5,6"], False),
        (["950", "87", "1.5"], False),
    ],
)
def test_numbers_with_thousands_separators_are_pointed_at(values, hint):
    kinds = [{"name": "price", "kind": "category"}]
    told = list(numbers_with_commas(table(price=values), kinds))
    assert len(told) == hint
    assert all("'price'" in line and "'87,974'" in line for line in told)


def test_values_never_seen_are_told_once_and_missing_ones_not_at_all():
    train = table(city=["Ulm", "Linz", "Bern"], flag=["True", "False", "True"])
    rows = table(city=["Graz", "Graz", None, "Ulm"], flag=["1", "0", "1", "0"])
    assert unseen_values(train, rows) == {"city": ["Graz"], "flag": ["1", "0"]}


def test_new_rows_must_have_every_column_and_keep_the_order():
    columns = [{"name": "b", "kind": "number"}, {"name": "a", "kind": "category"}]
    turned = conform(table(a=["u"], more=[0], b=[1]), columns, "new.csv")
    assert list(turned) == ["b", "a"]
    with pytest.raises(DataError, match="no column 'b'; found 'a'"):
        conform(table(a=["u"]), columns, "new.csv")

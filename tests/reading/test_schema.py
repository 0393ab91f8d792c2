"""What the tables are is found as a person would find it, or asked for in one message."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import DataError, SettingsError
from pipeline.reading.csv_files import TextTable
from pipeline.reading.schema import (
    RawTables,
    class_columns,
    find_form,
    find_roles,
    find_task,
    target_values,
)
from pipeline.reading.typed_tables import as_words
from pipeline.stage_settings import LoadStage

N = 40
IDS = range(1000, 1000 + N)


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame(columns)


def tables(target="y", labels=(0, 1), id="id", sample=("id", "y"), **more) -> RawTables:
    """40 rows of train and of test with an id, a feature and a target with these labels."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    train = pd.DataFrame(
        {id: range(N), "x": x, target: [labels[i % len(labels)] for i in range(N)]}
    )
    test = pd.DataFrame({id: IDS, "x": x})
    values = {sample[0]: IDS, **dict.fromkeys(sample[1:], 0.5)} if sample else None
    return given(train.assign(**more), test, pd.DataFrame(values) if values else None)


def given(train, test, sample=None) -> RawTables:
    """The tables that CSV files of these frames hold."""
    frames = {"train": train, "test": test, "sample": sample}
    return RawTables.of({role: frame for role, frame in frames.items() if frame is not None})


def roles_of(found: RawTables, **settings):
    return find_roles(found, LoadStage(**settings))


# forms in which Kaggle and DACON publish a competition: (tables, target, id, task, form, by row)
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
    looked_at, target, id, task, kind, by_row = SHAPES[shape]
    roles = roles_of(looked_at)
    form, _ = find_form(looked_at, roles)
    found = (roles.target, roles.id, roles.task, form.kind, form.by_row)
    assert found == (target, id, task, kind, by_row)


@pytest.mark.parametrize("id", ["고객번호", "회원_아이디", "순번", "PassengerId", "customer_id"])
def test_an_id_without_a_sample_is_known_by_its_name(id):
    assert roles_of(tables(id=id, sample=None)).id == id


def test_rows_are_matched_in_order_where_test_has_no_id():
    whole = tables()
    digits = given(whole.train.drop(columns="id"), whole.test.drop(columns="id"),
                   table(ImageId=range(1, N + 1), y=0))  # fmt: skip
    roles = roles_of(digits)
    form, _ = find_form(digits, roles)
    assert (roles.target, roles.id) == ("y", None)
    assert (form.id, form.by_row) == ("ImageId", True)


def test_without_a_test_table_the_target_must_be_named():
    train = tables().train
    alone = RawTables(train, train.iloc[:0])
    with pytest.raises(DataError, match=r"there is no test table.*\[load\] target"):
        roles_of(alone, test="none")
    assert roles_of(alone, test="none", target="y").id == "id"


def test_swapped_files_are_seen():
    whole = tables(sample=None)
    with pytest.raises(DataError, match=r"test has 'y', .* are the two files swapped"):
        roles_of(RawTables(whole.test, whole.train))


def test_ids_that_repeat_in_the_same_order_are_matched_by_row():
    whole = tables()
    repeated = [i // 2 for i in range(N)]
    test = whole.test.assign(id=as_words(table(id=repeated))["id"])
    sample = as_words(table(id=repeated, y=0))
    form, _ = find_form(RawTables(whole.train, test, sample), roles_of(whole))
    assert form.by_row and form.id == "id"
    with pytest.raises(DataError, match="more than once"):
        find_form(RawTables(whole.train, test, sample.iloc[::-1]), roles_of(whole))


def test_an_id_of_another_name_is_known_by_its_values():
    whole = tables(sample=("passenger", "y"))
    assert roles_of(whole).id == "id"
    assert find_form(whole, roles_of(whole))[0].id == "passenger"


def test_columns_may_come_in_any_order():
    whole = tables("Status", ("C", "D", "CL"), sample=("id", "Status_D", "Status_C", "Status_CL"))
    turned = RawTables(whole.train.iloc[:, ::-1], whole.test.iloc[:, ::-1], whole.sample)
    roles = roles_of(turned)
    assert (roles.target, roles.id, roles.classes) == ("Status", "id", ("C", "CL", "D"))
    form, _ = find_form(turned, roles)
    assert form.class_columns == ("Status_C", "Status_CL", "Status_D")
    assert form.columns == ("id", "Status_D", "Status_C", "Status_CL")


def test_the_toml_overrules_what_is_found():
    whole = tables()
    roles = roles_of(RawTables(whole.train, whole.test), target="x", id="id", task="regression")
    assert (roles.target, roles.task) == ("x", "regression")


@pytest.mark.parametrize(
    ("looked_at", "settings", "message"),
    [
        (tables(), {"target": "Y2"}, "no target 'Y2'; the columns are 'id', 'x', 'y'"),
        (tables(), {"target": "yy"}, "Did you mean 'y'"),
        (tables(), {"id": "row"}, "test: no id 'row'"),
        (tables(), {"drop": ("z",)}, "no column 'z'"),
        (tables(sample=None, z=1), {}, r"is not clear: train has 'y', 'z' that test lacks"),
        (RawTables(tables().test, tables().test), {}, "train has no column that test lacks"),
        (tables(labels=(1,)), {}, "one value only"),
        (tables(labels=(1, np.nan, 0)), {}, "is missing in rows 3"),
        (tables(labels=tuple(f"t{i}" for i in range(N))), {}, "40 different texts in 40 rows"),
        (tables(labels=(*tuple(map(str, range(39))), "abc")), {}, "found 'abc' in row 41"),
        (tables(labels=(0, 1, 2)), {"task": "binary"}, "a binary target has two"),
        (tables(labels=("no", "yes")), {"task": "regression"}, r"correct \[competition\] task"),
    ],
)
def test_what_the_tables_leave_open_is_asked_for(looked_at, settings, message):
    with pytest.raises(DataError, match=message):
        roles_of(looked_at, **settings)


def test_the_target_cannot_be_dropped():
    with pytest.raises(SettingsError, match="'y', which is the target"):
        roles_of(tables(), target="y", drop=("y",))


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (table(id=[*IDS][:-1], y=0), "1 only in test: '1039'"),
        (table(id=[*[*IDS][:-1], 5], y=0), "1 only in the sample: '5'"),
        (table(id=[*[*IDS][:-1], 1000], y=0), "more than once"),
        (table(y=[0] * N), "no column holds the ids"),
        (table(other=range(N), y=0), "no column holds the ids"),
        (table(id=IDS, y=0, z=0), "found 2 columns to fill in, 'y', 'z'"),
    ],
)
def test_a_sample_that_does_not_fit_test_is_refused(sample, message):
    whole = given(tables().train, tables().test, sample)
    with pytest.raises(DataError, match=message):
        find_form(whole, roles_of(whole, target="y"))


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ([*IDS, 5], "1 only in the sample: '5'; test has several rows of 40 ids, as of '1000'"),
        (IDS[1:], "1 only in test: '1000'"),
        ([*IDS[1:], 5], "1 only in test: '1000'; 1 only in the sample: '5'"),
    ],
)
def test_a_sample_with_a_row_for_each_group_names_the_groups_that_differ(listed, message):
    found = tables()
    train, test = (pd.concat([each, each]) for each in (found.train, found.test))
    whole = given(train, test, table(id=listed, y=0))
    with pytest.raises(DataError, match=message):
        find_form(whole, roles_of(whole, target="y"))


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
    words = as_words(table(y=values))["y"]
    assert find_task(target_values(words, LoadStage()), None)[0] == task


def classes_of(words, **settings) -> tuple[str, ...] | None:
    """The classes of a train table whose target holds these words, ten times each."""
    train = table(x=range(10 * len(words)), y=pd.Series(list(words) * 10, dtype="str"))
    return roles_of(
        RawTables(as_words(train), as_words(train[["x"]])), target="y", **settings
    ).classes


@pytest.mark.parametrize(
    ("words", "classes"),
    [
        (["2", "0", "10"], ("0", "2", "10")),
        (["2.0", "0.0", "10.0"], ("0.0", "2.0", "10.0")),
        (["1", "0", "1", "0", "1.0"], ("0", "1")),
        (["02", "10", "01"], ("01", "02", "10")),
        (["yes", "no"], ("no", "yes")),
        (["NA", "None", "EU"], ("EU", "NA", "None")),
        (["b", "a", "c "], ("a", "b", "c ")),
    ],
)
def test_classes_are_spelled_as_train_spells_them_and_in_order(words, classes):
    assert classes_of(words) == classes


def test_labels_that_differ_in_case_or_blanks_are_named_and_merged_on_request():
    words = ["Yes", "yes", "YES ", "Yes", "No", "no", "No"]
    train = table(x=range(70), y=pd.Series(words * 10, dtype="str"))
    found = RawTables(as_words(train), as_words(train[["x"]]))
    assert set(map(frozenset, roles_of(found, target="y").alike)) == {
        frozenset({"Yes", "yes", "YES "}), frozenset({"No", "no"})
    }  # fmt: skip
    merged = roles_of(found, target="y", merge_labels=True)
    assert (merged.task, merged.classes, merged.alike) == ("binary", ("No", "Yes"), ())
    assert merged.labels["YES "] == "Yes" and merged.labels["no"] == "No"


@pytest.mark.parametrize(
    ("words", "column", "positive", "guessed"),
    [
        (["0", "1"], "y", "1", False),
        (["yes", "no"], "y", "yes", False),
        (["TRUE", "FALSE"], "y", "TRUE", False),
        (["not paid", "paid"], "y", "paid", False),
        (["non-smoker", "smoker"], "y", "smoker", False),
        (["churned", "retained", "churned"], "y", "churned", True),
        (["healthy", "control", "control"], "y", "healthy", True),
        (["disease", "ease", "ease"], "y", "disease", True),
        (["1", "2"], "y", "2", True),
        (["stay", "leave", "stay"], "y", "leave", True),
        (["alpha", "beta", "beta"], "p_beta", "beta", False),
    ],
)
def test_which_class_a_probability_is_of_is_found_or_a_guess_is_marked(
    words, column, positive, guessed
):
    train = table(id=range(10 * len(words)), x=1, y=pd.Series(words * 10, dtype="str"))
    test = table(id=[1001, 1002], x=1)
    found = given(train, test, table(**{"id": [1001, 1002], column: 0.5}))
    roles = roles_of(found, target="y")
    assert (roles.positive, roles.classes[1], roles.positive_guessed) == (
        positive,
        positive,
        guessed,
    )
    assert ("GUESSED" in roles.notes.get("positive", "")) == guessed
    assert ("positive" in roles.notes) == (words != ["0", "1"])
    other = next(label for label in roles.classes if label != positive)
    assert roles_of(found, target="y", positive=other).classes == (positive, other)
    with pytest.raises(SettingsError, match="positive: found 'maybe'"):
        roles_of(found, target="y", positive="maybe")


def test_rows_without_a_target_are_refused_with_the_line_that_leaves_them_out():
    whole = tables(labels=("1", "", "0"))
    whole = RawTables(whole.train.replace("", np.nan), whole.test)
    with pytest.raises(DataError, match=r'\[load\] missing_target = "drop"'):
        roles_of(whole)
    assert roles_of(whole, missing_target="drop").classes == ("0", "1")


def test_the_samples_header_separator_and_encoding_are_kept():
    whole = tables()
    whole = replace(whole, sample=whole.sample.assign(y="0,5"))
    file = TextTable(whole.sample, ("ID ", "y"), ";", "utf-8-sig")
    form, _ = find_form(replace(whole, sample_file=file), roles_of(whole))
    assert (form.header, form.encoding) == (("ID ", "y"), "utf-8-sig")
    assert (form.separator, form.decimal) == (";", ",")


@pytest.mark.parametrize(
    ("classes", "columns", "expected"),
    [
        (("0", "1", "10"), ("p10", "p1", "p0"), ("p0", "p1", "p10")),
        (("Class_1", "Class_2"), ("Class_2", "Class_1"), ("Class_1", "Class_2")),
        (("c", "cc"), ("cc", "ccc"), ("cc", "ccc")),
        (("Low", "high"), ("LOW", "HIGH"), ("LOW", "HIGH")),
        (("high", "low", "mid"), ("low_prob", "mid_prob", "high_prob"),
         ("high_prob", "low_prob", "mid_prob")),
        (("0", "1"), ("prob_0", "prob_1"), ("prob_0", "prob_1")),
        (("0", "1"), ("p0_of_all", "p1_of_all"), ("p0_of_all", "p1_of_all")),
        (("1.0", "2.0"), ("c_2", "c_1"), ("c_1", "c_2")),
        (("a", "b"), ("a", "c"), None),
        (("a", "b", "c"), ("a", "b"), None),
    ],
)  # fmt: skip
def test_class_columns_are_matched_by_their_names(classes, columns, expected):
    assert class_columns(classes, columns) == expected

"""The organiser's files become typed tables, a target and a problem, or one clear message."""

import hashlib
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from pipeline import codec
from pipeline.config import load_configuration
from pipeline.errors import DataError, SettingsError
from pipeline.problem import Feature, File, Loaded
from pipeline.progress import Progress
from pipeline.reading.typed_tables import raw_tables
from pipeline.stage_settings import LoadStage
from pipeline.stages import load as stage
from pipeline.table import whole
from tests import values

TRAIN = "id,Age,Class,Seat,y\n" + "".join(
    f"{i},{20 + i},{'Eco' if i % 3 else 'Business'},{i % 6},{i % 2}\n" for i in range(1, 41)
)
TEST = "id,Age,Class,Seat\n" + "".join(f"{i},{20 + i},Eco,{i % 6}\n" for i in range(101, 111))
SAMPLE = "id,y\n" + "".join(f"{i},0\n" for i in range(101, 111))
CONTRACT = {
    "Age": {"kind": "integer", "min": 0, "max": 200},
    "Class": {"kind": "category", "allowed": ["Eco", "Business"]},
    "Seat": {"kind": "integer", "min": 0, "max": 5},
    "y": {"kind": "integer", "min": 0, "max": 1},
}


def organiser(folder, **texts):
    """The organiser's folder with three good files, and these in their place; None: no file."""
    folder.mkdir(exist_ok=True)
    for name, text in {"train": TRAIN, "test": TEST, "sample": SAMPLE, **texts}.items():
        if text is not None:
            data = text if isinstance(text, bytes) else text.encode()
            (folder / f"{name}.csv").write_bytes(data)
    return folder


def load(raw, **keys) -> Loaded:
    return stage.load(LoadStage.model_validate(keys), raw, Progress())


def test_later_stages_get_what_the_files_hold(tmp_path, capsys):
    loaded = load(organiser(tmp_path / "raw"))
    problem = loaded.problem
    assert (problem.target, problem.id, problem.task) == ("y", "id", "binary")
    assert problem.features == (
        Feature("Age", "number"),
        Feature("Class", "category"),
        Feature("Seat", "number"),
    )
    assert loaded.y.dtype == np.int64
    assert_array_equal(loaded.y, np.arange(1, 41) % 2)
    assert list(loaded.train) == ["id", "Age", "Class", "Seat", "y"]
    assert list(loaded.test) == ["id", "Age", "Class", "Seat"]
    sha256 = hashlib.sha256(TEST.encode()).hexdigest()
    assert loaded.files["test"] == File("test.csv", sha256, 10)
    printed = capsys.readouterr().out
    assert all(note in printed for note in loaded.notes)


def test_kinds_are_counted_with_the_names_of_those_to_look_at(tmp_path, capsys):
    days = "".join(f"{i},2020-01-{i % 28 + 1:02},{i},{i + 0.5},{i % 2}\n" for i in range(40))
    train = f"id,탑승일,a,b,y\n{days}"
    test = "id,탑승일,a,b\n" + "".join(f"{i},2020-02-01,{i},0.5\n" for i in range(50, 60))
    load(organiser(tmp_path / "raw", train=train, test=test, sample=None))
    assert "3 features: 2 number, 1 date (탑승일)\n" in capsys.readouterr().out


def test_infinite_numbers_and_commas_are_noted_and_nothing_is_refused(tmp_path, capsys):
    rows = [f'{i},{"inf" if i < 3 else i / 2},"{i},000",{i % 2}\n' for i in range(1, 41)]
    train = "id,x,price,y\n" + "".join(rows)
    test = "id,x,price\n" + "".join(f'{i},0.5,"9,000"\n' for i in range(50, 60))
    load(organiser(tmp_path / "raw", train=train, test=test, sample=None))
    printed = capsys.readouterr().out
    assert "train: 2 infinite numbers in 1 column ('x'), counted as missing" in printed
    assert "column 'price' holds numbers: '1,000' is read as 1000" in printed


def test_the_same_files_give_the_same_bytes_wherever_they_are(tmp_path):
    one, other = (load(organiser(tmp_path / name)) for name in ("one", "other"))
    assert values.contents(one) == values.contents(other)


def test_all_that_was_found_is_kept_and_comes_back(tmp_path):
    """Every field that a feature may have, through the files of the store."""
    days = [f"2020-01-{1 + i % 28:02}T10:00:00+09:00,{i % 24}:30" for i in range(40)]
    rows = [f'{day},"$1,{i:03}",x' for i, day in enumerate(days)]
    names = "when,clock,price,word"
    train = f"id,{names},y\n" + "".join(f"{i},{row},{i % 2}\n" for i, row in enumerate(rows))
    test = f"id,{names}\n" + "".join(f"{i},{row}\n" for i, row in enumerate(rows[:9], 50))
    train = train.replace(",x,", ",NULL,", 3).replace('"$1,005"', "?")
    loaded = load(organiser(tmp_path / "raw", train=train, test=test, sample=None))
    found = {feature.name: feature for feature in loaded.problem.features}
    assert (found["when"].zone, found["clock"].kind, found["clock"].formats) == (
        540,
        "number",
        ("%H:%M",),
    )
    assert found["price"].missing == ("?",) and found["price"].notation.prefix == "$"
    assert found["word"].missing == ("NULL",)
    folder = tmp_path / "stored"
    folder.mkdir()
    for name, content in values.contents(loaded).items():
        (folder / name).write_bytes(content)
    again = codec.decode(Loaded, folder)
    assert again.problem == loaded.problem and again.files == loaded.files
    assert again.notes == loaded.notes and not again.simulated
    pd.testing.assert_frame_equal(whole(again.train), whole(loaded.train))
    pd.testing.assert_frame_equal(whole(again.test), whole(loaded.test))


def test_words_become_codes_in_alphabetical_order(tmp_path):
    labels = ["setosa", "virginica", "versicolor"] * 10
    train = "id,x,kind\n" + "".join(f"{i},{i},{label}\n" for i, label in enumerate(labels))
    test, sample = "id,x\n50,1\n51,2\n", "id,kind\n51,setosa\n50,setosa\n"
    raw = organiser(tmp_path / "raw", train=train, test=test, sample=sample)
    loaded = load(raw)
    assert loaded.problem.classes == ("setosa", "versicolor", "virginica")
    assert_array_equal(loaded.y, np.unique(labels, return_inverse=True)[1])
    assert loaded.sample["id"].tolist() == ["51", "50"]


def test_ids_that_repeat_in_train_do_no_harm(tmp_path):
    loaded = load(organiser(tmp_path / "raw", train=edited(TRAIN, 3, "id", "1")))
    assert loaded.problem.id == "id"


def test_a_column_written_otherwise_in_test_is_matched_with_a_note(tmp_path, capsys):
    raw = organiser(tmp_path / "raw", test=TEST.replace("Age", " age"))
    assert "Age" in load(raw).test
    assert "test's column 'age' is train's 'Age'" in capsys.readouterr().out


def test_rows_without_a_target_are_left_out_where_the_toml_says_so(tmp_path, capsys):
    raw = organiser(tmp_path / "raw", train=edited(edited(TRAIN, 5, "y", ""), 9, "y", "NaN"))
    loaded = load(raw, missing_target="drop")
    assert len(loaded.y) == len(loaded.train) == 38
    assert "2 rows of train without a target left out" in capsys.readouterr().out


def test_labels_that_differ_in_case_raise_an_alarm(tmp_path, capsys):
    words = ["Yes", "yes", "No", "no"]
    lines = [f"{i},{i},{words[i % 4]}" for i in range(1, 61)]
    texts = {"train": "\n".join(["id,Age,y", *lines]), "test": "id,Age\n101,4\n", "sample": None}
    loaded = load(organiser(tmp_path / "raw", **texts))
    assert len(loaded.problem.classes) == 4
    assert capsys.readouterr().out.count("[load] merge_labels = true") == 2
    merged = load(tmp_path / "raw", merge_labels=True)
    assert (merged.problem.task, len(merged.problem.classes)) == ("binary", 2)
    assert merged.y[:4].tolist() == [1, 0, 0, 1]


def test_a_table_without_a_header_is_read_by_place(tmp_path):
    texts = {"train": TRAIN, "test": TEST}
    headless = {name: text.split("\n", 1)[1] for name, text in texts.items()}
    raw = organiser(tmp_path / "raw", **headless, sample=None)
    with pytest.raises(DataError, match=r"\[load\] header = false"):
        load(raw)
    problem = load(raw, header=False).problem
    assert (problem.target, len(problem.features)) == ("column 5", 4)
    for sample, header in ((SAMPLE, ("id", "y")), (SAMPLE.split("\n", 1)[1], ())):
        (raw / "sample.csv").write_text(sample)
        problem = load(raw, header=False).problem
        assert (problem.id, problem.target) == ("column 1", "column 5")
        assert problem.form.header == header


def test_a_regression_target_keeps_its_values(tmp_path):
    values = np.random.default_rng(0).lognormal(size=40)
    train = "id,x,price\n" + "".join(f"{i},1,{v!r}\n" for i, v in enumerate(values.tolist()))
    sample = SAMPLE.replace("y", "price")
    raw = organiser(tmp_path / "raw", train=train, test=TEST.replace("Seat", "x"), sample=sample)
    loaded = load(raw, drop=["Age", "Class"])
    assert loaded.problem.classes is None and loaded.problem.outputs == 1
    assert_array_equal(loaded.y, values)


def test_a_test_table_with_labels_loses_them(tmp_path):
    header, *lines = TEST.splitlines()
    labelled = "\n".join([f"{header},y", *(f"{line},1" for line in lines)])
    raw = organiser(tmp_path / "raw", test=labelled, sample=None)
    loaded = load(raw, target="y")
    assert "y" not in loaded.test
    assert "test has the target too (10 values): left out" in " ".join(loaded.notes)


def test_ids_padded_with_zeros_stay_as_they_are(tmp_path):
    texts = {"train": pad_ids(TRAIN), "test": pad_ids(TEST), "sample": pad_ids(SAMPLE)}
    loaded = load(organiser(tmp_path / "raw", **texts))
    assert loaded.sample["id"].tolist()[:2] == ["000101", "000102"]
    assert loaded.test["id"].tolist()[:2] == ["000101", "000102"]


def pad_ids(text: str) -> str:
    header, *lines = text.splitlines()
    return "\n".join([header, *("0" * (6 - line.index(",")) + line for line in lines)])


def test_dates_and_declared_kinds_have_one_type_in_train_and_test(tmp_path):
    header, *lines = TRAIN.splitlines()
    days = (f"{line},2020-01-{i % 28 + 1:02}" for i, line in enumerate(lines))
    train = "\n".join([f"{header},when", *days])
    header, *lines = TEST.splitlines()
    test = "\n".join([f"{header},when", *(f"{line}," for line in lines)])
    raw = organiser(tmp_path / "raw", train=train, test=test)
    loaded = load(raw, columns={"Seat": {"kind": "category"}})
    for table in (loaded.train, loaded.test):
        assert table["when"].dtype.kind == "M"
        assert str(table["Seat"].dtype) == "str"
    assert loaded.test["when"].isna().all()


HOURS = [f"2011-01-{day:02}T{hour:02}:00Z" for day in range(1, 11) for hour in range(0, 24, 6)]
DATED_TRAIN = "when,x,y\n" + "".join(f"{hour},{i},{i}\n" for i, hour in enumerate(HOURS))
DATED_TEST = "when,x\n2011-02-01T06:00Z,1\n2011-02-01T00:00Z,2\n"
DATED_SAMPLE = "when,y\n2011-02-01T00:00Z,0\n2011-02-01T06:00Z,0\n"


def test_an_id_that_is_a_date_is_a_feature_too_and_stays_as_it_was_written(tmp_path, capsys):
    raw = organiser(tmp_path / "raw", train=DATED_TRAIN, test=DATED_TEST, sample=DATED_SAMPLE)
    loaded = load(raw)
    problem, test = loaded.problem, loaded.test
    assert problem.id == "when"
    assert problem.names == ["when (date)", "x"]
    assert (problem.features[0].source, problem.features[0].column) == ("when", "when")
    assert test["when"].tolist() == ["2011-02-01T06:00Z", "2011-02-01T00:00Z"]
    assert test["when (date)"].dt.hour.tolist() == [6, 0]
    assert loaded.train["when (date)"].dt.day.tolist()[::4] == list(range(1, 11))
    assert loaded.sample["when"].tolist() == test["when"].tolist()[::-1]
    assert "id 'when' is a date, and so a feature too, 'when (date)'" in capsys.readouterr().out


def test_an_id_that_is_a_date_may_be_left_out(tmp_path):
    raw = organiser(tmp_path / "raw", train=DATED_TRAIN, test=DATED_TEST, sample=DATED_SAMPLE)
    assert load(raw, columns={"when": {"kind": "text"}}).problem.names == ["x"]


def test_an_id_has_the_format_that_is_declared(tmp_path):
    days = [f"{1 + i % 12:02}/{1 + i // 12:02}/2020" for i in range(48)]
    train = "when,x,y\n" + "".join(f"{day},{i},{i}\n" for i, day in enumerate(days))
    test, sample = "when,x\n05/12/2020,1\n06/12/2020,2\n", "when,y\n05/12/2020,0\n06/12/2020,0\n"
    raw = organiser(tmp_path / "raw", train=train, test=test, sample=sample)
    declared = {"when": {"kind": "date", "format": "%d/%m/%Y"}}
    assert load(raw, columns=declared).test["when (date)"].dt.month.tolist() == [12, 12]
    assert load(raw).test["when (date)"].dt.month.tolist() == [5, 6]


def test_notes_on_dates(tmp_path, capsys):
    days = [f"0{1 + i % 9}/0{1 + i % 3}/2020,{20200101 + i % 28},{i % 24:02}:30" for i in range(40)]
    train = "id,a,b,c,y\n" + "".join(f"{i},{day},{i % 2}\n" for i, day in enumerate(days))
    test = "id,a,b,c\n" + "".join(f"{i},{day}\n" for i, day in enumerate(days[:10], 50))
    raw = organiser(tmp_path / "raw", train=train, test=test, sample=None)
    load(raw)
    printed = capsys.readouterr().out
    assert (
        "dates and times: 'a' as MM/DD/YYYY; 'b' as YYYYMMDD; 'c' as HH:MM in hours since midnight"
    ) in printed
    assert "no value rules out DD/MM/YYYY" in printed
    assert '"b" = { kind = "number" }' in printed
    declared = {"a": {"kind": "date", "format": "%d/%m/%Y"}, "b": {"kind": "number"}}
    table = load(raw, columns=declared).train
    assert table["a"].dt.month.tolist()[:4] == [1, 2, 3, 1]
    assert table["b"].tolist()[:2] == [20200101, 20200102]
    assert table["c"].tolist()[:2] == [0.5, 1.5]
    assert "no value rules out" not in capsys.readouterr().out


def test_dates_as_numbers_in_train_and_as_words_in_test_are_one_column(tmp_path):
    train = "id,day,y\n" + "".join(f"{i},{20200101 + i % 28},{i % 2}\n" for i in range(40))
    test = "id,day\n" + "".join(f"{i},2020-02-0{i - 49}\n" for i in range(50, 58))
    loaded = load(organiser(tmp_path / "raw", train=train, test=test, sample=None))
    assert loaded.test["day"].dt.day.tolist() == list(range(1, 9))
    assert loaded.train["day"].dt.day.tolist()[:28] == list(range(1, 29))


def edited(text, row, column, value):
    """The CSV with one field changed; row 2 is the first below the header."""
    lines = text.splitlines()
    fields = lines[row - 1].split(",")
    fields[lines[0].split(",").index(column)] = value
    return "\n".join([*lines[: row - 1], ",".join(fields), *lines[row:]])


BAD = {
    "no train": ({"train": None}, {}, "no train table"),
    "no test": ({"test": None}, {}, "no test table"),
    "empty": ({"train": ""}, {}, "train.csv is empty"),
    "header alone": ({"test": "id,Age,Class,Seat\n"}, {}, "no rows"),
    "rubbish": ({"train": bytes(range(256)) * 9}, {}, "not a CSV"),
    "duplicate ids in test": ({"test": edited(TEST, 3, "id", "101")}, {}, "test: .*rows 2, 3"),
    "duplicate ids in the sample": ({"sample": edited(SAMPLE, 3, "id", "101")}, {}, "rows 2, 3"),
    "id missing in the sample": ({"sample": SAMPLE[:-6]}, {}, "1 only in test: '110'"),
    "no id column in the sample": ({"sample": SAMPLE.replace("id", "no")[:-6]}, {}, "'id'"),
    "target missing": ({"train": TRAIN.replace("y", "z", 1)}, {"target": "y"}, "no target 'y'"),
    "one class only": ({"train": TRAIN.replace(",1\n", ",0\n")}, {}, "one value only, '0'"),
    "target unknown in a row": ({"train": edited(TRAIN, 5, "y", "")}, {}, "is missing in row 5"),
    "a column in train only": ({"test": TEST.replace("Age", "Años")}, {}, "'Age'.*'Años'"),
    "text for a number in train": ({"train": edited(TRAIN, 9, "Age", "old")}, {}, "row 9: .*'old'"),
    "text for a number in test": ({"test": edited(TEST, 9, "Age", "old")}, {}, "row 9: .*'old'"),
    "out of range": ({"train": edited(TRAIN, 7, "Seat", "6")}, {"columns": CONTRACT},
                     r"'Seat', row 7: found '6', allowed are whole numbers 0 to 5"),
    "an unknown category": ({"test": edited(TEST, 2, "Class", "First")}, {"columns": CONTRACT},
                            r"'Class', row 2: found 'First', allowed are 'Eco', 'Business'"),
    "a label that is no number": ({"train": edited(TRAIN, 4, "y", "x")}, {"columns": CONTRACT},
                                  r"'y', row 4: found 'x'"),
    "nothing to learn from": ({}, {"drop": ["Age", "Class", "Seat"]}, "no column beside"),
    "a file of another name": ({}, {"train": "trian.csv"}, "no such file"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_in_one_message_and_nothing_is_written(tmp_path, case):
    texts, keys, message = BAD[case]
    raw = organiser(tmp_path / "raw", **texts)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(DataError, match=message):
        load(raw, **keys)
    assert sorted(tmp_path.rglob("*")) == before


def test_all_violations_are_reported_together_as_the_file_has_them(tmp_path):
    train = edited(edited(TRAIN, 7, "Seat", "6.0"), 9, "Age", "-1e0")
    with pytest.raises(DataError) as error:
        load(organiser(tmp_path / "raw", train=train), columns=CONTRACT)
    assert "'Seat', row 7: found '6'" in str(error.value)
    assert "'Age', row 9: found '-1e0'" in str(error.value)


@pytest.mark.parametrize("hidden", [False, True])
def test_with_no_files_the_simulated_survey_takes_their_place(tmp_path, capsys, hidden):
    raw = tmp_path / "raw"
    if hidden:
        raw.mkdir()
        (raw / ".gitkeep").touch()
    keys = load_configuration("airline").load.model_dump()
    loaded = load(raw, **{**keys, "simulated_train_rows": 60})
    assert loaded.simulated is True
    assert (len(loaded.y), loaded.files["train"].rows) == (60, 60)
    assert "SIMULATED" in capsys.readouterr().out


def test_a_file_that_is_no_table_is_refused_and_nothing_is_simulated(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "train.xls").touch()
    with pytest.raises(DataError, match="such a workbook is not read"):
        load(raw, simulator="airline_survey")


def test_with_no_files_and_no_simulator_the_place_for_files_is_named(tmp_path):
    with pytest.raises(DataError, match=rf"{tmp_path}/raw: .*Put the organiser's files there"):
        load(tmp_path / "raw")
    with pytest.raises(SettingsError, match=r"no pipeline/competitions/nothing.py"):
        load(tmp_path / "raw", simulator="nothing")


def test_another_seed_simulates_other_passengers_of_another_hash(tmp_path):
    def train_hash(seed):
        keys = {"simulator": "airline_survey", "simulated_train_rows": 50, "seed": seed}
        return load(tmp_path / "raw", **keys).files["train"].sha256

    assert train_hash(0) == train_hash(0) != train_hash(1)


def test_a_zip_is_named_with_its_member_and_hashed_as_a_whole(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    with zipfile.ZipFile(raw / "open.zip", "w") as archive:
        for name, text in {"train": TRAIN, "test": TEST}.items():
            archive.writestr(f"data/{name}.csv", text)
    file = load(raw).files["train"]
    assert file.name == "open.zip/data/train.csv"
    assert file.sha256 == hashlib.sha256((raw / "open.zip").read_bytes()).hexdigest()


letters = st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters='";')
# a header of numbers alone is taken for a row
words = st.text(letters, min_size=1, max_size=8).map(str.strip).filter(str.isalpha)


@settings(max_examples=30, deadline=None)
@given(names=st.lists(words, min_size=4, max_size=4, unique_by=str.casefold), data=st.data())
def test_any_names_and_any_order_of_rows_give_each_row_its_own_target(
    tmp_path_factory, names, data
):
    """id, feature and target are found whatever they are called, and no row is mixed up."""
    root = tmp_path_factory.mktemp("load")
    id, feature, other, target = names
    rows = data.draw(st.permutations(range(30)))
    train = pd.DataFrame({id: rows, feature: np.array(rows) * 1.5, other: "w"})
    train[target] = [row % 3 for row in rows]
    test = train.drop(columns=target).assign(**{id: [row + 100 for row in rows]})
    tables = {
        "train": train,
        "test": test,
        "sample": test[[id]].iloc[::-1].assign(**{target: 0}),
    }
    texts = {name: table.to_csv(index=False) for name, table in tables.items()}
    loaded = load(organiser(root / "raw", **texts))
    found = loaded.problem
    assert (found.id, found.target, found.task) == (id, target, "multiclass")
    assert_array_equal(loaded.y, loaded.train[id].astype(int) % 3)


def test_a_column_may_be_named_like_a_word_of_the_language(tmp_path):
    texts = {"train": TRAIN, "test": TEST}
    renamed = {name: text.replace("Age", "self") for name, text in texts.items()}
    loaded = load(organiser(tmp_path / "raw", **renamed))
    assert list(loaded.train["self"]) == list(range(21, 61))


# -- without rows to predict, and from data frames -------------------------------------------------


def test_without_a_test_table_everything_else_is_as_with_one(tmp_path):
    raw = organiser(tmp_path / "raw", test=None, sample=None)
    loaded = load(raw, test="none", target="y")
    assert loaded.test.shape == (0, 4) and len(loaded.sample) == 0
    assert set(loaded.files) == {"train"}
    whole = load(organiser(tmp_path / "whole", sample=None), target="y")
    assert loaded.problem == whole.problem
    pd.testing.assert_frame_equal(loaded.train, whole.train)
    assert_array_equal(loaded.y, whole.y)


def test_a_test_table_that_is_there_is_ignored_where_the_toml_names_none(tmp_path):
    assert len(load(organiser(tmp_path / "raw"), test="none", target="y").test) == 0


def test_without_a_test_table_the_target_is_asked_for(tmp_path):
    raw = organiser(tmp_path / "raw", test=None, sample=None)
    with pytest.raises(DataError, match=r"there is no test table.*\[load\] target"):
        load(raw, test="none")


def from_frames(folder, train, test=None, **keys) -> Loaded:
    folder.mkdir(exist_ok=True)
    for name, content in raw_tables(train, test).items():
        (folder / name).write_bytes(content)
    return load(folder, **({"test": "none"} if test is None else {}), **keys)


FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3, 4] * 10,
        "gaps": [1.0, np.nan, 3.0, 4.0] * 10,
        "nullable": pd.array([1, None, 3, 2**53 + 1] * 10, dtype="Int64"),
        "mixed": ["a", 1, 2.5, None] * 10,
        "level": pd.Categorical(["x", "y", None, "x"] * 10),
        "step": pd.cut(pd.Series([1, 5, 9, 2] * 10), 3),
        "month": pd.period_range("2020-01", periods=40, freq="M"),
        "flag": [True, False, True, True] * 10,
        "maybe": pd.array([True, None, False, True] * 10, dtype="boolean"),
        "when": pd.date_range("2020-01-01", periods=40, freq="h", tz="Asia/Seoul"),
        "day": pd.date_range("2020-01-01", periods=40).date,
        "spent": pd.to_timedelta(np.arange(40), unit="min"),
        2024: np.arange(40, dtype="float32") / 8,
        "y": ["no", "yes"] * 20,
    },
    index=range(7, 47),
)


NO_UNICODE = pd.Series(["\ud800"] * 40, dtype=object, index=FRAME.index)


def test_frames_of_any_types_are_read_as_their_csv_would_be(tmp_path):
    loaded = from_frames(tmp_path / "raw", FRAME, FRAME.drop(columns="y"))
    kinds = {feature.name: feature.kind for feature in loaded.problem.features}
    numbers = {"whole", "gaps", "nullable", "spent", "2024"}
    dates = {"when", "day", "month"}
    assert {name for name, kind in kinds.items() if kind == "number"} == numbers
    assert {name for name, kind in kinds.items() if kind == "date"} == dates
    train = loaded.train
    assert_array_equal(train["gaps"], FRAME["gaps"])
    assert train["nullable"].tolist()[3] == 2.0**53  # with gaps, it is a float
    assert train["mixed"].tolist()[:3] == ["a", "1", "2.5"]
    assert train["level"].isna().tolist()[:4] == [False, False, True, False]
    assert train["step"].tolist()[0] == str(FRAME["step"].iloc[0])
    assert train["flag"].tolist()[:2] == ["True", "False"]
    assert train["when"].dt.hour.tolist()[:3] == [0, 1, 2]  # one offset: local time
    assert train["day"].tolist()[1] == pd.Timestamp(2020, 1, 2)
    assert train["month"].dt.month.tolist()[:3] == [1, 2, 3]
    assert train["spent"].tolist()[:3] == [0, 60, 120]  # seconds
    assert train["2024"].tolist() == FRAME[2024].tolist()
    assert_array_equal(loaded.y, [0, 1] * 20)


@settings(max_examples=25, deadline=None)
@given(
    wholes=st.lists(st.none() | st.integers(-(2**62), 2**62), min_size=20, max_size=20),
    floats=st.lists(st.none() | st.floats(allow_nan=False), min_size=20, max_size=20),
    texts=st.lists(st.none() | st.text(max_size=5), min_size=20, max_size=20),
)
def test_frames_give_what_their_csv_gives(tmp_path_factory, wholes, floats, texts):
    """Whole numbers, fractions and texts with gaps, by both ways into the raw folder."""
    train = pd.DataFrame(
        {
            "id": range(20),
            "whole": pd.array(wholes, dtype="Int64"),
            "fraction": pd.array(floats, dtype="float64"),
            "text": pd.Series(texts, dtype="str"),
            "y": [0, 1] * 10,
        }
    )
    root = tmp_path_factory.mktemp("frames")
    try:
        csv = load(organiser(root / "csv", train=train.to_csv(index=False), test=None, sample=None),
                   test="none", target="y")  # fmt: skip
    except DataError as error:  # what a CSV cannot hold either, as a zero byte
        assert str(root) in str(error)
        return
    frame = from_frames(root / "frames", train, target="y")
    assert frame.problem.features == csv.problem.features
    pd.testing.assert_frame_equal(frame.train, csv.train)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (FRAME.set_axis(["a"] * 14, axis=1), "train has two or more columns named 'a'"),
        (FRAME.assign(**{"2024": 1}), "train has two or more columns named '2024'"),
        (FRAME.assign(x=[[1, 2]] * 40), "train: column 'x' is of type list; allowed are numbers"),
        (FRAME.assign(x=1j), "train: column 'x' is of type complex128"),
        (FRAME.assign(x=NO_UNICODE), "train: column 'x' is of type object"),
        (FRAME["y"], "train: found Series, allowed is a pandas DataFrame"),
    ],
)
def test_frames_that_no_csv_can_hold_are_refused(tmp_path, frame, message):
    with pytest.raises(DataError, match=message):
        from_frames(tmp_path / "raw", frame)


def test_a_frame_without_rows_is_refused(tmp_path):
    with pytest.raises(DataError, match="has a header and no rows"):
        from_frames(tmp_path / "raw", FRAME.iloc[:0])

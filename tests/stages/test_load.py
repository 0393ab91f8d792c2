"""The organiser's files become typed tables, a target and a schema, or one clear sentence."""

import hashlib
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from pipeline.artifacts import Folder
from pipeline.config import LoadStage, load_experiment, stage_snapshots
from pipeline.errors import DataError, SettingsError
from pipeline.progress import Progress
from pipeline.stages.load import run

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


def load(raw, out, **keys):
    stage = LoadStage.model_validate(keys)
    run(stage, raw=raw, competition="tiny", out=Folder(out), progress=Progress())
    return Folder(out)


def test_later_stages_read_what_the_files_hold(tmp_path, capsys):
    loaded = load(organiser(tmp_path / "raw"), tmp_path / "out")
    schema = loaded.read_json("schema")
    assert (schema["target"], schema["id"], schema["task"]) == ("y", "id", "binary")
    assert schema["columns"] == [
        {"name": "Age", "kind": "number"},
        {"name": "Class", "kind": "category"},
        {"name": "Seat", "kind": "number"},
    ]
    assert loaded.read_array("y").dtype == np.int64
    assert_array_equal(loaded.read_array("y"), np.arange(1, 41) % 2)
    assert list(loaded.read_table("train")) == ["id", "Age", "Class", "Seat", "y"]
    assert list(loaded.read_table("test")) == ["id", "Age", "Class", "Seat"]
    sha256 = hashlib.sha256(TEST.encode()).hexdigest()
    assert schema["files"]["test"] == {"name": "test.csv", "rows": 10, "sha256": sha256}
    told = capsys.readouterr().out
    assert all(sentence in told for sentence in schema["found"])


def test_kinds_are_counted_with_the_names_of_those_to_look_at(tmp_path, capsys):
    days = "".join(f"{i},2020-01-{i % 28 + 1:02},{i},{i + 0.5},{i % 2}\n" for i in range(40))
    train = f"id,탑승일,a,b,y\n{days}"
    test = "id,탑승일,a,b\n" + "".join(f"{i},2020-02-01,{i},0.5\n" for i in range(50, 60))
    load(organiser(tmp_path / "raw", train=train, test=test, sample=None), tmp_path / "out")
    assert "3 features: 2 number, 1 date (탑승일)\n" in capsys.readouterr().out


def test_infinite_numbers_and_commas_are_noted_and_nothing_is_refused(tmp_path, capsys):
    rows = [f'{i},{"inf" if i < 3 else i / 2},"{i},000",{i % 2}\n' for i in range(1, 41)]
    train = "id,x,price,y\n" + "".join(rows)
    test = "id,x,price\n" + "".join(f'{i},0.5,"9,000"\n' for i in range(50, 60))
    load(organiser(tmp_path / "raw", train=train, test=test, sample=None), tmp_path / "out")
    told = capsys.readouterr().out
    assert "train: 2 infinite numbers in 1 column ('x'), counted as missing" in told
    assert "column 'price' holds numbers: '1,000' is read as 1000" in told


def test_the_same_files_give_the_same_bytes(tmp_path):
    raw = organiser(tmp_path / "raw")
    one, other = (load(raw, tmp_path / name).path for name in ("one", "other"))
    files = sorted(path.name for path in one.iterdir())
    assert files == ["sample.parquet", "schema.json", "test.parquet", "train.parquet", "y.npy"]
    for name in files:
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_words_become_codes_in_alphabetical_order(tmp_path):
    labels = ["setosa", "virginica", "versicolor"] * 10
    train = "id,x,kind\n" + "".join(f"{i},{i},{label}\n" for i, label in enumerate(labels))
    test, sample = "id,x\n50,1\n51,2\n", "id,kind\n51,setosa\n50,setosa\n"
    raw = organiser(tmp_path / "raw", train=train, test=test, sample=sample)
    loaded = load(raw, tmp_path / "out")
    assert loaded.read_json("schema")["classes"] == ["setosa", "versicolor", "virginica"]
    assert_array_equal(loaded.read_array("y"), np.unique(labels, return_inverse=True)[1])
    assert loaded.read_table("sample")["id"].tolist() == ["51", "50"]


def test_ids_that_repeat_in_train_do_no_harm(tmp_path):
    loaded = load(organiser(tmp_path / "raw", train=edited(TRAIN, 3, "id", "1")), tmp_path / "out")
    assert loaded.read_json("schema")["id"] == "id"


def test_a_column_written_otherwise_in_test_is_matched_and_told(tmp_path, capsys):
    raw = organiser(tmp_path / "raw", test=TEST.replace("Age", " age"))
    assert "Age" in load(raw, tmp_path / "out").read_table("test")
    assert "test's column 'age' is train's 'Age'" in capsys.readouterr().out


def test_rows_without_a_target_are_left_out_where_the_toml_says_so(tmp_path, capsys):
    raw = organiser(tmp_path / "raw", train=edited(edited(TRAIN, 5, "y", ""), 9, "y", "NaN"))
    loaded = load(raw, tmp_path / "out", missing_target="drop")
    assert len(loaded.read_array("y")) == len(loaded.read_table("train")) == 38
    assert "2 rows of train without a target left out" in capsys.readouterr().out


def test_labels_that_differ_in_case_raise_an_alarm(tmp_path, capsys):
    words = ["Yes", "yes", "No", "no"]
    lines = [f"{i},{i},{words[i % 4]}" for i in range(1, 61)]
    texts = {"train": "\n".join(["id,Age,y", *lines]), "test": "id,Age\n101,4\n", "sample": None}
    loaded = load(organiser(tmp_path / "raw", **texts), tmp_path / "out")
    assert len(loaded.read_json("schema")["classes"]) == 4
    assert capsys.readouterr().out.count("[load] merge_labels = true") == 2
    merged = load(tmp_path / "raw", tmp_path / "merged", merge_labels=True).read_json("schema")
    assert (merged["task"], len(merged["classes"])) == ("binary", 2)


def test_a_table_without_a_header_is_read_by_place(tmp_path):
    texts = {"train": TRAIN, "test": TEST}
    headless = {name: text.split("\n", 1)[1] for name, text in texts.items()}
    raw = organiser(tmp_path / "raw", **headless, sample=None)
    with pytest.raises(DataError, match=r"\[load\] header = false"):
        load(raw, tmp_path / "out")
    loaded = load(raw, tmp_path / "out", header=False).read_json("schema")
    assert (loaded["target"], len(loaded["columns"])) == ("column 5", 4)
    for sample, header in ((SAMPLE, ["id", "y"]), (SAMPLE.split("\n", 1)[1], [])):
        (raw / "sample.csv").write_text(sample)
        schema = load(raw, tmp_path / f"{header}", header=False).read_json("schema")
        assert (schema["id"], schema["target"]) == ("column 1", "column 5")
        assert schema["sample"]["header"] == header


def test_a_regression_target_keeps_its_values(tmp_path):
    values = np.random.default_rng(0).lognormal(size=40)
    train = "id,x,price\n" + "".join(f"{i},1,{v!r}\n" for i, v in enumerate(values.tolist()))
    sample = SAMPLE.replace("y", "price")
    raw = organiser(tmp_path / "raw", train=train, test=TEST.replace("Seat", "x"), sample=sample)
    loaded = load(raw, tmp_path / "out", drop=["Age", "Class"])
    assert loaded.read_json("schema")["classes"] is None
    assert_array_equal(loaded.read_array("y"), values)


def test_a_test_table_with_the_answers_loses_them(tmp_path):
    answers = TEST.splitlines()
    labelled = "\n".join([answers[0] + ",y", *(f"{line},1" for line in answers[1:])])
    raw = organiser(tmp_path / "raw", test=labelled, sample=None)
    loaded = load(raw, tmp_path / "out", target="y")
    assert "y" not in loaded.read_table("test")
    assert "left out" in " ".join(loaded.read_json("schema")["found"])


def test_ids_padded_with_zeros_stay_as_they_are(tmp_path):
    texts = {"train": pad_ids(TRAIN), "test": pad_ids(TEST), "sample": pad_ids(SAMPLE)}
    loaded = load(organiser(tmp_path / "raw", **texts), tmp_path / "out")
    assert loaded.read_table("sample")["id"].tolist()[:2] == ["000101", "000102"]
    assert loaded.read_table("test")["id"].tolist()[:2] == ["000101", "000102"]


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
    loaded = load(raw, tmp_path / "out", columns={"Seat": {"kind": "category"}})
    tables = [loaded.read_table(name) for name in ("train", "test")]
    for table in tables:
        assert table["when"].dtype.kind == "M"
        assert str(table["Seat"].dtype) == "str"
    assert tables[1]["when"].isna().all()


HOURS = [f"2011-01-{day:02}T{hour:02}:00Z" for day in range(1, 11) for hour in range(0, 24, 6)]
DATED_TRAIN = "when,x,y\n" + "".join(f"{hour},{i},{i}\n" for i, hour in enumerate(HOURS))
DATED_TEST = "when,x\n2011-02-01T06:00Z,1\n2011-02-01T00:00Z,2\n"
DATED_SAMPLE = "when,y\n2011-02-01T00:00Z,0\n2011-02-01T06:00Z,0\n"


def test_an_id_that_is_a_date_is_a_feature_too_and_stays_as_it_was_written(tmp_path, capsys):
    raw = organiser(tmp_path / "raw", train=DATED_TRAIN, test=DATED_TEST, sample=DATED_SAMPLE)
    loaded = load(raw, tmp_path / "out")
    schema, test = loaded.read_json("schema"), loaded.read_table("test")
    assert schema["id"] == "when"
    assert [column["name"] for column in schema["columns"]] == ["when (date)", "x"]
    assert schema["columns"][0]["source"] == "when"
    assert test["when"].tolist() == ["2011-02-01T06:00Z", "2011-02-01T00:00Z"]
    assert test["when (date)"].dt.hour.tolist() == [6, 0]
    assert loaded.read_table("train")["when (date)"].dt.day.tolist()[::4] == list(range(1, 11))
    assert loaded.read_table("sample")["when"].tolist() == test["when"].tolist()[::-1]
    assert "id 'when' is a date, and so a feature too, 'when (date)'" in capsys.readouterr().out


def test_an_id_that_is_a_date_may_be_left_out(tmp_path):
    raw = organiser(tmp_path / "raw", train=DATED_TRAIN, test=DATED_TEST, sample=DATED_SAMPLE)
    loaded = load(raw, tmp_path / "out", columns={"when": {"kind": "text"}})
    assert [column["name"] for column in loaded.read_json("schema")["columns"]] == ["x"]


def test_an_id_has_the_form_that_is_declared(tmp_path):
    days = [f"{1 + i % 12:02}/{1 + i // 12:02}/2020" for i in range(48)]
    train = "when,x,y\n" + "".join(f"{day},{i},{i}\n" for i, day in enumerate(days))
    test, sample = "when,x\n05/12/2020,1\n06/12/2020,2\n", "when,y\n05/12/2020,0\n06/12/2020,0\n"
    raw = organiser(tmp_path / "raw", train=train, test=test, sample=sample)
    declared = {"when": {"kind": "date", "format": "%d/%m/%Y"}}
    table = load(raw, tmp_path / "out", columns=declared).read_table("test")
    assert table["when (date)"].dt.month.tolist() == [12, 12]
    assert load(raw, tmp_path / "o").read_table("test")["when (date)"].dt.month.tolist() == [5, 6]


def test_what_is_told_of_dates(tmp_path, capsys):
    days = [f"0{1 + i % 9}/0{1 + i % 3}/2020,{20200101 + i % 28},{i % 24:02}:30" for i in range(40)]
    train = "id,a,b,c,y\n" + "".join(f"{i},{day},{i % 2}\n" for i, day in enumerate(days))
    test = "id,a,b,c\n" + "".join(f"{i},{day}\n" for i, day in enumerate(days[:10], 50))
    raw = organiser(tmp_path / "raw", train=train, test=test, sample=None)
    load(raw, tmp_path / "out")
    told = capsys.readouterr().out
    assert (
        "dates and times: 'a' as MM/DD/YYYY; 'b' as YYYYMMDD; 'c' as HH:MM in hours since midnight"
    ) in told
    assert "no value rules out DD/MM/YYYY" in told
    assert '"b" = { kind = "number" }' in told
    declared = {"a": {"kind": "date", "format": "%d/%m/%Y"}, "b": {"kind": "number"}}
    table = load(raw, tmp_path / "again", columns=declared).read_table("train")
    assert table["a"].dt.month.tolist()[:4] == [1, 2, 3, 1]
    assert table["b"].tolist()[:2] == [20200101, 20200102]
    assert table["c"].tolist()[:2] == [0.5, 1.5]
    assert "no value rules out" not in capsys.readouterr().out


def test_dates_as_numbers_in_train_and_as_words_in_test_are_one_column(tmp_path):
    train = "id,day,y\n" + "".join(f"{i},{20200101 + i % 28},{i % 2}\n" for i in range(40))
    test = "id,day\n" + "".join(f"{i},2020-02-0{i - 49}\n" for i in range(50, 58))
    loaded = load(organiser(tmp_path / "raw", train=train, test=test, sample=None), tmp_path / "o")
    assert loaded.read_table("test")["day"].dt.day.tolist() == list(range(1, 9))
    assert loaded.read_table("train")["day"].dt.day.tolist()[:28] == list(range(1, 29))


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
def test_bad_input_ends_in_one_sentence_and_nothing_is_written(tmp_path, case):
    texts, keys, told = BAD[case]
    with pytest.raises(DataError, match=told):
        load(organiser(tmp_path / "raw", **texts), tmp_path / "out", **keys)
    assert not (tmp_path / "out").exists()


def test_all_violations_are_told_together(tmp_path):
    train = edited(edited(TRAIN, 7, "Seat", "6"), 9, "Age", "-1")
    with pytest.raises(DataError) as error:
        load(organiser(tmp_path / "raw", train=train), tmp_path / "out", columns=CONTRACT)
    assert "'Seat', row 7" in str(error.value)
    assert "'Age', row 9" in str(error.value)


@pytest.mark.parametrize("hidden", [False, True])
def test_with_no_files_the_simulated_survey_takes_their_place(tmp_path, capsys, hidden):
    raw = tmp_path / "raw"
    if hidden:
        raw.mkdir()
        (raw / ".gitkeep").touch()
    keys = stage_snapshots(load_experiment("airline"))["load"]
    loaded = load(raw, tmp_path / "out", **{**keys, "simulated_train_rows": 60})
    schema = loaded.read_json("schema")
    assert schema["simulated"] is True
    assert (len(loaded.read_array("y")), schema["files"]["train"]["rows"]) == (60, 60)
    assert "SIMULATED" in capsys.readouterr().out


def test_a_file_that_is_no_table_is_told_and_nothing_is_simulated(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "train.xlsx").touch()
    with pytest.raises(DataError, match="is a workbook"):
        load(raw, tmp_path / "out", simulator="airline_survey")


def test_with_no_files_and_no_simulator_the_place_for_files_is_told(tmp_path):
    with pytest.raises(DataError, match=rf"{tmp_path}/raw: .*Put the organiser's files there"):
        load(tmp_path / "raw", tmp_path / "out")
    with pytest.raises(SettingsError, match=r"no pipeline/competitions/nothing.py"):
        load(tmp_path / "raw", tmp_path / "out", simulator="nothing")


def test_another_seed_simulates_other_passengers_and_their_hash_tells(tmp_path):
    def train_hash(seed):
        keys = {"simulator": "airline_survey", "simulated_train_rows": 50, "seed": seed}
        loaded = load(tmp_path / "raw", tmp_path / "out", **keys)
        return loaded.read_json("schema")["files"]["train"]["sha256"]

    assert train_hash(0) == train_hash(0) != train_hash(1)


def test_a_zip_is_named_with_its_member_and_hashed_as_a_whole(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    with zipfile.ZipFile(raw / "open.zip", "w") as archive:
        for name, text in {"train": TRAIN, "test": TEST}.items():
            archive.writestr(f"data/{name}.csv", text)
    file = load(raw, tmp_path / "out").read_json("schema")["files"]["train"]
    assert file["name"] == "open.zip/data/train.csv"
    assert file["sha256"] == hashlib.sha256((raw / "open.zip").read_bytes()).hexdigest()


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
    loaded = load(organiser(root / "raw", **texts), root / "out")
    found = loaded.read_json("schema")
    assert (found["id"], found["target"], found["task"]) == (id, target, "multiclass")
    assert_array_equal(loaded.read_array("y"), loaded.read_table("train")[id].astype(int) % 3)


def test_a_column_may_be_named_like_a_word_of_the_language(tmp_path):
    texts = {"train": TRAIN, "test": TEST}
    renamed = {name: text.replace("Age", "self") for name, text in texts.items()}
    loaded = load(organiser(tmp_path / "raw", **renamed), tmp_path / "out")
    assert list(loaded.read_table("train", ["self"])["self"]) == list(range(21, 61))

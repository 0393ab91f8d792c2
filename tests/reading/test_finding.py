"""Which file is train, test and sample: by name, in folders, zips and zips within zips."""

import unicodedata
from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.reading.finding import find_files, locate
from pipeline.reading.tables import read_table
from tests.reading.test_tables import TABLE, archived, message


def found(folder: Path, **names: str) -> dict[str, str]:
    """role -> source, relative to the folder."""
    sources = find_files(folder, names).sources
    return {role: str(source).removeprefix(f"{folder}/") for role, source in sources.items()}


@pytest.mark.parametrize("sample", ["sample_submission.csv", "gender_submission.csv", "Sample.csv"])
def test_files_are_found_by_name(write, tmp_path, sample):
    for name in ("Train.csv", "test_data.csv.gz", sample, "notes.txt", ".train.csv"):
        write(name, TABLE)

    assert found(tmp_path) == {"train": "Train.csv", "test": "test_data.csv.gz", "sample": sample}


def test_a_zip_as_it_is_served_is_looked_into(write, tmp_path):
    members = ("open/train.csv", "open/test.csv", "open/sample_submission.csv")
    junk = ("__MACOSX/open/train.csv", "open/.hidden/train.csv", "open/images/train/1.png")
    write("open.zip", archived(dict.fromkeys(members, TABLE) | dict.fromkeys(junk, b"junk")))

    assert found(tmp_path) == {
        role: f"open.zip/{member}"
        for role, member in zip(("train", "test", "sample"), members, strict=True)
    }
    assert len(read_table(find_files(tmp_path).sources["train"]).words) == 3


def test_each_table_may_have_a_zip_of_its_own_even_in_a_zip(write, tmp_path):
    write("train.csv.zip", archived({"train.csv": TABLE}))
    write("all.zip", archived({"test.csv.zip": archived({"data.csv": TABLE}), "more.zip": b"?"}))

    assert found(tmp_path) == {
        "train": "train.csv.zip/train.csv",
        "test": "all.zip/test.csv.zip/data.csv",
    }
    assert len(read_table(find_files(tmp_path).sources["test"]).words) == 3


def test_a_zip_beside_its_own_contents_is_not_ambiguous(write, tmp_path):
    write("open.zip", archived({"train.csv": TABLE, "test.csv": TABLE}))
    write("open/train.csv", TABLE)
    write("test.csv", TABLE)

    assert found(tmp_path) == {"train": "open/train.csv", "test": "test.csv"}


def test_two_candidates_are_settled_by_name(write, tmp_path):
    write("train_a.csv", TABLE)
    write("train_b.csv", TABLE + b"4,Park,1\n")
    write("test.csv", TABLE)

    text = message(find_files, tmp_path)
    assert "\n  train_a.csv: 'train' in its name, beside 'a'" in text
    assert "\n  train_b.csv: " in text and '[load] train = "train_a.csv"' in text
    assert found(tmp_path, train="train_b.csv")["train"] == "train_b.csv"


def test_names_may_be_anything_and_lie_in_a_zip(write, tmp_path):
    write("a.zip", archived({"x/foo.csv": TABLE, "bar.csv": TABLE}))
    write("one.zip", archived({"baz.csv": TABLE}))

    assert found(tmp_path, train="a.zip/x/foo.csv", test="one.zip") == {
        "train": "a.zip/x/foo.csv",
        "test": "one.zip/baz.csv",
    }
    assert "no such member" in message(find_files, tmp_path, {"train": "a.zip/none.csv"})
    assert "bar.csv" in message(find_files, tmp_path, {"train": "a.zip/none.csv"})
    assert "must hold one table" in message(find_files, tmp_path, {"train": "a.zip"})
    assert "no such file" in message(find_files, tmp_path, {"train": "none.csv"})


def test_a_folder_without_tables_says_what_to_put_there(write, tmp_path):
    assert "no such folder" in message(find_files, tmp_path / "none")
    text = message(find_files, tmp_path)
    assert str(tmp_path) in text and "no train table" in text and "train.csv, test.csv" in text
    write("train.csv", TABLE)
    assert "no test table" in message(find_files, tmp_path)


def test_names_from_a_zip_command_no_terminal_and_fill_no_screen(write, tmp_path):
    names = [f"\x1b[2J{i}.csv" for i in range(1000)]
    write("a.zip", archived(dict.fromkeys(names, TABLE)))

    text = message(find_files, tmp_path)
    assert text.replace("\n", "").isprintable() and "and 988 more" in text and len(text) < 2500


def test_a_zip_that_holds_itself_ends(write, tmp_path):
    inner = archived({"train.csv": TABLE})
    for _ in range(5):
        inner = archived({"train.zip": inner})
    write("train.zip", inner)

    assert "no train table" in message(find_files, tmp_path)


def test_a_path_may_lead_into_a_zip_and_a_folder_may_be_called_like_one(tmp_path):
    path, folder = tmp_path / "data.ZIP", tmp_path / "folder.zip"
    path.write_bytes(archived({"in/a.csv": b"x\n1\n", "b.csv": b"x\n2\n"}))
    folder.mkdir()
    (folder / "c.csv").write_bytes(b"x\n3\n")
    places = (path / "in" / "a.csv", path / "b.csv", folder / "c.csv")
    assert [read_table(locate(place)).words["x"].tolist() for place in places] == [
        ["1"],
        ["2"],
        ["3"],
    ]
    with pytest.raises(DataError, match=r"no such member of the zip; found b\.csv, in/a\.csv"):
        read_table(locate(path / "c.csv"))
    with pytest.raises(DataError, match="Name the one that is meant"):
        locate(path)


def notes(folder: Path) -> str:
    return "; ".join(find_files(folder).notes)


@pytest.mark.parametrize(
    "names",
    [
        {"train": "학습데이터.csv", "test": "평가데이터.csv", "sample": "제출양식.csv"},
        {"train": "titanic_train.csv", "test": "titanic_test.csv", "sample": "example.csv"},
        {"train": "train.txt", "test": "test.data", "sample": "sample_submission.tab"},
        {"train": "train.csv.bz2", "test": "test.csv.xz", "sample": "submission_format.zst"},
        {"train": "X_train.csv", "labels": "y_train.csv", "test": "X_test.csv"},
        {"train": "train_features.csv", "labels": "labels.csv", "test": "test_features.csv"},
        {"train": "a/b/c/d/train.csv", "test": "a/test.csv"},
        {"train": "train/data.csv", "test": "test/data.csv"},
        {"train": "train.csv/train.csv", "test": "test.csv/test.csv"},
        {"train": "train_with_labels.csv", "test": "test.csv"},
        {"train": "train.csv", "test": "test.csv"},
    ],
    ids=lambda names: names["train"],
)
def test_usual_names_are_understood_beside_what_is_no_table(write, tmp_path, names):
    for role, name in names.items():
        write(name, role.encode())
    for name in ("README.txt", "data_description.txt", "stores.csv", "train.png", "paper.pdf"):
        write(name, b"other")

    assert found(tmp_path) == names
    assert not find_files(tmp_path).notes


def test_zips_hold_korean_names_and_files_that_describe(write, tmp_path):
    members = ("항공/학습데이터.csv", "항공/평가데이터.csv", "항공/제출양식.csv", "항공/설명.txt")
    write("open.zip", archived({name: name.encode() for name in members}))
    write("more/train_labels.zip", archived({"data.csv": b"labels", "readme.txt": b"?"}))

    names = dict(zip(("train", "test", "sample"), members, strict=False))
    assert found(tmp_path) == {
        **{role: f"open.zip/{name}" for role, name in names.items()},
        "labels": "more/train_labels.zip/data.csv",
    }


def test_an_exact_name_wins_and_the_others_are_named(write, tmp_path):
    for name in ("train.csv", "train_transactions.csv", "train_old.csv", "test.csv", "test2.csv"):
        write(name, name.encode())

    assert found(tmp_path) == {"train": "train.csv", "test": "test.csv"}
    assert "left out: train_old.csv ('train' in its name, beside 'old'); train_trans" in notes(
        tmp_path
    )
    assert "left out: test2.csv" in notes(tmp_path)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("sample_submission.csv", "submission_v1.csv", "my_submission.csv"), 0),
        (("제출양식.csv", "제출_v2.csv"), 0),
        (("gender_submission.csv", "submission_v1.csv"), 0),  # by its values: the same in each row
    ],
)
def test_the_sample_is_distinguished_from_own_submissions(write, tmp_path, names, chosen):
    write("train.csv", b"train")
    write("test.csv", b"test")
    for i, name in enumerate(names):
        values = (0, 0, 0) if i == chosen else (0, 1, i)
        write(name, b"id,y\n" + "".join(f"{k},{v}\n" for k, v in enumerate(values)).encode())

    assert found(tmp_path)["sample"] == names[chosen]
    assert all(name in notes(tmp_path) for name in names)


def test_two_samples_that_nothing_tells_apart_are_asked_for(write, tmp_path):
    for name in ("train.csv", "test.csv"):
        write(name, TABLE)
    write("submission_a.csv", b"id,y\n1,0\n2,0\n")
    write("submission_b.csv", b"id,y\n1,1\n2,1\n")

    text = message(find_files, tmp_path)
    assert "2 files may be the sample submission" in text and "submission_b.csv" in text
    assert '[load] sample = "submission_a.csv"' in text


def test_labels_of_test_are_left_out_and_labels_beside_a_train_table_are_named(write, tmp_path):
    for name in ("train.csv", "test.csv", "y_test.csv", "labels.csv"):
        write(name, name.encode())

    assert found(tmp_path) == {"train": "train.csv", "test": "test.csv"}
    assert "y_test.csv: left out, taken for the labels of test" in notes(tmp_path)
    assert "left out: labels.csv" in notes(tmp_path) and '[load] labels = "labels.csv"' in notes(
        tmp_path
    )


def test_a_dead_link_is_refused_where_its_file_is_needed(write, tmp_path):
    write("test.csv", TABLE)
    (tmp_path / "train.csv").symlink_to("/nowhere/train.csv")
    (tmp_path / "other.csv").symlink_to("/nowhere/other.csv")
    for names in ({}, {"train": "train.csv"}):
        text = message(find_files, tmp_path, names)
        assert f"{tmp_path / 'train.csv'}" in text and "a link to /nowhere/train.csv" in text
    (tmp_path / "train.csv").unlink()
    (tmp_path / "train.csv").symlink_to("test.csv")
    assert found(tmp_path)["train"] == "train.csv"
    for i in range(20):
        (tmp_path / f"loop{i}").symlink_to(tmp_path)
    assert found(tmp_path)["train"] == "train.csv"
    (tmp_path / "train.csv").unlink()
    assert message(find_files, tmp_path).count("test.csv:") == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train.xls", "save it as .xlsx, or as CSV"),
        ("train.7z", "unpack it"),
        ("train.tar.gz", "unpack it"),
        ("train.pkl", "save it as CSV"),
    ],
)
def test_a_kind_that_is_not_read_comes_with_what_to_do(write, tmp_path, name, expected):
    write("test.csv", TABLE)
    write(name, b"?")
    text = message(find_files, tmp_path)
    assert name in text and expected in text and "may be the train table" in text
    write("train.csv", TABLE)
    assert found(tmp_path)["train"] == "train.csv"


def test_a_missing_table_tells_how_each_file_was_judged(write, tmp_path):
    for name in ("train.csv", "a.csv", "b.csv"):
        write(name, TABLE)
    text = message(find_files, tmp_path)
    assert "no test table; found:\n  a.csv, b.csv: no word for train, test or sample" in text
    assert "\n  train.csv: named 'train'\n" in text
    assert '[load] test = "..."' in text


def test_names_in_the_toml_stay_in_the_folder_and_may_be_short(write, tmp_path):
    write("in/deep/a.csv", TABLE)
    write("test.csv", TABLE)
    assert found(tmp_path, train="in/deep/a.csv")["train"] == "in/deep/a.csv"
    assert found(tmp_path, train="a.csv")["train"] == "in/deep/a.csv"
    for name in ("/etc/passwd", "../train.csv", "in/../../train.csv"):
        assert "a path out of" in message(find_files, tmp_path, {"train": name})
    assert "a folder, not a file" in message(find_files, tmp_path, {"train": "in"})
    names = {"train": str(tmp_path / "in" / "deep" / "a.csv")}
    assert find_files(tmp_path, names, anywhere=True).sources["train"].name == "a.csv"


def test_korean_names_are_one_however_a_mac_spells_them(write, tmp_path):
    name = "학습.csv"
    write(unicodedata.normalize("NFD", name), TABLE)
    write("test.csv", TABLE)
    assert read_table(find_files(tmp_path, {"train": name}).sources["train"]).words.shape == (3, 3)


def test_several_places_are_looked_through_together(write, tmp_path):
    places = [
        write("a/train.csv", TABLE).parent,
        write("b/test.zip", archived({"x.csv": TABLE})),
        write("제출양식.csv", TABLE),
    ]
    sources = find_files(places).sources
    assert {role: source.path.name for role, source in sources.items()} == {
        "train": "train.csv",
        "test": "test.zip",
        "sample": "제출양식.csv",
    }


def test_a_toml_that_names_train_says_whether_labels_are_apart(write, tmp_path):
    for name in ("train.csv", "train_labels.csv", "test.csv"):
        write(name, name.encode())
    assert "labels" in found(tmp_path)
    assert "labels" not in found(tmp_path, train="train.csv")
    both = found(tmp_path, train="train.csv", labels="train_labels.csv")
    assert both["labels"] == "train_labels.csv"


def test_none_says_that_there_is_no_sample_and_no_file_of_labels(write, tmp_path):
    for name in ("train.csv", "train_labels.csv", "test.csv", "sample_weights.csv"):
        write(name, name.encode())
    assert found(tmp_path, sample="none", labels="none") == {
        "train": "train.csv",
        "test": "test.csv",
    }

"""Which file is train, test and sample: by name, in folders, zips and zips within zips."""

from pathlib import Path

import pytest

from pipeline.errors import DataError
from pipeline.finding import find_files, locate
from pipeline.reading import read_table
from tests.test_reading import TABLE, archived, message


def found(folder: Path, **names: str) -> dict[str, str]:
    """role -> source, relative to the folder."""
    sources = find_files(folder, names)
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
    assert len(read_table(find_files(tmp_path)["train"]).words) == 3


def test_each_table_may_have_a_zip_of_its_own_even_in_a_zip(write, tmp_path):
    write("train.csv.zip", archived({"train.csv": TABLE}))
    write("all.zip", archived({"test.csv.zip": archived({"data.csv": TABLE}), "more.zip": b"?"}))

    assert found(tmp_path) == {
        "train": "train.csv.zip/train.csv",
        "test": "all.zip/test.csv.zip/data.csv",
    }
    assert len(read_table(find_files(tmp_path)["test"]).words) == 3


def test_a_zip_beside_its_own_contents_is_not_ambiguous(write, tmp_path):
    write("open.zip", archived({"train.csv": TABLE, "test.csv": TABLE}))
    write("open/train.csv", TABLE)
    write("test.csv", TABLE)

    assert found(tmp_path) == {"train": "open/train.csv", "test": "test.csv"}


def test_two_candidates_are_settled_by_name(write, tmp_path):
    write("train.csv", TABLE)
    write("train_old.csv", TABLE + b"4,Park,1\n")
    write("test.csv", TABLE)

    text = message(find_files, tmp_path)
    assert "train.csv, " in text and "train_old.csv" in text and "[load] train =" in text
    assert found(tmp_path, train="train_old.csv")["train"] == "train_old.csv"


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
    assert text.isprintable() and "and 988 more" in text and len(text) < 2500


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

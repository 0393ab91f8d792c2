"""A competition's own read(raw) gives tables that are checked like files, or one message."""

import sys
from pathlib import Path

import pytest

from pipeline import competitions
from pipeline.config import load_configuration
from pipeline.errors import DataError, SettingsError
from pipeline.new import copy_raw, settings_given, write_competition
from pipeline.progress import Progress
from pipeline.stage_settings import LoadStage
from pipeline.stages.load import load

READ = """
import pandas as pd

def read(raw):
    table = pd.read_csv(raw / "all.txt", sep=" ")
    return {"train": table[table.y.notna()], "test": table[table.y.isna()].drop(columns="y")}
"""


def loaded(folder, monkeypatch, code, **settings):
    raw = folder / "raw"
    raw.mkdir()
    lines = [f"{i} {i % 7} {i % 2 if i < 40 else ''}" for i in range(50)]
    (raw / "all.txt").write_text("\n".join(["id x y", *lines]))
    (folder / "own_reading.py").write_text(code)
    monkeypatch.setattr(competitions, "__path__", [*competitions.__path__, str(folder)])
    monkeypatch.delitem(sys.modules, "pipeline.competitions.own_reading", raising=False)
    return load(LoadStage(read="own_reading", **settings), raw, Progress())


def test_what_it_returns_is_read_like_files(tmp_path, monkeypatch):
    found = loaded(tmp_path, monkeypatch, READ)
    assert (len(found.train), len(found.test), found.problem.target) == (40, 10, "y")
    assert found.y.tolist() == [0, 1] * 20 and found.problem.names == ["x"]
    assert found.files["train"].rows == 40


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x = 1", r"has no function `read\(raw\)`"),
        ("def read(raw): return 3", r"returned int; needed is a dictionary"),
        ("def read(raw): return {'test': None}", r"returned no table 'train'"),
        ("def read(raw): return {'train': 1}", r"returned int for 'train'"),
        (
            "def read(raw):\n    return {}['no']",
            r"raised KeyError: 'no' \(.*, line 2\)",
        ),
    ],
)
def test_what_is_no_table_is_one_message(tmp_path, monkeypatch, code, expected):
    with pytest.raises((DataError, SettingsError), match=expected):
        loaded(tmp_path, monkeypatch, code)


JOIN = """
import pandas as pd

def read(raw):
    table = pd.read_csv(raw / "all.txt", sep=" ").rename(columns={"i": "id"})
    train, test = table[table.y.notna()], table[table.y.isna()].drop(columns="y")
    visits = pd.DataFrame({"id": [*range(50)] * 2, "visit": range(100)})
    sample = pd.DataFrame({"id": test.id, "y": 0})
    return {"train": TRAIN, "test": TEST, "sample": sample}
"""


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        ("train.merge(visits)", "test.assign(visit=0)", "gives train several rows of 40 ids"),
        ("train.assign(visit=0)", "test.merge(visits)", "gives test several rows of 10 ids"),
    ],
)
def test_a_join_that_multiplies_rows_is_refused(tmp_path, monkeypatch, train, test, expected):
    code = JOIN.replace("TRAIN", train).replace("TEST", test)
    with pytest.raises(DataError, match=rf"own_reading\.py: read\(raw\) {expected} in column 'id'"):
        loaded(tmp_path, monkeypatch, code)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train.merge(visits)", "test.merge(visits)"),  # one answer for the rows of an id
        ("train.merge(visits).assign(y=range(80))", "test.assign(visit=0)"),  # rows of their own
        ("train.merge(visits).drop(columns='id')", "test.assign(visit=0)"),
    ],
)
def test_several_rows_of_an_id_may_be_meant(tmp_path, monkeypatch, train, test):
    found = loaded(tmp_path, monkeypatch, JOIN.replace("TRAIN", train).replace("TEST", test))
    assert len(found.train) == 80


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match="there is no pipeline/competitions/nobody"):
        load(LoadStage(read="nobody"), Path("."), Progress())


def test_new_looks_at_what_it_returns_and_copies_every_file(tmp_path, monkeypatch):
    loaded(tmp_path, monkeypatch, READ)  # the files, and the module
    named = settings_given({}, ["load.read=own_reading"])
    made = write_competition("own_reading", tmp_path / "raw", tmp_path, named, tmp_path / "kept")
    assert [path.name for path in made.copies] == ["all.txt"]
    assert 'read = "own_reading"' in made.text and 'target = "y"' in made.text
    copy_raw(made.copies)
    (tmp_path / "own_reading.toml").write_text(made.text)
    settings = load_configuration("own_reading", folder=tmp_path).load
    again = load(LoadStage(**settings.model_dump()), tmp_path / "kept", Progress())
    assert (len(again.train), again.problem.names) == (40, ["x"])

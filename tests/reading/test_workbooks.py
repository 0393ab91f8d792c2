"""A sheet of a workbook is read as the CSV of its cells, or refused in one message."""

import io
import zipfile
from datetime import date, datetime, time

import openpyxl
import pandas as pd
import pytest

from pipeline.errors import DataError
from pipeline.progress import Progress
from pipeline.reading import memory, workbooks
from pipeline.reading.archives import Source
from pipeline.reading.tables import read_table
from pipeline.stage_settings import LoadStage
from pipeline.stages.load import load


def workbook(path, **sheets):
    """An .xlsx file with these sheets: lists of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def rewritten(path, **changed):
    """The workbook with members (by the last part of their names) whose bytes are changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            change = changed.get(name.split("/")[-1].split(".")[0], lambda content: content)
            archive.writestr(name, change(content))
    return path


def test_cells_are_words_as_a_csv_of_them_would_hold(tmp_path):
    header = ["n", "x", "when", "at", "b", "t; u"]
    first = [5.0, 0.1, datetime(2020, 1, 31), time(9, 30), True, 'a "b", c;d']
    second = [None, 1e20, datetime(2020, 1, 31, 12, 5), None, False, "007"]
    rows = [["A title"], [], header, first, second]
    table = read_table(workbook(tmp_path / "t.xlsx", empty=[], Data=rows, other=[["z"], [1]]))
    assert table.words.columns.tolist() == header
    assert table.words.fillna("-").to_numpy().tolist() == [
        ["5", "0.1", "2020-01-31", "09:30:00", "True", 'a "b", c;d'],
        ["-", "1e+20", "2020-01-31 12:05:00", "-", "False", "007"],
    ]
    assert "read the sheet 'Data'; 'other' hold data too" in table.notes[0]
    named = read_table(Source(tmp_path / "t.xlsx", sheet="other"))
    assert named.words["z"].tolist() == ["1"]
    with pytest.raises(DataError, match=r"no sheet 'June'; the workbook has 'empty', 'Data'"):
        read_table(Source(tmp_path / "t.xlsx", sheet="June"))


def test_train_and_test_may_be_sheets_of_one_workbook(tmp_path):
    rows = [[i, date(2020, 1, 1 + i % 28).isoformat(), i % 5] for i in range(60)]
    train = [["id", "day", "size", "y"], *([*row, row[0] % 2] for row in rows)]
    path = workbook(tmp_path / "all.xlsx", 훈련=train, test=[["id", "day", "size"], *rows])
    settings = LoadStage(train="all.xlsx#훈련", test="all.xlsx#test")
    found = load(settings, tmp_path, Progress())
    assert load(LoadStage(), tmp_path, Progress()).problem == found.problem  # by the sheets' names
    assert (found.problem.target, found.problem.id) == ("y", "id")
    assert {feature.name: feature.kind for feature in found.problem.features} == {
        "day": "date",
        "size": "number",
    }
    assert found.files["train"].name == path.name


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "is not a whole workbook"),
        (lambda path: path.write_bytes(b"a,b\n1,2\n"), "is not a whole workbook"),
        (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0"), "old workbook, or locked"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: workbook(path, a=[], b=[]), "no sheet holds data; found 'a', 'b'"),
        (lambda path: rewritten(path, sheet1=lambda c: c[:-40]), "is not a whole workbook"),
        (
            lambda path: rewritten(path, sheet1=lambda c: b"<!DOCTYPE a>" + c),
            "defines entities",
        ),
        (
            lambda path: rewritten(path, sheet1=lambda c: c.replace(b'r="A2"', b'r="ZZZZ2"')),
            "is not a whole workbook",
        ),
        (
            lambda path: rewritten(path, sheet1=lambda c: c.replace(b'r="2"', b'r="99999999"')),
            "1,000 rows at most",
        ),
    ],
)
def test_what_is_no_workbook_is_one_message(tmp_path, monkeypatch, change, expected):
    monkeypatch.setattr(workbooks, "MOST_ROWS", 1000)
    path = workbook(tmp_path / "t.xlsx", a=[["x", "y"], [1, 2]])
    change(path)
    with pytest.raises(DataError, match=expected):
        read_table(path)


def test_what_unpacks_to_more_than_memory_holds_is_refused(tmp_path, monkeypatch):
    path = workbook(tmp_path / "t.xlsx", a=[["x"], *([i] for i in range(3000))])
    monkeypatch.setattr(memory, "available", lambda: 200_000)
    with pytest.raises(DataError, match="memory"):
        read_table(path)


def test_the_same_table_as_csv_and_as_a_workbook_is_read_alike(tmp_path):
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [0.5, None, -1.25], "c": ["x", None, "NA"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    buffer = io.BytesIO()
    frame.to_excel(buffer, index=False)
    (tmp_path / "t.xlsx").write_bytes(buffer.getvalue())
    one, other = (read_table(tmp_path / f"t.{kind}").words for kind in ("csv", "xlsx"))
    pd.testing.assert_frame_equal(one, other)

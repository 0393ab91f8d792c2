"""Bad input ends in one message and exit code 2, and what earlier runs made stays as it was."""

import errno
import hashlib
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import __main__ as command_line
from pipeline.store import Store
from tests.project import Project, copy_project

TOML = """
[load.columns]
age = { kind = "integer", min = 0, max = 120 }
rating = { kind = "integer", min = 0, max = 5 }
cabin = { kind = "category", allowed = ["eco", "business"] }
[split]
folds = 3
[models.linear]
"""


def tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)

    def draw(n: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "id": np.arange(1, n + 1),
                "age": rng.integers(5, 90, size=n),
                "rating": rng.integers(0, 6, size=n),
                "cabin": rng.choice(["eco", "business"], size=n),
            }
        )

    train, test = draw(60), draw(30)
    train["target"] = rng.integers(2, size=60)
    return {"train": train, "test": test, "sample_submission": test[["id"]].assign(target=0)}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """A competition of small CSV files."""
    return copy_project(tmp_path_factory.mktemp("bad"), TOML)


@pytest.fixture
def command(project, monkeypatch, capsys):
    """Run `python -m pipeline ...` in this process -> (exit code, what it wrote to stderr).

    Load and split have run before.
    """
    competitions = project.root / "pipeline" / "competitions"
    monkeypatch.chdir(project.root)
    monkeypatch.setattr("pipeline.workspace.COMPETITIONS", competitions)

    def run(*arguments: str) -> tuple[object, str]:
        monkeypatch.setattr("sys.argv", ["pipeline", *arguments])
        try:
            command_line.main()
        except SystemExit as exit:
            return exit.code or 0, capsys.readouterr().err
        return 0, capsys.readouterr().err

    project.toml.write_text(TOML)
    write(project.raw, tables())
    assert run("run", "split", "tiny") == (0, "")
    return run


def write(raw: Path, frames: dict[str, pd.DataFrame]) -> None:
    shutil.rmtree(raw, ignore_errors=True)
    raw.mkdir(parents=True)
    for name, frame in frames.items():
        frame.to_csv(raw / f"{name}.csv", index=False)


def fingerprint(folder: Path) -> str:
    """A hash of every file below, by name and content."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return found.hexdigest()


def refused(project, run, *arguments: str) -> str:
    """The message when these arguments are refused; the store must stay as it was."""
    store = project.build / "store"
    before = fingerprint(store)
    code, message = run(*arguments)
    assert code == 2, message
    assert message.startswith("error: ")
    assert "Traceback" not in message
    assert fingerprint(store) == before
    assert not list(project.root.rglob("*.tmp"))
    return message


def changed(project, name, change):
    frames = tables()
    frames[name] = change(frames[name])
    write(project.raw, frames)


TABLE_MISTAKES = {
    "duplicate ids": ("test", lambda t: t.assign(id=[1, 1, *t["id"][2:]]), "id"),
    "an id missing in the sample": ("sample_submission", lambda t: t[:-1], "30"),
    "no target": ("train", lambda t: t.drop(columns="target"), "target"),
    "one class only": ("train", lambda t: t.assign(target=1), "one value only"),
    "a column that test lacks": ("test", lambda t: t.drop(columns="cabin"), "cabin"),
    "text where numbers belong": (
        "train",
        lambda t: t.assign(age=["old", *t["age"][1:].astype(str)]),
        "old",
    ),
    "a rating out of range": ("train", lambda t: t.assign(rating=[7, *t["rating"][1:]]), "7"),
    "an unknown category": ("test", lambda t: t.assign(cabin=["first", *t["cabin"][1:]]), "first"),
    "a missing target": ("train", lambda t: t.assign(target=[None, *t["target"][1:]]), "target"),
}


@pytest.mark.parametrize("mistake", TABLE_MISTAKES)
def test_a_table_that_is_wrong(project, command, mistake):
    name, change, named = TABLE_MISTAKES[mistake]
    changed(project, name, change)
    assert named in refused(project, command, "run", "load", "tiny")


def test_a_missing_file(project, command):
    (project.raw / "test.csv").unlink()
    assert "test" in refused(project, command, "run", "load", "tiny")


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("empty", b""),
        ("not a table", b'{"a": [1, 2],\n "b": {"c": 3, "d": 4, "e": 5}}\n'),
        ("binary rubbish", bytes(range(256)) * 20),
    ],
)
def test_a_file_that_is_no_csv(project, command, what, content):
    (project.raw / "train.csv").write_bytes(content)
    assert "train.csv" in refused(project, command, "run", "load", "tiny")


def zipped(raw: Path, member: str = "train.csv") -> bytes:
    with zipfile.ZipFile(raw / "train.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, (raw / "train.csv").read_text())
    (raw / "train.csv").unlink()
    return (raw / "train.zip").read_bytes()


def test_a_truncated_zip(project, command):
    content = zipped(project.raw)
    (project.raw / "train.zip").write_bytes(content[: len(content) // 2])
    assert "train.zip" in refused(project, command, "run", "load", "tiny")


@pytest.mark.parametrize("member", ["../../train.csv", "/etc/train.csv"])
def test_a_zip_with_a_path_that_escapes(project, command, member):
    zipped(project.raw, member)
    assert "train.zip" in refused(project, command, "run", "load", "tiny")


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("folds = 3", "fold = 3", "did you mean 'folds'"),
        ("folds = 3", "folds = '3'", "found '3'"),
        ("[models.linear]", "[models.linear]\n[competition]\nmetric = 'hits'", "hits"),
        ("[models.linear]", "[models.gpt]", "gpt"),
        ("[models.linear]", "[models.linear]\ncolumns = 'age'", "columns"),
    ],
)
def test_a_toml_that_is_wrong(project, command, before, after, named):
    project.toml.write_text(TOML.replace(before, after))
    assert named in refused(project, command, "run", "load", "tiny").lower()


@pytest.mark.parametrize(
    ("metric", "encoded", "named"),
    [
        ("own", 0, "there is no pipeline/competitions/tiny.py"),
        ("qwk", 2, "the target is a binary one"),  # load sees that already
    ],
)
def test_a_metric_that_is_not_there_or_cannot_judge_the_target(
    project, command, metric, encoded, named
):
    project.toml.write_text(TOML + f"[competition]\nmetric = '{metric}'\n")
    assert command("run", "encode", "tiny")[0] == encoded
    assert named in refused(project, command, "run", "train-linear", "tiny")


def test_a_metric_of_another_task(project, command):
    project.toml.write_text(TOML + "[competition]\nmetric = 'rmse'\n")
    message = refused(project, command, "run", "load", "tiny")
    assert "'rmse'" in message
    assert "accuracy" in message


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "value.json"), "disk is full"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "value.json"), "read-only"),
        (MemoryError("Unable to allocate 9.9 TiB"), "not enough memory for this (Unable to"),
        (MemoryError(), "not enough memory for this. Close other programs"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "not enough memory"),
    ],
    ids=["full", "read-only", "too large", "no memory", "no memory for the system"],
)
def test_what_the_system_refuses(project, command, monkeypatch, error, named):
    def fail(self, key, value, seconds=0.0):
        raise error

    changed(project, "train", lambda t: t[:-1])
    monkeypatch.setattr(Store, "put", fail)
    assert named in refused(project, command, "run", "load", "tiny")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "polish", "tiny"), "polish"),
        (("run", "train-gpt", "tiny"), "linear"),
        (("run", "load-linear", "tiny"), "load-linear"),
        (("run", "load", "nowhere"), "nowhere"),
        (("run", "load", "tiny", "--preset", "fast"), "fast"),
        (("predict", "tiny", "rows.csv"), "make C=tiny all"),
        (("submit", "tiny", "1"), "experiment"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_a_command_that_cannot_be_done(project, command, arguments, named):
    assert named in refused(project, command, *arguments)


def test_a_file_where_a_folder_belongs(project, command):
    build = project.build.with_name("kept")
    shutil.rmtree(build, ignore_errors=True)
    project.build.rename(build)
    project.build.write_text("not a folder")
    try:
        code, message = command("run", "load", "tiny")
        assert code == 2
        assert f"{project.build}" in message
        assert "this is a file, where a folder belongs" in message
        assert project.build.read_text() == "not a folder"
    finally:
        project.build.unlink()
        build.rename(project.build)


@pytest.mark.parametrize(
    "deep",
    [
        f"[competition]\ntitle = {'[' * 5000}{']' * 5000}\n",
        f"[explore]\n[presets.quick.explore{'.a' * 2000}]\nb = 1\n",
        f"[explore{'.a' * 2000}]\nb = 1\n[presets.quick.explore{'.a' * 2000}]\nb = 2\n",
    ],
    ids=["brackets", "dots", "dots twice"],
)
def test_a_toml_that_is_nested_too_deeply(project, command, deep):
    project.toml.write_text(f"{TOML}\n{deep}")
    assert "nested more deeply" in refused(project, command, "run", "load", "tiny")


@pytest.mark.parametrize("path", ["{outside}/train.csv", "../../../outside/train.csv"])
def test_a_file_outside_of_the_raw_folder(project, command, path):
    """Its checksum would not be part of what the results were computed from."""
    outside = project.root / "outside"
    outside.mkdir(exist_ok=True)
    (project.raw / "train.csv").rename(outside / "train.csv")
    name = path.format(outside=outside)
    project.toml.write_text(f'{TOML}\n[load]\ntrain = "{name}"\n')
    message = refused(project, command, "run", "load", "tiny")
    assert f'train = "{name}": found a path out of' in message

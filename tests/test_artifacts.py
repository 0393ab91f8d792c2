"""An output appears whole or not at all, and one run at a time works on a competition."""

import errno
import json
import multiprocessing
import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from pipeline.artifacts import Folder, Workspace, replace_folder, to_json, write_atomically
from pipeline.errors import BusyError, DataError


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path, "tiny")


def test_output_that_fails_leaves_the_earlier_one_and_nothing_else(workspace):
    with workspace.stage_output("load", {"digest": "a"}) as out:
        out.write_text("value.txt", "first")
    with (
        pytest.raises(RuntimeError),
        workspace.stage_output("load", {"digest": "b"}) as out,
    ):
        out.write_text("value.txt", "second")
        raise RuntimeError
    assert workspace.stage("load").read_text("value.txt") == "first"
    assert workspace.digest("load") == "a"
    assert [path.name for path in workspace.build.iterdir()] == ["load"]


def test_done_is_as_old_as_the_start_so_that_edits_made_meanwhile_are_newer(workspace, tmp_path):
    edited = tmp_path / "settings.json"
    with workspace.stage_output("load", {"digest": "a"}):
        time.sleep(0.02)
        edited.touch()
    assert (workspace.build / "load" / "DONE").stat().st_mtime_ns < edited.stat().st_mtime_ns


def test_arrays_come_back_equal_and_objects_are_refused(tmp_path):
    folder = Folder(tmp_path)
    arrays = {"a": np.arange(6.0).reshape(2, 3), "b": np.array(["x", "yz"])}
    folder.write_arrays("several", arrays)
    back = folder.read_arrays("several")
    assert all((back[name] == arrays[name]).all() for name in arrays)
    with pytest.raises(ValueError, match="allow_pickle"):
        folder.write_arrays("bad", {"o": np.array([{}], dtype=object)})


def test_json_refuses_nan_because_no_other_reader_would_take_it():
    with pytest.raises(ValueError, match="JSON"):
        to_json({"score": float("nan")})


def test_equal_artifacts_are_equal_bytes(tmp_path):
    for name in ("one", "two"):
        Folder(tmp_path / name).write_arrays("x", {"a": np.arange(5), "b": np.ones(3)})
        time.sleep(1.1 if name == "one" else 0)  # a zip keeps times of two seconds
    assert (tmp_path / "one/x.npz").read_bytes() == (tmp_path / "two/x.npz").read_bytes()


def test_replace_folder_drops_the_old_content(tmp_path):
    Folder(tmp_path / "old").write_text("gone.txt", "")
    Folder(tmp_path / "new").write_text("kept.txt", "")
    replace_folder(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["kept.txt"]


def test_write_atomically_leaves_the_old_file_when_writing_fails(tmp_path):
    path = tmp_path / "ledger.jsonl"
    write_atomically(path, "old")
    with pytest.raises(TypeError):
        write_atomically(path, 7)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def hold(workspace, run, ready):
    with workspace.locked(run):
        ready.set()
        time.sleep(60)


@pytest.fixture
def holder(workspace):
    """A process of run 'one' that holds the lock."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(workspace, "one", ready))
    process.start()
    assert ready.wait(30)
    yield process
    process.kill()
    process.join()


def test_another_run_is_refused_and_the_same_run_is_let_in(workspace, holder):
    with (
        pytest.raises(BusyError, match=rf"process {holder.pid}\).*one at a time"),
        workspace.locked("two"),
    ):
        pass
    with workspace.locked("one"):
        pass


def test_a_killed_run_leaves_no_lock(workspace, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with workspace.locked("two"):
        pass


def test_digest_is_that_of_done(workspace):
    with workspace.stage_output("train/linear", {"digest": "abc"}):
        pass
    done = workspace.build / "train" / "linear" / "DONE"
    assert workspace.digest("train/linear") == json.loads(done.read_text())["digest"] == "abc"


@pytest.mark.parametrize(
    ("write", "read", "filename"),
    [
        (lambda f: f.write_array("x", np.arange(9)), lambda f: f.read_array("x"), "x.npy"),
        (
            lambda f: f.write_arrays("x", {"a": np.arange(9)}),
            lambda f: f.read_arrays("x"),
            "x.npz",
        ),
        (lambda f: f.write_json("x", [1, 2]), lambda f: f.read_json("x"), "x.json"),
        (
            lambda f: f.write_table("x", pd.DataFrame({"a": [1, 2]})),
            lambda f: f.read_table("x"),
            "x.parquet",
        ),
    ],
)
def test_a_damaged_or_missing_artifact_is_told_in_one_sentence(tmp_path, write, read, filename):
    folder, path = Folder(tmp_path), tmp_path / filename
    write(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=f"{filename}: this artifact .* is damaged"):
        read(folder)
    path.unlink()
    with pytest.raises(DataError, match=f"{filename}: this artifact .* is missing"):
        read(folder)


def test_a_disk_that_is_full_while_one_file_is_replaced_is_named(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_atomically(tmp_path / "ledger.jsonl", "new")
    assert caught.value.filename == str(tmp_path / "ledger.jsonl")
    assert not list(tmp_path.iterdir())


def test_a_short_write_of_numpy_is_a_full_disk_at_a_named_file(tmp_path, monkeypatch):
    def short(*arguments, **options):
        raise OSError("40641 requested and 32736 written")

    monkeypatch.setattr(np, "save", short)
    with pytest.raises(OSError, match="No space left") as caught:
        Folder(tmp_path).write_array("x", np.arange(9))
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "x.npy")

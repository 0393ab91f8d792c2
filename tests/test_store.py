"""The store: a value is there whole or not at all, whatever happens while it is written."""

import multiprocessing
import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.store import MANIFEST, MEASURED, UNFINISHED, Key, Store

KEY = Key.of("train", {"settings": {"lr": 0.1}})


@dataclass(frozen=True)
class Value:
    frame: pd.DataFrame
    small: np.ndarray
    large: np.ndarray
    names: tuple[str, ...]
    seconds: float = field(default=0.0, metadata=MEASURED)


def value(seconds: float = 0.0) -> Value:
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None]})
    return Value(frame, np.arange(5), np.arange(200_000.0), ("a", "ü"), seconds)


def same(one: Value | None, other: Value) -> bool:
    return (
        one is not None
        and one.frame.equals(other.frame)
        and np.array_equal(one.small, other.small)
        and np.array_equal(one.large, other.large)
        and one.names == other.names
    )


def test_a_key_is_what_a_value_is_computed_from():
    assert Key.of("train", {"a": 1, "b": 2}) == Key.of("train", {"b": 2, "a": 1})
    assert Key.of("train", {"a": 1}) != Key.of("train", {"a": 2})
    assert Key.of("train", {"a": 1}) != Key.of("tune", {"a": 1})


def test_what_is_put_is_what_another_process_gets(tmp_path):
    Store(tmp_path).put(KEY, value())
    assert same(Store(tmp_path).get(KEY, Value), value())
    assert list(Store(tmp_path).keys()) == [KEY]


def test_large_arrays_are_read_as_memory_maps(tmp_path):
    Store(tmp_path).put(KEY, value())
    found = Store(tmp_path).get(KEY, Value)
    assert isinstance(found.large, np.memmap)
    assert not found.large.flags.writeable


def test_measured_seconds_are_no_part_of_what_a_value_is(tmp_path):
    one = Store(tmp_path / "one").put(KEY, value(1.0), seconds=3.0)
    other = Store(tmp_path / "other").put(KEY, value(2.0), seconds=4.0)
    assert one.digest == other.digest
    assert Store(tmp_path / "other").get(KEY, Value).seconds == 2.0
    assert Store(tmp_path / "other").manifest(KEY).seconds == 4.0


@dataclass(frozen=True)
class Page:
    title: str
    html: str = field(metadata=MEASURED)


def test_nor_are_long_texts_that_are_measured(tmp_path):
    one, other = (Store(tmp_path / html).put(KEY, Page("a", 20_000 * html)).digest for html in "xy")
    assert one == other
    assert Store(tmp_path / "y").get(KEY, Page) == Page("a", 20_000 * "y")
    assert Store(tmp_path).put(KEY, Page("b", 20_000 * "x")).digest != one


# -- damage ----------------------------------------------------------------------------------------


def files_of(root: Path) -> list[Path]:
    return sorted((root / KEY.path).iterdir())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.999])
def test_a_flipped_bit_in_any_file_is_found_and_mended_by_putting_again(tmp_path, share):
    Store(tmp_path).put(KEY, value(), seconds=1.5)
    for path in files_of(tmp_path):
        content = bytearray(path.read_bytes())
        content[int(share * len(content))] ^= 1
        path.write_bytes(content)
        store = Store(tmp_path)
        assert store.get(KEY, Value) is None, path.name
        store.put(KEY, value(), seconds=1.5)
        assert same(Store(tmp_path).get(KEY, Value), value()), path.name


@pytest.mark.parametrize("how", ["deleted", "emptied", "zeroed", "a folder"])
def test_a_file_that_is_gone_or_empty_is_found(tmp_path, how):
    Store(tmp_path).put(KEY, value())
    for path in files_of(tmp_path):
        content = path.read_bytes()
        path.unlink()
        if how == "emptied":
            path.write_bytes(b"")
        elif how == "zeroed":
            path.write_bytes(bytes(len(content)))
        elif how == "a folder":
            path.mkdir()
        assert Store(tmp_path).get(KEY, Value) is None, path.name
        store = Store(tmp_path)
        store.put(KEY, value())
        assert same(store.get(KEY, Value), value())


@pytest.mark.parametrize("how", ["endless", "a pipe", "a link", "huge"])
def test_what_could_be_read_without_end_is_not_read(tmp_path, how):
    Store(tmp_path).put(KEY, value())
    for path in files_of(tmp_path):
        content = path.read_bytes()
        path.unlink()
        if how == "endless":
            path.symlink_to("/dev/zero")
        elif how == "a pipe":
            os.mkfifo(path)
        elif how == "a link":
            (tmp_path / path.name).write_bytes(content)
            path.symlink_to(tmp_path / path.name)
        else:
            path.write_bytes(content)
            os.truncate(path, 2**40)  # a hole: hashing it would take minutes
        assert Store(tmp_path).get(KEY, Value) is None, path.name
        Store(tmp_path).put(KEY, value())
        assert same(Store(tmp_path).get(KEY, Value), value()), path.name


def test_a_value_of_another_digest_is_not_the_one_that_is_asked_for(tmp_path):
    digest = Store(tmp_path).put(KEY, value()).digest
    store = Store(tmp_path)
    assert store.manifest(KEY, digest) is not None
    assert store.manifest(KEY, "0" * 64) is None


def test_a_value_of_another_type_is_none_of_ours(tmp_path):
    @dataclass(frozen=True)
    class Other:
        what: int

    Store(tmp_path).put(KEY, Other(3))
    assert Store(tmp_path).get(KEY, Value) is None


def test_foreign_files_do_no_harm(tmp_path):
    store = Store(tmp_path)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "notes.txt").write_text("mine")
    (tmp_path / "train" / "folder").mkdir()
    store.put(KEY, value())
    (tmp_path / KEY.path / "notes.txt").write_text("mine")
    assert same(Store(tmp_path).get(KEY, Value), value())
    assert list(Store(tmp_path).keys()) == [KEY]
    store.prune([KEY])
    assert (tmp_path / "train" / "notes.txt").exists()


@pytest.mark.parametrize("what", ["file", "empty folder", "full folder", "dead link"])
def test_what_stands_where_a_value_belongs_is_moved_out_of_the_way(tmp_path, what):
    place = tmp_path / KEY.path
    place.parent.mkdir(parents=True)
    if what == "file":
        place.write_text("x")
    elif what == "dead link":
        place.symlink_to(tmp_path / "nowhere")
    else:
        place.mkdir()
        if what == "full folder":
            (place / "x").write_text("x")
    store = Store(tmp_path)
    store.put(KEY, value())
    assert same(Store(tmp_path).get(KEY, Value), value())


def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    store = Store(tmp_path / "store")
    store.put(KEY, value())
    manifest = tmp_path / "store" / KEY.path / "value.json"
    manifest.write_text(manifest.read_text().replace("frame.parquet", "../../../secret.txt"))
    assert Store(tmp_path / "store").get(KEY, Value) is None


# -- kills, other writers, a full disk -------------------------------------------------------------

CALLS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.utime")


def put_and_die(root: Path, at: int) -> None:
    """Put the value; the process is gone at the call number `at` that changes the disk."""
    store, made = Store(root), value()
    store.put(Key.of("warm", {}), made)  # imports are done, so that only the calls of `put` count
    calls = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal calls
        if event in CALLS and str(root) in str(arguments[0]):
            calls += 1
            if calls == at:
                os._exit(9)

    sys.addaudithook(count)
    store.put(KEY, made)
    os._exit(0)


def test_a_kill_at_any_call_leaves_the_value_whole_or_absent(tmp_path):
    fork = multiprocessing.get_context("fork")
    outcomes = []
    for at in range(1, 200):
        root = tmp_path / str(at)
        process = fork.Process(target=put_and_die, args=(root, at))
        process.start()
        process.join()
        found = Store(root).get(KEY, Value)
        outcomes.append(found is not None)
        assert found is None or same(found, value())
        Store(root).put(KEY, value())
        assert same(Store(root).get(KEY, Value), value())
        if process.exitcode == 0:
            break
    assert process.exitcode == 0, "there are more calls than were tried"
    assert outcomes[0] is False and outcomes[-1] is True
    assert at > 5


def put_often(root: Path, start: object) -> None:
    start.wait()
    for number in range(20):
        Store(root).put(Key.of("train", {"n": number}), value())


def test_several_writers_of_one_key_all_end_well(tmp_path):
    fork = multiprocessing.get_context("fork")
    start = fork.Barrier(4)
    writers = [fork.Process(target=put_often, args=(tmp_path, start)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    for number in range(20):
        assert same(Store(tmp_path).get(Key.of("train", {"n": number}), Value), value())
    assert not list((tmp_path / UNFINISHED).iterdir())


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, at):
    written, opened = [], Path.open

    def full(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if mode == "wb":
            written.append(path)
            if len(written) == at:
                return opened(Path("/dev/full"), mode)
        return opened(path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    store = Store(tmp_path)
    with pytest.raises(OSError, match="No space left"):
        store.put(KEY, value())
    assert store.get(KEY, Value) is None
    assert not list((tmp_path / UNFINISHED).iterdir())
    assert not (tmp_path / KEY.path).exists()


# -- what is kept ----------------------------------------------------------------------------------


def test_prune_keeps_values_and_what_is_part_of_them(tmp_path):
    store = Store(tmp_path)
    fit, other = Key.of("fit", {"n": 1}), Key.of("fit", {"n": 2})
    test, lost = Key.of("test", {"n": 1}), Key.of("test", {"n": 2})
    for key, whole in ((fit, ""), (other, ""), (test, fit.hash), (lost, other.hash)):
        store.put(key, value(), part_of=whole)
    assert store.prune([fit]) == 2
    assert set(Store(tmp_path).keys()) == {fit, test}


def test_size_passes_over_what_another_run_takes_away_meanwhile(tmp_path, monkeypatch):
    """A folder of .unfinished goes while the others are counted."""
    store, stat = Store(tmp_path / "store"), os.stat
    store.put(KEY, value())
    size = store.size()
    for name in ("first", "second"):
        folder = store.root / UNFINISHED / name
        folder.mkdir(parents=True)
        (folder / "value.json").write_text("{}")

    def stat_and_delete(path, *rest, **others):
        if os.path.basename(path) == "value.json" and UNFINISHED in str(path):
            for each in ("first", "second"):
                shutil.rmtree(store.root / UNFINISHED / each, ignore_errors=True)
        return stat(path, *rest, **others)

    monkeypatch.setattr(os, "stat", stat_and_delete)
    assert store.size() == size


def test_clean_empties_and_size_says_how_much_there_is(tmp_path):
    store = Store(tmp_path / "store")
    assert store.size() == 0
    store.put(KEY, value())
    files = files_of(tmp_path / "store")
    assert store.size() == sum(path.stat().st_size for path in files)
    assert MANIFEST in {path.name for path in files}
    assert store.clean()
    assert store.get(KEY, Value) is None
    assert not store.clean()

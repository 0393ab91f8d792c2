"""What was found of a file is found again, and only for the very same bytes."""

import marshal
import sys

import pytest

from pipeline.source import SourceCache, parse

ONE = b'"""Words."""\nfrom . import helper\nimport numpy as np\n\nx = np.ones(1)\n'
OTHER = ONE.replace(b"1)", b"2)")


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A cache that holds ONE of package a."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    cache = SourceCache(tmp_path)
    cache.source(ONE, ["a"])
    cache.save()
    return cache.path


def test_another_process_finds_what_one_has_found(written, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.source.parse", None)  # would raise if it were called
    assert SourceCache(tmp_path).source(ONE, ["a"]) == parse(ONE, ["a"])


@pytest.mark.parametrize(("content", "package"), [(OTHER, ["a"]), (ONE, ["b"])])
def test_other_bytes_and_another_package_are_parsed(written, tmp_path, content, package):
    found = SourceCache(tmp_path).source(content, package)
    assert found == parse(content, package) != parse(ONE, ["a"])


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"files": {}}', b"\xff"])
def test_a_damaged_cache_is_made_anew(written, tmp_path, damage):
    written.write_bytes(damage)
    assert SourceCache(tmp_path).source(ONE, ["a"]) == parse(ONE, ["a"])


def test_two_processes_keep_what_each_has_added(written, tmp_path):
    one, other = SourceCache(tmp_path), SourceCache(tmp_path)
    one.source(OTHER, ["a"])
    other.source(OTHER, ["b"])
    one.save()
    other.save()
    assert len(SourceCache(tmp_path).known) == 3


def test_compiled_code_of_other_bytes_is_not_taken(tmp_path):
    path, cache = tmp_path / "one.py", SourceCache(tmp_path)
    compiled = marshal.dumps(compile(ONE, "elsewhere.py", "exec"))
    assert cache.is_compiled_from(compiled, ONE, path)
    assert not cache.is_compiled_from(compiled, OTHER, path)
    assert cache.is_compiled_from(compiled, ONE, path)  # as it was found before


def test_where_nothing_may_be_written_nothing_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    cache = SourceCache(tmp_path)
    cache.source(ONE, ["a"])
    cache.save()
    assert not list(tmp_path.iterdir())

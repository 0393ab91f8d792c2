"""A run that would do nothing is known before it begins: by bytes, never by times."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from pipeline import unchanged
from pipeline.ledger import FILENAME, Entry, append, record_score
from tests.project import ROOT


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that may be changed: the fingerprint is that of its code."""
    copied = tmp_path / "package"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "pipeline", copied, ignore=ignored)
    monkeypatch.setattr(unchanged, "PACKAGE", copied)
    return copied


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder of installed packages."""
    folder = tmp_path / "site-packages"
    (folder / "numpy-2.3.0.dist-info").mkdir(parents=True)
    monkeypatch.setattr(unchanged, "_packages", lambda: folder)
    return folder


@pytest.fixture
def fingerprint(small, package, packages):
    return lambda preset="default": unchanged.fingerprint(small.workspace, preset)


def flip(path):
    """Change one bit in the middle of a file, of equal size and time."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


CHANGES = {
    "a bit of a raw file": lambda small, *_: flip(small.test_file),
    "a raw file added": lambda small, *_: (small.workspace.raw / "more.csv").touch(),
    "a raw file in a folder": lambda small, *_: put(small.workspace.raw / "more" / "extra.csv"),
    "a raw file deleted": lambda small, *_: small.test_file.unlink(),
    "a raw file renamed": lambda small, *_: small.test_file.rename(
        small.test_file.with_name("tests.csv")
    ),
    "the TOML": lambda small, *_: small.edit("folds = 2", "folds = 3"),
    "a bit of code": lambda _, package, __: flip(package / "from_scratch" / "losses.py"),
    "a module added": lambda _, package, __: (package / "models" / "mine.py").touch(),
    "a module deleted": lambda _, package, __: (package / "models" / "rnn.py").unlink(),
    "two modules exchanged": lambda _, package, __: exchange(
        package / "encoding" / "__init__.py", package / "models" / "__init__.py"
    ),
    "a file beside the features": lambda _, package, __: put(package / "competitions" / "a.csv"),
    "a template": lambda _, package, __: flip(package / "templates" / "page.css"),
    "a package of another version": lambda _, __, packages: (
        packages / "numpy-2.3.0.dist-info"
    ).rename(packages / "numpy-2.3.1.dist-info"),
    "a package added": lambda _, __, packages: (packages / "catboost-1.2.dist-info").mkdir(),
    "a leaderboard score": lambda small, *_: score(small, 0.9),
    "a damaged ledger": lambda small, *_: put(small.workspace.submissions / FILENAME, "[\n"),
}


def exchange(one, other):
    """Two files of one name."""
    first, second = one.read_bytes(), other.read_bytes()
    assert first != second
    one.write_bytes(second)
    other.write_bytes(first)


def put(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def score(small, value):
    record_score(small.submissions[0], value, "tiny")


@pytest.mark.parametrize("change", CHANGES)
def test_everything_that_a_run_depends_on_counts(small, package, packages, fingerprint, change):
    before = fingerprint()
    CHANGES[change](small, package, packages)
    assert fingerprint() != before


def test_python_s_version_counts(fingerprint, monkeypatch):
    before = fingerprint()
    monkeypatch.setattr(sys, "version_info", (3, 99, 1))
    assert fingerprint() != before


def test_the_preset_counts(fingerprint):
    assert fingerprint("quick") != fingerprint()


NO_CHANGES = {
    "times": lambda small, package, packages: [
        os.utime(path, (4e9, 4e9))
        for path in (*small.root.rglob("*"), *package.rglob("*.py"), *packages.iterdir())
    ],
    "another competition": lambda small, *_: put(small.settings / "other.toml", "[split]\n"),
    "raw files of another competition": lambda small, *_: put(
        small.workspace.raw.parent / "other" / "train.csv"
    ),
    "compiled code": lambda _, package, __: put(package / "__pycache__" / "flow.pyc"),
    "words for people": lambda _, package, __: flip(package / "from_scratch" / "README.md"),
    "a submission that nobody has scored": lambda small, *_: append(
        small.workspace.submissions / FILENAME, Entry("else.csv", metric="accuracy", note="hm")
    ),
}


@pytest.mark.parametrize("change", NO_CHANGES)
def test_what_a_run_does_not_depend_on_counts_for_nothing(
    small, package, packages, fingerprint, change
):
    before = fingerprint()
    NO_CHANGES[change](small, package, packages)
    assert fingerprint() == before


# -- what the last run left ------------------------------------------------------------------------


def is_unchanged(small, goal="all", preset="default"):
    return unchanged.is_unchanged(small.workspace, goal, preset)


def test_after_a_complete_run_there_is_nothing_to_do(small):
    seen = is_unchanged(small)
    (file,) = small.submissions
    assert seen is not None and seen.headline.startswith(f"submissions/tiny/{file.name} (Accuracy")


@pytest.mark.parametrize(("goal", "preset"), [("blend", "default"), ("all", "quick")])
def test_another_goal_or_preset_is_looked_at(small, goal, preset):
    assert is_unchanged(small, goal, preset) is None


DAMAGE = {
    "a bit of a value": lambda small: flip(next(small.store.root.glob("blend/*/*.npz"))),
    "a bit of a manifest": lambda small: flip(next(small.store.root.glob("load/*/manifest.json"))),
    "a value's file deleted": lambda small: next(
        small.store.root.glob("load/*/*.parquet")
    ).unlink(),
    "a stage's values deleted": lambda small: shutil.rmtree(small.store.root / "train"),
    "the store deleted": lambda small: small.store.clean(),
    "the submission deleted": lambda small: small.submissions[0].unlink(),
    "a bit of the submission": lambda small: flip(small.submissions[0]),
    "the report deleted": lambda small: (small.build / "report.html").unlink(),
    "a bit of the experiment's report": lambda small: flip(
        small.workspace.experiments / "0001" / "report.html"
    ),
    "the exploration deleted": lambda small: (small.build / "explore.html").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_missing_or_damaged_is_looked_at(small, damage):
    DAMAGE[damage](small)
    assert is_unchanged(small) is None


@pytest.mark.parametrize("damage", [name for name in DAMAGE if name != "a bit of the submission"])
def test_and_is_there_again_after_a_run(small, damage):
    before = small.submissions[0].read_bytes()
    DAMAGE[damage](small)
    small.run()
    assert is_unchanged(small) is not None
    assert [file.read_bytes() for file in small.submissions] == [before]


def test_a_submission_that_was_changed_is_never_overwritten(small, command):
    flip(small.submissions[0])
    before = small.submissions[0].read_bytes()
    code, _, error = command("run", "all", "tiny")
    assert (code, "this was changed after it was written" in error) == (2, True), error
    assert small.submissions[0].read_bytes() == before


BROKEN = [
    b"",
    b"\xff\xfe",
    b"[]",
    b"{}",
    b"null",
    b'{"keys": [[1, 2]]}',
    b'{"keys": 1}',
    b"[" * 9999,
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_record_is_no_reason_to_do_nothing(small, content):
    (small.build / unchanged.FILENAME).write_bytes(content)
    assert is_unchanged(small) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("files", {"/etc/passwd": "0"}),
        ("files", {"../../nowhere": "0"}),
        ("files", [1]),
        ("files", {}),
        ("keys", []),
        ("keys", [["..", ".."]]),
        ("fingerprint", 1),
        ("headline", None),
        ("more", "fields"),
    ],
)
def test_a_record_that_somebody_changed_is_no_reason_to_do_nothing(small, field, value):
    path = small.build / unchanged.FILENAME
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    assert is_unchanged(small) is None


def test_a_comment_in_the_toml_is_looked_at_once(small, command):
    small.edit("[split]", "# a comment\n[split]")
    for first in (True, False):
        assert (is_unchanged(small) is None) == first
        code, output, _ = command("run", "all", "tiny")
        assert (code, output.startswith("nothing to do: submissions/tiny/tiny_")) == (0, True)
    assert [path.name for path in small.workspace.experiments.glob("0*")] == ["0001"]


def test_a_change_while_a_run_is_at_work_is_looked_at_by_the_next(small, monkeypatch):
    """The fingerprint is taken before anything is read."""
    from pipeline import summary

    summarise = summary.summarise

    def edited_meanwhile(*arguments):
        small.edit("max_rounds = 4", "max_rounds = 3")
        return summarise(*arguments)

    monkeypatch.setattr(summary, "summarise", edited_meanwhile)
    small.edit("max_rounds = 5", "max_rounds = 4")
    small.run()
    assert is_unchanged(small) is None


def test_nothing_heavy_is_imported_to_do_nothing(small):
    program = (
        "import sys; from pathlib import Path; from pipeline import workspace\n"
        "workspace.COMPETITIONS = Path('competitions')\n"
        "sys.argv = ['pipeline', 'run', 'all', 'tiny']\n"
        "from pipeline.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'numpy', 'pandas', 'sklearn', 'rich', 'pyarrow'} & {*sys.modules})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=small.root, env=environment, capture_output=True, text=True)
    said, imported = done.stdout.splitlines()
    assert said.startswith("nothing to do: submissions/tiny/")
    assert imported == "set()"

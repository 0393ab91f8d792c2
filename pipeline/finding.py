"""Which file is train, test and sample: by name, in folders, zips and zips within zips."""

import re
from collections.abc import Mapping
from pathlib import Path

from pipeline.archives import Source, content, is_hidden, is_table, listed, members, readable
from pipeline.errors import DataError

IN_ZIP = re.compile(r"(?i)(?<=\.zip)/")  # where the name of a member begins
PUT_THERE = (
    "Put the organiser's files there as you downloaded them: train.csv, test.csv and "
    "sample_submission.csv, or the zip that holds them"
)


def find_files(folder: Path, names: Mapping[str, str | None] | None = None) -> dict[str, Source]:
    """Which file is train, test and sample, by their names; `names` settles what names leave open.

    names: role -> file in the folder, or "archive.zip/member". Returns role -> source; "sample" is
    left out where there is none. Two files with the same bytes count as one.
    """
    given = {role: name for role, name in (names or {}).items() if name}
    found = {role: _named(folder, role, name) for role, name in given.items()}
    wanted = [role for role in ("train", "test", "sample") if role not in found]
    candidates = _candidates(folder) if wanted else []
    for role in wanted:
        sources = [source for candidate, source in candidates if candidate == role]
        if sources:
            found[role] = _only(sources, role)
        elif role != "sample":
            there = listed([source for _, source in candidates])
            raise DataError(
                f"{folder}: no {role} table; found {there}. {PUT_THERE}, or name the file in the "
                f'competition\'s TOML: [load] {role} = "...".'
            )
    return found


def locate(path: Path) -> Source:
    """The table at this path, which may lead into a zip: "archive.zip/test.csv"."""
    archive = next(
        (p for p in path.parents if p.name.lower().endswith(".zip") and p.is_file()), None
    )
    if archive is None:
        return sole_table(Source(path))
    inner = IN_ZIP.split(path.relative_to(archive).as_posix())
    return sole_table(Source(archive, tuple(inner)))


def _role(name: str) -> str | None:
    """train*, test*, *sample* or *submission* -> its role."""
    name = name.lower()
    for role in ("train", "test"):
        if name.startswith(role):
            return role
    return "sample" if "sample" in name or "submission" in name else None


def _candidates(folder: Path) -> list[tuple[str | None, Source]]:
    """(role, source) of every table in the folder, its sub-folders and their zips, plain first."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder. Make it. {PUT_THERE}.")
    with readable(folder):
        paths = [path for pattern in ("*", "*/*") for path in sorted(folder.glob(pattern))]
    found: list[tuple[str | None, Source]] = []
    for path in paths:
        if not is_hidden(str(path.relative_to(folder))) and is_table(path.name) and path.is_file():
            found += _tables(Source(path))
    return sorted(found, key=lambda candidate: len(candidate[1].members))


def _tables(source: Source) -> list[tuple[str | None, Source]]:
    """(role, source) of the table itself, or of each in the zip.

    A zip in the zip is opened if its name has a role. The only table of train.zip is train,
    whatever its name.
    """
    if not source.name.endswith(".zip"):
        return [(_role(source.name), source)]
    tables = [
        table
        for member in members(source)
        if is_table(member.name)
        and (not member.name.endswith(".zip") or (_role(member.name) and not source.members))
        for table in _tables(member)
    ]
    if len(tables) == 1:
        return [(tables[0][0] or _role(source.name), tables[0][1])]
    return tables


def _only(sources: list[Source], role: str) -> Source:
    """The first of them, if they all hold the same bytes (a zip beside what was unpacked of it)."""
    if len(sources) > 1 and len({content(source) for source in sources}) > 1:
        raise DataError(
            f"{len(sources)} files may be the {role} table: {listed(sources)}. Keep "
            f'one, or say which in the competition\'s TOML: [load] {role} = "..." (a file in the '
            'folder, or "archive.zip/member").'
        )
    return sources[0]


def _named(folder: Path, role: str, name: str) -> Source:
    """The source that the TOML names: "foo.csv", "foo.zip" or "archive.zip/foo.csv"."""
    first, *inner = IN_ZIP.split(name)
    source = Source(folder / first, tuple(inner))
    if not source.path.exists():
        raise DataError(
            f'{source.path}: no such file, named by [load] {role} = "{name}". Put it there, or '
            "correct the name in the competition's TOML."
        )
    if inner:
        content(source)
    return sole_table(source)


def sole_table(source: Source) -> Source:
    """The source, or the only table in it if it is a zip."""
    tables = [table for _, table in _tables(source)]
    if len(tables) != 1:
        raise DataError(
            f"{source} must hold one table; found {listed(tables)}. Name the one that is meant."
        )
    return tables[0]

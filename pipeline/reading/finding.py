"""Which file is train, test, sample and labels: by name, in folders, zips and zips within zips."""

import json
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import DataError
from pipeline.reading.archives import (
    WORKBOOK,
    Source,
    content,
    digest,
    is_hidden,
    is_table,
    is_text,
    listed,
    members,
    require_member,
    without_sheet,
)
from pipeline.reading.naming import WORD_KINDS, FileRole, classify, words
from pipeline.reading.workbooks import sheet_names
from pipeline.wording import printable, some

IN_ZIP = re.compile(r"(?i)(?<=\.zip)/")  # where the name of a member begins
DEEPEST = 4  # folders within the folder
NONE = "none"  # instead of a file's name: there are no rows to predict, no sample, no labels apart
MOST_NAMED = 12  # files in a message, and files that are compared byte by byte
FEATURES = {"x", "feature", "features", "values", "피처", "특성"}
ROLES = {
    "train": "train table",
    "test": "test table",
    "sample": "sample submission",
    "labels": "file of train's labels",
}
PUT_THERE = (
    "Put the organiser's files there as you downloaded them: train.csv, test.csv and "
    "sample_submission.csv, or the zip that holds them"
)
UNREAD = {  # kinds of file that may hold a table and are not read
    (".xls", ".xlsm", ".xlsb", ".ods"): "such a workbook is not read: save it as .xlsx, or as CSV",
    (".rar", ".7z", ".tar", ".tgz", ".tar.gz"): "an archive, not read: unpack it",
    (".json", ".jsonl", ".ndjson", ".arff", ".feather", ".h5"): "not read: save it as CSV",
    (".pkl", ".pickle", ".rds", ".rdata", ".sav", ".dta"): "not read: save it as CSV",
}


@dataclass(frozen=True)
class Files:
    """Role -> source, with no entry for test, sample or labels that are not there.

    notes: a message on each choice that was not plain; others: tables of no role.
    """

    sources: dict[str, Source]
    notes: tuple[str, ...] = ()
    others: tuple["TableFile", ...] = ()


@dataclass(frozen=True)
class TableFile:
    """A file that may hold a table, and the role that its name implies.

    shown: its path as one would name it in the TOML; problem: why it cannot be read, "" if it can.
    """

    source: Source
    shown: str
    implied: FileRole
    problem: str = ""

    @property
    def fit(self) -> tuple[int, bool]:
        """How well the name fits the role; the least is best."""
        return self.implied.rank, is_text(self.source.name)

    @property
    def reason(self) -> str:
        return self.problem or self.implied.why

    def __str__(self) -> str:
        return printable(self.shown)


def find_files(
    places: Path | Sequence[Path],
    names: Mapping[str, str | None] | None = None,
    *,
    anywhere: bool = False,
    without: Collection[str] = (),
) -> Files:
    """Which file is train, test, sample and train's labels; `names` settles what names leave open.
    Other roles, those of side tables, have the file that is named.

    places: folders to look through, or single files, zips among them. names: role -> file in a
    place, or "archive.zip/member"; with `anywhere` it may be any other path too, and labels are
    looked for although train is named. The name "none" stands for no test table (and no sample of
    it), no sample, or no labels apart. Two files with the same bytes count as one. Files `without`
    a role are named like those of `names`.
    """
    places = [places] if isinstance(places, Path) else list(places)
    files = [file for file in _files(places) if file.shown not in without]
    given = {role: name for role, name in (names or {}).items() if name}
    if given.get("test") == NONE:
        given.setdefault("sample", NONE)
    found = {
        role: _named(places, role, name, files, anywhere)
        for role, name in given.items()
        if name != NONE or role == "train"
    }
    taken, notes = {*found.values()}, []
    free = [file for file in files if file.source not in taken]
    for role in (role for role in ROLES if role not in given):
        if role == "labels" and "train" in given and not anywhere:
            continue
        fitting, note = _fitting(free, role), ""
        if role == "labels":
            fitting, note = _labels(fitting, found["train"])
        if fitting:
            found[role], note = _choice(fitting, role)
        elif role in ("train", "test"):
            raise _absent(places, role, files)
        notes += [note] if note else []
    return Files(found, (*notes, *_test_labels(free, found)), tuple(_of_no_role(free, found)))


def named_file(place: Path, role: str, name: str) -> Source:
    """The file of this name in the place, as [load] names it."""
    return _named([place], role, name, _files([place]), anywhere=False)


def locate(path: Path) -> Source:
    """The table at this path, which may lead into a zip: "archive.zip/test.csv", and name the sheet
    of a workbook: "new.xlsx#June"."""
    name, sheet = without_sheet(path.name)
    if sheet and not path.exists():
        return replace(locate(path.with_name(name)), sheet=sheet)
    archive = next(
        (p for p in path.parents if p.name.lower().endswith(".zip") and p.is_file()), None
    )
    if archive is None:
        return sole_table(Source(path))
    inner = IN_ZIP.split(path.relative_to(archive).as_posix())
    return sole_table(Source(archive, tuple(inner)))


def sole_table(source: Source) -> Source:
    """The source, or the only table in it if it is a zip."""
    tables = _tables(source)
    if len(tables) != 1:
        held = listed([table for table, _ in tables])
        raise DataError(f"{source} must hold one table; found {held}. Name the one that is meant.")
    return tables[0][0]


# -- what there is ---------------------------------------------------------------------------------


def _files(places: Sequence[Path]) -> list[TableFile]:
    """Every file in the places that may hold a table: plain ones first, then by depth and name."""
    found = [file for place in places for file in _in_place(place)]
    return sorted(found, key=lambda c: (len(c.source.members), c.shown.count("/")))


def _in_place(place: Path) -> Iterator[TableFile]:
    if not place.exists():
        raise DataError(f"{place}: no such folder or file. Make it. {PUT_THERE}.")
    base = place if place.is_dir() else place.parent
    for path in _paths(place) if place.is_dir() else [place]:
        folder = "" if path.parent == base else path.parent.name
        problem, found = _problem(path), []
        if problem:
            found = [(Source(path), classify(path.name, folder))]
        elif is_table(path.name):
            found = [each for table in _tables(Source(path), folder) for each in _sheets(*table)]
        for source, implied in found:
            shown = "/".join((source.path.relative_to(base).as_posix(), *source.members))
            shown += f"#{source.sheet}" if source.sheet else ""
            yield TableFile(source, shown, implied, problem)


def _paths(folder: Path) -> Iterator[Path]:
    """The files in the folder and in those within it, without hidden ones."""

    def refuse(error: OSError) -> None:
        raise DataError(
            f"{error.filename} cannot be read: {error.strerror}. Change its permissions."
        )

    seen: set[str] = set()
    for root, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        here = Path(root)
        deep = len(here.relative_to(folder).parts) >= DEEPEST
        known = os.path.realpath(root) in seen  # by a link
        seen.add(os.path.realpath(root))
        ends = deep or known
        folders[:] = [] if ends else sorted(name for name in folders if not is_hidden(name))
        yield from (here / name for name in sorted(names) if not (known or is_hidden(name)))


def _problem(path: Path) -> str:
    """Why the file cannot be read; "" if it can, or may hold no table."""
    if is_table(path.name) and path.is_symlink() and not path.exists():
        return f"a link to {printable(os.readlink(path))}, where there is no file"
    name = path.name.lower()
    return next((what for ends, what in UNREAD.items() if name.endswith(ends)), "")


def _tables(source: Source, folder: str = "") -> list[tuple[Source, FileRole]]:
    """The table itself, or each in the zip; `folder` is the one that it lies in.

    A zip in the zip is opened if its name has a role. The only table of train.zip is train,
    whatever its name.
    """
    own = classify(source.name, folder)
    if not source.name.endswith(".zip"):
        return [(source, own)]
    tables = [
        table
        for member in members(source)
        if is_table(member.name) and (not member.name.endswith(".zip") or _is_opened(member))
        for table in _tables(member, _folder_of(member))
    ]
    tables = _without_documents(tables)
    if len(tables) == 1 and tables[0][1].role is None and own.role is not None:
        return [(tables[0][0], replace(own, why=f"{own.why} (the zip's)"))]
    return tables


def _sheets(source: Source, own: FileRole) -> list[tuple[Source, FileRole]]:
    """The sheets of a workbook of no role, if one is named like train or test; else the table."""
    if own.role is None and source.name.endswith(WORKBOOK):
        found = [(replace(source, sheet=name), classify(name)) for name in sheet_names(source)]
        if {"train", "test"} & {role.role for _, role in found}:
            return found
    return [(source, own)]


def _is_opened(member: Source) -> bool:
    """One zip within a zip, if its name has a role: nothing is nested without an end."""
    return len(member.members) == 1 and classify(member.name).role is not None


def _folder_of(member: Source) -> str:
    return Path(member.members[-1].replace("\\", "/")).parent.name


def _without_documents(tables: list[tuple[Source, FileRole]]) -> list[tuple[Source, FileRole]]:
    """Text files of no role describe the tables, unless there is nothing else."""
    kept = [(table, own) for table, own in tables if own.role or not is_text(table.name)]
    return kept or tables


# -- which of them ---------------------------------------------------------------------------------


def _fitting(files: Sequence[TableFile], role: str) -> list[TableFile]:
    """Those with the role; where there are none, train_with_labels.csv may well be train."""
    fitting = [c for c in files if c.implied.role == role]
    other = {"train": "labels", "test": "test labels"}.get(role)
    if fitting or other is None:
        return fitting
    return [c for c in files if c.implied.role == other and {role, "with"} <= {*c.implied.words}]


def _labels(fitting: list[TableFile], train: Source) -> tuple[list[TableFile], str]:
    """The files that hold train's labels, and a note on those that are no more than named so.

    Beside X_train or train_features any labels are train's; beside a train table, which may have a
    target of its own, only the one that is named for train.
    """
    if train in [file.source for file in fitting]:
        return [], ""
    if {*words(train.name)} & FEATURES:
        return fitting, ""
    for_train = [c for c in fitting if {*c.implied.words} & {*WORD_KINDS["train"]}]
    if len(for_train) == 1:
        return for_train, ""
    note = f"left out: {_by_reason(fitting)}; if one holds train's labels, name it: "
    return [], note + _line("labels", fitting[0]) if fitting else ""


def _choice(fitting: list[TableFile], role: str) -> tuple[Source, str]:
    """The file that fits best, and a note on those that are left out ("" if none is)."""
    usable = [file for file in fitting if not file.problem or not file.source.path.exists()]
    if not usable:
        raise DataError(
            f"{fitting[0].source} is {fitting[0].problem}. It may be the {ROLES[role]}, and there "
            "is no other."
        )
    best = min(file.fit for file in usable)
    first = [file for file in usable if file.fit == best]
    for file in first:
        if file.problem:
            raise DataError(
                f"{file.source} is {file.problem}. It may be the {ROLES[role]}: put the file "
                f"there, remove the link, or name another file: {_line(role)}."
            )
    chosen, why = _settled(first, role)
    left = [file for file in fitting if file not in first or (why and file is not chosen)]
    note = f"{role}: {chosen} ({why or chosen.reason}); left out: {_by_reason(left)}"
    return chosen.source, note if left else ""


def _settled(first: list[TableFile], role: str) -> tuple[TableFile, str]:
    """One of several whose names fit equally well; and why, where it is not by their names.

    A zip beside what was unpacked of it holds the same bytes. A sample has one value in all rows.
    """
    if _are_same(first):
        return first[0], ""
    if role == "sample" and len(first) <= MOST_NAMED:
        constant = [file for file in first if _is_constant(file.source)]
        if constant and _are_same(constant):
            return constant[0], "its values are the same in every row, as in an example"
    none = f' ("{NONE}" if it is none of them)' if role in ("sample", "labels") else ""
    raise DataError(
        f"{len(first)} files may be the {ROLES[role]}:{_by_reason(first, every=True)}\n"
        f"Keep one, or name one in the competition's TOML: {_line(role, first[0])}{none}."
    )


def _are_same(files: Sequence[TableFile]) -> bool:
    few = len(files) <= MOST_NAMED
    return len(files) == 1 or (few and len({digest(file.source) for file in files}) == 1)


def _is_constant(source: Source) -> bool:
    """Whether all that follows the first column is the same in every row."""
    lines = content(source).strip().splitlines()[1:]
    return len({re.split(rb"[,;\t|]", line, maxsplit=1)[-1] for line in lines}) == 1


def _test_labels(files: Iterable[TableFile], found: Mapping[str, Source]) -> Iterator[str]:
    for file in files:
        if file.implied.role == "test labels" and file.source not in found.values():
            yield f"{file}: left out, taken for the labels of test, which no stage may see"


def _of_no_role(files: Iterable[TableFile], found: Mapping[str, Source]) -> Iterator[TableFile]:
    """Tables that may be side tables; of equal names the first, which a zip may hold again."""
    seen = {source.name for source in found.values()}
    for file in files:
        name = file.source.name
        if not (file.implied.role or file.problem or is_text(name) or name in seen):
            seen.add(name)
            yield file


def _absent(places: Sequence[Path], role: str, files: Sequence[TableFile]) -> DataError:
    where = ", ".join(map(str, places))
    found = f"; found:{_by_reason(files, every=True)}\n" if files else "; found no table. "
    none = f' If there are no rows to predict: [load] test = "{NONE}".' if role == "test" else ""
    return DataError(
        f"{where}: no {role} table{found}{PUT_THERE}, or name the file in the competition's TOML: "
        f"{_line(role)}.{none}"
    )


# -- by name ---------------------------------------------------------------------------------------


def _named(
    places: Sequence[Path],
    role: str,
    name: str,
    files: Sequence[TableFile],
    anywhere: bool,
) -> Source:
    """The file that is named: "foo.csv", "foo.zip" or "archive.zip/foo.csv", or its last part; a
    sheet as "foo.xlsx#June"."""
    file, sheet = without_sheet(name)
    if sheet:
        return replace(_named(places, role, file, files, anywhere), sheet=sheet)
    bases = [place if place.is_dir() else place.parent for place in places]
    first, *inner = IN_ZIP.split(name)
    inside = not Path(first).is_absolute() and ".." not in Path(first).parts
    if not inside and not anywhere:
        raise DataError(
            f'[load] {role} = "{name}": found a path out of {bases[0]}; allowed are files in it. '
            "Put the file there, and name it as it lies there."
        )
    for base in [*bases, Path()] if anywhere else bases:
        if (base / first).is_file():
            source = Source(base / first, tuple(inner))
            if inner:
                require_member(source)
            return sole_table(source)
    ends = [c for c in files if f"/{_same(c.shown)}".endswith(f"/{_same(name)}")]
    if len(ends) == 1 and not ends[0].problem:
        return ends[0].source
    raise _no_such_file(bases[0] / first, role, name, ends or files)


def _no_such_file(path: Path, role: str, name: str, files: Sequence[TableFile]) -> DataError:
    what = "no such file"
    if path.is_dir():
        what = "a folder, not a file"
    elif path.is_symlink():
        what = _problem(path) or "a link that leads nowhere"
    there = some([str(file) for file in files], MOST_NAMED) or "no table"
    return DataError(
        f'{path}: {what}, named by [load] {role} = "{name}"; found {there}. Put it there, or '
        "correct the name."
    )


def _same(name: str) -> str:
    """A Mac takes Korean syllables apart: two spellings of one name are one."""
    return unicodedata.normalize("NFC", name).casefold()


# -- words -----------------------------------------------------------------------------------------


def _line(role: str, example: TableFile | None = None) -> str:
    return f"[load] {role} = " + (
        json.dumps(str(example), ensure_ascii=False) if example else '"..."'
    )


def _by_reason(files: Sequence[TableFile], every: bool = False) -> str:
    """The files by what their names imply: a line a reason (`every`), or all in one line."""
    reasons: dict[str, list[str]] = {}
    for file in files:
        reasons.setdefault(file.reason, []).append(str(file))
    if not every:
        return "; ".join(f"{some(names, 3)} ({why})" for why, names in reasons.items())
    lines = [f"\n  {some(names, MOST_NAMED)}: {why}" for why, names in reasons.items()]
    return some(lines, MOST_NAMED) if len(lines) > MOST_NAMED else "".join(lines)

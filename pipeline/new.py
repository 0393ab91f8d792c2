"""Start a competition: look at its files, write a TOML with what was found, and copy the files."""

import os
import re
import shlex
import shutil
import tempfile
import tomllib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import config, new_toml, sizing
from pipeline.errors import DataError, SettingsError, UserError
from pipeline.exploration.redundant import find_redundant
from pipeline.files import write_atomically
from pipeline.metrics import METRICS, get_metric, prefers_values
from pipeline.metrics.own import OWN
from pipeline.new_toml import Given, TableFindings, TargetFindings
from pipeline.problem import Aggregate
from pipeline.reading import archives, distinct, finding, joins, kinds, labels, own_tables, schema
from pipeline.reading.contract import ColumnRule
from pipeline.reading.extra_rows import ROLE
from pipeline.reading.notation import read_numbers
from pipeline.reading.schema import RawTables, Roles
from pipeline.reading.side_tables import SideTables, find_side_tables
from pipeline.reading.typed_tables import raw_tables
from pipeline.stage_settings import LoadStage
from pipeline.wording import FRAMES, count, did_you_mean, from_here, quoted, some
from pipeline.workspace import NAME

if TYPE_CHECKING:
    import pandas as pd

OPTIONS = {  # of the command line, and the table that each belongs to
    **dict.fromkeys((*finding.ROLES, "target", "id"), "load"),
    **dict.fromkeys(("metric", "task"), "competition"),
}
TABLES: dict[str, Any] = {  # what --set may name
    name: field.annotation
    for name, field in config.Configuration.model_fields.items()
    if name not in ("models", "targets")
}
SETTING = re.compile(r"(\w+)\.(\w+)\s*=\s*(.+)", re.DOTALL)
ADVISED = re.compile(r'\[(competition|load)\] (\w+)(?: = ("[^"]*"|true|false|\d+))?')
COLUMN = re.compile(r'\[load\.columns\] ("[^"]*" = \{[^{}]*\})')
MOST_COLUMNS = 12  # in a message
COLUMN_KEYS = (  # of settings that name columns of train
    *(("split", key) for key in ("group", "time", "column")),
    *(("encode", key) for key in ("drop", "target_means", "combinations", "counts", "digits")),
    *(("encode", "texts"), ("explore", "ratings"), ("load", "columns")),
)
FEWEST_OF_NAMES, MOST_OF_NAMES = 2, 2 / 3  # columns of names, and their share of all numbers
NAMED = ColumnRule(kind="category")
RESERVED = ("all",)  # `make C=all all` reads like a slip
LONGEST_NAME = 60  # letters


@dataclass(frozen=True)
class NewCompetition:
    """A competition's TOML, where it belongs, a line on each thing that was found, and the files.

    copies: file -> the place among the raw files where the TOML expects it.
    """

    path: Path
    text: str
    messages: tuple[str, ...]
    copies: Mapping[Path, Path]


@dataclass(frozen=True)
class Caller:
    """How messages name what was declared: as options of a command or as arguments of `fit`.

    `again` is what to do with them, `option` and `other` are patterns.
    """

    again: str
    metric: str
    option: str
    other: str

    def named(self, table: str, key: str, value: str | None) -> str:
        """A line of the TOML as the caller would write it."""
        pattern = self.option if OPTIONS.get(key) == table else self.other
        if value == f'"{finding.NONE}"':
            pattern, value = self.other, finding.NONE
        value = value if value not in (None, '"..."') else key.upper()
        return pattern.format(table=table, key=key, value=value)


COMMAND = Caller(
    "There is no TOML yet: run `.venv/bin/python -m pipeline new {command}` with",
    "--metric",
    "--{key} {value}",
    "--set {table}.{key}={value}",
)
FIT = Caller(
    "Here that is an argument of fit:",
    "metric",
    "{key}={value}",
    'settings={{"{table}.{key}": {value}}}',
)


def write_competition(
    name: str,
    source: Path | Sequence[Path],
    folder: Path,
    given: Given | None = None,
    raw: Path | None = None,
    caller: Caller = COMMAND,
) -> NewCompetition:
    """A commented TOML for the files in `source`; nothing is written to disk.

    source: folders, zips or files; given: settings that the command line names; raw: the folder
    that the files will be copied to. Raises SettingsError for a name that is not allowed, or taken
    in `folder`; DataError for files that cannot be learnt from, with the option that helps.
    """
    places, given = [source] if isinstance(source, Path) else list(source), given or {}
    own = given.get("load", {}).get("read")
    _refuse_name(name, folder, _own_functions(given))
    raw = raw or folder / "raw"
    _refuse_absent(places)
    named = {role: given.get("load", {}).get(role) for role in finding.ROLES}
    sides = {
        joins.role(side): about["file"]
        for side, about in given.get("load", {}).get("join", {}).items()
    }
    sides |= {ROLE: given["load"][ROLE]} if ROLE in given.get("load", {}) else {}
    command = " --from ".join([name, *(shlex.quote(str(place)) for place in places)])
    with _options_named(replace(caller, again=caller.again.format(command=command))):
        copied = {path: raw / path.relative_to(places[0]) for path in _below(places)} if own else {}
        if own:  # it reads what it likes of the folder: all files are copied
            found = {
                role: finding.named_file(places[0], role, file) for role, file in sides.items()
            }
            files = finding.Files(found)
        else:
            files = finding.find_files(places, named | sides, anywhere=True)
        findings, side_tables = look(files, given, caller.metric, places[0])
        joined = {joins.role(side): source for side, source in side_tables.sources.items()}
        files = replace(files, sources=files.sources | joined)
        copies = copied or _copies([*files.sources.values(), *side_tables.proposed], places, raw)
    kept = {
        role: "/".join((copies[table.path].relative_to(raw).as_posix(), *table.members))
        + (f"#{table.sheet}" if table.sheet else "")
        for role, table in files.sources.items()
    }
    kept |= {role: finding.NONE for role in finding.ROLES if named[role] == finding.NONE}
    findings = replace(findings, files=kept)
    path = folder / f"{name}.toml"
    messages = tuple(_messages(findings, from_here(path)))
    return NewCompetition(path, new_toml.text(name, findings), messages, copies)


def _below(places: Sequence[Path]) -> list[Path]:
    """Every file in the one folder that a competition's own reading is given."""
    if len(places) != 1 or not places[0].is_dir():
        raise SettingsError(
            f"--from: found {', '.join(map(str, places))}, and read(raw) needs one folder. Put the "
            "files into one, and give it."
        )
    found = [path for path in sorted(places[0].rglob("[!.]*")) if path.is_file()]
    return [path for path in found if not archives.is_hidden(str(path.relative_to(places[0])))]


def _refuse_absent(places: Sequence[Path]) -> None:
    for place in places:
        if not place.exists():
            raise DataError(
                f"--from: found {str(place)!r}, no such folder or file. Give the folder, zip or "
                "file that the organiser's files were downloaded to."
            )


# -- what the command line declares ----------------------------------------------------------------


def settings_given(
    options: Mapping[str, str | Sequence[str] | None],
    lines: Sequence[str] = (),
    tables: Mapping[str, Mapping[str, Any]] | None = None,
    where: str = "new",
) -> Given:
    """The command line's options by name, and lines such as "load.missing_target=drop" -> settings.

    `tables` are those of a TOML, of which the ones count that options belong to.
    Raises SettingsError for a table, key or value that no TOML may have.
    """
    given = {name: dict((tables or {}).get(name, {})) for name in dict.fromkeys(OPTIONS.values())}
    for key, value in options.items():
        if value:
            given[OPTIONS[key]][key] = value
    for line in filter(None, lines):
        match = SETTING.fullmatch(line.strip())
        if match is None or match[1] not in TABLES:
            raise SettingsError(
                f"--set: found {line!r}; allowed is TABLE.KEY=VALUE, TABLE being one of "
                f"{', '.join(TABLES)}. Correct it, for example --set split.folds=5."
            )
        given.setdefault(match[1], {})[match[2]] = _parsed(match[3])
    for table, keys in given.items():
        config.validate(TABLES[table], keys, where, table)
    return given


def _parsed(value: str) -> Any:
    """A TOML value; a word without quotes, which a shell takes off, is text."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


@contextmanager
def _options_named(caller: Caller) -> Iterator[None]:
    """Advice to add a line to the TOML, which is not written yet, is given as an option, too."""
    try:
        yield
    except UserError as error:
        advised = dict.fromkeys(match.groups() for match in ADVISED.finditer(str(error)))
        columns = []
        if caller is COMMAND:
            columns = [f"--set 'load.columns={{{line}}}'" for line in COLUMN.findall(str(error))]
        if not (advised or columns):
            raise
        options = " or ".join([*(caller.named(*line) for line in advised), *columns])
        raise type(error)(f"{error}\n{caller.again} {options}.") from None


def refuse_nothing(name: str, sources: Sequence[str]) -> None:
    """Without a name and a folder there is nothing to start."""
    if not (name and any(sources)):
        absent = " and ".join(
            what for what, given in (("name", name), ("folder", any(sources))) if not given
        )
        raise SettingsError(
            f"a new competition needs a name and the folder of its files; found no {absent}. "
            "Run `make new NAME=titanic FROM=~/Downloads/titanic`."
        )


def _own_functions(given: Given) -> Iterator[str]:
    """Modules of competitions/ that the settings name: they may have the competition's name."""
    for table, key in (("load", "read"), ("split", "own"), ("submit", "postprocess")):
        yield str(given.get(table, {}).get(key))
    yield str(given.get("competition", {}).get("metric"))


def _refuse_name(name: str, folder: Path, own: Iterable[str]) -> None:
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        raise SettingsError(
            f"name of the competition: found {name!r}, allowed are small letters, digits and _, "
            f"a letter first, at most {LONGEST_NAME} in all. Choose another name."
        )
    is_own = not {name, OWN}.isdisjoint(own)
    if name in RESERVED or (not is_own and (folder / f"{name}.py").exists()):
        used = "make" if name in RESERVED else folder / f"{name}.py"
        raise SettingsError(
            f"name of the competition: found {name!r}, which {used} has taken. Choose another name."
        )
    path = folder / f"{name}.toml"
    if path.exists():
        raise SettingsError(f"{path} is there already. Choose another name, or move it away.")


# -- what the files show ---------------------------------------------------------------------------


def look(
    files: finding.Files,
    given: Given | None = None,
    metric: str = COMMAND.metric,
    raw: Path | None = None,
) -> tuple[TableFindings, SideTables]:
    """Read the files, and find the target, the id, the task and what the columns hold.

    `metric` is how a message names it; `raw` is the folder for a competition's own reading. Also
    returns the side tables that were found.
    """
    given = given or {}
    about = given.get("competition", {})
    declared = given.get("load", {}).get("target")
    targets = tuple(declared) if isinstance(declared, list | tuple) else ()
    settings = LoadStage(
        **{**given.get("load", {}), "target": None if targets else declared},
        task=about.get("task"),
        prefers_values=prefers_values(about.get("metric")),
        positive=about.get("positive"),
    )
    read = labels.read_files(files.sources, settings)
    notes: list[str] = []
    if settings.read and raw is not None:
        tables = own_tables.raw_tables(settings.read, raw)
    else:
        tables, notes = labels.joined_tables(read, settings)
    joined: list[str] = []
    if settings.join:
        tables, joined = joins.join_side_tables(tables, read, settings.join)
    sides = find_side_tables(files.others if settings.header else (), tables)
    sides = replace(sides, joins={**settings.join, **sides.joins}, notes=(*joined, *sides.notes))
    tables = sides.tables
    _refuse_unknown_columns(given, tables)
    targets = targets or schema.find_targets(tables, settings)
    how = given.get("submit", {}).get("aggregate", "mean")
    several = tuple(_target(name, targets, tables, settings, how) for name in targets)
    if several:
        roles, form, guessed = several[0].roles, several[0].form, False
    else:
        roles, guessed = _roles(tables, settings, files.notes)
        form, form_note = schema.find_form(tables, roles, how)
        notes = [*notes, *([form_note] if form.aggregate else [])]
    if settings.read:
        own_tables.refuse_multiplied(settings.read, tables, roles, form)
    if about.get("metric", OWN) != OWN:
        for each in [target.roles for target in several] or [roles]:
            _check_metric(about["metric"], each, metric)
    own = {roles.target, roles.id, *targets}
    drop = _only_in_one(tables, settings, own)
    names = [name for name in tables.train.columns if name not in {*own, *drop}]
    columns = {name: _described(name, tables, settings) for name in names}
    # what the command line declares is no question
    named = tuple(name for name in _names(columns) if name not in settings.columns)
    if named:
        rules = {**dict.fromkeys(named, NAMED), **settings.columns}
        of_names = settings.model_copy(update={"columns": rules})
        columns |= {name: _described(name, tables, of_names) for name in named}
        given = _declaring(given, named)
        notes = [*notes, _names_found(named)]
    findings = TableFindings(
        tables,
        roles,
        form,
        columns,
        drop,
        given,
        (*files.notes, *notes, *sides.notes),
        guessed,
        several=several,
        joins=sides.joins,
    )
    return findings, sides


def _only_in_one(
    tables: RawTables, settings: LoadStage, own: Collection[str | None]
) -> tuple[str, ...]:
    """Columns to leave out: those that the settings name, and those that one table alone has, but
    for targets and the id."""
    used = {*tables.train.columns} & {*tables.test.columns} | {*own}
    names = dict.fromkeys([*tables.train.columns, *tables.test.columns])
    return tuple(dict.fromkeys([*settings.drop, *(name for name in names if name not in used)]))


def _check_metric(name: str, roles: Roles, where: str) -> None:
    """Refuse a metric that cannot score the target: no run with it would get far."""
    metric = get_metric(name, roles.task, where)
    metric.check_labels(roles.classes or ())
    if roles.classes is None:
        metric.check_target(roles.values.dropna().to_numpy(dtype="float64"))


def _refuse_unknown_columns(given: Given, tables: RawTables) -> None:
    """SettingsError for a name of a column that train lacks, which a later stage would refuse.

    What a module of features adds is not known yet. An id may be in test alone.
    """
    columns, ids = list(map(str, tables.train.columns)), {*tables.test.columns}
    adds = given.get("encode", {}).get("features")
    for table, key in COLUMN_KEYS:
        asked = given.get(table, {}).get(key)
        if asked in (None, "auto") or (adds and table == "encode"):
            continue
        listed = [asked] if isinstance(asked, str) else asked
        names = [name for each in listed for name in ([each] if isinstance(each, str) else each)]
        for name in names:
            if name not in columns and not (table == "load" and name in ids):
                raise SettingsError(
                    f"[{table}] {key}: found {name!r}, and train has no such column; its columns "
                    f"are {quoted(columns)}. {did_you_mean(name, columns)}"
                )


def _target(
    target: str, targets: Sequence[str], tables: RawTables, settings: LoadStage, how: Aggregate
) -> TargetFindings:
    """What the files show of one of several targets."""
    of_one = settings.model_copy(update={"target": target, "targets": tuple(targets)})
    own = schema.of_one_target(tables, of_one)
    roles = schema.find_roles(own, of_one)
    return TargetFindings(roles, schema.find_form(own, roles, how)[0])


def _described(name: str, tables: RawTables, settings: LoadStage) -> kinds.Described | DataError:
    """What a column holds, or why load will refuse it."""
    rule = settings.columns.get(name)
    try:
        return kinds.describe_column(name, tables.train[name], tables.test[name], rule)
    except DataError as error:
        return error


def _roles(tables: RawTables, settings: LoadStage, notes: Sequence[str]) -> tuple[Roles, bool]:
    """The columns' roles, and whether the target is a guess.

    Where test has all columns of train, and no other file shows more, the last is guessed.
    """

    def with_target(name: str, why: str) -> Roles:
        roles = schema.find_roles(tables, settings.model_copy(update={"target": name}))
        return replace(roles, notes={**roles.notes, "target": f"target {name!r}: {why}"})

    if settings.target is not None:
        return with_target(settings.target, "named by --target"), False
    if len(tables.label_columns) == 1:
        why = "the column that the file of labels adds"
        return with_target(tables.label_columns[0], why), False
    try:
        return schema.find_roles(tables, settings), False
    except schema.UnknownTarget:
        names = [n for n in tables.train.columns if n not in (*settings.drop, settings.id)]
        missing = [name for name in names if name not in tables.test]
        if missing or tables.sample is not None or notes:
            raise _which_target(tables, missing or names, notes) from None
    reason = (
        "there is no test" if settings.test == finding.NONE else "test has all columns of train"
    )
    why = f"GUESSED, the last column, for {reason}; --target names another"
    return with_target(names[-1], why), True


def _which_target(tables: RawTables, names: Sequence[str], notes: Sequence[str]) -> DataError:
    """The question which column is the target, with what is known of each that may be."""
    alone = "that test lacks" if names[0] not in tables.test else "test has them all"
    listed = [f"\n  {name!r}: {_held(tables.train[name])}" for name in names[:MOST_COLUMNS]]
    more = len(names) - MOST_COLUMNS
    listed += [f"\n  and {more:,} more"] if more > 0 else []
    sample = tables.sample
    values = "" if sample is None else f", nor does the sample ({quoted(sample.columns)})"
    left = "".join(f"\n{note}" for note in notes)
    return DataError(
        f"train: which column is the target? Their names do not show it{values}. Columns "
        f"({alone}):{''.join(listed)}{left}\n"
        'Name it: [load] target = "...", or several in a list. Columns that only train has are '
        "dropped otherwise."
    )


def _held(column: "pd.Series") -> str:
    """What a column holds, in so far as it matters for a target."""
    known = column.dropna()
    values = sorted(known.unique().tolist())
    found = read_numbers(known) if len(known) else None
    number = "number" if found is not None and not found.strays else "text"
    what = f"{len(values):,} different {number}s" if len(values) > 1 else f"one {number} only"
    shown = f", {some([repr(value) for value in values], 3)}" if values else ""
    missing = f", missing in {len(column) - len(known):,} rows" if len(known) < len(column) else ""
    return f"{what}{shown}{missing}"


def _messages(found: TableFindings, path: Path) -> Iterator[str]:
    """What was found, a line each, and which of it the organiser's page must confirm."""
    roles, shape = found.roles, found.shape
    metric, why = found.metric
    redundant = find_redundant(found.tables.train, found.tables.test, tuple(found.columns))
    yield from found.notes
    if found.several:
        yield f"{count(len(found.several), 'target')}: {quoted(found.targets, MOST_COLUMNS)}"
        yield roles.notes["id"]
        yield from (f"{each.roles.target!r}: {each.roles.notes['task']}" for each in found.several)
    else:
        check = f"; check [load] target in {path}" if found.guessed else ""
        yield roles.notes["target"] + check
        yield roles.notes["id"]
        yield roles.notes["task"]
    if "metric" in found.given.get("competition", {}):
        yield f"metric {metric}: {why}"
    elif len(found.tasks) > 1:
        yield f"metrics: GUESSED, those of each task; check [targets.NAME] metric in {path}"
    else:
        yield (
            f"metric {metric}: GUESSED, {why}; check [competition] metric in {path}, "
            "`python -m pipeline metrics` lists them; `new` with --metric also lists the models "
            "that suit another one"
        )
    if roles.positive is not None and metric != OWN and METRICS[metric].counts_positives:
        check = "is it the one that the organiser asks for? [competition] positive in"
        guessed = f": GUESSED; {check} {path}" if roles.positive_guessed else ""
        what = "probabilities are of class" if METRICS[metric].needs != "labels" else "positive is"
        yield f"{what} {roles.positive!r}{guessed}"
    if metric == OWN and not path.with_suffix(".py").exists():
        yield f"metric own: write metric(y, prediction) in {path.with_suffix('.py')} first"
    yield from _left_out(found)
    yield from filter(None, [redundant.summary])
    if found.mirror is not None:
        yield f"{found.mirror.description}; the folds mirror it: [split] in {path}"
    for column in found.columns.values():
        if isinstance(column, DataError):
            yield f"load will refuse {column}"
    declared = found.given.get("load", {}).get("columns", {})
    undeclared = {name: each for name, each in found.columns.items() if name not in declared}
    yield from _may_be_names(undeclared, path)
    yield from schema.alike_messages(roles)
    if shape.costly:
        models, minutes = ", ".join(sizing.models(shape)), found.minutes()
        yield f"{count(shape.rows, 'row')}: {models}, in this order, in {minutes:g} minutes"


def _left_out(found: TableFindings) -> Iterator[str]:
    """Columns that one table alone has, and which of them may be one under two names."""
    alone = {
        side: [name for name in found.drop if name in getattr(found.tables, side).columns]
        for side in ("train", "test")
    }
    for side, other in (("train", "test"), ("test", "train")):
        if alone[side]:
            names = ", ".join(map(new_toml.string, alone[side]))
            yield f"left out, for {other} lacks them: {names}"
    for name in alone["test"]:
        for near in get_close_matches(name, alone["train"], n=1):
            yield f"is {name!r} of test what train calls {near!r}? Give both one name"


def _names(columns: Mapping[str, kinds.Described | DataError]) -> tuple[str, ...]:
    """Columns of whole numbers that are names, where most of the table's numbers are such.

    One column alone may hold lot sizes or distances; where most do, the table is one of names.
    """
    numbers = {
        name: column.values["train"]
        for name, column in columns.items()
        if not isinstance(column, DataError)
        and column.feature.kind == "number"
        and "train" in column.values
    }
    least = kinds.MORE_NAMES + 1
    many = [n for n, values in numbers.items() if len(distinct.first(values, least)) == least]
    clear = [name for name in many if kinds.may_be_names(numbers[name])]
    if len(clear) < FEWEST_OF_NAMES or len(clear) < MOST_OF_NAMES * len(many):
        return ()
    return tuple(name for name, values in numbers.items() if kinds.are_far_apart(values))


def _declaring(given: Given, names: Sequence[str]) -> Given:
    """The command line's declarations, and that these columns are categories."""
    load = given.get("load", {})
    rules = {**{name: {"kind": "category"} for name in names}, **load.get("columns", {})}
    return {**given, "load": {**load, "columns": rules}}


def _names_found(names: Sequence[str]) -> str:
    return (
        f"categories, for they are names and not quantities: {quoted(names, MOST_COLUMNS)}, of few "
        "of very many whole numbers each, as are most numbers here; remove the line of a quantity"
    )


def _may_be_names(columns: Mapping[str, kinds.Described | DataError], path: Path) -> Iterator[str]:
    """Few rows do not show by the target which whole numbers are codes: a person knows."""
    names = [
        name
        for name, column in columns.items()
        if not isinstance(column, DataError)
        and column.feature.kind == "number"
        and "train" in column.values
        and kinds.may_be_names(column.values["train"])
    ]
    if names:
        line = f'{new_toml.string(names[0])} = {{kind = "category"}}'
        more = " and so on, " if len(names) > 1 else " "
        yield (
            f"numbers or names? {quoted(names, MOST_COLUMNS)}: few of very many whole numbers, "
            f"each in many rows; names of things (departments, stores) are learnt better so: {line}"
            f"{more}in [load.columns] of {path}"
        )


# -- copies ----------------------------------------------------------------------------------------


def _copies(
    sources: Iterable[archives.Source], places: Sequence[Path], raw: Path
) -> dict[Path, Path]:
    """File -> where it goes in `raw`: by its name, and with its folders where two have one name."""
    paths = sorted({source.path for source in sources})
    names = Counter(path.name.casefold() for path in paths)
    copies = {}
    for path in paths:
        base = next((p for p in places if p.is_dir() and path.is_relative_to(p)), path.parent)
        if path.resolve().is_relative_to(raw.resolve()):
            copies[path] = raw / path.resolve().relative_to(raw.resolve())
        elif names[path.name.casefold()] == 1:
            copies[path] = raw / path.name
        else:
            copies[path] = raw / base.resolve().name / path.relative_to(base)
    if len({*copies.values()}) < len(copies):
        raise DataError(
            f"two of the files have one name: {', '.join(map(str, paths))}. Rename one of them."
        )
    return copies


def copy_raw(copies: Mapping[Path, Path]) -> None:
    """Copy each file to its place, and no others; what is there stays as it is."""
    for path, target in copies.items():
        if target.exists() and archives.checksum(target) != archives.checksum(path):
            raise DataError(
                f"{target} is there already, and {path} differs from it. "
                "Move it away, or choose another name for the competition."
            )
    for path, target in copies.items():
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _copy(path, target)


def _copy(path: Path, target: Path) -> None:
    """A copy that appears whole or not at all."""
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        shutil.copyfile(path, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


# -- data frames -----------------------------------------------------------------------------------


def configuration_for(
    frames: "Mapping[str, pd.DataFrame]",
    raw: Path,
    given: Given,
    preset: str,
    overlay: Mapping[str, Any],
    models: Sequence[str] | None = None,
) -> config.Configuration:
    """The configuration that suits data frames (train, and test if there is one).

    Writes them into `raw`, as files that load reads. `overlay` are tables of settings that count
    more than what the size of the table suggests, `models` the names of those to fit.
    """
    for name, content in raw_tables(**frames).items():
        write_atomically(raw / name, content)
    load = {**given.get("load", {}), **({} if "test" in frames else {"test": finding.NONE})}
    known, asked = config.Split.model_fields, overlay.get("split", {})
    split = {key: value for key, value in asked.items() if key in known and value is not None}
    tables = {**given, "load": load, "split": split}
    with tempfile.TemporaryDirectory() as empty:
        made = write_competition(FRAMES, raw, Path(empty), tables, raw, FIT)
    return config.parse(made.text, preset, "fit", overlay, only=models)

"""Start a competition: look at its files and write a TOML that says what was found.

The TOML runs as it is. What it leaves open stands in it as a comment: every default, and the data
contract with the ranges and categories that the files show.
"""

import importlib
import json
import os
import re
import shutil
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import archives, config, finding, kinds, labels, reading, schema, sizing
from pipeline.encoding.categories import MOST_ONE_HOT
from pipeline.errors import DataError, SettingsError, UserError
from pipeline.metrics import DEFAULTS, METRICS, get_metric
from pipeline.notation import numbers
from pipeline.wording import some

if TYPE_CHECKING:
    import pandas as pd
    from pydantic.fields import FieldInfo

Given = Mapping[str, Mapping[str, Any]]  # table of the TOML -> key -> value

OPTIONS = {  # of the command line, and the table that each belongs to
    **dict.fromkeys((*finding.ROLES, "target", "id"), "load"),
    **dict.fromkeys(("metric", "task"), "competition"),
}
TABLES: dict[str, Any] = {  # what --set may name
    name: field.annotation
    for name, field in config.Experiment.model_fields.items()
    if name != "models"
}
SETTING = re.compile(r"(\w+)\.(\w+)\s*=\s*(.+)", re.DOTALL)
ADVISED = re.compile(r'\[(competition|load)\] (\w+)(?: = ("[^"]*"|true|false|\d+))?')
COLUMN = re.compile(r'\[load\.columns\] ("[^"]*" = \{[^{}]*\})')
MOST_COLUMNS = 12  # in a message
RESERVED = ("all",)  # `make C=all all` reads like a slip
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
MOST_CATEGORIES = 20  # more of them are too many to list
WIDTH = 96
QUICK: dict[str, dict[str, Any]] = {  # what else makes the quick preset quick
    "models.kernel": {"batch_size": 600},
    "evaluate": {
        "learning_curve": (0.5, 1.0),
        "importance_rows": 400,
        "importance_repeats": 2,
        "dependence_rows": 150,
        "dependence_columns": 4,
    },
}


@dataclass(frozen=True)
class Found:
    """What the files show; `target_found` is a guess where they leave it open.

    given: what the command line says; files: role -> name in the folder of raw files; notes: a
    sentence on each choice among the files.
    """

    tables: schema.Tables
    roles: schema.Roles
    target_found: str
    guessed: bool
    drop: tuple[str, ...]
    given: Given
    files: Mapping[str, str]
    notes: tuple[str, ...]

    @cached_property
    def columns(self) -> dict[str, dict[str, Any] | DataError]:
        """What each column that a model may see holds, or why load will refuse it."""
        others = {self.roles.target, self.roles.id, *self.drop}
        train, test = self.tables.train, self.tables.test
        described: dict[str, dict[str, Any] | DataError] = {}
        for name in schema.column_names(train):
            if name not in others:
                try:
                    described[name] = kinds.describe_column(name, train[name], test[name])
                except DataError as error:
                    described[name] = error
        return described

    @cached_property
    def shape(self) -> sizing.Shape:
        classes, train = len(self.roles.classes or [""]), self.tables.train
        width = sum(
            1 if _is_number(column) else min(train[name].nunique(), MOST_ONE_HOT)
            for name, column in self.columns.items()
        )
        return sizing.Shape(len(train), len(self.columns), self.roles.task, classes, width)


def _is_number(column: Mapping[str, Any] | DataError) -> bool:
    """A column that a linear model sees as one or a few numbers."""
    return isinstance(column, DataError) or column["kind"] in ("number", "date")


@dataclass(frozen=True)
class Draft:
    """A competition's TOML, where it belongs, a line on each thing that was found, and the files.

    copies: file -> the place among the raw files where the TOML expects it.
    """

    path: Path
    text: str
    told: tuple[str, ...]
    copies: Mapping[Path, Path]


def write_competition(
    name: str,
    source: Path | Sequence[Path],
    folder: Path,
    given: Given | None = None,
    raw: Path | None = None,
) -> Draft:
    """A commented TOML for the files in `source`; nothing is written to disk.

    source: folders, zips or files; given: settings that the command line names; raw: the folder
    that the files will be copied to. Raises SettingsError for a name that is not allowed, or taken
    in `folder`; DataError for files that cannot be learnt from, with the option that helps.
    """
    _refuse_name(name, folder)
    places, given = [source] if isinstance(source, Path) else list(source), given or {}
    raw = raw or folder / "raw"
    for place in places:
        if not place.exists():
            raise DataError(
                f"--from: found {str(place)!r}, no such folder or file. Give the folder, zip or "
                "file that the organiser's files were downloaded to."
            )
    with _options_named():
        asked = given.get("load", {})
        names = {role: asked.get(role) for role in finding.ROLES}
        files = finding.find_files(places, names, anywhere=True)
        copies = _copies(files.sources.values(), places, raw)
        found = look(files, given)
    kept = {
        role: "/".join((copies[table.path].relative_to(raw).as_posix(), *table.members))
        for role, table in files.sources.items()
    }
    kept |= {role: finding.NONE for role in finding.ROLES if names[role] == finding.NONE}
    found = replace(found, files=kept)
    path = folder / f"{name}.toml"
    return Draft(path, _toml(name, found), _told(found, path), copies)


@contextmanager
def _options_named() -> Iterator[None]:
    """Advice to add a line to the TOML, which is not written yet, is given as an option, too."""
    try:
        yield
    except UserError as error:
        advised = dict.fromkeys(match.groups() for match in ADVISED.finditer(str(error)))
        columns = [f"--set 'load.columns={{{line}}}'" for line in COLUMN.findall(str(error))]
        if not (advised or columns):
            raise
        options = " or ".join([*(_option(*line) for line in advised), *columns])
        raise type(error)(
            f"{error}\nThere is no TOML yet: run the same command with {options}."
        ) from None


def _option(table: str, key: str, value: str | None) -> str:
    value = value if value not in (None, '"..."') else key.upper()
    return f"--{key} {value}" if OPTIONS.get(key) == table else f"--set {table}.{key}={value}"


def settings_given(options: Mapping[str, str | None], lines: Sequence[str] = ()) -> Given:
    """What the command line says: options by name, and lines such as "load.missing_target=drop".

    Raises SettingsError for a table, key or value that no TOML may have.
    """
    given: dict[str, dict[str, Any]] = {}
    for key, value in options.items():
        if value:
            given.setdefault(OPTIONS[key], {})[key] = value
    for line in filter(None, lines):
        match = SETTING.fullmatch(line.strip())
        if match is None or match[1] not in TABLES:
            raise SettingsError(
                f"--set: found {line!r}; allowed is TABLE.KEY=VALUE, TABLE being one of "
                f"{', '.join(TABLES)}. Correct it, for example --set split.folds=5."
            )
        given.setdefault(match[1], {})[match[2]] = _parsed(match[3])
    for table, keys in given.items():
        config.validate(TABLES[table], keys, "new", table)
    return given


def _parsed(value: str) -> Any:
    """A TOML value; a word without quotes, which a shell takes off, is text."""
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value


def _toml(name: str, found: Found) -> str:
    shape, given = found.shape, found.given

    def table(name: str, settings: type[config.Settings], **keys: Any) -> str:
        return _table(name, settings, {**keys, **given.get(name, {})})

    return "\n".join(
        (
            _comment(f"{name}: written by looking at its files. It runs as it is:"),
            f"#     make C={name} all",
            _comment(
                "A line such as '# key = value' is a default: take the '# ' off to change it."
            ),
            "",
            _competition(name, found),
            _load(found),
            _contract(found),
            table("explore", config.Explore),
            table("split", config.Split, **_splitting(found)),
            table("encode", config.Encode),
            table("budget", config.Budget, minutes=sizing.minutes(shape)),
            table("tune", config.Tune),
            *_left_out(shape),
            *(_model(model, sizing.settings(shape, model)) for model in sizing.models(shape)),
            table("blend", config.Blend),
            table("evaluate", config.Evaluate),
            table("submit", config.Submit),
            *_presets(found),
        )
    )


def _told(found: Found, path: Path) -> tuple[str, ...]:
    """What was found, a line each, and which of it the organiser's page must confirm."""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    metric, why = _metric(found)
    target = f"; check [load] target in {shown}" if found.guessed else ""
    guessed = f"metric {metric}: GUESSED, {why}; check [competition] metric in {shown}"
    asked = "metric" in found.given.get("competition", {})
    return (
        *found.notes,
        found.target_found + target,
        found.roles.found[1],
        found.roles.found[2],
        f"metric {metric}: {why}" if asked else guessed,
        *_positive_told(found, metric, shown),
        *_left_out_told(found),
        *_mistakes(found),
        *schema.alike_told(found.roles),
        *_size_told(found.shape),
    )


def _size_told(shape: sizing.Shape) -> Iterator[str]:
    """What many rows leave time for."""
    if shape.many:
        names, minutes = ", ".join(sizing.models(shape)), sizing.minutes(shape)
        yield f"{shape.rows:,} rows: {names}, in this order, in {minutes:g} minutes"


def _positive_told(found: Found, metric: str, path: Path) -> Iterator[str]:
    """Whose probability will be written, where the labels do not say it themselves."""
    label, guessed = found.roles.positive, found.roles.positive_guessed
    if label is None or METRICS[metric].needs != "probabilities":
        return
    check = f"; is it the one that the organiser asks for? [competition] positive in {path}"
    yield f"probabilities are of class {label!r}{': GUESSED' + check if guessed else ''}"


def _mistakes(found: Found) -> Iterator[str]:
    """What load will refuse, and the line of the TOML that mends it."""
    declared = found.given.get("load", {}).get("columns", {})
    for name, column in found.columns.items():
        if isinstance(column, DataError) and name not in declared:
            yield f"load will refuse {column}"


def _left_out_told(found: Found) -> Iterator[str]:
    """Columns that only one table has: no model may see them."""
    for side, other in (("train", "test"), ("test", "train")):
        columns = getattr(found.tables, side).columns
        names = [name for name in found.drop if name in columns]
        if names:
            yield f"left out, for {other} lacks them: {_names(names)}"


def look(files: finding.Files, given: Given | None = None) -> Found:
    """Read the files, and find out who is who in the tables."""
    given = given or {}
    about = given.get("competition", {})
    asked = config.LoadStage(
        **given.get("load", {}), task=about.get("task"), positive=about.get("positive")
    )
    read = {
        role: reading.read_table(table, labels.header_of(role, asked))
        for role, table in files.sources.items()
    }
    tables, notes = labels.tables_of(read, asked)
    columns = schema.column_names(tables.train)
    added = [name for name in columns if name not in read["train"].words]
    roles, target_found, guessed = _roles(tables, asked, added, files.notes)
    schema.find_form(tables, roles)
    if "metric" in given.get("competition", {}):
        get_metric(given["competition"]["metric"], roles.task, "--metric")
    sides = (schema.column_names(tables.train), schema.column_names(tables.test))
    kept = {*sides[0]} & {*sides[1]} | {roles.target, roles.id}
    drop = dict.fromkeys([*asked.drop, *(n for side in sides for n in side if n not in kept)])
    all_notes = (*files.notes, *notes)
    return Found(tables, roles, target_found, guessed, tuple(drop), given, {}, all_notes)


def _roles(
    tables: schema.Tables, asked: config.LoadStage, added: Sequence[str], notes: Sequence[str]
) -> tuple[schema.Roles, str, bool]:
    """Who is who, a sentence on the target, and whether it is a guess.

    added: columns that came with labels in a file apart. Where test has all columns of train, and
    no other file says more, the last is guessed.
    """
    if asked.target is not None:
        return (
            schema.find_roles(tables, asked),
            f"target {asked.target!r}: named by --target",
            False,
        )
    if len(added) == 1:
        roles = schema.find_roles(tables, asked.model_copy(update={"target": added[0]}))
        return roles, f"target {added[0]!r}: the column that the file of labels adds", False
    try:
        roles = schema.find_roles(tables, asked)
        return roles, roles.found[0], False
    except schema.UnknownTarget:
        names = [n for n in schema.column_names(tables.train) if n not in (*asked.drop, asked.id)]
        missing = [name for name in names if name not in tables.test]
        if missing or tables.sample is not None or notes:
            raise _target_asked(tables, missing or names, notes) from None
    last = asked.model_copy(update={"target": names[-1]})
    found = f"target {names[-1]!r}: GUESSED, the last column, for test has all columns of train"
    return schema.find_roles(tables, last), f"{found}; --target names another", True


def _target_asked(tables: schema.Tables, names: Sequence[str], notes: Sequence[str]) -> DataError:
    """The question which column is the target, with what is known of each that may be."""
    alone = "that test lacks" if names[0] not in tables.test else "test has them all"
    judged = [f"\n  {name!r}: {_held(tables.train[name])}" for name in names[:MOST_COLUMNS]]
    more = len(names) - MOST_COLUMNS
    judged += [f"\n  and {more:,} more"] if more > 0 else []
    values = (
        ""
        if tables.sample is None
        else f", nor does the sample ({_names(schema.column_names(tables.sample))})"
    )
    left = "".join(f"\n{note}" for note in notes)
    return DataError(
        f"train: which column is the target? Their names do not show it{values}. Columns "
        f"({alone}):{''.join(judged)}{left}\n"
        'Name it: [load] target = "...". Columns that only train has are dropped otherwise.'
    )


def _held(column: "pd.Series") -> str:
    """What a column holds, in so far as it matters for a target."""
    known = column.dropna()
    values = sorted(known.unique().tolist())
    found = kinds.read_numbers(known) if len(known) else None
    number = "number" if found is not None and not found.strays else "text"
    what = f"{len(values):,} different {number}s" if len(values) > 1 else f"one {number} only"
    shown = f", {some([repr(value) for value in values], 3)}" if values else ""
    missing = f", missing in {len(column) - len(known):,} rows" if len(known) < len(column) else ""
    return f"{what}{shown}{missing}"


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


def refuse_nothing(name: str, sources: Sequence[str]) -> None:
    """Without a name and a folder there is nothing to start."""
    if not (name and any(sources)):
        absent = " and ".join(
            what for what, given in (("name", name), ("folder", any(sources))) if not given
        )
        raise SettingsError(
            f"a new competition needs a name and the folder of its files; found no {absent}. "
            "Say `make new NAME=titanic FROM=~/Downloads/titanic`."
        )


def _refuse_name(name: str, folder: Path) -> None:
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"name of the competition: found {name!r}, allowed are small letters, digits and _, "
            "a letter first, at most 60 in all. Choose another name."
        )
    if name in RESERVED or (folder / f"{name}.py").exists():
        used = "make" if name in RESERVED else folder / f"{name}.py"
        raise SettingsError(
            f"name of the competition: found {name!r}, which {used} has taken. Choose another name."
        )
    path = folder / f"{name}.toml"
    if path.exists():
        raise SettingsError(f"{path} is there already. Choose another name, or move it away.")


# -- the tables of the TOML ------------------------------------------------------------------------


def _competition(name: str, found: Found) -> str:
    task = found.roles.task
    allowed = ", ".join(metric.name for metric in METRICS.values() if task in metric.tasks)
    metric, why = _metric(found)
    given = found.given.get("competition", {})
    guessed = "" if "metric" in given else "GUESSED: "
    url = f"url = {_value(given['url'])}" if "url" in given else '# url = "https://..."'
    return _lines(
        "[competition]",
        f"title = {_value(given.get('title', name))}",
        url,
        _comment(found.roles.found[2]),
        f"task = {_value(task)}",
        _comment(f"{guessed}{why}. The organiser's page tells; allowed are {allowed}"),
        f"metric = {_value(metric)}",
        *_positive(found),
    )


def _positive(found: Found) -> Iterator[str]:
    """Of two classes that are words, the one whose probability a submission holds."""
    roles = found.roles
    if roles.positive is not None and any("positive class" in line for line in roles.found):
        yield _comment(roles.found[-1])
        yield f"positive = {_value(roles.positive)}"


def _metric(found: Found) -> tuple[str, str]:
    """The metric and why: no file names it, but a sample may ask for probabilities."""
    roles, sample = found.roles, found.tables.sample
    asked = found.given.get("competition", {}).get("metric")
    if asked is not None:
        return asked, "named by --metric"
    form, _ = schema.find_form(found.tables, roles)
    if form.kind == "classes":
        return "log_loss", "the sample asks for a probability of each class"
    if roles.task == "binary" and sample is not None:
        answers = numbers(sample[form.target].dropna())
        if answers.between(0, 1).all() and (answers != answers.round()).any():
            return "roc_auc", "the sample asks for probabilities"
    return DEFAULTS[roles.task], f"the default of a {roles.task} task"


def _load(found: Found) -> str:
    roles = found.roles
    id = f"id = {_value(roles.id)}" if roles.id is not None else '# id = "..."'
    why = "columns that only one of train and test has" if found.drop else "columns not to look at"
    written = {*finding.ROLES, "target", "id", "drop"}
    others = {k: v for k, v in found.given.get("load", {}).items() if k not in written}
    return _lines(
        "[load]",
        *map(_comment, found.notes),
        *(f"{role} = {_value(name)}" for role, name in found.files.items()),
        _comment(found.target_found),
        f"target = {_value(roles.target)}",
        _comment(roles.found[1]),
        id,
        _comment(why),
        f"drop = {_value(found.drop)}",
        *(f"{key} = {_value(value)}" for key, value in others.items()),
    )


def _contract(found: Found) -> str:
    """What the columns hold in train and test, as a contract that these files keep."""
    if "columns" in found.given.get("load", {}):
        return ""
    rules = {name: _rule(name, found) for name in found.columns}
    free = [name for name, rule in rules.items() if not rule]
    without = f"Not in it, being dates or holding infinite numbers: {_names(free)}" if free else ""
    return _lines(
        _comment(
            "The data contract: what the files hold now. With the '# ' taken off, load refuses "
            "whatever breaks it. Widen the ranges to what may occur."
        ),
        *([_comment(without)] if without else []),
        "# [load.columns]",
        *(f"# {_string(name)} = {_value(rule)}" for name, rule in rules.items() if rule),
    )


def _rule(name: str, found: Found) -> dict[str, Any]:
    """The contract of one column; empty for dates and infinite numbers, which have none."""
    import pandas as pd

    sides, column = (found.tables.train[name], found.tables.test[name]), found.columns[name]
    if isinstance(column, DataError):
        column = {"name": name, "kind": "category"}
    kind = column["kind"]
    if "format" in column:
        return {}
    values = kinds.conform_column(pd.concat(sides, ignore_index=True), column, name)
    known = values.dropna()
    missing = {} if len(known) < len(values) else {"missing": False}
    if kind == "number":
        held = _range(known)
        return {**held, **missing} if held else {}
    levels = sorted(known.unique().tolist())
    listed = {"allowed": levels} if kind == "category" and len(levels) <= MOST_CATEGORIES else {}
    return {"kind": kind, **(listed if levels else {}), **missing}


def _range(known: "pd.Series") -> dict[str, Any]:
    """Kind, smallest and greatest of numbers (n,)."""
    import numpy as np

    if not len(known) or np.isinf(known).any():
        return {"kind": "number"} if not len(known) else {}
    low, high = known.min().item(), known.max().item()
    if (known == known.round()).all():
        return {"kind": "integer", "min": int(low), "max": int(high)}
    return {"kind": "number", "min": low, "max": high}


def _splitting(found: Found) -> dict[str, Any]:
    """Of few rows each model should see most, and one split into folds says little of them.

    Folds have two rows at least. Classes of fewer rows than there are folds cost none: they are
    spread over as many as they have rows.
    """
    folds, repeats = sizing.folds(found.shape), sizing.repeats(found.shape)
    return {"folds": max(2, min(folds, found.shape.rows // 2)), "repeats": repeats}


def _left_out(shape: sizing.Shape) -> Iterator[str]:
    """A comment on the models that are not listed because of the table's size."""
    if names := sizing.left_out(shape):
        yield _lines(
            _comment(
                f"{shape.rows:,} rows: lightgbm comes first. Not listed, because a repeat of each "
                f"would take more than its part of the minutes: {', '.join(names)}"
            )
        )


def _model(name: str, given: Mapping[str, Any]) -> str:
    settings = importlib.import_module(f"pipeline.models.{name}").Settings
    return _table(f"models.{name}", settings, given)


def _presets(found: Found) -> Iterator[str]:
    yield _comment("Presets change a few keys: make C=... PRESET=quick all")
    splitting, shape = _splitting(found), found.shape
    folds = f"folds = {min(sizing.folds(shape, 'quick'), splitting['folds'])}"
    yield _lines("[presets.quick.budget]", f"minutes = {sizing.minutes(shape, 'quick')}")
    yield _lines("[presets.quick.split]", folds, "repeats = 1")
    yield from _model_presets(shape, "quick")
    for table, less in QUICK.items():
        keys = (f"{key} = {_value(value)}" for key, value in less.items())
        if table.removeprefix("models.") in ("evaluate", *sizing.models(shape)):
            yield _lines(f"[presets.quick.{table}]", *keys)
    yield _lines("[presets.best.budget]", f"minutes = {sizing.minutes(shape, 'best')}")
    yield _lines("[presets.best.split]", f"repeats = {splitting['repeats'] + 2}")
    yield from _model_presets(shape, "best")


def _model_presets(shape: sizing.Shape, preset: str) -> Iterator[str]:
    """Beside other settings, the best preset has models that need more time."""
    for model in sizing.models(shape, "best" if preset == "best" else "default"):
        given = sizing.settings(shape, model, preset)
        if given or preset == "best":
            keys = (f"{key} = {_value(value)}" for key, value in given.items())
            yield _lines(f"[presets.{preset}.models.{model}]", *keys)


def _table(
    heading: str, settings: type[config.Settings], given: Mapping[str, Any] | None = None
) -> str:
    """A table with the keys that are given, and all others as comments that show the default."""
    given, fields = given or {}, settings.model_fields.items()
    return _lines(
        f"[{heading}]",
        *(f"{key} = {_value(value)}" for key, value in given.items()),
        *(_default(key, field) for key, field in fields if key not in given),
    )


def _default(key: str, field: "FieldInfo") -> str:
    default = field.get_default(call_default_factory=True)
    shown = "..." if default is None else _value(default)
    return f"# {key} = {shown}" + (f"  # {field.description}" if field.description else "")


# -- TOML ------------------------------------------------------------------------------------------


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def _comment(text: str) -> str:
    """Comment lines; what a comment may not hold is written as its code."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    wrapped = textwrap.wrap(plain, WIDTH, break_long_words=False, break_on_hyphens=False)
    return "\n".join(f"# {line}" for line in wrapped)


def _value(value: Any) -> str:
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, Iterable):
        return f"[{', '.join(_value(item) for item in value)}]"
    return repr(value)


def _string(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, but for the one control character it leaves."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_string, names))

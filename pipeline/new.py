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
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import archives, config, finding, kinds, reading, schema
from pipeline.errors import DataError, SettingsError
from pipeline.metrics import DEFAULTS, METRICS, Task
from pipeline.notation import numbers

if TYPE_CHECKING:
    import pandas as pd
    from pydantic.fields import FieldInfo

RESERVED = ("all",)  # `make C=all all` reads like a slip
NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
MOST_CATEGORIES = 20  # more of them are too many to list
QUICK_FOLDS = 5
FEW_ROWS = 10_000
WIDTH = 96
QUICK_MINUTES, MINUTES, BEST_MINUTES = 0.6, 6, 30  # of tune and train
QUICK: dict[str, dict[str, Any]] = {  # what else makes the quick preset quick
    "models.lightgbm": {"trials": 0},
    "models.kernel": {"batch_size": 600},
    "evaluate": {
        "learning_curve": (0.5, 1.0),
        "importance_rows": 400,
        "importance_repeats": 2,
        "dependence_rows": 150,
        "dependence_columns": 4,
    },
}
BUDGETS: dict[str, dict[str, int]] = {  # of the models that every competition starts with
    "linear": {},
    "logistic": {},
    "neural_net": {},
    "rnn": {},
    "lightgbm": {"trials": 20},
    "symmetric_trees": {},
    "kernel": {},
}
BEST_BUDGETS = {
    "linear": {"trials": 10},
    "logistic": {"trials": 10},
    "neural_net": {"trials": 20},
    "rnn": {},
    "lightgbm": {"trials": 100},
    "symmetric_trees": {},
    "kernel": {},
}


@dataclass(frozen=True)
class Found:
    """What the files show; `target_found` is a guess where they leave it open."""

    tables: schema.Tables
    roles: schema.Roles
    target_found: str
    guessed: bool
    drop: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """A competition's TOML, where it belongs, and a line on each thing that was found."""

    path: Path
    text: str
    told: tuple[str, ...]


def write_competition(name: str, source: Path, folder: Path) -> Draft:
    """A commented TOML for the files in `source`; nothing is written to disk.

    Raises SettingsError for a name that is not allowed, or taken in `folder`; DataError for files
    that cannot be learnt from.
    """
    _refuse_name(name, folder)
    sources = finding.find_files(source)
    read = {role: reading.read_table(table) for role, table in sources.items()}
    sample = read.get("sample")
    train = read["train"].words
    test, _ = kinds.align(read["test"].words, schema.column_names(train))
    found = look(schema.Tables(train, test, sample.words if sample else None, sample))
    path = folder / f"{name}.toml"
    names = {role: _file_name(table) for role, table in sources.items()}
    return Draft(path, _toml(name, found, names), _told(found, path))


def _toml(name: str, found: Found, files: Mapping[str, str]) -> str:
    task = found.roles.task
    return "\n".join(
        (
            _comment(f"{name}: written by looking at its files. It runs as it is:"),
            f"#     make C={name} all",
            _comment(
                "A line such as '# key = value' is a default: take the '# ' off to change it."
            ),
            "",
            _competition(name, found),
            _load(found, files),
            _contract(found),
            _table("explore", config.Explore),
            _table("split", config.Split, _splitting(found)),
            _table("encode", config.Encode),
            _table("budget", config.Budget, {"minutes": MINUTES}),
            _table("tune", config.Tune),
            *(_model(model, BUDGETS[model]) for model in _models(task)),
            _table("blend", config.Blend),
            _table("evaluate", config.Evaluate),
            _table("submit", config.Submit),
            *_presets(found),
        )
    )


def _told(found: Found, path: Path) -> tuple[str, ...]:
    """What was found, a line each, and which of it the organiser's page must confirm."""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    metric, why = _metric(found)
    target = f"; check [load] target in {shown}" if found.guessed else ""
    return (
        found.target_found + target,
        found.roles.found[1],
        found.roles.found[2],
        f"metric {metric}: GUESSED, {why}; check [competition] metric in {shown}",
    )


def look(tables: schema.Tables) -> Found:
    """Who is who in the tables; where the target cannot be told, the last column is guessed."""
    try:
        roles = schema.find_roles(tables, config.LoadStage())
        target_found, guessed = roles.found[0], False
    except schema.UnknownTarget:
        names = schema.column_names(tables.train)
        missing = [name for name in names if name not in tables.test]
        roles = schema.find_roles(tables, config.LoadStage(target=(missing or names)[-1]))
        target_found = f"target {roles.target!r}: GUESSED, the files leave it open"
        guessed = True
    schema.find_form(tables, roles)
    sides = (schema.column_names(tables.train), schema.column_names(tables.test))
    kept = {*sides[0]} & {*sides[1]} | {roles.target, roles.id}
    drop = dict.fromkeys(name for side in sides for name in side if name not in kept)
    return Found(tables, roles, target_found, guessed, tuple(drop))


def copy_raw(source: Path, raw: Path) -> None:
    """Copy the files found in `source`, and no others, into `raw`; what is there stays as it is."""
    paths = sorted({table.path for table in finding.find_files(source).values()})
    targets = {path: raw / path.name for path in paths}
    if len({*targets.values()}) < len(targets):
        raise DataError(
            f"{source}: two of the files have one name: {', '.join(map(str, paths))}. "
            "Rename one of them."
        )
    for path, target in targets.items():
        if target.exists() and archives.checksum(target) != archives.checksum(path):
            raise DataError(
                f"{target} is there already, and {path} differs from it. "
                "Move it away, or choose another name for the competition."
            )
    raw.mkdir(parents=True, exist_ok=True)
    for path, target in targets.items():
        if not target.exists():
            _copy(path, target)


def _copy(path: Path, target: Path) -> None:
    """A copy that appears whole or not at all."""
    temporary = target.with_name(f".{target.name}.tmp")
    try:
        shutil.copyfile(path, temporary)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def refuse_nothing(name: str, source: str) -> None:
    """Without a name and a folder there is nothing to start."""
    if not (name and source):
        absent = " and ".join(
            what for what, given in (("name", name), ("folder", source)) if not given
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
    return _lines(
        "[competition]",
        f"title = {_value(name)}",
        '# url = "https://..."',
        _comment(found.roles.found[2]),
        f"task = {_value(task)}",
        _comment(f"GUESSED: {why}. The organiser's page tells; allowed are {allowed}"),
        f"metric = {_value(metric)}",
    )


def _metric(found: Found) -> tuple[str, str]:
    """The metric and why: no file names it, but a sample may ask for probabilities."""
    roles, sample = found.roles, found.tables.sample
    form, _ = schema.find_form(found.tables, roles)
    if form.kind == "classes":
        return "log_loss", "the sample asks for a probability of each class"
    if roles.task == "binary" and sample is not None:
        answers = numbers(sample[form.target].dropna())
        if answers.between(0, 1).all() and (answers != answers.round()).any():
            return "roc_auc", "the sample asks for probabilities"
    return DEFAULTS[roles.task], f"the default of a {roles.task} task"


def _load(found: Found, names: Mapping[str, str]) -> str:
    roles = found.roles
    id = f"id = {_value(roles.id)}" if roles.id is not None else '# id = "..."'
    why = "columns that only one of train and test has" if found.drop else "columns not to look at"
    return _lines(
        "[load]",
        _comment(found.target_found),
        f"target = {_value(roles.target)}",
        _comment(roles.found[1]),
        id,
        _comment(why),
        f"drop = {_value(found.drop)}",
        *(f"# {role} = {_value(name)}" for role, name in names.items()),
    )


def _contract(found: Found) -> str:
    """What the columns hold in train and test, as a contract that these files keep."""
    others = {found.roles.target, found.roles.id, *found.drop}
    names = [name for name in schema.column_names(found.tables.train) if name not in others]
    rules = {name: _rule(name, found.tables) for name in names}
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


def _rule(name: str, tables: schema.Tables) -> dict[str, Any]:
    """The contract of one column; empty for dates and infinite numbers, which have none."""
    import pandas as pd

    sides = tables.train[name], tables.test[name]
    try:
        column = kinds.describe_column(name, *sides)
    except DataError:  # words among numbers: load will ask
        column = {"name": name, "kind": "category"}
    kind = column["kind"]
    if kind == "date":
        return {}
    values = pd.concat([kinds.conform(side.to_frame(), [column], name)[name] for side in sides])
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

    No more folds than the smallest class has rows.
    """
    few = len(found.tables.train) <= FEW_ROWS
    folds, repeats = (10, 3) if few else (5, 1)
    if found.roles.task == "regression":
        return {"folds": folds, "repeats": repeats}
    smallest = int(found.tables.train[found.roles.target].value_counts().min())
    if smallest < 2:
        return {"scheme": "plain", "folds": folds, "repeats": repeats}
    return {"folds": min(folds, smallest), "repeats": repeats}


def _models(task: Task) -> list[str]:
    """Logistic regression knows classes only."""
    return [model for model in BUDGETS if task != "regression" or model != "logistic"]


def _model(name: str, budget: Mapping[str, int]) -> str:
    settings = importlib.import_module(f"pipeline.models.{name}").Settings
    return _table(f"models.{name}", settings, budget)


def _presets(found: Found) -> Iterator[str]:
    yield _comment("Presets change a few keys: make C=... PRESET=quick all")
    splitting = _splitting(found)
    folds = f"folds = {min(QUICK_FOLDS, splitting['folds'])}"
    yield _lines("[presets.quick.budget]", f"minutes = {QUICK_MINUTES}")
    yield _lines("[presets.quick.split]", folds, "repeats = 1")
    for table, less in QUICK.items():
        keys = (f"{key} = {_value(value)}" for key, value in less.items())
        yield _lines(f"[presets.quick.{table}]", *keys)
    yield _lines("[presets.best.budget]", f"minutes = {BEST_MINUTES}")
    yield _lines("[presets.best.split]", f"repeats = {splitting['repeats'] + 2}")
    for model in _models(found.roles.task):
        budget = BEST_BUDGETS[model].items()
        yield _lines(f"[presets.best.models.{model}]", *(f"{k} = {v}" for k, v in budget))


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


def _file_name(source: archives.Source) -> str:
    return "/".join((source.path.name, *source.members))

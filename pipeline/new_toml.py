"""What was found in a new competition's files -> the text of its TOML, which runs as it is.

Defaults stand in it as comments, as does the data contract with the ranges and categories that the
files show: each line `# key = value` is valid with the "# " removed, whatever the others are.
"""

import importlib
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipeline import config, scratch, sizing
from pipeline.column_order import MOST_LEVELS, found_order
from pipeline.encoding.categories import MOST_ONE_HOT
from pipeline.errors import DataError
from pipeline.metrics import DEFAULTS, METRICS, prefers_values
from pipeline.problem import Feature, Form, Task
from pipeline.reading import distinct, finding, joins, kinds
from pipeline.reading.contract import ColumnRule
from pipeline.reading.extra_rows import ROLE
from pipeline.reading.kinds import Described
from pipeline.reading.notation import numbers
from pipeline.reading.schema import RawTables, Roles
from pipeline.settings import MOST_CLASSES, ModelSettings
from pipeline.splitting.mirroring import Mirror, find_mirror
from pipeline.submission import labels_a_cell, unread_cells

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

Given = Mapping[str, Mapping[str, Any]]  # table of the TOML -> key -> value

SIZES = {"folds", "repeats", "seed", "bins", "numbering"}  # of [split]: not how test differs
MOST_CATEGORIES = 20  # more of them are too many to list
WIDTH = 98
GROUP_UNSEEN = "Test has other values of it, so that what a model learns of one helps nowhere"
LONG_TAILED = ("squared_error", "absolute_error")  # what models learn in the unit of the target
LONG_TAIL = 1.0  # skewness above which a target's logarithm is worth a model
MOST_SHARES = 3  # of the minutes: of more targets each gets less
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
class TargetFindings:
    """What the files show of one of several targets."""

    roles: Roles
    form: Form


@dataclass(frozen=True)
class TableFindings:
    """What the files show: tables, roles, the form of a submission, and each column that a model
    may see, or why load will refuse it.

    given: what the command line declares; notes: on each choice among the files;
    guessed: whether the target is a guess; files: role -> name in the folder of raw files;
    several: each of several targets, the first of which `roles` and `form` are of; joins: the side
    tables that are joined, by name.
    """

    tables: RawTables
    roles: Roles
    form: Form
    columns: Mapping[str, Described | DataError]
    drop: tuple[str, ...]
    given: Given
    notes: tuple[str, ...]
    guessed: bool
    files: Mapping[str, str] = field(default_factory=dict)
    several: tuple[TargetFindings, ...] = ()
    joins: Mapping[str, config.Join] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """All of them, in the order of train's columns."""
        return tuple(each.roles.target for each in self.several) or (self.roles.target,)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The different tasks of the targets."""
        tasks = (each.roles.task for each in self.several)
        return tuple(dict.fromkeys(tasks)) or (self.roles.task,)

    @cached_property
    def shape(self) -> sizing.Shape:
        train, of = self.tables.train, [self.roles, *(each.roles for each in self.several)]
        classes = max(len(roles.classes or [""]) for roles in of)
        width = sum(
            1 if _is_number(column) else min(train[name].nunique(), MOST_ONE_HOT)
            for name, column in self.columns.items()
        )
        hardest = "multiclass" if classes > 2 else "binary" if classes > 1 else "regression"
        task: Task = hardest if len(self.tasks) > 1 else self.roles.task  # type: ignore[assignment]
        rows, columns, ordered = len(train), len(self.columns), bool(self.order)
        mixed = len(self.tasks) > 1 and "regression" in self.tasks
        named = sum(
            not _is_number(column) and train[name].nunique() > sizing.MANY_LEVELS
            for name, column in self.columns.items()
        )
        text = any(
            not isinstance(column, DataError) and column.feature.kind == "text"
            for column in self.columns.values()
        )
        asked = self.given.get("budget", {}).get("minutes")
        minutes = None if asked is None else asked / self._shares
        return sizing.Shape(
            rows, columns, task, classes, width, ordered, mixed, named, text, minutes
        )

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Columns that stand in an order, which a recurrent network reads."""
        return found_order({name: _numbers_held(column) for name, column in self.columns.items()})

    @cached_property
    def metric(self) -> tuple[str, str]:
        """The metric and why: no file names it, but a sample may ask for probabilities."""
        declared = self.given.get("competition", {}).get("metric")
        if declared is not None:
            return declared, "named by --metric"
        return self.metric_of(self.roles, self.form)

    def metric_of(self, roles: Roles, form: Form) -> tuple[str, str]:
        """The metric that suits one target, and why."""
        sample = self.tables.sample
        if form.kind == "classes":
            return "log_loss", "the sample asks for a probability of each class"
        cells: list[str] = []
        if sample is not None and form.target is not None:
            cells = list(map(str, sample[form.target].dropna().unique().tolist()))
        several = labels_a_cell(roles.classes or (), cells)
        if several > 1:
            return f"map@{several}", f"the sample has {several} labels in a cell"
        if roles.task == "binary" and sample is not None:
            values = numbers(sample[form.target].dropna())
            if values.between(0, 1).all() and (values != values.round()).any():
                return "roc_auc", "the sample asks for probabilities"
        why = f"the default of a {roles.task} task"
        unread = unread_cells(roles.classes or (), cells) if roles.classes else ""
        return DEFAULTS[roles.task], f"{why}; {unread}" if unread else why

    def minutes(self, preset: str = "default") -> float:
        """For all targets. The best preset takes no longer for several."""
        shares = 1 if preset == "best" else self._shares
        return round(sizing.minutes(self.shape, preset) * shares, 1)

    @property
    def _shares(self) -> int:
        """Each of up to MOST_SHARES targets gets what one alone would get."""
        return min(len(self.targets), MOST_SHARES)

    @property
    def mirror(self) -> Mirror | None:
        """The folds that are as test was split from train; None where the command line says how to
        split."""
        return None if {*self.given.get("split", {})} - SIZES else self.difference

    @cached_property
    def difference(self) -> Mirror | None:
        """How test was split from train; None where nothing tells them apart."""
        described = [each for each in self.columns.values() if not isinstance(each, DataError)]
        train, test, id = self.tables.train, self.tables.test, self.roles.id
        dated = None if id is None else kinds.describe_id(id, train, test, self._declared(id))
        described += [] if dated is None else [dated]
        one, other = kinds.typed(train, described, "train"), kinds.typed(test, described, "test")
        scratch.release()
        features = [each.feature for each in described]
        return find_mirror(one, other, features, None if dated else id, sizing.folds(self.shape))

    def _declared(self, name: str) -> ColumnRule | None:
        """What the command line declares of a column."""
        rule = self.given.get("load", {}).get("columns", {}).get(name)
        return None if rule is None else ColumnRule.model_validate(rule)

    @property
    def drawn_folds(self) -> bool:
        """Whether folds are drawn at random, so that repeats differ."""
        found = self.mirror.settings if self.mirror is not None else {}
        return not {"time", "column", "own"} & {*found, *self.given.get("split", {})}

    @property
    def split(self) -> dict[str, Any]:
        """Of few rows each model should see most, and one split into folds shows little of them.

        Folds have two rows at least. Classes of fewer rows than there are folds cost none: they are
        spread over as many as they have rows. How test differs from train changes both.
        """
        folds, repeats = sizing.folds(self.shape), sizing.repeats(self.shape)
        sized = {
            "folds": max(2, min(folds, self.shape.rows // 2)),
            "repeats": repeats if self.drawn_folds else 1,
        }
        return {**sized, **(self.mirror.settings if self.mirror is not None else {})}

    @property
    def unseen(self) -> dict[str, Any]:
        """[encode] drop: the column whose values are others in test, which keeps the folds' groups
        together. What a model learns of one group would hold for none of test's."""
        found = self.difference.settings if self.difference is not None else {}
        is_whole = "group" in found and "group_before" not in found
        is_seen = is_whole and found["group"] in self.columns and len(self.columns) > 1
        return {"drop": [found["group"]]} if is_seen else {}


def _is_number(column: Described | DataError) -> bool:
    """A column that a linear model sees as one or a few numbers."""
    return isinstance(column, DataError) or column.feature.kind in ("number", "date")


def _numbers_held(column: Described | DataError) -> frozenset[float]:
    """What a column of numbers holds, as many of them as `found_order` must know."""
    if isinstance(column, DataError) or column.feature.kind != "number" or not column.values:
        return frozenset()
    return frozenset(distinct.first(column.values["train"], MOST_LEVELS + 1).tolist())


def mirrored(mirror: Mirror) -> str:
    return f"{mirror.description}. The folds mirror it."


def text(name: str, found: TableFindings) -> str:
    """The whole TOML, presets included."""
    shape, given = found.shape, found.given

    def table(name: str, settings: "type[BaseModel]", **keys: Any) -> str:
        return _table(name, settings, {**keys, **given.get(name, {})})

    return "\n".join(
        (
            _comment(f"{name}: written by looking at its files. It runs as it is:"),
            f"#     make C={name} all",
            _comment("A line such as '# key = value' is a default: remove the '# ' to change it."),
            "",
            _competition(name, found),
            _load(found),
            *filter(None, [_targets(found)]),
            table("explore", config.Explore),
            *([_comment(mirrored(found.mirror))] if found.mirror else []),
            table("split", config.Split, **found.split),
            *([_comment(GROUP_UNSEEN)] if found.unseen else []),
            table("encode", config.Encode, **found.unseen),
            table("budget", config.Budget, minutes=found.minutes()),
            table("cluster", config.Cluster),
            table("tune", config.Tune),
            _model_notes(shape),
            *(_model(model, _given(model, found)) for model in sizing.models(shape)),
            *_small_trees(found),
            *_of_logarithms(found),
            *_telling_apart(found),
            *_learning_from_extra(found),
            table("blend", config.Blend),
            table("evaluate", config.Evaluate),
            table("submit", config.Submit),
            *_presets(found),
            _contract(found),
        )
    )


def _competition(name: str, found: TableFindings) -> str:
    roles, given = found.roles, found.given.get("competition", {})
    metric, why = found.metric
    guessed = "" if "metric" in given else "GUESSED: "
    positive = roles.notes.get("positive")
    heading = (
        "[competition]",
        pair("title", given.get("title", name)),
        pair("url", given["url"]) if "url" in given else '# url = "https://..."',
    )
    if len(found.tasks) > 1:
        named = [pair("metric", metric)] if "metric" in given else []
        of_each = _comment("The targets differ in their tasks: see [targets.NAME]")
        return _lines(*heading, *named, of_each)
    if found.several:
        positive = None
    return _lines(
        *heading,
        _comment(roles.notes["task"]),
        pair("task", roles.task),
        _comment(
            f"{guessed}{why}. The organiser's page names it; `python -m pipeline metrics` lists "
            "those that there are"
        ),
        pair("metric", metric),
        *([_comment(positive), pair("positive", roles.positive)] if positive else []),
    )


def _targets(found: TableFindings) -> str:
    """What differs between several targets: the task and the metric, or the positive class."""
    if not found.several:
        return ""
    tables = []
    for each in found.several:
        roles, keys = each.roles, dict[str, str]()
        if len(found.tasks) > 1:
            keys["task"] = roles.task
            if "metric" not in found.given.get("competition", {}):
                keys["metric"] = found.metric_of(roles, each.form)[0]
        if roles.positive is not None:
            keys["positive"] = roles.positive
        if keys:
            tables.append(_section(f"targets.{_key(roles.target)}", **keys))
    return "\n".join(tables) or _lines(
        _comment("What differs for one of the targets, in a table each: [targets.NAME]; keys are"),
        *(_comment(f"{k}: {f.description}") for k, f in config.TargetSettings.model_fields.items()),
    )


def _key(name: str) -> str:
    """A name as a key of TOML, in quotes where it needs them."""
    return pair(name, 0).removesuffix(" = 0")


def _load(found: TableFindings) -> str:
    roles = found.roles
    why = "columns that only one of train and test has" if found.drop else "columns not to look at"
    written = {*finding.ROLES, "join", "extra", "target", "id", "drop", "columns"}
    others = {k: v for k, v in found.given.get("load", {}).items() if k not in written}
    return _lines(
        "[load]",
        *map(_comment, found.notes),
        *(pair(role, found.files[role]) for role in (*finding.ROLES, ROLE) if role in found.files),
        *_joins(found),
        _comment(_targets_found(found)),
        pair("target", list(found.targets) if found.several else roles.target),
        _comment(roles.notes["id"]),
        pair("id", roles.id) if roles.id is not None else '# id = "..."',
        _comment(why),
        pair("drop", found.drop),
        *(pair(key, value) for key, value in others.items()),
    )


def _targets_found(found: TableFindings) -> str:
    if not found.several:
        return found.roles.notes["target"]
    return f"{len(found.several)} targets: the score is the mean over them"


def _joins(found: TableFindings) -> Iterator[str]:
    """The side tables, as keys of [load], one after another."""
    if not found.joins:
        yield '# join: side tables: join.NAME = { file = "...", on = ["..."] }'
    for name, join in found.joins.items():
        about = join.model_dump(mode="json", exclude_defaults=True)
        yield f"join.{pair(name, {**about, 'file': found.files[joins.role(name)]})}"


def _contract(found: TableFindings) -> str:
    """What the columns hold in train and test, as a contract that these files keep; last, as it may
    have thousands of lines."""
    declared = found.given.get("load", {}).get("columns", {})
    rules = {name: _rule(name, found) for name in found.columns if name not in declared}
    free = ", ".join(string(name) for name, rule in rules.items() if not rule)
    return _lines(
        "[load.columns]",
        _comment(
            "The data contract: what the files hold now. Remove the '# ' of a line, and load "
            "refuses what breaks it. Widen the ranges to what may occur."
        ),
        *([_comment(f"Not in it, being dates or holding infinite numbers: {free}")] * bool(free)),
        *(pair(name, rule) for name, rule in declared.items()),
        *(f"# {pair(name, rule)}" for name, rule in rules.items() if rule),
    )


def _rule(name: str, found: TableFindings) -> dict[str, Any]:
    """The contract of one column; empty for dates and infinite numbers, which have none."""
    scratch.release()  # of the columns before
    column = found.columns[name]
    feature = Feature(name, "category") if isinstance(column, DataError) else column.feature
    if feature.formats:
        return {}
    values = _values(name, feature, found)
    missing = {} if values.hasnans else {"missing": False}
    if feature.kind == "number":
        held = _range(distinct.known(values))
        return {**held, **missing} if held else {}
    if feature.kind == "category":
        levels = distinct.first(values, MOST_CATEGORIES + 1).tolist()
        listed = {"allowed": sorted(levels)} if 0 < len(levels) <= MOST_CATEGORIES else {}
        return {"kind": feature.kind, **listed, **missing}
    return {"kind": feature.kind, **missing}


def _values(name: str, feature: Feature, found: TableFindings) -> "pd.Series":
    """A column's values in train and test, one after the other; numbers that are known already are
    not read again."""
    import pandas as pd

    column, tables = found.columns[name], found.tables
    if not isinstance(column, DataError) and column.values:
        sides = [values for values in column.values.values() if len(values)]
        return pd.concat(sides, ignore_index=True)
    words = pd.concat([tables.train[name], tables.test[name]], ignore_index=True)
    return kinds.conform_column(words, feature, name)


def _range(known: "pd.Series") -> dict[str, Any]:
    """Kind, smallest and greatest of numbers (n,)."""
    import numpy as np

    if not len(known) or np.isinf(known).any():
        return {"kind": "number"} if not len(known) else {}
    low, high = known.min().item(), known.max().item()
    if (known == known.round()).all():
        return {"kind": "integer", "min": int(low), "max": int(high)}
    return {"kind": "number", "min": low, "max": high}


def _model_notes(shape: sizing.Shape) -> str:
    """Why these models in this order, those left out because of the table's size, and the keys that
    all may have."""
    names, fields = sizing.left_out(shape), ModelSettings.model_fields.items()
    first = (
        "logistic regression first, which takes seconds and is as accurate on "
        f"{'texts' if shape.text else 'more columns than rows'}"
        if sizing.linear_first(shape)
        else "boosting first, which is the most accurate over many tables"
    )
    order = (
        f"The models share the minutes in this order: {first} (benchmarks/README.md). The blend "
        "gives those that do not help no weight."
    )
    left_out = (
        f"{shape.rows:,} rows: not listed, because a repeat of each would take more than its part "
        f"of the minutes: {', '.join(names)}"
    )
    return _lines(
        _comment(order),
        *([_comment(left_out)] if names else []),
        "",
        _comment("Every table [models.NAME] may have these keys, and its model's own:"),
        *(
            _comment(f"{key}: {field.description or 'of the random numbers'}")
            for key, field in fields
        ),
        _comment(
            "Predictions made elsewhere are a model too: a table [models.NAME] with the keys kind "
            '("predictions"), oof and test (files; docs/blending.md).'
        ),
    )


def _given(model: str, found: TableFindings) -> dict[str, Any]:
    """What a model's table holds beside its defaults."""
    order = {"sequence": found.order} if model == "rnn" else {}
    return {**sizing.settings(found.shape, model), **order}


def _model(name: str, given: Mapping[str, Any]) -> str:
    settings = importlib.import_module(f"pipeline.models.{name}").Settings
    table = _table(f"models.{name}", settings, given, {*ModelSettings.model_fields})
    return _lines(_comment(sizing.WHY[name])) + table


def _small_trees(found: TableFindings) -> Iterator[str]:
    """Of absolute errors and few rows: LightGBM once more, with few leaves and more rounds."""
    name, shape = found.metric[0], found.shape
    is_absolute = prefers_values(name) and METRICS[name].loss_for_models == "absolute_error"
    if is_absolute and not (shape.costly or shape.wide):
        yield _comment(
            "LightGBM with small trees, and more of them: of 19 open tables it made the absolute "
            "error of the blend 1 to 8% less on two, and hardly changed the others"
        )
        yield _section("models.lightgbm_small_trees", kind="lightgbm", num_leaves=8, patience=100)


def _of_logarithms(found: TableFindings) -> Iterator[str]:
    """Of amounts with a long tail and few rows: the network once more, of their logarithms."""
    import pandas as pd

    name, shape = found.metric[0], found.shape
    is_of_values = prefers_values(name) and METRICS[name].loss_for_models in LONG_TAILED
    if not is_of_values or found.tasks != ("regression",) or shape.costly or shape.wide:
        return
    train = found.tables.train[list(found.targets)]
    amounts = train.apply(pd.to_numeric, errors="coerce").astype(float)
    if (amounts.min() >= 0).all() and (amounts.skew() > LONG_TAIL).any():
        yield _comment(
            "the network of the target's logarithm, as it has a long tail: of 10 such open tables "
            "the blend's squared error was 1 to 4% less with it on five, and on two 1% greater"
        )
        network = "neural_net"
        yield _section(f"models.{network}_logarithms", kind=network, as_logarithms=True)


def _telling_apart(found: TableFindings) -> Iterator[str]:
    """Where whole numbers are cut out of values: the first model once more, of their classes."""
    levels = max(found.tables.train[target].nunique() for target in found.targets)
    if found.metric[0] == "qwk" and not found.shape.many and levels <= MOST_CLASSES:
        yield _comment(
            "the same model of each whole number's probability, whose mean it predicts: a blend of "
            "the two is cut better than either"
        )
        model = sizing.models(found.shape)[0]
        yield _section(f"models.{model}_classes", kind=model, as_classes=True, n_models=1)


def _learning_from_extra(found: TableFindings) -> Iterator[str]:
    """The first model twice more, with the extra rows: the report compares them."""
    if ROLE in found.files:
        model = sizing.models(found.shape)[0]
        given = _given(model, found)
        yield _section(f"models.{model}_extra", kind=model, extra=1.0, **given)
        yield _section(f"models.{model}_original", kind=model, extra_feature=True, **given)


def _presets(found: TableFindings) -> Iterator[str]:
    yield _comment("Presets change a few keys: make C=... PRESET=quick all")
    split, shape = found.split, found.shape
    folds = min(sizing.folds(shape, "quick"), split["folds"])
    yield _section("presets.quick.budget", minutes=found.minutes("quick"))
    yield _section("presets.quick.split", folds=folds, repeats=1)
    yield from _model_presets(found, "quick")
    for table, less in QUICK.items():
        if table.removeprefix("models.") in ("evaluate", *sizing.models(shape)):
            yield _section(f"presets.quick.{table}", **less)
    yield _section("presets.best.budget", minutes=found.minutes("best"))
    if found.drawn_folds:
        yield _section("presets.best.split", repeats=split["repeats"] + 2)
    yield from _model_presets(found, "best")


def _model_presets(found: TableFindings, preset: str) -> Iterator[str]:
    """Other settings; the best preset also has models that need more time."""
    shape = found.shape
    listed = sizing.models(shape)
    for model in sizing.models(shape, "best") if preset == "best" else listed:
        given = sizing.settings(shape, model, preset)
        if model not in listed:
            given = {**_given(model, found), **given}
        if given or model not in listed:
            yield _section(f"presets.{preset}.models.{model}", **given)


# -- TOML ------------------------------------------------------------------------------------------


def _table(
    heading: str,
    settings: "type[BaseModel]",
    given: Mapping[str, Any],
    left_out: Collection[str] = (),
) -> str:
    """A table with the keys that are given, and the others as comments that show the default."""
    fields = settings.model_fields.items()
    others = [_default(key, f) for key, f in fields if key not in given and key not in left_out]
    return _section(heading, **given) + _lines(*others)


def _default(key: str, field: "FieldInfo") -> str:
    """`# key = value  # description`; of a key without a default, which TOML cannot write, no
    value."""
    default = field.get_default(call_default_factory=True)
    if default is None:
        return f"# {key}: {field.description}"
    return f"# {pair(key, default)}" + (f"  # {field.description}" if field.description else "")


def _section(heading: str, **keys: Any) -> str:
    return _lines(f"[{heading}]", *(pair(key, value) for key, value in keys.items()))


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def _comment(text: str) -> str:
    """Comment lines; what a comment may not hold is written as its code."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return textwrap.fill(
        plain,
        WIDTH,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def pair(key: str, value: Any) -> str:
    """`key = value` on one line."""
    return str(_inline({key: value}).as_string())[1:-1]


def string(value: str) -> str:
    """A text in quotes."""
    return pair("key", value).removeprefix("key = ")


def _inline(values: Mapping[str, Any]) -> Any:
    import tomlkit

    table = tomlkit.inline_table()
    for key, value in values.items():
        table[key] = _inline(value) if isinstance(value, Mapping) else value
    return table

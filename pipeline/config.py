"""A competition's TOML -> validated, immutable settings; an unknown key is an error.

The tables are named after the stages. `[presets.NAME]` holds the same tables again, with only the
keys that the preset changes.
"""

import importlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from pipeline import foreign, workspace
from pipeline.errors import SettingsError
from pipeline.metrics import METRICS, get_metric, prefers_values, why_unknown
from pipeline.metrics.own import OWN, PREFIX
from pipeline.models import classes_only
from pipeline.problem import Aggregate as OfGroup
from pipeline.problem import Task
from pipeline.reading.contract import ColumnRule
from pipeline.settings import Encode, ModelSettings, Name, Settings
from pipeline.splitting.lengths import parse_length
from pipeline.wording import did_you_mean, quoted

MODELS = Path(__file__).parent / "models"


def _web_address(url: str) -> str:
    """A link in the report must not run code, as one to `javascript:` would."""
    if url and not WEB_ADDRESS.fullmatch(url):
        raise ValueError("allowed are addresses that begin with http:// or https://")
    return url


BLEND = "blend"  # no model's name: it is that of the blend in every table
WEB_ADDRESS = re.compile(r"(?i)https?://[^\s\x00-\x1f\x7f]+")
DATABASE = "postgresql+psycopg://"
SCHEDULER = re.compile(r"(tcp|tls)://([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}")
Url = Annotated[str, AfterValidator(_web_address)]
S = TypeVar("S", bound=Settings)
Aggregate = Literal[
    "mean", "sum", "min", "max", "std", "median", "count", "nunique", "first", "last"
]


def _as_word(label: Any) -> Any:
    """Labels are words: 1 is '1'."""
    return str(label) if isinstance(label, int) and not isinstance(label, bool) else label


Label = Annotated[str, BeforeValidator(_as_word)]


class Competition(Settings):
    """What the competition asks for. Left out, the task and the metric follow from the target."""

    title: str = ""
    url: Url = ""
    metric: str | None = Field(None, description="`python -m pipeline metrics` lists them all")
    task: Task | None = None
    positive: Label | None = Field(
        None, description="of two classes, the one whose probability a submission holds"
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        return _known_metric(name)


def _known_metric(name: str | None) -> str | None:
    if name is not None and name != OWN and name not in METRICS:
        raise ValueError(str(why_unknown(name)))
    return name


class TargetSettings(Settings):
    """[targets.NAME]: what [competition] says otherwise of one of several targets."""

    metric: str | None = Field(None, description="of this target; left out: [competition]'s")
    task: Task | None = Field(None, description="of this target; left out: [competition]'s")
    positive: Label | None = Field(None, description="of this target's two classes")

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        return _known_metric(name)


class Join(Settings):
    """A side table, joined to train and test by columns that name each of its rows once."""

    file: str = Field(description="among the raw files")
    on: str | tuple[str, ...] | dict[str, str] = Field(
        description='the key; { dest = "faa" } where the side table names its columns otherwise'
    )
    aggregate: dict[str, tuple[Aggregate, ...]] = Field(
        default_factory=dict,
        description="of a table with several rows a key: its columns, and what to make of each",
    )

    @field_validator("on")
    @classmethod
    def _some(cls, on: Any) -> Any:
        if not on:
            raise ValueError("it names no column; at least one is needed")
        return on

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """(column of train and test, column of the side table) for each part of the key."""
        if isinstance(self.on, dict):
            return tuple(self.on.items())
        names = (self.on,) if isinstance(self.on, str) else self.on
        return tuple((name, name) for name in names)


class Load(Settings):
    """Which files and columns. Left out, they are found by looking at train, test and sample."""

    train: str | None = None
    test: str | None = Field(None, description='"none": there are no rows to predict')
    sample: str | None = Field(None, description='"none": whatever the names say, there is none')
    labels: str | None = Field(None, description='train\'s labels, if in a file apart; or "none"')
    read: Name | None = Field(
        None, description="module in pipeline/competitions with `read(raw)` -> tables"
    )
    join: dict[str, Join] = Field(
        default_factory=dict, description="side tables, joined one after another"
    )
    extra: str | None = Field(
        None, description="labelled rows to learn from that are never validated; see models' extra"
    )
    target: str | tuple[str, ...] | None = Field(
        None, description="the column to predict, or a list of several"
    )
    id: str | None = None
    drop: tuple[str, ...] = Field((), description="columns that no model may see")
    header: bool = Field(True, description="whether train and test begin with a line of names")
    missing_target: Literal["refuse", "drop"] = Field(
        "refuse", description="drop leaves rows of train without a target out"
    )
    merge_labels: bool = Field(
        False, description="labels that differ only in case or blanks are one class"
    )
    columns: dict[str, ColumnRule] = Field(default_factory=dict, description="the data contract")
    simulator: Name | None = Field(
        None, description="module in pipeline/competitions to use where there are no files"
    )
    simulated_train_rows: int = Field(3000, ge=50)
    simulated_test_rows: int = Field(2000, ge=10)
    seed: int = Field(0, ge=0)

    @field_validator("target")
    @classmethod
    def _each_once(cls, target: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if isinstance(target, str) or target is None:
            return target
        if not target:
            raise ValueError("a list of targets names one at least")
        twice = [name for name, times in Counter(target).items() if times > 1]
        if twice:
            raise ValueError(f"each target is named once, and {twice[0]!r} is named twice")
        return target if len(target) > 1 else target[0]


class Explore(Settings):
    """How much of the data the exploration looks at."""

    max_rows: int = Field(20_000, ge=100, description="rows drawn for figures and tests")
    max_columns: int = Field(
        200, ge=1, description="columns shown, of more those most related to the target"
    )
    permutations: int = Field(49, ge=9, description="for adversarial validation's p-value")
    ratings: tuple[str, ...] = Field(
        (), description="the columns of ratings in the order to show them; none: as they stand"
    )
    seed: int = Field(0, ge=0)


def _length(written: int | float | str | None) -> int | float | str | None:
    """A length of time that can be read."""
    if written is not None:
        parse_length(written)
    return written


LengthOfTime = Annotated[int | float | str | None, AfterValidator(_length)]


class Split(Settings):
    """Which rows are validated together: at random, whole groups, windows of time, or your own."""

    scheme: Literal[
        "auto", "stratified", "plain", "group", "stratified_group", "time", "column", "own"
    ] = Field("auto", description="auto: as the keys below say, else what fits the task")
    group: str | None = Field(None, description="rows that share this column stay together")
    group_before: str | None = Field(
        None,
        min_length=1,
        description='"_": the group is what stands before the last _ of that column, 309 of 309_1',
    )
    time: str | tuple[str, ...] | None = Field(
        None,
        description="a column of dates or numbers, or its parts, year first: each fold validates a "
        "window of time and trains on what lies before it",
    )
    horizon: LengthOfTime = Field(
        None,
        description='how long each window is: "14 days", "1 month", "500 rows", or 2 of a number; '
        "left out: equally many rows in each",
    )
    gap: LengthOfTime = Field(
        None, description="rows less than this before a window are not trained on"
    )
    history: LengthOfTime = Field(
        None, description="how far back a fold trains; left out: all that lies before"
    )
    within: Literal["year", "month", "week", "day"] | None = Field(
        None,
        description="not windows, but blocks of the days of every month (months of every year, "
        "days of every week, hours of every day), where test has such a block",
    )
    column: str | None = Field(
        None, description="a column of fold numbers; -1 or empty: never validated"
    )
    own: Name | None = Field(
        None,
        description="module in pipeline/competitions with `split(frame)` -> pairs of row numbers",
    )
    bins: int = Field(
        0, ge=0, le=100, description="regression: folds get their share of so many quantile bins"
    )
    numbering: Literal["default", "scikit-learn"] = Field(
        "default",
        description="scikit-learn: folds as of KFold, StratifiedKFold and GroupKFold, shuffled by "
        "random_state=seed, or GroupKFold(folds)",
    )
    folds: int = Field(5, ge=1, le=50, description="2 at least; windows of time: 1 at least")
    repeats: int = Field(1, ge=1, le=50)
    seed: int = Field(0, ge=0)

    @field_validator("folds")
    @classmethod
    def _at_least_two(cls, folds: int, info: ValidationInfo) -> int:
        if folds < 2 and info.data.get("time") is None:
            raise ValueError("it should be greater than or equal to 2, but for one window of time")
        return folds


class Budget(Settings):
    """What a run may cost. A model's share that it does not need passes to those after it."""

    minutes: float | None = Field(
        None, gt=0, description="for tune and train of all models together; left out: no bound"
    )


def _scheduler(address: str | None) -> str | None:
    if address is not None and not SCHEDULER.fullmatch(address):
        raise ValueError("allowed are addresses such as tcp://10.0.0.5:8786, or tls://...")
    return address


def _storage(address: str | None) -> str | None:
    """A password must not get into a file that is shared: it is refused, and not shown."""
    if address is None:
        return None
    if not address.startswith(DATABASE):
        raise SettingsError(
            "[tune] storage: found an address of another kind, allowed is "
            f"{DATABASE}USER@HOST/DATABASE. Correct it, or leave it out: trials are then kept in "
            "a journal."
        )
    parts = urlsplit(address)
    if parts.password is not None or "pass" in parts.query.lower():
        raise SettingsError(
            "[tune] storage: the address holds a password, which a TOML must not. Put it into "
            "~/.pgpass or the environment (PGPASSWORD), and leave it out here."
        )
    return address


class Cluster(Settings):
    """Where fits are computed; it changes none of them. See docs/cluster.md."""

    scheduler: Annotated[str | None, AfterValidator(_scheduler)] = Field(
        None,
        description='of Dask, as "tcp://10.0.0.5:8786": its workers fit, and share the store; left '
        "out: this machine fits",
    )
    patience: float = Field(
        30,
        gt=0,
        description="minutes without any news from the workers after which the next fit is "
        "computed on this machine",
    )


class Tune(Settings):
    """Optuna. The number of trials stands in each model's table."""

    storage: Annotated[str | None, AfterValidator(_storage)] = Field(
        None,
        exclude=True,  # where trials are kept is in no key
        description='a database whose searches several machines share, as "postgresql+psycopg://'
        'user@host/optuna"; left out: a journal in data/build',
    )
    startup_trials: int = Field(10, ge=1, description="random trials before TPE")
    pruning_warmup: int = Field(5, ge=1, description="finished trials before any is pruned")
    seed: int = Field(0, ge=0)


class Blend(Settings):
    """Greedy selection with replacement (Caruana 2004) against a logistic stacker."""

    method: Literal["auto", "greedy", "stack", "equal", "ridge", "levels"] = Field(
        "auto",
        description="equal: the best few; greedy; stack: a regression on all; ridge: weights by "
        "least squares, none below 0; levels: the mean of greedy, ridge and stack; auto: the "
        "simplest of equal, greedy and stack unless a later one is clearly better",
    )
    rounds: int = Field(30, ge=1, description="greedy: how many models are drawn")
    l2: float = Field(0.01, ge=0, description="stacker and ridge: weight decay")


class Evaluate(Settings):
    """What the report computes."""

    learning_curve: tuple[float, ...] = Field(
        (0.1, 0.25, 0.5, 1.0), description="shares of the training rows"
    )
    importance_rows: int = Field(
        2000,
        ge=0,
        description="rows for permutation importance, fewer of more than 20 classes; 0: none",
    )
    importance_repeats: int = Field(3, ge=1)
    dependence_rows: int = Field(300, ge=0, description="rows for partial dependence; 0: none")
    dependence_columns: int = Field(6, ge=0, description="of the most important; 0: none")
    seed: int = Field(0, ge=0)


class Submit(Settings):
    """What becomes of the predictions."""

    aggregate: OfGroup = Field(
        "mean",
        description="where the sample has one row for several of test: what is made of their "
        "predictions; one of mean, median, min, max, last, any",
    )
    postprocess: Name | None = Field(
        None,
        description="module in pipeline/competitions with `postprocess(prediction, frame)`",
    )


class Configuration(Settings):
    """A whole competition's settings: one TOML. Its models keep their order."""

    competition: Competition = Competition()
    load: Load = Load()
    targets: dict[str, TargetSettings] | None = Field(
        None, description="what differs for one of several targets"
    )
    explore: Explore = Explore()
    split: Split = Split()
    encode: Encode = Encode()
    budget: Budget = Budget()
    cluster: Cluster = Cluster()
    tune: Tune = Tune()
    models: dict[Name, Any]
    blend: Blend = Blend()
    evaluate: Evaluate = Evaluate()
    submit: Submit = Submit()

    @property
    def target_names(self) -> tuple[str, ...]:
        """The targets that [load] target lists; of one target, which may have to be found, ""."""
        return self.load.target if isinstance(self.load.target, tuple) else ("",)

    @property
    def over_targets(self) -> str | None:
        """The organiser's own metric that scores several targets at once; None without one."""
        metric, several = self.competition.metric or "", len(self.target_names) > 1
        is_over = several and metric.startswith(PREFIX) and METRICS[metric].over_targets
        return metric if is_over else None

    def of(self, target: str) -> "Configuration":
        """The same for one of several targets: a competition of this target alone.

        It gets an equal share of the minutes. Folds are the same rows for all, so that they follow
        from no target's classes unless [split] asks for that. A metric over all targets leaves each
        the one that it is tuned by.
        """
        names = self.target_names
        if names == ("",):
            return self
        own = (self.targets or {}).get(target, TargetSettings()).model_dump(exclude_none=True)
        if self.over_targets is not None:
            own = {"metric": METRICS[self.over_targets].tuned_by or None, **own}
        minutes = self.budget.minutes and self.budget.minutes / len(names)
        return self.model_copy(
            update={
                "competition": self.competition.model_copy(update=own),
                "load": self.load.model_copy(update={"target": target}),
                "targets": None,
                "split": _same_for_all_targets(self.split),
                "budget": self.budget.model_copy(update={"minutes": minutes}),
            }
        )


def _same_for_all_targets(split: Split) -> Split:
    """Plain folds where nothing but their number is asked for."""
    free = {"folds", "repeats", "seed", "numbering"}
    if split.model_dump(exclude=free) != Split().model_dump(exclude=free):
        return split
    return split.model_copy(update={"scheme": "plain"})


def load_configuration(
    name: str,
    preset: str = "default",
    folder: Path | None = None,
    overlay: Mapping[str, Any] | None = None,
    only: Sequence[str] | None = None,
    content: bytes | None = None,
) -> Configuration:
    """Read `<name>.toml` with a preset laid over it; the other presets are checked too.

    `folder` is pipeline/competitions if it is left out; `overlay` and `only` are as in `parse`;
    `content` is what the file holds, where it was read before.
    Raises SettingsError naming the file, the table, the key, what was found and what is allowed.
    """
    path = (folder or workspace.COMPETITIONS) / f"{name}.toml"
    presets = load_presets(path, content)
    for each in dict.fromkeys([preset, *presets]):
        where = str(path) if each == "default" else f"{path} (preset '{each}')"
        _configuration(_preset(presets, each, str(path)), where)
    return _with_own_metric(_overlaid(presets[preset], "settings", overlay or {}, only), name)


def _with_own_metric(configuration: Configuration, name: str) -> Configuration:
    """`metric = "own"` is the function in the file that is named like the competition."""
    own = {"metric": f"{PREFIX}{name}"}
    asked, targets = configuration.competition, configuration.targets
    if asked.metric == OWN:
        asked = asked.model_copy(update=own)
    if targets is not None:
        targets = {
            target: each.model_copy(update=own) if each.metric == OWN else each
            for target, each in targets.items()
        }
    return configuration.model_copy(update={"competition": asked, "targets": targets})


def parse(
    text: str,
    preset: str,
    where: str,
    overlay: Mapping[str, Any],
    only: Sequence[str] | None = None,
) -> Configuration:
    """A TOML's text with a preset laid over it, and then the tables of `overlay`.

    `only` are the models that are kept, in this order; by default all.
    """
    table = _preset(_presets(text.encode(), where), preset, where)
    return _overlaid(table, where, overlay, only)


def load_presets(path: Path, content: bytes | None = None) -> dict[str, dict[str, Any]]:
    """The tables of every preset of a TOML, by its name, unchecked."""
    workspace.require_toml(path)
    return _presets(path.read_bytes() if content is None else content, str(path))


def _presets(content: bytes, where: str) -> dict[str, dict[str, Any]]:
    """`default` as the TOML stands, the others laid over it."""
    try:
        table = tomllib.loads(content.decode())
        presets = table.pop("presets", {})
        if not isinstance(presets, dict) or not all(isinstance(p, dict) for p in presets.values()):
            raise SettingsError(
                f"{where}: [presets]: found {presets!r}; allowed are tables. "
                "Write [presets.quick], and below it the tables that it changes."
            )
        return {"default": table} | {name: _merged(table, laid) for name, laid in presets.items()}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{where}: this is not TOML: {error}. Correct that line.") from None
    except RecursionError:
        raise _too_deep(where) from None


def _too_deep(where: str) -> SettingsError:
    return SettingsError(
        f"{where}: a value is nested more deeply than can be read. A setting is a number, a text "
        "or a list of them: write it with fewer brackets or dots."
    )


def _preset(presets: Mapping[str, dict[str, Any]], name: str, where: str) -> dict[str, Any]:
    if name not in presets:
        raise SettingsError(
            f"{where}: there is no preset {name!r}; allowed are {', '.join(presets)}. "
            "Choose one of them."
        )
    return presets[name]


def _overlaid(
    base: Mapping[str, Any], where: str, overlay: Mapping[str, Any], only: Sequence[str] | None
) -> Configuration:
    """The settings of `base` with other tables laid over them, of these models alone."""
    table = _merged(base, overlay)
    if only is not None:
        table["models"] = {name: table["models"].get(name, {}) for name in only}
    configuration = _configuration(table, where)
    unused = [name for name in overlay.get("models", {}) if name not in configuration.models]
    if unused:
        raise SettingsError(
            f"{where}: [models.{unused[0]}] is given settings, and is none of the models to "
            f"fit: {', '.join(configuration.models)}. Add it to them, or leave its settings "
            "out."
        )
    return configuration


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        inner = merged.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = _merged(inner, value)
        merged[key] = value
    return merged


def _configuration(table: dict[str, Any], where: str) -> Configuration:
    models = table.get("models")
    if not isinstance(models, dict) or not models:
        raise SettingsError(
            f"{where}: there is no [models.NAME] table; at least one is needed. "
            f"Add for example [models.{model_names()[0]}]; "
            f"allowed names are {', '.join(model_names())}."
        )
    configuration = validate(Configuration, {**table, "models": {}}, where)
    asked = configuration.competition
    is_own = asked.metric is not None and asked.metric.startswith(OWN)
    checked = {model: _model_settings(model, models[model], where) for model in models}
    if asked.task and asked.metric and not is_own and not configuration.targets:
        _check_metric(asked.metric, asked.task, checked, where)
    _check_targets(configuration, where)
    _refuse_models_of_classes(configuration, checked, where)
    _refuse_absent_extra(configuration.load.extra, checked, where)
    return configuration.model_copy(update={"models": checked})


def _check_metric(metric: str, task: Task, models: Mapping[str, ModelSettings], where: str) -> None:
    """The metric suits the task; else the message has what `new` would have written."""
    try:
        get_metric(metric, task, f"{where}: [competition] metric")
    except SettingsError as error:
        other = METRICS[metric].tasks[0] if metric in METRICS else task
        if (other == "regression") == (task == "regression"):
            raise
        tables = [f"[models.{name}]" for name in _of_classes(models) if other == "regression"]
        without = f", without {', '.join(tables)}" if tables else ""
        raise SettingsError(
            f'{error} That is task = "{other}"{without}.{_written_anew(where, metric)}'
        ) from None


def _refuse_models_of_classes(
    configuration: Configuration, models: Mapping[str, ModelSettings], where: str
) -> None:
    """A model that needs classes can learn no values; refused before other models are fitted."""
    names = _of_classes(models)
    for target in configuration.target_names if names else ():
        asked = configuration.of(target).competition
        if why := _wants_values(asked):
            anew = "" if target else _written_anew(where, asked.metric or "METRIC")
            which = f"the target {target!r}" if target else "the target"
            raise SettingsError(
                f"{where}: [models.{names[0]}] needs classes, and {which} is a regression one "
                f"({why}). Remove the table, in the presets too; [models.linear] is its "
                f"counterpart.{anew}"
            )


def _wants_values(asked: Competition) -> str:
    """The line that makes the target one of values; "" where none does."""
    if asked.task is not None:
        return 'task = "regression"' if asked.task == "regression" else ""
    return f'metric = "{asked.metric}"' if prefers_values(asked.metric) else ""


def _of_classes(models: Mapping[str, ModelSettings]) -> list[str]:
    """The models that can learn classes alone, and are not given values as such."""
    kinds = {n: settings.kind or n for n, settings in models.items() if not settings.as_classes}
    return [name for name, kind in kinds.items() if kind != foreign.KIND and classes_only(kind)]


def _written_anew(where: str, metric: str) -> str:
    """How `new` writes a competition's TOML for another metric; "" where there is no TOML."""
    path = Path(where.partition(" (preset")[0])
    if path.suffix != ".toml":
        return ""
    command = f"new {path.stem} --from data/raw/{path.stem} --metric {metric}"
    return (
        f" The simplest way: move {path.name} away and run `python -m pipeline {command}`, which "
        "lists the models that suit it."
    )


def _check_targets(configuration: Configuration, where: str) -> None:
    """Each [targets.NAME] is of a target that [load] target lists, its metric suits its task."""
    names = configuration.target_names
    for name in configuration.targets or {}:
        if name not in names:
            found = "is no list" if names == ("",) else f"lists {quoted(names)}"
            meant = did_you_mean(name, names, "Correct the name, or remove the table.")
            raise SettingsError(
                f"{where}: [targets.{name}]: there is no such target; [load] target {found}. "
                f"{meant}"
            )
        own = configuration.of(name).competition
        if own.task and own.metric and not own.metric.startswith(OWN):
            get_metric(own.metric, own.task, f"{where}: [targets.{name}] metric")


def _refuse_absent_extra(
    extra: str | None, models: Mapping[str, ModelSettings], where: str
) -> None:
    """A model cannot learn from extra rows that are not there."""
    for name, settings in models.items():
        key, found = "extra", f"{settings.extra:g}"
        if settings.extra_feature:
            key, found = "extra_feature", "true"
        if settings.extra_feature and settings.extra:
            raise SettingsError(
                f"{where}: [models.{name}] extra_feature: found true beside extra = "
                f"{settings.extra:g}; allowed is one of them, for a model predicts too well what "
                "it has learnt from. Remove one, or write two models."
            )
        if (settings.extra or settings.extra_feature) and not extra:
            raise SettingsError(
                f"{where}: [models.{name}] {key}: found {found}, and there are no extra rows. "
                'Name their file, [load] extra = "...", or remove the line.'
            )


def model_names() -> list[str]:
    """The models there are: the file name is the registry."""
    return sorted(file.stem for file in MODELS.glob("*.py") if file.stem != "__init__")


def _model_settings(name: str, table: Any, where: str) -> ModelSettings:
    if name == BLEND:
        raise SettingsError(
            f"{where}: [models.{name}]: the blend of all models has this name. Choose another one, "
            'and name the model by kind = "...".'
        )
    kind = table.get("kind", name) if isinstance(table, Mapping) else name
    if kind == foreign.KIND:
        return _foreign_settings(name, table, where)
    if kind not in model_names():
        line = f"[models.{name}]" + (f" kind: found {kind!r}," if kind != name else ":")
        raise SettingsError(
            f"{where}: {line} there is no model '{kind}'; allowed are "
            f"{', '.join(model_names())}, and {foreign.KIND}, made elsewhere. Correct it, or add "
            f"pipeline/models/{kind}.py."
        )
    settings: type[ModelSettings] = importlib.import_module(f"pipeline.models.{kind}").Settings
    found = validate(settings, table, where, f"models.{name}")
    validate(Encode, found.encode, where, f"models.{name}.encode")
    if found.columns is not None and found.drop:
        raise SettingsError(
            f"{where}: [models.{name}] has both columns and drop; allowed is one of them. Leave "
            "out of columns what the model must not see, and remove drop."
        )
    return found


def _foreign_settings(name: str, table: Any, where: str) -> foreign.Settings:
    """Of predictions from elsewhere, which nothing is fitted for."""
    found = validate(foreign.Settings, table, where, f"models.{name}")
    unused = [key for key in foreign.NOT_FITTED if key in found.model_fields_set]
    if unused:
        raise SettingsError(
            f"{where}: [models.{name}] {unused[0]}: predictions from elsewhere are read and not "
            "fitted; allowed are kind, oof, test and folds. Remove the line."
        )
    if found.folds is not None and not all(found.folds.rpartition("/")[::2]):
        raise SettingsError(
            f"{where}: [models.{name}] folds: found {found.folds!r}, allowed is FILE/COLUMN. Name "
            'the column too, as in folds = "folds.csv/fold".'
        )
    return found


def validate(kind: type[S], table: Any, where: str, prefix: str = "") -> S:
    """A table as settings; one message names all that is wrong with it.

    JSON in between, because only there pydantic takes a list for a tuple and yet no text for a
    number.
    """
    try:
        return kind.model_validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        findings = " ".join(_finding(kind, dict(found), prefix) for found in error.errors())
        raise SettingsError(f"{where}: {findings}") from None
    except RecursionError:
        raise _too_deep(where) from None


def _finding(kind: type[Settings], found: dict[str, Any], prefix: str) -> str:
    # pydantic adds the members of a union and the like to the place; a key has none of these
    inside = [str(part) for part in found["loc"] if not set("[]()") & set(str(part))]
    location = [*prefix.split("."), *inside] if prefix else inside
    table, key = ".".join(location[:-1]), location[-1] if location else ""
    place = f"[{table}] {key}" if table else f"[{key}]"
    if found["type"] == "extra_forbidden":
        fields = _fields(kind, found["loc"][:-1])
        meant = did_you_mean(key, fields, "Correct or remove it.")
        return f"{place}: there is no such key; allowed are {', '.join(fields)}. {meant}"
    rule = found["msg"].removeprefix("Value error, ").partition(" or instance of")[0]
    rule = (
        rule.replace("Input", "it")
        .replace("a valid dictionary", "a table")
        .replace("an object", "a table")
    )
    stop = "" if rule.endswith(("?", ".")) else "."
    rule = rule[:1].lower() + rule[1:] + stop
    return f"{place}: found {found['input']!r}, but {rule} Correct the value."


def _fields(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Names of the keys that are allowed at a place inside the settings."""
    for part in location:
        field = kind.model_fields.get(str(part))
        if field is None:
            continue
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kind = inner
        elif inner == dict[str, ColumnRule]:
            kind = ColumnRule
        elif inner == dict[str, TargetSettings] | None:
            kind = TargetSettings
        elif inner == dict[str, Join]:
            kind = Join
    return [*kind.model_fields, *(["presets"] if kind is Configuration else [])]

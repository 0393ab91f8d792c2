"""A competition's TOML -> validated, immutable settings; an unknown key is an error.

The tables are named after the stages. `[presets.NAME]` holds the same tables again, with only the
keys that the preset changes. Each stage gets a snapshot of its own settings as a JSON file.
"""

import difflib
import importlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
)

from pipeline.contract import Column
from pipeline.errors import SettingsError
from pipeline.metrics import METRICS, get_metric

COMPETITIONS = Path(__file__).parent / "competitions"
MODELS = Path(__file__).parent / "models"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


def _web_address(url: str) -> str:
    """A link in the report must not run code, as one to `javascript:` would."""
    if url and not WEB_ADDRESS.fullmatch(url):
        raise ValueError("allowed are addresses that begin with http:// or https://")
    return url


WEB_ADDRESS = re.compile(r"(?i)https?://[^\s\x00-\x1f\x7f]+")
Url = Annotated[str, AfterValidator(_web_address)]


class Settings(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


S = TypeVar("S", bound=Settings)


class Competition(Settings):
    """What the competition asks for. Left out, the task and the metric follow from the target."""

    title: str = ""
    url: Url = ""
    metric: str | None = Field(None, description=f"one of {', '.join(METRICS)}")
    task: Literal["binary", "multiclass", "regression"] | None = None
    positive: str | None = Field(
        None, description="of two classes, the one whose probability a submission holds"
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None and name not in METRICS:
            raise ValueError(f"allowed metrics are {', '.join(METRICS)}")
        return name


class Load(Settings):
    """Which files and columns. Left out, they are found by looking at train, test and sample."""

    train: str | None = None
    test: str | None = None
    sample: str | None = Field(None, description='"none": whatever the names say, there is none')
    labels: str | None = Field(None, description='train\'s labels, if in a file apart; or "none"')
    target: str | None = None
    id: str | None = None
    drop: tuple[str, ...] = Field((), description="columns that no model may see")
    header: bool = Field(True, description="whether train and test begin with a line of names")
    missing_target: Literal["refuse", "drop"] = Field(
        "refuse", description="drop leaves rows of train without a target out"
    )
    merge_labels: bool = Field(
        False, description="labels that differ only in case or blanks are one class"
    )
    columns: dict[str, Column] = Field(default_factory=dict, description="the data contract")
    simulator: Name | None = Field(
        None, description="module in pipeline/competitions to use where there are no files"
    )
    simulated_train_rows: int = Field(3000, ge=50)
    simulated_test_rows: int = Field(2000, ge=10)
    seed: int = Field(0, ge=0)


class Explore(Settings):
    """How much of the data the exploration looks at."""

    max_rows: int = Field(20_000, ge=100, description="rows drawn for figures and tests")
    permutations: int = Field(49, ge=9, description="for adversarial validation's p-value")
    journey: tuple[str, ...] = Field(
        (), description="rating columns in the order in which people meet them; none: as they stand"
    )
    seed: int = Field(0, ge=0)


class Split(Settings):
    """Repeated K-fold: stratified, grouped, or plain; `auto` takes what fits the task."""

    scheme: Literal["auto", "stratified", "group", "plain"] = "auto"
    group: str | None = Field(None, description="rows that share this column stay together")
    folds: int = Field(5, ge=2, le=50)
    repeats: int = Field(1, ge=1, le=50)
    seed: int = Field(0, ge=0)


class Encode(Settings):
    """How columns become numbers. Everything is fitted on the training rows of a fold."""

    features: Name | None = Field(
        None, description="module in pipeline/competitions with row-wise `features(frame)`"
    )
    one_hot_levels: int = Field(
        12, ge=2, description="a whole-number column with at most so many values is one-hot too"
    )
    rare: int = Field(5, ge=1, description="categories seen in fewer training rows become 'rare'")
    target_means: tuple[str, ...] | Literal["auto"] = Field(
        "auto",
        description="columns to give a cross-fitted target mean; auto: categories of many levels, "
        "and whole numbers that act as codes (departments, stores), not as quantities",
    )
    target_mean_levels: int = Field(12, ge=2, description="auto takes columns with more levels")
    smoothing: float = Field(10.0, ge=0, description="target means: weight of the overall mean")
    log_skew: float = Field(1.5, ge=0, description="log1p of counts skewed more than this")
    seed: int = Field(0, ge=0)


class Budget(Settings):
    """What a run may cost. A model's share that it does not need passes to those after it."""

    minutes: float | None = Field(
        None, gt=0, description="for tune and train of all models together; left out: no bound"
    )


class Tune(Settings):
    """Optuna. The number of trials stands in each model's table."""

    startup_trials: int = Field(10, ge=1, description="random trials before TPE")
    pruning_warmup: int = Field(5, ge=1, description="finished trials before any is pruned")
    seed: int = Field(0, ge=0)


class ModelSettings(Settings):
    """What every `[models.NAME]` table has; models/NAME.py adds its own keys."""

    trials: int = Field(0, ge=0, description="Optuna trials; 0 keeps the settings of the TOML")
    seed: int = Field(0, ge=0)


class Blend(Settings):
    """Greedy selection with replacement (Caruana 2004) against a logistic stacker."""

    method: Literal["auto", "greedy", "stack", "equal"] = "auto"
    rounds: int = Field(30, ge=1, description="greedy: how many models are drawn")
    l2: float = Field(0.01, ge=0, description="stacker: weight decay")


class Evaluate(Settings):
    """What the report computes."""

    learning_curve: tuple[float, ...] = Field(
        (0.1, 0.25, 0.5, 1.0), description="shares of the training rows"
    )
    importance_rows: int = Field(2000, ge=0, description="rows for permutation importance; 0: none")
    importance_repeats: int = Field(3, ge=1)
    dependence_rows: int = Field(300, ge=0, description="rows for partial dependence; 0: none")
    dependence_columns: int = Field(6, ge=0, description="of the most important; 0: none")
    seed: int = Field(0, ge=0)


class Submit(Settings):
    """The submission file."""

    note: str = Field("", max_length=200, description="kept in the ledger")


class Experiment(Settings):
    """A whole competition's settings: one TOML. Its models keep their order."""

    competition: Competition = Competition()
    load: Load = Load()
    explore: Explore = Explore()
    split: Split = Split()
    encode: Encode = Encode()
    budget: Budget = Budget()
    tune: Tune = Tune()
    models: dict[Name, Any]
    blend: Blend = Blend()
    evaluate: Evaluate = Evaluate()
    submit: Submit = Submit()


def load_experiment(name: str, preset: str = "default", folder: Path | None = None) -> Experiment:
    """Read `<name>.toml` with a preset laid over it; the other presets are checked too.

    `folder` is pipeline/competitions if it is left out.
    Raises SettingsError naming the file, the table, the key, what was found and what is allowed.
    """
    path = (folder or COMPETITIONS) / f"{name}.toml"
    try:
        return _checked(split_presets(read_toml(path), path), preset, path)
    except RecursionError:
        raise _too_deep(path) from None


def _checked(presets: Mapping[str, dict[str, Any]], preset: str, path: Path) -> Experiment:
    if preset not in presets:
        raise SettingsError(
            f"{path}: there is no preset '{preset}'; allowed are {', '.join(presets)}. "
            f"Choose one of them, or add a table [presets.{preset}]."
        )
    checked = {
        key: _experiment(table, str(path) if key == "default" else f"{path} (preset '{key}')")
        for key, table in presets.items()
    }
    return checked[preset]


def require_toml(path: Path) -> None:
    """Raises SettingsError, naming the competitions that there are, where this is not one."""
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.toml"))) or "none yet"
        raise SettingsError(
            f"{path}: there is no such competition; known are: {known}. "
            "`python -m pipeline new NAME --from DIR` writes a new one."
        )


def read_toml(path: Path) -> dict[str, Any]:
    require_toml(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: this is not TOML: {error}. Correct that line.") from None
    except RecursionError:
        raise _too_deep(path) from None


def _too_deep(path: Path) -> SettingsError:
    return SettingsError(
        f"{path}: a value is nested more deeply than can be read. A setting is a number, a text or "
        "a list of them: write it without so many brackets or dots."
    )


def split_presets(table: dict[str, Any], path: Path) -> dict[str, dict[str, Any]]:
    """The settings of every preset: `default` as the TOML stands, the others laid over it."""
    base = {key: value for key, value in table.items() if key != "presets"}
    presets = table.get("presets", {})
    if not isinstance(presets, dict) or not all(isinstance(p, dict) for p in presets.values()):
        raise SettingsError(
            f"{path}: [presets]: found {presets!r}; allowed are tables. "
            "Write [presets.quick], and below it the tables that it changes."
        )
    return {"default": base} | {name: _merged(base, laid) for name, laid in presets.items()}


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        inner = merged.get(key)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = _merged(inner, value)
        merged[key] = value
    return merged


def _experiment(table: dict[str, Any], where: str) -> Experiment:
    models = table.get("models")
    if not isinstance(models, dict) or not models:
        raise SettingsError(
            f"{where}: there is no [models.NAME] table; at least one is needed. "
            f"Add for example [models.{model_names()[0]}]; "
            f"allowed names are {', '.join(model_names())}."
        )
    experiment = validate(Experiment, {**table, "models": {}}, where)
    asked = experiment.competition
    if asked.task and asked.metric:
        get_metric(asked.metric, asked.task, f"{where}: [competition] metric")
    checked = {model: _model_settings(model, models[model], where) for model in models}
    return experiment.model_copy(update={"models": checked})


def model_names() -> list[str]:
    """The models there are: the file name is the registry."""
    return sorted(file.stem for file in MODELS.glob("*.py") if file.stem != "__init__")


def _model_settings(model: str, table: Any, where: str) -> ModelSettings:
    if model not in model_names():
        raise SettingsError(
            f"{where}: [models.{model}]: there is no model '{model}'; allowed are "
            f"{', '.join(model_names())}. Correct the name, or add pipeline/models/{model}.py."
        )
    settings: type[ModelSettings] = importlib.import_module(f"pipeline.models.{model}").Settings
    return validate(settings, table, where, f"models.{model}")


def validate(kind: type[S], table: Any, where: str, prefix: str = "") -> S:
    """A table as settings; what is wrong with it is told in a sentence each.

    JSON in between, because only there pydantic takes a list for a tuple and yet no text for a
    number.
    """
    try:
        return kind.model_validate_json(json.dumps(table, default=str), strict=True)
    except ValidationError as error:
        findings = " ".join(_told(kind, dict(found), prefix) for found in error.errors())
        raise SettingsError(f"{where}: {findings}") from None


def _told(kind: type[Settings], found: dict[str, Any], prefix: str) -> str:
    # pydantic adds the members of a union and the like to the place; a key has none of these
    inside = [str(part) for part in found["loc"] if not set("[]()") & set(str(part))]
    location = [*prefix.split("."), *inside] if prefix else inside
    table, key = ".".join(location[:-1]), location[-1] if location else ""
    place = f"[{table}] {key}" if table else f"[{key}]"
    if found["type"] == "extra_forbidden":
        fields = _fields(kind, found["loc"][:-1])
        near = difflib.get_close_matches(key, fields, n=1)
        meant = f"Did you mean '{near[0]}'?" if near else "Correct or remove it."
        return f"{place}: there is no such key; allowed are {', '.join(fields)}. {meant}"
    rule = found["msg"].removeprefix("Value error, ").partition(" or instance of")[0]
    rule = (
        rule.replace("Input", "it")
        .replace("a valid dictionary", "a table")
        .replace("an object", "a table")
    )
    return (
        f"{place}: found {found['input']!r}, but {rule[:1].lower() + rule[1:]}. Correct the value."
    )


def _fields(kind: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Names of the keys that are allowed at a place inside the settings."""
    for part in location:
        field = kind.model_fields.get(str(part))
        if field is None:
            continue
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            kind = inner
        elif inner == dict[str, Column]:
            kind = Column
    return [name for name in kind.model_fields if name != "models" or not location]


class LoadStage(Load):
    """What a stage is given: its own table, and what else it depends on."""

    task: Literal["binary", "multiclass", "regression"] | None = None
    positive: str | None = None


class TuneStage(Tune):
    name: Name
    model: dict[str, Any]
    trials: int
    metric: str | None = None


class BudgetShares(Budget):
    """What the minutes are shared among: models in the order of the TOML."""

    models: tuple[Name, ...]
    tuned: tuple[Name, ...] = Field(description="those of them with trials")


class TrainStage(Settings):
    name: Name
    model: dict[str, Any]
    metric: str | None = None


class BlendStage(Blend):
    models: tuple[Name, ...]
    metric: str | None = None


class EvaluateStage(Evaluate):
    models: tuple[Name, ...]
    metric: str | None = None
    title: str = ""
    url: Url = ""


class SubmitStage(Submit):
    metric: str | None = None


STAGES: dict[str, type[Settings]] = {
    "load": LoadStage,
    "explore": Explore,
    "split": Split,
    "encode": Encode,
    "tune": TuneStage,
    "train": TrainStage,
    "blend": BlendStage,
    "evaluate": EvaluateStage,
    "submit": SubmitStage,
}


def stage_snapshots(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """What each stage depends on, by snapshot name; the less it holds, the less reruns."""
    asked = experiment.competition
    metric, models = {"metric": asked.metric}, {"models": sorted(experiment.models)}
    snapshots = {
        "load": {**_plain(experiment.load), "task": asked.task, "positive": asked.positive},
        "explore": _plain(experiment.explore),
        "split": _plain(experiment.split),
        "encode": _plain(experiment.encode),
        "budget": {
            **_plain(experiment.budget),
            "models": list(experiment.models),
            "tuned": [name for name, model in experiment.models.items() if model.trials],
        },
        "blend": {**_plain(experiment.blend), **models, **metric},
        "evaluate": {
            **_plain(experiment.evaluate),
            **models,
            **metric,
            "title": asked.title,
            "url": asked.url,
        },
        "submit": {**_plain(experiment.submit), **metric},
    }
    for name, settings in experiment.models.items():
        plain = _plain(settings)
        trials = {"trials": plain.pop("trials")}
        fit = {"name": name, "model": plain, **metric}
        snapshots[f"train-{name}"] = fit
        snapshots[f"tune-{name}"] = {**fit, **_plain(experiment.tune), **trials}
    return snapshots


def _plain(settings: Settings) -> dict[str, Any]:
    return settings.model_dump(mode="json")

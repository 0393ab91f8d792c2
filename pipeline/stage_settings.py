"""What each stage is given: its own table of the TOML, and what else it depends on.

The less it holds, the less runs again when something else changes.
"""

from pydantic import Field

from pipeline.config import Blend, Configuration, Evaluate, Explore, Load, Tune, Url
from pipeline.member import Member
from pipeline.metrics import prefers_values
from pipeline.problem import Task
from pipeline.settings import EncoderSettings, ModelSettings, Name, Settings


class LoadStage(Load):
    """[load], and what [competition] says of the target."""

    task: Task | None = None
    prefers_values: bool = False
    positive: str | None = None


class ExploreStage(Explore):
    """[explore], and the competition's name, which heads the page."""

    name: str = ""


class EncodeStage(Settings):
    """The distinct encoders of all members, and the first member that has each.

    The names are for messages: as no value depends on them, they are in no key.
    """

    encoders: tuple[EncoderSettings, ...]
    models: tuple[str, ...] = Field((), exclude=True)


class TuneStage(Tune):
    """[tune], and one member as its table describes it."""

    name: Name
    member: Member
    trials: int
    metric: str | None = None


class TrainStage(Settings):
    """One member; its settings are those that tuning found."""

    name: Name
    metric: str | None = None


class BlendStage(Blend):
    """[blend] and the metric."""

    metric: str | None = None


class EvaluateStage(Evaluate):
    """[evaluate], the metric, and how the page is headed."""

    metric: str | None = None
    name: str = ""
    title: str = ""
    url: Url = ""


class SubmitStage(Settings):
    """The metric, and the competition's name, which begins the file's."""

    metric: str | None = None
    name: str = ""


OF_STAGE: dict[str, type[Settings]] = {
    "load": LoadStage,
    "explore": ExploreStage,
    "encode": EncodeStage,
    "tune": TuneStage,
    "train": TrainStage,
    "blend": BlendStage,
    "evaluate": EvaluateStage,
    "submit": SubmitStage,
}


def members(configuration: Configuration) -> dict[str, Member]:
    """Each `[models.NAME]` as a member, in the order of the TOML."""
    return {
        name: Member(settings.kind or name, settings.of_model(), _encoder(configuration, settings))
        for name, settings in configuration.models.items()
    }


def _encoder(configuration: Configuration, model: ModelSettings) -> EncoderSettings:
    """[encode], with what a model's own table changes of it."""
    chosen = {**configuration.encode.model_dump(), **model.encode}
    return EncoderSettings.model_validate({**chosen, "columns": model.columns, "drop": model.drop})


def stage_settings(configuration: Configuration, name: str, stage: str, member: str) -> Settings:
    """What a stage is given; `name` is the competition's, `member` one of its models' or ""."""
    own = getattr(configuration, stage, None)
    if stage not in OF_STAGE:
        if not isinstance(own, Settings):
            raise TypeError(
                f"config.py: Configuration has no field '{stage}', which the settings of "
                f"stages/{stage}.py would be; add a subclass of Settings and the field"
            )
        return own
    table = own.model_dump() if isinstance(own, Settings) else {}
    known = {**configuration.competition.model_dump(), "name": member or name}
    known["prefers_values"] = prefers_values(known["metric"])
    if stage == "encode":
        encoders: dict[str, EncoderSettings] = {}
        for model, each in members(configuration).items():
            if each.encoder not in encoders.values():
                encoders[model] = each.encoder
        table = {"encoders": tuple(encoders.values()), "models": tuple(encoders)}
    if stage == "tune":
        known["member"] = members(configuration)[member]
        known["trials"] = configuration.models[member].trials
    kind = OF_STAGE[stage]
    return kind(**table, **{each: known[each] for each in kind.model_fields if each in known})

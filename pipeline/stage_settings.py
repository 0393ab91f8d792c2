"""What each stage is given: its own table of the TOML, and what else it depends on.

The less it holds, the less runs again when something else changes.
"""

from pydantic import Field

from pipeline import foreign
from pipeline.config import Blend, Configuration, Evaluate, Explore, Load, Submit, Tune, Url
from pipeline.member import Member
from pipeline.metrics import prefers_values
from pipeline.problem import Aggregate, Task
from pipeline.settings import EncoderSettings, ModelSettings, Name, Settings


class LoadStage(Load):
    """[load], what [competition] says of the target, which may be one of several `targets`, and
    [submit] of answers to groups; `predictions` are files that are no tables."""

    target: str | None = None
    targets: tuple[str, ...] = ()
    task: Task | None = None
    prefers_values: bool = False
    positive: str | None = None
    aggregate: Aggregate = "mean"
    predictions: tuple[str, ...] = ()

    @property
    def others(self) -> tuple[str, ...]:
        """The targets but for this one."""
        return tuple(name for name in self.targets if name != self.target)


class ExploreStage(Explore):
    """[explore], the competition's name, which heads the page, and the `unseen` columns: those that
    [encode] hides from every model, and the one that [split] groups by."""

    name: str = ""
    unseen: tuple[str, ...] = ()


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
    """[blend], the metric, and what [submit] does to the blend's predictions."""

    metric: str | None = None
    postprocess: Name | None = None


class EvaluateStage(Evaluate):
    """[evaluate], the metric, and how the page is headed."""

    metric: str | None = None
    name: str = ""
    title: str = ""
    url: Url = ""


class SubmitStage(Submit):
    """[submit], the competition's name, which begins the file's, and a metric over all targets."""

    name: str = ""
    over_targets: str | None = None


class AverageStage(Settings):
    """How the page is headed, and a metric over all targets, where that is not the mean."""

    over_targets: str | None = None
    name: str = ""
    title: str = ""
    url: Url = ""


OF_STAGE: dict[str, type[Settings]] = {
    "load": LoadStage,
    "explore": ExploreStage,
    "encode": EncodeStage,
    "tune": TuneStage,
    "train": TrainStage,
    "blend": BlendStage,
    "evaluate": EvaluateStage,
    "average": AverageStage,
    "submit": SubmitStage,
}


def members(configuration: Configuration) -> dict[str, Member]:
    """Each `[models.NAME]` as a member, in the order of the TOML."""
    return {
        name: Member(
            settings.kind or name,
            settings.of_model(),
            _encoder(configuration, settings),
            settings.extra,
            settings.extra_feature,
            settings.as_classes,
            settings.refit,
            settings.pseudo_labels,
            settings.as_logarithms,
        )
        for name, settings in configuration.models.items()
    }


def _encoder(configuration: Configuration, model: ModelSettings) -> EncoderSettings:
    """[encode], with what the kind of model and its own table change of it."""
    of_kind = type(model).model_fields["encode"].get_default(call_default_factory=True)
    chosen = {**configuration.encode.model_dump(), **of_kind, **model.encode}
    unseen = {"columns": model.columns, "drop": (*chosen["drop"], *model.drop)}
    return EncoderSettings.model_validate({**chosen, **unseen})


def stage_settings(
    configuration: Configuration, name: str, stage: str, member: str, target: str = ""
) -> Settings:
    """What a stage is given; `name` is the competition's, `member` one of its models' or "".

    `target` is one of several, or "".
    """
    targets = configuration.target_names if target else ()
    over_targets = configuration.over_targets
    configuration = configuration.of(target) if target else configuration
    own = getattr(configuration, stage, None)
    if stage not in OF_STAGE:
        if not isinstance(own, Settings):
            raise TypeError(
                f"config.py: Configuration has no field '{stage}', which the settings of "
                f"stages/{stage}.py would be; add a subclass of Settings and the field"
            )
        return own
    table = own.model_dump() if isinstance(own, Settings) else {}
    known = {**configuration.competition.model_dump(), "name": member or name, "targets": targets}
    known |= {**configuration.submit.model_dump(), "over_targets": over_targets}
    if stage == "load":
        known["predictions"] = tuple(
            name
            for each in configuration.models.values()
            if isinstance(each, foreign.Settings)
            for name in each.files.values()
        )
    group = configuration.split.group
    known["unseen"] = tuple(
        dict.fromkeys((*configuration.encode.drop, *([group] if group else [])))
    )
    known["prefers_values"] = prefers_values(known["metric"])
    if target and not member:
        known["title"] = f"{known['title'] or name}: {target}"
    if stage == "encode":
        encoders: dict[str, EncoderSettings] = {}
        for model, each in members(configuration).items():
            if each.kind != foreign.KIND and each.encoder not in encoders.values():
                encoders[model] = each.encoder
        table = {"encoders": tuple(encoders.values()), "models": tuple(encoders)}
    if stage == "tune":
        known["member"] = members(configuration)[member]
        known["trials"] = configuration.models[member].trials
    kind = OF_STAGE[stage]
    return kind(**{**table, **{each: known[each] for each in kind.model_fields if each in known}})

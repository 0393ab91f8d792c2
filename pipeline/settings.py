"""What every table of settings is: frozen, and an unknown key is an error."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Several = Annotated[tuple[str, ...], Field(min_length=2, max_length=4)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]

MOST_CLASSES = 50  # whole numbers that a model tells apart as classes


class Settings(BaseModel):
    """Frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Encode(Settings):
    """How columns become numbers. Everything is fitted on the training rows of a fold."""

    features: Name | None = Field(
        None, description="module in pipeline/competitions with row-wise `features(frame)`"
    )
    drop: tuple[str, ...] = Field(
        (), description="columns that no model sees; [split] may use them"
    )
    one_hot_levels: int = Field(
        24, ge=2, description="a whole-number column with at most this many values is one-hot too"
    )
    rare: int = Field(5, ge=1, description="categories seen in fewer training rows become 'rare'")
    target_means: tuple[str, ...] | Literal["auto"] = Field(
        "auto",
        description="columns to give a cross-fitted target mean; auto: categories of many levels, "
        "and whole numbers that act as codes (departments, stores), not as quantities",
    )
    target_mean_levels: int = Field(12, ge=2, description="auto takes columns with more levels")
    combinations: tuple[Several, ...] | Literal["auto"] = Field(
        "auto",
        description="columns to take together as one category with a target mean and a count: "
        '[["a", "b"], ["a", "b", "c"]]; auto: pairs that a test finds, of categories and codes of '
        "which one at least has many levels",
    )
    counts: tuple[str, ...] | Literal["auto"] = Field(
        (),
        description="columns to give the number of other training rows of the same value; auto: "
        "those that have target means",
    )
    digits: tuple[str, ...] = Field((), description="number columns to take apart into digits")
    texts: tuple[str, ...] | Literal["auto"] = Field(
        "auto",
        description="texts and categories of which TF-IDF is taken; auto: texts, and categories of "
        "several words and of more levels than are one-hot",
    )
    text_terms: int = Field(
        1000, ge=1, description="TF-IDF: the most common words, and as many runs of 2 to 4 letters"
    )
    text_directions: int = Field(
        30, ge=1, description="TF-IDF: main directions that it keeps, at most one for 60 rows"
    )
    text_scores: bool = Field(
        True, description="TF-IDF: add a ridge regression of the target on all terms, cross-fitted"
    )
    smoothing: Annotated[float, Field(ge=0)] | Literal["auto"] = Field(
        "auto",
        description="target means: how many rows the overall mean counts for; auto: the variance "
        "within levels over that between them",
    )
    log_skew: float = Field(1.5, ge=0, description="log1p of counts skewed more than this")
    seed: int = Field(0, ge=0)


class EncoderSettings(Encode):
    """[encode], what a member's own table changes of it, and the columns that the member sees."""

    columns: tuple[str, ...] | None = Field(None, description="these alone; left out: all")

    def sees(self, name: str) -> bool:
        """Whether the encoder reads this column."""
        return (self.columns is None or name in self.columns) and name not in self.drop


class ModelSettings(Settings):
    """What every `[models.NAME]` table has; models/KIND.py adds the model's own keys."""

    kind: Name | None = Field(
        None, description="which of pipeline/models it is; left out: as NAME says"
    )
    columns: tuple[str, ...] | None = Field(
        None, description="the columns that this model sees; left out: all"
    )
    drop: tuple[str, ...] = Field((), description="columns that this model does not see")
    encode: dict[str, Any] = Field(
        default_factory=dict, description="keys of [encode] that differ for this model"
    )
    extra: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the rows of [load] extra that each fit learns from too; 0: none",
    )
    extra_feature: bool = Field(
        False,
        description="the same model, fitted on the rows of [load] extra alone, predicts, and its "
        "prediction is one more column",
    )
    as_classes: bool = Field(
        False,
        description="a target of a few whole numbers: learn the probability of each, and predict "
        "their mean",
    )
    as_logarithms: bool = Field(
        False,
        description="a target of values from 0 on: learn its logarithm, log(1 + y)",
    )
    refit: float = Field(
        0.0,
        ge=0,
        le=1,
        description="weight of one more fit, on all rows, in the predictions of test; the mean of "
        "the folds' fits has the rest. 1 where folds follow time",
    )
    pseudo_labels: float = Field(
        0.0,
        ge=0,
        le=1,
        description="classes: share of the test rows, those of which a first fit of the model is "
        "surest, that it learns from too, with the classes that this fit predicts",
    )
    trials: int = Field(0, ge=0, description="Optuna trials; 0 keeps the settings of the TOML")
    seed: int = Field(0, ge=0)

    def of_model(self) -> dict[str, Any]:
        """The model's own settings, plain: what `build` takes, and what names a fit."""
        return self.model_dump(mode="json", exclude=set(ModelSettings.model_fields) - {"seed"})

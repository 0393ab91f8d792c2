"""A member of the blend, before it is fitted: which model, which settings, which columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline import models
from pipeline.encoding import View
from pipeline.problem import Feature
from pipeline.settings import EncoderSettings


@dataclass(frozen=True)
class Member:
    """What is to be fitted: pipeline/models/`kind`.py, the model's own settings, the encoder's.

    `extra` is the share of the extra rows that it learns from, beside those of a fold;
    `extra_feature`: the same model of the extra rows alone predicts, and this is a column.
    `as_classes`: it learns the whole numbers of the target as classes, and predicts their mean.
    `as_logarithms`: it learns log(1 + y) of a target of values, whatever the metric.
    `refit` is the weight of its fit on all rows in predictions of other rows, beside the mean of
    the folds' fits. `pseudo_labels` is the share of the test rows that it learns from too, with
    the classes that a first fit of it predicts.
    """

    kind: str
    settings: Mapping[str, Any]
    encoder: EncoderSettings
    extra: float = 0.0
    extra_feature: bool = False
    as_classes: bool = False
    refit: float = 0.0
    pseudo_labels: float = 0.0
    as_logarithms: bool = False

    def limited(self, setting: str, most: int) -> "Member":
        """The same with so many at most, of `max_rounds` or `most_rows`; None of them are all."""
        number = min(most, self.settings[setting] or most)
        return replace(self, settings={**self.settings, setting: number})

    @property
    def view(self) -> View:
        """Which view of the columns the model reads."""
        view: View = models.module(self.kind).VIEW
        return view

    def sees(self, name: str) -> bool:
        """Whether the member's settings let it see this column."""
        return self.encoder.sees(name)

    def reads(self, features: Sequence[Feature]) -> tuple[Feature, ...]:
        """Those of the features that the member sees."""
        return tuple(feature for feature in features if self.sees(feature.name))

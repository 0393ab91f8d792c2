"""What the evaluate stage gives: how good the members and the blend are, and the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.report.alarm import Alarm
from pipeline.report.leaderboard import Leaderboard
from pipeline.store import MEASURED


@dataclass(frozen=True)
class Evaluated:
    """The results of all sections of the report, by name, as plain JSON in `summary`.

    `no_score_reason` is why no expected score is given, empty where one is.

    `html` is the report, one file; `figures` are its figures as PNG, by name. The page shows
    seconds and the figures use the machine's fonts, so that neither is part of the value.
    """

    leaderboard: Leaderboard
    alarms: tuple[Alarm, ...]
    no_score_reason: str
    summary: Mapping[str, Any]
    html: str = field(metadata=MEASURED)
    figures: Mapping[str, bytes] = field(metadata=MEASURED)

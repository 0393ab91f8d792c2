"""What the evaluate stage gives: how good the members and the blend are, and the report."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.report.alarm import Alarm
from pipeline.report.leaderboard import Leaderboard
from pipeline.store import MEASURED


@dataclass(frozen=True)
class Evaluated:
    """`withdrawn` is why no score can be promised, empty where one can; `summary` holds the results
    of all sections of the report, by name, as plain JSON.

    `html` is the report, one file; `figures` are its figures as PNG, by name. The page shows
    seconds and the figures use the machine's fonts, so that neither is part of the value.
    """

    leaderboard: Leaderboard
    alarms: tuple[Alarm, ...]
    withdrawn: str
    summary: Mapping[str, Any]
    html: str = field(metadata=MEASURED)
    figures: Mapping[str, bytes] = field(metadata=MEASURED)

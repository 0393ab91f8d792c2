"""Self-contained HTML pages: one file, no network, every string from a file escaped.

A template extends page.html (layout, style, the one script) and draws its tables and figures with
the macros of parts.html. The page's content security policy lets that one script run and nothing
else: even a string that slipped past the escaping could not act or reach the network.
"""

import base64
import functools
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pipeline.wording import count

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
Tone = Literal["", "good", "warn", "bad", "muted"]


@dataclass(frozen=True)
class Strip:
    """A small plot inside a cell: dots, and a middle with its interval, as places from 0 to 1 on a
    scale that all strips of the table share. `told` says the same in words."""

    dots: tuple[float, ...]
    middle: float
    low: float
    high: float
    told: str


@dataclass(frozen=True)
class Cell:
    """One cell of a table: what it shows, what it sorts by, how it is meant, and its small plot."""

    text: str
    value: float | str | None = None
    tone: Tone = ""
    strip: Strip | None = None

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int | float)


@dataclass(frozen=True)
class Table:
    """A table that can be sorted: `rows` hold cells, strings, numbers or None (shown as a dash)."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]

    @property
    def numeric(self) -> list[bool]:
        """Which columns hold a number in any row: they are aligned on the right, dashes too."""
        held = [[cell(value).is_number for value in row] for row in self.rows]
        return [any(column) for column in zip(*held, strict=True)] or [False] * len(self.columns)


def render(template: str, **context: Any) -> str:
    """The page of this template; an unknown name in it is an error, not an empty place."""
    return _environment().get_template(template).render(**context)


@functools.cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        number=number, percent=percent, count=count, p_value=p_value, cell=cell
    )
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(
        page_script=Markup(script), page_style=Markup(style), page_script_hash=f"sha256-{digest}"
    )
    return environment


def cell(value: Any) -> Cell:
    """Any value as a cell of a table."""
    if isinstance(value, Cell):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell("–", None, "muted")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(number(value), value)
    return Cell(str(value), str(value))


def number(value: float | None, digits: int = 3) -> str:
    """A number to `digits` significant digits, the whole part in full; thousands are set apart."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == int(value) and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif 1e-4 <= abs(value) < 1e15:
        decimals = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        text = f"{value:,.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if decimals else text
    else:
        text = f"{value:.{digits - 1}e}"
    return text.replace("-", "−")


def alike(values: Sequence[float], digits: int = 3) -> list[str]:
    """Numbers that stand side by side, with as many decimals as show `digits` digits of the
    greatest: '45.0', '43.4'."""
    greatest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if not 1e-4 <= greatest < 1e15:
        return [number(value, digits) for value in values]
    decimals = max(digits - 1 - math.floor(math.log10(greatest)), 0)
    if all(value == int(value) for value in values if math.isfinite(value)):
        decimals = 0
    return [
        f"{value:,.{decimals}f}".replace("-", "−") if math.isfinite(value) else number(value)
        for value in values
    ]


def percent(share: float | None, decimals: int = 1) -> str:
    """0.1234 -> '12.3%'; a share that is not zero never reads as zero, nor one that is not all as
    all."""
    if share is None or math.isnan(share):
        return "–"
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    least = 10.0**-decimals
    if 0 < share * 100 < least:
        return f"< {least:.{decimals}f}%"
    if 100 - least < share * 100 < 100:
        return f"> {100 - least:.{decimals}f}%"
    return f"{share:.{decimals}%}".replace("-", "−")


def signed(value: float, decimals: int = 2) -> str:
    """A coefficient with so many decimals and a true minus sign: '−0.69'."""
    return f"{value:.{decimals}f}".replace("-", "−")


def p_value(p: float | None) -> str:
    """'< 0.001', '0.023', '0.62'."""
    if p is None or math.isnan(p):
        return "–"
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"

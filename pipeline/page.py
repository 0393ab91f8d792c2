"""Self-contained HTML pages: one file, no network, every string from a file escaped.

A page is a list of sections, a section a heading and the blocks below it: text, tables, figures.
page.html is the layout, parts.html draws the blocks. The page's content security policy allows its
one script and nothing else: even a string that was not escaped could not act or reach the network.
"""

import base64
import functools
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pipeline.figures import Plot

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
# what a stage cannot know of the run that shows its page; `with_run_details` puts it in
EXPERIMENT, AGAIN = "<!--experiment-->", "<!--again-->"
Tone = Literal["", "good", "warn", "bad", "muted"]


# -- blocks ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strip:
    """A small plot inside a cell: dots, and a middle with its interval.

    All are places from 0 to 1 on a scale that the strips of a table share; `description` gives the
    same in words.
    """

    dots: tuple[float, ...]
    middle: float
    low: float
    high: float
    description: str


@dataclass(frozen=True)
class Cell:
    """One cell of a table: its text, what it sorts by, its colour, and its small plot."""

    text: str
    value: float | str | None = None
    tone: Tone = ""
    strip: Strip | None = None

    @property
    def is_number(self) -> bool:
        return isinstance(self.value, int | float)


@dataclass(frozen=True)
class SortableTable:
    """`rows` hold cells, strings, numbers or None (shown as a dash)."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]

    @property
    def numeric(self) -> list[bool]:
        """Which columns have a number in any row: they are aligned on the right, dashes too."""
        held = [[cell(value).is_number for value in row] for row in self.rows]
        return [any(column) for column in zip(*held, strict=True)] or [False] * len(self.columns)


@dataclass(frozen=True)
class Soft:
    """A paragraph in the weaker colour."""

    text: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Boxes of (name, value, note)."""

    items: Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class Notice:
    """A paragraph that must not be missed; links can lead to its `id`."""

    text: str
    tone: Literal["warn", "bad"] = "warn"
    id: str = ""


@dataclass(frozen=True)
class Wide:
    """A figure in its full size, which scrolls sideways where the screen is narrower."""

    plot: Plot


@dataclass(frozen=True)
class Gallery:
    """Figures side by side, as many as fit; `halves`: two at most."""

    plots: Sequence[Plot]
    halves: bool = False


@dataclass(frozen=True)
class Details:
    """Blocks that a click on the summary shows."""

    summary: str
    blocks: "Sequence[Block]"


# a str is a paragraph, a Plot a figure; whatever is empty or None is left out
Block: TypeAlias = (
    str
    | Plot
    | SortableTable
    | Soft
    | Heading
    | Bullets
    | Facts
    | Notice
    | Wide
    | Gallery
    | Details
    | None
)


@dataclass(frozen=True)
class Section:
    """The blocks below one heading; without a title they stand above the first heading.

    The table of contents links to `id`. Markup in a text, such as a link, is markupsafe.Markup:
    every other string is escaped.
    """

    id: str
    title: str
    blocks: Sequence[Block]


def cell(value: object) -> Cell:
    """Any value as a cell of a table."""
    if isinstance(value, Cell):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return Cell("–", None, "muted")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(number(value), value)
    return Cell(str(value), str(value))


def toned(text: str, tone: Tone) -> Cell:
    """A cell of a coloured word."""
    return Cell(text, text, tone)


def decimal_cell(value: float, digits: int) -> Cell:
    """A cell of a number with so many decimals."""
    return Cell(signed(value, digits), value)


def p_cell(p: float) -> Cell:
    """A cell of a p-value."""
    return Cell(p_value(p), p)


# -- the page --------------------------------------------------------------------------------------


def document(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    *,
    footer: str = "",
    simulated: bool = False,
) -> str:
    """The whole page as HTML; simulated data is marked in its title and at its top."""
    return render(
        "page.html",
        title=title,
        subtitle=subtitle,
        sections=sections,
        footer=footer,
        simulated=simulated,
    )


def with_run_details(html: str, experiment: str, again: str) -> str:
    """A page that names its experiment, and the command that runs it again."""
    return html.replace(EXPERIMENT, escape(experiment)).replace(AGAIN, escape(again))


def render(template: str, **context: Any) -> str:
    """A template of pipeline/templates as HTML; an unknown name in it is an error."""
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
    environment.filters.update(cell=cell, kind=_kind)
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    environment.globals.update(
        page_script=Markup(script), page_style=Markup(style), page_script_hash=f"sha256-{digest}"
    )
    return environment


def _kind(block: Any) -> str:
    return "paragraph" if isinstance(block, str) else type(block).__name__


# -- numbers as text -------------------------------------------------------------------------------


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

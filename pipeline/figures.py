"""Figures of one style that are equal bytes on every rerun and readable by everybody.

Colours are Okabe and Ito's (2008), made for colour-blind readers. A page embeds the SVG: its text
stays text, in the reader's own fonts. The PNG beside it is for slides and messages.
"""

import base64
import contextlib
import io
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE = "#0072B2", "#E69F00", "#009E73", "#CC79A7"
SKY, VERMILION, YELLOW, GREY = "#56B4E9", "#D55E00", "#F0E442", "#8A8F98"
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, YELLOW, GREY)
INK, SOFT, LINE = "#1b1f24", "#59636e", "#d5dae1"
SEQUENTIAL, DIVERGING = "cividis", "RdBu_r"
DPI, PIXELS_PER_INCH, NOTEBOOK_DPI = 120, 96, 90
LETTERS_PER_INCH, LEGEND_HANDLE = 14, 8  # in a legend: of its text, and beside it
# for names that the first font has no letters for; only those that are installed are used
FALLBACK_FONTS = (
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "NanumGothic",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "Noto Sans CJK JP",
    "Arial Unicode MS",
)
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff\ufffe\uffff]+")


@dataclass(frozen=True)
class Plot:
    """A finished figure: what it is called, what to conclude from it, and its bytes."""

    name: str
    title: str
    caption: str
    alt: str
    svg: bytes
    png: bytes
    width: int
    height: int

    @property
    def uri(self) -> str:
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg).decode('ascii')}"


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Matplotlib's settings inside the `with`; outside nothing changes."""
    import matplotlib

    with matplotlib.rc_context(_settings()), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def set_notebook_style() -> None:
    """The same settings from here on, for pyplot, but $x$ is a formula."""
    import matplotlib

    own = {
        "text.parse_math": True,
        "figure.dpi": NOTEBOOK_DPI,
        "figure.constrained_layout.use": True,
    }
    matplotlib.rcParams.update(_settings() | own)


def _settings() -> Any:  # Matplotlib types the keys as a literal of all its names
    return {
        "font.family": _fonts(),
        "font.size": 9,
        "text.parse_math": False,  # a column may be called "price in $"
        "text.color": INK,
        "axes.titlesize": 10,
        "axes.facecolor": "none",
        "axes.edgecolor": SOFT,
        "axes.labelcolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": _cycle(),
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "legend.frameon": False,
        "figure.dpi": PIXELS_PER_INCH,
        "svg.hashsalt": "pipeline",
        "svg.fonttype": "none",
    }


def _fonts() -> list[str]:
    from matplotlib import font_manager

    installed = {font.name for font in font_manager.fontManager.ttflist}
    return ["DejaVu Sans", *(font for font in FALLBACK_FONTS if font in installed), "sans-serif"]


def _cycle() -> Any:
    from cycler import cycler

    return cycler(color=PALETTE)


def new(width: float = 6.4, height: float = 3.6) -> "tuple[Figure, Axes]":
    """An empty figure, in inches, with its one pair of axes; the layout makes room for labels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def to_svg(figure: "Figure") -> bytes:
    """SVG with a clear background, so that it suits a light and a dark page."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    with style():
        _settle(figure)
        figure.set_facecolor("none")
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def to_png(figure: "Figure") -> bytes:
    """PNG on white, without a date or a version in it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    with style():
        _settle(figure)
        figure.set_facecolor("white")
        figure.set_dpi(DPI)
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


def _settle(figure: "Figure") -> None:
    """Lay the figure out once: `savefig` would do so for every format, at four times the cost."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


@dataclass(frozen=True)
class Draft:
    """A drawn figure with its words, before it becomes bytes."""

    figure: "Figure"
    name: str
    title: str
    caption: str
    alt: str

    def finish(self, *, simulated: bool = False) -> Plot:
        """Render as SVG and PNG; simulated data is marked inside the figure, for it may travel."""
        if simulated:
            # below: above, a legend outside the axes would lie over it
            self.figure.supxlabel("SIMULATED DATA", color=VERMILION, fontsize=8, weight="bold")
        width, height = self.figure.get_size_inches() * PIXELS_PER_INCH
        svg, png = to_svg(self.figure), to_png(self.figure)
        words = (self.name, self.title, self.caption, self.alt)
        return Plot(*words, svg, png, round(width), round(height))


def legend_above(axes: "Axes", title: str = "") -> None:
    """Outside the axes, where it hides nothing, in as many columns as fit."""
    handles, texts = axes.get_legend_handles_labels()
    figure = axes.get_figure(root=True)
    assert figure is not None
    letters = int(figure.get_figwidth() * LETTERS_PER_INCH)
    figure.legend(
        handles,
        texts,
        title=label(title, 30) or None,
        loc="outside upper center",
        ncols=min(len(texts), max(1, letters // (max(map(len, texts)) + LEGEND_HANDLE))),
        fontsize=8,
        title_fontsize=8,
    )


def name_rows(axes: "Axes", names: Sequence[object], length: int = 28) -> None:
    """A name a row, the first on top: what is drawn for the i-th stands at y = i."""
    axes.set_yticks(range(len(names)), labels(names, length))
    axes.set_ylim(len(names) - 0.4, -0.6)


def uncrowded(places: "np.ndarray", texts: Sequence[str]) -> list[int]:
    """Which of these places (n,) on an x axis have room for their text: the ends, the middle, and
    what else does not overlap them."""
    gap = (0.02 + 0.027 * max(map(len, texts))) * (max(places) - min(places))
    kept: list[int] = []
    for i in (0, len(places) - 1, len(places) // 2, *range(len(places))):
        if all(abs(places[i] - places[other]) > gap for other in kept):
            kept.append(i)
    return sorted(kept)


def slant_if_crowded(axes: "Axes", texts: Sequence[str], letters: int = 36) -> None:
    """Slant the labels of the x axis where they would overlap: it has room for so many letters."""
    if max(map(len, texts)) * len(texts) > letters:
        axes.tick_params(axis="x", rotation=35)


def grouped_bars(
    axes: "Axes",
    names: Sequence[str],
    shares: "np.ndarray",
    series: Sequence[str],
    *,
    upright: bool = False,
) -> None:
    """Bars side by side, one colour a series; shares (names, series).

    The first name stands on top, or on the left where the bars are upright.
    """
    draw, thickness = (axes.bar if upright else axes.barh), 0.8 / len(series)
    for place, name in enumerate(series):
        offset = (place - (len(series) - 1) / 2) * thickness
        positions = [position + offset for position in range(len(names))]
        draw(positions, shares[:, place], thickness, color=PALETTE[place], label=label(name, 18))
    if upright:
        axes.set_xticks(range(len(names)), labels(names, 10))
        axes.grid(axis="x", visible=False)
        return
    axes.set_yticks(range(len(names)), labels(names, 24))
    axes.invert_yaxis()
    axes.margins(y=0.02)
    axes.grid(axis="y", visible=False)


def colour_bar(axes: "Axes", mesh: "QuadMesh", text: str, shrink: float = 1.0) -> None:
    """What the colours of a heat map stand for."""
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, shrink=shrink)
    bar.set_label(text)
    bar.outline.set_visible(False)


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour a name, so that a model looks the same in every figure of a page."""
    return dict(zip(names, itertools.cycle(PALETTE), strict=False))


def label(value: object, length: int = 28) -> str:
    """Text that fits into a figure: printable, and cut with an ellipsis in its middle.

    The end is kept because names often differ there ('... in Minutes', '..._17').
    """
    text = UNPRINTABLE.sub(" ", str(value)).encode("utf-8", "replace").decode().strip()
    if len(text) <= length:
        return text
    tail = length // 3
    return f"{text[: length - tail - 1].rstrip()}…{text[len(text) - tail :].lstrip()}"


def labels(values: Sequence[object], length: int = 28) -> list[str]:
    """One text for each value, no two alike: what would be cut to the same text is numbered."""
    seen: dict[str, int] = {}
    texts = []
    for value in values:
        text = label(value, length)
        seen[text] = seen.get(text, 0) + 1
        texts.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return texts

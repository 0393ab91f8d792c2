"""Heat maps: a colour a cell, and texts in an ink that can be read on it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline import figures

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue (ITU-R BT.601)


def draw(
    axes: "Axes",
    values: np.ndarray,
    names: tuple[Sequence[str], Sequence[str]],
    legend: str,
    *,
    largest: float | None = None,
) -> "QuadMesh":
    """values (rows, columns), NaN is left empty; `names` of the rows and of the columns.

    The colours are those of differences from -largest to largest, or of values without a bound.
    """
    colours = figures.SEQUENTIAL if largest is None else figures.DIVERGING
    low = None if largest is None else -largest
    axes.grid(visible=False)
    mesh = axes.pcolormesh(
        values, cmap=colours, vmin=low, vmax=largest, edgecolor="white", linewidth=0.5
    )
    axes.set_yticks(np.arange(len(names[0])) + 0.5, names[0])
    axes.set_xticks(np.arange(len(names[1])) + 0.5, names[1])
    axes.tick_params(length=0)
    axes.invert_yaxis()
    figures.colour_bar(axes, mesh, legend)
    return mesh


def write(
    axes: "Axes",
    mesh: "QuadMesh",
    values: np.ndarray,
    show: Callable[[float], str],
    *,
    y: float = 0.5,
    size: float = 7,
) -> None:
    """Each of the values (rows, columns) at the height y, from 0 to 1, of its cell; NaN is none."""
    colours = mesh.to_rgba(np.ma.asarray(mesh.get_array()))
    where: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size}
    for row, column in np.argwhere(~np.isnan(values)):
        *light, opaque = colours[row, column]
        ink = figures.SOFT if not opaque else "white" if light @ LUMA < 0.5 else figures.INK
        axes.text(column + 0.5, row + y, show(values[row, column]), color=ink, **where)

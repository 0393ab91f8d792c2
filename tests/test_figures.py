"""Figures: equal bytes, valid whatever the labels, colours that everybody can distinguish."""

import base64
import io
import itertools
import xml.etree.ElementTree as ElementTree

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline import figures

HOSTILE = (
    "<script>alert(1)</script>",
    "a & b",
    "$x$ \\frac{",
    "\x00\x1b[31m",
    "한글",
    "]]>",
    "'\"",
)


def draw(text: str = "label", *, simulated: bool = False) -> figures.Plot:
    with figures.style():
        figure, axes = figures.new(3, 2)
        axes.bar([0, 1], [1, 2], label=figures.label(text))
        axes.set_title(figures.label(text))
        axes.set_xticks([0, 1], figures.labels([text, text]))
        axes.legend()
        return figures.Draft(figure, "f", text, "c", "a").finish(simulated=simulated)


def svg_texts(plot: figures.Plot) -> str:
    return " ".join(ElementTree.fromstring(plot.svg).itertext())


def test_drawing_twice_gives_the_same_bytes():
    assert draw() == draw()


def test_no_date_and_no_version_is_inside():
    plot = draw()

    assert b"dc:date" not in plot.svg
    assert matplotlib.__version__.encode() not in plot.svg + plot.png
    assert b"tEXt" not in plot.png


def test_the_png_is_on_white_and_the_svg_on_nothing():
    plot = draw()

    with Image.open(io.BytesIO(plot.png)) as image:
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
    assert b"fill: #ffffff" not in plot.svg


@pytest.mark.parametrize("text", HOSTILE)
def test_any_label_gives_well_formed_svg_and_stays_text(text):
    plot = draw(text)

    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(plot.svg).iter()}
    assert "script" not in tags
    assert figures.label(text) in svg_texts(plot)


def test_simulated_data_is_marked_inside_the_figure():
    assert "SIMULATED DATA" in svg_texts(draw(simulated=True))
    assert "SIMULATED" not in svg_texts(draw())
    assert draw(simulated=True).png != draw().png


def test_style_leaves_the_caller_s_settings_alone():
    before = dict(matplotlib.rcParams)

    draw()

    assert dict(matplotlib.rcParams) == before


def test_the_uri_holds_the_svg():
    plot = draw()
    head, _, body = plot.uri.partition(",")

    assert head == "data:image/svg+xml;base64"
    assert base64.b64decode(body) == plot.svg


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(), max_size=8), st.integers(6, 30))
def test_labels_are_short_printable_and_never_alike(values, length):
    texts = figures.labels(values, length)

    assert len(set(texts)) == len(values)
    assert all(len(figures.label(value, length)) <= length for value in values)
    assert not any(figures.UNPRINTABLE.search(text) for text in texts)


# how red-green blind people see linear RGB (Machado, Oliveira and Fernandes 2009, severity 1)
DEFICIENCIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def to_linear(colour: str) -> np.ndarray:
    rgb = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lightness_and_opponents(linear: np.ndarray) -> np.ndarray:
    """OKLab (Ottosson 2020)."""
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    ) @ np.clip(linear, 0, 1)
    return np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    ) @ np.cbrt(cones)


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_the_first_five_colours_differ_for_red_green_blind_people(deficiency):
    seen = [
        lightness_and_opponents(np.array(DEFICIENCIES[deficiency]) @ to_linear(colour))
        for colour in figures.PALETTE[:5]
    ]

    apart = [np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)]

    assert min(apart) > 0.05  # about two and a half times what is just noticeable, 0.02


def test_a_notebook_draws_in_the_same_colours_and_small():
    with matplotlib.rc_context():
        figures.set_notebook_style()
        colours = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        dpi = matplotlib.rcParams["figure.dpi"]

    assert tuple(colours) == figures.PALETTE
    assert dpi < figures.DPI


def test_labels_of_points_that_are_close_are_left_out():
    assert figures.uncrowded(np.arange(6.0), ["1"] * 6) == [0, 1, 2, 3, 4, 5]
    assert figures.uncrowded(np.arange(6.0), ["a" * 10] * 6) == [0, 3, 5]
    assert figures.uncrowded(np.array([0.0, 1.0, 1.1, 1.2, 10.0]), ["abc"] * 5) == [0, 2, 4]


@pytest.mark.parametrize(("names", "columns"), [("ab", 2), (["a" * 30] * 3, 1)])
def test_a_legend_has_as_many_columns_as_fit(names, columns):
    with figures.style():
        figure, axes = figures.new(3.7, 2)
        for name in names:
            axes.plot([0, 1], label=name)
        figures.legend_above(axes)
        figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert (box.x0 >= 0) and (box.x1 <= figure.bbox.x1)
    assert legend._ncols == columns

"""Pages: escaped, self-contained, and formatted as people write numbers."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from pipeline import page
from pipeline.figures import Plot

HOSTILE = "<script>alert(1)</script>"
ATTACKS = (HOSTILE, '" onload="alert(1)', "{{ 7 * 7 }}", "</style><img src=x onerror=alert(1)>")


class Elements(HTMLParser):
    """Every tag with its attributes, as a browser sees them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def layout(*, simulated=False, sections=(("x", "y"),)):
    made = [page.Section(id, title, ()) for id, title in sections]
    return page.document("A title", "A subtitle", made, simulated=simulated)


def block_html(*blocks: page.Block) -> str:
    html = page.document("", "", [page.Section("", "", blocks)])
    return html[html.index("<main>") : html.index("</main>")]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_string_stays_text(attack):
    harmless = Elements(layout()).seen

    attacked = Elements(layout(sections=[(attack, attack)]))

    assert [tag for tag, _ in attacked.seen] == [tag for tag, _ in harmless]
    assert attacked.named("a") == [{"href": f"#{attack}"}]


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_table_has_the_tags_of_a_harmless_one(attack):
    tables = [
        page.SortableTable(text, [text, "n"], [[text, 1.0], [None, 2]])
        for text in ("plain", attack)
    ]

    plain, attacked = (Elements(block_html(table)) for table in tables)

    assert [tag for tag, _ in plain.seen] == [tag for tag, _ in attacked.seen]
    assert attacked.named("td")[0]["data-value"] == attack


def test_the_policy_lets_the_page_s_own_script_run_and_no_other():
    html = layout()

    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = Elements(html).named("meta")[2]["content"]

    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_a_page_asks_the_network_for_nothing():
    html = layout(simulated=True, sections=[("a", "b")])

    assert not re.search(r"https?://|//[a-z]|url\(|@import", html.split("<script>")[0])
    assert not {"link", "iframe", "object"} & {tag for tag, _ in Elements(html).seen}


def test_simulated_data_is_marked_in_title_and_text():
    html = layout(simulated=True)

    assert "<title>SIMULATED" in html
    assert "SIMULATED DATA" in html
    assert "SIMULATED" not in layout(simulated=False)


def test_a_missing_name_is_an_error():
    with pytest.raises(UndefinedError):
        page.render("page.html", sections=[])


PLOT = Plot("p", "Title", "Caption", "Alt", b"<svg/>", b"png", 10, 20)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_hostile_text_stays_text_in_every_block(attack):
    def blocks(text: str) -> list[page.Block]:
        plot = replace(PLOT, title=text, caption=text, alt=text, name=text)
        return [
            text,
            page.Soft(text),
            page.Heading(text),
            page.Bullets([text]),
            page.Facts([(text, text, text)]),
            page.Notice(text, id=text),
            plot,
            page.Wide(plot),
            page.Gallery([plot]),
            page.Details(text, [text, page.Heading(text)]),
        ]

    plain, attacked = (Elements(block_html(*blocks(text))) for text in ("plain", attack))

    assert [tag for tag, _ in plain.seen] == [tag for tag, _ in attacked.seen]
    assert [list(own) for _, own in plain.seen] == [list(own) for _, own in attacked.seen]


def test_blocks_stand_in_their_order_and_empty_ones_are_left_out():
    html = block_html("one", "", None, PLOT, page.Details("more", ["two"]))

    assert [tag for tag, _ in Elements(html).seen if tag in ("p", "figure", "details")] == [
        "p",
        "figure",
        "details",
        "p",
    ]


def test_markup_is_the_one_text_that_is_not_escaped():
    link = Markup('<a href="#{}">{}</a>').format("x", "<b>")

    assert '<p><a href="#x">&lt;b&gt;</a></p>' in block_html(link)


def test_the_contents_link_to_the_sections_that_have_a_title():
    seen = Elements(layout(sections=[("top", ""), ("a", "A"), ("b", "B")]))

    assert [link["href"] for link in seen.named("a")] == ["#a", "#b"]
    assert [heading["id"] for heading in seen.named("h2")] == ["a", "b"]


def test_a_column_with_a_number_in_any_row_is_aligned_as_numbers():
    table = page.SortableTable("t", ["name", "score"], [["a", None], ["b", 0.5]])

    cells = Elements(block_html(table)).named("td")

    assert ["num" in str(cell["class"]) for cell in cells] == [False, True, False, True]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (0.5, "0.5"),
        (0.123456, "0.123"),
        (78.0, "78"),
        (129.96, "130"),
        (-2.5, "−2.5"),
        (1.5e-7, "1.50e−07"),
        (float("nan"), "–"),
        (float("-inf"), "−∞"),
        (0.0, "0"),
    ],
)
def test_numbers_as_people_write_them(value, text):
    assert page.number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.1234, "12.3%"), (1e-9, "< 0.1%"), (1 - 1e-9, "> 99.9%")],
)
def test_a_share_reads_as_all_or_nothing_only_if_it_is(share, text):
    assert page.percent(share) == text


def test_p_values_are_shown_as_far_as_they_mean_something():
    assert [page.p_value(p) for p in (1e-9, 0.0123, 0.5)] == ["< 0.001", "0.012", "0.50"]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((45, 43.4, 38.0), ["45.0", "43.4", "38.0"]),
        ((1200, 35.55, -2), ["1,200", "36", "−2"]),
        ((0.0123, 0, float("nan")), ["0.0123", "0.0000", "–"]),
        ((1, 2, 3), ["1", "2", "3"]),
        ((0, 0), ["0", "0"]),
    ],
)
def test_numbers_side_by_side_have_the_same_decimals(values, texts):
    assert page.alike(values) == texts

"""The graph of a Value as an SVG: what flows forward above, the derivatives that flow back below.

In Jupyter: `from IPython.display import SVG; SVG(drawing(loss))`.
"""

from html import escape

from pipeline.from_scratch.autograd import Value, topological_order

WIDTH, HEIGHT, GAP = 112, 46, 34  # of a box, and between two columns of them


def drawing(result: Value) -> str:
    """An SVG of all values that `result` was made of: inputs on the left, `result` on the right.

    A box has the value's name or operation, its number, and its derivative after `backward`.
    """
    places = positions(result)
    order = topological_order(result)
    edges = ((each, value) for value in order for each, _ in value.slopes)
    lines = [_line(places[id(start)], places[id(end)]) for start, end in edges]
    boxes = [_box(value, *places[id(value)]) for value in order]
    right = max(x for x, _ in places.values()) + WIDTH + 4
    bottom = max(y for _, y in places.values()) + HEIGHT + 4
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {right} {bottom}" width="{right}" '
        'font-family="sans-serif" font-size="11" text-anchor="middle" role="img" '
        'aria-label="Computational graph">'
    )
    return "\n".join([head, *lines, *boxes, "</svg>"])


def positions(result: Value) -> dict[int, tuple[int, int]]:
    """By the id of each value the x and y of its box: a column further than its furthest input."""
    column: dict[int, int] = {}
    rows: dict[int, int] = {}
    places = {}
    for value in topological_order(result):
        column[id(value)] = 1 + max((column[id(each)] for each, _ in value.slopes), default=-1)
        x = column[id(value)]
        places[id(value)] = (4 + x * (WIDTH + GAP), 4 + rows.get(x, 0) * (HEIGHT + 12))
        rows[x] = rows.get(x, 0) + 1
    return places


def _line(start: tuple[int, int], end: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = start, end
    return (
        f'<path d="M{x1 + WIDTH} {y1 + HEIGHT // 2} L{x2} {y2 + HEIGHT // 2}" '
        'stroke="#888" fill="none"/>'
    )


def _box(value: Value, x: int, y: int) -> str:
    title = " ".join(filter(None, [value.name, value.operation])) or "constant"
    texts = (title, f"{value.data:.4g}", f"grad {value.grad:.4g}")
    lines = (
        f'<text x="{x + WIDTH // 2}" y="{y + 13 + 14 * i}" fill="#222">{escape(text)}</text>'
        for i, text in enumerate(texts)
    )
    box = f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="5" fill="#eef3f8" '
    return "".join([box, 'stroke="#456"/>', *lines])

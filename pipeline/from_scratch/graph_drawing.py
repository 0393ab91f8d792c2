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
    """By the id of each value the x and y of its box, one column before the first it goes into."""
    order = topological_order(result)
    before_end = {id(value): 0 for value in order}  # columns between it and the result
    for value in reversed(order):
        for each, _ in value.slopes:
            before_end[id(each)] = max(before_end[id(each)], before_end[id(value)] + 1)
    last = max(before_end.values())
    rows: dict[int, int] = {}
    places = {}
    for value in order:
        column = last - before_end[id(value)]
        row = rows[column] = rows.get(column, -1) + 1
        places[id(value)] = (4 + column * (WIDTH + GAP), 4 + row * (HEIGHT + 12))
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

"""Columns that stand in an order, as a recurrent network reads them.

Either their names are one text with ascending numbers (`BILL_AMT1`, `BILL_AMT2`, ...), or they are
neighbours that hold ratings of one scale, as the questions of a survey do. Names such as `f1` and
`V2` only number the columns of a table, and are no order.
"""

import re
from collections.abc import Mapping, Sequence, Set

FEWEST = 4  # columns; of fewer there is little to learn from their order
MOST_LEVELS = 12
NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")
# what names a column and not a quantity; a single letter does, too
MEANINGLESS = frozenset(
    ("attr", "attribute", "cat", "col", "column", "cont", "feat", "feature", "field", "num", "var")
)


def found_order(values: Mapping[str, Set[float]]) -> tuple[str, ...]:
    """The longest such sequence among the columns of a table, in reading order; () if none is.

    values: what each column holds if it is numbers, at least more than MOST_LEVELS of them where
    it is no rating; empty for other columns. In the order of the table.
    """
    numeric = [name for name, held in values.items() if held]
    return max(_numbered(numeric), _ratings(values), key=len)


def _numbered(names: Sequence[str]) -> tuple[str, ...]:
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for name in names:
        match = NUMBERED.fullmatch(name)
        if match and _has_meaning(match[1] + match[3]):
            groups.setdefault((match[1], match[3]), {})[int(match[2])] = name
    sequences = [tuple(group[number] for number in sorted(group)) for group in groups.values()]
    return max((each for each in sequences if len(each) >= FEWEST), key=len, default=())


def _has_meaning(text: str) -> bool:
    word = re.sub(r"[\W_]", "", text).lower()
    return len(word) > 1 and word not in MEANINGLESS


def _ratings(values: Mapping[str, Set[float]]) -> tuple[str, ...]:
    """The longest run of neighbours with whole numbers from 0 or 1 up to the same highest."""
    runs: list[list[str]] = [[]]
    highest = 0.0
    for name, held in values.items():
        if not _is_rating(held):
            runs.append([])
            continue
        if max(held) != highest:
            runs.append([])
        runs[-1].append(name)
        highest = max(held)
    longest = max(runs, key=len)
    return tuple(longest) if len(longest) >= FEWEST else ()


def _is_rating(held: Set[float]) -> bool:
    scale = 3 <= len(held) <= MOST_LEVELS and min(held) in (0, 1)
    return scale and all(value == int(value) for value in held) and max(held) <= MOST_LEVELS

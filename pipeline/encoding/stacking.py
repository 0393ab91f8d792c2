"""Two tables of the same features, coded apart, as one table."""

from dataclasses import replace

import numpy as np

from pipeline.encoding.columns import CodedColumn, CodedTable, narrowed
from pipeline.encoding.text import find_tokens


def stacked(above: CodedTable, below: CodedTable) -> CodedTable:
    """The rows of both, n and m, coded as if they had been one table: (n + m rows)."""
    columns = {
        name: tuple(
            _stacked(one, other) for one, other in zip(parts, below.columns[name], strict=True)
        )
        for name, parts in above.columns.items()
    }
    return CodedTable(columns, above.rows + below.rows)


def _stacked(above: CodedColumn, below: CodedColumn) -> CodedColumn:
    values = np.unique(np.concatenate([above.values, below.values]))
    codes = [
        np.append(np.searchsorted(values, column.values), len(values))[column.codes]
        for column in (above, below)
    ]
    tokens = None if above.tokens is None else find_tokens(values)[2]
    joined = narrowed(np.concatenate(codes), len(values))
    return replace(above, values=values, codes=joined, tokens=tokens)

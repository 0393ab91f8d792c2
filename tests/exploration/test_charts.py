"""Charts: what is drawn hides nothing."""

import numpy as np
import pandas as pd
import pytest

from pipeline.exploration import charts
from pipeline.exploration.findings import tenths_of_percent
from pipeline.exploration.profile import profiles


@pytest.mark.parametrize("columns", [1, 5])
def test_the_legend_of_the_missing_values_lies_over_no_bar(columns):
    holes = pd.DataFrame({f"c{n}": [np.nan] * 9 + [1.0] for n in range(columns)})
    found = profiles(holes, holes, [(name, "number") for name in holes])

    draft = charts.missing_plot(found, 10, 10)

    assert draft is not None
    draft.figure.draw_without_rendering()
    (legend,), (axes,) = draft.figure.legends, draft.figure.axes
    assert axes.get_legend() is None
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())


@pytest.mark.parametrize("counts", [(1395, 1605), (1, 1, 1), (4655, 5345), (1, 999_999), (7, 0)])
def test_shares_in_percent_add_up_and_are_rounded_either_way(counts):
    shares = tenths_of_percent(np.array(counts))

    assert sum(shares) == 1000
    np.testing.assert_allclose(shares, 1000 * np.array(counts) / sum(counts), atol=1)


def test_the_share_with_the_largest_remainder_is_rounded_up():
    assert tenths_of_percent(np.array([1, 2])) == [333, 667]

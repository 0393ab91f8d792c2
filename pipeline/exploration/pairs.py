"""Which pairs of columns interact: say more about the target than any sum of columns can.

An additive model of all columns predicts every row from the other folds' rows. What it leaves over
is gathered in the cells of a pair, both columns cut into a few bins, and a pair matters if two
things hold. It is more than chance: a score test of the cells against the sum of two effects, whose
null is that no cell stands out. It is of use: a step for every cell saves so much loss on other
rows, by Akaike's criterion; noise saves nothing.

A row's loss under a step d of its cell is taken to second order, loss - d r + d² w / 2: for a class
on the logit scale with r = y - p and w = p (1 - p), for values exactly with r = y - mean and w = 1.
So the cells' sums of r and w are all that is needed, and many pairs are tested at once
(compare the FAST statistic of Lou et al. 2013, Accurate intelligible models with pairwise
interactions).
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pipeline import figures, page
from pipeline.exploration import heat_map
from pipeline.exploration.additive import information, predict_out_of_fold, sums_of_two
from pipeline.exploration.bins import MISSING, Bins, cut
from pipeline.exploration.part import Part
from pipeline.exploration.significance import SIGNIFICANT, holm
from pipeline.exploration.target import Target
from pipeline.figures import Draft, label, labels
from pipeline.page import percent
from pipeline.problem import Feature, Kind
from pipeline.wording import count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from pipeline.exploration.findings import Exploration

MOST_COLUMNS = 24  # of the strongest ones: 276 pairs
MOST_CLASSES = 5
MOST_FITTED = 12  # classes; of more, all but the MOST_CLASSES commonest are fitted as one
FEWEST_ROWS = 100
FEWEST_IN_CELL = 5  # rows, and one of information: fewer would make the test too sure
FOLDS = 5
MOST_LEVELS = 7
FIFTHS = np.arange(1, 5) / 5
LEAST_GAIN = 1e-3  # nats a row, or share of the variance: less is real but hardly matters
PAIRS_DRAWN, PAIRS_LISTED, NOISE_LISTED = 6, 15, 3

Names = tuple[str, str]


@dataclass(frozen=True)
class Cells:
    """The target in the cells of two columns; rows, observed, expected (bins of one, of other).

    `observed` is the share of class `code` or the mean of the target's percentile, NaN where a cell
    has no rows; `expected` is what the sum of all columns predicts for the same rows.
    """

    kinds: tuple[Kind, Kind]
    labels: tuple[tuple[str, ...], tuple[str, ...]]
    code: int | None
    rows: np.ndarray
    observed: np.ndarray
    expected: np.ndarray

    @property
    def most_different(self) -> tuple[int, int]:
        """The cell where observed and expected differ most, for the number of rows there."""
        surprise = np.abs(self.observed - self.expected) * np.sqrt(self.rows)
        place = int(np.where(self.rows >= FEWEST_IN_CELL, surprise, 0.0).argmax())
        return place // self.rows.shape[1], place % self.rows.shape[1]


@dataclass(frozen=True)
class Pair:
    """Two columns, tested together. `cells` only where the pair matters.

    `gain` is what the cells save on other rows, in nats a row or as a share of the variance of the
    ranks; `error` is its standard error. `p` is how often a mere sum would look so unlike one.
    """

    columns: Names
    gain: float
    error: float
    p: float
    p_corrected: float
    cells: Cells | None

    @property
    def matters(self) -> bool:
        """Beyond noise, and large enough to be worth a feature."""
        return self.cells is not None


@dataclass(frozen=True)
class Residuals:
    """What the sum of all columns leaves over of one class (`code`), or of the values (None).

    truth and expected (n,): 0 or 1 and its share, or percentiles; r and w (n,).
    """

    code: int | None
    truth: np.ndarray
    expected: np.ndarray
    r: np.ndarray
    w: np.ndarray


def find_pairs(
    frame: "pd.DataFrame",
    y: np.ndarray,
    features: Sequence[Feature],
    classes: int,
    rng: np.random.Generator,
) -> list[Pair]:
    """Every pair of the first features, the largest gain first; none where rows are too few.

    y (n,) class codes or, if `classes` is 0, values. Of several classes a pair shows the one
    about which it says most.
    """
    if len(frame) < FEWEST_ROWS:
        return []
    used = features[:MOST_COLUMNS]
    cuts = {each.name: cut(frame[each.name], each.kind, MOST_LEVELS, FIFTHS) for each in used}
    names = list(itertools.combinations([n for n in cuts if len(cuts[n].labels) > 1], 2))
    if not names:
        return []
    fold = rng.permutation(len(frame)) % FOLDS
    fine = [cut(frame[each.name], each.kind) for each in used]
    kinds = {each.name: each.kind for each in used}
    return _pairs(names, cuts, kinds, residuals(fine, y, fold, classes))


def _pairs(
    names: Sequence[tuple[str, str]],
    cuts: Mapping[str, Bins],
    kinds: Mapping[str, Kind],
    left: Sequence["Residuals"],
) -> list[Pair]:
    """The tests of all pairs, the largest gain first; `left` holds the residuals by class."""
    found = np.stack([_tests(names, cuts, part) for part in left])
    best = found[:, 0].argmax(axis=0)
    gain, error, _ = np.take_along_axis(found, best[None, None], axis=0)[0]
    p = np.minimum(1.0, len(left) * found[:, 2].min(axis=0))  # the likeliest class, Bonferroni
    corrected = holm(p)
    matters = (corrected < SIGNIFICANT) & (gain >= LEAST_GAIN)
    made = [
        Pair(
            each,
            gain=float(gain[i]),
            error=float(error[i]),
            p=float(p[i]),
            p_corrected=float(corrected[i]),
            cells=_cells(each, cuts, kinds, left[best[i]]) if matters[i] else None,
        )
        for i, each in enumerate(names)
    ]
    return sorted(made, key=lambda pair: -pair.gain)


def residuals(
    columns: Sequence[Bins], y: np.ndarray, fold: np.ndarray, classes: int
) -> list[Residuals]:
    """Of the values; of the second of two classes; of each of the commonest of more."""
    if not classes:
        from scipy.stats import rankdata

        ranks = rankdata(y)
        middle, spread = ranks.mean(), ranks.std() or 1.0
        standard = (ranks - middle) / spread  # no outlier decides alone
        mean = predict_out_of_fold(columns, standard, fold, 0)[:, 0]
        # the loss is r² / 2: √2 makes the gain a share of the variance
        r, w = np.sqrt(2) * (standard - mean), np.ones(len(y))
        expected = np.clip((middle + spread * mean) / len(y), 0.0, 1.0)
        return [Residuals(None, ranks / len(y), expected, r, w)]
    counts = np.bincount(y, minlength=classes)
    codes = [1] if classes == 2 else np.argsort(-counts, kind="stable")[:MOST_CLASSES].tolist()
    place = np.arange(classes)
    if classes > MOST_FITTED:  # as many effects a bin would take minutes, and few are looked at
        place[:] = len(codes)
        place[codes] = np.arange(len(codes))
    shares = predict_out_of_fold(columns, place[y], fold, int(place.max()) + 1)
    parts = [(code, (y == code).astype(float), shares[:, place[code]]) for code in codes]
    return [Residuals(*part, part[1] - part[2], information(part[2])) for part in parts]


def _tests(pairs: Sequence[Names], cuts: Mapping[str, Bins], left: Residuals) -> np.ndarray:
    """Gain, its standard error and the p-value of every pair, (3, pairs)."""
    size = max(len(bins.labels) for bins in cuts.values())
    tables = np.empty((3, len(pairs), size**2))
    for place, (one, other) in enumerate(pairs):
        cell = cuts[one].codes * size + cuts[other].codes
        for table, part in zip(tables, (None, left.w, left.r), strict=True):
            table[place] = np.bincount(cell, part, size**2)
    rows, weights, sums = tables.reshape(3, len(pairs), size, size)
    dispersion = float((left.r**2).sum() / left.w.sum())
    return interactions(rows, weights, sums, dispersion or 1.0)


def interactions(
    rows: np.ndarray, weights: np.ndarray, sums: np.ndarray, dispersion: float
) -> np.ndarray:
    """Gain a row, its standard error, and the p-value of a sum of two effects, (3, pairs).

    rows, and sums W of w and R of r, (pairs, bins, bins). With m the sum that fits best, χ² =
    Σ (R - W m)² / (σ² W) over the cells is χ² distributed where no cell stands out. The dispersion
    σ² = Σ r² / Σ w is 1 for classes if the shares are right, else the test is that much stricter.
    The cells' steps save σ² χ² / 2 on these rows and, with f degrees of freedom, f σ² less on as
    many others (Akaike 1974). Cells that hold too little are left out.
    """
    from scipy.special import chdtrc

    held = (rows >= FEWEST_IN_CELL) & (weights >= 1)
    w, r = np.where(held, weights, 0.0), np.where(held, sums, 0.0)
    beyond = (r - w * sums_of_two(w, r)) ** 2 / np.where(held, w, 1.0)
    bins = held.any(axis=1).sum(axis=-1) + held.any(axis=2).sum(axis=-1)
    freedom = np.maximum(held.sum(axis=(1, 2)) - bins + 1, 0)
    statistic = np.where(freedom, beyond.sum(axis=(1, 2)) / dispersion, 0.0)
    unit = dispersion / 2 / rows.sum(axis=(1, 2))
    error = np.sqrt(2 * freedom + 4 * np.maximum(statistic - freedom, 0.0))
    p = np.where(freedom, chdtrc(np.maximum(freedom, 1), statistic), 1.0)
    return np.stack([unit * (statistic - 2 * freedom), unit * error, p])


def _cells(
    pair: Names, cuts: Mapping[str, Bins], kinds: Mapping[str, Kind], left: Residuals
) -> Cells:
    one, other = (cuts[name] for name in pair)
    shape = len(one.labels), len(other.labels)
    cell = one.codes * shape[1] + other.codes
    rows, truth, expected = (
        np.bincount(cell, weights=part, minlength=shape[0] * shape[1]).reshape(shape)
        for part in (None, left.truth, left.expected)
    )
    known = np.where(rows > 0, rows, np.nan)
    about = (kinds[pair[0]], kinds[pair[1]]), (one.labels, other.labels), left.code
    return Cells(*about, rows, truth / known, expected / known)


# -- on the page -----------------------------------------------------------------------------------


def summary(pairs: Sequence[Pair]) -> str:
    """How many pairs matter."""
    real = [pair for pair in pairs if pair.matters]
    tested = f"Of {count(len(pairs), 'pair')} of columns"
    if not real:
        return (
            f"{tested} none says more about the target than the sum of all columns does, beyond "
            "noise: nothing here speaks against models that add up columns."
        )
    best = ", ".join(f"'{one}' with '{other}'" for one, other in (p.columns for p in real[:2]))
    verb = "interacts" if len(real) == 1 else "interact"
    return (
        f"{tested} {len(real)} {verb}: together they say more about the target than any sum of "
        f"columns can, most of all {best}. A linear model misses that, unless a feature combines "
        "the two columns."
    )


def caption(pair: Pair, what: str) -> str:
    """The cell that differs most from what the sum of all columns predicts, and what the pair
    gains."""
    cells = pair.cells
    assert cells is not None
    row, column = cells.most_different
    seen, expected = float(cells.observed[row, column]), float(cells.expected[row, column])
    texts = cells.labels[0][row], cells.labels[1][column]
    where = " and ".join(
        f"'{label(name, 40)}' {_bin(text, kind)}"
        for name, text, kind in zip(pair.columns, texts, cells.kinds, strict=True)
    )
    shown = [percent(value, 0) for value in (seen, expected)]
    rows = count(int(cells.rows[row, column]), "row")
    if cells.code is None:
        text = f"{what} lies on average at percentile {shown[0].strip('%')} ({rows})"
        gain = f"{percent(pair.gain, 2)} ± {percent(pair.error, 2)} of the ranks' variance"
    else:
        text = f"{what} is {shown[0]} of {rows}"
        gain = f"{pair.gain:.4f} ± {pair.error:.4f} of log loss"
    predicted = shown[1] if cells.code is not None else shown[1].strip("%")
    return (
        f"Where {where}, {text}; the sum of all columns predicts {predicted}. On other rows the "
        f"cells save about {gain}."
    )


def _bin(text: str, kind: Kind) -> str:
    """'is 3', 'is 7 to 20', "is 'Eco'", 'is missing'."""
    if text == MISSING:
        return "is missing"
    return f"is '{label(text, 30)}'" if kind == "category" else f"is {label(text, 30)}"


def part(exploration: "Exploration") -> Part | None:
    found, target = exploration.findings.pairs, exploration.target
    if not found:
        return None
    varying = sum(each.varies for each in exploration.findings.associations)
    bound = f" (the {MOST_COLUMNS} strongest)" if varying > MOST_COLUMNS else ""
    method = (
        f"An additive model of all columns{bound} predicts rows that it was not fitted on. What it "
        "leaves over is gathered in the cells of each pair: the numbers in a figure are what the "
        "rows show, the colours how far that is from the sum. What the cells save on other rows is "
        "estimated by Akaike's criterion."
    )
    shown = [pair for pair in found if pair.matters][:PAIRS_DRAWN]
    drawings = [partial(plot, pair, target, place) for place, pair in enumerate(shown)]
    text = summary(found)
    return Part(
        "pairs",
        "Pairs of columns",
        [text, page.Soft(method)],
        drawings,
        [_table(found, target)],
        gallery=True,
        conclusion=text,
    )


def _table(pairs: Sequence[Pair], target: Target) -> page.SortableTable:
    """The pairs that matter, or the first of those that do not."""
    shown = [pair for pair in pairs if pair.matters][:PAIRS_LISTED] or pairs[:NOISE_LISTED]
    noise, more = page.Cell("noise", 0, "muted"), page.Cell("more than the sum", 1, "good")
    rows = [
        [
            *pair.columns,
            page.decimal_cell(pair.gain, 4),
            page.decimal_cell(pair.error, 4),
            page.p_cell(pair.p_corrected),
            more if pair.matters else noise,
        ]
        for pair in shown
    ]
    gain = "Log loss saved" if target.classes else "Share of variance"
    of = count(len(pairs), "pair")
    text = f"The first {len(shown)} of {of}; p corrected for their number (Holm)."
    heads = ("Column", "With", gain, "± standard error", "Corrected p", "Verdict")
    return page.SortableTable(text, heads, rows)


def plot(pair: Pair, target: Target, place: int) -> Draft:
    """What the cells show, coloured by how far that is from the sum of all columns."""
    cells = pair.cells
    assert cells is not None
    height, width = cells.rows.shape
    with figures.style():
        figure, axes = figures.new(max(3.6, 1.8 + 0.36 * width), max(2.4, 1.2 + 0.26 * height))
        _draw_cells(axes, cells)
        axes.set_ylabel(label(pair.columns[0], 24))
        axes.set_xlabel(label(pair.columns[1], 34))
        what, _ = target.of(cells.code)
        text = caption(pair, what)
        names = [label(name, 40) for name in pair.columns]
        alt = f"Heat map of {what} by {pair.columns[0]} and {pair.columns[1]}. {text}"
        return Draft(figure, f"pair-{place:02d}", f"{names[0]} with {names[1]}", text, alt)


def _draw_cells(axes: "Axes", cells: Cells) -> None:
    """Bins that have too few rows in every cell are left out."""
    full = cells.rows >= FEWEST_IN_CELL
    down, across = np.flatnonzero(full.any(axis=1)), np.flatnonzero(full.any(axis=0))
    kept = np.ix_(down, across)
    observed, expected = (
        np.where(full, values, np.nan)[kept] for values in (cells.observed, cells.expected)
    )
    rows = labels([cells.labels[0][place] for place in down], 16)
    columns = labels([cells.labels[1][place] for place in across], 16)
    largest = np.nanmax(np.abs(observed - expected), initial=1e-12)
    names, legend = (rows, columns), "difference to the sum"
    mesh = heat_map.draw(axes, observed - expected, names, legend, largest=largest)
    heat_map.write(axes, mesh, observed, lambda share: percent(share, 0).strip("<> "))
    if max(map(len, columns)) * len(columns) > 32:
        axes.tick_params(axis="x", rotation=90)
    axes.tick_params(labelsize=8)

"""What to conclude, in sentences that are computed from the numbers."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.exploration.association import MISSING, Relation
from pipeline.exploration.drift import Adversarial, ColumnDrift
from pipeline.exploration.interactions import Interaction
from pipeline.exploration.profile import Profile, Target
from pipeline.exploration.ratings import FEWEST_RATED, Ratings
from pipeline.figures import label
from pipeline.page import alike, number, p_value, percent, signed
from pipeline.wording import count, some

UNBALANCED = 3.0
SKEWED = 2.0
REDUNDANT = 0.95
BARELY = 0.55
FEWEST_TOLD = 0.001  # share of zeros


def target_caption(target: Target) -> str:
    """How the target is spread, and what answering the same always would score."""
    return _class_balance(target) if target.classes else _value_spread(target)


def _class_balance(target: Target) -> str:
    assert target.classes is not None
    shares = target.counts / target.counts.sum()
    most, least = int(shares.argmax()), int(shares.argmin())
    balance = "unbalanced" if shares[most] > UNBALANCED * shares[least] else "roughly balanced"
    told = (
        f"The {len(shares)} classes are {balance}: {percent(shares[most])} of the rows are "
        f"'{target.classes[most]}', {percent(shares[least])} are '{target.classes[least]}'. "
        f"Without a look at the columns: always answering '{target.classes[most]}' is an accuracy "
        f"of {shares[most]:.3f} and a balanced accuracy of {1 / len(shares):.3f}, always answering "
        f"the shares is a log loss of {_entropy(shares):.3f} and a ROC AUC of 0.500. A model has "
        "to beat that of the competition's metric."
    )
    if balance == "unbalanced":
        told += " Accuracy alone says little here; look at each class."
    return told


def _entropy(shares: np.ndarray) -> float:
    """-Σ p ln p."""
    known = shares[shares > 0]
    return float(-(known * np.log(known)).sum())


def _value_spread(target: Target) -> str:
    middle = float(np.median(target.y))
    low, high = np.quantile(target.y, [0.25, 0.75])
    spreads = float(target.y.std()), float(np.abs(target.y - middle).mean())
    shown = alike([float(low), float(high), middle, float(target.y.mean()), *spreads])
    told = (
        f"Half of the values lie between {shown[0]} and {shown[1]}, the median is {shown[2]}. "
        f"Without a look at the columns: always answering the mean, {shown[3]}, is an RMSE of "
        f"{shown[4]} and an R² of 0, always answering the median an MAE of {shown[5]}. A model has "
        "to beat that of the competition's metric."
    )
    skewness = target.skewness
    if abs(skewness) > SKEWED:
        told += (
            f" The values are skewed (skewness {number(skewness)}): a few extreme ones will "
            "dominate squared errors."
        )
    return told


def missing_caption(shares: Mapping[str, tuple[float, float]], columns: int) -> str:
    """How many of the columns have missing values; `shares` of train and test, worst first."""
    worst, (train, test) = next(iter(shares.items()))
    return (
        f"{count(len(shares), 'column')} of {columns} {'has' if len(shares) == 1 else 'have'} "
        f"missing values, most of them '{worst}': {percent(train)} of train and {percent(test)} "
        "of test."
    )


def relation_caption(relation: Relation, target: Target) -> str:
    """What the column says about the target, from the bins that have enough rows."""
    name = "Cramér's V" if target.classes else "correlation ratio"
    measured = f"{name} {relation.strength:.2f}, corrected p {p_value(relation.p_corrected)}"
    if relation.is_noise:
        return f"Alone, not related to the target beyond noise ({measured})."
    low, high = relation.lowest, relation.highest
    if low == high:
        return (
            f"{_strength_word(relation.strength)} related to the target ({measured}), by values "
            "too rare to name one."
        )
    low_label, high_label = (_place(relation, each) for each in (low, high))
    if target.classes:
        what = f"'{target.classes[relation.telling_class]}'"
        told = [percent(relation.values[each], 0) for each in (low, high)]
        ends = f"{what} is {told[0]} of the rows {low_label} and {told[1]} {high_label}"
    else:
        told = [number(float(relation.values[each])) for each in (low, high)]
        ends = f"the mean is {told[0]} {low_label} and {told[1]} {high_label}"
    return f"{_strength_word(relation.strength)} related to the target ({measured}): {ends}."


def _place(relation: Relation, place: int) -> str:
    """Where a bin is, in words."""
    text = label(relation.labels[place], 30)
    if text == MISSING:
        return "where it is missing"
    if relation.kind == "category":
        return f"at '{text}'"
    return f"at {text}" if relation.levels or " to " not in text else f"from {text}"


def _strength_word(strength: float) -> str:
    for least, word in ((0.5, "Strongly"), (0.3, "Clearly"), (0.1, "Weakly")):
        if strength >= least:
            return word
    return "Very weakly"


def held_caption(profile: Profile, drift: ColumnDrift, rows_train: int, rows_test: int) -> str:
    """Missing values, zeros and drift of one column."""

    def both(train: int, test: int) -> str:
        shares = percent(train / rows_train), percent(test / rows_test)
        return f"{shares[0]} of train and {shares[1]} of test"

    parts = []
    if profile.missing_train or profile.missing_test:
        parts.append(f"missing in {both(profile.missing_train, profile.missing_test)}")
    zeros = profile.zeros_train or 0, profile.zeros_test or 0
    if max(zeros[0] / rows_train, zeros[1] / rows_test) >= FEWEST_TOLD:
        parts.append(f"zero in {both(*zeros)}")
    if not drift.is_tested:
        parts.append("drift not tested, its levels are rare")
    elif drift.is_noise:
        parts.append("no drift beyond noise")
    else:
        parts.append(f"{drift.verdict} between train and test ({drift.value:.2f})")
    told = "; ".join(parts)
    return f"{told[:1].upper()}{told[1:]}."


def pair_caption(found: Interaction, what: str) -> str:
    """What the pair gains, and the cell that differs most from what the sum of all columns says."""
    row, column = found.telling_cell
    seen, expected = float(found.observed[row, column]), float(found.expected[row, column])
    labels = found.labels[0][row], found.labels[1][column]
    where = " and ".join(
        f"'{label(name, 40)}' {_bin(text, kind)}"
        for name, text, kind in zip(found.columns, labels, found.kinds, strict=True)
    )
    shown = [percent(value, 0) for value in (seen, expected)]
    rows = count(int(found.rows[row, column]), "row")
    if found.code is None:
        told = f"{what} lies on average at percentile {shown[0].strip('%')} ({rows})"
        foretold = f"the sum of all columns says {shown[1].strip('%')}"
        gain = f"{percent(found.gain)} ± {percent(found.error)} of the ranks' variance"
    else:
        told = f"{what} is {shown[0]} of {rows}"
        foretold = f"the sum of all columns says {shown[1]}"
        gain = f"{found.gain:.4f} ± {found.error:.4f} of log loss"
    return f"Where {where}, {told}; {foretold}. On rows not seen the cells save {gain}."


def _bin(text: str, kind: str) -> str:
    """'is 3', 'is 7 to 20', "is 'Eco'", 'is missing'."""
    if text == MISSING:
        return "is missing"
    return f"is '{label(text, 30)}'" if kind == "category" else f"is {label(text, 30)}"


def rating_caption(ratings: Ratings, target: Target, what: str) -> str:
    def shown(mean: float) -> str:
        return percent(mean, 0) if target.classes else number(float(mean))

    spans = np.nanmax(ratings.means, axis=1) - np.nanmin(ratings.means, axis=1)
    steepest = int(spans.argmax())
    row = ratings.means[steepest]
    low, high = int(np.nanargmin(row)), int(np.nanargmax(row))
    told = (
        f"Each cell is the {'share' if target.classes else 'mean'} of {what} among the rows with "
        f"that value, and in small figures how many these are. It differs most along "
        f"'{ratings.columns[steepest]}': {shown(row[low])} at {number(ratings.values[low])}, "
        f"{shown(row[high])} at {number(ratings.values[high])}."
    )
    bent = ratings.bent
    if bent:
        told += (
            f" In {count(len(bent), 'column')} of {len(ratings.columns)} it goes up and down as "
            "the value grows, by more than noise: there a straight line does not fit, but a tree "
            "or a column for each value does."
        )
    else:
        told += " No column goes up and down by more than noise: straight lines may fit."
    return f"{told} Cells of fewer than {FEWEST_RATED} rows show their number alone."


def correlation_caption(names: Sequence[str], matrix: np.ndarray, target: str | None) -> str:
    pairs = strongest_pairs(names, matrix)
    aimed = [pair for pair in pairs if target in pair[:2]]
    pairs = [pair for pair in pairs if target not in pair[:2]]
    told = ""
    if aimed:
        feature = aimed[0][0] if aimed[0][1] == target else aimed[0][1]
        told = f"With the target '{feature}' correlates most, {signed(aimed[0][2])}. "
    if not pairs:
        return told or "No two columns vary together."
    one, other, value = pairs[0]
    which = "Of the other columns" if aimed else "Of the columns"
    told += f"{which} '{one}' and '{other}' correlate most, {signed(value)}."
    redundant = sum(abs(pair[2]) >= REDUNDANT for pair in pairs)
    if redundant:
        pairs_told = f"{count(redundant, 'pair')} above {REDUNDANT}"
        told += f" {pairs_told}: one column of such a pair adds hardly anything."
    elif abs(value) < 0.5:
        told += " No column could stand in for another."
    return told


def strongest_pairs(names: Sequence[str], matrix: np.ndarray) -> list[tuple[str, str, float]]:
    """All pairs with a known correlation, strongest first."""
    one, other = np.triu_indices(len(names), 1)
    known = ~np.isnan(matrix[one, other])
    one, other = one[known], other[known]
    order = np.argsort(-np.abs(matrix[one, other]), kind="stable")
    return [(names[one[i]], names[other[i]], float(matrix[one[i], other[i]])) for i in order]


def drift_caption(drifts: Sequence[ColumnDrift]) -> str:
    """Which columns differ beyond noise."""
    drifts = [drift for drift in drifts if drift.is_tested]
    if not drifts:
        return "No column could be tested: all their levels are rare."
    tested = f"{count(len(drifts), 'column')} tested, p-values corrected for that number (Holm)"
    real = sorted((d for d in drifts if not d.is_noise), key=lambda drift: -drift.value)
    if not real:
        smallest = min(drifts, key=lambda drift: drift.p)
        return (
            f"{tested}: no column differs between train and test by more than chance. The "
            f"differences seen are noise; the smallest p-value, {p_value(smallest.p)} for "
            f"'{smallest.column}', is {p_value(smallest.p_corrected)} once corrected."
        )
    named = some([f"'{drift.column}' ({drift.value:.2f})" for drift in real], 5)
    return (
        f"{tested}: {count(len(real), 'column')} {'differs' if len(real) == 1 else 'differ'} "
        f"between train and test beyond chance: {named}. The rest is noise."
    )


def adversarial_caption(found: Adversarial) -> str:
    """Can test be told from train, and by what?"""
    shuffles = len(found.shuffled)
    measured = f"AUC {found.auc:.3f}, p = {p_value(found.p)} from {shuffles} shuffles"
    if found.is_noise and found.auc < min(found.shuffled):
        return (
            f"A model tells test rows from train rows worse than by chance ({measured}): look for "
            "near copies of the same rows in both."
        )
    if found.is_noise:
        return (
            f"A model cannot tell test rows from train rows ({measured}): cross-validation on "
            "train should hold for test."
        )
    telling = ", ".join(f"'{column}' ({percent(share, 0)})" for column, share in found.telling)
    size = "barely tell" if found.auc < BARELY else "tell"
    advice = (
        "the difference is too small to matter much"
        if found.auc < BARELY
        else "scores on train may not hold for test; look at these columns"
    )
    return (
        f"A model can {size} test rows from train rows ({measured}), mostly by {telling} of its "
        f"gain: {advice}."
    )

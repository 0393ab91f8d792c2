"""What is added to the columns' own views: target means, counts, digits, directions of texts.

Target means and counts are of single columns, and of combinations taken as one category.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.categories import MOST_ONE_HOT
from pipeline.encoding.codes import are_codes, may_be_codes
from pipeline.encoding.columns import CodedColumn
from pipeline.encoding.combinations import combined, find_pairs
from pipeline.encoding.counts import Counts
from pipeline.encoding.digits import Digits
from pipeline.encoding.target_means import TargetMeans
from pipeline.encoding.text_scores import TextScores
from pipeline.encoding.tfidf import Tfidf, is_text
from pipeline.settings import Encode

SCORE = "\x1f"  # before the name of a text, whose target means may have crossed ones too


@dataclass(frozen=True)
class Additions:
    """By name of a column or a combination; `combinations` are the columns of each of these."""

    combinations: dict[str, list[str]]
    target_means: dict[str, TargetMeans]
    counts: dict[str, Counts]
    digits: dict[str, Digits]
    texts: dict[str, Tfidf]
    scores: dict[str, TextScores]

    def __post_init__(self) -> None:
        """ValueError where a score has no text: it may have been read from a file."""
        if not {*self.scores} <= {*self.texts}:
            raise ValueError("it scores texts that it does not have")

    @classmethod
    def fit(
        cls,
        settings: Encode,
        columns: Mapping[str, CodedColumn],
        numbers: Collection[str],
        targets: np.ndarray,
        inner: np.ndarray,
    ) -> tuple["Additions", dict[str, np.ndarray]]:
        """Of the training rows: what is added, and their own, cross-fitted target means by name,
        and scores of texts by SCORE and name.

        `numbers` are the columns that may be codes; targets (n, outputs), inner fold numbers (n,).
        """
        single = _target_means(settings, columns, numbers, targets)
        chosen = _combinations(settings, columns, single, targets, inner)
        joint = {_name(each, columns): each for each in chosen}
        combinations = {name: _combined(columns, name, of) for name, of in joint.items()}

        def known(name: str) -> CodedColumn:
            return combinations[name] if name in combinations else columns[name]

        fitted = {
            name: TargetMeans.fit(known(name), targets, inner, settings.smoothing)
            for name in [*single, *joint]
        }
        counted = single if settings.counts == "auto" else settings.counts
        texts = {
            name: Tfidf.fit(columns[name], settings.text_terms, settings.text_directions)
            for name in _texts(settings, columns)
        }
        scores = {
            name: TextScores.fit(each, columns[name], targets, inner)
            for name, each in texts.items()
            if settings.text_scores and each.idf
        }
        added = cls(
            joint,
            {name: means for name, (means, _) in fitted.items()},
            {
                name: Counts.fit(known(name))
                for name in [*counted, *joint]
                if name in columns or name in joint
            },
            {name: Digits.fit(columns[name]) for name in settings.digits if name in columns},
            texts,
            {name: score for name, (score, _) in scores.items()},
        )
        crossed = {name: of_rows for name, (_, of_rows) in fitted.items()}
        crossed |= {SCORE + name: of_rows for name, (_, of_rows) in scores.items()}
        return added, crossed

    def by_value(
        self,
        columns: Mapping[str, CodedColumn],
        view: View,
        crossed: Mapping[str, np.ndarray] | None = None,
    ) -> Iterator[tuple[str, np.ndarray | range, np.ndarray]]:
        """Name, codes (n,) and a table (m + 1, d) of each addition, in the order of `names`.

        `crossed`: of the training rows their own target means by name; such a row does not count
        itself. A range instead of codes: the table has a row of its own for each of these rows.
        """
        known = dict(columns)
        for name, of in self.combinations.items():
            known[name] = _combined(columns, name, of)
        for name, means in self.target_means.items():
            if crossed is not None:
                yield name, range(len(crossed[name])), means.in_view(crossed[name], view)
            else:
                yield name, known[name].codes, means.by_value(known[name], view)
        for name, counts in self.counts.items():
            own = 0 if crossed is None else 1
            yield name, known[name].codes, counts.by_value(known[name], view, own)
        for kind in (self.digits, self.texts):
            for name, each in kind.items():
                yield name, known[name].codes, each.by_value(known[name], view)
        for name, score in self.scores.items():
            if crossed is not None:
                own_scores = crossed[SCORE + name]
                yield name, range(len(own_scores)), score.in_view(own_scores, view)
            else:
                table = score.by_value(self.texts[name], known[name], view)
                yield name, known[name].codes, table

    def names(self, view: View) -> list[tuple[str, list[str]]]:
        """Of each addition the name of its column or combination, and those of its places."""
        return [
            *((name, means.names(name)) for name, means in self.target_means.items()),
            *((name, [f"{name} count"]) for name in self.counts),
            *((name, digits.names(name, view)) for name, digits in self.digits.items()),
            *((name, text.names(name)) for name, text in self.texts.items()),
            *((name, score.names(name)) for name, score in self.scores.items()),
        ]


def _target_means(
    settings: Encode,
    columns: Mapping[str, CodedColumn],
    numbers: Collection[str],
    targets: np.ndarray,
) -> list[str]:
    """Categories of many levels, and the whole numbers that turn out to be codes."""
    if settings.target_means != "auto":
        return [name for name in settings.target_means if name in columns]
    most = settings.target_mean_levels
    return [
        name
        for name, column in columns.items()
        if (column.kind == "category" and len(column.distribution().values) > most)
        or (name in numbers and may_be_codes(column, most) and are_codes(column, targets))
    ]


def _combinations(
    settings: Encode,
    columns: Mapping[str, CodedColumn],
    many: Sequence[str],
    targets: np.ndarray,
    inner: np.ndarray,
) -> list[list[str]]:
    """Those that are asked for, of columns that are there; or the pairs that a test finds."""
    if settings.combinations != "auto":
        return [list(each) for each in settings.combinations if {*each} <= {*columns}]
    return [list(each) for each in find_pairs(columns, many, targets, inner, settings.smoothing)]


def _texts(settings: Encode, columns: Mapping[str, CodedColumn]) -> list[str]:
    """Texts, and categories that are short ones."""
    if settings.texts != "auto":
        return [name for name in settings.texts if name in columns]
    return [name for name, column in columns.items() if is_text(column, MOST_ONE_HOT)]


def _combined(columns: Mapping[str, CodedColumn], name: str, of: Sequence[str]) -> CodedColumn:
    return combined([columns[each] for each in of], name)


def _name(of: Sequence[str], columns: Collection[str]) -> str:
    """'a × b', with a ' behind it where a column is called so."""
    name = " × ".join(of)
    while name in columns:
        name += "'"
    return name

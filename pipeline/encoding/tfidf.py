"""TF-IDF of a text's words and of the letters in them, reduced to its main directions.

Term t of a text weighs (1 + log tf) (1 + log((1 + n) / (1 + df))), and each text's weights have
length 1: tf is in how many of the text's different words t occurs, df in how many of n training
rows (scikit-learn's TfidfTransformer with sublinear_tf). The directions are those of a truncated
singular value decomposition (Deerwester et al. 1990). Letters find what words miss: inflections,
misspelt words, words written as one.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.encoding import View
from pipeline.encoding.columns import CodedColumn, Tokens, positions
from pipeline.encoding.text import find_tokens

if TYPE_CHECKING:
    from scipy import sparse

LETTERS = (2, 3, 4)  # in a run; the blanks around a word count as such
LONGEST = 40  # letters of a word that are looked at
FEWEST_ROWS = 3  # that a term is in
ROWS_EACH = 60  # for a direction, at least: of few rows, many would be noise
SEVERAL = 2.0  # words a level, on average, numbers aside


@dataclass(frozen=True)
class Tfidf:
    """`words` and `letters` are the terms, `idf` (terms,) their weights; `directions` (k, terms).

    `scale` (k,) is the standard deviation of the training rows along a direction.
    """

    words: list[str]
    letters: list[str]
    idf: list[float]
    directions: list[list[float]]
    scale: list[float]

    def __post_init__(self) -> None:
        """ValueError where the parts do not fit together: they may have been read from a file."""
        terms = len(self.words) + len(self.letters)
        if {terms} != {len(self.idf), *map(len, self.directions), terms}:
            raise ValueError("its terms have other weights")
        if len(self.scale) != len(self.directions) or 0 in self.scale:
            raise ValueError("its directions have another scale")

    @classmethod
    def fit(cls, column: CodedColumn, terms: int, directions: int) -> "Tfidf":
        """Of the training rows' texts: so many of their commonest words, and as many runs."""
        from scipy import sparse

        rows = column.counts()[:-1]
        seen = np.flatnonzero(rows)
        words = Words.of(column)
        of_words = _commonest(words.matrix(), words.vocabulary, rows, terms)
        of_letters = _commonest(words.matrix() @ words.runs_of_words(), words.runs, rows, terms)
        counts = sparse.hstack([of_words[1], of_letters[1]]).tocsr()[seen]
        weights = rows[seen].astype(float)
        idf = 1 + np.log((1 + weights.sum()) / (1 + weights @ (counts > 0)))
        matrix = _weighted(counts, idf)
        most = min(directions, int(weights.sum()) // ROWS_EACH)
        main = _main_directions(matrix, weights, most)
        scale = np.sqrt(weights @ (matrix @ main.T) ** 2 / max(weights.sum(), 1))
        scale = np.where(scale > 0, scale, 1.0)
        return cls(of_words[0], of_letters[0], idf.tolist(), main.tolist(), scale.tolist())

    def by_value(self, column: CodedColumn, view: View) -> np.ndarray:
        """(m + 1, k) float64, zeros for missing; the dense view in standard deviations."""
        main = np.array(self.directions).reshape(len(self.directions), len(self.idf))
        table = self.matrix(column) @ main.T
        return table if view == "tree" else table / np.array(self.scale)

    def matrix(self, column: CodedColumn) -> "sparse.csr_matrix":
        """TF-IDF of the values, (m + 1, terms), zeros for missing."""
        from scipy import sparse

        missing = sparse.csr_matrix((1, len(self.idf)))
        if not len(column.values):
            return missing
        words = Words.of(column)
        counts = sparse.hstack(
            [
                _chosen(words.matrix(), words.vocabulary, self.words),
                _chosen(words.matrix() @ words.runs_of_words(), words.runs, self.letters),
            ]
        )
        return sparse.vstack([_weighted(counts.tocsr(), np.array(self.idf)), missing]).tocsr()

    def names(self, name: str) -> list[str]:
        return [f"{name} direction {place + 1}" for place in range(len(self.directions))]


@dataclass(frozen=True)
class Words:
    """The words of m texts, and the runs of letters in each word of the vocabulary.

    Run `run_of[i]` of `runs` stands in word `word_of[i]`.
    """

    texts: int
    tokens: Tokens
    runs: np.ndarray
    run_of: np.ndarray
    word_of: np.ndarray

    @classmethod
    def of(cls, column: CodedColumn) -> "Words":
        tokens = column.tokens or find_tokens(column.values)[2]
        return cls(len(column.values), tokens, *_runs(tokens.vocabulary))

    @property
    def vocabulary(self) -> np.ndarray:
        return self.tokens.vocabulary

    def matrix(self) -> "sparse.csr_matrix":
        """(texts, words): 1 where a word is in the text."""
        from scipy import sparse

        ones = np.ones(len(self.tokens.tokens))
        shape = self.texts, len(self.vocabulary)
        return sparse.csr_matrix((ones, (self.tokens.texts, self.tokens.tokens)), shape)

    def runs_of_words(self) -> "sparse.csr_matrix":
        """(words, runs): how often a run is in the word."""
        from scipy import sparse

        ones = np.ones(len(self.run_of))
        shape = len(self.vocabulary), len(self.runs)
        return sparse.csr_matrix((ones, (self.word_of, self.run_of)), shape)


def is_text(column: CodedColumn, least_levels: int) -> bool:
    """A text; or a category of more than so many levels, of several words each on average."""
    if column.kind == "text":
        return True
    levels = column.distribution().values
    if column.kind != "category" or len(levels) <= least_levels:
        return False
    tokens = find_tokens(levels)[2]
    # "street 12" is one word and a number: a name, not a text
    in_letters = np.array([not word.isdecimal() for word in tokens.vocabulary], dtype=bool)
    return bool(in_letters[tokens.tokens].sum() >= SEVERAL * len(levels))


def _runs(vocabulary: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words -> their different runs of letters; of each run in a word its number, the word's."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pa.array([f" {word[:LONGEST]} " for word in vocabulary], type=pa.large_string())
    lengths = pc.utf8_length(words).to_numpy()
    found, word_of = [], []
    for length in LETTERS:
        for start in range(max(lengths.max(initial=0) - length + 1, 0)):
            long_enough = np.flatnonzero(lengths >= start + length)
            found.append(pc.utf8_slice_codeunits(words.take(long_enough), start, start + length))
            word_of.append(long_enough)
    if not found:
        return np.empty(0, dtype=object), np.empty(0, dtype=int), np.empty(0, dtype=int)
    encoded = pa.chunked_array(found).combine_chunks().dictionary_encode()
    runs = np.array(encoded.dictionary.to_pylist(), dtype=object)
    return runs, encoded.indices.to_numpy().astype(np.int64), np.concatenate(word_of)


def _commonest(
    counts: "sparse.csr_matrix", terms: np.ndarray, rows: np.ndarray, most: int
) -> tuple[list[str], "sparse.csr_matrix"]:
    """Of terms in texts the commonest by rows, in alphabetical order, and their columns."""
    frequency = rows @ (counts > 0)
    enough = np.flatnonzero(frequency >= FEWEST_ROWS)
    ranked = sorted(enough, key=lambda term: (-frequency[term], terms[term]))
    chosen = sorted(ranked[:most], key=lambda term: terms[term])
    return [str(terms[term]) for term in chosen], counts[:, chosen]


def _chosen(
    counts: "sparse.csr_matrix", terms: np.ndarray, chosen: list[str]
) -> "sparse.csr_matrix":
    """The columns of these terms, zeros for those that no text has."""
    from scipy import sparse

    place = positions(np.array(chosen, dtype=object), terms.tolist())
    there = np.flatnonzero(place >= 0)
    ones = np.ones(len(there))
    select = sparse.csr_matrix((ones, (place[there], there)), (len(terms), len(chosen)))
    return counts @ select


def _weighted(counts: "sparse.csr_matrix", idf: np.ndarray) -> "sparse.csr_matrix":
    """Counts (m, terms) -> TF-IDF, each row of length 1 or 0."""
    from scipy import sparse

    weighted = counts.astype(float)
    weighted.data = 1 + np.log(weighted.data)
    weighted = weighted.multiply(idf).tocsr()
    length = np.sqrt(weighted.multiply(weighted).sum(axis=1)).A1
    return sparse.diags(1 / np.where(length > 0, length, 1.0)) @ weighted


def _main_directions(matrix: "sparse.csr_matrix", weights: np.ndarray, most: int) -> np.ndarray:
    """The first right singular vectors (k, terms) of the rows times the root of their weights."""
    from scipy import sparse
    from sklearn.utils.extmath import randomized_svd

    directions = min(most, *matrix.shape)
    if directions == 0:
        return np.empty((0, matrix.shape[1]))
    rows = sparse.diags(np.sqrt(weights)) @ matrix
    # the seed begins an iteration that converges to the same directions whatever it is
    return randomized_svd(rows, directions, random_state=0)[2]

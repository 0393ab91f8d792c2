"""How a column of words writes numbers, and which of its words mean that a value is missing.

Numbers that are not plain have decimal commas, thousands separators, a currency sign, a unit or
full-width digits. A notation is found on all words of a column together, so that 1,234 and 1,5 are
read alike. A word that no number can be made of stays a word.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pipeline.reading import distinct

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PLAIN = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?i:inf|infinity)"
CURRENCY = r"[$€£¥₩₽₹￦￥＄円元원]|[A-Z]{2,3}\$|(?:USD|EUR|GBP|JPY|KRW|CNY|INR|RUB|CHF|Rs\.?)"
UNIT = r"%|[A-Za-z°µ²³/가-힣㎍㎎㎏㎜㎝㎞㎡㎥℃]{1,12}\.?"
MULTIPLES = {"k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9, "천": 1e3, "만": 1e4, "억": 1e8}
# decimal point and thousands separator, in the order in which they are tried
CONVENTIONS = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"))
SPACES = str.maketrans({"\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2212": "-", "\u2019": "'"})
# what pandas takes for missing: a program wrote it
NULL_WORDS = frozenset(
    [
        *("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
        *("<NA>", "NULL", "NaN", "nan", "null", "\\N"),
    ]
)
DOUBTFUL = frozenset(("NA", "N/A", "n/a", "None"))  # missing, or a country and a level
# what stands for missing among numbers, in small letters
MISSING_NUMBERS = frozenset(
    [
        *(word.casefold() for word in NULL_WORDS | DOUBTFUL),
        *("?", "??", "-", "--", "---", ".", "..", "*", "n.a.", "n.a", "nil", "missing", "unknown"),
        *("unk", "unk.", "undefined", "none given", "not available", "not applicable", "not given"),
        *("no data", "(null)", "(blank)", "blank", "#value!", "#ref!", "#div/0!", "#null!"),
        *("#num!", "#name?", "없음", "미상", "모름", "결측", "결측치", "해당없음", "해당 없음"),
        *("미응답", "무응답", "알수없음"),
    ]
)
NEARLY_ALL = 0.9  # share of a column's known values
SAME_FORM = 0.8  # share of the levels


@dataclass(frozen=True)
class Notation:
    """How numbers are written. `prefix` and `suffix` may stand around them; "" where none does.

    `multiples`: k, M and the like stand for factors.
    """

    decimal: str = "."
    thousands: str = ""
    prefix: str = ""
    suffix: str = ""
    multiples: bool = False

    @property
    def is_plain(self) -> bool:
        return self == PLAIN_NOTATION

    @property
    def separates(self) -> bool:
        """Whether a point may mean something else than in plain numbers, as in 1.234 for 1,234."""
        return (self.decimal, self.thousands) != (".", "")


PLAIN_NOTATION = Notation()


def find_notation(words: Collection[str]) -> Notation | None:
    """The notation in which all these distinct words are numbers; None: there is none.

    The words that mean missing are to be left out before.
    """
    texts = [normal(word) for word in words]
    if all(re.fullmatch(PLAIN, text) for text in texts):
        return PLAIN_NOTATION if texts else None
    parts = [part for text in texts if (part := _parts(text)) is not None]
    if len(parts) < len(texts):
        return None
    prefixes, bodies, suffixes = ([*column] for column in zip(*parts, strict=True))
    decimals = any(not body.lstrip("-").isdigit() for body in bodies)
    affixes = _affixes(prefixes, suffixes, decimals)
    if affixes is None:
        return None
    for decimal, thousands in CONVENTIONS:
        pattern = re.compile(_body(decimal, thousands))
        if all(pattern.fullmatch(body) for body in bodies):
            return Notation(decimal, thousands, *affixes)
    return None


def numbers(words: "pd.Series", notation: Notation = PLAIN_NOTATION) -> "pd.Series":
    """Words (n,), NaN where missing -> int64, or float64 with NaN for what is no number."""
    plain = plain_numbers(words) if notation.is_plain else None
    if plain is not None:
        return plain
    distinct = words.dropna().drop_duplicates()
    values = {word: value_of(word, notation) for word in distinct}
    return words.map(values).astype("float64")


def plain_numbers(words: "pd.Series") -> "pd.Series | None":
    """Words (n,), NaN where missing -> int64, or float64 with NaN; None where a word is no plain
    number."""
    import pandas as pd

    column = distinct.arrow(words)
    first = _numbers(column.slice(0, distinct.FEW))
    if first is None:  # most columns of words end here
        return None
    found = _numbers(column, may_be_whole=first.dtype.kind == "i")
    return None if found is None else pd.Series(found, index=words.index, name=words.name)


def _numbers(column: "pa.ChunkedArray", may_be_whole: bool = True) -> np.ndarray | None:
    """(n,) int64, or float64 with NaN where missing; None where a word is no plain number.

    Arrow reads at once what has no blanks around, and no number that PLAIN does not allow but nan.
    """
    import pyarrow as pa
    from pyarrow import compute

    try:
        floats = column.cast(pa.float64())
    except pa.ArrowInvalid:
        floats = None
    if floats is None or compute.any(compute.is_nan(floats)).as_py():
        column, plain = _matched(column)
        if compute.all(plain).as_py() is False:
            return None
        column = compute.utf8_ltrim(column, characters="+")
        floats = column.cast(pa.float64())
    if may_be_whole and len(column) > column.null_count == 0:
        with suppress(pa.ArrowInvalid):  # a point, an exponent, or more than 64 bits
            return column.cast(pa.int64()).to_numpy()
        if compute.any(compute.starts_with(column, "+")).as_py():
            with suppress(pa.ArrowInvalid):
                unsigned = compute.utf8_ltrim(column, characters="+")
                return unsigned.cast(pa.int64()).to_numpy()
    return floats.to_numpy()


def are_plain(words: "pd.Series") -> "pd.Series":
    """(n,) bool: which words are plain numbers; missing ones are not."""
    import pandas as pd

    _, plain = _matched(distinct.arrow(words))
    return pd.Series(plain.fill_null(False).to_numpy(), index=words.index)


def _matched(words: "pa.ChunkedArray") -> "tuple[pa.ChunkedArray, pa.ChunkedArray]":
    """The words without blanks around them, and whether each is a plain number."""
    from pyarrow import compute

    column = compute.utf8_trim_whitespace(words)
    return column, compute.match_substring_regex(column, f"^(?:{PLAIN})$")


def value_of(word: str, notation: Notation = PLAIN_NOTATION) -> float:
    """The number that one word writes; NaN if it writes none."""
    text = normal(word)
    part = _parts(text)
    if re.fullmatch(PLAIN, text) and (part is None or not notation.separates):
        return float(text)
    if part is None:
        return np.nan
    _, body, suffix = part
    factor = MULTIPLES.get(suffix, np.nan) if notation.multiples and suffix else 1.0
    known = suffix in ("", notation.suffix) or notation.multiples
    if not known or not re.fullmatch(_body(notation.decimal, notation.thousands), body):
        return np.nan
    plain = body.replace(notation.thousands, "") if notation.thousands else body
    return float(plain.replace(notation.decimal, ".")) * factor


def is_plain_number(word: str) -> bool:
    return re.fullmatch(PLAIN, word.strip()) is not None


def looks_numeric(word: str) -> bool:
    """A number with perhaps a sign, a currency or a unit around it."""
    return _parts(normal(word)) is not None


def normal(word: str) -> str:
    """ASCII digits and signs, no blanks around: a Korean keyboard writes full-width forms."""
    if not word.isascii():
        word = unicodedata.normalize("NFKC", word.translate(SPACES)).translate(SPACES)
    return word.strip()


_PARTS = re.compile(
    rf"(?P<open>\()?\s*(?P<sign>[+-])?\s*(?P<prefix>{CURRENCY})?\s*(?P<inner>[+-])?\s*"
    r"(?P<body>\d[\d.,' ]*\d|\d|[.,]\d+)\.?(?P<exponent>[eE][+-]?\d+)?\s*"
    rf"(?P<suffix>{CURRENCY}|{UNIT})?\s*(?P<close>\))?"
)


def _parts(word: str) -> tuple[str, str, str] | None:
    """Prefix, body with its sign and exponent, suffix; (12) is -12, as accountants write it."""
    found = _PARTS.fullmatch(word)
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    signs = [sign for sign in (found["sign"], found["inner"], found["open"]) if sign]
    if len(signs) > 1:
        return None
    minus = "-" if signs and signs[0] in "-(" else ""
    body = f"{minus}{found['body']}{found['exponent'] or ''}"
    return found["prefix"] or "", body, found["suffix"] or ""


def _body(decimal: str, thousands: str) -> str:
    point = re.escape(decimal)
    grouped = rf"[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+"  # 0,682 is no thousand
    whole = rf"{grouped}|\d+" if thousands else r"\d+"
    return rf"-?(?:(?:{whole})(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"


def _affixes(
    prefixes: list[str], suffixes: list[str], decimals: bool
) -> tuple[str, str, bool] | None:
    """Prefix, suffix and whether the suffixes are factors; None where they distinguish rows.

    A currency may be left out here and there; a unit stands behind every number or behind none.
    """
    before, behind = {*prefixes} - {""}, {*suffixes} - {""}
    money = {word for word in before | behind if re.fullmatch(CURRENCY, word)}
    if len(money) > 1 or len(before) > 1:
        return None
    # 1.2k, $3M, or 900 beside 3k; a letter that stands behind every whole number is a name
    if behind and behind <= {*MULTIPLES} and (decimals or money or "" in suffixes):
        return (*before, "")[0], "", True
    if len(behind) > 1:
        return None
    if behind and not behind <= money and "" in suffixes:
        return None
    return (*before, "")[0], (*behind, "")[0], False


@dataclass(frozen=True)
class NumbersInWords:
    """How a column writes numbers: the notation, the words that mean missing, and the rows of each
    word that is neither."""

    notation: Notation = PLAIN_NOTATION
    missing: tuple[str, ...] = ()
    strays: Mapping[str, int] = field(default_factory=dict)


def read_numbers(words: "pd.Series", missing: Sequence[str] | None = None) -> NumbersInWords | None:
    """How these words (n,), none missing, write numbers; None where they mostly do not.

    missing: the words that mean so; left out, those that usually do among numbers.
    """
    return counted_numbers(distinct.counts(words), missing)


def counted_numbers(
    rows: "pd.Series", missing: Sequence[str] | None = None
) -> NumbersInWords | None:
    """The same; rows (m,): how many rows have each of the different words."""
    import pandas as pd

    named = rows.index.isin(list(missing or ()))
    given, rows = rows.index[named].tolist(), rows[~named]
    plain = are_plain(pd.Series(rows.index, dtype="str")).to_numpy()
    if len(rows) and plain.all():
        return NumbersInWords(PLAIN_NOTATION, tuple(given))
    others = rows[~plain].sort_values(ascending=False, kind="stable")
    usual = [] if missing is not None else [word for word in others.index if means_missing(word)]
    ignored, rest = [*given, *usual], others.drop(usual)
    if not len(rest):
        return NumbersInWords(PLAIN_NOTATION, tuple(ignored)) if plain.any() else None
    levels = rows.index[plain].tolist()
    notation = find_notation([*levels, *rest.index])
    if notation is not None:
        return NumbersInWords(notation, tuple(ignored))
    numeric = [word for word in rest.index if looks_numeric(word)]
    notation = find_notation([*levels, *numeric]) if numeric else None
    strays = rest.drop(numeric) if notation is not None else rest
    if int(strays.sum()) > (1 - NEARLY_ALL) * int(rows.sum() - others[usual].sum()):
        return None
    counts = {str(word): int(rows) for word, rows in strays.items()}
    return NumbersInWords(notation or PLAIN_NOTATION, tuple(ignored), counts)


# -- missing ---------------------------------------------------------------------------------------


def means_missing(word: str) -> bool:
    """Whether a word among numbers means that there is none."""
    return word.strip().casefold() in MISSING_NUMBERS or not word.strip()


def words_for_missing(levels: Collection[str], has_empty: bool) -> tuple[set[str], set[str]]:
    """Of a column of words: the levels that mean missing, and those of them that may be values.

    NaN and the like were written by a program. NA and None are values where missing ones are left
    empty, or where the other levels are written in the same form: NA among DE and FR is a country,
    None among Apnea and Insomnia is a diagnosis.
    """
    written = {word for word in levels if word.strip() in NULL_WORDS or not word.strip()}
    doubtful = {word for word in levels if word.strip() in DOUBTFUL}
    others = [word for word in levels if word not in written and word not in doubtful]
    if has_empty or not others:
        return written, set()
    unlike = {
        word
        for word in doubtful
        if sum(_form(other) == _form(word) for other in others) < SAME_FORM * len(others)
    }
    return written | unlike, unlike


def _form(word: str) -> tuple[str, int]:
    """What kinds of letters it has, and for abbreviations how many: NA, DE and FR are alike."""
    kinds = re.sub(r"[a-z]+", "a", re.sub(r"[A-Z]", "A", word.strip().split(" ")[0]))
    return kinds, len(kinds) if "a" not in kinds else 0

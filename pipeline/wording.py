"""Parts of sentences: '3,000 rows', "'a', 'b' and 3 more", paths and commands as typed."""

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

COMPETITION = "airline"  # the Makefile's C
FRAMES = "frames"  # the name of a competition that is data frames


def count(value: int, noun: str = "", plural: str = "") -> str:
    """'3,000', '1 row', '3,000 rows'."""
    if not noun:
        return f"{value:,}"
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """In one unit: '0.4 seconds', '40 seconds', '12 minutes', '3 hours'."""
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= 1.95 * length or unit == "second":
            break
    value = f"{seconds / length:,.1f}" if seconds < 9.95 * length else f"{seconds / length:,.0f}"
    value = value.removesuffix(".0")
    return f"{value} {unit}{'' if value == '1' else 's'}"


def some(items: Sequence[str], most: int) -> str:
    """The first few, and how many are left: 'a, b and 3 more'."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def quoted(values: Iterable[object], most: int = 30) -> str:
    """The values in quotes, the first few and how many are left: "'a', 'b' and 3 more"."""
    return some([repr(value) for value in values], most)


def printable(text: str) -> str:
    """The text with a `?` for whatever could command a terminal or hide what stands there.

    Names of files, columns and values come from outside. Line ends and tabs stay.
    """
    return "".join(letter if _is_harmless(letter) else "?" for letter in text)


def _is_harmless(letter: str) -> bool:
    return letter.isprintable() or letter in "\n\t" or unicodedata.category(letter) == "Zs"


def folded(text: str) -> str:
    """In lower case with single blanks: equal where only case or blanks differ."""
    return " ".join(text.split()).casefold()


def spelled_alike(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Groups of texts that differ only in case or blanks."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        groups.setdefault(folded(text), []).append(text)
    return [tuple(group) for group in groups.values() if len(group) > 1]


def did_you_mean(found: str, allowed: Iterable[str], otherwise: str = "Correct the name.") -> str:
    """ "Did you mean 'folds'?", or what else to do where no name is near."""
    near = difflib.get_close_matches(found, list(allowed), n=1)
    return f"Did you mean '{near[0]}'?" if near else otherwise


def from_here(path: Path) -> Path:
    """As one would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def make_command(competition: str, goal: str, preset: str = "default") -> str:
    """As one would type it: `make C=titanic PRESET=quick all`; make's own choices are left out."""
    chosen = [
        f"{name}={value}"
        for name, value, own in (("C", competition, COMPETITION), ("PRESET", preset, "default"))
        if value != own
    ]
    return " ".join(["make", *chosen, goal])


def run_again(competition: str) -> str:
    """What to do: 'run `make C=titanic all`', or, of data frames, 'call pipeline.fit again'."""
    if competition == FRAMES:
        return "call pipeline.fit again"
    return f"run `{make_command(competition, 'all')}`"

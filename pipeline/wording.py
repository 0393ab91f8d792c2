"""What sentences are made of: '3,000 rows', "'a', 'b' and 3 more", paths and commands as typed."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

DEFAULT = "airline"  # the Makefile's C


def count(value: int, noun: str = "", plural: str = "") -> str:
    """'3,000', '1 row', '3,000 rows'."""
    if not noun:
        return f"{value:,}"
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def some(items: Sequence[str], most: int) -> str:
    """The first few, and how many are left: 'a, b and 3 more'."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def shortened(items: Sequence[str], most: int) -> str:
    """The first few, and how many there are: 'a, b, ... (5 in all)'."""
    more = f", ... ({len(items):,} in all)" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def printable(text: str) -> str:
    """The text with a `?` for whatever could command a terminal or hide what stands there.

    Names of files, columns and values come from outside. Line ends and tabs stay.
    """
    return "".join(letter if _is_harmless(letter) else "?" for letter in text)


def _is_harmless(letter: str) -> bool:
    return letter.isprintable() or letter in "\n\t" or unicodedata.category(letter) == "Zs"


def from_here(path: Path) -> Path:
    """As one would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def make_command(competition: str | None) -> str:
    """As one would type it: make's own competition needs no C=."""
    return "make" if competition in (None, DEFAULT) else f"make C={competition}"

"""How the organiser split test from train, where a column shows it, and folds that mirror it."""

from typing import TYPE_CHECKING

from markupsafe import Markup

from pipeline.exploration.part import Part
from pipeline.splitting.mirroring import Mirror

if TYPE_CHECKING:
    from pipeline.exploration.findings import Exploration

SILENT = (
    "No column shows that test was split from train other than at random: neither does it lie "
    "after train in time, nor has it groups of rows or days of the month of its own. Folds that "
    "are drawn at random mirror that."
)
ADVICE = "Scores on train hold for test where the folds differ in the same way. These do:"


def conclusion(found: Mirror) -> str:
    return f"{found.description}: random folds would promise too much."


def part(exploration: "Exploration") -> Part | None:
    """None where there is no test."""
    found, title = exploration.findings.mirror, "How test was split from train"
    if not exploration.findings.rows.test:
        return None
    if found is None:
        return Part("organiser-split", title, [SILENT])
    text = Markup("{}. {} <code>[split] {}</code>").format(found.description, ADVICE, found.toml)
    return Part("organiser-split", title, [text], conclusion=conclusion(found))

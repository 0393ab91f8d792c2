"""What it takes to get the same run again: the files, and the versions of what computed it."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from markupsafe import Markup

from pipeline import figures, page
from pipeline.ledger import LIBRARIES
from pipeline.report.evidence import Evidence
from pipeline.wording import FRAMES, make_command

TITLE = "Reproducing this run"


@dataclass(frozen=True)
class Provenance:
    """Versions by library."""

    versions: Mapping[str, str]


def compute(evidence: Evidence) -> Provenance:
    versions = {"Python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}
    return Provenance(versions)


def render(
    provenance: Provenance, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    load = evidence.load
    source = "simulated" if load.simulated else "real: they were read from the files below"
    text = Markup(
        "The data are {}. The same files, code, versions and settings give the same predictions to "
        "the byte on processors with the same BLAS kernels, which the ledger of submissions names."
    )
    files = [[role, each.name, each.rows, each.sha256] for role, each in sorted(load.files.items())]
    return [
        text.format(source),
        _settings(evidence.settings.name),
        page.SortableTable(
            "The files that were read.", ("Table", "File", "Rows", "SHA-256"), files
        ),
        page.Details("Notes on reading the files", [page.Bullets(load.notes)]),
        page.Details("Notes on encoding the columns", [page.Bullets(evidence.encode.notes)]),
        page.SortableTable("Versions.", ("Library", "Version"), list(provenance.versions.items())),
    ]


def _settings(competition: str) -> str:
    """Where the settings of a run are shown."""
    if competition == FRAMES:
        return "The run's .experiment.settings holds all settings."
    text = Markup("<code>{}</code> writes a page that shows the settings of every run.")
    return text.format(make_command(competition, "experiments"))

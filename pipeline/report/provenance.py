"""What it takes to get the same run again: the files, and the versions of what computed it."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from markupsafe import Markup

from pipeline import code, figures, page
from pipeline.processor import blas_kernels
from pipeline.report.evidence import Evidence
from pipeline.wording import FRAMES, make_command

TITLE = "To repeat this run"
PACKAGES = ("lightgbm", "matplotlib", "numpy", "optuna", "pandas", "scikit-learn")


@dataclass(frozen=True)
class Provenance:
    """Versions by library, and the key of the code that the report runs."""

    versions: Mapping[str, str]
    code: str


def compute(evidence: Evidence) -> Provenance:
    versions = {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    return Provenance(versions, code.key("pipeline.stages.evaluate"))


def render(
    provenance: Provenance, evidence: Evidence, plots: Mapping[str, figures.Plot]
) -> list[page.Block]:
    load = evidence.load
    source = "simulated" if load.simulated else "real: they were read from the files below"
    return [
        f"The data are {source}. The same files, code, versions and settings give the same "
        "predictions to the byte on processors with the same BLAS kernels.",
        _settings(evidence.settings.name),
        files_table(evidence),
        page.Details("What was found in the files", [page.Bullets(load.notes)]),
        versions_table(provenance),
    ]


def _settings(competition: str) -> str:
    """Where the settings of a run are shown."""
    if competition == FRAMES:
        return "The run's .experiment.settings holds all settings."
    text = Markup("<code>{}</code> writes a page that shows the settings of every run.")
    return text.format(make_command(competition, "experiments"))


def files_table(evidence: Evidence) -> page.SortableTable:
    rows = [
        [role, file.name, file.rows, page.Cell(file.sha256, file.sha256)]
        for role, file in sorted(evidence.load.files.items())
    ]
    heads = ("Table", "File", "Rows", "SHA-256")
    return page.SortableTable("The files that were read.", heads, rows)


def versions_table(provenance: Provenance) -> page.SortableTable:
    rows = [
        *provenance.versions.items(),
        ("BLAS kernels of this processor", blas_kernels()),
        ("key of the code", provenance.code),
    ]
    return page.SortableTable("Versions.", ("Library", "Version"), rows)

"""Run a notebook from top to bottom, with the Python that runs this, in a project without data.

`python -m tests.notebooks [NAME ...]` runs the notebooks and stores their outputs. A Korean one is
never run: it gets the code and the outputs of the English one.
"""

import base64
import io
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

from pipeline.parallel import ONE_THREAD

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
KOREAN = FOLDER / "ko"
SECONDS = 300  # for one cell, on a busy machine
COLOURS = 256  # enough for a drawing, for a quarter of the bytes


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def execute(path: Path) -> NotebookNode:
    """The notebook with fresh outputs; nothing is kept. Errors: CellExecutionError.

    It runs in the folder notebooks/ of a project that has the package and no data, so that what it
    computes neither depends on the files and runs of this project nor changes them.
    """
    notebook = read(path)
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "pipeline").symlink_to(ROOT / "pipeline")
        (project / "notebooks").mkdir()
        manager = AsyncKernelManager(
            # with no folders to search, the one kernel to be found is this Python's own
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            transport="ipc",
            connection_file=f"{folder}/kernel.json",
        )
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=SECONDS,
            record_timing=False,
            coalesce_streams=True,
            resources={"metadata": {"path": project / "notebooks"}},
        )
        client.execute(cleanup_kc=True, env={**os.environ, **ONE_THREAD})
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def shrink(notebook: NotebookNode) -> NotebookNode:
    """The same with its figures in a palette of few colours, so that the repository stays small."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                figure = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
                few = figure.convert("RGB").quantize(COLOURS, Image.Quantize.FASTOCTREE)
                few.save(png := io.BytesIO(), "PNG", optimize=True)
                output.data["image/png"] = base64.b64encode(png.getvalue()).decode("ascii")
    return notebook


def with_code_of(english: NotebookNode, korean: NotebookNode) -> NotebookNode:
    """The English notebook with the Korean text, cell by cell; a text not yet translated stays."""
    words = {cell.id: cell for cell in korean.cells if cell.cell_type == "markdown"}
    merged = english.copy()
    merged.cells = [words.get(cell.id, cell) for cell in english.cells]
    return merged


def main(names: list[str]) -> None:
    for path in sorted(FOLDER.glob("*.ipynb")):
        if not names or path.stem in names:
            nbformat.write(notebook := shrink(execute(path)), path)
            if (translated := KOREAN / path.name).exists():
                nbformat.write(with_code_of(notebook, read(translated)), translated)


if __name__ == "__main__":
    main(sys.argv[1:])

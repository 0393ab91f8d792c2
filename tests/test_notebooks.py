"""Notebooks: they run, they define nothing, and what is stored is small, clean and simulated."""

import ast
import base64
import io
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

from pipeline import exercises
from pipeline.parallel import cores
from tests.notebooks import FOLDER, KOREAN, execute, read, shrink, with_code_of

LEARNERS = {
    "from_perceptron_to_network",
    "regression_and_gradient_descent",
    "training_a_network",
    "recurrent_networks",
    "boosting_and_kernels",
}
AIRLINE = {"explore_airline", "first_submission"}
PATHS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 300_000  # bytes
each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
learners = pytest.mark.parametrize("name", sorted(LEARNERS))


@pytest.fixture(scope="module")
def fresh() -> Iterator[dict[Path, "Future[NotebookNode]"]]:
    """Every notebook being executed, one a core."""
    with ThreadPoolExecutor(cores()) as pool:
        yield {path: pool.submit(execute, path) for path in PATHS}


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell: NotebookNode) -> list[object]:
    """The kind of each output, without its content: times differ from run to run."""
    return [output.get("name") or sorted(output.get("data", ())) for output in cell.outputs]


def texts(notebook: NotebookNode) -> str:
    """All text in the outputs."""
    found = []
    for output in (output for cell in code(notebook) for output in cell.outputs):
        found.append(output.get("text", ""))
        found += [text for kind, text in output.get("data", {}).items() if kind != "image/png"]
    return "\n".join(found)


def definitions(source: str) -> list[str]:
    """What a cell defines; a lambda that is an argument of a call is no definition."""
    tree = ast.parse(source)
    arguments = {
        id(argument)
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
    }
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        or (isinstance(node, ast.Lambda) and id(node) not in arguments)
    ]


def test_these_are_the_notebooks():
    assert {path.stem for path in PATHS} == LEARNERS | AIRLINE
    assert {path.stem for path in KOREAN.glob("*.ipynb")} == LEARNERS


@each
def test_it_runs_from_top_to_bottom_and_shows_what_is_stored(path, fresh):
    shown = [kinds(cell) for cell in code(fresh[path].result())]

    assert shown == [kinds(cell) for cell in code(read(path))]


@each
def test_it_imports_and_plots_and_defines_nothing(path):
    assert [found for cell in code(read(path)) for found in definitions(cell.source)] == []


@pytest.mark.parametrize(
    ("source", "defined"),
    [
        ("def f():\n    pass", 1),
        ("class A:\n    pass", 1),
        ("f = lambda x: x", 1),
        ("fs = {'a': lambda x: x}", 1),
        ("minimise(lambda x: x, start=0)", 0),
        ("minimise(f=lambda x: x)", 0),
    ],
)
def test_what_counts_as_a_definition(source, defined):
    assert len(definitions(source)) == defined


@each
def test_what_is_stored_ran_in_order(path):
    counts = [cell.execution_count for cell in code(read(path))]

    assert counts == list(range(1, len(counts) + 1))


@each
def test_what_is_stored_is_small(path):
    assert path.stat().st_size < LARGEST


@each
def test_what_is_stored_has_no_warnings_and_no_absolute_paths(path):
    notebook = read(path)

    assert not {"error", "stderr"} & {
        output.get("name", output.output_type) for cell in code(notebook) for output in cell.outputs
    }
    assert re.findall(r"Warning|Traceback|(?<![\w.])/\w+/\w[^\s<]*|[A-Z]:\\", texts(notebook)) == []


@learners
def test_a_notebook_for_learners_ends_with_the_airline_survey_and_exercises(name):
    notebook = read(FOLDER / f"{name}.ipynb")
    last = code(notebook)[-6:]

    assert 'matrices("airline", ' in "".join(cell.source for cell in last)
    assert "exercises.check(" in last[-1].source
    set_tasks = re.findall(r"^\*\*(\w+)\.\*\*", notebook.cells[-1].source, re.MULTILINE)
    assert set_tasks == [each.name for each in exercises.of_notebook(name)]


@pytest.mark.parametrize("name", sorted(AIRLINE))
def test_a_notebook_for_entrants_needs_only_the_library(name):
    source = "\n".join(cell.source for cell in code(read(FOLDER / f"{name}.ipynb")))

    assert re.search(r"pipeline\.(run|compute)\(", source)
    assert "pipeline.stages" not in source and "Workspace" not in source


@each
def test_what_is_stored_is_simulated(path):
    assert "SIMULATED" in texts(read(path))


@each
def test_its_links_lead_to_files(path):
    words = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#:]+)\)", words)

    assert links
    assert [link for link in links if not (path.parent / link).exists()] == []


@learners
def test_the_korean_notebook_has_the_code_and_the_outputs_of_the_english_one(name):
    english, korean = read(FOLDER / f"{name}.ipynb"), read(KOREAN / f"{name}.ipynb")

    assert code(korean) == code(english)
    assert [(cell.id, cell.cell_type) for cell in korean.cells] == [
        (cell.id, cell.cell_type) for cell in english.cells
    ]


@learners
def test_the_korean_text_is_korean_and_has_the_same_parts(name):
    """The same headings by number, blocks of code, tables and links; and Hangul in every text."""
    english, korean = read(FOLDER / f"{name}.ipynb"), read(KOREAN / f"{name}.ipynb")
    for one, other in zip(english.cells, korean.cells, strict=True):
        if one.cell_type == "markdown":
            assert re.search("[가-힣]{2}", other.source), one.source
            assert parts(other.source) == parts(one.source)


def parts(text: str) -> list[list[str]]:
    """What a translation keeps."""
    numbers = re.findall(r"^(#+ (?:\d+\.)?)", text, re.MULTILINE)
    blocks = re.findall(r"```python\n.*?```", text, re.DOTALL)
    tables = re.findall(r"^\|[-|]+\|$", text, re.MULTILINE)
    links = re.findall(r"\]\((?:\.\./)*([^)]+)\)", text)
    return [numbers, blocks, tables, sorted(links), ["$$"] * text.count("$$")]


def test_the_links_of_the_korean_notebooks_lead_to_files():
    for path in KOREAN.glob("*.ipynb"):
        words = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        links = re.findall(r"\]\(([^)#:]+)\)", words)
        assert links and [link for link in links if not (path.parent / link).exists()] == []


def test_a_korean_notebook_keeps_its_text_when_the_english_one_is_run_again():
    cells = nbformat.v4.new_markdown_cell("text", id="a"), nbformat.v4.new_code_cell("1", id="b")
    english = nbformat.v4.new_notebook(cells=list(cells))
    korean = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("본문", id="a")])

    assert [cell.source for cell in with_code_of(english, korean).cells] == ["본문", "1"]


def written(tmp_path: Path, *sources: str) -> Path:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "new.ipynb")
    return tmp_path / "new.ipynb"


def test_it_runs_with_this_python_in_a_project_of_its_own(tmp_path):
    path = written(
        tmp_path,
        "import os, sys",
        "print(sys.executable, os.getcwd(), sorted(os.listdir('..')), sep='|')",
    )

    python, folder, beside = code(execute(path))[1].outputs[0].text.strip().split("|")

    assert python == sys.executable
    assert Path(folder).name == "notebooks" and not Path(folder).exists()  # it has gone since
    assert "pipeline" in beside and "data" not in beside


def test_an_error_in_a_cell_is_raised(tmp_path):
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute(written(tmp_path, "1 / 0"))


def test_shrinking_leaves_every_pixel_nearly_as_it_was(tmp_path):
    ramp = np.tile(np.arange(256, dtype=np.uint8)[:, None, None], (1, 200, 3))
    Image.fromarray(ramp).save(png := io.BytesIO(), "PNG")
    text = base64.b64encode(png.getvalue()).decode("ascii")
    output = nbformat.v4.new_output("display_data", {"image/png": text})
    cell = nbformat.v4.new_code_cell("", outputs=[output])

    shrink(nbformat.v4.new_notebook(cells=[cell]))

    small = Image.open(io.BytesIO(base64.b64decode(cell.outputs[0].data["image/png"])))
    assert np.abs(np.asarray(small.convert("RGB")).astype(int) - ramp).max() < 16

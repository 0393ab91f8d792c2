"""What the documents claim of the project is so: links, paths, commands, the graph, the recipes."""

import re
import sys
import textwrap
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest

from pipeline import flow
from pipeline.__main__ import app
from pipeline.metrics import Metric, get_metric, listing
from pipeline.models import Loss, ModelProblem
from tests.project import FEW_FIGURES, ROOT, copy_project
from tests.small_loaded import loaded

ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCUMENTS = sorted(
    path
    for place in (
        ".",
        "docs",
        "data",
        "submissions",
        "benchmarks",
        "pipeline/from_scratch",
        "pipeline/engines",
    )
    for path in (ROOT / place).glob("*.md")
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
RECIPES = {"nearest.py": "models", "confident_mistakes.py": "report", "agree.py": "stages"}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_files_and_headings(name):
    text = (ROOT / name).read_text()
    for target in re.findall(r"\]\(([^)#\s]*#?[^)\s]*)\)", text):
        if target.startswith(("http:", "https:")):
            continue
        path, _, heading = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        assert file.exists(), target
        assert not heading or heading in headings(file.read_text()), target


def headings(text: str) -> set[str]:
    """As GitHub names them."""
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("name", NAMES)
def test_paths_are_there(name):
    text = (ROOT / name).read_text()
    for path in re.findall(r"`((?:pipeline|tests|benchmarks|notebooks|docs)/[\w/.]*)`", text):
        new = path.rpartition("/")[2] in RECIPES or "NAME" in path or "MODULE" in path
        assert new or (ROOT / path).exists(), path


@pytest.mark.parametrize("name", NAMES)
def test_commands_are_there(name):
    text = (ROOT / name).read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets |= {"agree", *flow.stages()}  # agree: a recipe
    choices = r"(?:\w+=(?:\"[^\"]*\"|\S+) )*"
    for target in re.findall(rf"(?:^    |`)make {choices}([a-z]+)\b", text, re.MULTILINE):
        assert target in targets, target
    commands = {each.name or each.callback.__name__ for each in app.registered_commands}
    for command in re.findall(r"python -m pipeline ([a-z_]+)", text):
        assert command in commands, command


def test_the_graph_is_drawn_as_flow_reads_it():
    (drawing,) = re.findall(r"```mermaid\n(.*?)```", ARCHITECTURE.read_text(), re.DOTALL)
    drawn = set(re.findall(r"^ *(\w+) --> (\w+)$", drawing, re.MULTILINE))
    edges = {(name, stage.name) for stage in flow.stages().values() for name in stage.inputs}
    assert drawn == edges


def test_the_recipes_work(tmp_path):
    """A metric, a section of the report, a second LightGBM and a stage, as they stand there."""
    project = copy_project(tmp_path, FEW_FIGURES.replace('"accuracy"', '"youden"') + table())
    package = tmp_path / "pipeline"
    for name in ("confident_mistakes.py", "agree.py"):
        (package / RECIPES[name] / name).write_text(recipe(name))
    formula, entry = metric()
    classes = package / "metrics" / "classes.py"
    insert(classes, "def roc_auc(", formula)
    insert(classes, '    Metric(\n        "roc_auc"', entry)
    insert(package / "report" / "__init__.py", '    "value_errors",', '    "confident_mistakes",\n')
    agree = 'class Agree(Settings):\n    method: Literal["spearman", "kendall"] = "spearman"\n\n\n'
    insert(package / "config.py", "class Evaluate(", agree)
    insert(package / "config.py", "    blend: Blend = Blend()", "    agree: Agree = Agree()\n")
    insert(tmp_path / "Makefile", "blend evaluate submit", "agree ")

    for goal in ("agree", "all"):
        done = project.make("PRESET=quick", goal)
        assert done.returncode == 0, done.stdout + done.stderr
        assert goal == "all" or "the least alike agree by" in done.stdout

    report = (project.build / "report.html").read_text()
    assert "Confident mistakes" in report and "Youden&#39;s J" in report
    assert "lightgbm_ratings (lightgbm)" in report


def test_the_recipe_of_a_model_predicts_the_mean_of_the_nearest_rows():
    module = ModuleType("nearest")
    sys.modules["nearest"] = module  # where pydantic looks up annotations
    exec(compile(recipe("nearest.py"), "nearest.py", "exec"), vars(module))  # noqa: S102
    settings = module.Settings(neighbours=2)
    model = module.build(settings, ModelProblem("regression", 1, "squared_error", ("a",)))
    fitted = model.fit(np.array([[0.0], [1.0], [5.0], [7.0]]), np.array([1.0, 2.0, 30.0, 50.0]))
    again = module.build(settings, fitted.problem).set_state(fitted.state())
    for each in (fitted, again):
        np.testing.assert_array_equal(each.predict(np.array([[0.4], [6.5]])), [[1.5], [40.0]])


def test_every_field_of_a_metric_is_described():
    (table,) = re.findall(r"\| field of `Metric` .*?\n\n", ARCHITECTURE.read_text(), re.DOTALL)
    first = " ".join(row.split("|")[1] for row in table.splitlines()[2:] if row)
    assert set(re.findall(r"`(\w+)`", first)) == {field.name for field in fields(Metric)}
    assert all(f'"{loss}"' in table for loss in get_args(Loss))


def test_every_metric_is_listed():
    text = (ROOT / "docs" / "metrics.md").read_text()
    assert listing.markdown() in text


def test_the_own_metric_that_is_shown_is_one(monkeypatch):
    text = (ROOT / "docs" / "metrics.md").read_text()
    shown = re.findall(r"```python\n(import numpy.*?)```", text, re.DOTALL)
    (code,) = (each for each in shown if "greater_is_better" in each)
    module = ModuleType("pipeline.competitions.shown")
    exec(code, vars(module))  # noqa: S102
    monkeypatch.setitem(sys.modules, module.__name__, module)
    metric = get_metric("own:shown", "regression")
    y = metric.target(loaded([2.0, 4.0], "regression"))
    assert metric.score(y, np.array([[1.0], [5.0]])) == (1 / 2 + 1 / 4) / 2


def test_every_module_is_described():
    text = ARCHITECTURE.read_text()
    (row,) = re.findall(r"^\| `pipeline/reading/` .*$", text, re.MULTILINE)
    (listed,) = re.findall(r"The modules beside them.*?(?=\n## )", text, re.DOTALL)
    for place, described in ((ROOT / "pipeline" / "reading", row), (ROOT / "pipeline", listed)):
        modules = {path.stem for path in place.glob("*.py")} - {"__init__"}
        named = set(re.findall(r"`(\w+)`", described))
        assert modules <= named, modules - named
        assert named <= modules, named - modules


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", ARCHITECTURE.read_text(), re.DOTALL)


def recipe(name: str) -> str:
    """The block of Python that the document calls by this name."""
    after = ARCHITECTURE.read_text().partition(f"{name}`:\n")[2]
    found: str = re.findall(r"```python\n(.*?)```", after, re.DOTALL)[0]
    return found


def metric() -> tuple[str, str]:
    """The formula, and the entry."""
    formula, entry = (each for each in blocks("python") if "youden" in each)
    return formula + "\n\n", textwrap.indent(entry.rstrip() + ",\n", " " * 4)


def table() -> str:
    (found,) = (each for each in blocks("toml") if "lightgbm_ratings" in each)
    return found


def insert(path: Path, before: str, text: str) -> None:
    content = path.read_text()
    assert content.count(before) == 1, before
    path.write_text(content.replace(before, text + before))


def test_the_glossarys_notebooks_have_its_words() -> None:
    """Of a row `| bias and variance | ... | notebook |` the first word of each term."""
    rows = re.findall(
        r"^\| ([^|]+) \|.*\.\./(notebooks/\w+\.ipynb)\) \|$",
        (ROOT / "docs/glossary.md").read_text(),
        re.M,
    )
    assert len(rows) > 5
    for terms, notebook in rows:
        text = (ROOT / notebook).read_text().lower()
        for term in terms.split(", "):
            assert term.split()[0][:6].lower() in text, f"{notebook} has no {term}"

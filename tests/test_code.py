"""The key of code changes with what a module does, and with nothing else."""

import importlib.metadata
import sys
import types

import pytest

from pipeline import code
from pipeline.errors import UserError


@pytest.fixture
def package(tmp_path, monkeypatch):
    """write(name, source) into a package of three modules: stages.s imports a, a imports b."""
    sources = {
        "stages/s.py": "from pipeline import a\n\ndef s():\n    return a.f()\n",
        "a.py": "from pipeline.b import g\n\ndef f():\n    return g() + 1\n",
        "b.py": "import numpy as np\n\ndef g():\n    return np.ones(1)\n",
        "other.py": "x = 1\n",
        "models/m.py": "import importlib\n\nL = importlib.import_module('lightgbm')\n",
        "models/__init__.py": "",
        "report/__init__.py": "",
        "stages/__init__.py": "",
        "report/one.py": "",
        "report/two.py": "",
    }
    monkeypatch.setattr(code, "PACKAGE", tmp_path)

    def write(name: str, source: str) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
        code._CONTENTS.pop(tmp_path / name, None)
        clear()

    for name, source in sources.items():
        write(name, source)
    yield lambda name, source=None: write(name, sources[name] if source is None else source)
    clear()


def clear() -> None:
    for cached in (code._path, code._own_folder):
        cached.cache_clear()
    code.refresh()


def test_a_file_that_was_edited_since_the_process_began_is_no_known_code(package, tmp_path):
    code.parts("pipeline.stages.s")
    (tmp_path / "b.py").write_text("def g():\n    return 2\n")
    clear()
    with pytest.raises(UserError, match=r"b\.py: this was edited"):
        code.parts("pipeline.stages.s")


def test_an_edit_before_the_code_ran_is_found_when_its_value_is_to_be_kept(package, tmp_path):
    code.parts("pipeline.stages.s")
    code.confirm("pipeline.stages.s")
    (tmp_path / "b.py").write_text("def g():\n    return 2\n")
    with pytest.raises(UserError, match=r"b\.py: this was edited"):
        code.confirm("pipeline.stages.s")


def test_an_edit_after_the_code_was_imported_does_no_harm(package, tmp_path, monkeypatch):
    for name in ("pipeline.stages", "pipeline.stages.s", "pipeline.a", "pipeline.b"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    code.parts("pipeline.stages.s")
    (tmp_path / "b.py").write_text("def g():\n    return 2\n")
    code.confirm("pipeline.stages.s")


def test_parts_are_the_modules_and_packages_that_are_run(package):
    assert list(code.parts("pipeline.stages.s")) == [
        "a.py",
        "b.py",
        "stages/__init__.py",
        "stages/s.py",
        "numpy",
        "python",
    ]
    assert code.parts("pipeline.b")["numpy"] == code.now("numpy")
    assert code.parts("pipeline.b")["b.py"] == code.now("b.py")


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\n\n\n# a comment\ndef g():\n    return np.ones(1)  # more\n",
        '"""Words."""\nimport numpy as np\n\ndef g():\n    return (\n        np.ones(1)\n    )\n',
        "import numpy as np\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"
        "    from pipeline import other\n\ndef g():\n    return np.ones(1)\n",
    ],
    ids=["comments", "layout", "an import for type checkers"],
)
def test_words_and_layout_change_nothing(package, source):
    before = code.parts("pipeline.stages.s")
    package("b.py", source)
    if "TYPE_CHECKING" in source:  # it is code, and yet `other` is not run
        assert "other.py" not in code.parts("pipeline.stages.s")
    else:
        assert code.parts("pipeline.stages.s") == before


def test_a_docstring_changes_nothing(package):
    package("other.py", 'def f():\n    """One."""\n    return 1\n')
    before = code.key("pipeline.other")
    package("other.py", 'def f():\n    """Another."""\n    return 1\n')
    assert code.key("pipeline.other") == before


@pytest.mark.parametrize(
    ("call", "counts"),
    [
        ("Field(1, description='{}')", False),
        ("pydantic.Field(1, description='{}')", False),
        ("figures.Draft(1, description='{}')", True),
    ],
)
def test_the_description_of_a_setting_changes_nothing_but_other_words_do(package, call, counts):
    """What another function is given as `description` may be a part of its result."""
    package("other.py", f"x = {call.format('one')}\n")
    before = code.key("pipeline.other")
    package("other.py", f"x = {call.format('another')}\n")
    assert (code.key("pipeline.other") != before) == counts


def test_a_changed_number_far_below_changes_the_key_and_says_where(package):
    before = code.parts("pipeline.stages.s")
    package("b.py", "import numpy as np\n\ndef g():\n    return np.ones(2)\n")
    after = code.parts("pipeline.stages.s")
    assert {name for name in after if after[name] != before.get(name)} == {"b.py"}


def test_what_is_not_imported_counts_for_nothing(package):
    before = code.key("pipeline.stages.s")
    package("other.py", "x = 2\n")
    assert code.key("pipeline.stages.s") == before


def test_an_import_inside_a_function_counts(package):
    package("b.py", "def g():\n    from pipeline import other\n    return other.x\n")
    assert "other.py" in code.parts("pipeline.stages.s")


def test_a_library_imported_by_name_counts_and_so_does_the_package_of_a_module(package):
    assert set(code.parts("pipeline.models.m")) == {
        "models/__init__.py",
        "models/m.py",
        "lightgbm",
        "python",
    }


def test_every_module_of_a_folder_counts_where_any_may_be_imported(package):
    package(
        "a.py",
        "import importlib\n\ndef f(name):\n"
        "    return importlib.import_module(f'pipeline.report.{name}')\n",
    )
    assert {"report/one.py", "report/two.py"} <= set(code.parts("pipeline.a"))


def test_carriers_of_values_count_for_nothing(package):
    package("store.py", "x = 1\n")
    package("a.py", "from pipeline import store\n\ndef f():\n    return store.x\n")
    assert "store.py" not in code.parts("pipeline.a")


@pytest.mark.parametrize("stage", ["explore", "evaluate"])
def test_what_makes_the_json_of_a_page_counts_for_its_stage(stage):
    """It is a field of the stage's value, so an edit must not leave the old one."""
    assert "plain_json.py" in code.parts(f"pipeline.stages.{stage}")


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """write(name, source) into a folder beside the package, from which Python imports."""
    folder = tmp_path / "beside"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def write(name: str, source: str) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(source)
        code._CONTENTS.pop(folder / name, None)
        clear()

    return write


@pytest.mark.parametrize(
    ("name", "statement"),
    [
        ("my_helper.py", "import my_helper"),
        ("my_helpers/cities.py", "from my_helpers import cities"),
        ("my_helpers/cities.py", "from my_helpers.cities import where"),
    ],
)
def test_a_module_of_the_user_s_own_beside_the_package_counts(package, outside, name, statement):
    outside(name, "import numpy\n\ndef where():\n    return 1\n")
    package("competitions/mine.py", f"def features(frame):\n    {statement}\n    return frame\n")
    before = code.parts("pipeline.competitions.mine")
    assert {"competitions/mine.py", f"../{name}", "numpy"} <= before.keys()
    assert before[f"../{name}"] == code.now(f"../{name}")
    outside(name, "def where():\n    return 2\n")
    after = code.parts("pipeline.competitions.mine")
    assert after[f"../{name}"] == code.now(f"../{name}") != before[f"../{name}"]
    assert code.file_of(f"../{name}").read_text().endswith("2\n")


def test_a_file_beside_the_features_counts_for_them_alone(package, tmp_path):
    package("competitions/mine.py", "def features(frame):\n    return frame\n")
    before, others = code.key("pipeline.competitions.mine"), code.key("pipeline.stages.s")
    (tmp_path / "competitions" / "cities.csv").write_text("Ulm\n")
    clear()
    assert "competitions/cities.csv" in code.parts("pipeline.competitions.mine")
    assert code.key("pipeline.competitions.mine") != before
    assert code.key("pipeline.stages.s") == others


def test_python_s_version_counts(package, monkeypatch):
    before = code.parts("pipeline.b")
    monkeypatch.setattr(sys, "version_info", (3, 99, 1))
    clear()
    after = code.parts("pipeline.b")
    assert {name for name in after if after[name] != before[name]} == {"python"}
    assert (after["python"], code.now("python")) == ("3.99", "3.99")


def test_a_library_s_version_counts(package, monkeypatch):
    before = code.key("pipeline.b")
    monkeypatch.setattr(code, "_version", lambda name: "0.0.1")
    code.parts.cache_clear()
    assert code.key("pipeline.b") != before


def test_a_library_that_is_distributed_under_another_name_counts(package):
    package("b.py", "import PIL\n\ndef g():\n    return PIL\n")
    assert code.parts("pipeline.b")["PIL"] == importlib.metadata.version("pillow")


def test_a_library_that_is_not_installed_is_left_out(package):
    package("b.py", "import not_there\n\ndef g():\n    return not_there\n")
    assert code.parts("pipeline.b").keys() == {"b.py", "python"}


def test_a_file_that_is_missing_or_no_python_is_named(package):
    with pytest.raises(UserError, match=r"there is no .*mine\.py, which the competition's TOML"):
        code.parts("pipeline.competitions.mine")
    package("a.py", "def f()\n")
    with pytest.raises(UserError, match=r"a\.py, line 1: this is no Python"):
        code.parts("pipeline.stages.s")

"""The exploration on small competitions of every kind."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.artifacts import Folder
from pipeline.config import Explore
from pipeline.progress import Progress
from pipeline.stages import explore

HOSTILE = "<script>alert(1)</script>"
QUICK = Explore(permutations=9)
KINDS = {
    HOSTILE: "number",
    "price in $ and $": "number",
    "rating": "number",
    "word": "category",
    "name": "category",
    "prose": "text",
    "day": "date",
    "empty": "number",
    "one": "number",
}


def features(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    words = rng.choice(["red", "green", "<b>blue</b>"], rows)
    days = np.datetime64("2020-01-01") + rng.integers(0, 700, rows)
    return pd.DataFrame(
        {
            HOSTILE: rng.normal(size=rows),
            "price in $ and $": np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(size=rows)),
            "rating": rng.integers(0, 6, rows),
            "word": pd.Series(words, dtype="str").mask(rng.random(rows) < 0.1),
            "name": pd.Series([f"name {n}" for n in rng.integers(0, 10**9, rows)], dtype="str"),
            "prose": pd.Series(["ab " * n for n in rng.integers(1, 30, rows)], dtype="str"),
            "day": pd.Series(days.astype("datetime64[us]")),
            "empty": np.full(rows, np.nan),
            "one": np.ones(rows, dtype="int64"),
        }
    )


def write_load(
    folder: Path, train: pd.DataFrame, test: pd.DataFrame, y: np.ndarray, **schema: object
) -> Folder:
    load = Folder(folder)
    load.write_table("train", train)
    load.write_table("test", test)
    load.write_array("y", y)
    file = {"name": f"{HOSTILE}.csv", "sha256": "0" * 64, "rows": len(train)}
    about = {
        "task": "binary",
        "target": "answer",
        "id": None,
        "classes": ["no", "yes"],
        "columns": [{"name": name, "kind": KINDS.get(name, "number")} for name in train],
        "simulated": False,
        "files": {"test": file, "train": file},
        "found": [f"target {HOSTILE!r}: named in the TOML"],
    }
    load.write_json("schema", {**about, **schema})
    return load


def competition(folder: Path, task: str = "binary", **schema: object) -> Folder:
    rng = np.random.default_rng(0)
    train, test = features(rng, 240), features(rng, 120)
    values = train["rating"].to_numpy() + rng.normal(size=240)
    classes: list[str] | None = ["no", "yes"]
    y = (values > 2.5).astype("int64")
    if task == "multiclass":
        y, classes = np.digitize(values, [1.0, 2.5, 4.0]).astype("int64"), ["d", "c", "b", "a"]
    if task == "regression":
        y, classes = np.exp(values), None
    return write_load(folder, train, test, y, task=task, classes=classes, **schema)


def run(load: Folder, out: Path, settings: Explore = QUICK) -> Folder:
    explore.run(settings, load=load, out=Folder(out), progress=Progress())
    return Folder(out)


def contents(folder: Folder) -> dict[str, bytes]:
    files = sorted(path for path in folder.path.rglob("*") if path.is_file())
    return {str(path.relative_to(folder.path)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> Folder:
    folder = tmp_path_factory.mktemp("binary")
    return run(competition(folder / "load"), folder / "explore")


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_every_task_is_explored(tmp_path, task, capsys):
    out = run(competition(tmp_path / "load", task), tmp_path / "explore")

    summary = out.read_json("summary")
    assert summary["relations"][0]["column"] == "rating"
    assert {"target.png", "missing.png", "ratings.png", "drift.png"} <= {
        file.name for file in (out.path / "figures").iterdir()
    }
    assert capsys.readouterr().out.startswith("360 rows, ")


def test_the_same_files_give_the_same_bytes(tmp_path, binary):
    again = run(competition(tmp_path / "load"), tmp_path / "explore")

    assert contents(again) == contents(binary)


def test_the_page_names_the_competition(tmp_path):
    load = competition(tmp_path / "load", competition="tiny")

    html = run(load, tmp_path / "explore").read_text("explore.html")

    assert "<h1>tiny: exploration</h1>" in html


def test_a_hostile_name_is_text_everywhere(binary):
    html = binary.read_text("explore.html")

    assert len(re.findall(r"<script", html)) == 1  # the page's own
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>blue" not in html


def test_the_page_is_whole_and_small(binary):
    html = binary.read_text("explore.html")

    assert not re.search(r"(?:src|href)=\"(?!data:|#)", html)
    assert len(html) < 5e6
    ids = set(re.findall(r'id="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= ids
    images = re.findall(r"<img [^>]*>", html)
    assert len(images) >= 10
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in images)


def test_the_numbers_are_those_of_the_tables(tmp_path, binary):
    summary = binary.read_json("summary")
    train = competition(tmp_path / "load").read_table("train")

    assert summary["rows"] == {"train": 240, "test": 120}
    by_name = {column["column"]: column for column in summary["columns"]}
    assert by_name["word"]["missing_train"] == int(train["word"].isna().sum())
    assert by_name["rating"]["zeros_train"] == int((train["rating"] == 0).sum())
    assert by_name["empty"]["missing_train"] == 240
    rated = summary["ratings"]
    y = competition(tmp_path / "load").read_array("y")
    expected = [float(y[train["rating"] == value].mean()) for value in range(6)]
    assert rated["means"][rated["columns"].index("rating")] == pytest.approx(expected)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_pairs_and_journey_of_hostile_columns_are_drawn(tmp_path, task):
    rng = np.random.default_rng(0)
    train, test = features(rng, 1500), features(rng, 300)
    train = train.rename(columns={"rating": "$x^{$ & <i>"})
    test = test.rename(columns={"rating": "$x^{$ & <i>"})
    unlike = (train["$x^{$ & <i>"] > 2) ^ (train["word"] == "red").to_numpy(bool, na_value=False)
    y = 4.0 * unlike + rng.normal(size=1500)
    classes: list[str] | None = None
    if task != "regression":
        y = np.digitize(y, [2.0] if task == "binary" else [1.0, 3.0]).astype("int64")
        classes = ["no", "<b>may</b>", "yes"] if task == "multiclass" else ["no", "$es"]
    load = write_load(
        tmp_path / "load",
        train,
        test,
        y,
        task=task,
        classes=classes,
    )
    settings = Explore(permutations=9, journey=("$x^{$ & <i>",))

    out = run(load, tmp_path / "explore", settings)

    html, summary = out.read_text("explore.html"), out.read_json("summary")
    assert summary["pairs"][0]["columns"] == ["$x^{$ & <i>", "word"]
    assert summary["pairs"][0]["matters"] is True
    assert summary["ratings"]["columns"] == ["$x^{$ & <i>"]
    assert (out.path / "figures" / "pair-00.png").stat().st_size > 5000
    assert ">The journey</h2>" in html
    assert "$x^{$ &amp; &lt;i&gt; with word" in html
    assert "<i>" not in html and "<b>" not in html


def test_columns_of_no_use_and_unrelated_ones_are_named(binary):
    summary = binary.read_json("summary")

    assert any("'empty', 'one'" in sentence for sentence in summary["told"])
    related = [item["column"] for item in summary["relations"] if item["p_corrected"] < 0.05]
    assert related == ["rating"]


def test_planted_drift_and_duplicates_are_found(tmp_path):
    rng = np.random.default_rng(1)
    train, test = features(rng, 240), features(rng, 120)
    test[HOSTILE] += 2.0
    train = pd.concat([train, train.head(7)], ignore_index=True)
    test = pd.concat([test, train.head(5)], ignore_index=True)
    y = np.tile([0, 1], 124)[:247]
    y[240:247] = 1 - y[:7]
    load = write_load(tmp_path / "load", train, test, y)

    summary = run(load, tmp_path / "explore").read_json("summary")

    drifted = [item["column"] for item in summary["drift"] if item["p_corrected"] < 0.05]
    assert drifted == [HOSTILE]
    assert summary["adversarial"]["auc"] > 0.8
    assert summary["adversarial"]["telling"][0][0] == HOSTILE
    assert summary["duplicates"] == {
        "train": 7,
        "test": 0,
        "shared": 5,
        "conflicting": 14,
        "ceiling": 240 / 247,
    }


def test_simulated_data_is_marked_in_page_summary_figures_and_line(tmp_path, capsys):
    load = competition(tmp_path / "load", simulated=True)
    real = run(competition(tmp_path / "real"), tmp_path / "of real")

    out = run(load, tmp_path / "explore")

    assert "SIMULATED DATA" in out.read_text("explore.html")
    assert out.read_json("summary")["simulated"] is True
    assert "SIMULATED, 360 rows" in capsys.readouterr().out
    marked, plain = contents(out), contents(real)
    figures = [name for name in plain if name.endswith(".png")]
    assert all(marked[name] != plain[name] for name in figures)


def test_no_more_rows_are_looked_at_than_allowed(tmp_path):
    settings = Explore(permutations=9, max_rows=100)
    load = competition(tmp_path / "load")

    summary = run(load, tmp_path / "explore", settings).read_json("summary")

    assert summary["drawn"] == {"train": 100, "test": 100}
    assert summary["adversarial"]["rows"] == 100
    assert summary["rows"]["train"] == 240
    holes = {column["column"]: column["missing_train"] for column in summary["columns"]}
    assert holes["word"] == int(load.read_table("train")["word"].isna().sum())


@pytest.mark.parametrize("column", ["word", "prose", "day", "rating", "empty", "one"])
def test_a_single_column_of_any_kind_and_a_tiny_test(tmp_path, column):
    rng = np.random.default_rng(0)
    train, test = features(rng, 30)[[column]], features(rng, 1)[[column]]
    load = write_load(tmp_path / "load", train, test, np.tile([0, 1], 15))

    summary = run(load, tmp_path / "explore").read_json("summary")

    assert summary["adversarial"] is None
    assert json.dumps(summary)

"""The exploration on small competitions of every kind."""

import io
import json
import re
from contextlib import redirect_stdout
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline import codec, config
from pipeline.codec import to_json
from pipeline.exploration.findings import Explored, Findings
from pipeline.problem import Feature, File, Form, Loaded, Problem
from pipeline.progress import Progress
from pipeline.stages.explore import draw_sample, explore, look
from tests import values


class Explore(config.Explore):
    """Three keys of the stage's settings that are new."""

    ratings: tuple[str, ...] = ()
    name: str = ""
    unseen: tuple[str, ...] = ()


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


def loaded(train: pd.DataFrame, test: pd.DataFrame, y: np.ndarray, classes=("no", "yes")) -> Loaded:
    file = File(f"{HOSTILE}.csv", "0" * 64, len(train))
    task = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    problem = Problem(
        target="answer",
        id=None,
        task=task,
        classes=classes,
        positive=None,
        form=Form(("answer",), "target", None, by_row=True),
        features=tuple(Feature(name, KINDS.get(name, "number")) for name in train),
    )
    files, notes = {"test": file, "train": file}, (f"target {HOSTILE!r}: named in the TOML",)
    return Loaded(train, test, test[[]], y, problem, files, False, notes)


def competition(task: str = "binary") -> Loaded:
    rng = np.random.default_rng(0)
    train, test = features(rng, 240), features(rng, 120)
    values = train["rating"].to_numpy() + rng.normal(size=240)
    if task == "regression":
        return loaded(train, test, np.exp(values), None)
    if task == "multiclass":
        y = np.digitize(values, [1.0, 2.5, 4.0]).astype("int64")
        return loaded(train, test, y, ("d", "c", "b", "a"))
    return loaded(train, test, (values > 2.5).astype("int64"))


def run(load: Loaded, settings: Explore = QUICK) -> Explored:
    return explore(settings, load, Progress())


def findings(load: Loaded, settings: Explore = QUICK) -> Findings:
    """Without a page."""
    return look(settings, load, draw_sample(settings, load), map)


@pytest.fixture(scope="module", params=["multiclass", "regression"])
def explored(request) -> tuple[Explored, str]:
    """With what is printed."""
    output = io.StringIO()
    with redirect_stdout(output):
        found = run(competition(request.param))
    return found, output.getvalue()


@pytest.fixture(scope="module")
def binary() -> Explored:
    return run(competition())


def test_every_task_is_explored(explored):
    out, printed = explored

    assert out.findings.associations[0].column == "rating"
    assert {"target", "missing", "ratings", "drift"} <= set(out.figures)
    assert printed.startswith("360 rows, ")


def test_columns_that_no_model_sees_separate_no_rows():
    """Groups that train and test do not share would separate them perfectly."""
    load = competition()
    feature = Feature("group", "number")
    apart = replace(
        load,
        train=load.train.assign(group=1),
        test=load.test.assign(group=2),
        problem=replace(load.problem, features=(*load.problem.features, feature)),
    )
    seen = findings(apart).adversarial
    hidden = findings(apart, Explore(permutations=9, unseen=("group",))).adversarial
    assert seen.auc > 0.99 and hidden == findings(load).adversarial


def test_equal_data_give_equal_bytes_but_for_the_competitions_name(binary):
    named = run(competition(), Explore(permutations=9, name="tiny"))

    assert "<h1>tiny: exploration</h1>" in named.html
    assert "<h1>answer: exploration</h1>" in binary.html
    again = replace(named, html=named.html.replace("tiny: exploration", "answer: exploration"))
    assert values.contents(again) == values.contents(binary)


def test_what_was_found_is_the_same_after_it_was_stored(tmp_path, explored, binary):
    for found in (explored[0], binary):
        files = values.contents(found)
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)

        assert values.contents(codec.decode(Explored, tmp_path)) == files


def test_a_hostile_name_is_text_everywhere(binary):
    html = binary.html

    assert len(re.findall(r"<script", html)) == 1  # the page's own
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>blue" not in html


def test_the_page_is_whole_and_small(binary):
    html = binary.html

    assert not re.search(r"(?:src|href)=\"(?!data:|#)", html)
    assert len(html) < 5e6
    assert not re.search(r"<h2[^>]*>[^<]*</h2>\s*(</section>|</main>|<section[^>]*>|<h2)", html)
    ids = set(re.findall(r'id="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= ids
    images = re.findall(r"<img [^>]*>", html)
    assert len(images) >= 10
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in images)


def test_the_numbers_are_those_of_the_tables(binary):
    summary, load = binary.summary, competition()
    train = load.train

    assert summary["rows"] == {"train": 240, "test": 120}
    by_name = {column["column"]: column for column in summary["profiles"]}
    assert by_name["word"]["missing_train"] == int(train["word"].isna().sum())
    assert by_name["rating"]["zeros_train"] == int((train["rating"] == 0).sum())
    assert by_name["empty"]["missing_train"] == 240
    rated = summary["ratings"]
    expected = [float(load.y[train["rating"] == value].mean()) for value in range(6)]
    assert rated["means"][rated["columns"].index("rating")] == pytest.approx(expected)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_pairs_and_ratings_of_hostile_columns_are_drawn(task):
    rng = np.random.default_rng(0)
    train, test = features(rng, 1500), features(rng, 300)
    train = train.rename(columns={"rating": "$x^{$ & <i>"})
    test = test.rename(columns={"rating": "$x^{$ & <i>"})
    unlike = (train["$x^{$ & <i>"] > 2) ^ (train["word"] == "red").to_numpy(bool, na_value=False)
    y = 4.0 * unlike + rng.normal(size=1500)
    classes: tuple[str, ...] | None = None
    if task != "regression":
        y = np.digitize(y, [2.0] if task == "binary" else [1.0, 3.0]).astype("int64")
        classes = ("no", "<b>may</b>", "yes") if task == "multiclass" else ("no", "$es")
    settings = Explore(permutations=9, ratings=("$x^{$ & <i>",))

    out = run(loaded(train, test, y, classes), settings)

    html, summary = out.html, out.summary
    assert summary["pairs"][0]["columns"] == ["$x^{$ & <i>", "word"]
    assert summary["pairs"][0]["cells"]["rows"]
    assert summary["ratings"]["columns"] == ["$x^{$ & <i>"]
    assert len(out.figures["pair-00"]) > 5000
    assert ">Ratings</h2>" in html and "in the order given" in html
    assert "$x^{$ &amp; &lt;i&gt; with word" in html
    assert "<i>" not in html and "<b>" not in html


def test_columns_of_no_use_and_unrelated_ones_are_named(binary):
    assert any("'empty', 'one'" in text for text in binary.summary["conclusions"])
    related = [each.column for each in binary.findings.associations if not each.is_noise]
    assert related == ["rating"]


def test_planted_drift_and_duplicates_are_found():
    rng = np.random.default_rng(1)
    train, test = features(rng, 240), features(rng, 120)
    test[HOSTILE] += 2.0
    train = pd.concat([train, train.head(7)], ignore_index=True)
    test = pd.concat([test, train.head(5)], ignore_index=True)
    y = np.tile([0, 1], 124)[:247]
    y[240:247] = 1 - y[:7]

    out = run(loaded(train, test, y))

    assert [each.column for each in out.findings.drifts if not each.is_noise] == [HOSTILE]
    assert out.findings.adversarial.auc > 0.8
    assert out.findings.adversarial.leading[0][0] == HOSTILE
    assert out.summary["duplicates"] == {
        "train": 7,
        "test": 0,
        "shared": 5,
        "conflicting": 14,
        "ceiling": 240 / 247,
    }


def test_simulated_data_is_marked_in_page_summary_figures_and_line(binary, capsys):
    out = run(replace(competition(), simulated=True))

    assert "SIMULATED DATA" in out.html and "SIMULATED DATA" not in binary.html
    assert out.summary["simulated"] is True
    assert "SIMULATED, 360 rows" in capsys.readouterr().out
    assert all(out.figures[name] != binary.figures[name] for name in binary.figures)


def test_no_more_rows_are_looked_at_than_allowed():
    load = competition()

    summary = run(load, Explore(permutations=9, max_rows=100)).summary

    assert summary["drawn"] == {"train": 100, "test": 100}
    assert summary["adversarial"]["rows"] == 100
    assert summary["rows"]["train"] == 240
    holes = {column["column"]: column["missing_train"] for column in summary["profiles"]}
    assert holes["word"] == int(load.train["word"].isna().sum())


@pytest.mark.parametrize("column", ["word", "prose", "day", "rating", "empty", "one"])
def test_a_single_column_of_any_kind_and_a_tiny_test(column):
    rng = np.random.default_rng(0)
    train, test = features(rng, 30)[[column]], features(rng, 1)[[column]]

    out = run(loaded(train, test, np.tile([0, 1], 15)))

    assert out.findings.adversarial is None
    assert json.loads(to_json(out.summary)) == out.summary


def test_of_a_wide_table_the_related_columns_are_shown():
    rng = np.random.default_rng(0)
    train = pd.DataFrame(rng.normal(size=(120, 21)), columns=[f"c{n}" for n in range(21)])
    y = (train["c20"] > 0).to_numpy().astype("int64")

    train["c0"] = rng.integers(0, 4, 120)

    asked = QUICK.model_copy(update={"max_columns": 3, "ratings": ("c0",)})
    out = run(loaded(train, train.head(40), y), asked)

    assert out.summary["features"] == 21 and len(out.findings.drifts) == 3
    assert "c0" not in {each.column for each in out.findings.drifts}
    assert out.findings.ratings.columns == ("c0",)  # named by the settings
    assert out.findings.associations[0].column == "c20"
    assert any("3 of 21 columns" in text for text in out.summary["conclusions"])

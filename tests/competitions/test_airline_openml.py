"""The open survey becomes the organiser's three files, all of them or none."""

import errno
import os
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pandas as pd
import pytest

from pipeline.competitions.airline_openml import fetch_airline
from pipeline.competitions.airline_survey import simulate
from pipeline.errors import DataError

FILES = ["sample_submission.csv", "test.csv", "train.csv"]


def open_survey(rows: int = 6000) -> pd.DataFrame:
    """As OpenML could have it: another target, more columns, gaps, sorted by the label."""
    frame = simulate(rows, np.random.default_rng(0)).sort_values("target", ignore_index=True)
    frame["satisfaction"] = frame.pop("target").map({0: "dissatisfied", 1: "satisfied"})
    frame["satisfaction"] = frame["satisfaction"].astype("category")
    frame["row"] = np.arange(rows)
    frame.loc[5:15, "Arrival Delay in Minutes"] = np.nan
    return frame.sample(frac=1, axis=1, random_state=0)


def offer(monkeypatch, frame: pd.DataFrame) -> None:
    def fetch_openml(**arguments):
        assert arguments["data_id"] == 46920
        return SimpleNamespace(frame=frame)

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_three_files_in_the_organisers_form(monkeypatch, tmp_path):
    survey = open_survey()
    offer(monkeypatch, survey)

    fetch_airline(tmp_path / "new" / "airline", seed=0)

    folder = tmp_path / "new" / "airline"
    assert names(folder) == FILES
    sample, test, train = (pd.read_csv(folder / name) for name in FILES)
    like = simulate(10, np.random.default_rng(0))
    assert train.dtypes.to_dict() == like.dtypes.to_dict()
    assert list(train.columns) == list(like.columns)
    assert list(test.columns) == list(like.columns.drop("target"))
    assert train["id"].tolist() == list(range(1, 3001))
    assert test["id"].tolist() == sample["id"].tolist() == list(range(1, 2001))
    assert (sample["target"] == 0).all()
    assert not train.isna().any().any()


def test_split_shares_no_row_keeps_labels_and_balance(monkeypatch, tmp_path):
    survey = open_survey()
    offer(monkeypatch, survey)

    fetch_airline(tmp_path, seed=0)

    train, test = (pd.read_csv(tmp_path / f"{name}.csv") for name in ("train", "test"))
    facts = list(test.columns.drop("id"))
    complete = survey.dropna()
    labels = {
        tuple(row): word
        for *row, word in complete[[*facts, "satisfaction"]].itertuples(index=False)
    }
    in_train = [tuple(row) for row in train[facts].itertuples(index=False)]
    in_test = {tuple(row) for row in test[facts].itertuples(index=False)}
    assert len(in_test) == 2000 and not in_test & set(in_train)
    words = train["target"].map({0: "dissatisfied", 1: "satisfied"})
    assert [labels[row] for row in in_train] == words.tolist()
    share = (complete["satisfaction"] == "satisfied").mean()
    assert train["target"].sum() == pytest.approx(3000 * share, abs=1)
    assert sum(labels[row] == "satisfied" for row in in_test) == pytest.approx(2000 * share, abs=1)


@pytest.mark.parametrize(
    "respell",
    [
        str.upper,
        lambda name: name.replace(" ", "_").replace("/", "_").replace("-", "_"),
        lambda name: name.replace("Checkin", "Check-in").replace(" ", "."),
        lambda name: name.replace(" ", "").replace("-", "").replace("/", ""),
    ],
    ids=["case", "underscores", "dots", "letters alone"],
)
def test_spelling_of_the_columns_does_not_matter(monkeypatch, tmp_path, respell):
    offer(monkeypatch, open_survey())
    fetch_airline(tmp_path / "plain", seed=0)
    offer(monkeypatch, open_survey().rename(columns=respell))
    fetch_airline(tmp_path / "respelt", seed=0)
    for name in FILES:
        assert (tmp_path / "plain" / name).read_bytes() == (
            tmp_path / "respelt" / name
        ).read_bytes()


def test_marks_as_categories_and_words_in_another_case(monkeypatch, tmp_path):
    offer(monkeypatch, open_survey())
    fetch_airline(tmp_path / "plain", seed=0)
    survey = open_survey()
    survey["Cleanliness"] = survey["Cleanliness"].astype("float").astype("str").astype("category")
    survey["Class"] = survey["Class"].str.lower().str.replace(" ", "_")
    offer(monkeypatch, survey)
    fetch_airline(tmp_path / "other", seed=0)
    for name in FILES:
        assert (tmp_path / "plain" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_seed_decides_the_split(monkeypatch, tmp_path):
    offer(monkeypatch, open_survey())
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        fetch_airline(tmp_path / folder, seed=seed)
    a, b, c = ((tmp_path / folder / "train.csv").read_bytes() for folder in "abc")
    assert a == b != c


def test_never_overwrites_and_refuses_before_it_downloads(monkeypatch, tmp_path):
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda **_: pytest.fail("downloaded"))
    (tmp_path / "train.csv").write_text("the organiser's")
    with pytest.raises(DataError, match=r"found train\.csv.*never overwrites"):
        fetch_airline(tmp_path, seed=0)
    assert names(tmp_path) == ["train.csv"]
    assert (tmp_path / "train.csv").read_text() == "the organiser's"


def test_a_hidden_file_is_no_obstacle(monkeypatch, tmp_path):
    offer(monkeypatch, open_survey())
    (tmp_path / ".gitkeep").touch()
    fetch_airline(tmp_path, seed=0)
    assert names(tmp_path) == [".gitkeep", *FILES]


def test_no_network_is_one_message_and_leaves_nothing(monkeypatch, tmp_path):
    """scikit-learn's own downloader runs, and reaches no server."""

    def unreachable(*_, **__):
        raise URLError("Name or service not known")

    monkeypatch.setattr("sklearn.datasets._openml.urlopen", unreachable)
    monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda _: None)

    with pytest.raises(DataError, match="could not be downloaded") as caught:
        fetch_airline(tmp_path / "airline", seed=0)

    assert "Name or service not known" in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value).count(". ") == 0
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns=["Seat comfort", "Age"]), "no column for Age, Seat comfort"),
        (lambda f: f.drop(columns="satisfaction"), "no column for target"),
        (lambda f: f.assign(satisfaction="fine"), "unknown entries in target"),
        (lambda f: f.assign(Class="First", Age="old"), "unknown entries in Age, Class"),
        (lambda f: f.iloc[:4000], "found 3989 complete rows, needed are 5000"),
        (lambda f: f.assign(satisfaction="satisfied"), "of both classes"),
    ],
)
def test_another_data_set_is_refused(monkeypatch, tmp_path, change, message):
    offer(monkeypatch, change(open_survey()))
    with pytest.raises(DataError, match=message):
        fetch_airline(tmp_path, seed=0)
    assert names(tmp_path) == []


@pytest.mark.parametrize("renames_before", [0, 1, 2])
def test_all_files_or_none(monkeypatch, tmp_path, renames_before):
    offer(monkeypatch, open_survey())
    replace, done = os.replace, []

    def full_disk(source, target):
        if len(done) == renames_before:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", full_disk)
    with pytest.raises(OSError, match="No space left"):
        fetch_airline(tmp_path, seed=0)
    assert names(tmp_path) == []

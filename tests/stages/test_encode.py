import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline.artifacts import Folder
from pipeline.config import Encode
from pipeline.encoding.views import FoldEncoder
from pipeline.errors import SettingsError
from pipeline.folds import read_folds, read_view
from pipeline.progress import Progress
from pipeline.stages import encode

KINDS = {"number": "number", "count": "number", "city": "category", "text": "text", "day": "date"}
ROWS, FOLDS = 120, 3


def table(rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "number": rng.normal(size=rows),
            "count": rng.integers(6, size=rows),
            "city": rng.choice([f"c{i}" for i in range(20)], size=rows),
            "text": [" ".join(rng.choice(["a", "b", "c", "d"], size=3)) for _ in range(rows)],
            "day": pd.Timestamp("2022-01-01") + pd.to_timedelta(rng.integers(99, size=rows), "D"),
        }
    )
    frame.loc[rng.random(rows) < 0.1, ["number", "city", "text", "day"]] = None
    return frame


def something_else(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Rows of another world: shuffled, shifted, new levels, gaps, new words, other centuries."""
    other = table(len(frame), seed)
    other["number"] = other["number"] * 1e6 + 1e9
    other["count"] = other["count"] - 77.5
    other["city"] = other["city"] + "?"
    other["text"] = "zebra " + other["text"]
    other["day"] = other["day"] - pd.Timedelta(days=300 * 365)
    mixed = pd.concat([other.iloc[::2], frame.iloc[1::2]], ignore_index=True)
    return mixed.sample(frac=1, random_state=seed).reset_index(drop=True)


class World:
    """The folders of load and split, and the folder that encode fills."""

    def __init__(self, path, train, test, y, classes=2):
        self.load, self.split = Folder(path / "load"), Folder(path / "split")
        self.out = Folder(path / "encode")
        columns = [{"name": name, "kind": kind} for name, kind in KINDS.items()]
        labels = None if classes is None else list(range(classes))
        self.load.write_json("schema", {"columns": columns, "classes": labels})
        self.load.write_table("train", train)
        self.load.write_table("test", test)
        self.load.write_array("y", y)
        numbers = np.random.default_rng(9).permutation(ROWS) % FOLDS
        self.split.write_array("folds-0", numbers.astype(np.int16))
        self.split.write_json("split", {"folds": FOLDS, "repeats": 1})

    def encode(self, **settings) -> "World":
        encode.run(
            Encode(**settings),
            load=self.load,
            split=self.split,
            out=self.out,
            progress=Progress(live=False),
        )
        return self

    def files(self, pattern: str) -> dict[str, bytes]:
        paths = sorted(self.out.path.glob(pattern))
        return {str(path.relative_to(self.out.path)): path.read_bytes() for path in paths}


def test_it_names_the_whole_numbers_that_it_takes_for_codes(tmp_path, capsys):
    rng = np.random.default_rng(0)
    store = rng.integers(20, size=ROWS)
    train = table(ROWS, 0).assign(count=store * 37 % 101)
    y = 3.0 * rng.permutation(20)[store] + rng.normal(size=ROWS)
    World(tmp_path / "codes", train, table(40, 1), y, None).encode()
    told = capsys.readouterr()
    assert "act as codes, not as quantities: count;" in " ".join((told.out + told.err).split())
    World(tmp_path / "none", table(ROWS, 0), table(40, 1), y, None).encode()
    told = capsys.readouterr()
    assert "codes" not in told.out + told.err


def labels(classes: int | None) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal(size=ROWS) if classes is None else rng.integers(classes, size=ROWS)


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_nothing_leaks_from_validation_and_test_rows(tmp_path, classes):
    train, test, y = table(ROWS, 0), table(40, 1), labels(classes)
    before = World(tmp_path / "before", train, test, y, classes).encode()
    for fold in read_folds(before.split):
        others = something_else(train.iloc[fold.valid], 5).set_axis(fold.valid)
        changed = pd.concat([train.iloc[fold.train], others]).sort_index()
        altered = y.copy()
        altered[fold.valid] = altered[fold.valid][::-1] + 7 if classes is None else 0
        after = World(
            tmp_path / f"after-{fold.name}", changed, something_else(test, 6), altered, classes
        ).encode()
        for learned in ("encoder.json", "columns.json", "tree-train.npy", "dense-train.npy"):
            pattern = f"{fold.name}/{learned}"
            assert after.files(pattern) == before.files(pattern) != {}, pattern
        for changed_too in ("*-valid.npy", "*-test.npy"):
            pattern = f"{fold.name}/{changed_too}"
            assert not set(after.files(pattern).values()) & set(before.files(pattern).values())


def test_validation_rows_are_encoded_as_new_rows_are(tmp_path):
    world = World(tmp_path, table(ROWS, 0), table(40, 1), labels(2)).encode()
    train, test = world.load.read_table("train"), world.load.read_table("test")
    for fold in read_folds(world.split):
        state = world.out.folder(fold.name).read_json("encoder")
        encoder = FoldEncoder.from_json(state)
        for name in ("tree", "dense"):
            view = read_view(world.out, fold, name)
            assert_array_equal(view.valid, encoder.transform(train.iloc[fold.valid])[name])
            assert_array_equal(view.test, encoder.transform(test)[name])
            assert view.train.shape == (len(fold.train), len(view.columns))
            assert view.train.dtype == np.float32 and view.train.flags.c_contiguous
        assert_array_equal(read_view(world.out, fold, "tree").train[:, 0], _float32(train, fold))


def _float32(train, fold):
    return train["number"].iloc[fold.train].astype(np.float32)


def test_a_rerun_gives_the_same_bytes_and_another_seed_other_target_means(tmp_path):
    train, test, y = table(ROWS, 0), table(40, 1), labels(2)
    one = World(tmp_path / "one", train, test, y).encode().files("*/*")
    assert World(tmp_path / "two", train, test, y).encode().files("*/*") == one
    other = World(tmp_path / "three", train, test, y).encode(seed=1).files("*/*")
    changed = {name.split("/")[1] for name in one if one[name] != other[name]}
    assert changed == {"encoder.json", "tree-train.npy", "dense-train.npy"} | {
        f"dense-{part}.npy" for part in ("valid", "test")
    }


def test_row_wise_features_are_encoded_too(tmp_path, monkeypatch):
    def features(frame):
        assert "label" not in frame
        return frame.assign(double=2 * frame["number"], initial=frame["city"].str[1])

    module = SimpleNamespace(features=features)
    monkeypatch.setitem(sys.modules, "pipeline.competitions.made_up", module)
    train = table(ROWS, 0).assign(label=labels(2))
    world = World(tmp_path, train, table(40, 1), labels(2)).encode(features="made_up")
    view = read_view(world.out, "r0-f0", "tree")
    place = view.columns.index("double")
    assert_array_equal(view.test[:, place], 2 * view.test[:, view.columns.index("number")])
    assert view.columns.index("initial") in view.categorical


def test_target_means_of_an_unknown_column_are_refused(tmp_path):
    world = World(tmp_path, table(ROWS, 0), table(40, 1), labels(2))
    with pytest.raises(SettingsError, match=r"found 'nowhere'.*allowed are number, count, city"):
        world.encode(target_means=("city", "nowhere"))

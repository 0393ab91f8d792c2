import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline import codec
from pipeline.encoded import Encoded
from pipeline.encoding.views import VIEWS, FoldEncoder
from pipeline.errors import SettingsError
from pipeline.folds import Fold
from pipeline.problem import Loaded
from pipeline.progress import Progress
from pipeline.settings import EncoderSettings
from pipeline.stage_settings import EncodeStage
from pipeline.stages.encode import encode
from tests import values

KINDS = {"number": "number", "count": "number", "city": "category", "text": "text", "day": "date"}
ROWS, FOLDS = 120, values.folds(120).folds


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
    """Rows of another world: shuffled, offset, new levels, gaps, new words, other centuries."""
    other = table(len(frame), seed)
    other["number"] = other["number"] * 1e6 + 1e9
    other["count"] = other["count"] - 77.5
    other["city"] = other["city"] + "?"
    other["text"] = "zebra " + other["text"]
    other["day"] = other["day"] - pd.Timedelta(days=300 * 365)
    mixed = pd.concat([other.iloc[::2], frame.iloc[1::2]], ignore_index=True)
    return mixed.sample(frac=1, random_state=seed).reset_index(drop=True)


def labels(classes: int | None) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal(size=ROWS) if classes is None else rng.integers(classes, size=ROWS)


def load(train=None, test=None, y=None, classes: int | None = 2) -> Loaded:
    train, test = table(ROWS, 0) if train is None else train, table(40, 1) if test is None else test
    names = None if classes is None else tuple(map(str, range(classes)))
    return values.loaded(train, test, labels(classes) if y is None else y, KINDS, names)


def encoded(data: Loaded, *encoders: EncoderSettings) -> Encoded:
    asked = encoders or (EncoderSettings(),)
    stage = EncodeStage(encoders=asked, models=("linear",) * len(asked))
    return encode(stage, data, Progress(live=False))


def fitted(data: Loaded, found: Encoded, fold: Fold, view="dense"):
    """The fold's encoder, and its view of the rows that it learned from."""
    tables, settings = found.tables[""], EncoderSettings()
    encoder = FoldEncoder(settings, tables.features, data.problem.classes and data.problem.outputs)
    rows, rng = tables.train.take(fold.train), np.random.default_rng(0)
    return encoder, encoder.fit_transform(rows, data.y[fold.train], rng, view)


@pytest.mark.parametrize("classes", [None, 2, 3])
def test_nothing_leaks_from_validation_and_test_rows(classes):
    train, y = table(ROWS, 0), labels(classes)
    before = load(train, None, y, classes)
    for fold in FOLDS:
        others = something_else(train.iloc[fold.valid], 5).set_axis(fold.valid)
        changed = pd.concat([train.iloc[fold.train], others]).sort_index()
        altered = y.copy()
        altered[fold.valid] = altered[fold.valid][::-1] + 7 if classes is None else 0
        after = load(changed, something_else(before.test, 6), altered, classes)
        tables = [encoded(data).tables[""] for data in (before, after)]
        for view in VIEWS:
            (one, own), (other, others_own) = (
                fitted(data, encoded(data), fold, view) for data in (before, after)
            )
            assert one.state() == other.state()
            assert own.tobytes() == others_own.tobytes()
            for rows in (
                [each.train.take(fold.valid) for each in tables],
                [t.test for t in tables],
            ):
                found = [one.transform(each, view).tobytes() for each in rows]
                assert found[0] != found[1]


def test_what_a_row_becomes_depends_on_that_row_alone():
    """Coded among others and alone, rows are encoded to the same bytes."""
    data = load()
    found = encoded(data)
    encoder, _ = fitted(data, found, FOLDS[0])
    rows = np.arange(ROWS)[::7]
    alone = encoded(load(data.train.iloc[rows], data.test.iloc[::3], data.y[rows])).tables[""]
    for view in VIEWS:
        among = encoder.transform(found.tables[""].train.take(rows), view)
        assert encoder.transform(alone.train, view).tobytes() == among.tobytes()
        among = encoder.transform(found.tables[""].test, view)[::3]
        assert encoder.transform(alone.test, view).tobytes() == among.tobytes()


def test_a_rerun_gives_the_same_bytes_and_they_come_back_from_files(tmp_path):
    found = encoded(load())
    contents = values.contents(found)
    assert values.contents(encoded(load())) == contents
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    again = codec.decode(Encoded, tmp_path)
    assert values.contents(again) == contents
    encoder, _ = fitted(load(), found, FOLDS[0])
    for view in VIEWS:
        expected = encoder.transform(found.tables[""].test, view)
        assert_array_equal(encoder.transform(again.tables[""].test, view), expected)


@pytest.fixture
def made_up(monkeypatch):
    """A module of features, and how many rows it was asked for, call by call."""
    asked = []

    def features(frame):
        assert list(frame) == list(KINDS)
        asked.append(len(frame))
        return frame.assign(double=2 * frame["number"], initial=frame["city"].str[1])

    module = SimpleNamespace(features=features)
    monkeypatch.setitem(sys.modules, "pipeline.competitions.made_up", module)
    return asked


def test_row_wise_features_are_coded_too_and_computed_once(made_up):
    data = load(table(ROWS, 0).assign(label=labels(2)))
    found = encoded(
        data, EncoderSettings(features="made_up"), EncoderSettings(features="made_up", rare=2)
    )
    tables = found.tables["made_up"]
    kinds = {feature.name: feature.kind for feature in tables.features}
    assert kinds == KINDS | {"double": "number", "initial": "category"}
    (double,), (number,) = (tables.test.columns[name] for name in ("double", "number"))
    assert_array_equal(double.with_missing()[double.codes], 2 * number.with_missing()[number.codes])
    # train, every second row of it once more as a check, test
    assert made_up == [ROWS, ROWS // 2, 40]


def test_there_are_tables_for_each_module_that_a_member_asks_for(made_up):
    found = encoded(load(), EncoderSettings(), EncoderSettings(features="made_up"))
    assert list(found.tables) == ["", "made_up"]
    assert [len(tables.features) for tables in found.tables.values()] == [5, 7]
    # what both have is the same, so that what is computed from it is, too
    one, other = found.tables[""].train_digests, found.tables["made_up"].train_digests
    assert list(one) == list(KINDS)
    assert {name: other[name] for name in one} == one


def test_another_value_changes_the_digest_of_its_column_and_table_alone():
    before, test = encoded(load()).tables[""], table(40, 1)
    test.loc[3, "city"] = "elsewhere"
    after = encoded(load(test=test)).tables[""]
    assert after.train_digests == before.train_digests
    changed = {k for k, v in after.test_digests.items() if v != before.test_digests[k]}
    assert changed == {"city"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_means": ("city", "nowhere")}, r"'nowhere'.*allowed are number, count, city\."),
        ({"target_means": ("day",)}, r"target_means: found 'day'.*allowed are number, count, city"),
        ({"counts": ("day",)}, r"counts: found 'day'.*allowed are number, count, city"),
        (
            {"combinations": (("city", "cuont"),)},
            r"combinations: found 'cuont'.*Did you mean 'count'",
        ),
        ({"digits": ("city",)}, r"digits: found 'city'.*no such number column; .* number, count\."),
        (
            {"columns": ("city", "cty")},
            r"linear\] columns: found 'cty'.*, day\. Did you mean 'city'",
        ),
        (
            {"drop": ("citys",)},
            r"linear\] drop: found 'citys'.*allowed are number, count",
        ),
        (
            {"columns": ("city",), "drop": ("city",)},
            r"linear\] leaves the model none of number, ",
        ),
        ({"columns": ()}, r"leaves the model none of number"),
    ],
)
def test_columns_that_are_not_there_are_refused_with_those_that_are(settings, message):
    with pytest.raises(SettingsError, match=message):
        encoded(load(), EncoderSettings(), EncoderSettings(**settings))


def test_columns_that_a_module_adds_may_be_named(made_up):
    encoded(load(), EncoderSettings(features="made_up", columns=("double",)))
    with pytest.raises(SettingsError, match="found 'double'"):
        encoded(load(), EncoderSettings(features="made_up"), EncoderSettings(columns=("double",)))


def test_it_names_the_whole_numbers_that_it_takes_for_codes(capsys):
    rng = np.random.default_rng(0)
    store = rng.integers(20, size=ROWS)
    train = table(ROWS, 0).assign(count=store * 37 % 101)
    y = 3.0 * rng.permutation(20)[store] + rng.normal(size=ROWS)
    found = encoded(load(train, None, y, None))
    printed = " ".join(capsys.readouterr().out.split())
    assert "5 columns -> " in printed
    assert "act as codes, not as quantities: count;" in printed
    assert "act as codes" in " ".join(found.notes)
    encoded(load(None, None, y, None))
    assert "codes" not in capsys.readouterr().out


def test_it_names_the_pairs_that_it_adds_and_the_levels_that_share_a_column(capsys):
    rng = np.random.default_rng(0)
    city, street = rng.integers(20, size=20_000), rng.integers(90, size=20_000)
    train = pd.DataFrame({"city": city, "street": street}).astype("str")
    y = 2.0 * rng.normal(size=(20, 3))[city, street % 3] + rng.normal(size=20_000)
    kinds = {"city": "category", "street": "category"}
    found = encoded(values.loaded(train, train[:5], y, kinds))
    printed = " ".join(capsys.readouterr().out.split())
    assert "than their columns alone: city × street; they get a target mean" in printed
    assert "street (64 of 90); the others share one" in printed
    assert all(note in printed for note in found.notes)

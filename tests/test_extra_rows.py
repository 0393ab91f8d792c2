"""Extra rows are learnt from by those who ask for them, and by nobody validated or described."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

from pipeline import fitting
from pipeline.config import Split, load_configuration, parse
from pipeline.encoding.columns import code_table
from pipeline.errors import DataError, SettingsError
from pipeline.folds import Fold
from pipeline.metrics import get_metric, paired_difference
from pipeline.new import settings_given, write_competition
from pipeline.problem import ExtraRows
from pipeline.progress import Progress
from pipeline.report import extra_rows
from pipeline.stage_settings import LoadStage
from pipeline.stages.load import load
from pipeline.stages.split import split
from tests import values
from tests.report.values import evidence

ROWS = 120
KINDS = {"size": "number", "city": "category"}


def frame(rows, seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"size": rng.normal(size=rows).round(3)})
    table["city"] = rng.choice(["a", "b", "c"], rows)
    table["y"] = np.where(table["size"] + rng.normal(size=rows) > 0, "yes", "no")
    return table


def files(folder, extra, **more):
    train, test = frame(ROWS, 0), frame(40, 1).drop(columns="y")
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    extra.to_csv(folder / "original.csv", index=False)
    return load(LoadStage(extra="original.csv", **more), folder, Progress())


def test_they_get_train_s_types_and_what_cannot_be_learnt_from_is_left_out(tmp_path):
    extra = pd.concat([frame(30, 2), frame(ROWS, 0)[:5]])  # of which five are rows of train
    extra = extra.assign(y=["Maybe", None, *extra["y"][2:]], other=1, city=None)
    extra["city"] = [*frame(30, 2)["city"], *frame(ROWS, 0)["city"][:5]]
    found = files(tmp_path, extra.sample(frac=1, random_state=0))
    assert found.extra is not None and len(found.extra.y) == 28
    assert len(found.train) == len(found.y) == ROWS and found.files["extra"].rows == 35
    assert found.extra.table.dtypes.equals(found.train[["size", "city"]].dtypes)
    left = "left out 2 rows without a target that train has, 5 rows that train or test has too"
    assert any(left in note for note in found.notes)
    alone = files(tmp_path, frame(30, 2).drop(columns="city"))
    assert alone.extra.table["city"].isna().all()
    assert any("missing in all rows: 'city'" in note for note in alone.notes)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (frame(30, 2).drop(columns="y"), r"no column 'y', the target"),
        (frame(30, 2)[["y"]].assign(z=1), r"none of train's features 'size', 'city'"),
        (pd.concat([frame(30, 2), frame(40, 1)]), r"40 rows of 70 are rows of test"),
        (frame(30, 2).assign(y="other"), r"no row is left of 30: 30 rows without a target"),
        (frame(ROWS, 0), r"no row is left of 120: 120 rows that train or test has too"),
    ],
)
def test_what_is_no_extra_row_is_one_message(tmp_path, extra, expected):
    with pytest.raises(DataError, match=rf"\[load\] extra: .*{expected}"):
        files(tmp_path, extra)


def test_rows_that_repeat_by_chance_are_kept(tmp_path):
    """Of a table with a dozen different rows every extra row is in train and in test."""
    rng = np.random.default_rng(0)
    few = [
        pd.DataFrame({"a": rng.integers(4, size=n), "b": rng.integers(3, size=n)})
        for n in (200, 100, 150)
    ]
    train, test, extra = (t.assign(y=rng.integers(2, size=len(t))) for t in few)
    train.to_csv(tmp_path / "train.csv", index=False)
    test.drop(columns="y").to_csv(tmp_path / "test.csv", index=False)
    extra.to_csv(tmp_path / "more.csv", index=False)
    assert len(load(LoadStage(extra="more.csv"), tmp_path, Progress()).extra.y) == 150


def test_a_fit_learns_from_its_fold_and_the_extra_rows_and_others_stay_as_they_were(tmp_path):
    table = frame(ROWS + 60, 0)
    y = (table.pop("y") == "yes").to_numpy().astype(int)
    plain = values.loaded(table[:ROWS], table[:20], y[:ROWS], KINDS, ("no", "yes"))
    extra = ExtraRows(table[ROWS:].reset_index(drop=True), y[ROWS:])
    with_extra = values.fits(tmp_path / "b", replace(plain, extra=extra))
    fold = values.folds(ROWS).folds[0]
    without = values.member("linear")
    using = replace(without, extra=1.0)
    # whoever does not ask for them is named and fitted as if they were not there
    alone = values.fits(tmp_path / "a", plain)
    assert with_extra.key(without, fold) == alone.key(without, fold) == alone.key(using, fold)
    assert with_extra.key(using, fold) != with_extra.key(without, fold)
    # an oracle: the fold and all extra rows as one table
    learnt = table.iloc[[*fold.train, *range(ROWS, ROWS + 60)]]
    features = plain.problem.features
    direct = fitting.fit(
        without,
        with_extra.objective,
        features,
        code_table(learnt.reset_index(drop=True), features),
        y[learnt.index],
        fold,
    )
    valid = code_table(table.iloc[fold.valid].reset_index(drop=True), features)
    assert_array_equal(with_extra.fit(using, fold).valid, direct.predict(valid))
    # a share: so many of them, others in another fold
    half = replace(without, extra=0.5)
    rows = [with_extra._learnt_from(half, f, f.train)[1] for f in values.folds(ROWS).folds]
    assert [len(r) for r in rows] == [len(f.train) + 30 for f in values.folds(ROWS).folds]


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_their_model_s_prediction_may_be_a_column(tmp_path, task):
    """An oracle: the same model fitted on the extra rows alone; and it survives being stored."""
    table = frame(ROWS + 60, 0)
    label = table.pop("y") == "yes"
    y = label.to_numpy().astype(int) if task == "binary" else 50 + 9 * table["size"].to_numpy()
    classes = ("no", "yes") if task == "binary" else None
    plain = values.loaded(table[:ROWS], table[:20], y[:ROWS], KINDS, classes)
    extra = ExtraRows(table[ROWS:].reset_index(drop=True), y[ROWS:])
    fits = values.fits(tmp_path, replace(plain, extra=extra))
    fold, without = values.folds(ROWS).folds[0], values.member("linear")
    using = replace(without, extra_feature=True)
    features, rows = plain.problem.features, code_table(table[:ROWS], plain.problem.features)
    alone = Fold(0, 0, np.arange(60), np.arange(0))
    coded = code_table(extra.table, features)
    original = fitting.fit(without, fits.objective, features, coded, extra.y, alone)
    p = original.predict(rows)
    expected = (p[:, 0] - extra.y.mean()) / extra.y.std()
    if task == "binary":
        sure = np.clip(p[:, 1], 1e-4, 1 - 1e-4)
        expected = np.log(sure / (1 - sure))
    fitted = fits.fitted(using, fold)
    matrix = fitted.matrix(rows)
    assert matrix.shape[1] == fits.fitted(without, fold).matrix(rows).shape[1] + 1
    np.testing.assert_allclose(matrix[:, -1], expected, rtol=1e-4, atol=1e-5)
    again = fitting.restore(using, fits.objective, features, fits.fit(using, fold).state)
    assert_array_equal(again.predict(rows), fitted.predict(rows))
    assert fits.key(using, fold) != fits.key(without, fold)
    # rows that a fold may not learn from are not in it
    fewer = replace(fold, extra=np.arange(30))
    assert fits.key(using, fewer) != fits.key(using, fold)
    other = fits.fitted(using, fewer).original.fitted.predict(rows)
    some = coded.take(np.arange(30))
    alone = Fold(0, 0, np.arange(30), np.arange(0))
    shorter = fitting.fit(without, fits.objective, features, some, extra.y[:30], alone)
    assert_array_equal(other, shorter.predict(rows))


def test_a_fold_learns_from_no_extra_row_of_its_groups_or_of_later_times():
    n = 40
    train = pd.DataFrame({"who": np.arange(n) // 4, "day": np.arange(n).astype(float)})
    extra = pd.DataFrame({"who": [0, 3, 99], "day": [1.0, 30.0, 50.0]})
    kinds = {"who": "number", "day": "number"}
    load = values.loaded(train, train[:2], np.zeros(n), kinds)
    load = replace(load, extra=ExtraRows(extra, np.zeros(3)))
    found = split(Split(group="who", folds=5), load, Progress(live=False))
    for fold in found.folds:
        validated = {*train["who"].iloc[fold.valid]}
        assert [row in fold.extra for row in range(3)] == [
            who not in validated for who in (0, 3, 99)
        ]
    found = split(Split(time="day", folds=2), load, Progress(live=False))
    for fold in found.folds:
        assert fold.extra.tolist() == np.flatnonzero(extra["day"] < fold.valid.min()).tolist()
    unknown = replace(load, extra=ExtraRows(extra.assign(who=np.nan), np.zeros(3)))
    found = split(Split(group="who", folds=5), unknown, Progress(live=False))
    assert all(fold.extra is None for fold in found.folds)


def test_the_report_gives_their_worth_with_its_error():
    found = evidence()
    names = list(found.train)
    for name in names[:1]:
        trained = found.train[name]
        found.train[f"{name}_extra"] = replace(
            found.train[names[1]], member=replace(trained.member, extra=1.0)
        )
    extra = ExtraRows(found.load.train[:7], found.y[:7])
    found = replace(found, load=replace(found.load, extra=extra))
    worth = extra_rows.compute(found)
    (one,) = worth.comparisons
    assert (worth.rows, one.member, one.without) == (7, f"{names[0]}_extra", names[0])
    expected = paired_difference(
        get_metric(found.settings.metric, found.problem.task),
        found.validated_y,
        found.validated(names[1]),
        found.validated(names[0]),
    )
    assert one.difference == expected
    text, table = extra_rows.render(worth, found, {})
    assert "7 further rows" in text and len(table.rows) == 1
    assert extra_rows.compute(evidence()) is None
    without = {name: each for name, each in found.train.items() if not each.member.extra}
    cut_short = replace(found, train=without)
    (text,) = extra_rows.render(extra_rows.compute(cut_short), cut_short, {})
    assert "by none of the models that were fitted" in text


def test_new_writes_a_model_with_and_one_without(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    files(raw, frame(30, 2))
    plain = write_competition("fresh", raw, tmp_path)
    assert any('[load] extra = "original.csv"' in line for line in plain.messages)
    named = settings_given({}, ["load.extra=original.csv"])
    made = write_competition("fresh", raw, tmp_path, named)
    (tmp_path / "fresh.toml").write_text(made.text)
    found = load_configuration("fresh", folder=tmp_path)
    assert found.load.extra == "original.csv"
    (name,) = [name for name, settings in found.models.items() if settings.extra]
    (other,) = [name for name, settings in found.models.items() if settings.extra_feature]
    assert name.removesuffix("_extra") == other.removesuffix("_original") in found.models
    with pytest.raises(SettingsError, match=r"\[models.linear\] extra: found 1, and there are no"):
        parse("[models.linear]\nextra = 1.0", "default", "toml", {})
    with pytest.raises(SettingsError, match=r"extra_feature: found true beside extra = 0.5"):
        parse("[models.linear]\nextra = 0.5\nextra_feature = true", "default", "toml", {})

"""One answer a group of rows: aggregates by hand, folds that keep groups, a run to the file."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from pipeline import session, workspace
from pipeline.answers import aggregated, answer_rows, group_numbers
from pipeline.errors import DataError
from pipeline.flow import Reporter
from pipeline.folds import Fold
from pipeline.metrics import METRICS, get_metric
from pipeline.new import write_competition
from pipeline.parallel import one_thread
from pipeline.problem import Form
from pipeline.report import learning_curve
from pipeline.stages.tune import fold_score
from pipeline.workspace import Workspace
from tests.small_loaded import loaded

GROUPS = np.array([0, 1, 0, 1, 1])
POSITIVE = np.array([0.2, 0.5, 0.6, 0.5, 0.0])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", [0.4, 1 / 3]),
        ("median", [0.4, 0.5]),
        ("min", [0.2, 0.0]),
        ("max", [0.6, 0.5]),
        ("last", [0.6, 0.0]),
        ("any", [1 - 0.8 * 0.4, 0.75]),
    ],
)
def test_every_row_gets_its_group_s_answer(how, expected):
    answers = aggregated(np.column_stack([1 - POSITIVE, POSITIVE]), GROUPS, how)
    assert_allclose(answers[:, 1], np.array(expected)[GROUPS])
    assert_allclose(answers.sum(axis=1), 1)
    values = aggregated(POSITIVE[:, np.newaxis], GROUPS, how)
    assert_allclose(values[:, 0], np.array(expected)[GROUPS])


def test_the_last_row_of_a_group_answers_and_rows_of_no_group_are_alone():
    assert answer_rows(GROUPS).tolist() == [2, 4]
    assert group_numbers(pd.Series(["b", None, "b", None])).tolist() == [0, 2, 0, 3]


def test_a_learning_curve_s_groups_answer_once():
    """`any` of answers would be another number than `any` of rows."""
    form = Form(("id", "y"), "target", "id", False, "y", aggregate="any")
    load = loaded([0, 1, 0, 1, 1], form=form, train={"id": GROUPS})
    predictions = np.column_stack([1 - POSITIVE, POSITIVE])
    fold = Fold(0, 0, np.array([], dtype=int), np.arange(5))
    answers = aggregated(predictions, GROUPS, "any")
    member = SimpleNamespace(encoder=SimpleNamespace(names=lambda view: ["x"]), view="dense")
    trained = SimpleNamespace(member=member, oof=answers[np.newaxis])
    evidence = SimpleNamespace(
        settings=SimpleNamespace(learning_curve=(1.0,), seed=0),
        split=SimpleNamespace(
            repeat=lambda number: [fold], answers=answer_rows(GROUPS), clusters=None
        ),
        fitted={"linear": trained},
        fits=SimpleNamespace(fitted=lambda member, fold: member),
        load=load,
        y=load.y,
        problem=load.problem,
        classes=["no", "yes"],
        metric=METRICS["log_loss"],
        map=map,
    )
    (curve,) = learning_curve.compute(evidence).curves
    rows = answer_rows(GROUPS)
    assert curve.points[-1].score == METRICS["log_loss"].score(load.y[rows], answers[rows])


def sequences(folder, groups=60, rows=4, mixed=False):
    """Rows of groups, whose label is one for all of a group's rows."""
    rng = np.random.default_rng(0)
    state = rng.integers(2, size=2 * groups)
    table = pd.DataFrame({"subject": np.arange(2 * groups).repeat(rows)})
    table["x"] = (2 * state.repeat(rows) + rng.normal(size=len(table))).round(3)
    table["z"] = rng.normal(size=len(table)).round(3)
    train = table[table.subject < groups].sample(frac=1, random_state=0)
    test = table[table.subject >= groups].sample(frac=1, random_state=0)
    labels = pd.DataFrame({"subject": range(groups), "state": state[:groups]})
    sample = pd.DataFrame({"subject": range(groups, 2 * groups), "state": 0})
    folder.mkdir(parents=True)
    if mixed:
        train = train.assign(state=np.arange(len(train)) % 2)
    else:
        labels.to_csv(folder / "train_labels.csv", index=False)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    sample.to_csv(folder / "sample_submission.csv", index=False)
    return state[groups:]


def test_from_files_to_a_submission_of_one_row_a_group(tmp_path, monkeypatch):
    monkeypatch.setattr(workspace, "COMPETITIONS", tmp_path)
    place = Workspace(tmp_path, "tiny")
    truth = sequences(place.raw)
    made = write_competition("tiny", place.raw, tmp_path, raw=place.raw)
    assert any("240 rows of test in 60 groups by 'subject'" in line for line in made.messages)
    toml = '[competition]\nmetric = "log_loss"\n[split]\nfolds = 3\n[models.linear]\n'
    (tmp_path / "tiny.toml").write_text(f"{toml}[models.logistic]\n")
    with one_thread():
        done = session.run(place, "submit", reporter=Reporter(silent=True))
    load, split, blend = (done.flow.value(name) for name in ("load", "split", "blend"))
    assert split.group == "subject" and len(split.validated) == 60
    for fold in split.folds:
        sides = ({*load.train["subject"].iloc[rows]} for rows in (fold.train, fold.valid))
        assert not set.intersection(*sides)
    # a fold is scored on groups, while it is tuned and afterwards
    trained, fold = done.flow.value("train", "linear"), split.folds[0]
    some = np.intersect1d(fold.valid, split.answers)
    metric = get_metric("log_loss", "binary")
    of_fold = metric.score(load.y[some], trained.oof[0][some])
    assert trained.fits[0].score == pytest.approx(of_fold)
    fits = done.flow.fits()
    assert fold_score(fits, metric, trained.member, fold) == pytest.approx(of_fold)
    # the score is that of groups, and better than that of rows
    metric, rows = get_metric("log_loss", "binary"), split.validated
    expected = metric.score(load.y[rows], blend.oof[rows])
    assert blend.expected.cross_validated == pytest.approx(expected)
    (file,) = place.submissions.glob("*.csv")
    answers = pd.read_csv(file)
    assert answers["subject"].tolist() == list(range(60, 120))
    assert ((answers["state"] > 0.5) == truth).mean() > 0.8
    # new rows: one line a group, as in the submission
    scored = session.predict_file(place, place.raw / "test.csv", tmp_path / "out.csv")
    again = pd.read_csv(scored.path).set_index("subject").loc[answers["subject"]]
    assert_allclose(again["probability 1"], answers["state"], atol=1e-12)


def test_a_group_with_several_targets_is_refused(tmp_path):
    sequences(tmp_path / "raw", mixed=True)
    with pytest.raises(DataError, match=r"several targets 'state' for 56 of them.*read\(raw\)"):
        write_competition("tiny", tmp_path / "raw", tmp_path)

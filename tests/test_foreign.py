"""Predictions from elsewhere as members of the blend: read, blended, and looked at critically."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline.blending import FittedBlend
from pipeline.config import load_configuration
from pipeline.errors import DataError, SettingsError
from pipeline.folds import pairs_together
from pipeline.foreign import Origin
from pipeline.reading.finding import find_files
from pipeline.reading.predictions import Rows, read_folds, read_predictions
from pipeline.report import foreign
from pipeline.session import adopt, last_experiment, predict_file
from tests.finished import TOML, TRAIN, survey
from tests.report import values

TABLE = """
[models.other]
kind = "predictions"
oof = "other_oof.csv"
test = "test_preds.csv"
"""


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('kind = "predictions"', r"\[models\.other\] oof: found .* field required"),
        ('kind = "predictions"\noof = "a.csv"\ntrials = 3', r"trials: predictions from elsewhere"),
        ('kind = "predictions"\noof = "a.csv"\nrefit = 0.5', r"refit: predictions from elsewhere"),
        ('kind = "predictions"\noof = "a.csv"\nfolds = "a.csv"', r"'a.csv', allowed is FILE/COLUM"),
        ('kind = "prediction"', r"there is no model 'prediction'.*, and predictions, made else"),
    ],
)
def test_settings_that_say_nothing_are_refused(lines, message, write):
    write("c.toml", f"[models.other]\n{lines}\n".encode())
    folder = write("x", b"").parent
    with pytest.raises(SettingsError, match=message):
        load_configuration("c", folder=folder)


def test_files_of_predictions_are_no_tables(write):
    for name in ("train_set.csv", "test_set.csv", "test_preds.csv", "oof_train.csv", "my_test.csv"):
        write(f"raw/{name}", b"id,x\n1,2\n")
    folder = write("raw/other.csv", b"id,x\n1,2\n").parent
    found = find_files(folder, without=("my_test.csv",)).sources
    assert found["train"].path.name == "train_set.csv"
    assert found["test"].path.name == "test_set.csv"


# -- a run -----------------------------------------------------------------------------------------


@pytest.fixture
def foreign_run(small):
    """The small competition with a member from elsewhere: the truth, off by chance."""
    rows, rng = survey(TRAIN + 30), np.random.default_rng(2)
    odds = np.where(rows["y"] == "yes", 1.0, -1.0) + rng.normal(size=len(rows))
    table = pd.DataFrame({"id": rows["id"], "pred": 1 / (1 + np.exp(-2 * odds))})
    raw = small.workspace.raw
    table[:TRAIN].sample(frac=1.0, random_state=1).to_csv(raw / "other_oof.csv", index=False)
    table[TRAIN:].to_csv(raw / "test_preds.csv", index=False)
    small.toml.write_text(TOML.replace("[evaluate]", f"{TABLE}\n[evaluate]"))
    return small, table["pred"].to_numpy()


def test_predictions_from_elsewhere_are_blended_and_fit_nothing_again(foreign_run):
    small, given = foreign_run
    done = small.run()

    computed = {node.name for node, each in done.flow.done.items() if each.computed}
    assert "train-other" in computed and not computed & {"explore", "split", "train-lightgbm"}
    train, blend = done.flow.value("train", "other"), done.flow.value("blend")
    np.testing.assert_allclose(train.oof[0][:, 1], given[:TRAIN], rtol=1e-12)
    np.testing.assert_allclose(train.test[:, 1], given[TRAIN:], rtol=1e-12)
    assert blend.weights["other"] > 0
    page = (small.build / "report.html").read_text()
    assert "Predictions from elsewhere" in page and "other_oof.csv" in page
    assert done.experiment is not None and "other" in done.experiment.models

    with pytest.raises(DataError, match="the blend has a part of other, predictions from else"):
        predict_file(small.workspace, small.test_file)

    path = small.workspace.raw / "other_oof.csv"
    path.write_text(path.read_text().replace("\n0,", "\n999,"))
    with pytest.raises(DataError, match=r"other_oof\.csv: column 'id' must have the ids of train"):
        small.run("train")
    path.unlink()
    with pytest.raises(DataError, match=r"oof = .other_oof\.csv.: no such file, neither in"):
        small.run("train")


# -- suspicion -------------------------------------------------------------------------------------


def evidence_of(theirs: np.ndarray, of_test: np.ndarray, folds="unknown", together=None):
    """The members of tests/report/values.py, and predictions from elsewhere (n, 2), (m, 2)."""
    found = values.evidence("binary")
    test = values.predict(found.load.test, "binary")
    ours = {name: replace(each, test=test) for name, each in found.train.items()}
    origin = Origin("x_oof.csv", "x_test.csv", folds, together)
    outside = replace(
        ours["small"], oof=theirs[np.newaxis], test=of_test, fits=(), asked=1, origin=origin
    )
    blend = FittedBlend(("small", "outside"), np.array([0.5, 0.5]))
    chosen = replace(found.blend, blend=blend)
    evidence = replace(found, train={**ours, "outside": outside}, blend=chosen, results={})
    evidence.results["leaderboard"] = values_board(evidence)
    return evidence


def values_board(evidence):
    from pipeline.report import leaderboard

    return leaderboard.compute(evidence)


def big_survey(monkeypatch, rows=3000):
    """More rows than values.py has by itself: noise must be small."""
    survey = values.survey
    monkeypatch.setattr(values, "survey", lambda task, n=rows, seed=4: survey(task, rows, seed))


def test_a_model_fitted_on_the_rows_that_it_predicts_raises_an_alarm(monkeypatch):
    big_survey(monkeypatch)
    plain = values.loaded("binary")
    honest, of_test = (values.predict(t, "binary") for t in (plain.train, plain.test))
    truth = np.eye(2)[plain.y]
    evidence = evidence_of(0.4 * honest + 0.6 * truth, of_test)
    found = foreign.compute(evidence)
    evidence.results["foreign"] = found
    (one,) = found.found
    assert one.surer > 5 and one.less > 0.15 and one.wins[0] == one.wins[1]
    (alarm,) = foreign.alarms(evidence, None)
    assert "surer of train than of test" in alarm.found and alarm.no_score_reason


def test_an_honest_model_raises_none_however_the_rows_are_drawn(monkeypatch):
    big_survey(monkeypatch)
    plain = values.loaded("binary")
    for seed in range(5):
        rng = np.random.default_rng(seed)
        sides = []
        for table in (plain.train, plain.test):
            odds = np.log(values.predict(table, "binary")) + rng.normal(
                scale=0.3, size=(len(table), 2)
            )
            sides.append(np.exp(odds) / np.exp(odds).sum(axis=1, keepdims=True))
        evidence = evidence_of(*sides)
        evidence.results["foreign"] = foreign.compute(evidence)
        assert not list(foreign.alarms(evidence, None))


def test_folds_are_the_same_whatever_their_numbers():
    ours = np.repeat([0, 1, 2], 20)
    assert pairs_together(ours, np.array([2, 0, 1])[ours]) == 1.0
    drawn = np.random.default_rng(0).permutation(ours)
    # by chance a third of the pairs of one fold are in one of the other: 1/3 / (2 - 1/3)
    assert pairs_together(ours, drawn) == pytest.approx(0.2, abs=0.05)


def test_the_part_of_our_own_models_is_a_blend_by_their_shares():
    blend = FittedBlend(("a", "b", "c"), np.array([0.5, 0.3, 0.2]), np.array([1.0, 2.0, 1.0, 1.5]))
    own = blend.of(["b", "c"])
    np.testing.assert_allclose(own.weights, [0.6, 0.4])
    np.testing.assert_allclose(own.inverse_temperatures, [2.0, 1.0, 1.5])
    assert blend.of([]) is None


# -- export ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".npy"])
def test_what_is_exported_is_read_again(suffix, small, command, tmp_path):
    to = tmp_path / f"mine{suffix}"
    code, printed, _ = command("oof", "tiny", "--model", "linear", "--to", str(to))
    assert code == 0 and "mine_test" in printed
    flow = adopt(small.workspace, last_experiment(small.workspace))
    load, split, train = flow.value("load"), flow.value("split"), flow.value("train", "linear")
    rows = Rows("train", TRAIN, load.train["id"], np.ones(TRAIN, dtype=bool))
    found = read_predictions(to, rows, load.problem, load.y)
    np.testing.assert_allclose(found, train.mean_oof, rtol=1e-12)
    if suffix == ".csv":
        folds = read_folds(to, "fold", rows, load.problem)
        assert pairs_together(folds, split.numbers()) == 1.0

    code, _, errors = command("oof", "tiny", "--to", str(to))
    assert code == 2 and "is there already, and is not overwritten" in errors
    code, _, errors = command("oof", "tiny", "--to", str(tmp_path / "x.csv"), "--model", "lineal")
    assert code == 2 and "Did you mean 'linear'?" in errors

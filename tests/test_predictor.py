"""The saved blend scores rows as the run did, and refuses files as `load` would."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import config, predictor
from pipeline.artifacts import Workspace
from pipeline.errors import DataError, SettingsError
from pipeline.folds import read_folds
from pipeline.parallel import workers
from pipeline.predictor import Predictor, exchanged, labelled, predict_file
from pipeline.progress import Progress
from pipeline.runner import run_stage

STAGES = ("load", "split", "encode", "tune", "train", "blend")
TOML = """
[competition]
title = "{title}"
{competition}
[load.columns]
"size" = {{ kind = "integer", min = 0, max = 5 }}
[explore]
permutations = 9
[split]
folds = 3
repeats = 2
[models.linear]
[models.lightgbm]
max_rounds = 8
[blend]
method = "{method}"
[evaluate]
learning_curve = [0.5, 1.0]
importance_rows = 60
importance_repeats = 2
dependence_rows = 30
"""


def survey(task: str, n: int = 210) -> pd.DataFrame:
    """Rows whose answer depends on `size` and `city`; some values are missing."""
    rng = np.random.default_rng(4)
    size, city = rng.integers(0, 6, size=n), rng.choice(["Ulm", "Bern", "Linz"], size=n)
    weight = rng.normal(size=n)
    value = size + 2.0 * (city == "Bern") + weight + 0.5 * rng.normal(size=n)
    answers = {
        "binary": np.where(value > 3, "yes", "no"),
        "multiclass": np.digitize(value, [2.5, 4.5]),
        "regression": value,
    }
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "size": size,
            "city": np.where(rng.random(n) < 0.1, None, city),
            "weight": np.where(rng.random(n) < 0.1, np.nan, weight),
            "answer": answers[task],
        }
    )


def finished(
    root: Path, rows: pd.DataFrame, *, title: str = "Tiny", method: str = "equal", metric: str = ""
) -> Workspace:
    """Every stage up to blend, on files with these rows; the last 30 are the test table."""
    workspace = Workspace(root, "tiny")
    workspace.raw.mkdir(parents=True)
    rows[:-30].to_csv(workspace.raw / "train.csv", index=False)
    rows[-30:].drop(columns="answer").to_csv(workspace.raw / "test.csv", index=False)
    competition = f'metric = "{metric}"' if metric else ""
    toml = TOML.format(title=title, competition=competition, method=method)
    (root / "tiny.toml").write_text(toml, encoding="utf-8")
    experiment = config.load_experiment("tiny", folder=root)
    for name, snapshot in config.stage_snapshots(experiment).items():
        workspace.settings.write_json(name, snapshot)
    for stage in STAGES:
        for model in experiment.models if stage in ("tune", "train") else (None,):
            run_stage(workspace, stage, model, Progress(live=False))
    return workspace


def predictor_of(workspace: Workspace) -> Predictor:
    names = ("load", "split", "encode", "train", "blend")
    return Predictor(**{name: workspace.stage(name) for name in names})


CASES = [("binary", "stack"), ("multiclass", "greedy"), ("regression", "equal")]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def run(request, tmp_path_factory) -> Workspace:
    task, method = request.param
    return finished(tmp_path_factory.mktemp(task), survey(task), method=method)


def test_test_rows_get_the_predictions_of_the_run(run):
    test = run.stage("load").read_table("test")
    expected = run.stage("blend").read_array("test")
    np.testing.assert_allclose(predictor_of(run).predict(test), expected, atol=1e-9)


def test_worker_processes_predict_the_same_bytes(run):
    test, predictor = run.stage("load").read_table("test"), predictor_of(run)
    with workers(2) as parallel_map:
        found = predictor.predict(test, parallel_map=parallel_map)
    assert found.tobytes() == predictor.predict(test).tobytes()


def test_a_fold_predicts_its_validation_rows_as_training_did(run):
    saved, train = predictor_of(run), run.stage("train")
    fold = read_folds(run.stage("split"))[4]
    rows = run.stage("load").read_table("train").iloc[fold.valid]
    oof = {
        name: train.folder(name).read_array("oof")[fold.repeat, fold.valid]
        for name in ("lightgbm", "linear")
    }
    expected = saved.blend.combine(oof)
    np.testing.assert_allclose(saved.predict_fold(rows, fold.name), expected, atol=1e-9)


@pytest.mark.parametrize("column", ["size", "city", "weight"])
def test_a_column_exchanged_between_rows_is_predicted_as_if_read_so(run, column, monkeypatch):
    saved, train = predictor_of(run), run.stage("load").read_table("train")
    fold, rng = read_folds(run.stage("split"))[1].name, np.random.default_rng(1)
    rows, donors = rng.integers(0, len(train), (2, 50))
    expected = saved.predict_fold(exchanged(train, rows, column, donors), fold)
    exchange = saved.exchanging(train, fold)
    monkeypatch.setattr(saved, "predict_fold", None)  # nothing is read and encoded again
    np.testing.assert_allclose(exchange.predict(rows, column, donors), expected, atol=1e-6)


def test_a_row_is_predicted_alike_alone_and_among_others(run):
    saved, test = predictor_of(run), run.stage("load").read_table("test")
    alone = [saved.predict(test.iloc[[row]])[0] for row in range(3)]
    # the dense view is float32: a product of another shape may sum in another order
    np.testing.assert_allclose(alone, saved.predict(test)[:3], rtol=1e-5)


def test_fewer_folds_are_a_mean_over_these_alone(run):
    saved, test = predictor_of(run), run.stage("load").read_table("test")
    fold = read_folds(run.stage("split"))[1]
    np.testing.assert_allclose(
        saved.predict(test, [fold]), saved.predict_fold(test, fold.name), atol=1e-12
    )


def test_a_file_is_scored_like_the_test_table(run, tmp_path):
    schema = run.stage("load").read_json("schema")
    written = tmp_path / "scores.csv"
    assert predict_file(run, run.raw / "test.csv", written).rows == 30
    table = pd.read_csv(written)
    assert list(table["id"]) == list(range(180, 210))
    expected = run.stage("blend").read_array("test")
    if schema["task"] == "regression":
        np.testing.assert_allclose(table["answer"], expected[:, 0], atol=1e-9)
        return
    names = [f"probability {label}" for label in schema["classes"]]
    np.testing.assert_allclose(table[names], expected, atol=1e-9)
    assert list(table["answer"].astype(str)) == [
        schema["classes"][code] for code in expected.argmax(axis=1)
    ]


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> Workspace:
    return finished(tmp_path_factory.mktemp("binary"), survey("binary"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.drop(columns="city"), "'city'"),
        (lambda rows: rows.assign(size=9), "allowed are whole numbers 0 to 5"),
        (lambda rows: rows.assign(weight="heavy"), "'weight'"),
        (lambda rows: rows.assign(id=1), "more than once"),
    ],
    ids=["no column", "against the contract", "text for numbers", "twin ids"],
)
def test_a_file_that_load_would_refuse_is_refused(binary, tmp_path, change, told):
    file = tmp_path / "rows.csv"
    change(pd.read_csv(binary.raw / "test.csv")).to_csv(file, index=False)
    with pytest.raises(DataError, match=told):
        predict_file(binary, file, tmp_path / "scores.csv")
    assert not (tmp_path / "scores.csv").exists()


def test_rows_without_ids_and_with_an_unseen_city_are_scored(binary, tmp_path):
    file, written = tmp_path / "rows.csv", tmp_path / "scores.csv"
    rows = pd.read_csv(binary.raw / "test.csv").drop(columns="id").assign(city="Graz")
    rows.to_csv(file, index=False)
    scored = predict_file(binary, file, written)
    assert scored.rows == 30
    assert scored.notes == ("1 value in 1 column was never seen in training ('city': 'Graz')",)
    assert list(pd.read_csv(written)) == ["answer", "probability no", "probability yes"]


def test_test_rows_of_the_run_leave_nothing_to_note(binary, tmp_path):
    assert predict_file(binary, binary.raw / "test.csv", tmp_path / "scores.csv").notes == ()


def test_infinite_numbers_are_noted(binary, tmp_path):
    file = tmp_path / "rows.csv"
    pd.read_csv(binary.raw / "test.csv").assign(weight=np.inf).to_csv(file, index=False)
    (note,) = predict_file(binary, file, tmp_path / "scores.csv").notes
    assert note == f"{file}: 30 infinite numbers in 1 column ('weight'), counted as missing"


def test_predictions_never_lie_among_the_organisers_files(binary, tmp_path):
    file, before = binary.raw / "test.csv", sorted(binary.raw.iterdir())
    target = predict_file(binary, file).target
    assert target == binary.submissions / "predictions" / "test.predictions.csv"
    for out in (binary.raw / "new.csv", binary.raw.parent / "other" / "new.csv"):
        with pytest.raises(SettingsError, match="organiser's files alone"):
            predict_file(binary, file, out)
    assert sorted(binary.raw.iterdir()) == before


def test_the_file_to_predict_is_never_overwritten(binary, tmp_path):
    file = tmp_path / "rows.csv"
    shutil.copy(binary.raw / "test.csv", file)
    content = file.read_bytes()
    for out in (file, tmp_path / "." / "rows.csv"):
        with pytest.raises(SettingsError, match="would be overwritten"):
            predict_file(binary, file, out)
    assert file.read_bytes() == content


def test_only_earlier_predictions_are_replaced(binary, tmp_path):
    file, out = binary.raw / "test.csv", tmp_path / "scores.csv"
    predict_file(binary, file, out)
    first = out.read_bytes()
    predict_file(binary, file, out)
    assert out.read_bytes() == first
    out.write_bytes(b"\xffmy,notes\n")
    with pytest.raises(SettingsError, match="not overwritten"):
        predict_file(binary, file, out)
    assert out.read_bytes() == b"\xffmy,notes\n"
    with pytest.raises(SettingsError, match="this is a folder"):
        predict_file(binary, file, tmp_path)


@pytest.mark.parametrize("inner", [False, True], ids=["zip", "zip in a zip"])
def test_a_member_of_a_zip_is_scored_like_the_file(binary, tmp_path, inner):
    archive, plain = tmp_path / "data.zip", tmp_path / "plain.csv"
    rows = (binary.raw / "test.csv").read_bytes()
    pack(archive, {"new/test.csv": rows, "old.csv": b"a\n1\n"})
    member = archive / "new" / "test.csv"
    if inner:
        outer = tmp_path / "outer.zip"
        pack(outer, {"data.zip": archive.read_bytes()})
        member = outer / "data.zip" / "new" / "test.csv"
    predict_file(binary, binary.raw / "test.csv", plain)
    target = predict_file(binary, member, tmp_path / "scores.csv").target
    assert target.read_bytes() == plain.read_bytes()


def pack(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_rule_that_is_widened_counts_after_another_run(binary, tmp_path):
    file = tmp_path / "rows.csv"
    pd.read_csv(binary.raw / "test.csv").assign(size=9).to_csv(file, index=False)
    with pytest.raises(DataError, match="counts once `make C=tiny all` has run again"):
        predict_file(binary, file, tmp_path / "scores.csv")


def test_an_id_that_is_a_date_is_read_and_given_back_as_it_is_written(tmp_path):
    """The hour decides; a file without the column that decides is refused."""
    rows, hours = survey("regression"), pd.date_range("2011-01-01", periods=210, freq="h")
    rows = rows.assign(id=hours.strftime("%Y-%m-%dT%H:%MZ"), answer=100.0 * (hours.hour >= 12))
    build = finished(tmp_path, rows)
    file = build.raw / "test.csv"
    predict_file(build, file, tmp_path / "scores.csv")
    table = pd.read_csv(tmp_path / "scores.csv")
    assert table["id"].tolist() == rows["id"].tolist()[-30:]
    assert np.abs(table["answer"] - rows["answer"].to_numpy()[-30:]).mean() < 30
    pd.read_csv(file).drop(columns="id").to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(DataError, match="no column 'id'"):
        predict_file(build, tmp_path / "new.csv", tmp_path / "more.csv")


def test_a_stage_that_has_not_run_is_named(tmp_path):
    with pytest.raises(DataError, match=r"has not run yet.*make C=tiny all"):
        predict_file(Workspace(tmp_path, "tiny"), tmp_path / "rows.csv", tmp_path / "scores.csv")


def test_labels_are_the_most_probable_classes():
    schema = {"task": "multiclass", "target": "kind", "classes": ["a", "b", "c"]}
    prediction = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]])
    table = labelled(prediction, schema, pd.Series([7, 9], name="no"))
    assert list(table) == ["no", "kind", "probability a", "probability b", "probability c"]
    assert list(table["kind"]) == ["b", "a"]
    assert list(table["no"]) == [7, 9]


def test_models_of_no_weight_are_not_needed(tmp_path, monkeypatch):
    workspace = finished(tmp_path, survey("binary"), method="greedy")
    blend = workspace.stage("blend")
    about = blend.read_json("blend")
    as_they_are = {"sharpness": [1.0, 1.0, 1.0], "weights": {"lightgbm": 1.0, "linear": 0.0}}
    blend.write_json("blend", about | as_they_are)
    monkeypatch.setattr(predictor.models, "build", only_lightgbm(predictor.models.build))
    test = workspace.stage("load").read_table("test")
    expected = workspace.stage("train/lightgbm").read_array("test")
    np.testing.assert_allclose(predictor_of(workspace).predict(test), expected, atol=1e-9)


def only_lightgbm(build):
    def guarded(name, *arguments):
        assert name == "lightgbm"
        return build(name, *arguments)

    return guarded

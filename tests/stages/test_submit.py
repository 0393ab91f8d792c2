"""The stage writes a file named after what made it, with a ledger entry, or nothing at all."""

import re
from datetime import datetime

import numpy as np
import pytest

from pipeline import ledger
from pipeline.artifacts import Folder
from pipeline.config import SubmitStage
from pipeline.errors import DataError
from pipeline.processor import blas_kernels
from pipeline.progress import Progress
from pipeline.stages.submit import run
from tests.test_submission import BINARY, TWO, competition

BLEND = {"method": "greedy", "weights": {"linear": 1.0}, "score": 0.94321, "metric": "accuracy",
         "standard_error": 0.0042, "cut_short": {"linear": {"repeats": [1, 3]}}}  # fmt: skip


@pytest.fixture
def submit(tmp_path):
    """Run the stage on three rows to predict -> the folder of submissions."""

    def submitted(prediction=TWO, note="", metric=None, digest="d1", out="out", **change):
        sample, test, schema = competition(BINARY, {"y": 0})
        load, blend = Folder(tmp_path / "load"), Folder(tmp_path / "blend")
        load.write_table("sample", sample)
        load.write_table("test", test)
        load.write_json("schema", {**schema, **change})
        blend.write_json("blend", BLEND)
        blend.write_array("test", prediction)
        run(
            SubmitStage(note=note, metric=metric),
            load=load,
            blend=blend,
            submissions=Folder(tmp_path / "submissions"),
            competition="tiny",
            digest=digest,
            out=Folder(tmp_path / out),
            progress=Progress(),
        )
        return tmp_path / "submissions"

    return submitted


def test_the_file_is_named_after_what_made_it(submit, capsys):
    (file,) = submit().glob("*.csv")
    assert re.fullmatch(r"tiny_greedy_0\.9432_[0-9a-f]{8}\.csv", file.name)
    assert file.read_bytes() == b"id,y\n30,1\n10,0\n20,1\n"
    told = capsys.readouterr().out
    assert "Accuracy 0.9432 ± 0.0042" in told
    assert f"-m pipeline score {file.name} SCORE" in told


def test_the_ledger_keeps_what_is_needed_to_make_it_again(submit):
    folder = submit(note="a first try")
    (entry,) = ledger.read(folder / "ledger.jsonl")
    assert entry["file"] == next(folder.glob("*.csv")).name
    assert entry["leaderboard"] is None
    kept = {key: entry[key] for key in ("competition", "note", "settings", "data", "simulated")}
    assert kept == {
        "competition": "tiny", "note": "a first try", "settings": "d1",
        "data": {"train": "abc"}, "simulated": False,
    }  # fmt: skip
    assert {**BLEND, **entry} == entry
    assert entry["versions"]["numpy"] == np.__version__
    assert entry["versions"]["blas"] == blas_kernels()
    assert datetime.fromisoformat(entry["created"]).utcoffset() is not None


def test_the_same_run_writes_the_same_bytes_and_one_entry(submit, tmp_path):
    folder = submit(out="one")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    submit(out="other")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    one, other = (tmp_path / name / "submission.json" for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_other_settings_or_other_answers_write_another_file(submit):
    submit()
    submit(digest="d2")
    folder = submit(TWO[:, ::-1])
    assert len(list(folder.glob("*.csv"))) == len(ledger.read(folder / "ledger.jsonl")) == 3


def test_simulated_data_is_marked_and_not_to_be_uploaded(submit, capsys):
    (file,) = submit(simulated=True).glob("*.csv")
    assert file.name.startswith("tiny_SIMULATED_greedy_")
    told = capsys.readouterr().out
    assert "not for upload" in told
    assert "pipeline score" not in told


def test_a_refused_submission_leaves_nothing_behind(submit, tmp_path):
    submit()
    before = {path.name: path.read_bytes() for path in (tmp_path / "submissions").iterdir()}
    with pytest.raises(DataError, match="no finite prediction for 1 rows"):
        submit(np.where(TWO == 0.2, np.nan, TWO))
    with pytest.raises(DataError, match="probabilities outside 0 to 1"):
        submit(TWO + 0.5, metric="roc_auc")
    after = {path.name: path.read_bytes() for path in (tmp_path / "submissions").iterdir()}
    assert after == before

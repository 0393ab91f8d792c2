"""The stage gives a file named after what made it, and its entry in the ledger, or nothing."""

import re
from dataclasses import replace

import numpy as np
import pytest

from pipeline.blending import Blended, Expected, FittedBlend
from pipeline.errors import DataError
from pipeline.ledger import Entry
from pipeline.progress import Progress
from pipeline.stage_settings import SubmitStage
from pipeline.stages.submit import submit
from pipeline.store import Key, Store
from pipeline.submission import Submitted
from pipeline.targets import ByTarget
from pipeline.training import CutShort
from tests.test_submission import BINARY, TWO, competition

BLENDED = Blended(
    blend=FittedBlend(("linear",), np.ones(1)),
    method="greedy",
    metric="accuracy",
    oof=np.empty((0, 2)),
    test=TWO,
    candidates={},
    comparisons=(),
    rule="",
    expected=Expected(0.94321, 0.0042, 0.94, 0.00321),
    cut_short={"linear": CutShort(repeats=(1, 3))},
)


def submitted(prediction=TWO, name="tiny", metric=None, simulated=False) -> Submitted:
    """Three rows to predict."""
    load = replace(competition(BINARY, {"y": 0}), simulated=simulated)
    blended = replace(BLENDED, test=prediction, metric=metric or BLENDED.metric)
    one = ByTarget({"": load}), ByTarget({"": blended})
    return submit(SubmitStage(name=name), *one, Progress(live=False))


def test_the_file_is_named_after_what_made_it(capsys):
    found = submitted()
    assert re.fullmatch(r"tiny_greedy_0\.9432_[0-9a-f]{8}\.csv", found.file)
    assert found.content == b"id,y\n30,1\n10,0\n20,1\n"
    shown = capsys.readouterr().out
    assert "Accuracy 0.9432 ± 0.0042" in shown
    assert f"-m pipeline score {found.file} SCORE" in shown


def test_the_ledger_keeps_what_made_it():
    found = submitted()
    assert found.entry == Entry(
        file=found.file,
        competition="tiny",
        metric="accuracy",
        score=0.94321,
        standard_error=0.0042,
        method="greedy",
        weights={"linear": 1.0},
        cut_short={"linear": CutShort(repeats=(1, 3))},
        data={"train": "abc"},
    )


def test_equal_predictions_are_the_same_file_and_others_another():
    assert submitted().file == submitted(np.round(TWO)).file  # of the same labels
    assert submitted().file != submitted(TWO[:, ::-1]).file
    one, other = (submitted(name=name).file.rsplit("_", 1)[1] for name in ("tiny", "other"))
    assert one != other


def test_what_is_submitted_can_be_stored(tmp_path):
    found, store, key = submitted(), Store(tmp_path), Key("submit", "0")
    store.put(key, found)
    assert store.get(key, Submitted) == found


def test_simulated_data_is_marked_and_not_to_be_uploaded(capsys):
    found = submitted(simulated=True)
    assert found.file.startswith("tiny_SIMULATED_greedy_") and found.entry.simulated
    shown = capsys.readouterr().out
    assert "not for upload" in shown
    assert "pipeline score" not in shown


def test_what_the_organiser_would_refuse_is_refused():
    with pytest.raises(DataError, match="no finite prediction for 1 rows"):
        submitted(np.where(TWO == 0.2, np.nan, TWO))
    with pytest.raises(DataError, match="probabilities outside 0 to 1"):
        submitted(TWO + 0.5, metric="roc_auc")

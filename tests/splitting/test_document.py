"""docs/validation.md: its own split works, and every key of [split] is in it."""

import importlib.util
import re
import sys

import numpy as np

from pipeline.config import Split
from pipeline.progress import Progress
from pipeline.stages.split import split
from tests.project import ROOT
from tests.small_loaded import loaded

TEXT = (ROOT / "docs" / "validation.md").read_text()


def test_the_own_split_works(monkeypatch, tmp_path):
    """Its lines, on 52 weeks of two rows each."""
    (written,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "shops.py"
    path.write_text(written)
    spec = importlib.util.spec_from_file_location("pipeline.competitions.shops", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    load = loaded(np.arange(104) % 2, train={"week": np.arange(104) // 2})
    folds = split(Split(own="shops", time="week"), load, Progress(live=False)).folds
    assert [fold.valid.tolist() for fold in folds] == [[60, 61], [80, 81], [100, 101]]
    assert [int(fold.train[-1]) for fold in folds] == [55, 75, 95]


def test_every_key_is_described():
    assert all(f"`{key}" in TEXT for key in Split.model_fields if key not in ("seed", "repeats"))

"""Values of stages, made from data frames: what tests hand to a stage in the place of a run."""

import contextlib
import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import codec
from pipeline.fits import Fits
from pipeline.fitting import Objective
from pipeline.folds import Folds, folds_of
from pipeline.member import Member
from pipeline.models import Loss
from pipeline.problem import Feature, Form, Kind, Loaded, Problem
from pipeline.progress import Progress
from pipeline.settings import EncoderSettings
from pipeline.stage_settings import EncodeStage
from pipeline.stages.encode import encode
from pipeline.store import Key, Piece, Store


def loaded(
    train: pd.DataFrame,
    test: pd.DataFrame,
    y: np.ndarray,
    kinds: Mapping[str, Kind],
    classes: tuple[str, ...] | None = None,
) -> Loaded:
    """The columns of `kinds` are features, others are none; `y` are class codes or values."""
    task = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    form = Form(("id", "y"), "target", "id", by_row=False, target="y")
    features = tuple(Feature(name, kind) for name, kind in kinds.items())
    positive = classes[1] if task == "binary" else None
    problem = Problem("y", "id", task, classes, positive, form, features)
    sample = pd.DataFrame({"id": test.index.astype("str"), "y": "0"})
    return Loaded(train, test, sample, y, problem, {}, simulated=False, notes=())


def folds(rows: int, *, number: int = 3, repeats: int = 1, seed: int = 9) -> Folds:
    """Rows drawn one by one."""
    rng = np.random.default_rng(seed)
    drawn = [folds_of(repeat, rng.permutation(rows) % number) for repeat in range(repeats)]
    return Folds(rows, tuple(fold for each in drawn for fold in each), "plain")


def fits(folder: Path, load: Loaded, *encoders: EncoderSettings) -> Fits:
    """Fits of a store below the folder, of these tables as these encoders need them."""
    asked = encoders or (EncoderSettings(),)
    stage = EncodeStage(encoders=asked, models=("linear",) * len(asked))
    store = Store(folder / "store")
    pieces: list[Any] = []
    for value in (load, encode(stage, load, Progress(live=False))):
        # what a value is follows from its bytes, here as in a run
        key = Key.of("value", {name: hash_of(each) for name, each in contents(value).items()})
        store.put(key, value)
        pieces.append(Piece(store, key, type(value)))
    loss: Loss = "squared_error" if load.problem.task == "regression" else "zero_one"
    return Fits(store, *pieces, Objective(load.problem.task, load.problem.outputs, loss))


def contents(value: Any) -> dict[str, bytes]:
    """What the store keeps of a value: file name -> content."""
    found: dict[str, bytes] = {}

    @contextlib.contextmanager
    def opened(name: str) -> Iterator[io.BytesIO]:
        yield (file := io.BytesIO())
        found[name] = file.getvalue()

    codec.encode(value, opened)
    return found


def member(kind: str, encoder: EncoderSettings | None = None, **settings: Any) -> Member:
    return Member(kind, settings, encoder or EncoderSettings())


def hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""Evidence that is made by hand: a small survey, and predictions that are formulas."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd

from pipeline.blending import Blended, Expected, FittedBlend
from pipeline.encoded import Encoded
from pipeline.folds import Folds, folds_of
from pipeline.member import Member
from pipeline.metrics import METRICS, estimate
from pipeline.problem import Feature, File, Form, Loaded, Problem
from pipeline.report.evidence import Evidence
from pipeline.settings import EncoderSettings
from pipeline.stage_settings import EvaluateStage
from pipeline.training import CutShort, FoldScore, Trained
from pipeline.tuning import FinishedTrial, Tuned
from tests.report.stand_in import FormulaFits, FormulaPredictor

METRIC_OF = {"binary": "accuracy", "multiclass": "balanced_accuracy", "regression": "rmse"}
KINDS = {"id": "number", "size": "number", "city": "category", "weight": "number"}
CLASSES = {"binary": ("no", "yes"), "multiclass": ("low", "middle", "high"), "regression": None}


def survey(task: str, n: int = 180, seed: int = 4) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows, and a target that grows with `size`; some cities are missing."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.integers(0, 6, size=n).astype(float),
            "city": pd.Series(rng.choice(["Ulm", "Bern", "Linz"], size=n), dtype="str"),
            "weight": rng.normal(size=n),
        }
    )
    value = level(frame) + rng.normal(size=n)
    edges = {"binary": [3.0], "multiclass": [2.0, 4.5], "regression": []}[task]
    y = value if task == "regression" else np.digitize(value, edges)
    frame.loc[rng.random(n) < 0.1, "city"] = None
    return frame, y


def level(frame: pd.DataFrame) -> np.ndarray:
    """What the target of rows is but for noise, (n,)."""
    return (frame["size"] + 2.0 * (frame["city"] == "Bern")).to_numpy(float)


def predict(frame: pd.DataFrame, task: str) -> np.ndarray:
    """The best prediction of these rows, (n, k)."""
    mean = level(frame)
    if task == "regression":
        return mean[:, np.newaxis]
    edges = np.array({"binary": [3.0], "multiclass": [2.0, 4.5]}[task])
    below = 1 / (1 + np.exp(1.7 * (mean[:, np.newaxis] - edges)))
    return np.diff(below, axis=1, prepend=0.0, append=1.0)


def loaded(task: str, rename: dict[str, str] | None = None, **options) -> Loaded:
    frame, y = survey(task)
    test, _ = survey(task, 30, seed=5)
    names = {name: (rename or {}).get(name, name) for name in frame}
    features = tuple(Feature(new, KINDS[name]) for name, new in names.items())
    form = Form(("id", "answer"), "target", "id", False, "answer")
    classes = CLASSES[task]
    problem = Problem("answer", None, task, classes, classes and classes[-1], form, features)
    found = Loaded(
        frame.rename(columns=names),
        test.rename(columns=names),
        test[[]],
        y,
        problem,
        {"train": File("train.csv", "a" * 64, len(y)), "test": File("test.csv", "b" * 64, 30)},
        False,
        ("'weight' was read as a number.",),
    )
    return replace(found, **options)


def folds(rows: int, repeats: int = 2, number: int = 3) -> Folds:
    each = [folds_of(r, np.arange(rows) // (1 + r) % number) for r in range(repeats)]
    return Folds(rows, tuple(fold for of in each for fold in of), "plain")


def trained(kind: str, oof: np.ndarray, split: Folds, asked: int = 2, **settings) -> Trained:
    """oof (repeats, n, k)."""
    member = Member(kind, {"seed": 0, **settings}, EncoderSettings())
    fits = tuple(
        FoldScore(fold.repeat, fold.number, 0.5, f"key-{fold.name}")
        for fold in split.folds
        if fold.repeat < len(oof)
    )
    return Trained(member, oof, np.empty((0, 1)), np.empty((0, 0, 1)), fits, asked, 1.5, 0.25)


def blended(oof: np.ndarray, y: np.ndarray, metric: str, names: tuple[str, ...]) -> Blended:
    weights = np.full(len(names), 1 / max(1, len(names)))
    score = estimate(METRICS[metric], y, oof)
    return Blended(
        FittedBlend(names, weights),
        "equal",
        metric,
        oof,
        np.empty((0, 1)),
        {"equal": score},
        (),
        "The simplest method is kept.",
        Expected(score.score + 0.001, 1.1 * score.standard_error, score.score, 0.001),
        {},
    )


def evidence(task: str = "binary", load: Loaded | None = None, **options) -> Evidence:
    """Two members, of which one has a name of its own; a third was left out by the budget."""
    load = load or loaded(task)
    y, split = load.y, folds(len(load.y))
    plain = load.train.set_axis(["size", "city", "weight"], axis=1)
    best, rng = predict(plain, task), np.random.default_rng(1)
    oof = {
        "small": np.stack([best, best]),
        "linear": np.stack([0.5 * best + 0.5 * best[rng.permutation(len(y))]] * 2),
        "kernel": np.empty((0, *best.shape)),
    }
    kinds = {"small": "lightgbm", "linear": "linear", "kernel": "kernel"}
    train = {name: trained(kinds[name], each, split) for name, each in oof.items()}
    tune = {name: Tuned({"seed": 0}, "log_loss", None, (), 0) for name in train}
    blend = blended(
        (oof["small"][0] + oof["linear"][0]) / 2, y, METRIC_OF[task], ("small", "linear")
    )
    values = {
        "settings": EvaluateStage(
            name="tiny", metric=METRIC_OF[task], importance_rows=60, dependence_rows=60
        ),
        "load": load,
        "explore": SimpleNamespace(
            findings=SimpleNamespace(drifts=(), adversarial=None, mirror=None)
        ),
        "split": split,
        "encode": Encoded({}),
        "tune": tune,
        "train": train,
        "blend": replace(blend, cut_short={"kernel": CutShort(repeats=(0, 2))}),
        "fits": FormulaFits(task, plain),
        "predictor": FormulaPredictor(task, list(load.train)),
        "scores": (),
    }
    return Evidence(**values | options)


def trials(values, states=None, params=None) -> tuple[FinishedTrial, ...]:
    states = states or ["complete"] * len(values)
    params = params or [{}] * len(values)
    each = enumerate(zip(values, states, params, strict=True))
    return tuple(FinishedTrial(number, value, state, of) for number, (value, state, of) in each)

"""How long the blend stage takes, how much memory, and how good what it chooses is.

    python benchmarks/blend.py --rows 700000 --members 30
    python benchmarks/blend.py --rows 10000000 --members 3 --classes 1 --metric rmse
    python benchmarks/blend.py --positives 0.02 --metric f1 average_precision

Members' out-of-fold predictions are simulated: what is true, seen with an error that all members
share, one of each kind of model and one of each member, of different strength and confidence. They
are stored and read as those of a run are. A line a metric: seconds, and the peak memory of the
process (Pss, in which pages of the store's files count). Values are as the first metric takes them:
whole numbers, or greater than 0.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # the project's code

import numpy as np
import pandas as pd

from pipeline.folds import Folds, folds_of
from pipeline.from_scratch.activations import softmax
from pipeline.member import Member
from pipeline.metrics import METRICS, Metric, get_metric
from pipeline.prediction import precision, rounded
from pipeline.problem import Form, Loaded, Problem
from pipeline.progress import Progress
from pipeline.settings import EncoderSettings
from pipeline.stage_settings import BlendStage
from pipeline.stages.blend import blend
from pipeline.store import Key, Store
from pipeline.training import Trained, compared

KINDS = 4  # of models, whose members err alike
SHARED, OF_KIND, OWN, OF_FOLD = 0.5, 0.4, 0.5, 0.2  # standard deviations of errors


@dataclass
class Truth:
    """What members try to see, (n, outputs), and the target (n,)."""

    signal: np.ndarray
    y: np.ndarray
    shared: np.ndarray
    of_kind: list[np.ndarray] = field(default_factory=list)


def truth(options: argparse.Namespace, rng: np.random.Generator) -> Truth:
    rows, outputs = options.rows + options.test_rows, options.classes
    signal = 1.5 * rng.normal(size=(rows, outputs)).astype(np.float32)
    if outputs == 1:
        y = as_values((signal[:, 0] + rng.normal(size=rows)).astype(float), options)
        y = np.rint(y).clip(0, options.levels) if options.kind == "levels" else y
    else:
        signal[:, 0] = 0.0 if outputs == 2 else signal[:, 0]
        signal[:, 1:] += np.log(options.positives / (1 - options.positives)) * (outputs == 2)
        y = np.argmax(signal + rng.gumbel(size=signal.shape).astype(np.float32), axis=1)
    noise = [rng.normal(size=signal.shape).astype(np.float32) for _ in range(KINDS + 1)]
    return Truth(signal, y, SHARED * noise[0], [OF_KIND * each for each in noise[1:]])


def as_values(seen: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """As the metric takes them."""
    if options.kind == "positive":
        return np.exp(seen)
    return seen + options.levels / 2 if options.kind == "levels" else seen


def kind_of(metric: Metric) -> str:
    """Of values."""
    if metric.whole_values:
        return "levels"
    return "positive" if metric.least_value == 0 or metric.decision == "factor" else "any"


def predicted(
    truth: Truth,
    member: int,
    rows: slice,
    options: argparse.Namespace,
    rng: np.random.Generator,
) -> np.ndarray:
    """A member's predictions (n, outputs) of these rows, better or worse by its number."""
    strength = 1 + 0.5 * np.sin(3.0 * member)
    seen = truth.signal[rows] + truth.shared[rows]
    seen = seen + strength * (
        truth.of_kind[member % KINDS][rows] + OWN * rng.normal(size=seen.shape).astype(np.float32)
    )
    if seen.shape[1] > 1:
        seen[:, 0] = 0.0 if seen.shape[1] == 2 else seen[:, 0]
        return softmax((0.6 + 0.3 * (member % 4)) * seen).astype(float)
    return as_values(seen.astype(float), options)


def members(
    found: Truth, options: argparse.Namespace, rng: np.random.Generator
) -> Iterator[tuple[str, Trained]]:
    train, test = slice(0, options.rows), slice(options.rows, options.rows + options.test_rows)
    for number in range(options.members):
        oof = predicted(found, number, train, options, rng)[np.newaxis]
        by_fold = np.stack(
            [predicted(found, number, test, options, rng) for _ in range(options.folds)]
        )
        yield f"member_{number:02}", trained(found.y[train], oof, by_fold)


def trained(y: np.ndarray, oof: np.ndarray, by_fold: np.ndarray) -> Trained:
    """oof (1, n, k) and by_fold (folds, m, k) as the train stage keeps them."""
    kind, some = precision(y, oof.shape[-1]), compared(by_fold.shape[1], len(y))
    test, by_fold = by_fold.mean(axis=0), by_fold[:, some]
    kept = (rounded(each, kind) for each in (oof, test, by_fold))
    return Trained(Member("linear", {}, EncoderSettings()), *kept, (), 1, 0.0, 0.0)


def loaded(y: np.ndarray, outputs: int, test_rows: int) -> Loaded:
    task = {1: "regression", 2: "binary"}.get(outputs, "multiclass")
    classes = tuple(f"c{code}" for code in range(outputs)) if outputs > 1 else None
    form = Form(("id", "y"), "target", "id", False, "y", made_up=True)
    problem = Problem("y", "id", task, classes, None, form, ())
    train, test = pd.DataFrame({"y": y}), pd.DataFrame({"id": np.arange(test_rows)})
    return Loaded(train, test, test, y, problem, {}, simulated=False, notes=())


class Peak:
    """The most memory of this process, in MB, sampled twenty times a second."""

    def __init__(self) -> None:
        self.total = self.anonymous = 0.0
        self._done = threading.Event()

    @contextmanager
    def sampled(self) -> Iterator["Peak"]:
        thread = threading.Thread(target=self._sample, daemon=True)
        thread.start()
        yield self
        self._done.set()
        thread.join()

    def _sample(self) -> None:
        while not self._done.wait(0.05):
            lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
            of = {line.partition(":")[0]: line.split()[1] for line in lines[1:]}
            self.total = max(self.total, int(of["Pss"]) / 1024)
            self.anonymous = max(self.anonymous, int(of["Anonymous"]) / 1024)


def main() -> None:
    options = parse()
    rng = np.random.default_rng(options.seed)
    found = truth(options, rng)
    numbers = rng.permutation(options.rows) % options.folds
    split = Folds(options.rows, tuple(folds_of(0, numbers)), "plain")
    with tempfile.TemporaryDirectory() as folder:
        store, names = Store(Path(folder)), []
        for name, each in members(found, options, rng):
            store.put(Key("train", name), each)
            names.append(name)
        y = found.y
        del found, each
        for metric in options.metric:
            measure(metric, y, split, store, names, options)


def measure(
    metric: str,
    y: np.ndarray,
    split: Folds,
    store: Store,
    names: list[str],
    options: argparse.Namespace,
) -> None:
    """Prints the line of a metric."""
    stored, train = store.size(), {name: store.get(Key("train", name), Trained) for name in names}
    load = loaded(y[: options.rows], options.classes, options.test_rows)
    settings = BlendStage(method=options.method, metric=metric)
    started, processor = time.perf_counter(), time.process_time()
    with Peak().sampled() as peak:
        blended = blend(settings, load, split, train, Progress(live=False))
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    size = store.put(Key("blend", metric), blended).size
    expected = blended.expected
    score = get_metric(metric, load.problem.task).score(y[options.rows :], blended.test)
    print(
        f"{options.rows:,} rows x {options.members}, {options.classes} outputs, {blended.metric}: "
        f"{seconds:.1f} s ({processor:.1f} s of processor), {peak.total:.0f} MB "
        f"({peak.anonymous:.0f} MB without files); members {stored / 1e6:.0f} MB, blend "
        f"{size / 1e6:.0f} MB stored; {blended.method}, expected {expected.score:.5f} ± "
        f"{expected.standard_error:.5f}, on new rows {score:.5f}",
        flush=True,
    )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=700_000)
    parser.add_argument("--test-rows", type=int, help="3 for 7 rows of train, if left out")
    parser.add_argument("--members", type=int, default=30)
    parser.add_argument("--classes", type=int, default=2, help="1: values")
    parser.add_argument("--metric", nargs="+", default=["log_loss"])
    parser.add_argument("--positives", type=float, default=0.5, help="of two classes, their share")
    parser.add_argument("--levels", type=int, default=5, help="the greatest whole number")
    parser.add_argument("--method", default="auto")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.test_rows is None:
        options.test_rows = options.rows * 3 // 7
    options.kind = kind_of(METRICS[options.metric[0]])
    return options


if __name__ == "__main__":
    main()

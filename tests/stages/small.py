"""Stand-ins for what load, split, encode and Fits give, with a problem that is small."""

import contextlib
import hashlib
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd

from pipeline import parallel
from pipeline.files import digest_of
from pipeline.fits import Fit, Predictions
from pipeline.member import Member
from pipeline.models import logistic
from pipeline.plan import Plan, Shares
from pipeline.progress import Progress
from pipeline.settings import EncoderSettings
from pipeline.store import Key, Store
from tests import values

COLUMNS = [f"x{i}" for i in range(5)]


def loaded(seed=0, n=240, y=None):
    """y (n,) depends on the first two of five columns; 20 more rows are the test rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n + 20, len(COLUMNS)))
    target = (X[:, 0] - X[:, 1] + 0.7 * rng.normal(size=n + 20) > 0).astype(np.int64)
    frame = pd.DataFrame(X, columns=COLUMNS)
    kinds = dict.fromkeys(COLUMNS, "number")
    target = target[:n] if y is None else y
    return values.loaded(frame[:n], frame[n:], target, kinds, ("no", "yes"))


def folds(n=240, **more):
    return values.folds(n, **more)


def member(**settings):
    return Member("logistic", logistic.Settings(**settings).of_model(), EncoderSettings())


class SmallFits:
    """Ridge regression of y on X through a sigmoid, kept in a real store as fits are.

    Every fit counts as `took` seconds, and sleeps for `naps`.
    """

    def __init__(self, store, load, took=1.0, naps=0.0):
        self.store, self.y, self.took, self.naps = store, load.y, took, naps
        self.load = SimpleNamespace(value=load)
        # one layout here and in a worker process: products of another one round differently
        self.X, self.test_rows = (np.ascontiguousarray(t) for t in (load.train, load.test))

    def key(self, of, fold):
        arrays = (self.X, self.y, fold.train, fold.valid)
        data = [hashlib.sha256(np.ascontiguousarray(each)).hexdigest() for each in arrays]
        return Key.of("fit", {"member": [of.kind, dict(of.settings)], "data": data})

    def fit(self, of, fold):
        key = self.key(of, fold)
        known = self.store.get(key, Fit)
        if known is None:
            time.sleep(self.naps)
            X, y = self.X[fold.train], self.y[fold.train] - 0.5
            ridge = of.settings["l2"] * len(X) * np.eye(X.shape[1])
            state = {"weights": np.linalg.solve(X.T @ X + ridge, X.T @ y)}
            known = Fit(self._predict(state, self.X[fold.valid]), state, self.took, 0.0)
            self.store.put(key, known, self.took)
        return known

    def test(self, of, fold):
        return Predictions(self._predict(self.fit(of, fold).state, self.test_rows), 0.0)

    objective, cluster = SimpleNamespace(outputs=2), None

    def learnt_rows(self, of):
        return len(self.y)

    def at_once(self, of):
        return parallel.cores()

    def threads(self, of, number, at_once=None):
        return [1] * number

    def features(self, of):
        return COLUMNS

    def ask(self, of, fold):
        raise NotImplementedError("there is no cluster")

    def workers(self, left=None, progress=None, at_once=None):
        return parallel.workers(left=left)

    def seconds(self, of, fold):
        manifest = self.store.manifest(self.key(of, fold))
        return None if manifest is None else manifest.seconds

    def forget(self, of, fold):
        self.store.remove(self.key(of, fold))

    def forget_tests(self, of, folds):
        """None are kept."""

    def measure(self, of, fold, rows, predicted):
        """In proportion to the rows: `took` for all of a fold's."""
        return self.took * len(rows) / len(fold.train), 0.0

    def _predict(self, state, X):
        positive = 1 / (1 + np.exp(-4 * X @ state["weights"]))
        return np.column_stack([1 - positive, positive])


def fits_in(folder, load=None, **more):
    return SmallFits(Store(folder), load or loaded(), **more)


def stored(fits):
    """Keys of everything in the store."""
    keys = fits.store.keys()
    return {key.hash for key in keys}


class Clock:
    """A stopwatch that stands still but where a test moves it on."""

    def __init__(self, now=0.0):
        self.now = now

    def seconds(self):
        return self.now


class Ticking(Progress):
    """Every step that is done moves a clock on."""

    def __init__(self, clock, seconds):
        super().__init__(live=False)
        self.clock, self.step = clock, seconds

    def task(self, description, total):
        return contextlib.nullcontext(self)

    def advance(self, note=""):
        self.clock.now += self.step


def plan_of(folder, seconds, part="train/one", rows=0, about=None, watch=None):
    """A plan of so many seconds for one member, of which `part` is the only open part."""
    tuned = part.startswith("tune/")
    shares = Shares(seconds / 60, {"one": "logistic"}, {"one": 3 if tuned else 0}, rows)
    return Plan(folder / f"{digest_of([about, seconds])}.json", shares, lambda: watch or Clock())

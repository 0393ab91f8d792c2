"""What a worker is asked for, by the keys of all that it depends on: a fit, or what one predicts.

It is kept in the store, and its key and the folder are what travels. The worker reads the data from
the store and leaves the result there, under the key that it has on any machine.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from pipeline import code
from pipeline.changed_rows import Changes, keep_changed
from pipeline.changed_rows import key as changed_key
from pipeline.encoded import Encoded
from pipeline.files import digest_of
from pipeline.fits import Fits
from pipeline.fitting import Objective
from pipeline.folds import Fold
from pipeline.member import Member
from pipeline.problem import Loaded
from pipeline.store import Key, Piece, Store

# no fit's key has them
CARRIERS = ("cluster/requests.py", "codec.py", "changed_rows.py", "store.py")


@dataclass(frozen=True)
class FitRequest:
    """A fit on a fold's training rows, or on these `rows` (m,) of them; `test`: it predicts the
    test rows too. `fold` is the key of the fold, which many requests share.

    `changes`: what the fit with this `path` in the store predicts of rows that are changed so.
    """

    load: Key
    encode: Key
    objective: Objective
    member: Member
    fold: Key
    rows: np.ndarray | None
    test: bool
    changes: Key | None = None
    path: str = ""

    def compute(self, store: Store) -> None:
        """Leave what is asked for in the store, unless it is there."""
        fits, fold = _fits(store, self.load, self.encode, self.objective), self._fold(store)
        if self.changes is not None:
            changes = Piece(store, self.changes, Changes).value
            keep_changed(fits, self.member, fold, self.path, changes)
            return
        if self.rows is not None:
            fits.validate(self.member, fold, self.rows)
            return
        fits.fit(self.member, fold)
        if self.test:
            fits.test(self.member, fold)

    def _fold(self, store: Store) -> Fold:
        return Piece(store, self.fold, Fold).value


@dataclass(frozen=True)
class Environment:
    """What must be the same everywhere: files of code, versions of libraries, the BLAS kernel."""

    parts: dict[str, str]

    @property
    def digest(self) -> str:
        return digest_of(self.parts)

    @property
    def key(self) -> Key:
        return Key.of("environment", {"parts": self.parts})


def environment(modules: str) -> Environment:
    """What fits run here beside these modules of the project, `models.lightgbm` for instance."""
    parts = code.parts("pipeline.fits", *(f"pipeline.{name}" for name in modules.split()))
    carriers = {name: code.now(name) or "" for name in CARRIERS}
    return Environment({**parts, **carriers, "BLAS": _kernels()})


@cache
def _kernels() -> str:
    """Found once: it takes a moment, and libraries that are loaded later change nothing."""
    from pipeline.submission import blas_kernels

    return blas_kernels()


@dataclass(frozen=True)
class Asked:
    """A request that lies in the store, and where its results will: `keys`."""

    request: Key
    environment: Environment
    modules: str
    keys: tuple[Key, ...]

    def words(self, store: Store) -> list[str]:
        """What is sent to a worker: texts alone."""
        root = str(store.root.absolute())
        return [root, self.request.hash, self.modules, self.environment.key.hash]


def ask(fits: Fits, member: Member, fold: Fold, rows: Any = None, test: bool = False) -> Asked:
    """Put a request into the store."""
    is_whole = rows is None or len(rows) == len(fold.train)
    fit = fits.key(member, fold, None if is_whole else rows)
    keys = (fit, fits.test_key(member, fold)) if test else (fit,)
    return _put(fits, member, fold, keys, None if is_whole else np.asarray(rows), test)


def ask_changed(fits: Fits, member: Member, fold: Fold, path: str, changes: Changes) -> Asked:
    """The same for what the fit with this path predicts of changed rows."""
    how = Key.of("changes", {"digest": changes.digest})
    _put_once(fits.store, how, changes)
    return _put(fits, member, fold, (changed_key(member, path, changes),), changes=how, path=path)


def _put(
    fits: Fits,
    member: Member,
    fold: Fold,
    keys: tuple[Key, ...],
    rows: np.ndarray | None = None,
    test: bool = False,
    **more: Any,
) -> Asked:
    """A request whose results will have these keys."""
    where = Key.of("fold", {"fold": fits.fold_digest(fold)})
    about = {"load": fits.load.key.path, "encode": fits.encode.key.path, "fit": keys[0].path}
    key = Key.of("request", {**about, "test": test})
    load, encode, objective = fits.load.key, fits.encode.key, fits.objective
    request = FitRequest(load, encode, objective, member, where, rows, test, **more)
    # features of the competition's own are computed of changed rows alone
    own = member.encoder.features if "changes" in more else None
    modules = f"models.{member.kind}" + (f" competitions.{own}" if own else "")
    here = environment(modules)
    for each, value in ((where, fold), (here.key, here), (key, request)):
        _put_once(fits.store, each, value)
    return Asked(key, here, modules, keys)


def _put_once(store: Store, key: Key, value: Any) -> None:
    if store.manifest(key) is None:
        store.put(key, value)


@lru_cache(maxsize=4)
def _fits(store: Store, load: Key, encode: Key, objective: Objective) -> Fits:
    """One object for many requests on the same data, which are then read once."""
    return Fits(store, Piece(store, load, Loaded), Piece(store, encode, Encoded), objective)

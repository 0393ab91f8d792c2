"""Optuna studies in one append-only journal per competition, which survives a kill at any byte."""

import contextlib
import fcntl
import io
import itertools
import json
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pipeline.artifacts import write_atomically
from pipeline.config import Tune
from pipeline.errors import DataError
from pipeline.progress import tell

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LOOPBACK = "127.0.0.1"
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
Suggest = Callable[[optuna.Trial], dict[str, Any]]

optuna.logging.set_verbosity(optuna.logging.ERROR)


class _RecordLock(BaseJournalFileLock):
    """A POSIX record lock: gone with its process, so that a kill leaves nothing to wait for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: io.TextIOWrapper | None = None

    def acquire(self) -> bool:
        self.file = self.path.open("w")
        fcntl.lockf(self.file, fcntl.LOCK_EX)
        return True

    def release(self) -> None:
        if self.file is not None:
            self.file.close()


def open_journal(path: Path) -> JournalStorage:
    """The journal's storage, once it is mended; DataError where it is no journal of Optuna's."""
    mend(path)
    try:
        return JournalStorage(JournalFileBackend(str(path), _lock(path)))
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: this is no journal of searches ({error or type(error).__name__}). Move it "
            "away and run make again: searches that are done keep their results, others begin anew."
        ) from None


def mend(path: Path) -> str | None:
    """Drop blank lines, and the last one if a kill cut it short; returns what else was damaged.

    Every line goes on from those before it. Where one is damaged, the search goes on from there,
    as if it had been stopped there, and the journal as it was is kept aside.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock(path)
    lock.acquire()
    try:
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        lines = [line for line in whole.splitlines(keepends=True) if line.strip()]
        good = next((i for i, line in enumerate(lines) if not _is_entry(line)), len(lines))
        sentence = None
        if good < len(lines):
            aside = next(free for free in _asides(path) if not free.exists())
            write_atomically(aside, content)
            sentence = (
                f"line {whole.splitlines(keepends=True).index(lines[good]) + 1} of {path} is "
                f"damaged: going on from the {good:,} lines before it; all of it is kept as "
                f"{aside.name}"
            )
        kept = b"".join(lines[:good])
        if kept != content or not path.exists():
            write_atomically(path, kept)
    finally:
        lock.release()
    return sentence


def _is_entry(line: bytes) -> bool:
    """Whether this line of a journal is whole."""
    try:
        return {"op_code", "worker_id"} <= set(json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return False


def _asides(path: Path) -> Iterator[Path]:
    return (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))


def _lock(path: Path) -> _RecordLock:
    return _RecordLock(path.with_suffix(".lock"))


def open_study(
    journal: Path, name: str, settings: Tune, baseline: dict[str, Any], *, greater_is_better: bool
) -> optuna.Study:
    """The study of this name, new or as far as it came.

    `baseline` is kept beside the study for whoever looks at it in the dashboard.
    """
    study = optuna.create_study(
        storage=open_journal(journal),
        study_name=name,
        direction="maximize" if greater_is_better else "minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=settings.pruning_warmup, n_warmup_steps=0, interval_steps=1
        ),
    )
    if not study.user_attrs:
        study.set_user_attr("settings before tuning", baseline)
    return study


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that count, complete or pruned; what a kill left half done does not."""
    return study.get_trials(deepcopy=False, states=FINISHED)


def best_of(study: optuna.Study, trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The best of these that came to their end; of equals the first."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    sign = -1 if study.direction == StudyDirection.MAXIMIZE else 1
    return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)


@contextlib.contextmanager
def deletion_reported(study: optuna.Study, journal: Path) -> Iterator[None]:
    """The dashboard can delete a study that is being searched: DataError, not a missing record."""
    try:
        yield
    except KeyError:
        if study.study_name in optuna.get_all_study_names(open_journal(journal)):
            raise
        raise DataError(
            f"the study {study.study_name!r} was deleted while trials were added to it. Run the "
            "same command again: the search then begins anew."
        ) from None


def abandon(study: optuna.Study, trial: optuna.Trial) -> None:
    """Give a trial up that there was no time to finish."""
    study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


def abandon_running(study: optuna.Study) -> None:
    """Mark what an earlier, killed run left half done as failed; its place is taken again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def next_trial(
    study: optuna.Study, settings: Tune, baseline: dict[str, Any], suggest: Suggest
) -> tuple[optuna.Trial, dict[str, Any]]:
    """Ask for a trial and its settings; the first one is the baseline itself.

    The sampler is seeded by the number of trials finished before, not by a stream of random
    numbers: an interrupted search takes the same path as an uninterrupted one.
    """
    done = len(finished(study))
    tpe = optuna.samplers.TPESampler(
        n_startup_trials=settings.startup_trials,
        n_ei_candidates=24,
        multivariate=True,
        group=False,
        constant_liar=False,
        seed=settings.seed * 100_003 + done,
    )
    with warnings.catch_warnings():  # Optuna calls PartialFixedSampler experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.sampler = tpe if done else optuna.samplers.PartialFixedSampler(baseline, tpe)
    trial = study.ask()
    return trial, suggest(trial)


def evaluate_trial(study: optuna.Study, trial: optuna.Trial, scores: Iterator[float]) -> float:
    """Report the mean score after each fold, in order, and stop where it is hopeless.

    Returns the mean over the folds that were judged.
    """
    total, mean = 0.0, float("nan")
    for step, score in enumerate(scores):
        total += score
        mean = total / (step + 1)
        trial.report(mean, step)
        if trial.should_prune():
            study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)
            return mean
    study.tell(trial, mean, skip_if_finished=True)
    return mean


def serve_dashboard(journal: Path, port: int) -> None:
    """optuna-dashboard on 127.0.0.1, live while another terminal tunes."""
    if not journal.exists():
        raise DataError(
            f"{journal}: no study yet. Tune first: `make tune` with `trials` above 0 in a "
            "[models.NAME] table of the competition's TOML."
        )
    from optuna_dashboard import wsgi

    logging.getLogger("optuna_dashboard").setLevel(logging.ERROR)
    guarded = for_this_machine(wsgi(open_journal(journal)), port)
    try:
        server = make_server(LOOPBACK, port, guarded, _ThreadedServer, _SilentHandler)
    except OSError as error:
        raise DataError(
            f"{LOOPBACK}:{port}: {error.strerror}; another program listens there. "
            "Choose another one: make dashboard PORT=8081."
        ) from None
    with server, contextlib.suppress(KeyboardInterrupt):
        tell(f"optuna-dashboard: http://{LOOPBACK}:{port}/  (Ctrl-C ends it)")
        server.serve_forever()


class _ThreadedServer(ThreadingMixIn, WSGIServer):
    """A connection that a browser opens ahead and leaves idle keeps no other waiting."""

    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    """Writes no line a request."""

    def log_message(self, format: str, *values: Any) -> None:
        pass


def for_this_machine(app: "WSGIApplication", port: int) -> "WSGIApplication":
    """The application, for pages that it served itself.

    Whoever runs a web site can let its name lead to 127.0.0.1 (DNS rebinding), and a browser then
    takes the dashboard for a part of that site: the Host header gives it away. A page may also send
    a form elsewhere, which the Origin header tells.
    """
    hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
    if port == 80:  # a browser leaves it out
        hosts |= {LOOPBACK, "localhost"}

    def guarded(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN")
        is_ours = environ.get("HTTP_HOST", "").lower() in hosts
        if is_ours and environ["REQUEST_METHOD"] not in ("GET", "HEAD") and origin is not None:
            is_ours = origin.lower() in {f"http://{host}" for host in hosts}
        if is_ours:
            return app(environ, start_response)
        start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"The dashboard answers http://{LOOPBACK}:{port}/ alone.\n".encode()]

    return guarded

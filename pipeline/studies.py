"""Optuna studies in one append-only journal per competition, which survives a kill at any byte."""

import contextlib
import itertools
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pipeline.errors import DataError, SettingsError
from pipeline.files import locked, write_atomically

if TYPE_CHECKING:
    from pipeline.config import Tune

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
BEST_TRIALS = "best trials"  # numbers of the trials that a search found best when it ended
Suggest = Callable[[optuna.Trial], None]

optuna.logging.set_verbosity(optuna.logging.ERROR)


# -- the journal -----------------------------------------------------------------------------------


class _RecordLock(BaseJournalFileLock):
    """A lock that is gone with its process, so that a kill leaves nothing to wait for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def acquire(self) -> bool:
        self._held = contextlib.ExitStack()
        self._held.enter_context(locked(self.path))
        return True

    def release(self) -> None:
        self._held.close()


def open_journal(path: Path) -> JournalStorage:
    """The journal's storage, once it is mended; DataError where it is no journal of Optuna's."""
    mend(path)
    try:
        return JournalStorage(JournalFileBackend(str(path), _RecordLock(_lock(path))))
    except (LookupError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: this is no journal of searches ({error or type(error).__name__}). Move it "
            "away and run the competition again: searches that are done keep their results, others "
            "start over."
        ) from None


def mend(path: Path) -> str | None:
    """Drop blank lines, and the last one if a kill cut it short; returns what else was damaged.

    Every line goes on from those before it. Where one is damaged, the search goes on from there,
    as if it had been stopped there, and the journal as it was is kept as another file.
    """
    with locked(_lock(path)):
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        lines = [line for line in whole.splitlines(keepends=True) if line.strip()]
        good = next((i for i, line in enumerate(lines) if not _is_entry(line)), len(lines))
        message = None
        if good < len(lines):
            aside = next(free for free in _asides(path) if not free.exists())
            write_atomically(aside, content)
            message = (
                f"line {whole.splitlines(keepends=True).index(lines[good]) + 1} of {path} is "
                f"damaged: going on from the {good:,} lines before it; all of it is kept as "
                f"{aside.name}"
            )
        kept = b"".join(lines[:good])
        if kept != content or not path.exists():
            write_atomically(path, kept)
    return message


def _is_entry(line: bytes) -> bool:
    """Whether this line of a journal is whole."""
    try:
        return {"op_code", "worker_id"} <= set(json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return False


def _asides(path: Path) -> Iterator[Path]:
    return (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))


def _lock(path: Path) -> Path:
    return path.with_suffix(".lock")


# -- studies ---------------------------------------------------------------------------------------


class Study:
    """One search: a study of Optuna's, new or as far as it came.

    A trial that is finished counts, complete or pruned; what a kill left half done does not, and
    its place is taken again.
    """

    is_shared = False  # with other machines, which make trials at the same time

    def __init__(self, study: optuna.Study, settings: "Tune", baseline: Mapping[str, Any]) -> None:
        self.study, self.settings, self.baseline = study, settings, dict(baseline)

    @property
    def finished(self) -> list[FrozenTrial]:
        """In order."""
        return self.study.get_trials(deepcopy=False, states=FINISHED)

    def best(self, trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
        """The best of these that came to their end; of equals the first."""
        complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        sign = -1 if self.study.direction == StudyDirection.MAXIMIZE else 1
        return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The first trial, the best one so far, and those that shorter searches ended with."""
        finished, numbers = self.finished, self.study.user_attrs.get(BEST_TRIALS, [])
        best = self.best(finished)
        ended = [trial for trial in finished if trial.number in numbers]
        return [*finished[:1], *ended, *([best] if best else [])]

    @property
    def before(self) -> int:
        """How many trials there are before the next one."""
        return len(self.finished)

    def is_full(self, asked: int) -> bool:
        """Whether other machines make the last trials of those that were asked for."""
        return False

    def alive(self, trial: optuna.Trial) -> contextlib.AbstractContextManager[None]:
        """Show others that a trial is under way."""
        return contextlib.nullcontext()

    def end_with(self, trial: FrozenTrial) -> None:
        """A search ends, and this trial is the best of it."""
        numbers = {*self.study.user_attrs.get(BEST_TRIALS, []), trial.number}
        self.study.set_user_attr(BEST_TRIALS, sorted(numbers))

    def ask(self, suggest: Suggest) -> optuna.Trial:
        """A new trial: its `params` are the settings to try, those of the first the baseline's.

        The sampler is seeded by the number of trials finished before, not by a stream of random
        numbers: an interrupted search takes the same path as an uninterrupted one.
        """
        done = self.before
        tpe = optuna.samplers.TPESampler(
            n_startup_trials=self.settings.startup_trials,
            n_ei_candidates=24,
            multivariate=True,
            group=False,
            constant_liar=self.is_shared,
            seed=self.settings.seed * 100_003 + done,
        )
        with warnings.catch_warnings():  # Optuna calls PartialFixedSampler experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            fixed = optuna.samplers.PartialFixedSampler(self.baseline, tpe)
        self.study.sampler = tpe if done else fixed
        trial = self.study.ask()
        suggest(trial)
        if unknown := sorted(trial.params.keys() - self.baseline.keys()):
            raise SettingsError(
                f"suggest: found {unknown[0]!r}, allowed are the names of the model's settings "
                f"({', '.join(self.baseline)}). Correct the model's file."
            )
        return trial

    @staticmethod
    def report(trial: optuna.Trial, scores: Iterable[float]) -> tuple[float, bool]:
        """Report the mean score after each fold, in order, and stop where it is hopeless.

        Returns the mean over the folds that were scored, and whether the trial came to its end.
        """
        total, mean = 0.0, float("nan")
        for step, score in enumerate(scores):
            total += score
            mean = total / (step + 1)
            trial.report(mean, step)
            if trial.should_prune():
                return mean, False
        return mean, True

    def finish(self, trial: optuna.Trial, mean: float, is_complete: bool) -> None:
        """The trial counts from now on; one that is not complete was pruned."""
        if is_complete:
            self.study.tell(trial, mean, skip_if_finished=True)
        else:
            self.study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)

    def give_up(self, trial: optuna.Trial | FrozenTrial) -> None:
        """There was no time to finish it."""
        self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)

    def give_up_running(self) -> bool:
        """Give up what an earlier, killed run left half done; returns whether there was any."""
        killed = self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        for trial in killed:
            self.give_up(trial)
        return bool(killed)

    def given_up(self, params: Mapping[str, Any]) -> list[FrozenTrial]:
        """Trials of these settings that were given up."""
        failed = self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))
        return [trial for trial in failed if trial.params == dict(params)]


def open_study(
    storage: BaseStorage,
    name: str,
    settings: "Tune",
    baseline: Mapping[str, Any],
    greater_is_better: bool,
    kind: type[Study] = Study,
) -> Study:
    """The study of this name, new or as far as it came.

    `baseline`, the settings of the first trial, is kept for whoever looks at the dashboard.
    """
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        direction="maximize" if greater_is_better else "minimize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=settings.pruning_warmup, n_warmup_steps=0, interval_steps=1
        ),
    )
    if not study.user_attrs:
        study.set_user_attr("settings before tuning", dict(baseline))
    return kind(study, settings, baseline)


@contextlib.contextmanager
def deletion_reported(name: str, journal: Path) -> Iterator[None]:
    """The dashboard can delete a study that is being searched: DataError, not a missing record."""
    try:
        yield
    except KeyError:
        if name in optuna.get_all_study_names(open_journal(journal)):
            raise
        raise DataError(
            f"the study {name!r} was deleted while trials were added to it. Run the same command "
            "again: the search then starts over."
        ) from None

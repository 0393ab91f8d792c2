"""Searches that several machines share: Optuna's studies in a PostgreSQL database.

Each machine makes the next trial while others are at work on theirs, so that what a search finds
depends on how fast each of them is; a search that has ended is found again by all. A trial whose
machine gives no sign of life is made again by another one.
"""

import contextlib
import importlib.util
import threading
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import optuna
import sqlalchemy
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import TrialState

from pipeline.errors import DataError, SettingsError
from pipeline.studies import Study, Suggest, open_study

if TYPE_CHECKING:
    from pipeline.config import Tune

HEARTBEAT, GRACE = 10, 60  # seconds between two signs of life, and until their lack is death
MOST_RETRIES = 3
CONNECT = 10  # seconds that the database may take
UNDER_WAY = (TrialState.RUNNING, TrialState.WAITING)
FINISHED_OR_OPEN = (TrialState.COMPLETE, TrialState.PRUNED, *UNDER_WAY)


class SharedStudy(Study):
    """A search in which other machines may take part."""

    is_shared = True
    storage: RDBStorage

    @property
    def before(self) -> int:
        """All trials but those that were given up: others may be at work on theirs."""
        return len(self.study.get_trials(deepcopy=False, states=FINISHED_OR_OPEN))

    def ask(self, suggest: Suggest) -> optuna.Trial:
        """As for one machine alone; a trial of a machine that is gone comes first.

        It shows its first sign of life at once: without one it would never count as given up.
        """
        with _quiet():
            trial = super().ask(suggest)
        self.storage.record_heartbeat(self._number(trial))
        return trial

    def is_full(self, asked: int) -> bool:
        """A trial that waits, because its machine is gone, is to be made."""
        self._fail_stale()
        trials = self.study.get_trials(deepcopy=False, states=FINISHED_OR_OPEN)
        return len(trials) >= asked and not any(
            trial.state == TrialState.WAITING for trial in trials
        )

    def give_up_running(self) -> bool:
        """Those alone that give no sign of life; returns whether there were any."""
        before = len(self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,)))
        self._fail_stale()
        return len(self.study.get_trials(deepcopy=False, states=(TrialState.FAIL,))) > before

    def _number(self, trial: optuna.Trial) -> int:
        """By which the database knows a trial."""
        study = self.storage.get_study_id_from_name(self.study.study_name)
        return self.storage.get_trial_id_from_study_id_trial_number(study, trial.number)

    def _fail_stale(self) -> None:
        with _quiet():
            fail_stale_trials(self.study)

    @contextlib.contextmanager
    def alive(self, trial: optuna.Trial) -> Iterator[None]:
        """Signs of life, from a thread: worker processes have begun before."""
        number, ended = self._number(trial), threading.Event()

        def beat() -> None:
            while not ended.wait(HEARTBEAT):
                with contextlib.suppress(sqlalchemy.exc.SQLAlchemyError, StorageInternalError):
                    self.storage.record_heartbeat(number)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()


def open_shared(
    address: str, name: str, settings: "Tune", baseline: Mapping[str, Any], greater_is_better: bool
) -> Study:
    """The study of this name in the database, new or as far as it came."""
    storage = open_database(address)
    study = open_study(storage, name, settings, baseline, greater_is_better, SharedStudy)
    assert isinstance(study, SharedStudy)
    study.storage = storage
    return study


def open_database(address: str) -> RDBStorage:
    """The storage at an address, whose tables are made if there are none."""
    if importlib.util.find_spec("psycopg") is None:
        raise SettingsError(
            "[tune] storage needs psycopg, which is not installed. Install it, `pip install "
            "'.[cluster]'`, or leave this out: trials are then kept in a journal."
        )
    with _quiet():
        return RDBStorage(
            address,
            engine_kwargs={"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT}},
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(MOST_RETRIES),
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Optuna calls heartbeats experimental, and asks who uses them outside Study.optimize."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", "Heartbeat of storage", UserWarning)
        yield


@contextlib.contextmanager
def refusal_reported(address: str, name: str = "") -> Iterator[None]:
    """DataError where the database does not answer, refuses, or has lost the study `name`."""
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, StorageInternalError) as error:
        cause = error.__cause__ if isinstance(error, StorageInternalError) else error
        reason = " ".join(str(getattr(cause, "orig", cause)).split())[:300]
        raise DataError(
            f"[tune] storage: {address}: {reason}. Start the database, correct the address, or put "
            "the password into ~/.pgpass or PGPASSWORD, and run the same command again: trials "
            "that are done are kept."
        ) from None
    except KeyError:
        if name in optuna.get_all_study_names(open_database(address)):
            raise
        raise DataError(
            f"[tune] storage: {address}: the study was deleted while trials were added to it. Run "
            "the same command again: the search then starts over."
        ) from None

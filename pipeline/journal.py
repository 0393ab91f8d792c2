"""Where a competition's Optuna studies are: a journal, each of whose studies is searched by one run
alone, or a database, whose studies several machines search together."""

import contextlib
import fcntl
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pipeline.progress import Progress

if TYPE_CHECKING:
    from pipeline.config import Tune
    from pipeline.studies import Study


class Journal:
    """Opens the studies of one file, or of the database at the address `shared`. Optuna is imported
    by the first that is opened."""

    def __init__(self, path: Path, shared: str | None = None) -> None:
        self.path, self.shared = path, shared

    @contextlib.contextmanager
    def study(
        self,
        name: str,
        settings: "Tune",
        baseline: Mapping[str, Any],
        greater_is_better: bool,
        progress: Progress,
    ) -> Iterator["Study"]:
        """The study of this name, new or as far as it came, for this process alone.

        Runs side by side that want the same one wait for each other, but for one in a database.
        """
        if self.shared is not None:
            from pipeline import shared_studies

            with shared_studies.refusal_reported(self.shared, name):
                given = name, settings, baseline, greater_is_better
                yield shared_studies.open_shared(self.shared, *given)
            return
        from pipeline import studies

        with self._alone(name, progress):
            damage = studies.mend(self.path)
            if damage:
                progress.say(damage)
            with studies.deletion_reported(name, self.path):
                storage = studies.open_journal(self.path)
                yield studies.open_study(storage, name, settings, baseline, greater_is_better)

    @contextlib.contextmanager
    def _alone(self, name: str, progress: Progress) -> Iterator[None]:
        """Hold one byte of a lock file, the study's; a lock goes with its process."""
        path = self.path.with_name("searches.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        byte = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
        with path.open("w") as file:
            if not _is_free(file, byte):
                progress.announce(f"waits for another run, which searches {name}")
                fcntl.lockf(file, fcntl.LOCK_EX, 1, byte)
            yield


def _is_free(file: TextIO, byte: int) -> bool:
    """Take the lock, if nobody else holds it."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
    except OSError:  # EACCES or EAGAIN, as the system likes
        return False
    return True

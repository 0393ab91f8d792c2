"""The journal of a competition's Optuna studies, each of which is searched by one run alone."""

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
    """Opens the studies of one file. Optuna is imported by the first that is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

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

        Runs side by side that want the same one wait for each other.
        """
        from pipeline import studies

        with self._alone(name, progress):
            damage = studies.mend(self.path)
            if damage:
                progress.say(damage)
            with studies.deletion_reported(name, self.path):
                yield studies.open_study(self.path, name, settings, baseline, greater_is_better)

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

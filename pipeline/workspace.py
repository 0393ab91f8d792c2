"""Where everything of one competition lies: data/raw, data/build and submissions below a root."""

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import SettingsError

COMPETITIONS = Path(__file__).parent / "competitions"
NAME = re.compile(r"[a-z][a-z0-9_]*")  # of a competition


@dataclass(frozen=True)
class Workspace:
    """The folders of one competition; its name is a part of their paths."""

    root: Path
    competition: str

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.competition):
            found = f"{self.competition[:60]!r}" if self.competition else "none"
            raise SettingsError(
                f"the name of the competition: found {found}, allowed are small letters, digits "
                "and _, with a letter first. Choose such a name, as in `make C=airline all`."
            )

    @property
    def toml(self) -> Path:
        """The competition's settings."""
        return COMPETITIONS / f"{self.competition}.toml"

    @property
    def raw(self) -> Path:
        """The organiser's files; nothing is ever written there but by `new`."""
        return self.root / "data" / "raw" / self.competition

    @property
    def build(self) -> Path:
        return self.root / "data" / "build" / self.competition

    @property
    def store(self) -> Path:
        """What was computed, by key; may be deleted at any time."""
        return self.build / "store"

    @property
    def lock(self) -> Path:
        """Held by every run, and alone by who deletes what runs need."""
        return self.build / ".lock"

    @property
    def experiments(self) -> Path:
        """A folder an experiment, kept when the store is emptied."""
        return self.build / "experiments"

    @property
    def plans(self) -> Path:
        """How many trials and repeats each member got, where [budget] minutes bound a run."""
        return self.build / "plans"

    @property
    def journal(self) -> Path:
        """Optuna's studies of the competition."""
        return self.build / "studies" / "journal.log"

    @property
    def submissions(self) -> Path:
        return self.root / "submissions" / self.competition


def require_toml(path: Path) -> None:
    """Raises SettingsError, naming the competitions that there are, where this is not one."""
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in path.parent.glob("*.toml"))) or "none yet"
        raise SettingsError(
            f"{path}: there is no such competition; known are: {known}. "
            "`python -m pipeline new NAME --from DIR` writes a new one."
        )

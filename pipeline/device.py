"""Fits on a graphics card: `device = "cuda"`, for the models whose library can use one.

Fits run side by side, and a card's memory is for one of them: each waits for its turn. A fit on the
processor has no such setting among those that name it.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from pipeline.errors import SettingsError, UserError
from pipeline.settings import ModelSettings


class DeviceSettings(ModelSettings):
    """The settings of a model that may fit on a graphics card."""

    device: Literal["cuda"] | None = Field(
        None, description='"cuda": fit on a graphics card, one fit at a time; left out: on the CPU'
    )

    def of_model(self) -> dict[str, Any]:
        """Without `device` where it is not set: the fits are those of a model that has no such."""
        plain = super().of_model()
        return plain if self.device else {k: v for k, v in plain.items() if k != "device"}


@contextmanager
def fitting_on(device: str | None, model: str) -> Iterator[None]:
    """Wait for the card; SettingsError where the library cannot use one. Nothing on the CPU."""
    if device is None:
        yield
        return
    path = Path(tempfile.gettempdir()) / f"tabular-pipeline-{os.getuid()}-{device}.lock"
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        except (UserError, MemoryError):
            raise
        except Exception as error:
            raise no_card(model, " ".join(str(error).split())) from None


def no_card(model: str, reason: str) -> SettingsError:
    return SettingsError(
        f"[models.{model}] device: found 'cuda', and the fit on a graphics card failed: {reason}. "
        f"Install the build of {model} that uses CUDA, on a machine that has a card, or take the "
        "line out of the competition's TOML."
    )

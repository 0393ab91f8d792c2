"""How many threads a fit of trees may use, which changes none of its bytes.

One, but in a worker process that is given more: OpenMP's threads would leave a process that is
forked later waiting for ever, and workers fork none.
"""

import contextlib
from collections.abc import Iterator

_is_worker = False
_number = 1


def threads() -> int:
    """How many the fit that is under way may use."""
    return _number


@contextlib.contextmanager
def using_threads(number: int) -> Iterator[None]:
    """Give what follows so many, in a worker process."""
    global _number
    _number = number if _is_worker else 1
    try:
        yield
    finally:
        _number = 1


def allow_threads() -> None:
    """This process is a worker, and forks no other."""
    global _is_worker
    _is_worker = True

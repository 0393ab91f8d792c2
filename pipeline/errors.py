"""What a user can cause and correct: one message, exit code 2, nothing lost."""

import contextlib
from collections.abc import Iterator

LONGEST_REASON = 200
NO_ALLOCATION = "bad_alloc"  # in the errors of C++ libraries that found no memory


class UserError(Exception):
    """Where, what was found, what is allowed and what to do; shown without a traceback."""


class DataError(UserError):
    """The organiser's files, or a file given to `predict`, are not what they should be."""


class SettingsError(UserError):
    """The competition's TOML, or an argument of the command line, is not what it should be."""


class OutOfMemoryError(UserError):
    """A worker process was ended, most likely because memory ran out."""


MEMORY = (OutOfMemoryError, MemoryError)


class BusyError(UserError):
    """Another run is at work on the same competition."""


@contextlib.contextmanager
def refusing_damage(what: str) -> Iterator[None]:
    """DataError for whatever fails here with what was read: it is damaged, or of another kind.

    Libraries raise all kinds of errors for what they did not write themselves.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{what} is damaged ({reason[:LONGEST_REASON]}).") from None


@contextlib.contextmanager
def memory_errors() -> Iterator[None]:
    """MemoryError where a library found no memory; it raises an error of its own for that."""
    try:
        yield
    except Exception as error:
        if NO_ALLOCATION not in str(error):
            raise
        raise MemoryError from error

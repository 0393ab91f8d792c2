"""A stored value that is read when it is asked for, once a process; it travels as its key."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipeline.errors import DataError
from pipeline.store import Key, Store

T = TypeVar("T")
_values: dict[tuple[str, Key], Any] = {}
MOST_KEPT = 16


@dataclass(frozen=True)
class Piece(Generic[T]):
    """The value of type `kind` under a key of a store."""

    store: Store
    key: Key
    kind: type[T]

    @property
    def value(self) -> T:
        """Raises DataError where it has gone, or was damaged, since it was written."""
        place = str(self.store.root), self.key
        if place not in _values:
            found = self.store.get(self.key, self.kind)
            if found is None:
                raise DataError(
                    f"{self.store.root / self.key.path}: this was there when the run began, and is "
                    "missing or damaged now. Run the same command again: it is computed again."
                )
            while len(_values) >= MOST_KEPT:
                _values.pop(next(iter(_values)))
            _values[place] = found
        value: T = _values[place]
        return value

"""A cache whose memory is bounded by what its values weigh, not by how many they are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """Keeps what was used last, up to a total weight; threads may share it."""

    def __init__(self, most: int, weigh: Callable[[Value], int]) -> None:
        """Begin empty.

        Args:
            most: Total weight that is kept; a value that alone weighs more is not.
            weigh: Weight of a value, in the same unit.
        """
        self._most, self._weigh, self._mutex = most, weigh, Lock()
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._weight = 0

    def get(self, key: Key) -> Value | None:
        """The value, which counts as used now; None where it is not kept."""
        with self._mutex:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def put(self, key: Key, value: Value) -> None:
        """Keep a value, and let go of those not used for longest."""
        with self._mutex:
            self._drop(key)
            if self._weigh(value) > self._most:
                return
            self._values[key] = value
            self._weight += self._weigh(value)
            while self._weight > self._most:
                self._drop(next(iter(self._values)))

    def _drop(self, key: Key) -> None:
        if key in self._values:
            self._weight -= self._weigh(self._values.pop(key))

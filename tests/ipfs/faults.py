"""Makes the operating system fail at the i-th call, once or for good, before or after it has done its work."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ipfs.batch import Batch
from ipfs.local import LocalStore
from ledger.errors import MissingError

CALLS = ("open", "write", "fsync", "close", "replace", "unlink", "listdir", "stat")
"""Every call by which a local store changes a folder, or learns what is in it."""


class FailingSystem:
    """Counts the calls; fails the one numbered ``fail_at`` (from 1), and those after it if ``for_good``."""

    def __init__(self, fail_at: int | None = None, *, done: bool = False, for_good: bool = False) -> None:
        self.fail_at, self.done, self.for_good = fail_at, done, for_good
        self.calls = 0

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            self.calls += 1
            fails = self.fail_at is not None and (
                self.calls == self.fail_at or (self.for_good and self.calls > self.fail_at)
            )
            if not fails:
                return real(*arguments, **options)
            if self.done or name == "close":  # a failed close has closed
                result = real(*arguments, **options)
                if name == "open":
                    os_close(result)
            raise OSError(errno.ENOSPC if name == "write" else errno.EIO, os.strerror(errno.EIO))

        return call

    @contextmanager
    def installed(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, self.wrap(name, getattr(os, name)))
            yield


os_close = os.close


def batch_named(name: str, documents: int = 3) -> Batch:
    batch = Batch()
    for number in range(documents):
        batch.add(f"{name} {number}".encode() * 30)
    return batch


def assert_whole_or_absent(store: LocalStore, batch: Batch) -> bool:
    """Whether the batch is there; fails if it is there in part."""
    there = batch.root() in set(store.roots())
    for block in batch.blocks():
        assert store.has(block.cid) == there
        if there:
            assert store.get(block.cid) == block.data
        else:
            with pytest.raises(MissingError):
                store.get(block.cid)
    return there


def assert_sound(folder: Path, present: list[Batch], absent: list[Batch]) -> None:
    """A newly opened store holds exactly these, and nothing is left over."""
    with LocalStore(folder) as store:
        assert all(assert_whole_or_absent(store, batch) for batch in present)
        assert not any(assert_whole_or_absent(store, batch) for batch in absent)
        assert set(store.roots()) == {batch.root() for batch in present}
    assert not list((folder / "incoming").iterdir())

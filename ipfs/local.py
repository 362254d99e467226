"""A document store in a folder: one CAR a batch, written beside and moved into place.

::

    folder/
      batches/<root>.car     the truth: a batch exists when its file has this name
      incoming/<root>.part   being written, or left by a crash and removed by the next writer
      index-<n>.sqlite       where each block stands; disposable, see ``ipfs.block_index``
      lock                   held by the one writer; a crash releases it

A batch is written to ``incoming``, flushed, read back with every hash checked, entered in the index, renamed, and the
folder flushed. A crash before the rename leaves a part and index rows that lead nowhere; both are harmless, and are
cleared when the store is opened. Readers take no lock.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from ipfs.block_index import BlockIndex, Place, is_damaged
from ipfs.car_folder import CarFolder, verify_car_file
from ipfs.cid import Block, Cid
from ipfs.closing import Closing
from ipfs.files import disk_errors, exclusive
from ledger.errors import ContentMismatchError, MissingError, RejectedError, SourceTimeoutError, VerificationError

T = TypeVar("T")

LOCK_TIMEOUT_S = 60.0
_INDEX_NAME = re.compile(r"index-(\d{1,9})\.sqlite")


class LocalStore(Closing):
    """A ``DocumentStore`` in a folder that one machine's processes share; one writes at a time, any number read."""

    def __init__(self, folder: Path, lock_timeout_s: float = LOCK_TIMEOUT_S) -> None:
        """Open the store in ``folder``, which is made if it is not there.

        Clears what a crash left and indexes what is not indexed, unless another process is writing just now: then
        that one has done it.

        Args:
            folder: Where it is; nothing else belongs there.
            lock_timeout_s: How long a writer waits for another.

        Raises:
            RejectedError: the folder cannot be used.
        """
        self._folder = folder
        self._lock_timeout_s = lock_timeout_s
        self._mutex = threading.Lock()
        self._writer: int | None = None
        self._retired: list[BlockIndex] = []
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._cars = CarFolder(folder)
            self._index = self._open_index(above=0)
            with suppress(SourceTimeoutError), self._writing(0.0):
                self._use(self._reconcile)

    def close(self) -> None:
        """Close the index; nothing else is open between calls."""
        for index in (*self._retired, self._index):
            index.close()

    def put(self, root: Cid, blocks: Iterable[Block]) -> None:
        """Keep a batch; see ``DocumentStore.put``. One that is there is written anew, which mends a damaged copy.

        Raises:
            SourceTimeoutError: another writer did not finish in time.
            RejectedError: the disk refuses.
        """
        with disk_errors(self._folder), self._writing(self._lock_timeout_s):
            try:
                car, located = self._cars.write_part(root, blocks)
                self._use(lambda index: index.add(car, located))
                self._cars.publish(root)
            except BaseException:
                with suppress(OSError):
                    self._cars.clear_parts()
                raise
            self._use(lambda index: index.keep_only(root, car))

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block; see ``DocumentStore.get``."""
        with disk_errors(self._folder):
            data, faults = self._read_any(cid)
            if data is None and any(self._mend(root) for root in faults):
                data, faults = self._read_any(cid)
        if data is not None:
            return data
        for fault in faults.values():
            raise fault
        raise MissingError(f"block {cid} is not in {self._folder}")

    def has(self, cid: Cid) -> bool:
        """Whether a CAR that holds the block is there; its bytes are not read."""
        with disk_errors(self._folder):
            return any(self._cars.path(place.root).exists() for place in self._find(cid))

    def roots(self) -> Iterator[Cid]:
        """The roots of all batches."""
        with disk_errors(self._folder):
            yield from list(self._cars.roots())

    def discard(self, root: Cid) -> None:
        """Forget a batch; see ``DocumentStore.discard``. The file is unlinked, not overwritten."""
        with disk_errors(self._folder), self._writing(self._lock_timeout_s):
            self._cars.remove(root)
            self._use(lambda index: index.keep_only(root, None))
            self._use(BlockIndex.truncate_log)

    def _read_any(self, cid: Cid) -> tuple[bytes | None, dict[Cid, ContentMismatchError]]:
        """The block from the first CAR that has it undamaged, or what is wrong, by CAR."""
        faults: dict[Cid, ContentMismatchError] = {}
        for place in self._find(cid):
            try:
                return self._cars.read(cid, place), {}
            except ContentMismatchError as fault:
                faults[place.root] = fault
            except FileNotFoundError:
                continue
        return None, faults

    def _find(self, cid: Cid) -> list[Place]:
        places = self._use(lambda index: index.find(cid))
        if not places and not self._index.is_in_place():
            self._replace_index(above=0)
            places = self._use(lambda index: index.find(cid))
        return places

    def _mend(self, root: Cid) -> bool:
        """Index a CAR anew if it is whole: then the index was wrong, not the CAR."""
        try:
            car, located = verify_car_file(self._cars.path(root), root)
        except (VerificationError, FileNotFoundError):
            return False
        self._use(lambda index: index.add(car, located))
        return True

    @contextmanager
    def _writing(self, timeout_s: float) -> Iterator[None]:
        """Be the one writer among threads and processes, and clear what a writer before left."""
        if not self._mutex.acquire(timeout=timeout_s):
            raise SourceTimeoutError(f"another thread is writing to {self._folder}")
        try:
            with exclusive(self._folder / "lock", timeout_s):
                self._writer = threading.get_ident()
                self._cars.clear_parts()
                if not self._index.is_in_place():
                    self._replace_index(above=0)
                yield
        finally:
            self._writer = None
            self._mutex.release()

    def _reconcile(self, index: BlockIndex) -> None:
        """Make the index say what the folder holds, and remove older ones; only for the writer."""
        on_disk = self._cars.cars()
        indexed = index.cars()
        stale = [number for car, number in indexed.items() if car not in on_disk]
        if stale:
            index.remove(stale)
        for car in on_disk - indexed.keys():
            index.add(car, self._cars.locate(car.root))
        for path in self._folder.glob("index-*.sqlite*"):
            if not path.name.startswith(index.path.name):
                path.unlink(missing_ok=True)

    def _use(self, action: Callable[[BlockIndex], T]) -> T:
        """Do something with the index; if it is damaged, replace it and do it again."""
        with _index_errors(self._folder):
            try:
                return action(self._index)
            except sqlite3.Error as error:
                if not is_damaged(error):
                    raise
            self._replace_index(above=_index_number(self._index.path))
            return action(self._index)

    def _replace_index(self, above: int) -> None:
        """Go over to the newest index; ``above`` is the number of the one that is damaged."""
        if self._writer != threading.get_ident():
            with self._writing(self._lock_timeout_s):
                self._replace_index(above)
            return
        with _index_errors(self._folder):
            fresh = self._open_index(above)
            try:
                self._reconcile(fresh)
            except BaseException:
                fresh.close()
                raise
            self._retired.append(self._index)
            self._index = fresh

    def _open_index(self, above: int) -> BlockIndex:
        """Open the newest index if its number is above ``above`` and it is sound, else begin the next one."""
        newest = max((_index_number(path) for path in self._folder.iterdir()), default=0)
        number = max(newest, above + 1)
        with _index_errors(self._folder):
            try:
                return BlockIndex(self._folder / f"index-{number}.sqlite")
            except sqlite3.Error as error:
                if not is_damaged(error):
                    raise
            return BlockIndex(self._folder / f"index-{number + 1}.sqlite")


@contextmanager
def _index_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise RejectedError(f"the index of {folder} refuses: {error}") from error


def _index_number(path: Path) -> int:
    """The number in an index's file name; 0 for other names."""
    found = _INDEX_NAME.fullmatch(path.name)
    return int(found[1]) if found else 0

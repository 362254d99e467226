"""The files of a local store: CARs named by their roots, and the parts that become CARs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ipfs.block_index import CarFile, Place
from ipfs.car import locate_sections, parse_header, parse_sections, verify_closed, write_car
from ipfs.cid import MAX_BLOCK_BYTES, Block, Cid, parse_cid, verify_block
from ipfs.files import flush_folder, write_durably
from ledger.errors import ContentMismatchError, MalformedError

_CAR, _PART = ".car", ".part"
_NO_LIMIT = 1 << 62
"""For a file of our own: where it ends is limit enough, and too short is malformed, not too large."""
Located = tuple[Cid, int, int]


class CarFolder:
    """Reads and writes CARs in a folder. Methods raise ``OSError`` where the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self._batches = folder / "batches"
        self._incoming = folder / "incoming"
        self._batches.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._incoming.mkdir(exist_ok=True, mode=0o700)
        flush_folder(folder)

    def path(self, root: Cid) -> Path:
        """Where the CAR of ``root`` is, if it is there."""
        return self._batches / f"{root}{_CAR}"

    def roots(self) -> Iterator[Cid]:
        """The roots of all CARs; files with other names are passed over."""
        for name in os.listdir(self._batches):  # noqa: PTH208 (names only: a store has many)
            if not name.endswith(_CAR):
                continue
            try:
                yield parse_cid(name[: -len(_CAR)])
            except MalformedError:
                continue

    def cars(self) -> set[CarFile]:
        """All CARs as they are now."""
        found = set()
        for root in self.roots():
            try:
                found.add(CarFile.of(root, self.path(root).stat()))
            except FileNotFoundError:
                continue
        return found

    def write_part(self, root: Cid, blocks: Iterable[Block]) -> tuple[CarFile, list[Located]]:
        """Write and flush a batch beside its place, read it back and verify all of it.

        Returns:
            The file as it will be once it is in its place, and where its blocks stand.

        Raises:
            VerificationError: the blocks are not the batch of ``root``.
        """
        part = self._part(root)
        write_durably(part, write_car(root, blocks))
        return verify_car_file(part, root)

    def publish(self, root: Cid) -> None:
        """Move the part of ``root`` into its place: from here on the batch exists, durably when this returns."""
        self._part(root).replace(self.path(root))
        flush_folder(self._batches)

    def clear_parts(self) -> None:
        """Remove what was not published; only for who holds the writer's lock."""
        for name in os.listdir(self._incoming):  # noqa: PTH208
            if name.endswith(_PART):
                (self._incoming / name).unlink(missing_ok=True)

    def remove(self, root: Cid) -> None:
        """Remove a CAR, durably; no error if it is not there."""
        self.path(root).unlink(missing_ok=True)
        flush_folder(self._batches)

    def read(self, cid: Cid, place: Place) -> bytes:
        """The bytes at ``place``, which are verified to be those of ``cid``.

        Raises:
            ContentMismatchError: they are not.
            FileNotFoundError: no such CAR.
        """
        descriptor = os.open(self.path(place.root), os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = os.pread(descriptor, min(place.length, MAX_BLOCK_BYTES), place.offset)
        finally:
            os.close(descriptor)
        verify_block(cid, data)
        return data

    def locate(self, root: Cid) -> Iterator[Located]:
        """Where the blocks of a CAR stand, as far as its structure can be followed; nothing is verified."""
        with self.path(root).open("rb") as stream:
            try:
                if parse_header(stream) == root:
                    yield from locate_sections(stream)
            except MalformedError:
                return

    def _part(self, root: Cid) -> Path:
        return self._incoming / f"{root}{_PART}"


def verify_car_file(path: Path, root: Cid) -> tuple[CarFile, list[Located]]:
    """Prove that a file is the CAR of the whole batch of ``root`` and nothing else.

    Returns:
        The file as it is, and where its blocks stand.

    Raises:
        VerificationError: it is not.
        OSError: it cannot be read.
    """
    located: list[Located] = []

    def blocks() -> Iterator[Block]:
        for section in parse_sections(stream, _NO_LIMIT):
            located.append((section.block.cid, section.offset, len(section.block.data)))
            yield section.block

    with path.open("rb") as stream:
        car = CarFile.of(root, os.fstat(stream.fileno()))
        named = parse_header(stream)
        if named != root:
            raise ContentMismatchError("CAR", str(root), str(named))
        for _ in verify_closed(root, blocks()):
            pass
    return car, located

"""Bags in ZIP files: written with fixed order and times, read within limits.

A bag is one folder in the archive (RFC 8493, 4). The reader takes bags that were packed again by other programs too,
but nothing that could unpack to another place, hide a second content, or grow beyond its limits.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

from ledger.errors import MalformedError, MissingError

MAX_ARCHIVE_BYTES = 2**36
MAX_FILES = 60_000
MAX_DIRECTORY_BYTES = 16 * 1024 * 1024
MAX_NAME_CHARACTERS = 255
MAX_UNPACKED_BYTES = 2**37
FREE_BYTES = 64 * 1024 * 1024
MAX_RATIO = 200
"""An archive may unpack to ``FREE_BYTES`` and this many times its own size."""

_PIECE = 1024 * 1024
_TIME = (1980, 1, 1, 0, 0, 0)
_MODE = (stat.S_IFREG | 0o644) << 16
_END_BYTES, _LOCATOR_BYTES, _END64_BYTES = 22, 20, 56
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UTF8, _DESCRIPTOR, _LEVEL = 0x800, 0x8, 0x6
_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError)


class FileFact(NamedTuple):
    """A file of a bag: its path in the bag, its size in bytes, its SHA-256."""

    path: str
    size: int
    sha256: bytes


class BagWriter:
    """Writes one bag; what it wrote so far is known by path, size and hash."""

    def __init__(self, stream: IO[bytes], folder: str) -> None:
        """``stream`` can be seeked in; ``folder`` is the name of the bag's folder in the archive."""
        self._zip = zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, allowZip64=True)
        self._folder = folder
        self.facts: list[FileFact] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def add(self, path: str, data: bytes) -> None:
        """Add a file."""
        self.add_pieces(path, (data,), len(data))

    def add_pieces(self, path: str, pieces: Iterable[bytes], size: int) -> None:
        """Add a file of ``size`` bytes as a stream."""
        info = zipfile.ZipInfo(f"{self._folder}/{path}", _TIME)
        info.compress_type, info.external_attr, info.create_system = zipfile.ZIP_DEFLATED, _MODE, 3
        info.file_size = size
        digest = sha256()
        with self._zip.open(info, "w") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
        self.facts.append(FileFact(path, size, digest.digest()))


class Archive:
    """One bag that is read; nothing of it is believed but that it stays within the limits of this module."""

    def __init__(self, path: Path) -> None:
        """Open an archive and check its directory, before anything is unpacked.

        1. The archive and its directory are within limits, and nothing follows its end.
        2. Every name is a plain path below one folder, and no two are the same for any file system.
        3. Every entry is a plain file, unencrypted, stored or deflated.
        4. What it says it unpacks to is within limits, and no two entries share bytes.

        Raises:
            MalformedError: 1 to 4 does not hold.
            MissingError: There is no such file, or it cannot be read.
        """
        try:
            self._stream = path.open("rb")
        except OSError as error:
            raise MissingError(f"{path.name} cannot be read: {error.strerror}") from None
        try:
            self.size_bytes = _check_end(self._stream)  # 1
            with _unpacking():
                self._zip = zipfile.ZipFile(self._stream)
            self._entries = _entries(self._zip, self.size_bytes)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._stream.close()

    def __contains__(self, path: str) -> bool:
        return path in self._entries

    def paths(self) -> list[str]:
        """Paths of all files within the bag, in order."""
        return sorted(self._entries)

    def read(self, path: str, limit: int) -> bytes:
        """Read a small file whole.

        Raises: MalformedError, where it is missing, larger than ``limit`` bytes, or damaged.
        """
        if path not in self._entries or self._entries[path].file_size > limit:
            raise MalformedError("bag", f"no file of at most {limit} bytes", path)
        return b"".join(self.pieces(path))

    def pieces(self, path: str) -> Generator[bytes, None, None]:
        """Read a file as a stream; its size and checksum are those of the directory.

        Raises: MalformedError.
        """
        entry, size = self._entries[path], 0
        with _unpacking(path), self._zip.open(entry) as file:
            while piece := file.read(_PIECE):
                size += len(piece)
                yield piece
        if size != entry.file_size:
            raise MalformedError("bag", f"{size} bytes where {entry.file_size} are announced", path)

    def fact(self, path: str) -> FileFact:
        """Hash a file."""
        digest, size = sha256(), 0
        for piece in self.pieces(path):
            digest.update(piece)
            size += len(piece)
        return FileFact(path, size, digest.digest())


def _check_end(stream: IO[bytes]) -> int:
    size = os.fstat(stream.fileno()).st_size
    if not _END_BYTES <= size <= MAX_ARCHIVE_BYTES:
        raise MalformedError("bag", f"{size} bytes, no ZIP archive within the limit")
    stream.seek(max(size - _END_BYTES - _LOCATOR_BYTES - _END64_BYTES, 0))
    tail = stream.read()
    end = tail[-_END_BYTES:]
    if end[:4] != b"PK\5\6" or end[4:8] != bytes(4) or end[20:22] != bytes(2):
        raise MalformedError("bag", "not one ZIP archive that ends where the file ends")
    count, length = int.from_bytes(end[10:12], "little"), int.from_bytes(end[12:16], "little")
    if tail[-_END_BYTES - _LOCATOR_BYTES :].startswith(b"PK\6\7"):
        large = tail[: -_END_BYTES - _LOCATOR_BYTES]
        if not large.startswith(b"PK\6\6"):
            raise MalformedError("bag", "its ZIP64 directory does not end where the archive ends")
        count, length = int.from_bytes(large[32:40], "little"), int.from_bytes(large[40:48], "little")
    if count > MAX_FILES or length > MAX_DIRECTORY_BYTES:
        raise MalformedError("bag", f"{count} files in a directory of {length} bytes, beyond the limit")
    stream.seek(0)
    return size


def _entries(archive: zipfile.ZipFile, archive_bytes: int) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    folders, seen = set(), set()
    listed = archive.infolist()
    if len(listed) > MAX_FILES:
        raise MalformedError("bag", f"more than {MAX_FILES} files")
    for entry in listed:
        folder, _, path = _name(entry).partition("/")
        folders.add(folder)
        if entry.orig_filename.casefold() in seen:
            raise MalformedError("bag", "two files of one name", path[:MAX_NAME_CHARACTERS])
        seen.add(entry.orig_filename.casefold())
        if _check_entry(entry, path):
            found[path] = entry
    if len(folders) != 1:
        raise MalformedError("bag", "not one folder that holds everything")
    _check_sizes(listed, archive_bytes)
    return found


def _name(entry: zipfile.ZipInfo) -> str:
    name = entry.orig_filename
    parts = name.removesuffix("/").split("/")
    fits = 0 < len(name) <= MAX_NAME_CHARACTERS and entry.filename == name
    if not fits or not all(_SEGMENT.fullmatch(part) for part in parts):  # 2
        raise MalformedError("bag", "a name that is no plain path", ascii(name[:64]))
    return name


def _check_entry(entry: zipfile.ZipInfo, path: str) -> bool:
    """Return whether an entry is a file; a folder's own entry is none."""
    kind = stat.S_IFMT(entry.external_attr >> 16)
    is_folder = entry.orig_filename.endswith("/")
    expected = (0, stat.S_IFDIR) if is_folder else (0, stat.S_IFREG)
    if kind not in expected or (is_folder and entry.file_size):  # 3
        raise MalformedError("bag", "an entry that is neither a plain file nor a folder", path)
    if entry.flag_bits & ~(_UTF8 | _DESCRIPTOR | _LEVEL) or entry.compress_type not in _METHODS or entry.volume:
        raise MalformedError("bag", "encrypted, in parts, or packed by a method that is not read", path)
    return not is_folder


def _check_sizes(entries: list[zipfile.ZipInfo], archive_bytes: int) -> None:
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > min(FREE_BYTES + MAX_RATIO * archive_bytes, MAX_UNPACKED_BYTES):  # 4
        raise MalformedError("bag", f"{archive_bytes} bytes that unpack to {unpacked}")
    end = 0
    for entry in sorted(entries, key=lambda one: one.header_offset):
        if entry.header_offset < end:
            raise MalformedError("bag", "two files that share bytes of the archive")
        end = entry.header_offset + 30 + len(entry.orig_filename) + entry.compress_size
    if end > archive_bytes:
        raise MalformedError("bag", "a file that reaches beyond the archive")


@contextmanager
def _unpacking(path: str = "") -> Iterator[None]:
    try:
        yield
    except MalformedError:
        raise
    except _ERRORS as error:
        raise MalformedError("bag", f"damaged: {error}"[:200], path) from None

"""Documents as they come: files, folders or standard input; read within limits, attachments inside their folder."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from ledger.errors import DocumentError, Fault
from ledger.event import Attachment, Document, Event
from ledger.intake.document import MAX_DOCUMENT_BYTES

STANDARD_INPUT = "-"
DOCUMENT_ENDINGS = frozenset({".json", ".jsonld", ".jsonl", ".ndjson"})
TABLE_ENDINGS = frozenset({".csv", ".tsv"})


@dataclass(frozen=True, slots=True)
class Source:
    """A document that is to be read.

    Attributes:
        name: As it is reported.
        path: Where it lies; None for standard input, or where the bytes are given.
        data: The bytes themselves, where they lie nowhere.
        folder: Where such a document's attachments lie; None where it can have none.
    """

    name: str
    path: Path | None
    data: bytes | None = None
    folder: Path | None = None

    @property
    def place(self) -> Path | None:
        """The folder that attachments are looked for in."""
        return self.folder if self.path is None else self.path.parent

    @property
    def is_table(self) -> bool:
        """Whether its name says that it is a table; standard input never says so."""
        return self.path is not None and self.path.suffix.lower() in TABLE_ENDINGS


def find_sources(names: Sequence[str], *, tables: bool) -> tuple[list[Source], bool]:
    """List the documents behind names; a folder stands for every document below it.

    Args:
        names: Paths; ``-`` is standard input.
        tables: Whether a folder's tables are meant too. Hidden files and links out of the folder are passed over.

    Returns: The sources, and whether their order is open: it is where a folder was named.

    Raises: DocumentError, where a path leads nowhere.
    """
    found: list[Source] = []
    for name in names:
        path = Path(name)
        if name == STANDARD_INPUT:
            found.append(Source("standard input", None))
        elif path.is_dir():
            found += [Source(str(file), file) for file in _documents(path, tables=tables)]
        elif path.exists():
            found.append(Source(name, path))
        else:
            raise DocumentError([Fault("", "not-found", f"there is no file or folder {name}")], name)
    return found, any(name != STANDARD_INPUT and Path(name).is_dir() for name in names)


def _documents(folder: Path, *, tables: bool) -> Iterator[Path]:
    endings = DOCUMENT_ENDINGS | TABLE_ENDINGS if tables else DOCUMENT_ENDINGS
    root = folder.resolve()
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(place, name) for name in sorted(files) if not name.startswith(".")):
            if path.suffix.lower() in endings and path.is_file() and path.resolve().is_relative_to(root):
                yield path


def read_source(source: Source) -> bytes:
    """Read a document whole; its size is asked before.

    Raises: DocumentError, where it is too large, no regular file, or cannot be read.
    """
    if source.data is not None:
        return source.data
    with open_source(source) as stream:
        size = None if source.path is None else os.fstat(stream.fileno()).st_size
        data = b"" if size is not None and size > MAX_DOCUMENT_BYTES else stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES or (size is not None and size > MAX_DOCUMENT_BYTES):
        many = "more" if size is None else f"{size} bytes"
        message = f"{many}; at most {MAX_DOCUMENT_BYTES} are read as a document"
        raise DocumentError([Fault("", "too-large", message)], source.name)
    return data


def open_source(source: Source) -> BinaryIO:
    """Open a document for reading as a stream.

    Raises: DocumentError, where it is no regular file or cannot be opened.
    """
    if source.path is None:
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    try:
        if not stat.S_ISREG(source.path.stat().st_mode):
            raise DocumentError([Fault("", "not-a-file", "not a regular file")], source.name)
        return source.path.open("rb")
    except OSError as error:
        raise DocumentError([Fault("", "unreadable", f"{error.strerror}")], source.name) from None


def resolve_attachments(document: Document, folder: Path | None) -> Document:
    """Find every attachment inside the document's own folder.

    Args:
        document: Its attachments name relative paths; *untrusted*.
        folder: Where the document lies; None where it has no place, and can have no attachments then.

    Returns: The document with absolute paths of files that can be read.

    Raises: DocumentError, with a fault for each that leads out of the folder, is missing or cannot be read.
    """
    faults: list[Fault] = []
    events = tuple(_with_files(event, folder, faults) if event.attachments else event for event in document.events)
    if faults:
        raise DocumentError(faults, document.document_type)
    return replace(document, events=events)


def _with_files(event: Event, folder: Path | None, faults: list[Fault]) -> Event:
    files = []
    for number, file in enumerate(event.attachments):
        place = f"{event.source_pointer}/attachments/{number}/path"
        path = None if folder is None else _inner_file(folder, file.path)
        if path is None:
            faults.append(_why_not(folder, file, place))
        else:
            files.append(replace(file, path=str(path)))
    return replace(event, attachments=tuple(files))


def _why_not(folder: Path | None, file: Attachment, place: str) -> Fault:
    if folder is None:
        return Fault(place, "outside", "a document from standard input has no folder for attachments: give a file")
    try:
        inside = (folder / file.path).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        inside = True
    if not inside:
        return Fault(place, "outside", f"{file.path} leads out of the document's folder")
    return Fault(place, "unreadable", f"{file.path} is not a file that can be read")


def _inner_file(folder: Path, path: str) -> Path | None:
    """The file behind a relative path, every link followed; None where it is outside or cannot be read."""
    try:
        found = (folder / path).resolve(strict=True)
        if not found.is_relative_to(folder.resolve()) or not found.is_file():
            return None
        with found.open("rb"):
            return found
    except (OSError, RuntimeError, ValueError):
        return None

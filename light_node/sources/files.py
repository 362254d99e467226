"""Evidence from a file, or from a folder with one file an asset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ipfs.files import open_regular
from ledger.errors import MissingError, TooLargeError, UnreachableError
from ledger.proof.evidence import MAX_BYTES
from light_node.sources.port import Hint, Wanted


class FileSource:
    """Reads ``NAME.json`` or ``SUBJECT.json`` (64 digits) of a folder, or one file whoever is asked for."""

    def __init__(self, name: str, path: Path) -> None:
        """Nothing is read yet."""
        self.name, self._path = name, path

    def fetch(self, wanted: Wanted, hint: Hint) -> bytes:
        """As the port says."""
        for path in self._candidates(wanted):
            try:
                with open_regular(path) as stream:
                    data = stream.read(MAX_BYTES + 1)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise UnreachableError(f"{path}: {error.strerror or error}") from None
            if len(data) > MAX_BYTES:
                raise TooLargeError(f"{path}: over {MAX_BYTES} bytes")
            return data
        raise MissingError(f"no evidence of {wanted.name} in {self._path}")

    def _candidates(self, wanted: Wanted) -> Iterator[Path]:
        if not self._path.is_dir():
            yield self._path
            return
        yield self._path / f"{wanted.name}.json"
        if wanted.subject is not None:
            yield self._path / f"{wanted.subject.hex()}.json"

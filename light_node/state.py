"""The folder of one light node: the trust file that it pinned, the last head that it accepted, and forks that it saw.

::

    folder/
      trust.json      pinned by a person, after comparing its fingerprint, or by a succession
      lineage.json    trust files before it, and successions; written before ``trust.json``; see ``succession``
      head.json       see ``light_node.memory``; replaced as a whole, flushed before anybody is told
      successor.*     a trust file that may take its place, for a person; see ``succession.offers``
      follow.json     what ``vinculum-light run`` told last; see ``light_node.run.record``
      forks/*.json    heads, or successions (``succession-*``), that contradict each other, with both sets of
                      signatures; never removed here
      lock            held by whoever judges; a crash releases it
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ipfs import files
from ledger.errors import ConfigurationError, MalformedError
from light_node.memory import MAX_BYTES, Memory, SignedHead, encode_fork, encode_memory, parse_memory
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, encode_trust, parse_trust

LOCK_TIMEOUT_S = 10.0
MAX_FOLLOW_BYTES = 16 * 1024 * 1024
FORKS, CONFLICT_PREFIX = "forks", "succession-"
_TRUST, _HEAD, _FOLLOW, _LOCK = "trust.json", "head.json", "follow.json", "lock"


class StateFolder:
    """Keeps what must survive: every write is on the disk, as a whole, when its method returns."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or made yet."""
        self.folder = folder

    def make(self) -> None:
        """Make the folder, for this user alone, where there is none.

        Raises: ConfigurationError, where a file has its name.
        """
        with files.disk_errors(self.folder):
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                (self.folder / FORKS).mkdir(exist_ok=True, mode=0o700)
            except (FileExistsError, NotADirectoryError) as error:
                raise ConfigurationError(f"{error.filename} is no folder") from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against every other process.

        Raises:
            ConfigurationError: There is none, or anybody on the machine may write in it.
            SourceTimeoutError: Another holds it.
        """
        if not self.folder.is_dir():
            raise ConfigurationError(f"there is no light node in {self.folder}: pin a trust file first")
        if self.folder.stat().st_mode & stat.S_IWOTH:
            raise ConfigurationError(f"anybody may write in {self.folder}, and pin a trust file there: chmod o-w")
        with files.exclusive(self.folder / _LOCK, LOCK_TIMEOUT_S):
            yield

    def is_pinned(self) -> bool:
        """Whether a trust file is there, damaged or not."""
        return (self.folder / _TRUST).exists()

    def trust(self) -> Trust:
        """The pinned trust file.

        Raises:
            ConfigurationError: None is pinned.
            MalformedError: It is damaged.
        """
        data = self.read(_TRUST, MAX_TRUST_BYTES)
        if data is None:
            raise ConfigurationError(f"no trust file is pinned in {self.folder}: run `vinculum-light trust pin`")
        return parse_trust(data)

    def pin(self, trust: Trust) -> None:
        """Pin a trust file in place of the one that is there."""
        self.replace(self.folder / _TRUST, encode_trust(trust))

    def memory(self) -> Memory | None:
        """What was accepted last, or None where nothing ever was.

        Raises: MalformedError, where it is damaged: then nobody knows what was accepted, and a person has to look.
        """
        data = self.read(_HEAD, MAX_BYTES)
        return None if data is None else parse_memory(data)

    def remember(self, memory: Memory) -> None:
        """Keep a memory in place of the one that is there."""
        self.replace(self.folder / _HEAD, encode_memory(memory))

    def followed(self) -> bytes | None:
        """What a run told last, or None where there was none.

        Raises: MalformedError, where it is too long to be that.
        """
        return self.read(_FOLLOW, MAX_FOLLOW_BYTES)

    def keep_followed(self, data: bytes) -> None:
        """Keep what a run told in place of what is there."""
        self.replace(self.folder / _FOLLOW, data)

    def keep_fork(self, chain_id: int, first: SignedHead, second: SignedHead) -> Path:
        """Keep two heads that contradict each other; the same two once."""
        data = encode_fork(chain_id, first, second)
        path = self.folder / FORKS / f"{hashlib.sha256(data).hexdigest()[:32]}.json"
        if not path.exists():
            self.replace(path, data)
        return path

    def forks(self) -> list[Path]:
        """The forks that were seen."""
        return sorted((self.folder / FORKS).glob("*.json"))

    def read(self, name: str, most: int) -> bytes | None:
        """A file of the folder, or None where there is none.

        Raises:
            MalformedError: It is longer than ``most``, or no regular file.
            ConfigurationError: The folder is none.
        """
        with files.disk_errors(self.folder):
            try:
                with files.open_regular(self.folder / name) as stream:
                    data = stream.read(most + 1)
            except FileNotFoundError:
                return None
            except NotADirectoryError:
                raise ConfigurationError(f"{self.folder} is no folder") from None
            except files.NotAFileError as error:
                raise MalformedError(name, str(error.strerror)) from None
        if len(data) > most:
            raise MalformedError(name, f"over {most} bytes")
        return data

    def replace(self, path: Path, data: bytes) -> None:
        """Put a file of the folder in place of the one that is there."""
        with files.disk_errors(self.folder):
            files.replace_durably(path, data)


def is_conflict(path: Path) -> bool:
    """Whether a fork that was kept is one of successions, not of heads."""
    return path.name.startswith(CONFLICT_PREFIX)

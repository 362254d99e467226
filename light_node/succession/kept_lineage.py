"""Lineage and conflicting successions in the folder of a light node; apart, as whoever verifies does not need them."""

from __future__ import annotations

from pathlib import Path

from light_node.state import CONFLICT_PREFIX, FORKS, StateFolder
from light_node.succession.lineage import (
    MAX_BYTES,
    Conflict,
    Lineage,
    encode_conflict,
    encode_lineage,
    parse_conflict,
    parse_lineage,
    with_pinned,
)
from light_node.succession.rules import digest_of

_LINEAGE = "lineage.json"


class KeptLineage:
    """Keeps what is known of the trust files of one folder; use it while ``StateFolder.alone`` is held."""

    def __init__(self, state: StateFolder) -> None:
        """Nothing is read yet."""
        self._state = state

    def load(self) -> Lineage:
        """What was pinned, the pinned trust file among it, and the successions that were seen.

        A trust file that was pinned before there was a lineage was compared by a person.

        Raises:
            ConfigurationError: No trust file is pinned.
            MalformedError: Trust file or lineage is damaged: then nobody knows which successions were seen.
        """
        trust, data = self._state.trust(), self._state.read(_LINEAGE, MAX_BYTES)
        found = Lineage() if data is None else parse_lineage(data)
        return found if found.find(digest_of(trust)) is not None else with_pinned(found, trust)

    def keep(self, lineage: Lineage) -> None:
        """Keep a lineage in place of the one that is there."""
        self._state.replace(self._state.folder / _LINEAGE, encode_lineage(lineage))

    def keep_conflict(self, conflict: Conflict) -> Path:
        """Keep two successions that contradict each other; the first two of one trust file."""
        path = self._conflict_file(digest_of(conflict.trust))
        if not path.exists():
            self._state.replace(path, encode_conflict(conflict))
        return path

    def conflict(self, digest: bytes) -> Conflict | None:
        """The successions of this trust file, by its fingerprint, that contradict each other; None where none do.

        Raises: MalformedError, where the evidence is damaged.
        """
        data = self._state.read(f"{FORKS}/{self._conflict_file(digest).name}", MAX_BYTES)
        return None if data is None else parse_conflict(data)

    def conflict_path(self, digest: bytes) -> Path | None:
        """Where such successions are kept; None where none contradict each other."""
        path = self._conflict_file(digest)
        return path if path.exists() else None

    def _conflict_file(self, digest: bytes) -> Path:
        return self._state.folder / FORKS / f"{CONFLICT_PREFIX}{digest.hex()[:32]}.json"

"""Successions that a home hands out to whoever asks: verified once, kept for good, and never replaced.

In the folder ``published`` beside the memory of the witnesses, by the fingerprint of the trust file that is followed::

    OLD.json         the succession that was published first, with the trust file that it puts in place
    OLD.other.note   a succession of the same trust file to another one: k of its witnesses signed both, so more of
                     them lie than it tolerates. It is handed out beside the first, and readers take neither

Nobody needs to trust who hands them out: a reader verifies them by the trust file that he pinned.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from ipfs.files import NotAFileError, exclusive, flush_folder, open_regular
from ledger.errors import ForkError, MalformedError, UntrustedError
from ledger.service.files import write_durably
from ledger.service.witness_endorse import chosen_witnesses
from ledger.service.witness_request import Refused, Response, read_query
from ledger.service.workspace import Workspace
from light_node.succession.published import MAX_BYTES, MEDIA_TYPE, Published, encode_published, parse_published
from light_node.succession.statement import MAX_BYTES as MAX_NOTE_BYTES
from light_node.succession.statement import (
    SignedSuccession,
    encode_succession,
    known_lines,
    parse_succession,
    verify_succession,
)
from light_node.trust import Trust

PUBLISHED = "published"
FOUND_FOR_S, MISSING_FOR_S = 300, 60
"""How long a proxy may keep an answer: the other succession, or a first one, must reach readers soon."""
_LOCK_S = 5.0
_WHAT = "published succession"
_FINGERPRINT = re.compile("[0-9a-f]{64}")


class Publications:
    """The successions that one home hands out."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read or made yet."""
        self._folder = folder

    def publish(self, old: Trust, new: Trust, signed: SignedSuccession) -> bool:
        """Hand a succession out from now on; the same one again changes nothing.

        1. Enough witnesses of the old trust file signed it, and the new one may follow; see ``verify_succession``.
        2. Lines of strangers under it are left out: they prove nothing, and could make two notes longer than readers
           take together.
        3. What was published before stays; another successor is kept beside it as evidence.
        4. It is on the disk when this returns.

        Returns: Whether it was not published before.

        Raises:
            VerificationError: 1 does not hold; nothing is kept.
            ForkError: Another successor of the old trust file was published before; carries both notes.
            MalformedError: It is longer than readers take, or what was published before cannot be read.
            SourceTimeoutError: Another program publishes, for long.
        """
        verify_succession(old, new, signed)  # 1
        signed = _without_strangers(old, signed)  # 2
        statement, data = signed.statement, encode_published(Published((signed,), new))
        self._make()
        with exclusive(self._folder / "lock", _LOCK_S):
            known = self.find(statement.old)
            if known is None:
                write_durably(self._first(statement.old), data)  # 4
                return True
            first = known.notes[0]
            if first.statement == statement:
                return False
            if len(known.notes) == 1:
                write_durably(self._other(statement.old), encode_succession(signed))  # 3
        name = f"the successor of trust file {statement.old.hex()[:16]}…"
        raise ForkError(name, encode_succession(first), encode_succession(signed))

    def find(self, old: bytes) -> Published | None:
        """What is handed out for the trust file of this fingerprint, 32 bytes; None where nothing is.

        Raises: MalformedError, where it was damaged, or lies under another name than its own.
        """
        first, other = _read(self._first(old), MAX_BYTES), _read(self._other(old), MAX_NOTE_BYTES)
        if first is None:
            return None
        found = parse_published(first)
        if other is not None:
            found = Published((found.notes[0], parse_succession(other)), found.successor)
        if any(one.statement.old != old for one in found.notes):
            raise MalformedError(_WHAT, f"{self._first(old)} is of another trust file than its name says")
        return found

    def _make(self) -> None:
        """Have the folder, and its name on the disk."""
        self._folder.mkdir(parents=True, exist_ok=True)
        flush_folder(self._folder.parent)

    def _first(self, old: bytes) -> Path:
        return self._folder / f"{old.hex()}.json"

    def _other(self, old: bytes) -> Path:
        return self._folder / f"{old.hex()}.other.note"


def publish(workspace: Workspace, folder: Path, old: Trust, new: Trust, signed: SignedSuccession) -> bool:
    """Hand out a succession of a trust file that a witness of this home belongs to; see ``Publications.publish``.

    Raises:
        UntrustedError: It is of another chain or log than this home's.
        ConfigurationError: No witness of this home is one of the old trust file.
    """
    statement, contracts = signed.statement, workspace.contracts
    if (statement.origin, statement.chain_id) != (contracts.origin, contracts.chain_id):
        raise UntrustedError(f"this succession is of {statement.origin}, this home is of {contracts.origin}")
    chosen_witnesses(workspace, old, ())
    return Publications(folder).publish(old, new, signed)


def answer_succession(publications: Publications, fingerprint: str, query: str) -> Response:
    """What a reader gets who asks for the successor of his trust file.

    Args:
        publications: Of the home.
        fingerprint: *Untrusted*; 64 small hexadecimal digits are asked for.
        query: *Untrusted*; there is none.

    Raises:
        Refused: Nothing is published for it (404), or the request is none (400).
        MalformedError: What was published was damaged.
    """
    read_query(query)
    found = publications.find(bytes.fromhex(fingerprint)) if _FINGERPRINT.fullmatch(fingerprint) else None
    if found is None:
        raise Refused(404, "no succession of that trust file is published here", Cache_Control=_for(MISSING_FOR_S))
    return Response(200, encode_published(found), MEDIA_TYPE, {"Cache-Control": _for(FOUND_FOR_S)})


def _read(path: Path, most: int) -> bytes | None:
    """A file that may be missing; nobody waits for one that is a pipe."""
    try:
        with open_regular(path) as stream:
            data = stream.read(most + 1)
    except FileNotFoundError:
        return None
    except NotAFileError as error:
        raise MalformedError(_WHAT, f"{path} is {error.strerror}") from None
    if len(data) > most:
        raise MalformedError(_WHAT, f"{path} is over {most} bytes")
    return data


def _without_strangers(old: Trust, signed: SignedSuccession) -> SignedSuccession:
    known = known_lines(old)
    return replace(signed, signatures=tuple(one for one in signed.signatures if (one.name, one.key_id) in known))


def _for(seconds: int) -> str:
    return f"public, max-age={seconds}"

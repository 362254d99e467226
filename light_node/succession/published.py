"""Successions as witnesses hand them out: what was signed, and the trust file that it puts in place. Pure.

Whoever hands one out vouches for nothing. A reader verifies it by the trust file that he pinned; see ``statement``.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import MalformedError, UntrustedError
from ledger.event import Json
from ledger.proof.evidence_fields import FieldReader
from ledger.strict_json import canonical_json, parse_json
from light_node.succession.rules import digest_of
from light_node.succession.statement import MAX_BYTES as MAX_NOTE_BYTES
from light_node.succession.statement import SignedSuccession, encode_succession, parse_succession
from light_node.trust import MAX_DEPTH as MAX_TRUST_DEPTH
from light_node.trust import Trust, encode_trust, parse_trust

MEDIA_TYPE = "application/vnd.vinculum.published-succession+json"
VERSION = 1
MAX_BYTES = 128 * 1024
"""As much as a trust file of 256 witnesses and the signatures of all of them under two notes take."""
MAX_DEPTH = MAX_TRUST_DEPTH + 1
MAX_NOTES = 2

_read = FieldReader("published succession")
_PUBLISHED = frozenset({"type", "version", "notes", "successor"})


@dataclass(frozen=True, slots=True)
class Published:
    """A succession with the trust file that it names, and one that contradicts it where that is known.

    Attributes:
        notes: The one that was published first; after it at most one of the same trust file to another successor.
        successor: The trust file that the first one names.
    """

    notes: tuple[SignedSuccession, ...]
    successor: Trust


def encode_published(published: Published) -> bytes:
    """Write one as canonical JSON; ``parse_published`` returns the same value.

    Raises: MalformedError, where it is longer than anybody reads, or one that ``parse_published`` refuses.
    """
    notes: list[Json] = [encode_succession(one).decode() for one in published.notes]
    successor = parse_json(encode_trust(published.successor), what=_read.what, max_depth=MAX_DEPTH)
    data = canonical_json({"type": MEDIA_TYPE, "version": VERSION, "notes": notes, "successor": successor})
    if parse_published(data) != published:
        raise MalformedError(_read.what, "a value that its format cannot hold")
    return data


def parse_published(data: bytes) -> Published:
    """Read one; signatures and trust file are *untrusted* still, and need not belong together.

    Args:
        data: *Untrusted.*

    Raises: MalformedError, also where it is written another way, or its notes do not contradict each other.
    """
    value = parse_json(data, what=_read.what, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    fields = _read.members(value, _PUBLISHED, "")
    _read.constant(fields["type"], MEDIA_TYPE, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    if canonical_json(value) != data:
        raise MalformedError(_read.what, "not the canonical encoding of its content")
    texts = _read.items(fields["notes"], "/notes", least=1, most=MAX_NOTES)
    notes = tuple(_note(text, f"/notes/{number}") for number, text in enumerate(texts))
    if len({one.statement.old for one in notes}) != 1 or len({one.statement for one in notes}) != len(notes):
        raise MalformedError(_read.what, "two notes that do not contradict each other", "/notes")
    return Published(notes, parse_trust(canonical_json(fields["successor"])))


def check_published(published: Published, old: bytes) -> None:
    """Refuse what is no answer to the question for the successor of a trust file.

    Args:
        published: *Untrusted*, parsed.
        old: Fingerprint of that trust file, 32 bytes.

    Raises: UntrustedError, where it is of another trust file, or its successor is not the one that its note names.
    """
    statement = published.notes[0].statement
    if statement.old != old:
        raise UntrustedError(f"a succession of the trust file {statement.old.hex()[:16]}…, which was not asked for")
    if statement.new != digest_of(published.successor):
        raise UntrustedError("the trust file beside the succession is another than the one that it names")


def _note(value: Json, at: str) -> SignedSuccession:
    return parse_succession(_read.text(value, at, most=MAX_NOTE_BYTES))

"""Checkpoints: size and root of a tree as a signed note, in the words of its log.

Source: C2SP tlog-checkpoint v1.0.0. What witnesses sign under it: ``ledger.proof.cosignature``.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.proof import note as notes
from ledger.proof.merkle import HASH_BYTES, MAX_SIZE
from ledger.proof.note import ED25519, Note, NoteSignature, SigningKey, encode_note

MAX_EXTENSIONS = 16
_WHAT = "checkpoint"
_SIZE = re.compile("0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A statement about a tree; nobody's yet.

    Attributes:
        origin: Which log.
        size: Entries in its tree.
        root: 32 bytes.
        extensions: Further lines; opaque, and no witness vouches for them.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text that is signed."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with its signature lines, not verified."""

    checkpoint: Checkpoint
    signatures: tuple[NoteSignature, ...]

    @property
    def note(self) -> str:
        """The signed note."""
        return encode_note(Note(self.checkpoint.text, self.signatures))


def parse_checkpoint(data: bytes | str) -> SignedCheckpoint:
    """Parse a signed checkpoint.

    Args:
        data: *Untrusted*; a signed note.

    Raises:
        MalformedError: Not a note, or its text is not origin, size, root and at most ``MAX_EXTENSIONS`` more lines.
    """
    note = notes.parse_note(data)
    return SignedCheckpoint(_parse_text(note.text), note.signatures)


def _parse_text(text: str) -> Checkpoint:
    lines = text[:-1].split("\n")
    if not 3 <= len(lines) <= 3 + MAX_EXTENSIONS or not all(lines):
        raise MalformedError(_WHAT, "not origin, size, root and a few more lines")
    origin, size, root, *extensions = lines
    entries = parse_size(size, _WHAT)
    digest = notes.parse_base64(root, _WHAT)
    if len(digest) != HASH_BYTES:
        raise MalformedError(_WHAT, f"a root of {len(digest)} bytes")
    return Checkpoint(origin, entries, digest, tuple(extensions))


def parse_size(text: str, what: str) -> int:
    """Read the size of a tree in its one decimal form.

    Args:
        text: *Untrusted*.
        what: The thing being parsed, for the message.

    Raises: MalformedError, for a leading zero, a sign, or more than ``MAX_SIZE``.
    """
    if not _SIZE.fullmatch(text) or int(text) > MAX_SIZE:
        raise MalformedError(what, "the size is not a number without leading zeros")
    return int(text)


def log_key_from_seed(name: str, seed: bytes) -> SigningKey:
    """Make the key of a log from its name, which should be its origin, and 32 secret bytes.

    Raises: MalformedError, for a name that no note can bear.
    """
    return SigningKey(name, ED25519, seed)


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> SignedCheckpoint:
    """Sign a checkpoint as its log does; ``key`` is a log's.

    Raises: MalformedError, for a checkpoint that ``parse_checkpoint`` would refuse.
    """
    text = text_to_sign(checkpoint)
    if key.public.algorithm != ED25519:
        raise MalformedError("signing key", "not the key of a log")
    signature = key.sign(text.encode())
    return SignedCheckpoint(checkpoint, (NoteSignature(key.public.name, key.public.key_id, signature),))


def text_to_sign(checkpoint: Checkpoint) -> str:
    """Return the text of a checkpoint that its format can hold.

    Raises: MalformedError, for one that ``parse_checkpoint`` would refuse.
    """
    if _parse_text(notes.parse_text(checkpoint.text)) != checkpoint:
        raise MalformedError(_WHAT, "a value that its format cannot hold")
    return checkpoint.text

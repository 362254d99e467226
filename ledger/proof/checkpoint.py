"""Checkpoints: size and root of a tree as a signed note, and what witnesses sign under it.

Source: C2SP tlog-checkpoint v1.0.0 and tlog-cosignature v1.1.0 (Ed25519).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import MalformedError, QuorumError, SignatureError
from ledger.proof import note as notes
from ledger.proof.merkle import HASH_BYTES, MAX_SIZE
from ledger.proof.note import COSIGNATURE, ED25519, Note, NoteSignature, SigningKey, VerifierKey, encode_note

MAX_TIME = 2**63 - 1
MAX_EXTENSIONS = 16
_WHAT = "checkpoint"
_COSIGNATURE_BYTES = 8 + 64
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


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One verified cosignature: by whom and when, in seconds since the epoch by the witness's clock."""

    key: VerifierKey
    time: int


@dataclass(frozen=True, slots=True)
class VerifiedCheckpoint:
    """A checkpoint that enough witnesses cosigned; only ``verify_cosignatures`` makes it.

    Attributes:
        origin: Which log.
        size: Entries in its tree.
        root: 32 bytes.
        cosignatures: All that were verified, in the order of their lines; distinct keys.
    """

    origin: str
    size: int
    root: bytes
    cosignatures: tuple[Cosignature, ...]


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


@lru_cache(maxsize=256)
def parse_vkey(text: str) -> VerifierKey:
    """Parse the verifier key of a witness; the last few hundred are kept.

    Args:
        text: *Untrusted*; ``name+id+key`` with signature type 0x04.

    Raises:
        MalformedError: Anything else.
    """
    return notes.parse_vkey(text, COSIGNATURE)


def witness_key_from_seed(name: str, seed: bytes) -> SigningKey:
    """Make the key of a witness from its name and 32 secret bytes.

    Raises: MalformedError, for a name that no note can bear.
    """
    return SigningKey(name, COSIGNATURE, seed)


def log_key_from_seed(name: str, seed: bytes) -> SigningKey:
    """Make the key of a log from its name, which should be its origin, and 32 secret bytes.

    Raises: MalformedError, for a name that no note can bear.
    """
    return SigningKey(name, ED25519, seed)


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> SignedCheckpoint:
    """Sign a checkpoint as its log does; ``key`` is a log's.

    Raises: MalformedError, for a checkpoint that ``parse_checkpoint`` would refuse.
    """
    text = _text_to_sign(checkpoint)
    if key.public.algorithm != ED25519:
        raise MalformedError("signing key", "not the key of a log")
    signature = key.sign(text.encode())
    return SignedCheckpoint(checkpoint, (NoteSignature(key.public.name, key.public.key_id, signature),))


def cosign(checkpoint: Checkpoint, key: SigningKey, time: int) -> NoteSignature:
    """Sign a checkpoint as a witness does.

    It is for the caller to have verified that it extends what this witness signed before.

    Args:
        checkpoint: What is vouched for.
        key: A witness's.
        time: Seconds since the epoch.

    Raises:
        MalformedError: A checkpoint that ``parse_checkpoint`` would refuse, or a time out of range.
    """
    text = _text_to_sign(checkpoint)
    if key.public.algorithm != COSIGNATURE or not 0 <= time <= MAX_TIME:
        raise MalformedError("cosignature", "not the key of a witness, or a time out of range")
    signature = key.sign(_cosigned_message(text, time))
    return NoteSignature(key.public.name, key.public.key_id, time.to_bytes(8, "big") + signature)


def add_cosignatures(checkpoint: SignedCheckpoint, cosignatures: Sequence[NoteSignature]) -> SignedCheckpoint:
    """Return the checkpoint with further signature lines; one that it already bears is not repeated."""
    note = notes.add_signatures(Note(checkpoint.checkpoint.text, checkpoint.signatures), cosignatures)
    return SignedCheckpoint(checkpoint.checkpoint, note.signatures)


def verify_cosignatures(signed: SignedCheckpoint, keys: Sequence[VerifierKey], threshold: int) -> VerifiedCheckpoint:
    """Prove that enough of the pinned witnesses cosigned a checkpoint.

    1. Lines of unknown keys, among them the log's own, are ignored.
    2. No known key has two lines.
    3. Every line of a known key verifies.
    4. At least ``threshold`` keys signed.

    Args:
        signed: *Untrusted*.
        keys: Pinned witnesses; no public key stands there under two names.
        threshold: k, at least 1 and at most as many as there are keys. See ``check_threshold``.

    Raises:
        MalformedError: 2 does not hold, a cosignature is not in its format, or the keys or the threshold are unusable.
        SignatureError: 3 does not hold.
        QuorumError: 4 does not hold.

    Source: C2SP tlog-cosignature, "Ed25519 signed message".
    """
    known = _by_line(keys)
    if not 1 <= threshold <= len(keys):
        raise MalformedError("threshold", f"{threshold} of {len(keys)} witnesses")
    found: dict[VerifierKey, Cosignature] = {}
    for line in signed.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:  # 1
            continue
        if key in found:  # 2
            raise MalformedError(_WHAT, f"two cosignatures by {key.name}")
        found[key] = _verify_cosignature(signed.checkpoint.text, key, line.signature)  # 3
    if len(found) < threshold:  # 4
        raise QuorumError(len(found), threshold, "cosignatures")
    statement = signed.checkpoint
    return VerifiedCheckpoint(statement.origin, statement.size, statement.root, tuple(found.values()))


def check_threshold(threshold: int, witnesses: int, tolerated_liars: int) -> None:
    """Refuse a threshold with which two contradicting checkpoints could both be cosigned.

    Raises: MalformedError, where not ``1 <= k <= n``, or ``2k <= n + tolerated liars``.
    """
    if not 1 <= threshold <= witnesses or tolerated_liars < 0:
        raise MalformedError("threshold", f"{threshold} of {witnesses} witnesses")
    if 2 * threshold <= witnesses + tolerated_liars:
        why = f"{threshold} of {witnesses} with {tolerated_liars} liars could cosign two histories"
        raise MalformedError("threshold", why)


def _text_to_sign(checkpoint: Checkpoint) -> str:
    if _parse_text(notes.parse_text(checkpoint.text)) != checkpoint:
        raise MalformedError(_WHAT, "a value that its format cannot hold")
    return checkpoint.text


def _by_line(keys: Sequence[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known = {(key.name, key.key_id): key for key in keys if key.algorithm == COSIGNATURE}
    if len(known) != len(keys) or len({key.public_key for key in keys}) != len(keys):
        raise MalformedError("witness keys", "one of them twice, or not of a witness")
    return known


def _verify_cosignature(text: str, key: VerifierKey, signature: bytes) -> Cosignature:
    time = int.from_bytes(signature[:8], "big")
    if len(signature) != _COSIGNATURE_BYTES or time > MAX_TIME:
        raise MalformedError("cosignature", f"of {key.name}: not a time and an Ed25519 signature")
    try:
        public = Ed25519PublicKey.from_public_bytes(key.public_key)
        public.verify(signature[8:], _cosigned_message(text, time))
    except InvalidSignature:
        raise SignatureError(f"the cosignature of {key.name} does not verify") from None
    return Cosignature(key, time)


def _cosigned_message(text: str, time: int) -> bytes:
    return f"cosignature/v1\ntime {time}\n{text}".encode()

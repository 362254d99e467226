"""What witnesses sign under a checkpoint: when each saw it, and that enough of them did.

Source: C2SP tlog-cosignature v1.1.0 (Ed25519).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import MalformedError, QuorumError, SignatureError
from ledger.proof import note as notes
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, text_to_sign
from ledger.proof.note import COSIGNATURE, Note, NoteSignature, SigningKey, VerifierKey

MAX_TIME = 2**63 - 1
_COSIGNATURE_BYTES = 8 + 64


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
    text = text_to_sign(checkpoint)
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
            raise MalformedError("checkpoint", f"two cosignatures by {key.name}")
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

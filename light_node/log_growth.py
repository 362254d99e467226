"""That a log only grew: what it showed before stands unchanged at the beginning of what it shows now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import ForkError, RollbackError, SignatureError, UntrustedError
from ledger.proof import note as notes
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.merkle import verify_consistency
from ledger.proof.note import ED25519, VerifierKey


@dataclass(frozen=True, slots=True)
class Growth:
    """How much a log grew; only ``verify_growth`` makes it.

    Attributes:
        origin: Which log.
        before: Entries then.
        after: Entries now.
    """

    origin: str
    before: int
    after: int


def parse_log_key(text: str) -> VerifierKey:
    """Parse the verifier key of a log.

    Args:
        text: ``name+id+key`` with signature type 0x01.

    Raises: MalformedError.
    """
    return notes.parse_vkey(text, ED25519)


def verify_growth(before: SignedCheckpoint, after: SignedCheckpoint, path: Sequence[bytes], key: VerifierKey) -> Growth:
    """Prove that a log, for instance of access receipts, took nothing back between two checkpoints.

    1. Both checkpoints are of the log that the key is of, and signed with it.
    2. It did not shrink; at the same size it has the same root.
    3. The larger tree begins with the smaller.

    Args:
        before: *Untrusted*; seen earlier.
        after: *Untrusted.*
        path: *Untrusted*; consistency path between the two.
        key: The log's; its name is the log's origin.

    Raises:
        UntrustedError: A checkpoint is of another log.
        SignatureError: It is not signed with the key.
        RollbackError: The log shrank.
        ForkError: Two roots of one size; carries both notes.
        ConsistencyError, MalformedError: 3 does not hold.
    """
    for signed in (before, after):  # 1
        _verify_signed(signed, key)
    old, new = before.checkpoint, after.checkpoint
    if new.size < old.size:  # 2
        raise RollbackError("size of the log", old.size, new.size)
    if new.size == old.size and new.root != old.root:
        raise ForkError(f"the log of {old.size} entries", before.note.encode(), after.note.encode())
    if old.size:
        verify_consistency(old.size, new.size, old.root, new.root, path)  # 3
    return Growth(new.origin, old.size, new.size)


def _verify_signed(signed: SignedCheckpoint, key: VerifierKey) -> None:
    if signed.checkpoint.origin != key.name:
        raise UntrustedError(f"a checkpoint of another log than {key.name}")
    own = [one for one in signed.signatures if (one.name, one.key_id) == (key.name, key.key_id)]
    if not own:
        raise SignatureError(f"no signature of {key.name}")
    try:
        for one in own:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(one.signature, signed.checkpoint.text.encode())
    except InvalidSignature:
        raise SignatureError(f"the signature of {key.name} does not verify") from None

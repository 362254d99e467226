"""From an untrusted header to a verified one. The way here: cosigned checkpoints, over any engine."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import ForkError, InclusionError, MalformedError, RollbackError, UntrustedError
from ledger.proof.checkpoint import VerifiedCheckpoint, parse_checkpoint, parse_vkey, verify_cosignatures
from ledger.proof.evidence import CheckpointFinality, Evidence
from ledger.proof.header import RawHeader, block_hash, parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.merkle import leaf_hash, verify_inclusion
from light_node.trust import Trust, TrustedBlock, WitnessRule

MAX_BLOCK_TIME = 2**36
"""Some year beyond 4000; a block's time is calculated with as a calendar date."""


@dataclass(frozen=True, slots=True)
class VerifiedHeader:
    """A header that is final by the trust file's rule; only ``verify_finality`` makes it.

    Attributes:
        number: Height.
        time: Timestamp, in seconds since the epoch.
        hash: 32 bytes.
        state_root: 32 bytes.
    """

    number: int
    time: int
    hash: bytes
    state_root: bytes


def verify_finality(evidence: Evidence, trust: Trust, accepted: TrustedBlock | None = None) -> VerifiedHeader:
    """Prove that the header of an evidence file is final and takes nothing back.

    1. The header has one form: seals and round of a QBFT block, which its hash does not cover, are left out.
    2. Enough witnesses cosigned a checkpoint of the origin in the trust file.
    3. The block's hash is the entry of its number in the checkpoint's tree.
    4. The block is not below the trusted block or the last accepted one, in height or time, and at the same height it
       is the same block.

    Args:
        evidence: Parsed.
        trust: The trust file.
        accepted: The last head that was accepted here, or None.

    Raises:
        MalformedError: Header or note are not in their format, or 1 does not hold.
        QuorumError, SignatureError, UntrustedError: 2 does not hold.
        InclusionError: 3 does not hold.
        RollbackError, ForkError: 4 does not hold.
    """
    raw = parse_header(evidence.header)
    hashed = _hash(raw, evidence.header, trust)  # 1
    checkpoint = verify_checkpoint(evidence.finality, trust.finality)  # 2
    if raw.number >= checkpoint.size:  # 3
        raise InclusionError(f"block {raw.number} in a checkpoint of {checkpoint.size} blocks", hashed, None)
    verify_inclusion(leaf_hash(hashed), raw.number, checkpoint.size, evidence.finality.path, checkpoint.root)
    header = VerifiedHeader(raw.number, raw.timestamp, hashed, raw.state_root)
    for block in (trust.trusted_block, accepted):  # 4
        if block is not None:
            verify_extends(header, block)
    return header


def _hash(raw: RawHeader, data: bytes, trust: Trust) -> bytes:
    hashed = block_hash(raw, trust.block_hash_rule)
    if hashed != keccak256(data):
        raise MalformedError("block header", "with a round or seals, which its hash does not cover")
    if raw.timestamp > MAX_BLOCK_TIME:
        raise MalformedError("block header", f"a time beyond {MAX_BLOCK_TIME}")
    return hashed


def verify_checkpoint(finality: CheckpointFinality, rule: WitnessRule) -> VerifiedCheckpoint:
    """Prove that enough pinned witnesses cosigned the checkpoint.

    Raises:
        MalformedError: The note is not a checkpoint.
        UntrustedError: It is of another origin.
        SignatureError, QuorumError: See ``verify_cosignatures``.
    """
    signed = parse_checkpoint(finality.note)
    if signed.checkpoint.origin != rule.origin:
        raise UntrustedError("the checkpoint is of another origin than the one of the trust file")
    return verify_cosignatures(signed, tuple(map(parse_vkey, rule.witnesses)), rule.threshold)


def verify_extends(header: VerifiedHeader, accepted: TrustedBlock) -> None:
    """Prove that a header does not take back a block that was accepted.

    Raises:
        RollbackError: It is lower, or higher with an earlier time.
        ForkError: It is another block at the same height; carries both hashes.
    """
    if header.number < accepted.number:
        raise RollbackError("block number", accepted.number, header.number)
    if header.number == accepted.number and header.hash != accepted.hash:
        raise ForkError(f"block {header.number}", accepted.hash, header.hash)
    if header.time < accepted.time:
        raise RollbackError("block time", accepted.time, header.time)

"""From an untrusted header to a verified one, by the rule of the trust file: seals, or cosigned checkpoints."""

from __future__ import annotations

from typing import Protocol

from ledger.errors import ForkError, MalformedError, RollbackError, UntrustedError
from ledger.proof.evidence import CheckpointFinality, Finality, SealFinality
from ledger.proof.header import RawHeader, block_hash, parse_header
from ledger.proof.keccak import keccak256
from light_node.checkpoint_finality import verify_witnessed
from light_node.heads import Accepted, VerifiedHeader
from light_node.seal_finality import verify_sealed
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import WitnessRule

MAX_BLOCK_TIME = 2**36
"""Some year beyond 4000; a block's time is calculated with as a calendar date."""


class Signed(Protocol):
    """A header with what is to make it final: an evidence file, or a head that a node remembers."""

    @property
    def header(self) -> bytes:
        """RLP."""

    @property
    def finality(self) -> Finality:
        """Its signatures and paths."""


def verify_finality(signed: Signed, trust: Trust, now: int, accepted: Accepted | None = None) -> VerifiedHeader:
    """Prove that a signed header is final and takes nothing back.

    1. The header has one form: seals and round of a QBFT block, which its hash does not cover, stand beside it.
    2. It is final by the rule of the trust file: see ``verify_witnessed`` and ``verify_sealed``.
    3. The block is not below the trusted block or the last accepted one, in height or time, and at the same height it
       is the same block.

    Args:
        signed: *Untrusted*, parsed.
        trust: The trust file.
        now: The local clock, in seconds since the epoch; validators are believed for a time.
        accepted: What was accepted here before, or None.

    Raises:
        MalformedError: A part is not in its format, or 1 does not hold.
        UntrustedError: The file is final by another rule than the trust file's.
        QuorumError, SignatureError, InclusionError, ConsistencyError, StaleError: 2 does not hold.
        RollbackError, ForkError: 3 does not hold, or the rule found a fork.
    """
    raw = parse_header(signed.header)
    hashed = _hash(raw, signed.header, trust)  # 1
    header = _verify_rule(raw, hashed, signed, trust, now, accepted)  # 2
    verify_extends(header, trust.trusted_block)  # 3
    if accepted is not None:
        verify_extends(header, accepted.block)
    return header


def _verify_rule(
    raw: RawHeader, hashed: bytes, signed: Signed, trust: Trust, now: int, accepted: Accepted | None
) -> VerifiedHeader:
    rule, finality = trust.finality, signed.finality
    if isinstance(rule, WitnessRule) and isinstance(finality, CheckpointFinality):
        tree = verify_witnessed(raw, hashed, finality, rule, accepted)
        return VerifiedHeader(raw.number, raw.timestamp, hashed, raw.state_root, tree=tree)
    if not isinstance(rule, WitnessRule) and isinstance(finality, SealFinality):
        validated = verify_sealed(raw, finality, trust, rule, accepted, now)
        return VerifiedHeader(raw.number, raw.timestamp, hashed, raw.state_root, validated=validated)
    raise UntrustedError("the file proves finality in another way than the trust file asks for")


def _hash(raw: RawHeader, data: bytes, trust: Trust) -> bytes:
    hashed = block_hash(raw, trust.block_hash_rule)
    if hashed != keccak256(data):
        raise MalformedError("block header", "with a round or seals, which its hash does not cover")
    if raw.timestamp > MAX_BLOCK_TIME:
        raise MalformedError("block header", f"a time beyond {MAX_BLOCK_TIME}")
    return hashed


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

"""One block after the other: what follows a block that is trusted, sealed by the set that is in force there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ledger.errors import ConsistencyError, ForkError, RollbackError
from ledger.proof.header import RawHeader
from ledger.proof.qbft_extra import QbftExtra
from light_node.qbft.seals import SealedHeader, open_seals


class AcceptedBlock(Protocol):
    """A block that is final here, by its pinning or because it was verified."""

    @property
    def number(self) -> int:
        """Height."""

    @property
    def hash(self) -> bytes:
        """Block hash after the QBFT rule, 32 bytes."""

    @property
    def time(self) -> int:
        """Timestamp, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class TrustedSet:
    """A block that is final here, and who seals the next one.

    Attributes:
        number: Height of the block.
        hash: Its hash after the QBFT rule, 32 bytes.
        validators: In force for block ``number`` + 1, ascending.
        time: Timestamp of the block, in seconds since the epoch.
    """

    number: int
    hash: bytes
    validators: tuple[bytes, ...]
    time: int


def verify_step(trusted: TrustedSet, header: RawHeader) -> SealedHeader:
    """Prove that a block is the next one.

    1. Its number is the next.
    2. Its time is not before that of the trusted block. (Engines demand a period between them; it is not ours to know.)
    3. The set in force sealed it; see ``verify_seals``.
    4. It names the trusted block as its parent. Else a quorum sealed on top of another block, which is a fork.

    Args:
        trusted: *Verified.*
        header: *Untrusted*, parsed.

    Raises:
        RollbackError: The number is not above, or the time before that of the trusted block.
        ConsistencyError: Blocks between the two are left out.
        MalformedError, SignatureError, QuorumError: 3 does not hold.
        ForkError: 4 does not hold; carries both hashes.
    """
    return open_step(trusted, header)[0]


def open_step(trusted: TrustedSet, header: RawHeader) -> tuple[SealedHeader, QbftExtra]:
    """Do what ``verify_step`` does, and return the parsed extra data too, so that it is parsed once."""
    if header.number <= trusted.number:  # 1
        raise RollbackError("block number", trusted.number, header.number)
    if header.number != trusted.number + 1:
        raise ConsistencyError(f"block {header.number} is not the next after {trusted.number}")
    check_time(trusted, header)  # 2
    sealed, extra = open_seals(header, trusted.validators)  # 3
    check_place(trusted, header, sealed.hash)  # 4
    return sealed, extra


def check_time(accepted: AcceptedBlock, header: RawHeader) -> None:
    """Refuse a header of an earlier time than the accepted block.

    Raises: RollbackError.
    """
    if header.timestamp < accepted.time:
        raise RollbackError("block time", accepted.time, header.timestamp)


def check_place(accepted: AcceptedBlock, header: RawHeader, hashed: bytes) -> None:
    """Refuse a sealed header that contradicts the accepted block, as far as the two alone can show it.

    Args:
        accepted: *Verified.*
        header: Its seals are *verified*: what contradicts here was signed.
        hashed: Block hash of ``header``.

    Raises: ForkError, for another block at the same height, or for another parent at the next; carries both hashes.
    """
    if header.number == accepted.number and hashed != accepted.hash:
        raise ForkError(f"block {accepted.number}", accepted.hash, hashed)
    if header.number == accepted.number + 1 and header.parent_hash != accepted.hash:
        raise ForkError(f"block {accepted.number}, by its child", accepted.hash, header.parent_hash)

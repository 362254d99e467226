"""Commit seals: who sealed a QBFT block, and whether that is a quorum of a set that is known from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import coincurve

from ledger.errors import MalformedError, QuorumError, SignatureError
from ledger.proof.header import RawHeader, qbft_hashes
from ledger.proof.keccak import keccak256
from ledger.proof.qbft_extra import MAX_VALIDATORS, QbftExtra, parse_qbft_extra

ADDRESS_BYTES = 20
SEAL_BYTES = 65
_HALF_ORDER = (0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0).to_bytes(32, "big")
_NOBODY = bytes(ADDRESS_BYTES)
_WHAT = "commit seals"
_recover = coincurve.PublicKey.from_signature_and_message


@dataclass(frozen=True, slots=True)
class SealedHeader:
    """A header with a quorum of distinct seals; only ``verify_*`` functions of this package make it.

    Attributes:
        number: Height.
        time: Timestamp, in seconds since the epoch.
        hash: Block hash, 32 bytes; covers neither round nor seals.
        state_root: 32 bytes.
        round: In which it was sealed.
        signers: Addresses of all who sealed this copy of it, ascending; after a skip also strangers' to the set.
    """

    number: int
    time: int
    hash: bytes
    state_root: bytes
    round: int
    signers: tuple[bytes, ...]


def quorum_of(count: int) -> int:
    """Return how many of ``count`` validators are a quorum: ceil(2N / 3).

    Source: EEA QBFT Blockchain Protocol Specification 1.0. GoQuorum imports a block that has fewer.
    """
    return -(-2 * count // 3)


def check_validators(validators: Sequence[bytes]) -> None:
    """Refuse what is no set of validators: 1 to ``MAX_VALIDATORS`` distinct addresses of 20 bytes, none of them zero.

    Raises: MalformedError.
    """
    if not 0 < len(validators) <= MAX_VALIDATORS:
        raise MalformedError("set of validators", f"{len(validators)} of them, 1 to {MAX_VALIDATORS} are possible")
    if set(map(len, validators)) != {ADDRESS_BYTES} or _NOBODY in validators:
        raise MalformedError("set of validators", "what is no address, or the zero address")
    if len(set(validators)) != len(validators):
        raise MalformedError("set of validators", "one of them twice")


def verify_seals(header: RawHeader, validators: Sequence[bytes]) -> SealedHeader:
    """Prove that a quorum of a known set sealed a block.

    1. The set is one: distinct addresses, at least one.
    2. The block is not the genesis, which nobody seals.
    3. Every seal is in its one encoding (r ‖ s ‖ v, low s, v 0 or 1) and a signature over the commit-seal hash.
    4. Every seal is by a member.
    5. No member sealed twice.
    6. At least ``quorum_of`` the set sealed.

    Args:
        header: *Untrusted*, parsed. Its own list of validators and its vote are not looked at.
        validators: *Verified*; in force for this block, in any order.

    Raises:
        MalformedError: 1, 2 or 5 does not hold, or the extra data is in another format.
        SignatureError: 3 or 4 does not hold: a stranger's seal, one of another block or round, or a changed bit.
        QuorumError: 6 does not hold.

    Source: EEA QBFT Blockchain Protocol Specification 1.0; blocks recorded from GoQuorum 24.4.1.
    """
    return open_seals(header, validators)[0]


def open_seals(header: RawHeader, validators: Sequence[bytes]) -> tuple[SealedHeader, QbftExtra]:
    """Do what ``verify_seals`` does, and return the parsed extra data too, so that it is parsed once."""
    check_validators(validators)  # 1
    extra, sealed, hashed = _open(header)
    members, signers = frozenset(validators), set[bytes]()
    for seal in extra.seals:
        signer = recover_signer(seal, sealed)  # 3
        if signer not in members:  # 4
            raise SignatureError(f"a seal of block {header.number} is by 0x{signer.hex()}, who is no validator of it")
        _add_signer(signers, signer)  # 5
    _check_quorum(len(signers), len(members))  # 6
    return _sealed_header(header, extra.round, hashed, signers), extra


def open_overlap(header: RawHeader, validators: Sequence[bytes]) -> SealedHeader:
    """Prove that a quorum of an earlier set is among those who sealed a block; strangers may have sealed it too.

    The checks are those of ``verify_seals``, without 4. It is for ``verify_skip`` to say when that is enough.
    """
    check_validators(validators)
    extra, sealed, hashed = _open(header)
    signers = set[bytes]()
    for seal in extra.seals:
        _add_signer(signers, recover_signer(seal, sealed))
    verify_overlap(frozenset(signers), validators)
    return _sealed_header(header, extra.round, hashed, signers)


def verify_overlap(signers: frozenset[bytes], validators: Sequence[bytes]) -> None:
    """Prove that a quorum of the set ``validators`` is among ``signers``.

    Raises: QuorumError.
    """
    _check_quorum(len(signers.intersection(validators)), len(validators))


def recover_signer(signature: bytes, message: bytes) -> bytes:
    """Return the address, 20 bytes, whose key made a signature over ``message`` (a hash, 32 bytes).

    Args:
        signature: *Untrusted*; r ‖ s ‖ v.
        message: What was signed, as it is.

    Raises: SignatureError, for a signature that is none, or not in its one encoding: 65 bytes, low s, v 0 or 1.
    Source: EIP-2 (low s); SEC 1, 4.1.6 (recovery).
    """
    if len(signature) != SEAL_BYTES or signature[64] > 1 or signature[32:64] > _HALF_ORDER:
        raise SignatureError("a signature that is not in its one encoding: 65 bytes, low s, v 0 or 1")
    try:
        key = _recover(signature, message, hasher=None)
    except ValueError:
        raise SignatureError("a signature from which no key can be recovered") from None
    return keccak256(key.format(compressed=False)[1:])[12:]


def _open(header: RawHeader) -> tuple[QbftExtra, bytes, bytes]:
    """Return extra data, commit-seal hash and block hash."""
    if not header.number:  # 2
        raise MalformedError("sealed header", "the genesis, which nobody seals: it can only be pinned")
    extra = parse_qbft_extra(header.extra_data)
    return extra, *qbft_hashes(header, extra)


def _add_signer(signers: set[bytes], signer: bytes) -> None:
    if signer in signers:
        raise MalformedError(_WHAT, f"two by 0x{signer.hex()}")
    signers.add(signer)


def _check_quorum(valid: int, members: int) -> None:
    if valid < quorum_of(members):
        raise QuorumError(valid, quorum_of(members), _WHAT)


def _sealed_header(header: RawHeader, number: int, hashed: bytes, signers: set[bytes]) -> SealedHeader:
    return SealedHeader(header.number, header.timestamp, hashed, header.state_root, number, tuple(sorted(signers)))

"""Block headers: their fields, and the two ways in which engines hash them.

::

    commit seal hash = keccak256(RLP(header with extraData = [vanity, validators, vote, round, []]))
    block hash       = keccak256(RLP(header with extraData = [vanity, validators, vote, 0, []]))

``ledger.proof.qbft_extra`` tells what stands in the extra data of a QBFT header.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from ledger.errors import MalformedError
from ledger.proof.keccak import keccak256
from ledger.proof.qbft_extra import MAX_EXTRA_BYTES, QbftExtra, encode_qbft_extra, parse_qbft_extra
from ledger.proof.rlp import RlpItem, encode_rlp, parse_rlp

MAX_HEADER_BYTES = 64 * 1024
MIN_FIELDS = 15
PLAIN, QBFT = "plain", "qbft"

_KEPT = 8
"""A few of the last headers are kept: the files of many assets that were made at one block bear the same ones."""
_EXTRA = 12
_FIXED, _INTEGER, _OPEN = range(3)
# Name, form and length of each field (greatest length of an integer or open one); base fee and on: later forks.
_FIELDS = (
    ("parent hash", _FIXED, 32),
    ("ommers hash", _FIXED, 32),
    ("coinbase", _FIXED, 20),
    ("state root", _FIXED, 32),
    ("transactions root", _FIXED, 32),
    ("receipts root", _FIXED, 32),
    ("bloom", _FIXED, 256),
    ("difficulty", _INTEGER, 32),
    ("number", _INTEGER, 8),
    ("gas limit", _INTEGER, 8),
    ("gas used", _INTEGER, 8),
    ("timestamp", _INTEGER, 8),
    ("extra data", _OPEN, MAX_EXTRA_BYTES),
    ("mix hash", _FIXED, 32),
    ("nonce", _FIXED, 8),
    ("base fee", _INTEGER, 32),
    ("withdrawals root", _FIXED, 32),
    ("blob gas used", _INTEGER, 8),
    ("excess blob gas", _INTEGER, 8),
    ("parent beacon root", _FIXED, 32),
    ("requests hash", _FIXED, 32),
)


@dataclass(frozen=True, slots=True)
class RawHeader:
    """A header in its format; nothing of it is verified.

    Attributes:
        rlp: The encoding that was parsed.
        fields: All 15 to 21 fields in their order, as encoded.
        parent_hash: 32 bytes.
        coinbase: Who proposed it, 20 bytes.
        state_root: 32 bytes.
        transactions_root: 32 bytes.
        receipts_root: 32 bytes.
        number: Height.
        timestamp: Seconds since the epoch.
        extra_data: As the engine writes it.
    """

    rlp: bytes
    fields: tuple[bytes, ...]
    parent_hash: bytes
    coinbase: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    number: int
    timestamp: int
    extra_data: bytes


@lru_cache(maxsize=_KEPT)
def parse_header(data: bytes) -> RawHeader:
    """Parse a header of 15 to 21 fields.

    Args:
        data: *Untrusted*; RLP, at most ``MAX_HEADER_BYTES``.

    Raises:
        MalformedError: Not canonical RLP, or a field of a wrong length.

    Source: Ethereum Yellow Paper, 4.4; EIP-1559, EIP-4895, EIP-4844, EIP-4788 and EIP-7685 append fields.
    """
    item = parse_rlp(data, max_bytes=MAX_HEADER_BYTES)
    if isinstance(item, bytes) or not MIN_FIELDS <= len(item) <= len(_FIELDS):
        raise MalformedError("header", f"not a list of {MIN_FIELDS} to {len(_FIELDS)} fields")
    fields = tuple([_parse_field(number, field) for number, field in enumerate(item)])
    return RawHeader(
        rlp=data,
        fields=fields,
        parent_hash=fields[0],
        coinbase=fields[2],
        state_root=fields[3],
        transactions_root=fields[4],
        receipts_root=fields[5],
        number=int.from_bytes(fields[8], "big"),
        timestamp=int.from_bytes(fields[11], "big"),
        extra_data=fields[_EXTRA],
    )


@lru_cache(maxsize=_KEPT)
def block_hash(header: RawHeader, rule: str = PLAIN) -> bytes:
    """Compute the hash by which a child names this block, 32 bytes.

    Args:
        header: Parsed.
        rule: ``plain`` (keccak256 of the header) or ``qbft`` (round zero and no seals; the genesis as it stands).

    Raises:
        MalformedError: After the QBFT rule, extra data in another format.
    """
    if rule not in (PLAIN, QBFT):
        raise ValueError(f"{rule!r} is not a rule of block hashes")
    if rule == PLAIN or not header.number:
        return keccak256(header.rlp)
    extra = parse_qbft_extra(header.extra_data)
    return _hash_with(header, QbftExtra(extra.vanity, extra.validators, extra.vote, 0, ()))


def commit_seal_hash(header: RawHeader) -> bytes:
    """Compute what the validators of a QBFT block signed, 32 bytes.

    Raises: MalformedError, for extra data in another format.
    """
    extra = parse_qbft_extra(header.extra_data)
    return _hash_with(header, QbftExtra(extra.vanity, extra.validators, extra.vote, extra.round, ()))


def qbft_hashes(header: RawHeader, extra: QbftExtra) -> tuple[bytes, bytes]:
    """Compute commit-seal hash and block hash of a QBFT block other than the genesis, 32 bytes each, in one go.

    Args:
        header: Parsed.
        extra: Its extra data, parsed.
    """
    sealed = _hash_with(header, QbftExtra(extra.vanity, extra.validators, extra.vote, extra.round, ()))
    if not extra.round:
        return sealed, sealed
    return sealed, _hash_with(header, QbftExtra(extra.vanity, extra.validators, extra.vote, 0, ()))


@lru_cache(maxsize=_KEPT)
def with_seals(header: RawHeader, number: int, seals: tuple[bytes, ...]) -> RawHeader:
    """Return a QBFT header with this round and these seals; its block hash stays as it is.

    Args:
        header: Parsed; ``rlp`` of the result is not the one that was received.
        number: Round in which it was sealed.
        seals: 65 bytes each; round zero and no seals give the one form of the header that every node agrees on.

    Raises: MalformedError, for extra data in another format.
    """
    extra = parse_qbft_extra(header.extra_data)
    data = encode_qbft_extra(QbftExtra(extra.vanity, extra.validators, extra.vote, number, seals))
    fields = (*header.fields[:_EXTRA], data, *header.fields[_EXTRA + 1 :])
    return replace(header, rlp=encode_rlp(fields), fields=fields, extra_data=data)


def _parse_field(number: int, field: RlpItem) -> bytes:
    name, form, length = _FIELDS[number]
    if isinstance(field, bytes):
        if form == _FIXED:
            if len(field) == length:
                return field
        elif len(field) <= length and (form == _OPEN or field[:1] != b"\0"):
            return field
    raise MalformedError("header", f"the {name} is not in its format", number)


def _hash_with(header: RawHeader, extra: QbftExtra) -> bytes:
    fields = [*header.fields[:_EXTRA], encode_qbft_extra(extra), *header.fields[_EXTRA + 1 :]]
    return keccak256(encode_rlp(fields))

"""Events of the contracts, decoded: attestations by slices (the hot path), governance by the ABI. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from ledger.chain.abi import signature_of, type_of
from ledger.chain.answers import Log
from ledger.errors import RejectedError
from ledger.proof.keccak import keccak256

ATTESTED = keccak256(b"Attested(bytes32,bytes32,uint256)")
ATTESTED_MANY = keccak256(b"AttestedMany(uint256,uint256,bytes32[2][])")
_MANY_HEAD = (64).to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class GovernanceFact:
    """One decoded governance event; bytes as ``0x…`` text, so that it is JSON."""

    name: str
    arguments: dict[str, Any]


def attestations_of(log: Log) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield (subject, digest, meta word) of a log's event, in order; nothing for other events.

    Raises: RejectedError, if the node gives an event that our contracts cannot emit.
    """
    event, data = log.topics[0], log.data
    if event == ATTESTED:
        if len(data) != 64 or len(log.topics) != 2:
            raise RejectedError("node: an Attested event of a wrong length")
        yield log.topics[1], data[:32], data[32:]
    elif event == ATTESTED_MANY:
        yield from _pairs(data)


class GovernanceDecoder:
    """Decodes the events of one or more interfaces; attestations and unknown events are None."""

    def __init__(self, *abis: Sequence[dict[str, Any]]) -> None:
        entries = [entry for abi in abis for entry in abi if entry["type"] == "event" and not entry.get("anonymous")]
        self._events = {keccak256(signature_of(entry).encode()): entry for entry in entries}
        self._events.pop(ATTESTED, None)
        self._events.pop(ATTESTED_MANY, None)

    def decode(self, log: Log) -> GovernanceFact | None:
        """Decode one log.

        Raises: RejectedError, if the data are not those of the event they are called.
        """
        entry = self._events.get(log.topics[0])
        if entry is None:
            return None
        indexed = [one for one in entry["inputs"] if one["indexed"]]
        plain = [one for one in entry["inputs"] if not one["indexed"]]
        try:
            values = decode([type_of(one) for one in plain], log.data)
            topics = [decode([type_of(one)], topic)[0] for one, topic in zip(indexed, log.topics[1:], strict=True)]
        except (DecodingError, ValueError):
            raise RejectedError(f"node: a {entry['name']} event that is none") from None
        names = [one["name"] for one in (*indexed, *plain)]
        return GovernanceFact(entry["name"], dict(zip(names, map(_as_json, (*topics, *values)), strict=True)))


def _pairs(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    count = int.from_bytes(data[64:96], "big")
    if data[32:64] != _MANY_HEAD or len(data) != 96 + 64 * count:
        raise RejectedError("node: an AttestedMany event of a wrong length")
    meta = data[:32]
    for at in range(96, len(data), 64):
        yield data[at : at + 32], data[at + 32 : at + 64], meta


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, (list, tuple)):
        return [_as_json(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return hex(value)
    return value

"""The storage layout of the contracts as Solidity documents it, written apart from ``ledger.proof.slots``."""

from __future__ import annotations

from contracts import artefact
from ledger.proof.keccak import keccak256

_SLOTS = {variable.label: variable.slot for variable in artefact("Consortium").storage_layout}
ISSUER_KEYS, NAMESPACES = _SLOTS["_issuerKeys"], _SLOTS["_namespaces"]
HEADS = next(variable.slot for variable in artefact("BatteryPassport").storage_layout if variable.label == "_heads")
SUCCESSOR = next(
    variable.slot for variable in artefact("BatteryPassport").storage_layout if variable.label == "successor"
)
NO_END = 2**48 - 1


def _mapped(key: bytes, slot: bytes) -> bytes:
    return keccak256(key.rjust(32, b"\0") + slot)


def _place(number: int) -> bytes:
    return number.to_bytes(32, "big")


def head_at(subject: bytes) -> bytes:
    return _mapped(subject, _place(HEADS))


def successor_at() -> bytes:
    return _place(SUCCESSOR)


def issuer_key_at(organisation: int, thumbprint: bytes) -> bytes:
    return _mapped(thumbprint, _mapped(_place(organisation), _place(ISSUER_KEYS)))


def namespace_at(identifier: bytes) -> bytes:
    return _mapped(identifier, _place(NAMESPACES))


def assignment_at(identifier: bytes, index: int) -> bytes:
    first = int.from_bytes(keccak256(namespace_at(identifier)), "big")
    return _place((first + index) % 2**256)


def issuer_key_word(
    valid_from: int, valid_until: int, revoked_from: int, changed_at: int, algorithm: int, flags: int = 0
) -> int:
    times = valid_from | valid_until << 48 | revoked_from << 96 | changed_at << 144
    return times | algorithm << 192 | flags << 200


def assignment_word(organisation: int, since: int) -> int:
    return organisation | since << 32

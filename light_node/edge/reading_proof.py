"""The proof of one reading: that a device stated it, and, where it is carried along, whose device that is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.credential.jose import PublicKey
from ledger.event import Json
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.merkle import MAX_PATH, leaf_hash, verify_inclusion
from ledger.proof.merkle_tree import MemoryTree, inclusion_path
from ledger.strict_json import canonical_json, parse_json
from light_node.device_key import DeviceKeyProof, device_key_value, parse_device_key
from light_node.edge.reading import MAX_LEAF_BYTES, Quality, Reading, parse_reading
from light_node.edge.statement import (
    MAX_CHARACTERS,
    MAX_READINGS,
    VerifiedStatement,
    parse_statement,
    verify_statement,
)

MAX_BYTES = 64 * 1024
MAX_DEPTH = 3
_PROOF = frozenset({"statement", "leaf", "index", "path"})
_DEVICE_KEY = "device_key"
_read = FieldReader("proof of a reading")


@dataclass(frozen=True, slots=True)
class ReadingProof:
    """That a reading stands in a signed batch.

    Attributes:
        statement: The compact JWS.
        leaf: The reading.
        index: Place in the batch, from 0.
        path: To the root, leaf side first; 32 bytes each.
        device_key: Whose the statement is, proven; None where it is not carried along.
    """

    statement: str
    leaf: bytes
    index: int
    path: tuple[bytes, ...]
    device_key: DeviceKeyProof | None = None


def prove_reading(statement: str, leaves: Sequence[bytes], index: int) -> ReadingProof:
    """Make the proof for one of a batch's leaves.

    Raises: ValueError, where there is no such leaf.
    """
    path = inclusion_path(MemoryTree(map(leaf_hash, leaves)), index, len(leaves))
    return ReadingProof(statement, leaves[index], index, tuple(path))


def verify_reading(proof: ReadingProof, key: PublicKey) -> tuple[VerifiedStatement, Reading, Quality]:
    """Prove that a device stated a reading.

    1. The statement is signed with ``key``.
    2. The leaf is in its batch, at its place.
    3. The leaf is a reading.

    Raises:
        SignatureError, InclusionError, MalformedError: 1, 2 or 3 does not hold.
    """
    statement = verify_statement(parse_statement(proof.statement), key)  # 1
    told = statement.statement
    verify_inclusion(leaf_hash(proof.leaf), proof.index, told.size, proof.path, told.root)  # 2
    return statement, *parse_reading(proof.leaf)  # 3


def encode_proof(proof: ReadingProof) -> bytes:
    """Write a proof as canonical JSON; ``parse_proof`` reads it."""
    path: list[Json] = [encode_hexadecimal(node) for node in proof.path]
    value: dict[str, Json] = {
        "statement": proof.statement,
        "leaf": proof.leaf.decode(),
        "index": proof.index,
        "path": path,
    }
    return canonical_json(
        value if proof.device_key is None else {**value, _DEVICE_KEY: device_key_value(proof.device_key)}
    )


def parse_proof(data: bytes) -> ReadingProof:
    """Read a proof; nothing is verified.

    Args:
        data: *Untrusted*.

    Raises: MalformedError.
    """
    value = parse_json(data, what="proof of a reading", max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    with_key = isinstance(value, dict) and _DEVICE_KEY in value
    fields = _read.members(value, _PROOF | {_DEVICE_KEY} if with_key else _PROOF, "")
    return ReadingProof(
        statement=_read.text(fields["statement"], "/statement", most=MAX_CHARACTERS),
        leaf=_read.text(fields["leaf"], "/leaf", most=MAX_LEAF_BYTES).encode(),
        index=_read.integer(fields["index"], "/index", most=MAX_READINGS),
        path=_read.hexadecimals(fields["path"], "/path", items=MAX_PATH, length=32),
        device_key=parse_device_key(fields[_DEVICE_KEY], f"/{_DEVICE_KEY}") if with_key else None,
    )

"""Rotations: statements by which the members of a pinned set of validators put another in its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import coincurve

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.keccak import keccak256
from ledger.proof.qbft_extra import MAX_VALIDATORS
from ledger.proof.slots import word_of
from ledger.strict_json import MAX_INTEGER, canonical_json, parse_json
from light_node.qbft.seals import ADDRESS_BYTES, SEAL_BYTES, check_validators, quorum_of, recover_signer

MEDIA_TYPE = "application/vnd.vinculum.qbft-rotation+json"
VERSION = 1
MAX_BYTES = 128 * 1024
MAX_DEPTH = 4

_WHAT = "rotation of validators"
_read = FieldReader(_WHAT)
_STATEMENT = ("chain_id", "sequence", "effective_block", "k", "previous", "validators")
_ROTATION = frozenset({"type", "version", "signatures", *_STATEMENT})
_SIGNATURE = frozenset({"validator", "signature"})

# EIP-712, so that the tools and signers which members have can show and sign it.
_DOMAIN_TYPE = keccak256(b"EIP712Domain(string name,string version,uint256 chainId)")
_TYPE = keccak256(b"Rotation(uint256 sequence,uint256 effectiveBlock,uint256 k,bytes32 previous,address[] validators)")
_NAME, _VERSION = keccak256(b"Vinculum QBFT validators"), keccak256(b"1")


@dataclass(frozen=True, slots=True)
class SetStatement:
    """A set of validators and when it takes effect; that in a trust file, or one that a rotation puts in its place.

    Attributes:
        chain_id: EIP-155 chain id.
        sequence: 0 for the set in the trust file, then one more with each rotation.
        effective_block: First block that this set seals.
        threshold: k, how many of these validators must sign the next rotation; at least their quorum.
        previous: ``digest`` of the statement before, 32 bytes; zeros for that in the trust file.
        validators: Ascending.
    """

    chain_id: int
    sequence: int
    effective_block: int
    threshold: int
    previous: bytes
    validators: tuple[bytes, ...]

    @property
    def digest(self) -> bytes:
        """What is signed, 32 bytes.

        Source: EIP-712, "Definition of hashStruct" and "encodeData".
        """
        numbers = b"".join(map(word_of, (self.sequence, self.effective_block, self.threshold)))
        listed = keccak256(b"".join(one.rjust(32, b"\0") for one in self.validators))
        domain = keccak256(_DOMAIN_TYPE + _NAME + _VERSION + word_of(self.chain_id))
        return keccak256(b"\x19\x01" + domain + keccak256(_TYPE + numbers + self.previous + listed))


@dataclass(frozen=True, slots=True)
class Rotation:
    """A statement with its signatures, not verified.

    Attributes:
        statement: The set that is to follow.
        signatures: r ‖ s ‖ v over ``digest`` by validator, both *untrusted*; ascending.
    """

    statement: SetStatement
    signatures: Mapping[bytes, bytes]


def check_statement(statement: SetStatement) -> None:
    """Refuse a statement whose set is none, is out of order, or whose k two contradicting rotations could both reach.

    Raises: MalformedError.
    """
    check_validators(statement.validators)
    if list(statement.validators) != sorted(statement.validators):
        raise MalformedError(_WHAT, "validators that are not in ascending order", "/validators")
    count = len(statement.validators)
    if not quorum_of(count) <= statement.threshold <= count:
        raise MalformedError(_WHAT, f"k is {statement.threshold}, {quorum_of(count)} to {count} are possible", "/k")


def parse_rotation(data: bytes) -> Rotation:
    """Read a rotation.

    Args:
        data: *Untrusted*; canonical JSON.

    Raises:
        MalformedError: A name missing, unknown or out of its range, a list out of order, or not the canonical encoding.
    """
    fields = _read.members(parse_json(data, what=_WHAT, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH), _ROTATION, "")
    _read.constant(fields["type"], MEDIA_TYPE, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    rotation = Rotation(_parse_statement(fields), _parse_signatures(fields["signatures"]))
    if _canonical(rotation) != data:
        raise MalformedError(_WHAT, "not its canonical encoding")
    return rotation


def encode_rotation(rotation: Rotation) -> bytes:
    """Write a rotation as canonical JSON; ``parse_rotation`` returns the same value.

    Raises: MalformedError, where ``rotation`` is one that ``parse_rotation`` refuses.
    """
    data = _canonical(rotation)
    parse_rotation(data)
    return data


def sign_rotation(rotation: Rotation, key: coincurve.PrivateKey) -> Rotation:
    """Return the rotation with one more signature, by the key of a validator in force before it."""
    signature = key.sign_recoverable(rotation.statement.digest, hasher=None)
    signer = recover_signer(signature, rotation.statement.digest)
    return replace(rotation, signatures=dict(sorted({**rotation.signatures, signer: signature}.items())))


def typed_data(statement: SetStatement) -> dict[str, Json]:
    """The statement as ``eth_signTypedData_v4`` takes it; the hash that it signs is ``digest``. Source: EIP-712."""

    def fields(**types: str) -> list[Json]:
        return [{"name": name, "type": of} for name, of in types.items()]

    listed = _hexadecimals(statement.validators)
    return {
        "types": {
            "EIP712Domain": fields(name="string", version="string", chainId="uint256"),
            "Rotation": fields(
                sequence="uint256", effectiveBlock="uint256", k="uint256", previous="bytes32", validators="address[]"
            ),
        },
        "primaryType": "Rotation",
        "domain": {"name": "Vinculum QBFT validators", "version": "1", "chainId": statement.chain_id},
        "message": {
            "sequence": statement.sequence,
            "effectiveBlock": statement.effective_block,
            "k": statement.threshold,
            "previous": encode_hexadecimal(statement.previous),
            "validators": listed,
        },
    }


def _parse_statement(fields: Mapping[str, Json]) -> SetStatement:
    statement = SetStatement(
        chain_id=_read.integer(fields["chain_id"], "/chain_id", least=1, most=MAX_INTEGER),
        sequence=_read.integer(fields["sequence"], "/sequence", least=1, most=MAX_INTEGER),
        effective_block=_read.integer(fields["effective_block"], "/effective_block", least=1, most=MAX_INTEGER),
        threshold=_read.integer(fields["k"], "/k", least=1, most=MAX_VALIDATORS),
        previous=_read.hexadecimal(fields["previous"], "/previous", length=32),
        validators=_parse_validators(fields["validators"]),
    )
    check_statement(statement)
    return statement


def _parse_validators(value: Json) -> tuple[bytes, ...]:
    items = _read.items(value, "/validators", least=1, most=MAX_VALIDATORS)
    return tuple(_read.hexadecimal(one, f"/validators/{n}", length=ADDRESS_BYTES) for n, one in enumerate(items))


def _parse_signatures(value: Json) -> dict[bytes, bytes]:
    items = _read.items(value, "/signatures", most=MAX_VALIDATORS)
    pairs = [_parse_signature(one, f"/signatures/{n}") for n, one in enumerate(items)]
    names = [name for name, _ in pairs]
    if names != sorted(set(names)):
        raise MalformedError(_WHAT, "validators twice or not in ascending order", "/signatures")
    return dict(pairs)


def _parse_signature(value: Json, at: str) -> tuple[bytes, bytes]:
    fields = _read.members(value, _SIGNATURE, at)
    name = _read.hexadecimal(fields["validator"], f"{at}/validator", length=ADDRESS_BYTES)
    return name, _read.hexadecimal(fields["signature"], f"{at}/signature", length=SEAL_BYTES)


def _canonical(rotation: Rotation) -> bytes:
    statement = rotation.statement
    return canonical_json(
        {
            "type": MEDIA_TYPE,
            "version": VERSION,
            "chain_id": statement.chain_id,
            "sequence": statement.sequence,
            "effective_block": statement.effective_block,
            "k": statement.threshold,
            "previous": encode_hexadecimal(statement.previous),
            "validators": _hexadecimals(statement.validators),
            "signatures": [_signature_value(*pair) for pair in rotation.signatures.items()],
        }
    )


def _hexadecimals(values: Sequence[bytes]) -> list[Json]:
    return [encode_hexadecimal(value) for value in values]


def _signature_value(validator: bytes, signature: bytes) -> Json:
    return {"validator": encode_hexadecimal(validator), "signature": encode_hexadecimal(signature)}

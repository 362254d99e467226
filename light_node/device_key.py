"""That a device's key is an enrolled one: its public half, and the proof of its record in ``Consortium``. Pure.

It goes with an evidence file, whose verified header its proof is held to; evidence itself knows issuers' keys only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.credential.jose import PublicKey, parse_jwk
from ledger.errors import IssuerError, UntrustedError
from ledger.event import Json
from ledger.key_validity import Standing, is_devices, standing_at
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.evidence_types import MAX_NODE_BYTES, MAX_PROOF_NODES
from ledger.proof.slots import IssuerKeyRecord, issuer_key_slot, parse_issuer_key
from ledger.proof.trie import verify_account, verify_storage
from ledger.strict_json import MAX_INTEGER
from light_node.heads import VerifiedHeader
from light_node.issuer import ALGORITHMS
from light_node.trust import Trust, TrustedContract

_MEMBERS = frozenset({"block", "jwk", "account", "storage"})
_read = FieldReader("proof of a device's key")


@dataclass(frozen=True, slots=True)
class DeviceKeyProof:
    """A device's key with the proof of its record; *untrusted*.

    Attributes:
        block: Number of the block that the proof is of: that of the evidence which it goes with.
        key: Parsed.
        account: RLP of the trie's nodes from the state root to ``Consortium``.
        storage: RLP of the trie's nodes from its storage root to the key's slot.
    """

    block: int
    key: PublicKey
    account: tuple[bytes, ...]
    storage: tuple[bytes, ...]


def device_key_value(proof: DeviceKeyProof) -> dict[str, Json]:
    """As JSON takes it; ``parse_device_key`` reads it."""
    return {
        "block": proof.block,
        "jwk": dict(proof.key.jwk),
        "account": [encode_hexadecimal(node) for node in proof.account],
        "storage": [encode_hexadecimal(node) for node in proof.storage],
    }


def parse_device_key(value: Json, at: str) -> DeviceKeyProof:
    """Read such a proof; nothing is verified.

    Args:
        value: *Untrusted.*
        at: JSON Pointer of ``value``.

    Raises: MalformedError.
    """
    fields = _read.members(value, _MEMBERS, at)
    return DeviceKeyProof(
        block=_read.integer(fields["block"], f"{at}/block", most=MAX_INTEGER),
        key=parse_jwk(fields["jwk"]),
        account=_nodes(fields, "account", at),
        storage=_nodes(fields, "storage", at),
    )


def verify_device_key(
    proof: DeviceKeyProof, organisation: int, time: int, trust: Trust, header: VerifiedHeader
) -> Standing:
    """Prove that a key was a device's of an organisation at a time.

    1. The proof is of the block of the header.
    2. ``Consortium`` is in its state, with the trusted code.
    3. The organisation added the key, for this algorithm, as a device's.
    4. The time lies in its validity, and not after its revocation.

    Args:
        proof: *Untrusted.*
        organisation: Who attested the batch: it must have enrolled the device.
        time: Of the attestation, by the chain's clock, in seconds since the epoch: by then the device had signed. Its
            own clock is a claim, which a thief makes as he likes.
        trust: The reader's own trust file.
        header: *Verified*; of the evidence that the proof goes with.

    Returns:
        Valid, or disputed: attested between the time from which the key is revoked and the revocation.

    Raises:
        UntrustedError: 1 or 2 does not hold.
        InclusionError: A proof does not lead from the state root: it is of another state or slot, or was changed.
        MalformedError: A node is not in its format.
        IssuerError: 3 or 4 does not hold.
    """
    if proof.block != header.number:  # 1
        pair = f"the device's key is proven at block {proof.block}, the evidence is of block {header.number}"
        raise UntrustedError(f"{pair}: they do not go together")
    storage_root = _storage_root(proof, trust.consortium, header)  # 2
    slot = issuer_key_slot(organisation, proof.key.thumbprint)
    record = parse_issuer_key(verify_storage(storage_root, slot, proof.storage))
    _check_enrolled(record, proof.key, organisation)  # 3
    standing = Standing.OUTSIDE if record is None else standing_at(record, time)  # 4
    if not standing.counts:
        raise IssuerError(f"the device's key of organisation {organisation} was {standing} at {time}")
    return standing


def _storage_root(proof: DeviceKeyProof, consortium: TrustedContract, header: VerifiedHeader) -> bytes:
    account = verify_account(header.state_root, consortium.address, proof.account)
    if account is None or account.code_hash != consortium.code_hash:
        raise UntrustedError(f"no contract at 0x{consortium.address.hex()} with the code of the trust file")
    return account.storage_root


def _check_enrolled(record: IssuerKeyRecord | None, key: PublicKey, organisation: int) -> None:
    if record is None or ALGORITHMS.get(record.algorithm) is not key.algorithm:
        raise IssuerError(f"organisation {organisation} never added this {key.algorithm} key")
    if not is_devices(record):
        raise IssuerError(f"organisation {organisation} added this key as its own, and not for a device")


def _nodes(fields: Mapping[str, Json], name: str, at: str) -> tuple[bytes, ...]:
    return _read.hexadecimals(fields[name], f"{at}/{name}", items=MAX_PROOF_NODES, most=MAX_NODE_BYTES)

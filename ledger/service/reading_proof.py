"""Prove one reading of a batch to whoever has the asset's evidence: in its batch, and by an enrolled device's key."""

from __future__ import annotations

from ledger.credential.base64url import parse_base64url
from ledger.errors import ContentMismatchError, MissingError, TooLargeError
from ledger.proof.evidence import parse_evidence
from ledger.proof.header import parse_header
from ledger.proof.slots import issuer_key_slot
from ledger.service.presentable import read_key
from ledger.service.read import AssetRecord, Entry
from ledger.service.workspace import Workspace
from light_node.device_key import DeviceKeyProof
from light_node.edge.batch import split_leaves, verify_readings
from light_node.edge.reading_proof import ReadingProof, prove_reading
from light_node.edge.receipt import KIND
from light_node.edge.statement import MAX_CHARACTERS, MAX_READINGS_BYTES, parse_statement, verify_statement

MAX_SOURCE_BYTES = MAX_CHARACTERS + 1 + MAX_READINGS_BYTES


def prove_attested_reading(
    workspace: Workspace, asset: AssetRecord, number: int, place: int, evidence: bytes
) -> ReadingProof:
    """Make the proof of a reading that goes with an evidence file.

    Args:
        workspace: The home; one of its keys must open the batch's capsule.
        asset: Whose reading.
        number: Of the event that attested the batch, from 1.
        place: Of the reading in its batch, from 1.
        evidence: Of this asset, opening that event's fields; the device's key is proven at its block.

    Raises:
        MissingError: There is no such event, batch or reading, or it does not open here.
        ContentMismatchError: The evidence is of another asset.
        VerificationError: The batch is not what it claims.
        SourceError: Store or node do not deliver; the node may have no state of that block any more.
    """
    parsed = parse_evidence(evidence)
    if parsed.subject != asset.subject:
        raise ContentMismatchError("subject of the evidence", asset.subject.hex(), parsed.subject.hex())
    entry = _entry(workspace, asset, number)
    text, readings = _source(workspace, entry)
    raw = parse_statement(text)
    thumbprint = parse_base64url(raw.key_id, "kid", size=32)
    key = read_key(workspace, thumbprint)
    batch = verify_readings(verify_statement(raw, key), readings)
    if not 1 <= place <= len(batch.readings):
        raise MissingError(f"the batch of event {number} has {len(batch.readings)} readings, none in place {place}")
    proof = prove_reading(text, split_leaves(readings), place - 1)
    block = parse_header(parsed.header).number
    slot = issuer_key_slot(entry.organisation, thumbprint)
    proven = workspace.client.proofs(workspace.contracts.consortium, [slot], block)
    device_key = DeviceKeyProof(block, key, proven.account, proven.storage[0])
    return ReadingProof(proof.statement, proof.leaf, proof.index, proof.path, device_key)


def _entry(workspace: Workspace, asset: AssetRecord, number: int) -> Entry:
    history = workspace.reader().history(asset)
    if not 1 <= number <= len(history) or history[number - 1].kind.name != KIND:
        raise MissingError(f"event {number} of this asset is no batch of readings")
    return history[number - 1]


def _source(workspace: Workspace, entry: Entry) -> tuple[str, bytes]:
    """Statement and readings, as the gateway put them into the capsule; the only file, read to its end."""
    data = bytearray()
    for _, pieces in workspace.reader().capsule(entry.digest).files:
        for piece in pieces:
            data += piece
            if len(data) > MAX_SOURCE_BYTES:
                raise TooLargeError(f"the capsule of event {entry.position} holds more than a batch")
    head, _, readings = bytes(data).partition(b"\n")
    return head.decode("ascii", "replace"), readings

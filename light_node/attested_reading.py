"""That a telemetry reading is in a batch which was attested to this asset. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.credential.jose import PublicKey
from ledger.errors import InclusionError
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.proof.merkle import leaf_hash, verify_inclusion
from light_node.edge.batch import ReadingProof
from light_node.edge.reading import Quality, Reading, parse_reading
from light_node.edge.receipt import KIND
from light_node.edge.statement import digest_statement, parse_statement, verify_statement
from light_node.verdict import Account, EventReport, EventState, Mark


@dataclass(frozen=True, slots=True)
class AttestedReading:
    """A reading, and who vouches for its batch; only ``verify_attested_reading`` makes it.

    Attributes:
        reading: What the sensor gave; its time is the device's claim.
        quality: Flags that the device set.
        event: Number of the event that attested the batch.
        organisation: Who attested it.
        attested_at: By the chain's clock, in seconds since 1970.
        signed: Whether the device's own signature was verified, too; else it is the organisation's word.
    """

    reading: Reading
    quality: Quality
    event: int
    organisation: int
    attested_at: int
    signed: bool


def verify_attested_reading(account: Account, proof: ReadingProof, key: PublicKey | None = None) -> AttestedReading:
    """Prove that a reading is in a batch of the asset that an evidence file is of.

    1. The statement of the batch is in its format; where the device's key is at hand, that key signed it.
    2. It speaks of the subject of the evidence.
    3. An event of the evidence attests this very statement (its digest), with its root, size and sequence: opened, and
       neither disputed nor contradicted.
    4. The leaf is in its tree, at its place.
    5. The leaf is a reading.

    Args:
        account: *Verified*: of a file that was judged *verified*.
        proof: *Untrusted.*
        key: The device's, from whoever enrolled it, or None.

    Raises:
        MalformedError: 1 or 5 does not hold.
        SignatureError: The key did not sign the statement.
        InclusionError: 2, 3 or 4 does not hold.
    """
    raw = parse_statement(proof.statement)  # 1
    if key is not None:
        verify_statement(raw, key)
    told = raw.statement
    if told.subject != account.subject:  # 2
        raise InclusionError("subject of the batch", account.subject, told.subject)
    digest = digest_statement(proof.statement)
    expected = {"root": encode_hexadecimal(told.root), "size": told.size, "sequence": told.sequence}
    found = {"batch_digest": encode_hexadecimal(digest), **expected}
    event = next((one for one in account.events if _attests(one, found)), None)  # 3
    if event is None or event.organisation is None or event.attested_at is None:
        raise InclusionError("batch in the evidence", digest, None)
    verify_inclusion(leaf_hash(proof.leaf), proof.index, told.size, proof.path, told.root)  # 4
    reading, quality = parse_reading(proof.leaf)  # 5
    return AttestedReading(reading, quality, event.number, event.organisation, event.attested_at, key is not None)


def _attests(event: EventReport, fields: dict[str, object]) -> bool:
    if event.state is not EventState.OPENED or event.kind != KIND or event.marks - {Mark.REPETITION}:
        return False
    return all(event.fields.get(name) == value for name, value in fields.items())

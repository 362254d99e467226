"""That a telemetry reading is in a batch which was attested to this asset, and who answers for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.credential.jose import PublicKey
from ledger.errors import InclusionError
from ledger.key_validity import Standing
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.proof.merkle import leaf_hash, verify_inclusion
from light_node.device_key import verify_device_key
from light_node.edge.reading import Quality, Reading, parse_reading
from light_node.edge.reading_proof import ReadingProof
from light_node.edge.receipt import KIND
from light_node.edge.statement import digest_statement, parse_statement, verify_statement
from light_node.heads import VerifiedHeader
from light_node.trust import Trust
from light_node.verdict import Account, EventReport, EventState, Mark


class Voucher(StrEnum):
    """By whose word a reading is what the device stated.

    ``unproven``: the organisation's that attested the batch; nothing shows the device's key. ``given``: the signature
    is that of a key which the reader brought; nothing here shows that it was enrolled. ``proven``: that of a device's
    key which the organisation had enrolled, valid then. ``disputed``: as *proven*, but the key was in doubt then.
    """

    UNPROVEN = "unproven"
    GIVEN = "given"
    PROVEN = "proven"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class Ground:
    """What the proof of a device's key is held to.

    Attributes:
        trust: The reader's own trust file.
        header: *Verified*; of the evidence.
    """

    trust: Trust
    header: VerifiedHeader


@dataclass(frozen=True, slots=True)
class AttestedReading:
    """A reading, and who vouches for its batch; only ``verify_attested_reading`` makes it.

    Attributes:
        reading: What the sensor gave; its time is the device's claim.
        quality: Flags that the device set.
        event: Number of the event that attested the batch.
        organisation: Who attested it.
        attested_at: By the chain's clock, in seconds since 1970.
        device_key: Id of the key that signed the batch, or is said to have.
        voucher: By whose word the device stated it.
    """

    reading: Reading
    quality: Quality
    event: int
    organisation: int
    attested_at: int
    device_key: str
    voucher: Voucher


def verify_attested_reading(
    account: Account, proof: ReadingProof, ground: Ground, key: PublicKey | None = None
) -> AttestedReading:
    """Prove that a reading is in a batch of the asset that an evidence file is of.

    1. The statement of the batch is in its format; where the device's key is at hand, that key signed it.
    2. It speaks of the subject of the evidence.
    3. An event of the evidence attests this very statement (its digest), with its root, size, sequence and key: opened,
       and neither disputed nor contradicted.
    4. The leaf is in its tree, at its place.
    5. The leaf is a reading.
    6. Where the proof carries the device's key: that key signed the statement, and the organisation that attested the
       batch had enrolled it as a device's, valid at the time of the attestation: see ``verify_device_key``.

    Args:
        account: *Verified*: of a file that was judged *verified*.
        proof: *Untrusted.*
        ground: What that file was judged by and at.
        key: The device's, from whoever enrolled it, or None.

    Returns: The reading; ``voucher`` says plainly where nothing proves the device's key.

    Raises:
        MalformedError: 1 or 5 does not hold, or a part of 6 is not in its format.
        SignatureError: A key that is at hand, or carried along, did not sign the statement.
        InclusionError: 2, 3 or 4 does not hold, or a proof of 6 leads elsewhere.
        IssuerError, UntrustedError: 6 does not hold.
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
    event = next((one for one in account.events if _attests(one, found, raw.key_id)), None)  # 3
    if event is None or event.organisation is None or event.attested_at is None:
        raise InclusionError("batch in the evidence", digest, None)
    verify_inclusion(leaf_hash(proof.leaf), proof.index, told.size, proof.path, told.root)  # 4
    reading, quality = parse_reading(proof.leaf)  # 5
    voucher = Voucher.UNPROVEN if key is None else Voucher.GIVEN
    if proof.device_key is not None:  # 6
        verify_statement(raw, proof.device_key.key)
        standing = verify_device_key(
            proof.device_key, event.organisation, event.attested_at, ground.trust, ground.header
        )
        voucher = Voucher.DISPUTED if standing is Standing.DISPUTED else Voucher.PROVEN
    return AttestedReading(reading, quality, event.number, event.organisation, event.attested_at, raw.key_id, voucher)


def _attests(event: EventReport, fields: dict[str, object], key_id: str) -> bool:
    if event.state is not EventState.OPENED or event.kind != KIND or event.marks - {Mark.REPETITION}:
        return False
    if event.fields.get("device_key", key_id) != key_id:
        return False
    return all(event.fields.get(name) == value for name, value in fields.items())

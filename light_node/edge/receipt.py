"""The receipt: evidence from which a device sees for itself that its batch stands on the chain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.errors import InclusionError, StaleError
from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from light_node.edge.statement import VerifiedStatement
from light_node.judgement import judge
from light_node.trust import Trust, TrustedBlock
from light_node.verdict import Account, EventReport, EventState, Mark, Outcome

KIND = "any.telemetry_batch"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads receipts: the device, with what it believes.

    Attributes:
        trust: Its own trust file, never the gateway's.
        organisation: Number of the member that enrolled it and attests for it.
        now: Its clock, in seconds since 1970.
        accepted: The last head that it accepted, or None.
    """

    trust: Trust
    organisation: int
    now: int
    accepted: TrustedBlock | None = None


@dataclass(frozen=True, slots=True)
class VerifiedInclusion:
    """That a batch is attested, final and complete in its asset's history; only ``verify_receipt`` makes it.

    Attributes:
        digest: Of the statement, 32 bytes.
        attested_at: By the chain's clock, in seconds since 1970.
        lag_seconds: From the last reading, by the device's clock, to that; below 0 where the device's clock is ahead.
        block: That everything was proven at; the head to accept from now on.
    """

    digest: bytes
    attested_at: int
    lag_seconds: int
    block: TrustedBlock


def batch_fields(statement: VerifiedStatement) -> dict[str, Json]:
    """The fields by which a batch credential names its statement; what a receipt must disclose."""
    told = statement.statement
    fields: dict[str, Json] = {
        "root": encode_hexadecimal(told.root),
        "size": told.size,
        "sequence": told.sequence,
        "device_key": statement.key.key_id,
        "batch_digest": encode_hexadecimal(statement.digest),
    }
    if told.previous is not None:
        fields["previous_batch"] = encode_hexadecimal(told.previous)
    return fields


def verify_receipt(data: bytes, statement: VerifiedStatement, reader: Reader) -> VerifiedInclusion:
    """Prove that a batch is attested.

    1. The evidence is verified by the whole numbered list of ``light_node.verify``: final, complete, fresh. Which asset
       it is need not be shown: the subject is known here.
    2. It is of the statement's subject.
    3. An event of it is this batch: of its kind, by the device's own organisation, opened, neither disputed nor
       contradicted, with all the fields of the statement.

    Args:
        data: *Untrusted*; an evidence file.
        statement: Our own.
        reader: What the device believes.

    Raises:
        StaleError: 1 is undetermined: not enough witnesses, too old, another chain than the trust file's.
        InclusionError: 1, 2 or 3 does not hold.
    """
    account = _verify(data, statement, reader)  # 1, 2
    attested_at = _attested_at(account, statement, reader.organisation)  # 3
    if attested_at is None:
        raise InclusionError("batch in the receipt", statement.digest, None)
    return _inclusion(account, statement, attested_at)


def verify_receipts(
    data: bytes, statement: VerifiedStatement, others: Iterable[VerifiedStatement], reader: Reader
) -> list[VerifiedInclusion]:
    """As ``verify_receipt``, and prove whichever of some other batches of the same subject the receipt shows too."""
    account = _verify(data, statement, reader)
    found = [(one, _attested_at(account, one, reader.organisation)) for one in (statement, *others)]
    if found[0][1] is None:
        raise InclusionError("batch in the receipt", statement.digest, None)
    return [_inclusion(account, one, attested_at) for one, attested_at in found if attested_at is not None]


def _verify(data: bytes, statement: VerifiedStatement, reader: Reader) -> Account:
    verdict = judge(data, reader.trust, now=reader.now, accepted=reader.accepted, identity_required=False)
    if verdict.outcome is Outcome.UNDETERMINED:  # 1
        raise StaleError(f"the receipt proves nothing here and now: {verdict.reason}")
    account = verdict.account
    if verdict.outcome is not Outcome.VERIFIED or account is None:
        raise InclusionError(f"receipt is {verdict.outcome} ({verdict.reason})", statement.digest, None)
    if account.subject != statement.statement.subject:  # 2
        raise InclusionError("subject of the receipt", statement.statement.subject, account.subject)
    return account


def _inclusion(account: Account, statement: VerifiedStatement, attested_at: int) -> VerifiedInclusion:
    return VerifiedInclusion(
        digest=statement.digest,
        attested_at=attested_at,
        lag_seconds=attested_at - statement.statement.last_at_us // 1_000_000,
        block=TrustedBlock(account.as_of.number, account.as_of.hash, account.as_of.time),
    )


def _attested_at(account: Account, statement: VerifiedStatement, organisation: int) -> int | None:
    if account.subject != statement.statement.subject:
        return None
    expected = batch_fields(statement)
    for event in account.events:
        if event.attested_at is not None and _is_batch(event, expected, organisation):
            return event.attested_at
    return None


def _is_batch(event: EventReport, expected: Mapping[str, Json], organisation: int) -> bool:
    if event.state is not EventState.OPENED or (event.kind, event.organisation) != (KIND, organisation):
        return False
    found = {name: event.fields.get(name) for name in ("previous_batch", *expected)}
    return not event.marks - {Mark.REPETITION} and found == {"previous_batch": None, **expected}

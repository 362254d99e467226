"""The receipt: evidence from which a device sees for itself that its batch stands on the chain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.errors import InclusionError, StaleError
from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from light_node.edge.statement import VerifiedStatement
from light_node.trust import TrustedBlock
from light_node.verdict import Account, EventReport, EventState, Mark, Outcome, Verdict

KIND = "any.telemetry_batch"


@dataclass(frozen=True, slots=True)
class VerifiedInclusion:
    """That a batch is attested, final and complete in its asset's history; only ``verify_receipt`` makes it.

    Attributes:
        digest: Of the statement, 32 bytes.
        attested_at: By the chain's clock, in seconds since 1970.
        lag_seconds: From the last reading, by the device's clock, to that; below 0 where the device's clock is ahead.
        block: That everything was proven at.
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


def verify_receipt(verdict: Verdict, statement: VerifiedStatement, organisation: int) -> VerifiedInclusion:
    """Prove that a batch is attested.

    1. The evidence was verified by the whole numbered list of ``light_node.verify``: final, complete, fresh, and after
       all that this device accepted before. Which asset it is need not be shown: the subject is known here.
    2. It is of the statement's subject.
    3. An event of it is this batch: of its kind, by the device's own organisation, opened, neither disputed nor
       contradicted, with all the fields of the statement.

    Args:
        verdict: On the receipt, by the device's own trust file and memory: see ``DeviceMemory.judge``.
        statement: Our own.
        organisation: Number of the member that enrolled the device and attests for it.

    Raises:
        StaleError: 1 is undetermined: not enough witnesses, too old, another chain than the trust file's, older than
            what was accepted, or nothing that shows that it goes on from there.
        InclusionError: 1, 2 or 3 does not hold.
    """
    return verify_receipts(verdict, statement, (), organisation)[0]


def verify_receipts(
    verdict: Verdict, statement: VerifiedStatement, others: Iterable[VerifiedStatement], organisation: int
) -> list[VerifiedInclusion]:
    """As ``verify_receipt``, and prove whichever of some other batches of the same subject the receipt shows too."""
    account = _verified(verdict, statement)  # 1, 2
    found = [(one, _attested_at(account, one, organisation)) for one in (statement, *others)]
    if found[0][1] is None:  # 3
        raise InclusionError("batch in the receipt", statement.digest, None)
    return [_inclusion(account, one, attested_at) for one, attested_at in found if attested_at is not None]


def _verified(verdict: Verdict, statement: VerifiedStatement) -> Account:
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

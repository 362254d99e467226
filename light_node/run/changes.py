"""What changed about an asset between what was told and what is proven now, as lines for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from light_node.describe import to_json
from light_node.run.record import Followed
from light_node.sources.port import Wanted
from light_node.sources.standing import Heard
from light_node.verdict import Outcome, Verdict

Line = dict[str, Json]
_NO_ANSWER = "no source gave evidence"


def after_verified(wanted: Wanted, before: Followed | None, verdict: Verdict) -> Followed:
    """An asset after a verified verdict of a block that is not below the last one.

    Args:
        wanted: As the settings name it.
        before: As it was told last, or None.
        verdict: Verified.
    """
    account, as_of = verdict.account, verdict.as_of
    assert account is not None and as_of is not None  # noqa: S101, PT018 - it is verified
    return Followed(
        wanted,
        Outcome.VERIFIED,
        subject=account.subject,
        events=max(len(account.events), 0 if before is None else before.events),
        status=account.status,
        block=as_of.number,
        time=as_of.time,
    )


def after_nothing(
    wanted: Wanted, before: Followed | None, heard: Sequence[Heard], now: int, maximum_age_seconds: int
) -> Followed:
    """An asset after a round in which nothing was verified.

    1. What was verified stands as of its block, until that is too old to judge by.
    2. Else it is undetermined, with the first reason that says more than silence.
    3. It is refuted, or malformed, only where every source that was asked gave that. What was verified and not accepted
       is no verdict.

    Args:
        wanted: As the settings name it.
        before: As it was told last, or None.
        heard: What came of each source that was asked.
        now: The local clock, in seconds since the epoch.
        maximum_age_seconds: Of the trust file.
    """
    last = before or Followed(wanted, Outcome.UNDETERMINED, "SourceError", _NO_ANSWER)
    if last.outcome is Outcome.VERIFIED and now - last.time <= maximum_age_seconds:  # 1
        return last
    verdict = _agreed(heard)
    if verdict is not None:  # 2, 3
        return replace(last, outcome=verdict.outcome, error=verdict.error, reason=verdict.reason)
    if last.outcome is Outcome.VERIFIED:
        age = f"nothing newer than block {last.block} is proven, which is {now - last.time} s old"
        return replace(last, outcome=Outcome.UNDETERMINED, error="StaleError", reason=age)
    if not heard:
        return last
    reason = next((one.reason for one in heard if one.reason), _NO_ANSWER)
    return replace(last, outcome=Outcome.UNDETERMINED, error="SourceError", reason=reason)


def _agreed(heard: Sequence[Heard]) -> Verdict | None:
    """An undetermined verdict, or the first of those against the asset where no source was without one."""
    verdicts = [one.verdict for one in heard if one.verdict is not None and one.verdict.outcome is not Outcome.VERIFIED]
    for verdict in verdicts:
        if verdict.outcome is Outcome.UNDETERMINED:
            return verdict
    return verdicts[0] if verdicts and len(verdicts) == len(heard) else None


def changes_of(before: Followed | None, after: Followed, verdict: Verdict | None) -> Iterator[Line]:
    """Yield what to tell: a change of the verdict, each new event, a change of the status.

    Args:
        before: As it was told last, or None.
        after: As it is now.
        verdict: The verified one, where there is one.
    """
    if before is None or (before.outcome, before.error) != (after.outcome, after.error):
        yield {
            "change": "verdict",
            "from": None if before is None else str(before.outcome),
            "to": str(after.outcome),
            "error": after.error,
            "reason": after.reason,
        }
    yield from _events(0 if before is None else before.events, verdict)
    status = None if before is None else before.status
    if after.status != status:
        yield {"change": "status", "from": status, "to": after.status}


def _events(told: int, verdict: Verdict | None) -> Iterator[Line]:
    account = None if verdict is None else to_json(verdict)["account"]
    events = account["events"] if isinstance(account, dict) else []
    for event in events if isinstance(events, list) else []:
        if isinstance(event, dict) and isinstance(event["number"], int) and event["number"] > told:
            yield {"change": "event", **event}


def placed(line: Line, name: str, after: Followed) -> Line:
    """A line about an asset, with whether it is proven, and up to which block."""
    subject = None if after.subject is None else encode_hexadecimal(after.subject)
    proven = after.outcome is Outcome.VERIFIED
    as_of: Json = {"block": after.block, "time": after.time} if after.block else None
    return {"asset": name, "subject": subject, "verified": proven, "as_of": as_of, **line}

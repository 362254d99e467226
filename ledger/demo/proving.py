"""Verify every asset from its evidence file alone, as a reader with nothing but the trust file would."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlmodel import col, select

from ledger.access import Tier
from ledger.demo.report import many
from ledger.rules import Ruling
from ledger.service.evidence import build_evidence
from ledger.service.read import AssetRecord
from ledger.service.workspace import Workspace
from ledger.store.document_index import Asset
from light_node.judgement import judge
from light_node.trust import Trust, TrustedBlock
from light_node.verdict import Account, Outcome, Verdict, time_text

TIER = Tier.AUTHORITIES


@dataclass(frozen=True, slots=True)
class Proven:
    """An asset, its evidence file, and the verdict on it.

    Attributes:
        asset: Which.
        registered: How many events the index has of it.
        evidence: The file.
        verdict: The light node's.
    """

    asset: AssetRecord
    registered: int
    evidence: bytes
    verdict: Verdict

    @property
    def account(self) -> Account | None:
        """What was proven."""
        return self.verdict.account

    @property
    def complete(self) -> bool:
        """Whether it is verified, with every event that was registered."""
        account = self.account
        return (
            self.verdict.outcome is Outcome.VERIFIED and account is not None and len(account.events) == self.registered
        )

    def describe(self) -> str:
        """Tell it in one line: never more than was proven."""
        account = self.account
        if account is None or self.verdict.outcome is not Outcome.VERIFIED:
            return f"{self.verdict.outcome.upper()} {self.asset.identifier}: {self.verdict.reason}"
        until = f"block {account.as_of.number} at {time_text(account.as_of.time)}"
        return (
            f"verified  {self.asset.asset_type} {self.asset.identifier}: {many(len(account.events), 'event')}, "
            f"complete as registered up to {until}; status {account.status}"
        )

    def remarks(self) -> list[str]:
        """What the rules found, and on what they give no judgement."""
        if self.account is None:
            return []
        found = [f"{finding.severity}: {finding.message}" for finding in self.account.findings]
        open_topics = [one.topic for one in self.account.judgements if one.ruling is Ruling.NO_JUDGEMENT]
        return [*found, f"no judgement on {', '.join(open_topics)}"] if open_topics else found

    def as_json(self) -> dict[str, object]:
        """For machines."""
        account = self.account
        return {
            "asset_type": str(self.asset.asset_type),
            "identifier": self.asset.identifier,
            "outcome": str(self.verdict.outcome),
            "reason": self.verdict.reason,
            "events": 0 if account is None else len(account.events),
            "registered": self.registered,
            "status": None if account is None else account.status,
            "block": None if account is None else account.as_of.number,
            "time": None if account is None else account.as_of.time,
            "evidence_bytes": len(self.evidence),
            "remarks": self.remarks(),
        }


def describe_together(parts: Sequence[Proven]) -> str:
    """Tell of verified parts in one line, with the lowest block that one of them was proven up to."""
    accounts = [one.account for one in parts if one.account is not None]
    if not accounts:
        return "no parts"
    events, least = (
        sum(len(one.events) for one in accounts),
        min((one.as_of for one in accounts), key=lambda at: at.number),
    )
    statuses = ", ".join(f"{count} {status}" for status, count in Counter(one.status for one in accounts).most_common())
    until = f"block {least.number} at {time_text(least.time)}"
    told = f"{many(len(parts), 'part')}: {many(events, 'event')}"
    return f"verified  {told}, each complete as registered up to {until}; {statuses}"


def all_assets(workspace: Workspace) -> list[AssetRecord]:
    """Every asset that was registered here, by type and identifier."""
    with workspace.database.read() as session:
        subjects = session.exec(select(Asset.subject).order_by(col(Asset.asset_type), col(Asset.identifier))).all()
    reader = workspace.reader()
    return [reader.asset(subject.hex()) for subject in subjects]


def prove(workspace: Workspace, asset: AssetRecord, trust: Trust, accepted: TrustedBlock | None) -> Proven:
    """Build the evidence of an asset and judge it by nothing but the trust file."""
    evidence = build_evidence(workspace, asset, TIER)
    verdict = judge(evidence, trust, now=int(time.time()), accepted=accepted)
    return Proven(asset, len(workspace.reader().history(asset)), evidence, verdict)


def newest(proven: Iterable[Proven], accepted: TrustedBlock) -> TrustedBlock:
    """The newest head that was verified: what the verifier does not go back behind any more."""
    heads = [one.account.as_of for one in proven if one.account is not None]
    best = max(heads, key=lambda head: head.number, default=None)
    if best is None or best.number <= accepted.number:
        return accepted
    return TrustedBlock(best.number, best.hash, best.time)

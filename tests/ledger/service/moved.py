"""A home whose battery log was replaced while its members were at work; for the tests of a migration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.access import Tier
from ledger.chain.outbox import Outbox
from ledger.chain.projector import Projector
from ledger.chain.settling import OutboxSettings
from ledger.event import AssetReference, AssetType, Document
from ledger.service.contracts import Contracts
from ledger.service.evidence import build_evidence
from ledger.service.members import Member
from ledger.service.migration import LogState, Succession, left_behind, logs, succeed
from ledger.service.read import AssetRecord
from ledger.service.record import Recipient, Recorder
from ledger.service.settings import ChainSettings, Settings
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from ledger.store.document_index import SourceDocument
from light_node.judgement import judge
from light_node.trust import Trust
from light_node.verdict import Verdict
from tests.ledger.service.conftest import battery, birth, document, event, record

WRITTEN, REPURPOSED, UNTOUCHED, QUEUED, SIGNED = (battery(number) for number in range(1, 6))
BORN_LATER = battery(6)
MEASURED = "battery.state_of_health"


class KilledError(Exception):
    """Stands for the end of a process."""


@dataclass(frozen=True)
class Moved:
    """What was there before the switch, and what was found after it.

    Attributes:
        workspace: The home; it follows both logs.
        old_trust: Made before.
        old_evidence: Of ``WRITTEN``, made before.
        succession: As the service told it.
        left: What was queued at the moment of the switch, by document.
        open_before: State of the log before.
    """

    workspace: Workspace
    old_trust: Trust
    old_evidence: bytes
    succession: Succession
    left: dict[str, int]
    open_before: list[LogState]

    def asset(self, reference: AssetReference) -> AssetRecord:
        return self.workspace.reader().asset(reference.identifier)

    def evidence(self, reference: AssetReference) -> bytes:
        return build_evidence(self.workspace, self.asset(reference), Tier.AUTHORITIES)

    def judge(self, data: bytes, trust: Trust | None = None) -> Verdict:
        now = self.workspace.client.header().timestamp
        return judge(data, trust or make_trust(self.workspace), now=now)


def measured(asset: AssetReference, name: str) -> Document:
    """An ordinary event, in a document with bytes of its own."""
    one = event(MEASURED, asset, name, measured_at="2026-06-01T08:00:00Z")
    return replace(document(one), digest=name.encode().ljust(32, b"\0"))


def births(*assets: AssetReference, name: str) -> Document:
    return replace(document(*map(birth, assets)), digest=name.encode().ljust(32, b"\0"))


def source(one: Document) -> SourceDocument:
    """The row by which the same bytes are recognised."""
    name = one.digest.rstrip(b"\0").decode()
    return SourceDocument(
        digest=one.digest, name=name, document_type="event", size=2, events=len(one.events), received_at=1
    )


@contextmanager
def killed(workspace: Workspace, name: str, step: str) -> Iterator[Recorder]:
    """A recorder whose outbox dies before a step: what was queued or signed until then stays in SQL."""

    def observe(reached: str) -> None:
        if reached == step:
            raise KilledError

    member = workspace.member(name)
    settings = OutboxSettings(workspace.contracts.chain_id, poll_s=0.02)
    with Outbox(workspace.database, workspace.client, member.signer, settings, observer=observe) as outbox:
        yield _recorder(workspace, member, workspace.contracts, outbox)


@contextmanager
def old_recorder(workspace: Workspace, contracts: Contracts) -> Iterator[Recorder]:
    """A recorder of a process that began before the switch."""
    member = workspace.member("other")
    with workspace.outbox(member) as outbox:
        yield _recorder(workspace, member, contracts, outbox)


def _recorder(workspace: Workspace, member: Member, contracts: Contracts, outbox: Outbox) -> Recorder:
    return Recorder(
        member,
        [Recipient(member.organisation, member.recipient.public)],
        contracts=contracts,
        database=workspace.database,
        documents=workspace.documents,
        outbox=outbox,
        projector=Projector(workspace.database, workspace.client, contracts.deployment),
    )


def leave(workspace: Workspace, name: str, step: str, *documents: Document) -> None:
    """Queue documents and die before a step of sending them."""
    with killed(workspace, name, step) as recorder:
        for one in documents:
            recorder.add(one, source(one))
        recorder.flush()
        try:
            recorder.settle()
        except KilledError:
            return
    raise AssertionError(f"the outbox never came to {step!r}")


def move(workspace: Workspace) -> Moved:
    """Record lives, leave work in two outboxes, and replace the log."""
    record(workspace, "maker", births(WRITTEN, REPURPOSED, UNTOUCHED, SIGNED, name="births"), to=("other",))
    record(workspace, "other", measured(WRITTEN, "before"), to=("maker",))
    changed = event("battery.repurposed", REPURPOSED, "repurposed", successors=[UNTOUCHED.identifier])
    record(workspace, "maker", document(changed), to=("other",))
    old_trust = make_trust(workspace)
    asset = workspace.reader().asset(WRITTEN.identifier)
    old_evidence = build_evidence(workspace, asset, Tier.AUTHORITIES)
    leave(workspace, "maker", "sign", births(QUEUED, name="queued birth"), measured(QUEUED, "queued"))
    leave(workspace, "other", "send", measured(SIGNED, "signed"))
    before = logs(workspace)
    succession = succeed(workspace, AssetType.BATTERY)
    return Moved(workspace, old_trust, old_evidence, succession, dict(left_behind(workspace)), before)


def second_home(workspace: Workspace, folder: Path) -> Workspace:
    """A reader's home on the same chain, with the contracts as the first one has them now and nothing else."""
    folder.mkdir(parents=True)
    (folder / "contracts.json").write_bytes((workspace.home / "contracts.json").read_bytes())
    chain = ChainSettings(url=workspace.client.rpc.url, chain_id=workspace.contracts.chain_id)
    return Workspace(Settings(home=folder, chain=chain, keys=workspace.settings.keys))

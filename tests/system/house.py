"""A small consortium on a real chain with real documents, for tests of the whole: homes, lives, evidence, verdicts."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ledger.access import Tier
from ledger.chain.process import find_free_port
from ledger.demo.insider import Attested, Insider
from ledger.demo.story import Story, load_story
from ledger.event import AssetReference, AssetType, Json
from ledger.kinds import kind_by_name
from ledger.proof.evidence import Evidence, encode_evidence, parse_evidence
from ledger.service.enrolment import Enrolment, enrol_all
from ledger.service.evidence import build_evidence
from ledger.service.ingest import Choice, ingest
from ledger.service.issue import IssuedEvent
from ledger.service.network import bring_down, bring_up, initialise
from ledger.service.read import AssetRecord
from ledger.service.record import Recipient
from ledger.service.results import Result
from ledger.service.settings import ChainSettings, DocumentSettings, IndexSettings, KeySettings, Settings
from ledger.service.sources import Source
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from light_node.judgement import judge
from light_node.trust import Trust, TrustedBlock, encode_trust, parse_trust
from light_node.verdict import Outcome, Step, Verdict

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
BLOCK_TIME_SECONDS = 0.2
BUILT, SERVICED, READING = "vehicle.built", "vehicle.serviced", "vehicle.odometer_reading"
_NUMBERS = count(1)


def settings_for(
    folder: Path, index: IndexSettings | None = None, documents: DocumentSettings | None = None
) -> Settings:
    """Settings of a fresh home on a free port, with keys that are cheap to unlock."""
    folder.mkdir(parents=True, exist_ok=True)
    passphrase = folder / "passphrase"
    passphrase.write_text(secrets.token_urlsafe(16))
    return Settings(
        home=folder / "home",
        chain=ChainSettings(port=find_free_port(0), block_time_seconds=BLOCK_TIME_SECONDS),
        keys=KeySettings(scrypt_n=1024, passphrase_file=passphrase),
        index=index or IndexSettings(),
        documents=documents or DocumentSettings(),
    )


@dataclass(frozen=True, slots=True)
class Life:
    """An asset that somebody registered for a test, with the credentials of its events."""

    asset: AssetRecord
    events: list[IssuedEvent] = field(default_factory=list)


@dataclass(slots=True)
class House:
    """A running home: what its people do, and what a reader with nothing but the trust file says to it."""

    workspace: Workspace
    story: Story
    trust: Trust

    def party(self, name: str) -> Insider:
        """A member, by the name of its keys, who can do whatever its keys can do."""
        return Insider(self.workspace, self.workspace.member(name))

    def register(self, who: Insider, kind: str = BUILT, identifier: str | None = None) -> Life:
        """Register an asset past all checks but the contracts'; a vehicle of the car maker's own by default."""
        kind_ = kind_by_name(kind)
        asset_type = AssetType(str(kind_.log))
        asset = AssetReference(asset_type, identifier or f"VCUAB12C3R4{next(_NUMBERS):06d}")
        born = who.sign(who.birth(asset, kind))
        life = Life(AssetRecord(asset.asset_type, born.planned.subject, asset.identifier), [born])
        self.attest(who, born.planned.subject, kind, born.digest)
        return life

    def tell(self, life: Life, who: Insider, kind: str, fields: dict[str, Json]) -> IssuedEvent:
        """Sign an ordinary event of a life and attest it."""
        issued = self.sign(life, who, kind, fields)
        self.attest(who, life.asset.subject, kind, issued.digest, life.asset.asset_type)
        life.events.append(issued)
        return issued

    def sign(self, life: Life, who: Insider, kind: str, fields: dict[str, Json]) -> IssuedEvent:
        """Sign an ordinary event of a life; nothing is attested."""
        reference = AssetReference(life.asset.asset_type, life.asset.identifier)
        return who.sign(who.plan(reference, life.asset.subject, kind, fields))

    def attest(
        self, who: Insider, subject: bytes, kind: str, digest: bytes, asset_type: AssetType = AssetType.VEHICLE
    ) -> None:
        """Attest any digest to any subject."""
        who.attest([Attested(asset_type, subject, kind_by_name(kind), digest)])

    def evidence(self, asset: AssetRecord, tier: Tier = Tier.PRIVATE) -> bytes:
        """The evidence file of an asset as it is now."""
        return build_evidence(self.workspace, asset, tier)

    def judge(
        self,
        evidence: bytes | Evidence,
        *,
        now: int | None = None,
        accepted: TrustedBlock | None = None,
        asset: AssetReference | None = None,
    ) -> Verdict:
        """What a reader says who has the trust file and nothing else."""
        data = evidence if isinstance(evidence, bytes) else encode_evidence(evidence)
        return judge(data, self.trust, now=int(time.time()) if now is None else now, accepted=accepted, asset=asset)


@contextmanager
def running_house(settings: Settings, later: Sequence[Enrolment] = ()) -> Iterator[House]:
    """A new home with its chain running, and the organisations of the examples' story; stopped at the end.

    Args:
        settings: Of a home that is not there yet.
        later: Who is enrolled after the trust file was made, and so is no witness in it.
    """
    story = load_story(EXAMPLES)
    try:
        with Workspace(settings) as workspace:
            initialise(workspace, "")
            bring_up(workspace)
            enrol_all(workspace, story.organisations)
            trust = parse_trust(encode_trust(make_trust(workspace)))
            if later:
                enrol_all(workspace, later)
        with Workspace(settings) as workspace:
            yield House(workspace, story, trust)
    finally:
        with Workspace(settings) as workspace:
            bring_down(workspace)


def record_examples(workspace: Workspace, story: Story, paths: Sequence[str]) -> list[Result]:
    """Take in documents of the examples' story, by path, in that order; every member receives the keys."""
    chapters = [next(one for one in story.chapters if one.path == EXAMPLES / path) for path in paths]
    members = {one.name: workspace.member(one.name) for one in story.organisations}
    recipients = [Recipient(one.organisation, one.recipient.public) for one in members.values()]
    results: list[Result] = []
    for one in chapters:
        choice = Choice(mapping=None if one.mapping is None else one.mapping.read_bytes())
        sources = [Source(str(one.path), one.path)]
        ingest(
            workspace,
            members[one.organisation],
            sources,
            choice,
            recipients=recipients,
            on_result=lambda result: results.append(result) if result.row is None else None,
        )
    return results


def head_of(verdict: Verdict) -> TrustedBlock:
    """The block that a verdict was given as of, as the head that its reader accepts."""
    assert verdict.as_of is not None
    return TrustedBlock(verdict.as_of.number, verdict.as_of.hash, verdict.as_of.time)


def assert_verified(verdict: Verdict) -> None:
    """Ask that a file was verified without any doubt."""
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason


def assert_refused(verdict: Verdict, outcome: Outcome, step: Step, error: str) -> None:
    """Ask that a file was refused there and for that reason."""
    assert (verdict.outcome, verdict.step, verdict.error) == (outcome, step, error), verdict.reason
    assert verdict.reason


def parsed(data: bytes) -> Evidence:
    """An evidence file as its holder can edit it."""
    return parse_evidence(data)

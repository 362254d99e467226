"""The embedded chain is killed hard after its blocks counted as final: what is lost, what recovers, what stays true.

Only the embedded mode can lose what was final: one process, and a dump now and then. See ``docs/operations.md``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ledger.access import Tier
from ledger.chain.events import attestations_of
from ledger.chain.node import node_status, start_node
from ledger.chain.process import wait_for_exit
from ledger.demo.story import Story, load_story
from ledger.errors import ConsistencyError
from ledger.event import AssetType
from ledger.service.audit.run import audit
from ledger.service.enrolment import enrol_all
from ledger.service.evidence import build_evidence
from ledger.service.ingest import Choice, ingest
from ledger.service.network import bring_down, bring_up, initialise
from ledger.service.results import Outcome as Taken
from ledger.service.results import Result
from ledger.service.settings import Settings
from ledger.service.sources import Source
from ledger.service.trust import make_trust
from ledger.service.workspace import CHAIN, Workspace
from light_node.judgement import judge
from light_node.trust import Trust, TrustedBlock
from light_node.verdict import Outcome, Step
from tests.system.house import EXAMPLES, assert_refused, assert_verified, head_of, record_examples, settings_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("hard-kill")]
BEFORE = ("vehicle/built.json", "vehicle/first-registration.json")
LOST = ("csv/services.csv", "vehicle/inspections.json")
LOST_BLOCKS = 100
VIN = "VCU4EZ7R9K1004176"


@dataclass(frozen=True, slots=True)
class Killed:
    """A home whose chain was killed, and what was known before."""

    workspace: Workspace
    trust: Trust
    story: Story
    evidence: bytes
    head: TrustedBlock
    digests: list[bytes]


@contextmanager
def _dumped(folder: Path) -> Iterator[tuple[Settings, Story, Trust]]:
    """A home whose chain has a beginning on disk, and runs on without another dump; stopped at the end."""
    settings, story = settings_for(folder), load_story(EXAMPLES)
    try:
        with Workspace(settings) as workspace:
            initialise(workspace, "")
            bring_up(workspace)
            enrol_all(workspace, story.organisations)
            record_examples(workspace, story, BEFORE)
            trust = make_trust(workspace)
            bring_down(workspace)  # everything so far is on disk
        start_node(replace(Workspace(settings).node_settings(), state_interval_s=3600))
        yield settings, story, trust
    finally:
        with Workspace(settings) as workspace:
            bring_down(workspace)


@pytest.fixture(scope="module")
def killed(anvil: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    """Record, dump; record more, export evidence, kill; start again. Nothing else is done yet."""
    with _dumped(tmp_path_factory.mktemp("killed")) as (settings, story, trust):
        with Workspace(settings) as workspace:
            record_examples(workspace, story, LOST)
            _mine(workspace, LOST_BLOCKS)
            evidence = _evidence(workspace)
            verdict = judge(evidence, trust, now=int(time.time()))
            assert_verified(verdict)
            digests = _digests(workspace)
        _kill(settings.home / CHAIN)
        with Workspace(settings) as workspace:
            assert not bring_up(workspace)
            yield Killed(workspace, trust, story, evidence, head_of(verdict), digests)


def _mine(workspace: Workspace, blocks: int) -> None:
    for _ in range(blocks):
        workspace.client.rpc.read("evm_mine")
    workspace.projector.sync()


def _evidence(workspace: Workspace) -> bytes:
    return build_evidence(workspace, workspace.reader().asset(VIN), Tier.PRIVATE)


def _kill(folder: Path) -> None:
    node = node_status(folder)
    assert node is not None
    os.kill(node.pid, signal.SIGKILL)
    assert wait_for_exit(node.pid, node.started, 10)


def _digests(workspace: Workspace) -> list[bytes]:
    return [entry.digest for entry in workspace.reader().history(workspace.reader().asset(VIN))]


def _counted(workspace: Workspace) -> Counter[bytes]:
    """How often each digest stands in the chain, straight from its logs."""
    client, contracts = workspace.client, workspace.contracts
    logs = client.logs([contracts.log(AssetType.VEHICLE)], 0, client.block_number())
    return Counter(digest for log in logs for _, digest, _ in attestations_of(log))


def _audited(workspace: Workspace) -> set[str]:
    return {difference.code for difference in audit(workspace).differences}


def test_1_what_was_not_dumped_is_gone_and_the_index_goes_back(killed: Killed) -> None:
    assert killed.workspace.client.block_number() < killed.head.number
    left = _digests(killed.workspace)
    assert 0 < len(left) < len(killed.digests)
    assert left == killed.digests[: len(left)]


def test_2_evidence_of_the_lost_interval_still_verifies_alone(killed: Killed) -> None:
    """Its block was cosigned: who has nothing newer cannot tell. That is why this mode is not for production."""
    verdict = judge(killed.evidence, killed.trust, now=int(time.time()))
    assert_verified(verdict)
    assert verdict.account is not None
    assert len(verdict.account.events) == len(killed.digests)


def test_3_witnesses_sign_nothing_shorter_and_the_audit_says_so(killed: Killed) -> None:
    with pytest.raises(ConsistencyError):
        _evidence(killed.workspace)
    assert "witness-conflict" in _audited(killed.workspace)


def test_4_rebroadcast_brings_every_event_back_once(killed: Killed) -> None:
    """The same documents are taken in again: nothing new is signed, and what the chain lost is sent again."""
    assert {result.outcome for result in _take_again(killed)} == {Taken.REPEATED}
    counted = _counted(killed.workspace)
    assert [counted[digest] for digest in killed.digests] == [1] * len(killed.digests)
    assert sorted(_digests(killed.workspace)) == sorted(killed.digests)


@contextmanager
def _new_line(killed: Killed) -> Iterator[Workspace]:
    """The steps of ``docs/operations.md``, "After a loss"; undone at the end, for the next test."""
    home, settings = killed.workspace.home, killed.workspace.settings
    before = (home / "contracts.json").read_bytes()
    (home / "witness").rename(home / "witness.lost")
    contracts = json.loads(before)
    contracts["origin"] += "/2"
    (home / "contracts.json").write_text(json.dumps(contracts, indent=2))
    try:
        with Workspace(settings) as workspace:
            yield workspace
    finally:
        (home / "contracts.json").write_bytes(before)
        shutil.rmtree(home / "witness")
        (home / "witness.lost").rename(home / "witness")


def _take_again(killed: Killed) -> list[Result]:
    """Take in every document again; once nothing is missing any more, that changes nothing."""
    return record_examples(killed.workspace, killed.story, (*BEFORE, *LOST))


def test_5_a_new_line_of_checkpoints_goes_on_and_denies_nothing(killed: Killed) -> None:
    _take_again(killed)
    with _new_line(killed) as workspace:
        trust, now = make_trust(workspace), int(time.time())
        evidence = _evidence(workspace)
        verdict = judge(evidence, trust, now=now)
        assert_verified(verdict)
        assert verdict.account is not None
        assert len(verdict.account.events) == len(killed.digests)
        assert _audited(workspace) == set()
    for data, other in ((killed.evidence, trust), (evidence, killed.trust)):
        assert_refused(judge(data, other, now=now), Outcome.UNDETERMINED, Step.FINALITY, "UntrustedError")
    accepted = judge(evidence, trust, now=now, accepted=killed.head)
    assert_refused(accepted, Outcome.UNDETERMINED, Step.FINALITY, "RollbackError")


def test_6_witnesses_sign_no_other_chain_however_long(killed: Killed) -> None:
    _take_again(killed)
    _mine(killed.workspace, LOST_BLOCKS + 20)
    assert killed.workspace.client.block_number() > killed.head.number + 10
    with pytest.raises(ConsistencyError):
        _evidence(killed.workspace)
    assert _audited(killed.workspace) == {"witness-conflict"}


def _submit(workspace: Workspace, who: str, folder: Path, kind: str, fields: dict[str, str]) -> Result:
    """Take in one event of the car, as a document of its own; the same arguments are the same document."""
    path = folder / f"{who}-{kind}.json"
    event = {"vinculum_event": 1, "kind": kind, "asset": {"type": "vehicle", "identifier": VIN}, "id": f"{who} {kind}"}
    path.write_text(json.dumps([event | {"occurred_at": "2026-11-01T12:00:00Z", "fields": fields}]))
    results: list[Result] = []
    ingest(workspace, workspace.member(who), [Source(path.name, path)], Choice(), on_result=results.append)
    return results[-1]


def test_7_an_event_that_names_a_head_that_is_gone_is_recorded_again(anvil: None, tmp_path: Path) -> None:
    """What two organisations wrote comes back in another order, and a change of the status cannot stand as signed."""
    note = ("car-maker", tmp_path, "vehicle.specification", {"make": "Corvo", "model": "Merlin"})
    change = ("workshop", tmp_path, "vehicle.deregistered", {"reason": "exported"})
    with _dumped(tmp_path) as (settings, _, trust):
        with Workspace(settings) as workspace:
            assert _submit(workspace, *note).outcome is _submit(workspace, *change).outcome is Taken.RECORDED
            lost = _digests(workspace)
        _kill(settings.home / CHAIN)
        with Workspace(settings) as workspace:
            bring_up(workspace)
            again = [_submit(workspace, *one).outcome for one in (change, note, change)]
            assert again == [Taken.RECORDED, Taken.REPEATED, Taken.REPEATED]
            counted, now = _counted(workspace), _digests(workspace)
            assert len(now) == len(lost)
            assert set(lost) - set(now) == {lost[-1]}  # signed for a head that is gone, so signed anew
            assert {counted[digest] for digest in now} == {1}
            verdict = judge(_evidence(workspace), trust, now=int(time.time()))
    assert_verified(verdict)
    assert verdict.account is not None
    assert verdict.account.status == "deregistered"

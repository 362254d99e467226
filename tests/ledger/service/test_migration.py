"""A log is replaced while its members are at work: one life, one writable log, and nothing is lost or told twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlmodel import col, select

from ledger.chain.contracts import LATEST_HEAD
from ledger.event import AssetReference, AssetType
from ledger.proof.evidence import parse_evidence
from ledger.service.audit.rebuild import rebuild
from ledger.service.audit.run import audit
from ledger.service.contracts import load_contracts
from ledger.service.export.bag import write_bag
from ledger.service.export.verify import verify_bag
from ledger.service.migration import follow, left_behind, logs, succeed
from ledger.service.recorders import open_recorder
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from ledger.store.work import ItemState, OutboxItem
from light_node.verdict import Outcome, Step
from tests.ledger.service.conftest import birth, document, event, record
from tests.ledger.service.moved import (
    BORN_LATER,
    QUEUED,
    REPURPOSED,
    SIGNED,
    UNTOUCHED,
    WRITTEN,
    Moved,
    births,
    measured,
    move,
    source,
)

pytestmark = pytest.mark.integration
LIVES = {WRITTEN: [2, 2], REPURPOSED: [2, 1], UNTOUCHED: [1, 0], SIGNED: [1, 1], QUEUED: [0, 2], BORN_LATER: [0, 2]}


@pytest.fixture(scope="module")
def moved(workspace: Workspace) -> Moved:
    return move(workspace)


@pytest.fixture(scope="module")
def lived(moved: Moved) -> Moved:
    """What was queued is taken in again, and all of them live on: two of them change their status first."""
    workspace = moved.workspace
    for name, documents in (
        ("maker", [births(QUEUED, name="queued birth"), measured(QUEUED, "queued")]),
        ("other", [measured(SIGNED, "signed")]),
    ):
        with open_recorder(workspace, workspace.member(name), []) as recorder:
            for one in documents:
                assert len(recorder.add(one, source(one)).planned) == 1
            assert recorder.finish().refused == []
    waste = event("battery.declared_waste", REPURPOSED, "waste", reason="worn out")
    record(workspace, "other", document(waste), measured(WRITTEN, "after"), to=("maker",))
    record(workspace, "maker", document(birth(BORN_LATER)), measured(BORN_LATER, "new"), measured(WRITTEN, "later"))
    return moved


def test_the_council_closes_the_old_log_for_the_new_one(moved: Moved) -> None:
    old, new = moved.succession.log, moved.succession.successor
    assert moved.succession.decision.executed
    assert [one.successor for one in moved.open_before] == [None, None, None]
    found = {(one.asset_type, one.generation): (one.address, one.successor) for one in logs(moved.workspace)}
    assert found[AssetType.BATTERY, 0] == (old, new)
    assert found[AssetType.BATTERY, 1] == (new, None)
    assert len(found) == 4


def test_the_home_names_both_logs_in_order(moved: Moved) -> None:
    stored = json.loads((moved.workspace.home / "contracts.json").read_text())["logs"]["battery"]
    assert stored == [f"0x{log.hex()}" for log in (moved.succession.log, moved.succession.successor)]
    assert load_contracts(moved.workspace.home) == moved.workspace.contracts
    assert follow(moved.workspace) == []


def test_what_was_queued_is_named_by_its_documents(moved: Moved) -> None:
    assert moved.left == {"queued birth": 1, "queued": 1, "signed": 1}


def test_what_was_queued_is_refused_with_its_reason_and_counted_once(lived: Moved) -> None:
    with lived.workspace.database.read() as session:
        rows = session.exec(select(OutboxItem).where(col(OutboxItem.state) == ItemState.REFUSED)).all()
        told = [(row.log, row.error, row.reason) for row in rows]
    closed = f"this log is closed; 0x{lived.succession.successor.hex()} goes on"
    assert told == [(lived.succession.log, "ConflictError", closed)] * 3
    assert dict(left_behind(lived.workspace)) == {}
    for asset in (QUEUED, SIGNED):
        kinds = [entry.kind.name for entry in lived.workspace.reader().history(lived.asset(asset))]
        assert kinds == ["battery.commissioned", "battery.state_of_health"]


@pytest.mark.parametrize("asset", LIVES, ids=lambda one: one.identifier[-3:])
def test_every_life_is_whole_and_proven(lived: Moved, asset: AssetReference) -> None:
    data = lived.evidence(asset)
    evidence, verdict = parse_evidence(data), lived.judge(data)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    assert [segment.entries for segment in evidence.segments] == LIVES[asset]
    assert [segment.log for segment in evidence.segments] == [lived.succession.log, lived.succession.successor]
    assert verdict.account is not None
    entries = lived.workspace.reader().history(lived.asset(asset))
    assert [entry.position for entry in entries] == list(range(1, sum(LIVES[asset]) + 1))
    assert (len(verdict.account.events), verdict.account.status) == (len(entries), entries[-1].status)
    head = lived.workspace.client.call(lived.succession.successor, LATEST_HEAD, lived.asset(asset).subject)
    assert head == entries[-1].row.head


def test_a_status_goes_on_where_it_stood(lived: Moved) -> None:
    """The first event in the new log may be one that names the head before it, which stands in the old one."""
    statuses = [entry.status for entry in lived.workspace.reader().history(lived.asset(REPURPOSED))]
    assert statuses == ["original", "repurposed", "waste"]
    again = event("battery.declared_waste", WRITTEN, "written off", reason="accident")
    assert record(lived.workspace, "other", document(again), to=("maker",)).refused == []
    LIVES[WRITTEN] = [2, 3]
    assert lived.workspace.reader().history(lived.asset(WRITTEN))[-1].status == "waste"


def test_the_old_trust_file_judges_old_evidence_and_no_new(lived: Moved) -> None:
    assert lived.judge(lived.old_evidence, lived.old_trust).outcome is Outcome.VERIFIED
    for data, trust in ((lived.evidence(WRITTEN), lived.old_trust), (lived.old_evidence, None)):
        verdict = lived.judge(data, trust)
        assert (verdict.outcome, verdict.step, verdict.error) == (
            Outcome.UNDETERMINED,
            Step.IDENTITY,
            "UntrustedError",
        )


def test_an_export_holds_both_parts(lived: Moved, tmp_path: Path) -> None:
    path, now = tmp_path / "bag.zip", lived.workspace.client.header().timestamp
    summary = write_bag(lived.workspace, [lived.asset(asset) for asset in LIVES], path)
    report = verify_bag(path, make_trust(lived.workspace), now)
    assert (report.outcome, report.problems) == (Outcome.VERIFIED, [])
    assert report.events == summary.events == sum(map(sum, LIVES.values()))
    assert verify_bag(path, lived.old_trust, now).outcome is Outcome.UNDETERMINED


def test_the_audit_finds_nothing_before_and_after_a_rebuild(lived: Moved) -> None:
    assert [one for one in audit(lived.workspace).differences if one.severity == "error"] == []
    before = {asset: [one.row.head for one in lived.workspace.reader().history(lived.asset(asset))] for asset in LIVES}
    counts = rebuild(lived.workspace)
    assert counts["attestation"] == sum(map(sum, LIVES.values()))
    after = {asset: [one.row.head for one in lived.workspace.reader().history(lived.asset(asset))] for asset in LIVES}
    assert after == before
    assert audit(lived.workspace).clean


def test_the_same_documents_again_are_recognised(lived: Moved) -> None:
    documents = [births(QUEUED, name="queued birth"), measured(QUEUED, "queued"), measured(WRITTEN, "before")]
    for name, one in zip(("maker", "maker", "other"), documents, strict=True):
        assert record(lived.workspace, name, one).events == []


def test_a_third_log_goes_on_with_lives_that_the_second_never_held(lived: Moved) -> None:
    succeed(lived.workspace, AssetType.BATTERY)
    waste = event("battery.declared_waste", UNTOUCHED, "late waste", reason="stored too long")
    record(lived.workspace, "other", document(waste), to=("maker",))
    data = lived.evidence(UNTOUCHED)
    assert [segment.entries for segment in parse_evidence(data).segments] == [1, 0, 1]
    verdict = lived.judge(data)
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    assert audit(lived.workspace).clean

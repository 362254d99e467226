"""An index made anew, from chain, store and keys, is the index that was lost."""

from __future__ import annotations

import sqlite3

import pytest
from sqlmodel import col, select

from ledger.access import Tier
from ledger.errors import DocumentError
from ledger.event import AssetReference, Event
from ledger.service.audit.rebuild import rebuild
from ledger.service.audit.run import audit
from ledger.service.evidence import build_evidence
from ledger.service.network import bring_down, bring_up
from ledger.service.workspace import Workspace
from ledger.store.document_index import Asset, SourceEvent
from tests.ledger.service.conftest import birth, document, event, record, recording

pytestmark = pytest.mark.integration


def lose_index(workspace: Workspace) -> None:
    """Everything but the outbox."""
    path = workspace.database.path
    assert path is not None
    connection = sqlite3.connect(path)
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for name in names:
        if not name.startswith(("outbox_", "alembic", "sqlite_")):
            connection.execute(f"DELETE FROM {name}")  # noqa: S608 - names of our own tables
    connection.commit()
    connection.close()


def measured(asset: AssetReference, document_id: str | None, **fields: str) -> Event:
    return event("battery.state_of_health", asset, document_id, measured_at="2026-06-01T08:00:00Z", **fields)


def test_lost_index_is_made_anew(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, "a")), to=("other",))
    known = workspace.reader().asset(asset.identifier)
    before = [entry.row.head for entry in workspace.reader().history(known)]
    lose_index(workspace)
    counts = rebuild(workspace)
    assert counts["asset"] >= 1
    assert counts["attestation"] == counts["credential"]
    assert workspace.reader().asset(asset.identifier) == known
    assert [entry.row.head for entry in workspace.reader().history(known)] == before
    assert audit(workspace).differences == ()
    assert build_evidence(workspace, known, Tier.AUTHORITIES)


def test_audit_of_a_lost_index_names_what_is_gone(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset)))
    lose_index(workspace)
    report = audit(workspace)
    assert not report.clean
    assert {"credential", "asset", "access_grant"} <= {one.place.split(" ")[0] for one in report.differences}
    rebuild(workspace)
    assert audit(workspace).clean


def test_document_that_comes_again_after_a_rebuild_is_recognised(workspace: Workspace, asset: AssetReference) -> None:
    again = document(birth(asset), measured(asset, "b"), measured(asset, None))
    record(workspace, "maker", again)
    lose_index(workspace)
    rebuild(workspace)
    recorded = record(workspace, "maker", again)
    assert recorded.events == []
    assert recorded.repeated == 3
    assert audit(workspace).clean


def test_other_content_under_a_known_id_is_a_conflict_after_a_rebuild(
    workspace: Workspace, asset: AssetReference
) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, "c")))
    rebuild(workspace)
    with recording(workspace, "maker") as recorder, pytest.raises(DocumentError) as caught:
        recorder.add(document(measured(asset, "c", note="another")))
    assert [fault.code for fault in caught.value.faults] == ["conflict"]


def test_damage_is_gone_after_a_rebuild(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset)))
    with workspace.database.write() as session:
        row = session.exec(select(Asset).where(col(Asset.identifier) == asset.identifier)).one()
        row.identifier = "another"
        for said in session.exec(select(SourceEvent)):
            said.content_hash = bytes(32)
    assert not audit(workspace).clean
    rebuild(workspace)
    assert audit(workspace).clean


def test_chain_that_was_restarted_is_read_from_its_beginning(workspace: Workspace, asset: AssetReference) -> None:
    """Anvil made another block 0 at each start; a fresh index found no chain that hangs together."""
    record(workspace, "maker", document(birth(asset)))
    for _ in range(3):
        bring_down(workspace)
        bring_up(workspace)
        workspace.client.rpc.read("eth_chainId")
        assert audit(workspace).clean

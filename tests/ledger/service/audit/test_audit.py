"""Audit of a sound home, and of the same home with its index, its store, its chain or its witnesses damaged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import col, select

from ipfs.batch import Batch
from ipfs.cid import cid_from_digest
from ledger.event import Attachment
from ledger.kinds import kind_by_number
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import add_cosignatures, cosign
from ledger.proof.slots import head_slot
from ledger.service.audit.report import MAX_DIFFERENCES, Findings
from ledger.service.audit.run import Severity, audit
from ledger.service.members import witness_key
from ledger.service.witness import latest_checkpoint
from ledger.service.workspace import Workspace
from ledger.store.document_index import Credential
from tests.ledger.service.audit.damage import codes, damaged, found, rewritten, stopped
from tests.ledger.service.conftest import battery, birth, document, event, record

pytestmark = pytest.mark.integration

EVENTS = 5


@pytest.fixture(scope="module")
def home(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Two batteries with five events, one with an attachment of two blocks, one that changes the status."""
    picture = tmp_path_factory.mktemp("files") / "picture.jpg"
    picture.write_bytes(bytes(range(256)) * 5000)
    first, second = battery(1), battery(2)
    measured = event("battery.state_of_health", first, "m-1", measured_at="2026-06-01T08:00:00Z")
    attached = Attachment("picture.jpg", "image/jpeg", str(picture))
    seen = event("battery.state_of_health", second, "m-2", measured_at="2026-06-01T08:00:00Z", rated_capacity_ah=90.0)
    seen = replace(seen, attachments=(attached,))
    record(workspace, "maker", document(birth(first), birth(second)), document(measured, seen), to=("other",))
    record(workspace, "maker", document(event("battery.repurposed", first, "r-1", successors=[second.identifier])))
    latest_checkpoint(workspace, 0)
    return workspace


def credentials(home: Workspace) -> list[Credential]:
    with home.database.read() as session:
        rows = list(session.exec(select(Credential).order_by(col(Credential.digest))))
        session.expunge_all()
    return rows


def test_sound_home_has_no_difference_and_everything_was_checked(home: Workspace) -> None:
    report = audit(home)
    assert report.clean
    assert report.differences == ()
    assert report.checked["attestations"] == report.checked["credentials verified"] == EVENTS
    assert report.checked["capsules opened"] == EVENTS
    assert report.checked["heads"] == 2
    assert report.checked["outbox items"] == EVENTS
    assert report.checked["checkpoints"] == 3


def test_progress_is_told(home: Workspace) -> None:
    told: list[tuple[str, int]] = []
    audit(home, lambda what, number: told.append((what, number)))
    assert ("credentials verified", EVENTS) in told


def test_audit_leaves_nothing_behind(home: Workspace) -> None:
    audit(home)
    assert not list(home.home.glob("audit-*"))


CHANGED = {
    "attestation": "UPDATE attestation SET digest = randomblob(32) WHERE sequence = 2",
    "head": "UPDATE head SET length = length + 1",
    "governance_event": "UPDATE governance_event SET name = 'OrganisationResumed' WHERE name = 'OrganisationAdded'",
    "organisation": "UPDATE organisation SET roles = roles + 1024 WHERE id = 2",
    "account": "UPDATE account SET organisation = 1 WHERE organisation = 2",
    "issuer_key": "UPDATE issuer_key SET valid_until = valid_until - 1 WHERE organisation = 1",
    "namespace": "UPDATE namespace SET organisation = 2",
    "block": "UPDATE block SET timestamp = timestamp + 1 WHERE number = 3",
    "merkle_node": "UPDATE merkle_node SET hash = randomblob(32) WHERE level = 0 AND position = 2",
    "credential": "UPDATE credential SET jti = 'another'",
    "asset": "UPDATE asset SET identifier = 'another' WHERE rowid = 1",
    "access_grant": "UPDATE access_grant SET body = randomblob(40) WHERE rowid = 1",
    "source_event": "UPDATE source_event SET content_hash = randomblob(32) WHERE rowid = 1",
}
REMOVED = {
    "attestation": "DELETE FROM attestation WHERE sequence = 3",
    "head": "DELETE FROM head WHERE rowid = 1",
    "governance_event": "DELETE FROM governance_event WHERE name = 'NamespaceAssigned'",
    "organisation": "DELETE FROM organisation WHERE id = 2",
    "issuer_key": "DELETE FROM issuer_key WHERE organisation = 2",
    "namespace": "DELETE FROM namespace",
    "merkle_node": "DELETE FROM merkle_node WHERE level = 1 AND position = 0",
    "credential": "DELETE FROM credential WHERE rowid = 1",
    "asset": "DELETE FROM asset WHERE rowid = 2",
    "asset_alias": "DELETE FROM asset_alias WHERE rowid = 1",
    "access_grant_capsule": "DELETE FROM access_grant_capsule",
    "source_event": "DELETE FROM source_event WHERE rowid = 2",
}
ADDED = {
    "attestation": "INSERT INTO attestation SELECT sequence + 100, log, subject, position + 100, digest, version, kind,"
    " organisation, attested_at, status, head, block_number, log_index, item, transaction_hash FROM attestation",
    "head": "INSERT INTO head SELECT log, randomblob(32), head, status, length, block_number FROM head LIMIT 1",
    "organisation": "INSERT INTO organisation SELECT 77, roles, suspended, metadata_digest, since, changed_at"
    " FROM organisation WHERE id = 1",
    "account": "INSERT INTO account SELECT randomblob(20), organisation, changed_at FROM account LIMIT 1",
    "issuer_key": "INSERT INTO issuer_key SELECT organisation, randomblob(32), valid_from, valid_until, revoked_from,"
    " changed_at, algorithm, flags FROM issuer_key LIMIT 1",
    "credential": "INSERT INTO credential SELECT randomblob(32), issuer, jti, payload_hash, log, subject, kind,"
    " issued_at, capsule_cid, batch_cid, source_digest FROM credential LIMIT 1",
    "asset": "INSERT INTO asset SELECT randomblob(32), asset_type, identifier, salt, own FROM asset LIMIT 1",
    "asset_alias": "INSERT INTO asset_alias SELECT 'another name', subject FROM asset LIMIT 1",
    "access_grant": "INSERT INTO access_grant SELECT randomblob(32), grantor, recipient, created_at, body"
    " FROM access_grant LIMIT 1",
    "source_event": "INSERT INTO source_event VALUES ('1:event', 'never', randomblob(32), randomblob(32))",
}


@pytest.mark.parametrize(
    ("code", "damage"),
    [("row-changed", CHANGED), ("row-missing", REMOVED), ("row-added", ADDED)],
    ids=["changed", "removed", "added"],
)
def test_every_row_that_says_otherwise_is_named(home: Workspace, code: str, damage: dict[str, str]) -> None:
    with damaged(home, *damage.values()):
        report = audit(home)
    tables = {one.place.split(" ")[0] for one in report.differences if one.code == code}
    assert set(damage) <= tables
    assert not report.clean
    assert audit(home).clean


def test_changed_row_is_named_with_both_values(home: Workspace) -> None:
    with damaged(home, CHANGED["namespace"]):
        messages = found(home, "row-changed", "namespace ")
    assert messages == ["the live index says otherwise: organisation is 2, not 1"]


def test_head_that_the_events_do_not_fold_to_is_named(home: Workspace) -> None:
    row = credentials(home)[0]
    rpc, log, slot = home.client.rpc, f"0x{row.log.hex()}", f"0x{head_slot(row.subject).hex()}"
    with stopped(home):
        before = rpc.read("eth_getStorageAt", log, slot, "latest")
        rpc.read("anvil_setStorageAt", log, slot, "0x" + "01" * 32)
        try:
            messages = found(home, "head", row.subject.hex())
        finally:
            rpc.read("anvil_setStorageAt", log, slot, before)
    assert len(messages) == 1
    assert "01" * 32 in messages[0]


def cars(home: Workspace) -> Iterator[Path]:
    return (path for path in (home.home / "documents").rglob("*.car"))


def car_of(home: Workspace, kind: str) -> Path:
    """The file of the batch that holds a credential of a kind."""
    row = next(row for row in credentials(home) if row.batch_cid is not None and kind in kind_name(row))
    return next(path for path in cars(home) if str(row.batch_cid) in path.name)


def kind_name(row: Credential) -> str:
    return kind_by_number(row.kind).name


def flip(needle: bytes) -> Callable[[bytes], bytes]:
    """Change one byte after the first occurrence of ``needle``."""

    def change(data: bytes) -> bytes:
        at = data.index(needle) + len(needle) + 5
        return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]

    return change


def test_damaged_credential_is_named(home: Workspace) -> None:
    with rewritten(car_of(home, "repurposed"), flip(b"eyJ")):
        report = audit(home)
    assert {"block-damaged", "document-missing"} <= codes(report)


def test_damaged_capsule_is_named(home: Workspace) -> None:
    with rewritten(car_of(home, "repurposed"), flip(b"VNCLCAP")):
        report = audit(home)
    assert {"block-damaged", "capsule"} <= codes(report)


def test_damaged_block_of_a_large_attachment_is_named(home: Workspace) -> None:
    def change(data: bytes) -> bytes:
        middle = len(data) // 2
        return data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :]

    largest = max(cars(home), key=lambda path: path.stat().st_size)
    with rewritten(largest, change):
        report = audit(home)
    assert "block-damaged" in codes(report)
    assert {"capsule", "document-missing"} & codes(report)


def test_removed_batch_is_named_event_by_event(home: Workspace) -> None:
    with rewritten(car_of(home, "repurposed"), None):
        report = audit(home)
    missing = [one for one in report.differences if one.code == "document-missing"]
    assert len(missing) == 1
    assert "organisation 1" in missing[0].message


def test_documents_of_the_store_attested_nowhere_are_notices(home: Workspace) -> None:
    jwt = home.documents.get(cid_from_digest(credentials(home)[0].digest)).decode()
    header, payload, _ = jwt.split(".")
    with Batch() as batch:
        batch.add(f"{header}.{payload}.{'A' * 86}".encode())
        root = batch.put(home.documents)
    try:
        report = audit(home)
    finally:
        home.documents.discard(root)
    assert report.clean
    assert [(one.code, one.severity) for one in report.differences] == [("orphan", Severity.NOTICE)]


def witness_note(home: Workspace) -> Path:
    return home.home / "witness" / "maker.note"


def resign(home: Workspace, change: Callable[[Checkpoint], Checkpoint]) -> bytes:
    checkpoint = change(parse_checkpoint(witness_note(home).read_bytes()).checkpoint)
    keys = home.keyring.unlock("maker")
    signature = cosign(checkpoint, witness_key("maker", keys.secrets), 1)
    return add_cosignatures(SignedCheckpoint(checkpoint, ()), [signature]).note.encode()


def test_witness_that_signed_other_blocks_is_named(home: Workspace) -> None:
    note = resign(home, lambda one: Checkpoint(one.origin, one.size, bytes(32)))
    with rewritten(witness_note(home), lambda _: note):
        messages = found(home, "witness-conflict", "maker.note")
    assert len(messages) == 1
    assert "are not the blocks of this chain" in messages[0]


def test_witness_that_signed_beyond_the_chain_is_named(home: Workspace) -> None:
    note = resign(home, lambda one: Checkpoint(one.origin, one.size + 10**6, one.root))
    with rewritten(witness_note(home), lambda _: note):
        messages = found(home, "witness-conflict", "maker.note")
    assert len(messages) == 1
    assert "hard kill" in messages[0]


def test_witness_of_another_consortium_is_named(home: Workspace) -> None:
    note = resign(home, lambda one: Checkpoint("another", one.size, one.root))
    with rewritten(witness_note(home), lambda _: note):
        assert len(found(home, "witness-conflict", "maker.note")) == 1


def test_unreadable_note_of_a_witness_is_named(home: Workspace) -> None:
    with rewritten(witness_note(home), lambda _: b"no note"):
        assert len(found(home, "witness-damaged", "maker.note")) == 1


def test_item_that_is_final_but_not_in_the_chain_is_named(home: Workspace) -> None:
    with damaged(home, "UPDATE outbox_item SET digest = zeroblob(32) WHERE id = 1"):
        messages = found(home, "outbox-lost", "00" * 32)
    assert len(messages) == 1
    assert "its block was lost" in messages[0]


def test_message_of_every_difference_is_one_line(home: Workspace) -> None:
    with damaged(home, *CHANGED.values()):
        report = audit(home)
    for one in report.differences:
        assert json.dumps([one.code, one.place, one.message])
        assert re.fullmatch(r"[a-z-]+", one.code)
        assert "\n" not in one.message


def test_differences_beyond_the_limit_are_counted() -> None:
    findings = Findings()
    for number in range(MAX_DIFFERENCES + 3):
        findings.add("code", str(number), "message")
    report = findings.report(0)
    assert (len(report.differences), report.omitted, report.errors) == (MAX_DIFFERENCES, 3, MAX_DIFFERENCES + 3)

"""What a home shows of a history: what a verifier would accept where it stands, and of the rest why not."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from ipfs.cid import Cid, parse_cid
from ledger.chain.outbox_store import NewItem
from ledger.errors import MissingError
from ledger.event import AssetReference, Event
from ledger.kinds import kind_by_name
from ledger.service.presentable import NOTHING, Presented, presentable
from ledger.service.read import AssetRecord, reference_of
from ledger.service.timeline import tell
from ledger.service.workspace import Workspace
from tests.ledger.service.audit.damage import Rogue, plan
from tests.ledger.service.conftest import battery, birth, document, event, record

pytestmark = pytest.mark.integration


@pytest.fixture
def known(workspace: Workspace, numbers: Callable[[], int]) -> AssetRecord:
    asset = battery(numbers())
    record(workspace, "maker", document(birth(asset)), document(measured(asset)))
    return workspace.reader().asset(asset.identifier)


def measured(asset: AssetReference) -> Event:
    return event(
        "battery.state_of_health",
        asset,
        os.urandom(8).hex(),
        measured_at="2026-06-01T08:00:00Z",
        state_of_health_percent=99.5,
    )


def shown(workspace: Workspace, asset: AssetRecord) -> list[Presented]:
    return presentable(workspace, workspace.reader().history(asset))


def reference(asset: AssetRecord) -> AssetReference:
    return AssetReference(asset.asset_type, asset.identifier)


def test_honest_history_is_shown_whole_at_first_and_again(workspace: Workspace, known: AssetRecord) -> None:
    first, again = shown(workspace, known), shown(workspace, known)
    assert [one.refused for one in first] == ["", ""]
    assert all(one.credential.claims for one in first)
    assert again == first


def test_credential_of_another_members_key_is_withheld_with_the_reason(
    workspace: Workspace, known: AssetRecord
) -> None:
    planned = plan(measured(reference(known)), 1, own=known.subject)
    Rogue(workspace, "maker").attest(planned, signer=workspace.member("other"))
    *honest, false = shown(workspace, known)
    assert [one.refused for one in honest] == ["", ""]
    assert false == Presented(NOTHING, "its key was not one of the organisation's then")


def test_credential_that_is_attested_again_under_another_kind_is_withheld_there_alone(
    workspace: Workspace, known: AssetRecord
) -> None:
    planned = plan(measured(reference(known)), 1, own=known.subject)
    Rogue(workspace, "maker").attest(planned, as_kind=kind_by_name("any.shipped").number)
    assert [bool(one.refused) for one in shown(workspace, known)] == [False, False, True]


def test_credential_that_is_known_is_refused_in_another_assets_history(
    workspace: Workspace, known: AssetRecord, numbers: Callable[[], int]
) -> None:
    other = battery(numbers())
    record(workspace, "maker", document(birth(other)))
    shown(workspace, known)
    entry = workspace.reader().history(known)[1]
    with workspace.outbox(workspace.member("maker")) as outbox:
        log, subject = entry.row.log, workspace.reader().asset(other.identifier).subject
        with workspace.database.write() as session:
            outbox.enqueue(session, [NewItem(log, subject, entry.kind.number, entry.digest)])
        outbox.drain(60.0, None)
    workspace.projector.sync()
    born, stolen = shown(workspace, workspace.reader().asset(other.identifier))
    assert born.refused == ""
    assert "another sub" in stolen.refused


def test_attestation_of_nothing_leaves_the_history_readable(workspace: Workspace, known: AssetRecord) -> None:
    with workspace.outbox(workspace.member("maker")) as outbox:
        log = workspace.contracts.log(known.asset_type)
        with workspace.database.write() as session:
            outbox.enqueue(session, [NewItem(log, known.subject, kind_by_name("any.shipped").number, os.urandom(32))])
        outbox.drain(60.0, None)
    told = tell(workspace, known)
    assert [one.opened for one in told.events] == [True, True, False]
    assert "is not in" in told.events[-1].refused


def test_capsule_that_is_gone_from_the_store_is_not_shown_from_memory(
    workspace: Workspace, known: AssetRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown(workspace, known)
    gone = parse_cid(reference_of(shown(workspace, known)[1].credential.jws).cid)
    has, get = workspace.documents.has, workspace.documents.get

    def get_others(cid: Cid) -> bytes:
        if cid == gone:
            raise MissingError("erased")
        return get(cid)

    monkeypatch.setattr(workspace.documents, "has", lambda cid: cid != gone and has(cid))
    monkeypatch.setattr(workspace.documents, "get", get_others)
    assert [bool(one.credential.claims) for one in shown(workspace, known)] == [True, False]


def test_false_key_in_a_grant_shuts_its_own_capsule_and_no_other(workspace: Workspace, known: AssetRecord) -> None:
    planned = plan(measured(reference(known)), 1, own=known.subject)
    false = Rogue(workspace, "maker").attest(planned, granted_key=bytes(32))
    assert [bool(one.credential.claims) for one in shown(workspace, known)] == [True, True, False]
    assert workspace.reader().capsule_key(false.capsule_cid) == bytes(32)
    reader = workspace.reader()
    with pytest.raises(MissingError):
        reader.capsule(false.digest)

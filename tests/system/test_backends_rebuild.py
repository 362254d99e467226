"""Audit and rebuild over PostgreSQL: the live index is on a server, the second one beside it in a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, text
from sqlmodel import col, func, select

from ledger.demo.proving import all_assets
from ledger.errors import ConflictError, SourceError
from ledger.service.audit.rebuild import rebuild
from ledger.service.audit.report import AuditReport
from ledger.service.audit.run import audit
from ledger.service.results import Outcome
from ledger.service.settings import IndexSettings
from ledger.service.workspace import Workspace
from ledger.store.chain_index import CHAIN_TABLES, Attestation
from ledger.store.columns import Row
from ledger.store.document_index import (
    Asset,
    AssetAlias,
    Credential,
    Grant,
    GrantedCapsule,
    SourceDocument,
    SourceEvent,
)
from ledger.store.locks import exclusive
from ledger.store.work import OutboxItem
from tests.system.house import House, assert_verified, record_examples, running_house, settings_for
from tests.system.test_backends import STORY, _fresh_database

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("backends")]
DOCUMENT_TABLES: tuple[type[Row], ...] = (
    SourceEvent,
    SourceDocument,
    GrantedCapsule,
    Grant,
    AssetAlias,
    Asset,
    Credential,
)


@pytest.fixture(scope="module")
def told(anvil: None, postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The story, in a home with its index on the server."""
    index = IndexSettings(url=_fresh_database(postgresql_server))
    with running_house(settings_for(tmp_path_factory.mktemp("rebuild"), index)) as house:
        results = record_examples(house.workspace, house.story, STORY)
        assert {result.outcome for result in results} == {Outcome.RECORDED}
        assert house.workspace.database.name == "postgresql"
        yield house


@pytest.fixture
def made_anew(told: House) -> Iterator[Workspace]:
    """The home; whatever a test does to the index is undone by a rebuild, which the next test trusts."""
    yield told.workspace
    rebuild(told.workspace)


def codes(report: AuditReport) -> set[tuple[str, str]]:
    return {(one.code, one.place.split(" ")[0]) for one in report.differences}


def counts(workspace: Workspace) -> dict[str, int]:
    """Rows of every table that a rebuild makes."""
    tables = (*CHAIN_TABLES, *DOCUMENT_TABLES)
    with workspace.database.read() as session:
        return {str(one.__tablename__): session.scalar(select(func.count()).select_from(one)) or 0 for one in tables}


def lose(workspace: Workspace, *tables: type[Row]) -> None:
    with workspace.database.write() as session:
        for table in tables:
            session.execute(delete(table))


def test_the_audit_compares_every_table_row_by_row(told: House) -> None:
    found, report = counts(told.workspace), audit(told.workspace)
    assert report.differences == ()
    for name in ("attestation", "credential", "asset_alias", "access_grant", "merkle_node"):
        assert report.checked[f"rows of {name}"] >= found[name] > 0


def test_texts_are_compared_in_one_order_whatever_the_servers_language(made_anew: Workspace) -> None:
    """A server may sort texts by a language; the second index sorts by bytes. One row too many is one difference."""
    with made_anew.database.write() as session:
        subject = session.exec(select(Asset.subject)).first()
        for name in ("a-umlaut-ä", "A-big", "b small", "_", "zz", "ÄÖÜ", "0"):
            session.add(AssetAlias(identifier=name, subject=subject))
    report = audit(made_anew)
    assert codes(report) == {("row-added", "asset_alias")}
    assert report.errors == 7


DAMAGE = {
    "UPDATE attestation SET status = 7 WHERE sequence = 2": ("row-changed", "attestation"),
    "UPDATE head SET head = decode(repeat('00', 32), 'hex')": ("row-changed", "head"),
    "UPDATE asset SET salt = decode(repeat('11', 32), 'hex')": ("row-changed", "asset"),
    "UPDATE credential SET jti = 'another' || jti": ("row-changed", "credential"),
    "UPDATE organisation SET roles = 0 WHERE id = 1": ("row-changed", "organisation"),
    "DELETE FROM access_grant_capsule": ("row-missing", "access_grant_capsule"),
    "DELETE FROM source_event": ("row-missing", "source_event"),
}


def test_damage_is_named_and_gone_after_a_rebuild(told: House) -> None:
    with told.workspace.database.write() as session:
        for statement in DAMAGE:
            session.execute(text(statement))
    try:
        assert codes(audit(told.workspace)) == set(DAMAGE.values())
    finally:
        rebuild(told.workspace)
    assert audit(told.workspace).differences == ()


def test_a_lost_index_is_made_anew_and_tells_the_same_lives(told: House) -> None:
    before = counts(told.workspace)
    lives = {one: told.workspace.reader().history(one) for one in all_assets(told.workspace)}
    lose(told.workspace, *DOCUMENT_TABLES, *CHAIN_TABLES)
    made = rebuild(told.workspace)
    same = [name for name in before if name not in {"source_document", "source_event", "block", "merkle_node"}]
    assert {name: made[name] for name in same} == {name: before[name] for name in same}
    assert made["source_document"] == 0
    assert {one: told.workspace.reader().history(one) for one in all_assets(told.workspace)} == lives
    for one in lives:
        assert_verified(told.judge(told.evidence(one)))
    assert audit(told.workspace).differences == ()


def test_the_same_documents_again_are_recognised(told: House) -> None:
    rebuild(told.workspace)
    with told.workspace.database.read() as session:
        before = session.exec(select(func.count()).select_from(Attestation)).one()
    results = record_examples(told.workspace, told.story, STORY)
    assert {result.outcome for result in results} == {Outcome.REPEATED}
    told.workspace.projector.sync()
    with told.workspace.database.read() as session:
        assert session.exec(select(func.count()).select_from(Attestation)).one() == before


def test_the_outbox_is_kept(told: House) -> None:
    def items() -> list[tuple[int, bytes]]:
        with told.workspace.database.read() as session:
            question = select(OutboxItem.id, OutboxItem.digest).order_by(col(OutboxItem.id))
            return [(number or 0, digest) for number, digest in session.exec(question)]

    before = items()
    rebuild(told.workspace)
    assert items() == before
    assert len(before) > 0


def test_a_second_rebuild_and_a_recorder_keep_it_out(told: House) -> None:
    before = counts(told.workspace)["asset"]
    with exclusive(told.workspace.database, "rebuild"), pytest.raises(ConflictError):
        rebuild(told.workspace)
    with told.workspace.outbox(told.workspace.member("workshop")), pytest.raises(ConflictError):
        rebuild(told.workspace)
    assert counts(told.workspace)["asset"] == before
    assert audit(told.workspace).clean


def test_a_rebuild_that_breaks_off_leaves_the_index_as_it_was(told: House) -> None:
    """The server refuses a row in the middle of the exchange; the transaction takes everything back."""
    before = counts(told.workspace)
    with told.workspace.database.write() as session:
        session.execute(text("ALTER TABLE access_grant ADD CONSTRAINT nothing CHECK (grantor < 0) NOT VALID"))
    try:
        with pytest.raises(SourceError):
            rebuild(told.workspace)
    finally:
        with told.workspace.database.write() as session:
            session.execute(text("ALTER TABLE access_grant DROP CONSTRAINT nothing"))
    after = counts(told.workspace)
    assert {name: after[name] for name in ("asset", "attestation", "access_grant")} == {
        name: before[name] for name in ("asset", "attestation", "access_grant")
    }
    assert audit(told.workspace).clean

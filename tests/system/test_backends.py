"""The same story over every index and every store of documents: nothing in the code asks which it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
import sqlalchemy

from ledger.access import Tier
from ledger.demo.proving import all_assets
from ledger.service.audit.run import audit
from ledger.service.results import Outcome
from ledger.service.settings import DocumentSettings, IndexSettings
from light_node.verdict import EventState
from tests.ipfs.kubo_daemon import TOKEN, KuboDaemon
from tests.system.house import House, assert_verified, record_examples, running_house, settings_for

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("backends")]
LOGGER = logging.getLogger(__name__)
STORY = (
    "battery/passport-ev.json",
    "battery/end-of-line-test.jsonld",
    "battery/shipping.jsonld",
    "vehicle/built.json",
    "vehicle/first-registration.json",
    "csv/services.csv",
    "vehicle/accident.json",
    "battery/installation.json",
    "battery/handover.jsonld",
    "battery/passport-stationary.json",
    "battery/repurposing.json",
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> str | None:
    """Nothing for SQLite in the home; the URL of a real PostgreSQL server."""
    return None if request.param == "sqlite" else str(request.getfixturevalue("postgresql_server"))


@pytest.fixture(scope="module", params=["local", "kubo"])
def documents(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DocumentSettings:
    """A folder in the home, or a real private Kubo daemon that several homes share."""
    if request.param == "local":
        return DocumentSettings()
    kubo: KuboDaemon = request.getfixturevalue("kubo")
    LOGGER.info(kubo.run("version").strip())
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(TOKEN)
    return DocumentSettings(store="kubo", kubo_api=kubo.api, kubo_token_file=token)


@pytest.fixture(scope="module")
def told(
    anvil: None, server: str | None, documents: DocumentSettings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """The story, recorded in a home of its own."""
    index = IndexSettings() if server is None else IndexSettings(url=_fresh_database(server))
    with running_house(settings_for(tmp_path_factory.mktemp("backend"), index, documents)) as house:
        results = record_examples(house.workspace, house.story, STORY)
        assert [(result.source, result.faults) for result in results if result.outcome is not Outcome.RECORDED] == []
        yield house


def _fresh_database(server: str) -> str:
    name = f"backends{time.time_ns()}"
    engine = sqlalchemy.create_engine(server.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        LOGGER.info("PostgreSQL %s", connection.execute(sqlalchemy.text("SHOW server_version")).scalar_one())
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.rsplit("/", 1)[0] + f"/{name}"


def test_every_life_is_proven(told: House) -> None:
    reader, assets = told.workspace.reader(), all_assets(told.workspace)
    statuses = []
    for asset in assets:
        verdict = told.judge(told.evidence(asset))
        assert_verified(verdict)
        assert verdict.account is not None
        assert len(verdict.account.events) == len(reader.history(asset))
        assert {event.state for event in verdict.account.events} == {EventState.OPENED}
        statuses.append(verdict.account.status or "")
    assert sorted(statuses) == ["in_use", "repurposed", "repurposed"]


def test_the_public_sees_less_and_the_proof_closes(told: House) -> None:
    for asset in all_assets(told.workspace):
        verdict = told.judge(told.evidence(asset, Tier.PUBLIC))
        assert verdict.account is not None
        assert len(verdict.account.events) == len(told.workspace.reader().history(asset))


def test_the_same_documents_again_are_recognised(told: House) -> None:
    before = {asset.subject: len(told.workspace.reader().history(asset)) for asset in all_assets(told.workspace)}
    results = record_examples(told.workspace, told.story, STORY)
    assert {result.outcome for result in results} == {Outcome.REPEATED}
    after = {asset.subject: len(told.workspace.reader().history(asset)) for asset in all_assets(told.workspace)}
    assert after == before


def test_the_audit_finds_nothing(told: House) -> None:
    """A store that other homes share has documents that this one never queued; the audit notes them, and no more."""
    shared = told.workspace.settings.documents.store == "kubo"
    found = [one for one in audit(told.workspace).differences if not (shared and one.code == "orphan")]
    assert found == []

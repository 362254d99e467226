"""A running home with two members, shared by the tests of one module; recording changes it, so use own assets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.chain.process import find_free_port
from ledger.event import AssetReference, AssetType, Document, Event, Json
from ledger.service.council import assign_namespace
from ledger.service.enrolment import enrol
from ledger.service.network import bring_down, bring_up, initialise
from ledger.service.record import Recipient, Recorder
from ledger.service.recorded import Recorded
from ledger.service.settings import load_settings
from ledger.service.workspace import Workspace

PASSPHRASE = "correct horse battery staple"
MAKER_ROLES = ["make", "measure", "trade", "member", "second_life"]
OTHER_ROLES = ["make", "service", "recycle", "regulate", "member", "measure"]
PREFIX = "9521000001"


@pytest.fixture(scope="module")
def quick() -> Iterator[pytest.MonkeyPatch]:
    """Settings that make a home quick: short blocks, cheap keystores, a free port."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VINCULUM_PASSPHRASE", PASSPHRASE)
        patch.setenv("VINCULUM_KEYS__SCRYPT_N", "1024")
        patch.setenv("VINCULUM_CHAIN__BLOCK_TIME_SECONDS", "0.2")
        patch.setenv("VINCULUM_CHAIN__PORT", str(find_free_port()))
        yield patch


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, quick: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Home with the members ``maker`` (1, holds the GS1 prefix) and ``other`` (2)."""
    settings = load_settings(tmp_path_factory.mktemp("service") / "home")
    with Workspace(settings) as opened:
        initialise(opened, "")
        bring_up(opened)
        try:
            enrol(opened, "maker", "Maker AB", MAKER_ROLES)
            enrol(opened, "other", "Other GmbH", OTHER_ROLES)
            assign_namespace(opened, 2, PREFIX, 1)
            yield opened
        finally:
            bring_down(opened)


def battery(number: int) -> AssetReference:
    """A battery of the maker's, by its number."""
    body = f"0{PREFIX}{number % 100:02d}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(body))
    return AssetReference(AssetType.BATTERY, f"https://id.gs1.org/01/{body}{-total % 10}/21/S-{number}")


def event(kind: str, asset: AssetReference, document_id: str | None = None, **fields: Json) -> Event:
    """An event of today."""
    return Event(kind, asset, datetime(2026, 6, 1, 8, tzinfo=UTC), fields, document_id=document_id)


def birth(asset: AssetReference, **fields: Json) -> Event:
    """A genesis of a battery."""
    return event("battery.commissioned", asset, identifier=asset.identifier, asset_type="battery", **fields)


def document(*events: Event, raw: bytes = b"{}") -> Document:
    """A document as intake gives it."""
    placed = tuple(replace(one, source_pointer=f"/{place}") for place, one in enumerate(events))
    return Document("event", bytes(32), placed, raw=raw)


def record(workspace: Workspace, name: str, *documents: Document, to: tuple[str, ...] = ()) -> Recorded:
    """Record documents as a member, with grants to himself and others, and wait until they are final."""
    with recording(workspace, name, to) as recorder:
        for one in documents:
            recorder.add(one)
        return recorder.finish()


class recording:  # noqa: N801 - reads as a statement
    """A recorder of a member whose outbox is locked for the length of a block."""

    def __init__(self, workspace: Workspace, name: str, to: tuple[str, ...] = ()) -> None:
        self._workspace, self._member = workspace, workspace.member(name)
        self._readers = [self._member, *(workspace.member(other) for other in to)]
        self._outbox = workspace.outbox(self._member)

    def __enter__(self) -> Recorder:
        workspace = self._workspace
        return Recorder(
            self._member,
            [Recipient(reader.organisation, reader.recipient.public) for reader in self._readers],
            contracts=workspace.contracts,
            database=workspace.database,
            documents=workspace.documents,
            outbox=self._outbox.__enter__(),
            projector=workspace.projector,
        )

    def __exit__(self, *error: object) -> None:
        self._outbox.__exit__(*error)


@pytest.fixture(scope="module")
def numbers() -> Callable[[], int]:
    """Fresh numbers for batteries, so that tests of one home stay out of each other's way."""
    counter = iter(range(1, 10_000))
    return lambda: next(counter)


@pytest.fixture
def asset(numbers: Callable[[], int]) -> AssetReference:
    """A battery that no other test of this module speaks of."""
    return battery(numbers())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path

"""What is held in memory while documents wait for the chain: names of events, not their contents, and not for ever."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger.errors import Fault
from ledger.event import AssetReference, Event
from ledger.service import outlet, record
from ledger.service.ingest import Choice, ingest
from ledger.service.knowledge import Knowledge
from ledger.service.known_types import KnownTypes
from ledger.service.outlet import Outlet
from ledger.service.plan import PlannedEvent, Planner
from ledger.service.results import Outcome, Result
from ledger.service.sources import Source
from ledger.service.taken_documents import TakenDocuments
from ledger.service.workspace import Workspace
from tests.ledger.service.conftest import birth, document, event, recording

pytestmark = pytest.mark.integration

DOCUMENTS, EACH, BATCH = 8, 30, 40


@pytest.fixture
def sources(asset: AssetReference) -> list[Source]:
    """Eight documents of thirty readings of one battery; the first begins with its birth."""
    identity = {"type": "battery", "identifier": asset.identifier}
    base = {"vinculum_event": 1, "asset": identity, "occurred_at": "2026-05-01T10:00:00Z"}
    read = {"kind": "any.observation", "fields": {"description": "seen"}}
    told = [[base | read | {"id": f"{number}-{place}"} for place in range(EACH)] for number in range(DOCUMENTS)]
    told[0][0] = base | {"kind": "battery.commissioned"}
    return [Source(f"{number}.json", None, json.dumps(events).encode()) for number, events in enumerate(told)]


def alive(kind: type) -> int:
    """How many objects of a type there are."""
    gc.collect()
    return sum(type(one) is kind for one in gc.get_objects())


def refusals(count: int, faults: int) -> Iterator[Result]:
    """Results of documents with so many faults each."""
    for number in range(count):
        listed = tuple(Fault(f"/{place}", "bad-value", "bad") for place in range(faults))
        yield Result(f"{number}.json", None, Outcome.REFUSED, faults=listed)


def test_events_that_wait_for_the_chain_are_not_held(
    workspace: Workspace, sources: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once 5,000 events with all that they say were held, and everything that they referred to."""
    monkeypatch.setattr(record, "BATCH_EVENTS", BATCH)
    before, held, told = (alive(PlannedEvent), alive(Event)), list[tuple[int, int]](), list[Result]()
    ingest(
        workspace,
        workspace.member("maker"),
        sources,
        Choice(),
        on_result=told.append,
        watch=lambda what, *_: held.append((alive(PlannedEvent), alive(Event))) if what == "documents" else None,
    )
    assert [(result.events, len(result.credentials)) for result in told] == [(EACH, EACH)] * DOCUMENTS
    assert len(held) == DOCUMENTS
    for number in (0, 1):
        assert max(one[number] for one in held) - before[number] <= BATCH + EACH < DOCUMENTS * EACH


def test_repeated_events_are_counted_not_held(workspace: Workspace, sources: list[Source]) -> None:
    maker = workspace.member("maker")
    ingest(workspace, maker, sources, Choice())
    again = [Source(one.name, None, (one.data or b"") + b"\n") for one in sources]
    before, held = alive(Event), list[int]()
    tally = ingest(workspace, maker, again, Choice(), watch=lambda *_: held.append(alive(Event)))
    assert (tally.events, tally.repeated) == (0, DOCUMENTS * EACH)
    assert max(held) - before <= EACH


def test_a_long_list_of_faults_is_let_out_early(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "SETTLE_EVENTS", 100)
    told: list[Result] = []
    with recording(workspace, "maker") as recorder:
        held = Outlet(workspace.database, recorder, told.append, lambda *_: None)
        for number, result in enumerate(refusals(10, faults=30), start=1):
            held.add(result)
            assert (len(told), held.is_empty) == (number // 4 * 4, number % 4 == 0)


def test_without_a_recorder_nothing_waits(workspace: Workspace) -> None:
    told: list[Result] = []
    held = Outlet(workspace.database, None, told.append, lambda *_: None)
    for number, result in enumerate(refusals(3, faults=0), start=1):
        held.add(result)
        assert (len(told), held.is_empty) == (number, True)


def test_what_is_in_the_index_is_remembered_there_alone(
    workspace: Workspace, sources: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let out after each document: a later one still finds the asset, and the same bytes are known again."""
    monkeypatch.setattr(outlet, "SETTLE_EVENTS", 1)
    told: list[Result] = []
    chosen = [*sources[:2], Source("again", None, sources[0].data)]
    ingest(workspace, workspace.member("maker"), chosen, Choice(), on_result=told.append)
    assert [result.outcome for result in told] == [Outcome.RECORDED, Outcome.RECORDED, Outcome.REPEATED]
    assert told[2].repeated == EACH


def test_assets_that_were_not_recorded_are_forgotten(workspace: Workspace, asset: AssetReference) -> None:
    known = KnownTypes(workspace.database)
    known.add(Planner(1, Knowledge(workspace.database)).plan(document(birth(asset), event("any.observation", asset))))
    assert known[asset.identifier] == asset.asset_type
    known.forget_recorded()
    assert asset.identifier not in known


def test_documents_that_were_not_recorded_are_forgotten(workspace: Workspace, folder: Path) -> None:
    documents, source, digest = TakenDocuments(workspace.database), Source("a", folder / "a.json"), bytes(31) + b"\1"
    repetition: Callable[[], Result | None] = lambda: documents.repetition(source, digest)  # noqa: E731
    assert repetition() is None
    documents.add(source, digest)
    found = repetition()
    assert found is not None
    assert found.outcome is Outcome.REPEATED
    documents.forget_recorded()
    assert repetition() is None

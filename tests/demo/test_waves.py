"""Recording waits for as few blocks as the histories allow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from sqlmodel import select

from ledger.event import AssetType
from ledger.store.chain_index import Attestation
from tests.demo.staged import Recorded, recorded_story

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("demo")]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    with recorded_story(tmp_path_factory.mktemp("waves") / "home") as story:
        yield story


def blocks(recorded: Recorded, asset_type: AssetType) -> Counter[int]:
    log = recorded.workspace.contracts.log(asset_type)
    with recorded.workspace.database.read() as session:
        return Counter(session.exec(select(Attestation.block_number).where(Attestation.log == log)).all())


def test_parts_of_a_car_are_born_and_installed_together(recorded: Recorded) -> None:
    """47 births, then 45 status events that each name the head before them, then what follows: not a block for each."""
    found = blocks(recorded, AssetType.PART)
    assert sum(found.values()) > 100
    assert len(found) <= 6, found


def test_every_event_of_the_story_is_recorded_once(recorded: Recorded) -> None:
    told = sum(one.result.events for one in recorded.taken)
    with recorded.workspace.database.read() as session:
        digests = session.exec(select(Attestation.digest)).all()
    assert len(digests) == len(set(digests)) == told


def test_histories_tell_what_happened_in_its_order(recorded: Recorded) -> None:
    reader = recorded.workspace.reader()
    battery = reader.asset("https://id.gs1.org/01/09521000001206/21/LC-EV-000417")
    kinds = [entry.kind.name for entry in reader.history(battery)]
    assert kinds[0] == "battery.commissioned"
    assert kinds[-1] == "battery.repurposed"
    assert kinds.index("any.received") < kinds.index("battery.installed") < kinds.index("battery.removed")

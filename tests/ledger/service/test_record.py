"""Recording: what goes into a capsule, and for whom it opens."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ledger.service.workspace import Workspace
from tests.ledger.service.conftest import battery, birth, document, event, record

pytestmark = pytest.mark.integration


def raw_files(workspace: Workspace, identifier: str) -> list[bytes]:
    reader = workspace.reader()
    found = []
    for entry in reader.history(reader.asset(identifier)):
        found += [b"".join(pieces) for _, pieces in reader.capsule(entry.digest).files]
    return found


def test_document_about_one_asset_goes_into_its_first_capsule(workspace: Workspace, numbers: Callable[[], int]) -> None:
    asset = battery(numbers())
    health = event("battery.state_of_health", asset, "h")
    record(workspace, "maker", document(birth(asset), health, raw=b'{"whole": 1}'))
    assert raw_files(workspace, asset.identifier) == [b'{"whole": 1}']


def test_document_about_several_assets_tells_nobody_of_another(
    workspace: Workspace, numbers: Callable[[], int]
) -> None:
    first, second = battery(numbers()), battery(numbers())
    both = f'["{first.identifier}", "{second.identifier}"]'.encode()
    record(workspace, "maker", document(birth(first), birth(second), raw=both))
    assert raw_files(workspace, first.identifier) == []
    assert raw_files(workspace, second.identifier) == []


def test_what_is_recorded_opens_for_the_recorder_and_whom_he_grants_it(
    workspace: Workspace, numbers: Callable[[], int]
) -> None:
    asset = battery(numbers())
    recorded = record(workspace, "maker", document(birth(asset)), to=("other",))
    row = workspace.reader().batch_of(recorded.events[0][1])
    assert row is not None
    assert row.capsule_cid is not None
    assert len(workspace.reader().capsule_key(row.capsule_cid)) == 32

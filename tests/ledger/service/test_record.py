"""Recording: what goes into a capsule, and for whom it opens."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.credential.capsule_format import describe_file
from ledger.errors import DocumentError
from ledger.event import AssetReference, Attachment
from ledger.service import issue
from ledger.service.record import BATCH_EVENTS
from ledger.service.workspace import Workspace
from tests.ledger.service.conftest import battery, birth, document, event, record, recording

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


def test_file_that_changes_late_says_how_much_of_its_document_stays(
    workspace: Workspace, asset: AssetReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"as it was described")
    seen = [
        event("any.observation", asset, f"seen-{number}", description=str(number)) for number in range(BATCH_EVENTS + 1)
    ]
    seen[-1] = replace(seen[-1], attachments=(Attachment("photo.jpg", "image/jpeg", str(path)),))

    def describe_and_change(*arguments: object) -> object:
        described = describe_file(*arguments)  # type: ignore[arg-type]
        path.write_bytes(os.urandom(16))  # before it is sealed
        return described

    monkeypatch.setattr(issue, "describe_file", describe_and_change)
    with recording(workspace, "maker", ()) as recorder:
        recorder.add(document(birth(asset)))
        with pytest.raises(DocumentError) as refused:
            recorder.add(document(*seen))
        recorded = recorder.finish()
    (fault,) = refused.value.faults
    assert f"{BATCH_EVENTS} of its events stay recorded" in fault.message
    assert len(recorded.events) == 1 + BATCH_EVENTS

"""Threats: a compromised index, and a compromised document store."""

from __future__ import annotations

import base64
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from ipfs.cid import Cid, cid_from_digest, parse_cid
from ipfs.local import LocalStore
from ipfs.store import DocumentStore
from ledger.errors import ConsistencyError, ContentMismatchError, MissingError
from ledger.event import AssetReference, AssetType
from ledger.service.read import Reader, reference_of
from ledger.service.settings import IndexSettings
from ledger.service.workspace import DOCUMENTS, Workspace
from light_node.verdict import Outcome, Step
from tests.system.house import (
    House,
    Life,
    assert_refused,
    assert_verified,
)

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("house")]
NOTE = "any.observation"
REFUTED, UNDETERMINED = Outcome.REFUTED, Outcome.UNDETERMINED


INDEX_CHANGES = {
    "a changed kind": ["UPDATE attestation SET kind = 2568 WHERE subject = ? AND position = 2"],
    "a changed organisation": ["UPDATE attestation SET organisation = 2 WHERE subject = ? AND position = 2"],
    "a changed time": ["UPDATE attestation SET attested_at = attested_at - 1 WHERE subject = ? AND position = 2"],
    "a changed status": ["UPDATE attestation SET status = 2 WHERE subject = ? AND position = 3"],
    "another event's digest": [
        "UPDATE attestation SET digest = (SELECT digest FROM attestation a WHERE a.subject = attestation.subject "
        "AND a.position = 1) WHERE subject = ? AND position = 2"
    ],
    "an event left out": ["DELETE FROM attestation WHERE subject = ? AND position = 2"],
    "the last event left out": ["DELETE FROM attestation WHERE subject = ? AND position = 3"],
    "two events in another order": [
        "UPDATE attestation SET sequence = -sequence WHERE subject = ? AND position IN (1, 2)",
        "UPDATE attestation SET sequence = sequence + 1000000 WHERE subject = ? AND position = 3",
    ],
    "a life called empty": ["DELETE FROM attestation WHERE subject = ?"],
}


def _with_index(house: House, folder: Path, statements: list[str], own: bytes) -> Workspace:
    """The home with a copy of its index in which somebody wrote."""
    source, copy = sqlite3.connect(house.workspace.home / "index.db"), sqlite3.connect(folder / "copy.db")
    with copy:
        source.backup(copy)
        for statement in statements:
            assert copy.execute(statement, (own,)).rowcount > 0
    source.close()
    copy.close()
    settings = house.workspace.settings
    return Workspace(settings.model_copy(update={"index": IndexSettings(url=f"sqlite:///{folder / 'copy.db'}")}))


@pytest.mark.parametrize("change", INDEX_CHANGES)
def test_a_reader_detects_what_was_changed_in_the_index(change: str, house: House, story: Life, tmp_path: Path) -> None:
    assert_verified(house.judge(house.evidence(story.asset)))
    with _with_index(house, tmp_path, INDEX_CHANGES[change], story.asset.subject) as workspace:
        verdict = house.judge(replace(house, workspace=workspace).evidence(story.asset))
    assert_refused(verdict, REFUTED, Step.FOLD, "HistoryError")
    assert verdict.account is None


def test_an_index_that_shows_another_asset_is_not_believed(house: House, story: Life, tmp_path: Path) -> None:
    other = house.register(house.party("car-maker"))
    asked = AssetReference(AssetType.VEHICLE, story.asset.identifier)
    assert_verified(house.judge(house.evidence(story.asset), asset=asked))
    assert_refused(house.judge(house.evidence(other.asset), asset=asked), UNDETERMINED, Step.IDENTITY, "IdentityError")


def test_an_index_of_other_blocks_is_signed_by_no_witness(house: House, story: Life, tmp_path: Path) -> None:
    house.evidence(story.asset)  # signs the blocks as they are
    change = ["UPDATE merkle_node SET hash = randomblob(32) WHERE ? IS NOT NULL"]
    with (
        _with_index(house, tmp_path, change, story.asset.subject) as workspace,
        pytest.raises(ConsistencyError),
    ):
        replace(house, workspace=workspace).evidence(story.asset)


def _reader(house: House, store: LocalStore) -> Reader:
    keys = [house.party(one.name).member.recipient for one in house.story.organisations]
    return Reader(house.workspace.database, store, house.workspace.contracts, keys)


def _copy(house: House, folder: Path) -> Path:
    return shutil.copytree(house.workspace.home / DOCUMENTS, folder / DOCUMENTS)


def _capsule_blocks(house: House, digest: bytes) -> list[bytes]:
    """Every block by which the capsule of a credential is kept, as it is on disk."""
    reference = reference_of(house.workspace.reader().read(digest).jws)
    return [house.workspace.documents.get(parse_cid(reference.cid))]


def test_wrong_bytes_from_the_document_store_are_refused(house: House, story: Life, tmp_path: Path) -> None:
    folder, event = _copy(house, tmp_path), story.events[1]
    wanted = house.workspace.documents.get(cid_from_digest(event.digest))
    for path in folder.rglob("*.car"):
        path.write_bytes(path.read_bytes().replace(wanted, wanted[:-1] + b"_"))
    with LocalStore(folder) as store, pytest.raises((ContentMismatchError, MissingError)):
        _reader(house, store).read(event.digest)


def test_a_capsule_with_wrong_bytes_is_refused(house: House, story: Life, tmp_path: Path) -> None:
    folder, event = _copy(house, tmp_path), story.events[1]
    (block,) = _capsule_blocks(house, event.digest)
    for path in folder.rglob("*.car"):
        path.write_bytes(path.read_bytes().replace(block, block[:-1] + bytes([block[-1] ^ 1])))
    with LocalStore(folder) as store, pytest.raises((ContentMismatchError, MissingError)):
        _reader(house, store).capsule(event.digest)


def test_missing_documents_are_called_missing(house: House, story: Life, tmp_path: Path) -> None:
    with LocalStore(tmp_path / "empty") as store, pytest.raises(MissingError):
        _reader(house, store).read(story.events[1].digest)


def test_a_store_that_gives_another_document_convinces_nobody(house: House, story: Life) -> None:
    """Even if the store's own check of every hash were gone, the light node's is not."""
    first, second = (cid_from_digest(story.events[number].digest) for number in (1, 3))
    store, workspace = _Swapping(house.workspace.documents, first, second), Workspace(house.workspace.settings)
    workspace.__dict__["documents"] = store
    with workspace:
        verdict = house.judge(replace(house, workspace=workspace).evidence(story.asset))
    assert_refused(verdict, REFUTED, Step.BINDING, "ContentMismatchError")


class _Swapping:
    def __init__(self, store: DocumentStore, first: Cid, second: Cid) -> None:
        self._store, self._other = store, {first: second, second: first}

    def get(self, cid: Cid) -> bytes:
        return self._store.get(self._other.get(cid, cid))


def test_nothing_is_readable_in_the_store_without_a_key(house: House) -> None:
    cars, shop = house.party("car-maker"), house.party("workshop")
    life, planted = house.register(cars), f"planted {os.urandom(8).hex()}"
    event = house.tell(life, shop, NOTE, {"description": planted})
    credential = house.workspace.reader().read(event.digest)
    assert credential.claims["description"].value == planted
    stored = b"".join(path.read_bytes() for path in (house.workspace.home / DOCUMENTS).rglob("*") if path.is_file())
    assert credential.jws.text.encode() in stored  # the search finds what is there
    open_texts = stored + b"".join(map(_decoded, credential.jws.text.split(".")[:2]))
    for secret in (planted, life.asset.identifier, credential.claims["description"].text):
        assert secret.encode() not in open_texts
    nobody = Reader(house.workspace.database, house.workspace.documents, house.workspace.contracts, [])
    with pytest.raises(MissingError):
        nobody.capsule(event.digest)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))

"""Positive controls: what is planted in public is found, wherever it stands."""

from __future__ import annotations

import json
from hashlib import sha256

import pytest

from ipfs.batch import Batch
from ledger.chain import contracts as calls
from ledger.credential.base64url import encode_base64url
from ledger.demo.insider import Attested, Insider
from ledger.kinds import kind_by_name
from ledger.proof.keccak import keccak256
from ledger.service.council import decide
from tests.demo.staged import Recorded
from tests.privacy.corpus import Item, everything_public, layers
from tests.privacy.needles import Windows, hashes, preimages

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("privacy")]

VIN = "VCU4EZ7R5P1000333"


def windows_of(items: list[Item]) -> Windows:
    return Windows({item.data for item in items})


def test_nothing_is_found_before(windows: Windows) -> None:
    assert not windows.holds(VIN.encode())
    assert not any(windows.holds(one) for preimage in preimages(VIN) for one in hashes(preimage))


def test_planted_vin_in_a_block_is_found(recorded: Recorded) -> None:
    with Batch() as batch:
        batch.add(b'{"note":"seen at the gate: VCU4EZ7R5P1000333"}')
        batch.put(recorded.workspace.documents)
    items = everything_public(recorded.workspace)
    assert any(VIN.encode() in item.data and item.name.startswith("block ") for item in items)


@pytest.mark.parametrize("algorithm", [sha256, keccak256], ids=["sha256", "keccak256"])
def test_planted_hash_attested_as_a_digest_is_found_in_calldata_and_log(recorded: Recorded, algorithm: object) -> None:
    digest = sha256(VIN.encode()).digest() if algorithm is sha256 else keccak256(VIN.encode())
    asset = next(one for one in recorded.show.assets() if one.asset_type.value == "vehicle")
    insider = Insider(recorded.workspace, recorded.members["workshop"])
    insider.attest([Attested(asset.asset_type, asset.subject, kind_by_name("any.observation"), digest)])
    items = everything_public(recorded.workspace)
    assert windows_of(items).holds(digest)
    for place in ("calldata", "log"):
        assert any(digest in item.data for item in items if item.name.startswith(place)), place


def test_planted_hash_in_a_slot_is_found_in_storage(recorded: Recorded) -> None:
    """A profile's digest stands in storage as it is: so would a hash of something else."""
    digest = sha256(b"vehicle:" + VIN.encode()).digest()
    member, workspace = recorded.members["workshop"], recorded.workspace
    mask = 0b11111111
    decide(workspace, calls.SET_ORGANISATION.encode(member.organisation, mask, digest))
    items = [item for item in everything_public(workspace) if item.name.startswith("storage")]
    assert any(digest in item.data for item in items)


@pytest.mark.parametrize("depth", [1, 2])
def test_planted_hash_inside_a_token_is_found(depth: int) -> None:
    digest = keccak256(VIN.encode())
    text = json.dumps({"hint": encode_base64url(digest)}).encode()
    for _ in range(depth):
        text = b"eyJhbGciOiJFUzI1NiJ9." + encode_base64url(text).encode() + b".c2ln"
    assert windows_of(list(layers(Item("token", text)))).holds(digest)


def test_planted_hash_as_hex_is_found() -> None:
    digest = sha256(VIN.lower().encode()).digest()
    for text in (digest.hex(), f"0x{digest.hex()}", digest.hex().upper()):
        assert windows_of(list(layers(Item("text", f'{{"x":"{text}"}}'.encode())))).holds(digest)

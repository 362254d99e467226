"""Evidence from a running home: verified alone, field by field, and by witnesses that do not go back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.access import Tier
from ledger.credential.sd_jwt import parse_sd_jwt
from ledger.errors import ConsistencyError, UnknownAssetError
from ledger.event import AssetReference
from ledger.proof.checkpoint import Checkpoint
from ledger.proof.cosignature import witness_key_from_seed
from ledger.proof.evidence import HiddenEntry, OpenEntry, parse_evidence
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, root_of
from ledger.service.evidence import build_evidence
from ledger.service.read import AssetRecord
from ledger.service.trust import make_trust
from ledger.service.witness import Witness
from ledger.service.workspace import Workspace
from light_node.judgement import judge
from light_node.trust import Trust
from light_node.verdict import Outcome
from tests.ledger.service.conftest import battery, birth, document, event, record

pytestmark = pytest.mark.integration

SECRET = "bought-from-a-friend"


@pytest.fixture(scope="module")
def known(workspace: Workspace, numbers: Callable[[], int]) -> AssetRecord:
    asset = battery(numbers())
    health = event("battery.state_of_health", asset, measured_at="2026-06-01T08:00:00Z", state_of_health_percent=99.5)
    odd = event("battery.negative_event", asset, event_type="deep discharge", rumour=SECRET)
    record(workspace, "maker", document(birth(asset)), document(health), document(odd))
    return workspace.reader().asset(asset.identifier)


@pytest.fixture(scope="module")
def trust(workspace: Workspace, known: AssetRecord) -> Trust:
    return make_trust(workspace)


@pytest.mark.parametrize("tier", [Tier.AUTHORITIES, Tier.LEGITIMATE_INTEREST, Tier.MEMBERS])
def test_evidence_is_verified_by_the_readers_own_code(
    workspace: Workspace, known: AssetRecord, trust: Trust, tier: Tier
) -> None:
    verdict = judge(build_evidence(workspace, known, tier), trust, now=int(time.time()))
    assert verdict.outcome is Outcome.VERIFIED, verdict


def test_history_is_complete_and_ordered(workspace: Workspace, known: AssetRecord) -> None:
    evidence = parse_evidence(build_evidence(workspace, known, Tier.AUTHORITIES))
    entries = workspace.reader().history(known)
    assert [entry.digest for entry in evidence.history if isinstance(entry, OpenEntry)] == [e.digest for e in entries]
    assert [entry.kind.name for entry in entries] == [
        "battery.commissioned",
        "battery.state_of_health",
        "battery.negative_event",
    ]


def test_unknown_fields_are_shown_to_nobody(workspace: Workspace, known: AssetRecord) -> None:
    for tier in Tier:
        if tier is not Tier.PRIVATE:
            shown = build_evidence(workspace, known, tier)
            texts = [entry.credential for entry in parse_evidence(shown).history if isinstance(entry, OpenEntry)]
            values = [claim.value for text in texts if text for claim in parse_sd_jwt(text).disclosures]
            assert SECRET not in values
            assert SECRET.encode() not in shown


def test_bare_leaves_hide_kind_organisation_and_time(workspace: Workspace, known: AssetRecord, trust: Trust) -> None:
    data = build_evidence(workspace, known, Tier.PUBLIC, bare_leaves=True)
    history = parse_evidence(data).history
    hidden = [entry for entry in history if isinstance(entry, HiddenEntry)]
    assert hidden
    assert all(entry.digest.hex().encode() not in data for entry in workspace.reader().history(known)[1:2])
    assert judge(data, trust, now=int(time.time())).outcome is Outcome.VERIFIED


def test_asset_without_any_event_is_proven_absent(workspace: Workspace, known: AssetRecord, trust: Trust) -> None:
    nobody = AssetRecord(known.asset_type, b"\x00\x00\x00\x01" + bytes(28), "")
    data = build_evidence(workspace, nobody, Tier.PUBLIC)
    assert parse_evidence(data).history == ()
    assert judge(data, trust, now=int(time.time()), identity_required=False).outcome is Outcome.VERIFIED


def test_unknown_asset_is_said_to_be_unknown(workspace: Workspace) -> None:
    for name in ("VCU4EZ7R9K1004176", "0" * 64, "f" * 63, ""):
        with pytest.raises(UnknownAssetError):
            workspace.reader().asset(name)


def test_later_event_needs_newer_evidence(workspace: Workspace, numbers: Callable[[], int]) -> None:
    asset = battery(numbers())
    record(workspace, "maker", document(birth(asset)))
    found = workspace.reader().asset(asset.identifier)
    before = parse_evidence(build_evidence(workspace, found, Tier.AUTHORITIES))
    record(workspace, "maker", document(event("battery.state_of_health", asset, "again")))
    after = parse_evidence(build_evidence(workspace, found, Tier.AUTHORITIES))
    assert (len(before.history), len(after.history)) == (1, 2)


def test_evidence_is_the_same_for_the_same_block(workspace: Workspace, known: AssetRecord) -> None:
    first = json.loads(build_evidence(workspace, known, Tier.AUTHORITIES))
    second = json.loads(build_evidence(workspace, known, Tier.AUTHORITIES))
    assert first["subject"] == second["subject"]
    assert first["history"] == second["history"]


def tree_of(*blocks: bytes) -> MemoryTree:
    tree = MemoryTree()
    for block in blocks:
        tree.append(leaf_hash(block))
    return tree


class TestWitness:
    """A witness signs what extends its last signature, and nothing else."""

    blocks = tuple(bytes([number]) * 32 for number in range(9))

    def checkpoint(self, size: int, blocks: tuple[bytes, ...] | None = None, origin: str = "log") -> Checkpoint:
        return Checkpoint(origin, size, root_of(tree_of(*(blocks or self.blocks)), size))

    def witness(self, folder: Path) -> Witness:
        return Witness(witness_key_from_seed("w.example", bytes(32)), folder / "w.note")

    def test_extension_is_signed_and_remembered(self, folder: Path) -> None:
        for size in (3, 3, 8):
            self.witness(folder).cosign(self.checkpoint(size), tree_of(*self.blocks), 1)
        last = self.witness(folder).last()
        assert last is not None
        assert last.size == 8

    def test_smaller_tree_is_refused(self, folder: Path) -> None:
        self.witness(folder).cosign(self.checkpoint(5), tree_of(*self.blocks), 1)
        with pytest.raises(ConsistencyError):
            self.witness(folder).cosign(self.checkpoint(4), tree_of(*self.blocks), 2)

    def test_other_history_is_refused(self, folder: Path) -> None:
        self.witness(folder).cosign(self.checkpoint(5), tree_of(*self.blocks), 1)
        forked = (*self.blocks[:4], b"\xff" * 32, *self.blocks[5:])
        for size in (5, 8):
            with pytest.raises(ConsistencyError):
                self.witness(folder).cosign(self.checkpoint(size, forked), tree_of(*forked), 2)

    def test_other_log_is_refused(self, folder: Path) -> None:
        self.witness(folder).cosign(self.checkpoint(5), tree_of(*self.blocks), 1)
        with pytest.raises(ConsistencyError):
            self.witness(folder).cosign(self.checkpoint(8, origin="other"), tree_of(*self.blocks), 2)

    def test_root_that_is_not_the_trees_is_refused(self, folder: Path) -> None:
        self.witness(folder).cosign(self.checkpoint(5), tree_of(*self.blocks), 1)
        with pytest.raises(ConsistencyError):
            self.witness(folder).cosign(Checkpoint("log", 8, bytes(32)), tree_of(*self.blocks), 2)

    def test_what_was_refused_leaves_the_memory_as_it_was(self, folder: Path) -> None:
        self.witness(folder).cosign(self.checkpoint(5), tree_of(*self.blocks), 1)
        before = (folder / "w.note").read_bytes()
        with pytest.raises(ConsistencyError):
            self.witness(folder).cosign(self.checkpoint(4), tree_of(*self.blocks), 2)
        assert (folder / "w.note").read_bytes() == before


def test_asset_reference_is_not_on_the_chain(workspace: Workspace, known: AssetRecord) -> None:
    logs = list(workspace.client.logs(workspace.contracts.deployment.addresses, 0, workspace.client.block_number()))
    public = b"".join(log.data + b"".join(log.topics) for log in logs)
    assert known.identifier.encode() not in public
    assert AssetReference(known.asset_type, known.identifier).identifier.encode().hex() not in public.hex()

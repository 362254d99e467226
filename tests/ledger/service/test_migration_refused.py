"""What a migration must not let through: work for a closed log, half a life, and a successor that lies."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import col, select

from contracts import LOGS, artefact
from ledger.chain.contracts import NO_ADDRESS, RETIRE_LOG, deploy
from ledger.chain.deploying import deploy_contract
from ledger.errors import ConfigurationError, ConflictError, UntrustedError
from ledger.event import AssetType
from ledger.proof.evidence import Evidence, Segment, encode_evidence, parse_evidence
from ledger.service.contracts import extend_contracts, load_contracts, with_successor
from ledger.service.council import decide, signer_of
from ledger.service.migration import follow, logs, succeed, successor_of, verify_successor
from ledger.service.recorders import open_recorder
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from ledger.store.work import ItemState, OutboxItem
from light_node.verdict import Outcome, Step
from tests.ledger.service.conftest import record
from tests.ledger.service.moved import WRITTEN, Moved, measured, move, old_recorder, second_home, source

pytestmark = pytest.mark.integration
BATTERY, VEHICLE, PART = AssetType.BATTERY, AssetType.VEHICLE, AssetType.PART


@pytest.fixture(scope="module")
def kept(workspace: Workspace) -> bytes:
    """``contracts.json`` as it was before the switch."""
    return (workspace.home / "contracts.json").read_bytes()


@pytest.fixture(scope="module")
def moved(workspace: Workspace, kept: bytes) -> Moved:
    moved = move(workspace)
    record(workspace, "other", measured(WRITTEN, "after"), to=("maker",))
    return moved


@pytest.fixture
def behind(moved: Moved, kept: bytes, tmp_path: Path) -> Workspace:
    """A home that has not heard of the switch."""
    home = second_home(moved.workspace, tmp_path / "behind")
    (home.home / "contracts.json").write_bytes(kept)
    return home


# ---- homes and writers that were not told ---------------------------------------------------------------------------


def test_an_index_stops_before_the_switch_until_the_home_follows(moved: Moved, behind: Workspace) -> None:
    with behind:
        for told in ("vinculum log follow", moved.succession.successor.hex()):
            with pytest.raises(ConfigurationError, match=told):
                behind.projector.sync()
        assert [one.address for one in follow(behind)] == [moved.succession.successor]
        assert load_contracts(behind.home) == moved.workspace.contracts
        entries = behind.reader().history(moved.asset(WRITTEN))
        assert len(entries) == len(moved.workspace.reader().history(moved.asset(WRITTEN))) == 3
        assert follow(behind) == []


def test_a_recorder_that_was_open_at_the_switch_is_refused_and_told(moved: Moved, behind: Workspace) -> None:
    """Its credential names the closed log; the same document is signed anew by the next recorder, and counts once."""
    workspace, late = moved.workspace, measured(WRITTEN, "late")
    with behind, old_recorder(workspace, behind.contracts) as recorder:
        recorder.add(late, source(late))
        with suppress(ConfigurationError):  # by the index, where a block came meanwhile
            recorder.finish()
    with workspace.database.read() as session:
        row = session.exec(select(OutboxItem).order_by(col(OutboxItem.id).desc()).limit(1)).one()
    assert (row.log, row.state) == (moved.succession.log, ItemState.REFUSED)
    assert "this log is closed" in (row.reason or "")
    with open_recorder(workspace, workspace.member("other"), []) as recorder:
        assert len(recorder.add(late, source(late)).planned) == 1
        assert recorder.finish().refused == []
    digests = [entry.digest for entry in workspace.reader().history(moved.asset(WRITTEN))]
    assert len(digests) == len(set(digests)) == 4


def test_a_closed_log_is_not_closed_again(moved: Moved, behind: Workspace) -> None:
    with behind, pytest.raises(ConflictError, match="closed already"):
        succeed(behind, BATTERY)


def test_nobody_without_a_key_of_the_council_replaces_a_log(moved: Moved, tmp_path: Path) -> None:
    home = second_home(moved.workspace, tmp_path / "reader")
    with home, pytest.raises(ConfigurationError, match="administrator"):
        succeed(home, PART)


# ---- half a life ----------------------------------------------------------------------------------------------------


def without_second_log(evidence: Evidence) -> Evidence:
    first, second = evidence.segments
    accounts = tuple(account for account in evidence.accounts if account.address != second.log)
    return replace(evidence, history=evidence.history[: first.entries], segments=(first,), accounts=accounts)


def without_later_entries(evidence: Evidence) -> Evidence:
    first, second = evidence.segments
    return replace(evidence, history=evidence.history[: first.entries], segments=(first, Segment(second.log, 0)))


def without_last_entry(evidence: Evidence) -> Evidence:
    first, second = evidence.segments
    return replace(evidence, history=evidence.history[:-1], segments=(first, Segment(second.log, second.entries - 1)))


def all_in_the_old_log(evidence: Evidence) -> Evidence:
    first, second = evidence.segments
    return replace(evidence, segments=(Segment(first.log, len(evidence.history)), Segment(second.log, 0)))


def turned(evidence: Evidence) -> Evidence:
    return replace(evidence, segments=tuple(reversed(evidence.segments)))


@pytest.mark.parametrize(
    ("change", "outcome", "step", "error"),
    [
        (without_second_log, Outcome.UNDETERMINED, Step.IDENTITY, "UntrustedError"),
        (turned, Outcome.UNDETERMINED, Step.IDENTITY, "UntrustedError"),
        (without_later_entries, Outcome.REFUTED, Step.FOLD, "HistoryError"),
        (without_last_entry, Outcome.REFUTED, Step.FOLD, "HistoryError"),
        (all_in_the_old_log, Outcome.REFUTED, Step.FOLD, "HistoryError"),
    ],
)
def test_half_a_life_is_refused(
    moved: Moved, change: Callable[[Evidence], Evidence], outcome: Outcome, step: Step, error: str
) -> None:
    verdict = moved.judge(encode_evidence(change(parse_evidence(moved.evidence(WRITTEN)))))
    assert (verdict.outcome, verdict.step, verdict.error) == (outcome, step, error), verdict.reason


def test_the_old_trust_file_does_not_take_the_old_half_for_the_whole(moved: Moved) -> None:
    half = without_second_log(parse_evidence(moved.evidence(WRITTEN)))
    verdict = moved.judge(encode_evidence(half), moved.old_trust)
    assert (verdict.outcome, verdict.step, verdict.error) == (Outcome.UNDETERMINED, Step.STORAGE, "UntrustedError")
    assert f"was closed for 0x{moved.succession.successor.hex()}" in verdict.reason


@pytest.mark.parametrize(
    ("changed", "step"), [({"address": b"\x77" * 20}, Step.IDENTITY), ({"code_hash": b"\x77" * 32}, Step.CONTRACTS)]
)
def test_a_trust_file_that_names_another_successor_takes_no_evidence(
    moved: Moved, changed: dict[str, bytes], step: Step
) -> None:
    trust = make_trust(moved.workspace)
    first, second = trust.logs[BATTERY]
    other = replace(trust, logs={**trust.logs, BATTERY: (first, replace(second, **changed))})
    verdict = moved.judge(moved.evidence(WRITTEN), other)
    assert (verdict.outcome, verdict.step, verdict.error) == (Outcome.UNDETERMINED, step, "UntrustedError")


# ---- successors and homes that lie ----------------------------------------------------------------------------------


def echo(address: bytes) -> bytes:
    """A contract that answers every question with one address: enough for the old log to be closed for it."""
    runtime = b"\x73" + address + bytes.fromhex("60005260206000f3")
    return bytes.fromhex("60") + bytes((len(runtime),)) + bytes.fromhex("80600b6000396000f3") + runtime


def deployed(workspace: Workspace, code: bytes) -> bytes:
    receipt = workspace.client.transact(signer_of(workspace, "council-1"), None, code)
    assert receipt.contract_address is not None
    return receipt.contract_address


def test_only_the_log_of_this_version_is_a_successor(moved: Moved) -> None:
    workspace = moved.workspace
    client, signer, log = workspace.client, signer_of(workspace, "council-1"), workspace.contracts.log(PART)
    parts, batteries = (artefact(LOGS[kind]) for kind in (PART, BATTERY))
    consortium, address = workspace.contracts.consortium, signer.address
    foreign = deploy(client, signer, administrators=[address], threshold=1, delay_s=0, validators=[address])
    for successor, reason in (
        (b"\x99" * 20, "is not the PartsProvenance of this version"),
        (deployed(workspace, echo(log)), "is not the PartsProvenance of this version"),
        (
            deploy_contract(client, batteries, signer, consortium, NO_ADDRESS),
            "is not the PartsProvenance of this version",
        ),
        (foreign.log_of(PART), "is of another consortium"),
        (deploy_contract(client, parts, signer, consortium, NO_ADDRESS), "continues another log"),
    ):
        with pytest.raises(UntrustedError, match=reason):
            verify_successor(workspace, PART, log, successor)
    verify_successor(workspace, PART, log, deploy_contract(client, parts, signer, consortium, log))


def test_contracts_that_are_named_are_never_dropped(moved: Moved, behind: Workspace, tmp_path: Path) -> None:
    with second_home(moved.workspace, tmp_path / "home") as home:
        after, stored = home.contracts, (home.home / "contracts.json").read_bytes()
        turned = {**after.deployment.logs, BATTERY: tuple(reversed(after.deployment.logs[BATTERY]))}
        for other in (
            load_contracts(behind.home),
            replace(after, origin="another"),
            replace(after, deployment=replace(after.deployment, consortium=b"\x01" * 20)),
            replace(after, deployment=replace(after.deployment, logs=turned)),
        ):
            with pytest.raises(ConfigurationError):
                extend_contracts(home.home, other)
        assert (home.home / "contracts.json").read_bytes() == stored
        extend_contracts(home.home, with_successor(after, PART, b"\x05" * 20))
        assert load_contracts(home.home).log(PART) == b"\x05" * 20


def test_administrators_in_homes_of_their_own_replace_a_log_together(moved: Moved, tmp_path: Path) -> None:
    homes = []
    for name in ("council-1", "council-2"):
        home = second_home(moved.workspace, tmp_path / name)
        shutil.copytree(moved.workspace.home / "keys" / name, home.home / "keys" / name)
        homes.append(home)
    first, second = homes
    with first, second:
        proposed = succeed(first, PART)
        assert (proposed.decision.executed, load_contracts(first.home)) == (False, moved.workspace.contracts)
        done = succeed(second, PART)
        assert (done.decision.executed, done.successor) == (True, proposed.successor)
        assert [one.successor for one in logs(second) if one.asset_type is PART] == [done.successor, None]
        assert [one.address for one in follow(first)] == [done.successor]
    with pytest.raises(ConfigurationError, match="vinculum log follow"):
        moved.workspace.projector.sync()
    assert [one.generation for one in follow(moved.workspace)] == [1]
    record(moved.workspace, "other", measured(WRITTEN, "after parts"), to=("maker",))


def test_a_lying_successor_of_the_councils_is_not_followed(moved: Moved) -> None:
    """The contract asks a successor only which log it continues; a home asks for its code, and stands still. Last."""
    workspace = moved.workspace
    log, stored = workspace.contracts.log(VEHICLE), (workspace.home / "contracts.json").read_bytes()
    liar = deployed(workspace, echo(log))
    with pytest.raises(ConfigurationError, match=liar.hex()):
        decide(workspace, RETIRE_LOG.encode(log, liar))
    assert successor_of(workspace, log) == liar
    with pytest.raises(UntrustedError, match="is not the VehicleHistory of this version"):
        follow(workspace)
    assert (workspace.home / "contracts.json").read_bytes() == stored
    with pytest.raises(ConfigurationError, match=liar.hex()):
        workspace.projector.sync()

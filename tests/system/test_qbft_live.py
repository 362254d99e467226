"""Validators of a real QBFT engine make evidence final: by the set in Consortium, with one killed, over rotations.

Four of six GoQuorum nodes seal; from a block on the engine asks ``Consortium.getValidators()`` who does. The tests
are one story, in their order. They run where VINCULUM_QBFT_ENGINE names the engine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import QuorumError
from ledger.proof.evidence import CheckpointFinality, parse_evidence
from ledger.proof.header import parse_header
from ledger.proof.qbft_extra import parse_qbft_extra
from ledger.service.council import validators
from ledger.service.export.bag import write_bag
from ledger.service.export.verify import verify_bag
from ledger.service.finality import VALIDATORS, WITNESSES
from ledger.service.seals import prove_sealed
from ledger.service.settings import TrustSettings
from ledger.service.trust import make_trust
from ledger.service.validator_changes import changes_of_set
from ledger.service.workspace import Workspace
from light_node.node import LightNode
from light_node.state import StateFolder
from light_node.trust import encode_trust, parse_trust
from light_node.trust_rules import ValidatorRule
from light_node.verdict import Outcome, Step
from tests.system.house import SERVICED, House, assert_refused, assert_verified
from tests.system.qbft_live import SINCE, Live, living, sealed
from tests.system.qbft_network import find_engine, version_of

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("qbft-live")]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    engine, reason = find_engine()
    if engine is None:
        pytest.skip(reason)
    with living(engine, tmp_path_factory.mktemp("qbft")) as running:
        yield running


def test_1_the_trust_file_pins_the_contracts_validators(live: Live) -> None:
    trust = live.house.trust
    assert isinstance(trust.finality, ValidatorRule)
    assert trust.finality.validators == tuple(sorted(node.address for node in live.network.nodes[:4]))
    assert trust.trusted_block.number >= SINCE
    live.say(f"{version_of(live.network.engine)}: block {trust.trusted_block.number} pinned, 4 validators by contract")


def test_2_evidence_is_final_by_seals_at_once(live: Live, tmp_path: Path) -> None:
    data = live.evidence()
    verdict = live.judged(data)
    assert_verified(verdict)
    assert verdict.as_of is not None
    assert len(sealed(data).seals) >= 3
    assert sealed(data).steps == ()
    file, trust = tmp_path / "car.evidence.json", tmp_path / "consortium.trust.json"
    file.write_bytes(data)
    trust.write_bytes(encode_trust(live.house.trust))
    command = [sys.executable, "-m", "light_node.cli.main", "verify", str(file), "--trust", str(trust)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    live.say(
        f"evidence of block {verdict.as_of.number}, {len(sealed(data).seals)} seals: {done.stdout.splitlines()[0]}"
    )


def test_3_what_real_validators_did_not_seal_is_refused(live: Live) -> None:
    evidence = parse_evidence(live.files[0])
    finality = sealed(live.files[0])
    for changed, error in (
        (replace(finality, seals=finality.seals[:2]), "QuorumError"),
        (replace(finality, seals=()), "QuorumError"),
        (replace(finality, round=finality.round + 1), "QuorumError"),
        (replace(finality, validators=finality.validators[:-1]), "MalformedError"),
    ):
        verdict = live.judged(replace(evidence, finality=changed))
        assert (verdict.step, verdict.error) == (Step.FINALITY, error), verdict.reason
    other = parse_header(live.workspace.client.header(live.house.trust.trusted_block.number).rlp)
    verdict = live.judged(replace(evidence, header=other.rlp))
    assert_refused(verdict, Outcome.MALFORMED, Step.FINALITY, "MalformedError")


def test_4_with_one_validator_killed_blocks_go_on_and_evidence_verifies(live: Live) -> None:
    before = live.workspace.client.block_number()
    live.network.kill(live.network.nodes[3])
    began = time.monotonic()
    live.network.wait_for(before + 6)
    data = live.evidence()
    assert_verified(live.judged(data))
    assert len(sealed(data).seals) == 3
    live.say(f"one of four killed: 6 blocks in {time.monotonic() - began:.1f} s, 3 seals, verified")


def test_5_the_council_rotates_validators_and_the_first_trust_file_still_serves(live: Live) -> None:
    """The fifth for the fourth, the sixth for the first: two of the four that were pinned are left."""
    first, second, third, fourth, fifth, sixth = live.network.nodes
    live.network.start(fourth)
    live.network.wait_for(live.workspace.client.block_number(), fourth)
    for newcomer, leaver in ((fifth, fourth), (sixth, first)):
        live.change(newcomer)
        live.change(leaver, remove=True)
    data = live.evidence()
    verdict = live.judged(data)
    assert_verified(verdict)
    assert verdict.as_of is not None
    steps = [parse_header(step.header).number for step in sealed(data).steps]
    live.say(f"set {', '.join(one.hex()[:6] for one in validators(live.workspace))} by steps {steps}")
    live.say(f"evidence of block {verdict.as_of.number}, {len(data)} bytes: {verdict.outcome} by the first trust file")
    assert 1 <= len(steps) < 8  # two for each of four changes, without those that no reader needs
    assert set(validators(live.workspace)) == {node.address for node in (second, third, fifth, sixth)}


def test_6_without_its_steps_it_proves_nothing_to_whoever_has_the_first(live: Live) -> None:
    evidence, finality = parse_evidence(live.files[-1]), sealed(live.files[-1])
    verdict = live.judged(replace(evidence, finality=replace(finality, steps=())))
    assert verdict.outcome is not Outcome.VERIFIED
    assert verdict.step is Step.FINALITY


def test_7_a_trust_file_of_any_time_serves(live: Live) -> None:
    now = parse_trust(encode_trust(make_trust(live.workspace)))
    assert isinstance(now.finality, ValidatorRule)
    assert now.finality.validators == validators(live.workspace)
    data = live.evidence()
    for trust in (live.house.trust, now):
        assert_verified(live.judged(data, trust))
    assert_verified(live.judged(live.files[0]))
    assert_refused(live.judged(live.files[0], now), Outcome.UNDETERMINED, Step.FINALITY, "RollbackError")


def test_7_a_light_node_that_remembers_goes_on_from_the_last_set(live: Live, tmp_path: Path) -> None:
    """It has the first trust file alone, and is shown what was proven while validators came and went."""
    state = StateFolder(tmp_path / "light")
    state.make()
    state.pin(live.house.trust)
    with state.alone():
        for data in live.files:
            assert_verified(LightNode(state).judge(data, now=int(time.time())).verdict)
        memory = LightNode(state).memory
        again = LightNode(state).judge(live.files[0], now=int(time.time())).verdict
    assert memory is not None
    assert memory.validated is not None
    assert memory.validated.validators == validators(live.workspace)
    assert_refused(again, Outcome.UNDETERMINED, Step.FINALITY, "RollbackError")


def test_8_every_block_since_is_proven_or_wants_another_copy(live: Live) -> None:
    """Around a change a node may keep the former quorum's seals alone; then, and only then, it proves nothing."""
    workspace, found = live.workspace, Counter[str]()
    workspace.projector.sync()
    changed = set(changes_of_set(workspace))
    for block in range(SINCE, workspace.projector.sync().block_number + 1):
        try:
            prove_sealed(workspace, block)
            found["proven"] += 1
        except QuorumError:
            assert block - 1 in changed
            found["wanting"] += 1
    rounds = Counter(
        parse_qbft_extra(parse_header(workspace.client.header(block).rlp).extra_data).round
        for block in range(1, workspace.client.block_number())
    )
    live.say(f"blocks {dict(found)}; rounds {dict(rounds)}")
    assert found["proven"] > found["wanting"]


def test_9_an_export_and_its_state_files_are_final_by_seals(live: Live, tmp_path: Path) -> None:
    bag = tmp_path / "bag.zip"
    written = write_bag(live.workspace, [live.life.asset], bag)
    report = verify_bag(bag, live.house.trust, int(time.time()))
    assert report.outcome is Outcome.VERIFIED, report.reason
    live.say(f"bag of {written.files} files: {report.outcome} by the first trust file")


def test_witnesses_sign_over_this_engine_too(live: Live) -> None:
    """The header of evidence has one form, whatever the engine adds to it; else nobody could verify it."""
    settings = live.workspace.settings
    changed = settings.model_copy(update={"trust": TrustSettings(finality=WITNESSES)})
    assert settings.trust.finality == VALIDATORS
    with Workspace(changed) as workspace:
        trust = make_trust(workspace)
        house = House(workspace, live.house.story, trust)
        house.tell(live.life, house.party("workshop"), SERVICED, {"odometer_km": 99_000, "work": ["oil"]})
        data = house.evidence(live.life.asset)
        assert isinstance(parse_evidence(data).finality, CheckpointFinality)
        assert_verified(live.judged(data, trust))
        assert_refused(live.judged(data), Outcome.UNDETERMINED, Step.FINALITY, "UntrustedError")

"""Readers over a real QBFT engine: from nodes that nobody believes, over restarts, and by a set that members pin.

Four of six GoQuorum nodes seal, as ``Consortium`` names them. The tests are one story, in their order. They run where
VINCULUM_QBFT_ENGINE names the engine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.access import Tier
from ledger.chain.answers import header_of
from ledger.errors import QuorumError, SignatureError
from ledger.proof.header import commit_seal_hash, parse_header
from ledger.proof.qbft_extra import parse_qbft_extra
from ledger.service.council import change_validator, validators
from ledger.service.evidence import build_evidence
from ledger.service.pinned import load_line, prove_pinned, publish_rotation
from ledger.service.rotations import begin_pinned, propose_rotation, sign_here
from ledger.service.settings import TrustSettings
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from light_node.cli.main import main
from light_node.judgement import judge
from light_node.qbft.rotation import encode_rotation
from light_node.qbft.seals import recover_signer
from light_node.sources.port import Hint, Wanted
from light_node.sources.rpc import JsonRpc
from light_node.sources.rpc_source import RpcSource
from light_node.sources.web import Web
from light_node.state import StateFolder
from light_node.trust import Trust, encode_trust, parse_trust
from light_node.trust_rules import Source
from light_node.verdict import Outcome
from tests.light_node.sources.servers import dead, served, silent
from tests.system.house import READING, House, assert_verified
from tests.system.qbft_live import Live, living
from tests.system.qbft_network import QbftNode, find_engine, version_of

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("qbft-live")]
Answer = dict[str, Any]
Change = Callable[[str, Answer], None]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    engine, reason = find_engine()
    if engine is None:
        pytest.skip(reason)
    with living(engine, tmp_path_factory.mktemp("qbft-readers")) as running:
        running.say(version_of(engine))
        yield running


# ---- nodes that nobody believes ----------------------------------------------------------------------------------


class Fleet:
    """Whoever follows the car with `vinculum-light run`, from nodes alone."""

    def __init__(self, live: Live, folder: Path, out: Callable[[], str]) -> None:
        self.live, self.folder, self._out = live, folder, out
        state = StateFolder(folder / "node")
        state.make()
        state.pin(live.house.trust)

    def run(self, nodes: dict[str, str], **settings: object) -> tuple[int, list[Answer]]:
        """One round."""
        asset = self.live.life.asset
        lines = ['home = "node"', "answer_s = 8", "question_s = 2"]
        lines += ["[[assets]]", 'name = "car"', f'type = "{asset.asset_type}"', f'subject = "{asset.subject.hex()}"']
        for name, url in nodes.items():
            lines += ["[[sources]]", f'name = "{name}"', 'kind = "rpc"', f'url = "{url}"']
            lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        (self.folder / "light.toml").write_text("\n".join(lines))
        code = main(["run", "--once", "--config", str(self.folder / "light.toml")])
        return code, [json.loads(line) for line in self._out().splitlines()]


@pytest.fixture
def fleet(live: Live, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Fleet:
    return Fleet(live, tmp_path, lambda: capsys.readouterr().out)


def proxy(honest: str, change: Change) -> Callable[[str, str, bytes], tuple[int, bytes]]:
    """A node that answers as an honest one does, but for its lies."""

    def respond(_: str, __: str, body: bytes) -> tuple[int, bytes]:
        answer: Answer = httpx.post(honest, content=body, headers={"content-type": "application/json"}).json()
        change(json.loads(body)["method"], answer)
        return 200, json.dumps(answer).encode()

    return respond


def leave_out(method: str, answer: Answer) -> None:
    """The newest event was never there."""
    if method == "eth_getLogs" and answer["result"]:
        answer["result"].pop()


def swap_proof(method: str, answer: Answer) -> None:
    """The account is another."""
    if method == "eth_getProof":
        answer["result"]["accountProof"] = answer["result"]["accountProof"][:-1]


def other_root(method: str, answer: Answer) -> None:
    """The header is not the one that was hashed."""
    if method == "eth_getBlockByNumber":
        answer["result"]["stateRoot"] = "0x" + "11" * 32


def stand_still(height: int) -> Change:
    """The chain ended there."""

    def change(method: str, answer: Answer) -> None:
        if method == "eth_blockNumber":
            answer["result"] = hex(height)

    return change


def standings(lines: list[Answer]) -> dict[str, str]:
    return {line["source"]: line["to"] for line in lines if line["change"] == "source"}


def kinds(lines: list[Answer]) -> list[str]:
    return [line["kind"] for line in lines if line["change"] == "event"]


def test_1_a_car_is_proven_from_a_node_alone(live: Live, fleet: Fleet) -> None:
    live.house.tell(live.life, live.house.party("workshop"), READING, {"odometer_km": 10})
    live.workspace.projector.sync()
    live.network.wait_for(live.workspace.client.block_number() + 1, live.network.nodes[4])
    code, lines = fleet.run({"a node that does not seal": live.network.nodes[4].url})
    assert (code, kinds(lines)) == (0, ["vehicle.built", READING]), lines
    live.say(f"`vinculum-light run` from one node: {len(lines)} changes told, exit code {code}")


@pytest.mark.parametrize(
    ("lie", "standing"),
    [(leave_out, "lying"), (swap_proof, "lying"), (other_root, "malformed")],
    ids=["event left out", "node left out of a proof", "another state root"],
)
def test_2_a_dead_a_silent_and_a_lying_node_are_named_and_stop_no_other(
    live: Live, fleet: Fleet, lie: Change, standing: str
) -> None:
    honest = live.network.nodes[1].url
    with served(proxy(honest, lie)) as liar, silent() as mute:
        nodes = {"liar": liar, "dead": dead(), "mute": mute}
        code, lines = fleet.run(nodes)
        assert (code != 0, kinds(lines)) == (True, []), lines
        assert standings(lines) == {"liar": standing, "dead": "dead", "mute": "slow"}
        code, lines = fleet.run({**nodes, "honest": honest})
    assert (code, kinds(lines)) == (0, ["vehicle.built", READING]), lines
    live.say(f"a node that lies ({lie.__doc__}) beside a dead and a mute one: {standing}; the honest one counts")


def test_3_a_node_that_stands_still_is_stale_and_takes_nothing_back(live: Live, fleet: Fleet) -> None:
    honest = live.network.nodes[1].url
    height = live.workspace.client.block_number()
    assert fleet.run({"honest": honest})[0] == 0
    with served(proxy(honest, stand_still(height - 5))) as stuck:
        _, lines = fleet.run({"stuck": stuck})
    assert (kinds(lines), standings(lines)) == ([], {"stuck": "stale"}), lines


def test_4_a_file_built_from_a_node_is_verified_by_the_command(live: Live, tmp_path: Path) -> None:
    asset, trust = live.life.asset, live.house.trust
    source = RpcSource(JsonRpc(Web(5.0).server(live.network.nodes[2].url, "node"), 20.0), trust)
    data = source.fetch(Wanted("car", asset.asset_type, asset.subject), Hint(int(time.time())))
    file, pinned = tmp_path / "car.evidence.json", tmp_path / "consortium.trust.json"
    file.write_bytes(data)
    pinned.write_bytes(encode_trust(trust))
    command = [sys.executable, "-m", "light_node.cli.main", "verify", str(file), "--trust", str(pinned), "--public"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    live.say(f"built from eth_getProof of a node, {len(data)} bytes: {done.stdout.splitlines()[0]}")


# ---- restarts ----------------------------------------------------------------------------------------------------


def sealed_since(live: Live, node: QbftNode, first: int) -> list[int]:
    """Blocks of which some node keeps a seal by this one."""
    found = set[int]()
    for keeper in live.network.running:
        with httpx.Client() as client:
            for height in range(first, keeper.height() + 1):
                found |= {height} if node.address in signers_of(client, keeper, height) else set()
    return sorted(found)


def signers_of(client: httpx.Client, keeper: QbftNode, height: int) -> set[bytes]:
    question = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": [hex(height), False]}
    answer = client.post(keeper.url, json=question).json()["result"]
    header = parse_header(header_of(answer).rlp)
    message = commit_seal_hash(header)
    return {recover_signer(seal, message) for seal in parse_qbft_extra(header.extra_data).seals}


def test_5_all_nodes_killed_and_started_go_on(live: Live) -> None:
    """A power cut of everybody; whoever sealed so far was there from the genesis on."""
    network, at = live.network, live.workspace.client.block_number()
    for node in list(network.running):
        network.kill(node)
    for node in network.nodes:
        network.start(node)
    began = time.monotonic()
    network.wait_for(at + 4)
    live.say(f"all six killed and started: 4 more blocks {time.monotonic() - began:.1f} s after the last start")
    assert_verified(live.judged(live.evidence()))


def test_6_a_validator_that_was_down_over_a_rotation_comes_back_and_seals(live: Live) -> None:
    """The second is killed, a fifth is let in without it, and then it is started again."""
    network, second, fifth = live.network, live.network.nodes[1], live.network.nodes[4]
    network.kill(second)
    live.change(fifth)
    began, at = time.monotonic(), live.workspace.client.block_number()
    network.start(second)
    reached = network.wait_for(at, second)
    live.say(f"down over a rotation: at block {reached} again {time.monotonic() - began:.1f} s after its start")
    goal = network.wait_for(reached + 8)
    network.wait_for(goal - 2, second)
    since = sealed_since(live, second, at)
    live.say(f"of blocks {at} to {goal} some node keeps its seal in {len(since)}")
    assert since
    assert_verified(live.judged(live.evidence()))


def test_7_one_that_is_restarted_once_a_newcomer_proposed_follows_or_says_why_not(live: Live) -> None:
    """GoQuorum does not know whom the contract let in since its last snapshot on the disk: docs/operations.md."""
    network, sixth = live.network, live.network.nodes[5]
    network.kill(sixth)
    at = network.wait_for(live.workspace.client.block_number() + 3)
    network.start(sixth)
    try:
        live.say(f"restarted after a rotation: it follows at block {network.wait_for(at + 3, sixth, limit_s=20)}")
    except AssertionError:
        assert "header author is not a validator" in sixth.log()
        live.say(f"restarted after a rotation: it stands at block {sixth.height()}, {network.heights()}")
        network.kill(sixth)
        network.forget(sixth)
        network.start(sixth)
        live.say(f"with its chain deleted it follows at block {network.wait_for(at + 3, sixth)}")
    network.wait_for(at + 3)
    assert_verified(live.judged(live.evidence()))


# ---- a set that members pin --------------------------------------------------------------------------------------


@pytest.fixture
def pinning(live: Live) -> Iterator[Workspace]:
    """The same home, whose readers pin the validators."""
    trust = TrustSettings(finality="validators", validator_source=Source.PINNED)
    with Workspace(live.workspace.settings.model_copy(update={"trust": trust})) as workspace:
        yield workspace


def test_8_members_rotate_a_pinned_set_and_the_first_trust_file_still_serves(live: Live, pinning: Workspace) -> None:
    """The fifth leaves and comes back, each time at a block that was agreed on before."""
    keys = {node.address: node.key for node in live.network.nodes}
    before = set(validators(pinning))
    trust = begin_pinned(pinning, sorted(before))
    found: Counter[str] = Counter()
    fifth = live.network.nodes[4]
    for after in (before - {fifth.address}, before):
        effective = rotate(live, pinning, after, fifth, remove=fifth.address not in after, keys=keys)
        for block in range(effective - 5, effective + 5):
            try:
                prove_pinned(pinning, block)
                found["proven"] += 1
            except (QuorumError, SignatureError):
                found["wanting"] += 1
    live.say(f"of ten blocks around each of two rotations: {dict(found)}")
    assert found["proven"] >= 10
    newest = parse_trust(encode_trust(make_trust(pinning)))
    data = evidence_of(live, pinning)
    for one in (trust, newest):
        assert_verified(judge(data, one, now=int(time.time())))
    live.say(f"evidence with 2 rotations, {len(data)} bytes: verified by the first trust file and the newest")
    assert judge(data, live.house.trust, now=int(time.time())).outcome is not Outcome.VERIFIED


def rotate(
    live: Live, pinning: Workspace, after: set[bytes], node: QbftNode, *, remove: bool, keys: dict[bytes, Any]
) -> int:
    """Agree on a set and a block, and have the council change the engine's own set about then."""
    effective = pinning.client.block_number() + 12
    rotation = propose_rotation(pinning, sorted(after), effective)
    line = load_line(pinning.home)
    for address in line.last.validators[: line.last.threshold]:
        rotation = sign_here(pinning.home, rotation, keys[address])
    assert publish_rotation(pinning.home, rotation)
    live.network.wait_for(effective - 3)
    assert change_validator(live.workspace, node.address, remove=remove).executed
    try:
        live.network.wait_for(effective + 5, limit_s=30)
    except AssertionError:
        live.say(f"nodes differ over the set and stand still, {live.network.heights()}: they are asked again")
        live.network.ask_again()
        live.network.wait_for(effective + 5)
    return effective


def evidence_of(live: Live, workspace: Workspace) -> bytes:
    house = House(workspace, live.house.story, live.house.trust)
    house.tell(live.life, house.party("workshop"), READING, {"odometer_km": 100 * (len(live.life.events) + 1)})
    return build_evidence(workspace, live.life.asset, Tier.PRIVATE)


def test_9_a_light_node_is_given_the_rotations_and_asks_nodes_itself(
    live: Live, pinning: Workspace, fleet: Fleet
) -> None:
    line = load_line(pinning.home)
    files = []
    for rotation in line.rotations:
        path = fleet.folder / f"rotation-{rotation.statement.sequence}.json"
        path.write_bytes(encode_rotation(rotation))
        files.append(path.name)
    first = parse_trust((pinning.home / "pinned" / "first.trust.json").read_bytes())
    fleet_pin(fleet, first)
    node = live.network.nodes[2].url
    code, lines = fleet.run({"node": node}, rotations=files[1:])
    assert (code, kinds(lines), standings(lines)) == (1, [], {"node": "lying"}), lines  # one is left out
    code, lines = fleet.run({"node": node}, rotations=files)
    assert (code, kinds(lines)[0]) == (0, "vehicle.built"), lines


def fleet_pin(fleet: Fleet, trust: Trust) -> None:
    state = StateFolder(fleet.folder / "node")
    with state.alone():
        state.pin(trust)

"""Witnesses in processes of their own, each with its home and index, over one chain; one is dead, one is killed."""

from __future__ import annotations

import base64
import os
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import httpx
import pytest

from ledger.chain.blocks import BlockTree
from ledger.chain.node import find_anvil
from ledger.errors import ConfigurationError, MissingError, QuorumError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import parse_vkey, verify_cosignatures
from ledger.proof.merkle_tree import consistency_path, root_of
from ledger.proof.note import parse_signature_lines
from ledger.proof.tlog_text import parse_consistency_proof
from ledger.service.trust import make_trust
from ledger.service.witness import FOLDER, latest_checkpoint, new_checkpoint
from ledger.service.witness_peers import load_report
from ledger.service.witness_request import SIZE
from ledger.service.workspace import Workspace
from light_node.reanchor import Answer, reanchor, wanted_paths
from light_node.trust_rules import WitnessRule
from tests.ledger.service.witness.network import DEAD, ONE, THREE, TWO, Network, Running, network

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("witness-network")]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, quick: pytest.MonkeyPatch) -> Iterator[Network]:
    try:
        find_anvil()
    except ConfigurationError as missing:
        pytest.skip(str(missing))
    with network(tmp_path_factory.mktemp("network")) as running:
        yield running


def words(workspace: Workspace) -> Mapping[str, str]:
    report = load_report(workspace.home / FOLDER)
    assert report is not None
    return {one.name.partition(".")[0]: one.word for one in report.said}


def names(note: SignedCheckpoint) -> set[str]:
    return {line.name.partition(".")[0] for line in note.signatures}


def rule_of(net: Network) -> WitnessRule:
    rule = make_trust(net.workspace).finality
    assert isinstance(rule, WitnessRule)
    return rule


def post(running: Running, body: bytes) -> httpx.Response:
    return httpx.post(f"{running.url}/add-checkpoint", content=body, trust_env=False, timeout=20)


def last_size(running: Running) -> int:
    return parse_checkpoint((running.home / FOLDER / f"{running.name}.note").read_bytes()).checkpoint.size


def own_checkpoint(net: Network, size: int) -> Checkpoint:
    with net.workspace.database.read() as session:
        return Checkpoint(net.workspace.contracts.origin, size, root_of(BlockTree(session), size))


def extending(net: Network, running: Running) -> tuple[Checkpoint, int, list[bytes]]:
    """An honest checkpoint that is larger than the last one of a witness, with its proof."""
    old = last_size(running)
    while (size := net.workspace.projector.sync().block_number - 1) <= old:
        time.sleep(0.1)
    with net.workspace.database.read() as session:
        return own_checkpoint(net, size), old, consistency_path(BlockTree(session), old, size)


def test_1_two_processes_sign_beside_this_home_and_the_dead_one_is_named(net: Network) -> None:
    note = new_checkpoint(net.workspace)
    assert names(note) == {ONE, TWO, THREE}
    assert words(net.workspace) == {TWO: "signed", THREE: "signed", DEAD: "unreachable"}
    rule = rule_of(net)
    assert (len(rule.witnesses), rule.threshold) == (4, 3)
    assert verify_cosignatures(note, list(map(parse_vkey, rule.witnesses)), 3).size == note.checkpoint.size


def test_2_what_was_collected_serves_as_long_as_it_is_young(net: Network) -> None:
    note = new_checkpoint(net.workspace)
    assert latest_checkpoint(net.workspace, 0) == note


def test_3_the_next_one_needs_one_exchange_each(net: Network) -> None:
    sizes = [new_checkpoint(net.workspace).checkpoint.size for _ in range(3)]
    assert sizes == sorted(sizes)
    assert [last_size(running) for running in (net.two, net.three)] == [sizes[-1]] * 2


def test_4_a_witness_that_others_took_further_is_caught_up_with(net: Network) -> None:
    old, ahead = last_size(net.two), net.workspace.projector.sync().block_number + 1
    while net.workspace.projector.sync().block_number < ahead:
        time.sleep(0.05)
    with net.workspace.database.read() as session:
        path = consistency_path(BlockTree(session), old, ahead)
    assert post(net.two, net.submission(own_checkpoint(net, ahead), old, path)).status_code == 200
    assert names(new_checkpoint(net.workspace)) == {ONE, TWO, THREE}
    assert old < ahead <= last_size(net.two)


def test_5_a_member_that_forks_gets_no_second_signature(net: Network) -> None:
    new_checkpoint(net.workspace)
    size = last_size(net.two)
    forked = Checkpoint(net.workspace.contracts.origin, size, bytes(32))
    for running in (net.two, net.three):
        response = post(running, net.submission(forked, size))
        assert response.status_code == 409
        assert response.headers["content-type"] != SIZE
        kept = [parse_checkpoint(path.read_bytes()) for path in (running.home / FOLDER / "refused").glob("*.note")]
        assert forked in [note.checkpoint for note in kept]
        assert last_size(running) == size


def test_6_a_fork_beyond_the_last_signature_is_not_in_their_own_nodes(net: Network) -> None:
    checkpoint, old, path = extending(net, net.two)
    forked = Checkpoint(checkpoint.origin, checkpoint.size, bytes(32))
    assert post(net.two, net.submission(forked, old, path)).status_code == 422
    assert post(net.two, net.submission(checkpoint, old, path)).status_code == 200


def test_7_signed_by_nobody_of_this_consortium(net: Network) -> None:
    checkpoint, old, path = extending(net, net.two)
    body = net.submission(checkpoint, old, path).replace(b"one.witness.vinculum", b"two.witness.vinculum")
    assert post(net.two, body).status_code == 403


@pytest.mark.parametrize("when", ["before", "after"])
def test_8_killed_at_its_signature_it_never_signs_another(net: Network, when: str) -> None:
    """Hard, in the moment before or after what it signs is on disk; nobody saw the signature."""
    new_checkpoint(net.workspace)
    net.two.end()
    home, before = net.two.home, last_size(net.two)
    child = ["tests.ledger.service.witness.crash_child", str(home), TWO, when]
    crashing = Running(home, TWO, command=child)
    crashing.start()
    checkpoint, old, path = extending(net, net.two)
    with pytest.raises(httpx.HTTPError):
        post(crashing, net.submission(checkpoint, old, path))
    assert crashing.end() == -signal.SIGKILL
    promised = checkpoint.size if when == "after" else before
    assert last_size(net.two) == promised
    restart(net.two)
    forked = Checkpoint(checkpoint.origin, checkpoint.size, bytes(32))
    response = post(net.two, net.submission(forked, promised, path if when == "before" else []))
    assert response.status_code == (422 if when == "before" else 409)
    for smaller in (before - 1, 0):
        told = post(net.two, net.submission(own_checkpoint(net, before), smaller))
        assert (told.status_code, told.text, told.headers["content-type"]) == (409, f"{promised}\n", SIZE)
    again = post(net.two, net.submission(checkpoint, promised, path if when == "before" else []))
    assert again.status_code == 200
    line = parse_signature_lines(again.content)
    verify_cosignatures(SignedCheckpoint(checkpoint, line), [parse_vkey(net.two.told["key"])], 1)


def restart(running: Running) -> None:
    """Start a witness again where it was."""
    running.end()
    running.port = int(running.url.rpartition(":")[2])
    running.start()


def test_9_many_at_once_leave_one_line_of_history(net: Network) -> None:
    new_checkpoint(net.workspace)
    checkpoint, old, path = extending(net, net.two)
    forked = Checkpoint(checkpoint.origin, checkpoint.size, bytes(32))
    bodies = [net.submission(checkpoint, old, path), net.submission(forked, old, path)] * 8
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: post(net.two, body), bodies))
    signed = [body for body, answer in zip(bodies, answers, strict=True) if answer.status_code == 200]
    assert set(signed) == {bodies[0]}
    assert {answer.status_code for answer in answers} <= {200, 409, 422}


def test_10_fewer_than_k_are_of_no_use_and_the_missing_ones_are_named(net: Network) -> None:
    before = latest_checkpoint(net.workspace, 0)
    net.three.end()
    with pytest.raises(MissingError, match=r"2 witnesses signed, 3 are needed .*three\S* is unreachable.*dead"):
        new_checkpoint(net.workspace)
    assert latest_checkpoint(net.workspace, 0) == before
    restart(net.three)
    assert names(new_checkpoint(net.workspace)) == {ONE, TWO, THREE}


def ask_fresh(running: Running, nonce: bytes) -> Answer:
    target = f"{running.url}/fresh?nonce={quote(base64.b64encode(nonce).decode(), safe='')}"
    response = httpx.get(target, trust_env=False, timeout=20)
    assert response.status_code == 200, response.text
    return Answer(running.url, response.content)


def ask_path(running: Running, old: int, new: int) -> tuple[bytes, ...]:
    response = httpx.get(f"{running.url}/consistency?old={old}&new={new}", trust_env=False, timeout=20)
    assert response.status_code == 200, response.text
    return parse_consistency_proof(response.content).path


def test_11_a_reader_anchors_anew_from_three_sources(net: Network) -> None:
    first = Running(net.workspace.home, ONE)
    first.start()
    try:
        rule, nonce, now = rule_of(net), os.urandom(32), int(time.time())
        checkpoint, old, path = extending(net, net.two)  # so that their sizes differ
        assert post(net.two, net.submission(checkpoint, old, path)).status_code == 200
        accepted = SignedCheckpoint(own_checkpoint(net, 2), ())
        answers = [ask_fresh(running, nonce) for running in (first, net.two, net.three)]
        wanted = wanted_paths(rule, nonce, answers, now, accepted)
        paths = {pair: ask_path(net.three, *pair) for pair in wanted}
        anchor = reanchor(rule, nonce, answers, now, paths=paths, accepted=accepted)
        assert own_checkpoint(net, anchor.size).root == anchor.root
        assert len(anchor.witnesses) == 3
        assert len({parse_checkpoint(answer.note).checkpoint.size for answer in answers}) > 1
        with pytest.raises(QuorumError, match="2 valid witnesses, 3 required"):
            reanchor(rule, nonce, answers[1:], now, paths={wanted[0]: paths[wanted[0]]} | dict(paths))
    finally:
        assert first.end(signal.SIGTERM) == 0


def test_12_what_one_process_shows_is_its_last_signature(net: Network) -> None:
    note = parse_checkpoint(httpx.get(f"{net.three.url}/checkpoint", trust_env=False).content)
    assert names(note) == {THREE}
    assert note.checkpoint.size == last_size(net.three)


def test_13_an_interrupted_process_ends_as_every_command_does(net: Network) -> None:
    extra = Running(net.three.home, THREE)
    extra.start()
    assert extra.end(signal.SIGINT) == 130

"""The buyer's light node sees its folder alone; what it takes for genuine is never counted as refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.cli.output import Output
from ledger.demo import buyer
from ledger.demo.apart import LightNodeApart
from ledger.demo.buyer import buy
from ledger.demo.copies import COPIES, Goods, try_copy
from ledger.demo.report import Report
from ledger.proof.evidence import encode_evidence
from light_node.trust import Trust, encode_trust
from tests.simulator.recent import lasting, recent
from tests.simulator.world import World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(recent())


@pytest.fixture(scope="module")
def goods(world: World) -> Goods:
    chain = world.chain
    older, block = chain.file(world.vehicle), chain.mine()
    battery, car, part = (
        encode_evidence(chain.evidence(asset, block=block)) for asset in (world.battery, world.vehicle, world.part)
    )
    return Goods(battery, car, part, older, "urn:bpn:BPNL00000003CML1:serial-8")


@pytest.fixture(scope="module")
def trust(world: World, goods: Goods) -> Trust:
    return lasting(world.chain.trust())


@pytest.fixture
def node(tmp_path: Path, trust: Trust) -> LightNodeApart:
    made = LightNodeApart(tmp_path)
    assert made.pin(encode_trust(trust), trust.fingerprint())
    return made


def test_all_is_verified_and_every_copy_is_refused(trust: Trust, goods: Goods) -> None:
    bought = buy(Report(Output(as_json=True)), trust, goods)
    assert bought.passed, bought.as_json()
    assert (bought.verified, bought.refused) == (3, len(COPIES))


def test_no_two_copies_are_refused_for_the_same_reason() -> None:
    assert len({(error, step) for _, error, step in (one.expected for one in COPIES)}) == len(COPIES) >= 5
    assert {one.expected[0] for one in COPIES} == {1, 2, 3}


def test_what_is_genuine_is_never_counted_as_refused(node: LightNodeApart, goods: Goods) -> None:
    genuine = replace(COPIES[-1], make=lambda goods: goods.car)
    tried = try_copy(node, genuine, goods)
    assert not tried.refused
    assert tried.answer.exit_code == 0


def test_another_reason_than_its_own_is_not_counted(node: LightNodeApart, goods: Goods) -> None:
    assert not try_copy(node, replace(COPIES[0], expected=(1, "HistoryError", "fold")), goods).refused


def test_a_copy_that_is_taken_for_genuine_fails_the_whole(
    trust: Trust, goods: Goods, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buyer, "COPIES", (replace(COPIES[0], make=lambda goods: goods.part),))
    bought = buy(Report(Output(as_json=True)), trust, goods)
    assert (bought.refused, bought.passed) == (0, False)


def test_a_genuine_file_that_is_not_verified_fails_the_whole(trust: Trust, goods: Goods) -> None:
    assert not buy(Report(Output(as_json=True)), trust, replace(goods, car=goods.older)).passed


def test_a_trust_file_of_another_fingerprint_is_not_pinned(tmp_path: Path, trust: Trust) -> None:
    assert not LightNodeApart(tmp_path).pin(encode_trust(trust), "00")


def test_nothing_comes_from_the_environment(
    node: LightNodeApart, goods: Goods, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ledger.py").write_text("raise SystemExit('taken from the folder')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    node.put("part.json", goods.part)
    answer = node.verify("part.json")
    assert answer.exit_code == 0
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ledger.py", "node", "part.json", "trust.json"]
    assert json.dumps(answer.value)

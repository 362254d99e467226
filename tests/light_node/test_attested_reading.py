"""A reading is proven to be in a batch of this asset, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.errors import InclusionError, MalformedError, SignatureError, VerificationError
from ledger.proof.evidence import encode_evidence
from light_node.attested_reading import verify_attested_reading
from light_node.edge.batch import ReadingProof, encode_proof, parse_proof, prove_reading
from light_node.edge.receipt import KIND, batch_fields
from light_node.edge.statement import VerifiedStatement
from light_node.judgement import judge
from light_node.verdict import Account
from tests.light_node.edge.making import KEY, OTHER_KEY, leaves_of, reading, signed, stated
from tests.simulator.world import MAKER, WORKSHOP, World, make_world

NUMBERS = (0, 1, 2, 3, 4)
LEAVES = leaves_of(*NUMBERS)


@pytest.fixture
def world() -> World:
    return make_world()


def batch(world: World, subject: bytes | None = None) -> VerifiedStatement:
    return signed(stated(NUMBERS, 0, None, subject or world.battery.subject))


def attest(world: World, statement: VerifiedStatement, organisation: int = MAKER, **changes: object) -> None:
    fields = {**batch_fields(statement), **changes}
    world.chain.record(world.battery, organisation, KIND, **fields)  # type: ignore[arg-type]


def account(world: World, **choices: object) -> Account:
    data = encode_evidence(world.chain.evidence(world.battery, **choices))  # type: ignore[arg-type]
    found = judge(data, world.chain.trust(), now=world.chain.time).account
    assert found is not None
    return found


def proof(statement: VerifiedStatement, index: int = 2) -> ReadingProof:
    return parse_proof(encode_proof(prove_reading(statement.text, LEAVES, index)))


@pytest.mark.parametrize("index", NUMBERS)
def test_reading_of_an_attested_batch(world: World, index: int) -> None:
    statement = batch(world)
    attest(world, statement)
    found = verify_attested_reading(account(world), proof(statement, index))
    assert found.reading == reading(index)
    assert (found.organisation, found.event, found.signed) == (MAKER, len(world.battery.history), False)


def test_device_key_is_verified_where_it_is_at_hand(world: World) -> None:
    statement = batch(world)
    attest(world, statement)
    assert verify_attested_reading(account(world), proof(statement), KEY.public).signed
    with pytest.raises(SignatureError):
        verify_attested_reading(account(world), proof(statement), OTHER_KEY.public)


def test_batch_that_nobody_attested(world: World) -> None:
    with pytest.raises(InclusionError, match="batch in the evidence"):
        verify_attested_reading(account(world), proof(batch(world)))


def test_batch_of_another_asset(world: World) -> None:
    statement = batch(world, world.vehicle.subject)
    attest(world, statement)
    with pytest.raises(InclusionError, match="subject"):
        verify_attested_reading(account(world), proof(statement))


def test_batch_whose_event_is_withheld(world: World) -> None:
    statement = batch(world)
    attest(world, statement)
    with pytest.raises(InclusionError):
        verify_attested_reading(account(world, withheld=[len(world.battery.history)]), proof(statement))


@pytest.mark.parametrize(
    "changed", [{"root": "0x" + "00" * 32}, {"size": 6}, {"sequence": 1}, {"batch_digest": "0x00"}]
)
def test_event_that_says_otherwise(world: World, changed: dict[str, object]) -> None:
    statement = batch(world)
    attest(world, statement, **changed)
    with pytest.raises(InclusionError):
        verify_attested_reading(account(world), proof(statement))


def test_whoever_attested_it_is_named(world: World) -> None:
    statement = batch(world)
    attest(world, statement, WORKSHOP)
    assert verify_attested_reading(account(world), proof(statement)).organisation == WORKSHOP


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, leaf=LEAVES[1]),
        lambda one: replace(one, leaf=one.leaf.replace(b"380", b"390")),
        lambda one: replace(one, index=one.index + 1),
        lambda one: replace(one, index=5),
        lambda one: replace(one, path=one.path[:-1]),
        lambda one: replace(one, path=(*one.path, bytes(32))),
        lambda one: replace(one, path=(bytes(32), *one.path[1:])),
    ],
)
def test_reading_that_is_not_in_the_batch(world: World, change: object) -> None:
    statement = batch(world)
    attest(world, statement)
    with pytest.raises(VerificationError):
        verify_attested_reading(account(world), change(proof(statement)))  # type: ignore[operator]


@pytest.mark.parametrize("text", ["", "a.b.c", "x" * 100])
def test_statement_out_of_its_form(world: World, text: str) -> None:
    with pytest.raises(MalformedError):
        verify_attested_reading(account(world), replace(proof(batch(world)), statement=text))

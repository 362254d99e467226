"""A reading is proven to be in a batch of this asset, or refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.credential.jose import PublicKey
from ledger.errors import InclusionError, MalformedError, SignatureError, VerificationError
from ledger.proof.evidence import encode_evidence
from light_node.attested_reading import AttestedReading, Ground, Voucher, verify_attested_reading
from light_node.edge.reading_proof import ReadingProof, encode_proof, parse_proof, prove_reading
from light_node.edge.receipt import KIND, batch_fields
from light_node.edge.statement import VerifiedStatement
from light_node.judgement import judge
from light_node.progress import Progress
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


def judged(world: World, **choices: object) -> tuple[Account, Ground]:
    """The verdict on the battery's evidence, at a new block, and what a proof beside it is held to."""
    data = encode_evidence(world.chain.evidence(world.battery, **choices))  # type: ignore[arg-type]
    progress, trust = Progress(), world.chain.trust()
    found = judge(data, trust, now=world.chain.time, progress=progress).account
    assert found is not None
    assert progress.header is not None
    return found, Ground(trust, progress.header)


def verified(world: World, proof: ReadingProof, key: PublicKey | None = None, **choices: object) -> AttestedReading:
    account, ground = judged(world, **choices)
    return verify_attested_reading(account, proof, ground, key)


def proof(statement: VerifiedStatement, index: int = 2) -> ReadingProof:
    return parse_proof(encode_proof(prove_reading(statement.text, LEAVES, index)))


@pytest.mark.parametrize("index", NUMBERS)
def test_reading_of_an_attested_batch(world: World, index: int) -> None:
    statement = batch(world)
    attest(world, statement)
    found = verified(world, proof(statement, index))
    assert found.reading == reading(index)
    assert (found.organisation, found.event, found.voucher) == (MAKER, len(world.battery.history), Voucher.UNPROVEN)


def test_device_key_is_verified_where_it_is_at_hand(world: World) -> None:
    statement = batch(world)
    attest(world, statement)
    assert verified(world, proof(statement), KEY.public).voucher is Voucher.GIVEN
    with pytest.raises(SignatureError):
        verified(world, proof(statement), OTHER_KEY.public)


def test_batch_that_nobody_attested(world: World) -> None:
    with pytest.raises(InclusionError, match="batch in the evidence"):
        verified(world, proof(batch(world)))


def test_batch_of_another_asset(world: World) -> None:
    statement = batch(world, world.vehicle.subject)
    attest(world, statement)
    with pytest.raises(InclusionError, match="subject"):
        verified(world, proof(statement))


def test_batch_whose_event_is_withheld(world: World) -> None:
    statement = batch(world)
    attest(world, statement)
    with pytest.raises(InclusionError):
        verified(world, proof(statement), withheld=[len(world.battery.history)])


@pytest.mark.parametrize(
    "changed",
    [
        {"root": "0x" + "00" * 32},
        {"size": 6},
        {"sequence": 1},
        {"batch_digest": "0x00"},
        {"device_key": OTHER_KEY.public.key_id},
    ],
)
def test_event_that_says_otherwise(world: World, changed: dict[str, object]) -> None:
    statement = batch(world)
    attest(world, statement, **changed)
    with pytest.raises(InclusionError):
        verified(world, proof(statement))


def test_whoever_attested_it_is_named(world: World) -> None:
    statement = batch(world)
    attest(world, statement, WORKSHOP)
    assert verified(world, proof(statement)).organisation == WORKSHOP


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
        verified(world, change(proof(statement)))  # type: ignore[operator]


@pytest.mark.parametrize("text", ["", "a.b.c", "x" * 100])
def test_statement_out_of_its_form(world: World, text: str) -> None:
    with pytest.raises(MalformedError):
        verified(world, replace(proof(batch(world)), statement=text))

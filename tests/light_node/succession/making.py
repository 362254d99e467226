"""Trust files that follow one another, and what witnesses sign about them; signed apart from the code under test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from light_node.succession.statement import SignedSuccession, parse_succession
from light_node.trust import Trust
from light_node.trust_rules import WitnessRule
from tests.simulator.chain import CHAIN_ID, ORIGIN
from tests.simulator.witnesses import WITNESSES, Witness, succeeded, succession_body
from tests.simulator.world import make_world

WORLD = make_world()
for _ in range(3):
    WORLD.chain.mine()
A = WORLD.chain.trust()
NEWCOMERS = tuple(Witness(f"newcomer-{n}.example", bytes((n, 7))) for n in range(3))


def by(trust: Trust, witnesses: Sequence[Witness], threshold: int = 2) -> Trust:
    """The trust file with other witnesses."""
    return replace(trust, finality=WitnessRule(ORIGIN, threshold, tuple(one.vkey for one in witnesses), 0))


B = by(A, (*WITNESSES[1:], NEWCOMERS[0]))
"""One witness is another."""
C = by(A, (WITNESSES[2], *NEWCOMERS[:2]))
"""Two are."""
D = replace(A, maximum_age_seconds=1)


def body(old: Trust, new: Trust, *, origin: str = ORIGIN, chain_id: int = CHAIN_ID) -> str:
    return succession_body(origin, chain_id, old.fingerprint(), new.fingerprint())


def note(old: Trust, new: Trust, witnesses: Sequence[Witness] = WITNESSES[:2]) -> bytes:
    return succeeded(body(old, new), witnesses)


def signed(old: Trust, new: Trust, witnesses: Sequence[Witness] = WITNESSES[:2]) -> SignedSuccession:
    return parse_succession(note(old, new, witnesses))

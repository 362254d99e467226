"""The chain of batches: equivocation carries both statements, gaps are named, and order of arrival does not matter."""

from __future__ import annotations

from itertools import permutations

import pytest

from ledger.errors import ForkError, MalformedError
from light_node.edge.lineage import Gap, Lineage
from light_node.edge.statement import VerifiedStatement
from tests.light_node.edge.making import KEY, OTHER_KEY, OTHER_SUBJECT, chained, signed, stated

CHAIN = chained(4)


def lineage_of(*statements: VerifiedStatement) -> Lineage:
    lineage = Lineage()
    for statement in statements:
        lineage.add(statement)
    return lineage


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_an_honest_chain_in_any_order_has_neither_gap_nor_fork(order: tuple[int, ...]) -> None:
    assert lineage_of(*(CHAIN[place] for place in order)).gaps() == ()


def test_the_same_batch_again_is_nothing() -> None:
    assert lineage_of(CHAIN[0], CHAIN[1], CHAIN[1], CHAIN[0]).gaps() == ()


@pytest.mark.parametrize(
    ("places", "gaps"),
    [((0, 2), (Gap(1, 1),)), ((3,), (Gap(0, 2),)), ((1, 3), (Gap(0, 0), Gap(2, 2))), ((0, 3), (Gap(1, 2),))],
)
def test_a_gap_is_reported(places: tuple[int, ...], gaps: tuple[Gap, ...]) -> None:
    assert lineage_of(*(CHAIN[place] for place in places)).gaps() == gaps


def test_a_gap_says_which() -> None:
    assert (str(Gap(1, 1)), str(Gap(1, 4))) == ("batch 1", "batches 1 to 4")


FORKS = {
    "another first batch": (CHAIN[0], signed(stated(range(9)))),
    "two with one predecessor": (CHAIN[1], signed(stated(range(9), 1, CHAIN[0].digest))),
    "one number with another predecessor": (CHAIN[1], signed(stated(range(9), 1, CHAIN[2].digest))),
    "a successor that names another": (CHAIN[1], signed(stated(range(9), 2, CHAIN[0].digest))),
}


@pytest.mark.parametrize("pair", FORKS.values(), ids=FORKS)
@pytest.mark.parametrize("turned", [False, True])
def test_equivocation_carries_both_statements(pair: tuple[VerifiedStatement, VerifiedStatement], turned: bool) -> None:
    first, second = pair[::-1] if turned else pair
    lineage = lineage_of(first)
    with pytest.raises(ForkError) as caught:
        lineage.add(second)
    assert {caught.value.first, caught.value.second} == {first.text.encode(), second.text.encode()}
    assert list(lineage.known.values()) == [first]


@pytest.mark.parametrize(
    "other", [signed(stated(range(9)), OTHER_KEY), signed(stated(range(9), subject=OTHER_SUBJECT))]
)
def test_chains_of_other_devices_or_subjects_are_not_mixed(other: VerifiedStatement) -> None:
    with pytest.raises(MalformedError):
        lineage_of(CHAIN[0], other)


def test_the_signature_of_one_device_is_deterministic_so_that_signing_again_is_no_equivocation() -> None:
    assert signed(stated(range(3)), KEY) == CHAIN[0]

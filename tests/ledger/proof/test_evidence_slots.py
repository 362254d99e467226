from __future__ import annotations

import pytest

from ledger.errors import MalformedError
from ledger.proof.evidence_slots import consortium_slots, first_holder, holder_at, read_grants
from ledger.proof.slots import NamespaceGrant, issuer_key_slot, namespace_element_slot, namespace_slot
from ledger.proof.subject import namespace_id

SHORT, LONG = (2, "9521"), (2, "95212")


def state(**grants: list[tuple[int, int]]) -> dict[bytes, int]:
    slots: dict[bytes, int] = {}
    for prefix, assigned in grants.items():
        namespace = namespace_id(2, prefix.removeprefix("_"))
        slots[namespace_slot(namespace)] = len(assigned)
        for index, (organisation, since) in enumerate(assigned):
            slots[namespace_element_slot(namespace, index)] = organisation | since << 32
    return slots


@pytest.mark.parametrize(("time", "holder"), [(0, 0), (9, 0), (10, 1), (19, 1), (20, 2), (29, 2), (30, 0), (40, 3)])
def test_each_grant_holds_until_the_next(time: int, holder: int) -> None:
    grants = [NamespaceGrant(1, 10), NamespaceGrant(2, 20), NamespaceGrant(0, 30), NamespaceGrant(3, 40)]
    assert holder_at(grants, time) == holder


def test_the_longest_that_anybody_held_decides() -> None:
    slots = state(_9521=[(1, 10)], _95212=[(2, 20), (0, 30)])
    for time, holder in ((5, (0, "")), (10, (1, "9521")), (20, (2, "95212")), (30, (1, "9521"))):
        assert first_holder([LONG, SHORT], time, lambda slot: slots.get(slot, 0)) == holder


def test_slots_are_those_that_are_read_and_no_others() -> None:
    slots = state(_9521=[(1, 10)], _95212=[(2, 20)])
    long, short = namespace_id(*LONG), namespace_id(*SHORT)
    key = issuer_key_slot(7, b"\x01" * 32)

    def wanted(time: int) -> set[bytes]:
        return set(consortium_slots([(7, b"\x01" * 32)] * 2, [LONG, SHORT], time, lambda slot: slots.get(slot, 0)))

    at_long = {key, namespace_slot(long), namespace_element_slot(long, 0)}
    assert wanted(25) == at_long
    assert wanted(15) == at_long | {namespace_slot(short), namespace_element_slot(short, 0)}
    assert consortium_slots([], [], 0, lambda _: 0) == ()


def test_slots_come_in_ascending_order() -> None:
    keys = [(number, bytes((number,)) * 32) for number in range(9)]
    found = consortium_slots(keys, [LONG, SHORT], 0, lambda _: 0)
    assert list(found) == sorted(set(found))


def test_a_list_longer_than_the_contract_allows_is_malformed() -> None:
    with pytest.raises(MalformedError):
        read_grants(bytes(32), lambda _: 65)

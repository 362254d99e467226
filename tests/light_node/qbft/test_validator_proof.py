"""The set by a contract: every word of it proven from the state of the block before, and from no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contracts
from ledger.errors import InclusionError, MalformedError, UntrustedError, VerificationError
from ledger.proof.qbft_extra import MAX_VALIDATORS
from ledger.proof.slots import VALIDATORS_SLOT
from light_node.qbft.validator_proof import validators_from_proof
from tests.simulator.chain import CONSORTIUM, code_hash
from tests.simulator.qbft import SLOT, State, addresses, state_of, validators

FIVE = [one.address for one in validators(5)]
HONEST = state_of(FIVE)
CODE = code_hash(CONSORTIUM)


def proven(state: State, **changes: object) -> tuple[bytes, ...]:
    values: dict[str, object] = {
        "state_root": state.trie.root,
        "address": CONSORTIUM,
        "code_hash": CODE,
        "account_nodes": state.account_nodes,
        "slot": SLOT,
        "proofs": state.proofs,
    }
    return validators_from_proof(**(values | changes))  # type: ignore[arg-type]


def refused(error: type[VerificationError], state: State = HONEST, **changes: object) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        proven(state, **changes)
    assert type(caught.value) is error
    return caught.value


def test_the_slot_is_that_of_our_contract() -> None:
    assert contracts.artefact("Consortium").slots["_validators"] == VALIDATORS_SLOT == SLOT


@pytest.mark.parametrize("count", [1, 2, 4, 5, 21, 64])
def test_the_set_is_proven_and_put_in_order(count: int) -> None:
    members = validators(count)
    listed = [one.address for one in members]
    assert proven(state_of(listed)) == proven(state_of(listed[::-1])) == addresses(members)


def test_the_state_of_another_block_is_refused() -> None:
    other = state_of(FIVE[:4])
    refused(InclusionError, state_root=other.trie.root)
    refused(InclusionError, account_nodes=other.account_nodes)
    refused(InclusionError, proofs=other.proofs)


def test_proofs_that_change_places_are_refused() -> None:
    length, first, second, *others = HONEST.proofs
    refused(InclusionError, proofs=[length, second, first, *others])
    refused(InclusionError, proofs=[first, length, second, *others])


def test_a_list_cut_short_or_drawn_out_is_refused() -> None:
    proofs = HONEST.proofs
    for wrong in (proofs[:-1], proofs[:1], [], [*proofs, proofs[-1]], [*proofs, ()]):
        refused(MalformedError, proofs=wrong)


def test_missing_and_needless_nodes_are_refused() -> None:
    proofs = HONEST.proofs
    refused(InclusionError, proofs=[*proofs[:-1], proofs[-1][:-1]])
    refused(MalformedError, proofs=[*proofs[:-1], (*proofs[-1], proofs[-1][-1])])
    refused(InclusionError, account_nodes=HONEST.account_nodes[:-1])


def test_another_contract_is_not_trusted() -> None:
    other = b"\x03" * 20
    refused(UntrustedError, address=other, account_nodes=HONEST.trie.proof(other))
    absent = b"\x99" * 20
    refused(UntrustedError, address=absent, account_nodes=HONEST.trie.proof(absent))
    refused(InclusionError, address=other)


def test_other_code_at_the_address_is_not_trusted() -> None:
    refused(UntrustedError, code_hash=bytes(32))


def test_another_slot_is_refused() -> None:
    refused(InclusionError, slot=3)
    nothing = HONEST.storage.proof((0).to_bytes(32, "big"))
    refused(MalformedError, slot=0, proofs=[nothing])


def test_an_empty_list_is_refused() -> None:
    refused(MalformedError, state_of([], 0))


def test_a_list_over_the_limit_is_refused_before_its_elements_are_looked_at() -> None:
    endless = state_of([], MAX_VALIDATORS + 1)
    refused(MalformedError, endless, proofs=[endless.proofs[0]])


def test_a_zero_address_and_one_twice_are_refused() -> None:
    refused(MalformedError, state_of([*FIVE, bytes(20)]))
    refused(MalformedError, state_of([*FIVE, FIVE[0]]))


def test_an_element_that_is_no_address_is_refused() -> None:
    refused(MalformedError, state_of([*FIVE, b"\1" * 21]))


@given(st.data())
def test_any_flipped_bit_of_a_proof_is_refused(data: st.DataObject) -> None:
    nodes = [list(proof) for proof in (HONEST.account_nodes, *HONEST.proofs)]
    which = data.draw(st.integers(0, len(nodes) - 1))
    node = data.draw(st.integers(0, len(nodes[which]) - 1))
    changed = bytearray(nodes[which][node])
    bit = data.draw(st.integers(0, len(changed) * 8 - 1))
    changed[bit // 8] ^= 1 << bit % 8
    nodes[which][node] = bytes(changed)
    with pytest.raises((InclusionError, MalformedError)):
        proven(HONEST, account_nodes=nodes[0], proofs=nodes[1:])

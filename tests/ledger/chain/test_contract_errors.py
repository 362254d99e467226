"""Every error of the contracts has its place in the hierarchy; nothing else passes for one."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from contracts import CONTRACTS, artefact
from ledger.chain.abi import signature_of
from ledger.chain.contract_errors import ERRORS, contract_error
from ledger.errors import (
    ConflictError,
    NotAuthorisedError,
    RejectedError,
    RuleError,
    TransitionError,
    UnknownAssetError,
    VinculumError,
)
from ledger.proof.keccak import keccak256

DECLARED = sorted(
    {signature_of(entry) for name in CONTRACTS for entry in artefact(name).abi if entry["type"] == "error"}
)
EXAMPLES = {"address": "0x" + "ab" * 20, "bytes32": b"\x01" * 32, "bytes4": b"\x01" * 4, "bool": True, "string": "why"}


def _revert(signature: str, *values: object) -> bytes:
    types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    return keccak256(signature.encode())[:4] + encode(types, values or [EXAMPLES.get(kind, 7) for kind in types])


def test_the_table_is_the_contracts() -> None:
    assert sorted(set(ERRORS) - {"Error(string)", "Panic(uint256)"}) == DECLARED


@pytest.mark.parametrize("signature", sorted(ERRORS))
def test_every_error_says_something(signature: str) -> None:
    error = contract_error(_revert(signature))
    assert isinstance(error, RejectedError if signature in {"Error(string)", "Panic(uint256)"} else RuleError)
    assert len(str(error)) > 10
    assert "{" not in str(error)


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("UnknownAccount(address)", NotAuthorisedError),
        ("SuspendedOrganisation(uint32)", NotAuthorisedError),
        ("MissingRole(uint32,uint16)", NotAuthorisedError),
        ("ForeignSubject(bytes32,uint32)", NotAuthorisedError),
        ("UnknownSubject(bytes32)", UnknownAssetError),
        ("SubjectExists(bytes32)", ConflictError),
        ("HeadMoved(bytes32,bytes32,bytes32)", ConflictError),
    ],
)
def test_the_class_is_what_the_caller_acts_on(signature: str, expected: type[VinculumError]) -> None:
    assert type(contract_error(_revert(signature))) is expected


def test_a_transition_is_told_in_the_words_of_the_kind_table() -> None:
    error = contract_error(_revert("IllegalTransition(bytes32,uint16,uint8)", bytes(32), 7433, 1))
    assert isinstance(error, TransitionError)
    assert (error.kind, error.status, error.allowed) == ("battery.recycled", "original", ("waste",))


def test_a_transition_of_an_unknown_kind_is_a_rule_error() -> None:
    assert type(contract_error(_revert("IllegalTransition(bytes32,uint16,uint8)", bytes(32), 65535, 1))) is RuleError


@given(st.binary(max_size=200))
def test_any_bytes_give_an_error_and_raise_none(data: bytes) -> None:
    assert isinstance(contract_error(data), VinculumError)


@given(st.sampled_from(sorted(ERRORS)), st.binary(max_size=200))
def test_broken_arguments_give_an_error(signature: str, data: bytes) -> None:
    assert isinstance(contract_error(keccak256(signature.encode())[:4] + data), VinculumError)

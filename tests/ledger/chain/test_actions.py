"""Actions of the council, read back: what is shown is all that the calldata does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from contracts import artefact
from ledger.chain import contracts as calls
from ledger.chain.abi import Function
from ledger.chain.actions import ACTIONS, Action, parse_action, proposal_id
from ledger.errors import MalformedError
from ledger.proof.keccak import keccak256
from ledger.service.proposals import LIFETIME_S

ROOT = Path(__file__).parents[3]
ACCOUNT, DIGEST = bytes(range(20)), bytes(range(32))
ACTION = calls.ADD_ORGANISATION.encode(3, 5, DIGEST, ACCOUNT)


def test_an_action_comes_back_with_its_arguments() -> None:
    assert parse_action(ACTION) == Action(
        "addOrganisation", {"id": 3, "roles": 5, "metadata": DIGEST, "account": ACCOUNT}
    )


def test_the_contract_knows_every_action_and_lets_the_council_alone_do_it() -> None:
    functions = {entry["name"] for entry in artefact("Consortium").abi if entry["type"] == "function"}
    assert functions >= ACTIONS
    text = "".join((ROOT / "contracts" / "src" / f"{name}.sol").read_text() for name in ("Council", "Consortium"))
    assert all(f"{name}.selector" in text for name in ACTIONS)
    assert text.count(".selector") == len(ACTIONS)


def test_a_proposal_lives_as_long_as_the_contract_says() -> None:
    text = (ROOT / "contracts" / "src" / "Council.sol").read_text()
    assert f"PROPOSAL_LIFETIME = {LIFETIME_S // 86_400} days;" in text


def test_the_id_follows_from_action_and_salt() -> None:
    salt = os.urandom(32)
    assert proposal_id(ACTION, salt) == keccak256(keccak256(ACTION) + salt)
    assert len({proposal_id(ACTION, salt), proposal_id(ACTION + b"\0", salt), proposal_id(ACTION, bytes(32))}) == 3


@pytest.mark.parametrize(
    "calldata",
    [
        b"",
        ACTION[:3],
        ACTION[:4],
        ACTION[:-1],
        ACTION + b"\0",
        ACTION + bytes(32),
        ACTION[:4] + bytes(4 * 32 - 20 - 12) + b"\1" * 32,  # an address with something before it
        ACTION[:4] + b"\1" + ACTION[5:],  # an id beyond its 32 bits
        calls.ADD_ISSUER_KEY.encode(DIGEST, 0, 1, 1, 0),
        calls.REVOKE_ISSUER_KEY.encode(DIGEST),
        calls.CONFIRM.encode(ACTION, DIGEST),
        Function("withdraw(bytes32)").encode(DIGEST),
        keccak256(b"no action") * 2 + bytes(4),
    ],
)
def test_what_is_no_action_is_refused(calldata: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_action(calldata)

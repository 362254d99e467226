"""``vinculum validator``: the council changes whom ``Consortium`` names; what cannot be is refused with its reason."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.ledger.cli.conftest import run

pytestmark = pytest.mark.integration

NEW = "0x" + "5a" * 20


def listed() -> list[str]:
    return [one["address"] for one in run("validator", "list", "--json").json]


def test_the_council_adds_and_removes_a_validator(home: Path) -> None:
    (first,) = listed()
    added = run("validator", "add", NEW)
    assert (added.code, added.out) == (0, f"{NEW} seals blocks from the next one on\n")
    assert listed() == sorted([first, NEW])
    assert run("validator", "list").out.splitlines() == listed()
    again = run("validator", "add", NEW)
    assert again.code == 1
    assert "AlreadyValidator" in again.err or "already" in again.err
    time.sleep(2)  # the contract takes one change a block, and this one has to be of another
    removed = run("validator", "remove", NEW, "--json")
    assert removed.json.get("executed") is True, removed
    assert listed() == [first]


def test_the_last_validator_stays(home: Path) -> None:
    (first,) = listed()
    refused = run("validator", "remove", first)
    assert refused.code == 1
    assert listed() == [first]


def test_who_is_none_is_not_removed(home: Path) -> None:
    assert run("validator", "remove", NEW).code == 1


@pytest.mark.parametrize("address", ["", "5a" * 20, "0x" + "5a" * 19, "0x" + "5g" * 20, "0x" + "5a" * 21, "nobody"])
def test_what_is_no_address_is_wrong_usage(home: Path, address: str) -> None:
    refused = run("validator", "add", address)
    assert refused.code == 2
    assert "40 hex digits" in refused.err


def test_the_zero_address_is_refused_by_the_contract(home: Path) -> None:
    assert run("validator", "add", "0x" + "00" * 20).code == 1

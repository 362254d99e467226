"""The council at the command line: one home proposes, another confirms, on one chain; and keys that are rotated."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.node import find_anvil
from ledger.chain.process import find_free_port
from ledger.errors import ConfigurationError
from tests.ledger.cli.conftest import EXAMPLES, Ran, run
from tests.ledger.cli.state import state_of

pytestmark = pytest.mark.integration

ENROL = ("org", "add", "car-maker", "--title", "Corvo GmbH", "--role", "make", "--role", "member")
ROLES = ("org", "roles", "MEMBER", "--role", "make", "--role", "member")
PREFIX = "wmi:VCU"
OTHER_PREFIX = "gs1:9521000009"
CAR = "VCU4EZ7R9K1004176"
OBSERVED = ("any.observation", CAR, "--type", "vehicle", "--text", "description=x")


class Home:
    """A home by its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *words: str | Path) -> Ran:
        return run("--home", self.folder, *words)

    def json(self, *words: str | Path) -> Any:
        return self(*words, "--json").json


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, Home]]:
    """Two homes on one chain, with one administrator's key each; the council asks for both."""
    try:
        find_anvil()
    except ConfigurationError as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("council")
    first, second = Home(folder / "first"), Home(folder / "second")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VINCULUM_PASSPHRASE", "correct horse battery staple")
        patch.setenv("VINCULUM_KEYS__SCRYPT_N", "1024")
        patch.setenv("VINCULUM_CHAIN__BLOCK_TIME_SECONDS", "0.2")
        patch.setenv("VINCULUM_CHAIN__PORT", str(find_free_port()))
        patch.setenv("VINCULUM_COUNCIL__ADMINISTRATORS", "2")
        patch.setenv("COLUMNS", "200")
        assert first("init").code == 0
        try:
            url = first.json("up")["url"]
            (second.folder / "keys").mkdir(parents=True)
            (second.folder / "vinculum.toml").write_text(f'[chain]\nurl = "{url}"\n')
            shutil.copy(first.folder / "contracts.json", second.folder)
            shutil.move(first.folder / "keys" / "council-2", second.folder / "keys")
            yield first, second
        finally:
            first("down")


@pytest.fixture(scope="module")
def member(homes: tuple[Home, Home]) -> str:
    """An organisation that both have admitted, with its namespace."""
    first, second = homes
    (left,) = first.json(*ENROL)["left_open"]
    assert second("council", "confirm", left["proposal"], "--yes").code == 0
    (left,) = first.json(*ENROL, "--namespace", PREFIX)["left_open"]
    assert second.json("council", "confirm", left["proposal"])["executed"]
    return "car-maker"


@pytest.fixture(scope="module")
def car(homes: tuple[Home, Home], member: str) -> None:
    """A car that the organisation built."""
    assert homes[0]("ingest", EXAMPLES / "vehicle" / "built.json", "--as", member).code == 0


def signing(home: Home, member: str) -> str:
    """The thumbprint of the one key that neither ended nor was revoked; keys of one second are in no order."""
    (found,) = (one for one in home.json("key", "list", member) if one["valid_until"] is one["revoked_from"] is None)
    return str(found["thumbprint"])


def revocations(home: Home, member: str) -> Mapping[str, int | None]:
    return {one["thumbprint"]: one["revoked_from"] for one in home.json("key", "list", member)}


def test_an_admission_is_proposed_confirmed_elsewhere_and_completed(homes: tuple[Home, Home]) -> None:
    first, second = homes
    words = ("org", "add", "workshop", "--title", "Fennel Ltd", "--role", "service")
    told = first(*words)
    assert told.code == 0
    assert "Fennel Ltd is to be organisation" in told.out
    assert "proposed: 1 more administrator must confirm it, with `vinculum council confirm " in told.out
    begun = first.json(*words)
    assert begun["admitted"] is False
    (left,) = begun["left_open"]
    assert f"  action    {left['action']}\n  salt      {left['salt']}" in told.out
    number = begun["number"]
    (waits,) = second.json("council", "list")
    assert (waits["proposal"], waits["action"], waits["salt"]) == (left["proposal"], left["action"], left["salt"])
    assert (waits["state"], waits["missing"]) == ("open", 1)
    assert f"as organisation {number}, with the roles service" in waits["says"]
    assert "confirmed by council-1" in first("council", "list").out
    assert "confirmed by 0x" in second("council", "list").out
    done = second("council", "confirm", left["proposal"][:14])
    assert done.code == 0
    assert f"as organisation {number}, with the roles service" in done.out
    assert "confirmed, and in force" in done.out
    assert first.json("org", "show", str(number))["issuer_keys"] == []
    completed = first(*words)
    assert completed.out == f"Fennel Ltd is organisation {number}\n"
    assert len(first.json("key", "list", "workshop")) == 1
    assert first(*words).code == 2
    assert second("council", "list").out == "nothing is to be decided\n"
    assert second.json("council", "list") == []
    assert left["proposal"] in [one["proposal"] for one in second.json("council", "list", "--all")]


@pytest.mark.parametrize(
    "changes",
    [
        {("org", "roles", "MEMBER", "--role", "make"): "give organisation {} ", ROLES: "give organisation {} "},
        {("org", "suspend", "MEMBER"): "suspend organisation {} ", ("org", "resume", "MEMBER"): "let organisation {} "},
        {("namespace", "assign", OTHER_PREFIX, "MEMBER"): "assign gs1:9521000009 to organisation {} "},
    ],
    ids=["roles", "suspend", "namespace"],
)
def test_every_change_can_be_left_open_and_confirmed_elsewhere(
    homes: tuple[Home, Home], member: str, changes: Mapping[tuple[str, ...], str]
) -> None:
    first, second = homes
    number = first.json("org", "show", member)["number"]
    for words, says in changes.items():  # the last one leaves the organisation as it was
        left = first.json(*(member if word == "MEMBER" else word for word in words))
        assert (left["executed"], left["missing"], left["ready_at"]) == (False, 1, None)
        assert left["action"].startswith("0x")
        assert len(left["salt"]) == 66
        told = second.json("council", "confirm", left["proposal"], "--prefix", OTHER_PREFIX)
        assert told["executed"] is True
        assert told["says"].startswith(says.format(number))


def test_a_revocation_in_the_past_is_left_open_too(homes: tuple[Home, Home], member: str) -> None:
    first, second = homes
    old = signing(first, member)
    assert first("key", "rotate", member).code == 0
    new = signing(first, member)
    left = first.json("key", "revoke", member, old, "--from", "2026-01-01T00:00:00Z")
    assert left["executed"] is False
    assert revocations(first, member)[old] is None
    assert old in second.json("council", "confirm", left["proposal"])["says"]
    assert revocations(first, member)[old] == 1767225600
    assert signing(first, member) == new


def test_what_cannot_be_confirmed(homes: tuple[Home, Home], member: str) -> None:
    first, second = homes
    left = first.json("org", "suspend", member)
    for wrong in ("", "12", "no-hex", "ff" * 32):
        assert second("council", "confirm", wrong).code == 2
    again = first("council", "confirm", left["proposal"])
    assert again.code == 1
    assert "1 more have to, elsewhere" in again.err
    assert second("council", "confirm", left["proposal"], "--prefix", "wmi").code == 1
    assert first.json("org", "show", member)["suspended"] is False
    assert second("council", "confirm", left["proposal"]).code == 0
    assert second("council", "confirm", left["proposal"]).code == 1
    assert first("org", "resume", member).code == 0
    assert second("org", "resume", str(first.json("org", "show", member)["number"])).code == 0
    assert first.json("org", "show", member)["suspended"] is False


def test_a_person_can_say_no(homes: tuple[Home, Home], member: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = homes
    left = first.json("org", "suspend", member)
    asked = []

    def answer(text: str, **_: object) -> bool:
        asked.append(text)
        return False

    monkeypatch.setattr("typer.confirm", answer)
    monkeypatch.setattr("ledger.cli.council._at_a_terminal", lambda: True)
    assert second("council", "confirm", left["proposal"]).code == 2
    assert len(asked) == 1
    assert first.json("council", "list")[0]["missing"] == 1
    assert second("council", "confirm", left["proposal"], "--yes").code == 0
    assert len(asked) == 1
    assert not first.json("org", "resume", member)["executed"]
    assert second("council", "confirm", first.json("council", "list")[0]["proposal"], "--yes").code == 0


def story(home: Home) -> list[str]:
    """What is told of the car, but for the block that it is told as of."""
    told = home("history", CAR)
    assert told.code == 0
    return [line for line in told.out.splitlines() if "as registered up to" not in line]


@pytest.mark.usefixtures("car")
def test_a_key_is_rotated_and_what_it_signed_is_still_read(homes: tuple[Home, Home], member: str) -> None:
    first, _ = homes
    before = story(first)
    assert any("production_date" in line for line in before)
    done = first.json("key", "rotate", member)
    assert (len(done["ended"]), done["continued"]) == (1, False)
    listed = {key["thumbprint"] for key in first.json("key", "list", member)}
    assert {done["thumbprint"], *done["ended"]} <= listed
    assert signing(first, member)
    assert story(first) == before
    assert first("audit").code == 0
    text = first("key", "rotate", member).out
    assert text.startswith(f"{member} signs with key ")
    assert text.count(" ends") == 1


@pytest.mark.usefixtures("car")
def test_a_revoked_key_is_put_in_another_ones_place(homes: tuple[Home, Home], member: str) -> None:
    first, _ = homes
    key = first.json("key", "rotate", member)["thumbprint"]
    told = first("key", "revoke", member, key)
    assert f"key {key} is revoked" in told.out
    assert f"nothing can be signed until `vinculum key rotate {member}`" in told.out
    before = state_of(first.folder)
    refused = first("record", *OBSERVED, "--as", member)
    assert refused.code == 1
    assert "is revoked since" in refused.err
    assert state_of(first.folder) == before
    assert first("key", "rotate", member).code == 0
    assert first("record", *OBSERVED, "--as", member).code == 0


@pytest.mark.parametrize("words", [("key", "rotate", "nobody"), ("key", "rotate", "99")])
def test_nobody_rotates_what_there_is_not(homes: tuple[Home, Home], member: str, words: tuple[str, ...]) -> None:
    assert homes[0](*words).code == 1


def test_keys_of_another_home_cannot_be_rotated(homes: tuple[Home, Home], member: str) -> None:
    first, second = homes
    refused = second("key", "rotate", str(first.json("org", "show", member)["number"]))
    assert refused.code == 2
    assert "are not in this home" in refused.err

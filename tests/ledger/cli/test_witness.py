"""``vinculum witness``: the list, what is refused on it, and collecting; serving is tested with real processes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ledger.chain.process import find_free_port
from ledger.proof.checkpoint import log_key_from_seed, parse_checkpoint
from ledger.proof.cosignature import witness_key_from_seed
from tests.ledger.cli.conftest import ORGANISATIONS, run

pytestmark = pytest.mark.integration
KEY = witness_key_from_seed("elsewhere.example", bytes(32)).vkey


def test_the_witnesses_of_this_home_are_listed(home: Path) -> None:
    listed = run("witness", "list", "--json").json
    assert {one["name"].partition(".")[0] for one in listed["witnesses"]} == set(ORGANISATIONS)
    assert {one["where"] for one in listed["witnesses"]} == {"here"}
    assert "here" in run("witness", "list").out


def test_one_is_added_asked_named_and_removed(home: Path) -> None:
    url = f"http://127.0.0.1:{find_free_port()}"
    assert run("witness", "add", "workshop", url, "--key", KEY).code == 0
    try:
        collected = run("witness", "collect", "--json")
        assert collected.code == 0
        (said,) = collected.json["collected"]["said"]
        assert (said["name"], said["word"]) == ("elsewhere.example", "unreachable")
        assert (collected.json["collected"]["signed"], collected.json["collected"]["needed"]) == (4, 3)
        assert len(parse_checkpoint(collected.json["note"]).signatures) == 4
        assert "elsewhere.example is unreachable" in run("witness", "collect").out
        listed = run("witness", "list").out
        assert url in listed
        assert "unreachable: " in listed
        assert "4 signed" in listed
        assert run("witness", "add", "workshop", f"{url}/", "--key", KEY).code == 1
    finally:
        assert run("witness", "remove", url).code == 0
    assert run("witness", "remove", url).code == 3
    assert url not in run("witness", "list").out


def test_without_others_this_home_signs_alone(home: Path) -> None:
    collected = run("witness", "collect", "--json").json
    assert (len(collected["signed"]), collected["collected"]) == (4, None)


def test_a_key_that_lies_here_signs_here(home: Path) -> None:
    ran = run("witness", "add", "workshop", "http://127.0.0.1:1")
    assert (ran.code, "signs here already" in ran.err) == (2, True)


@pytest.mark.parametrize("url", ["", "h", "ftp://h", "http://u%3Ap@h".replace("%3A", ":"), "http://h?x"])
def test_what_is_no_address(home: Path, url: str) -> None:
    assert run("witness", "add", "workshop", url, "--key", KEY).code == 2


@pytest.mark.parametrize(
    "key", ["", "x", KEY[:-4], KEY.replace("elsewhere", "nowhere"), log_key_from_seed("a.example", bytes(32)).vkey]
)
def test_what_is_no_key_of_a_witness(home: Path, key: str) -> None:
    ran = run("witness", "add", "workshop", "http://h", f"--key={key}")
    assert (ran.code, "http://h" in run("witness", "list").out) == (2, False)


def test_an_unknown_organisation_has_no_witness(home: Path) -> None:
    assert run("witness", "add", "nobody", "http://h", "--key", KEY).code == 1


@pytest.mark.parametrize("listen", ["", "8750", ":8750", "h:", "h:x", "h:-1", "h:65536", "127.0.0.1:٣"])
def test_what_is_no_place_to_listen_at(home: Path, listen: str) -> None:
    assert run("witness", "serve", "--as", "workshop", "--listen", listen).code == 2


def test_a_place_that_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run("witness", "serve", "--as", "workshop", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert (ran.code, "cannot listen" in ran.err) == (2, True)


@pytest.mark.parametrize("name", ["nobody", "council-1"])
def test_who_has_no_witness_here_serves_none(home: Path, name: str) -> None:
    assert run("witness", "serve", "--as", name, "--listen", "127.0.0.1:0").code == 2

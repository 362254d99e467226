"""The list of other homes' witnesses, the report of the last collecting, and a memory that two programs share."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, ConflictError, MissingError
from ledger.service.witness_peers import (
    MAX_PEERS,
    PEERS,
    REPORT,
    Peer,
    Report,
    Said,
    add_peer,
    load_peers,
    load_report,
    parse_url,
    remove_peer,
    save_report,
)
from ledger.service.witness_promise import Witness
from tests.ledger.service.witness.world import MEMBER, NOW, OWN, STRANGER, chain_of, checkpoint_of, tree_of

FIRST, SECOND = Peer("http://10.0.0.1:8750", OWN.public), Peer("https://w.example/two", MEMBER.public)


def test_the_list_is_kept(tmp_path: Path) -> None:
    assert load_peers(tmp_path) == ()
    add_peer(tmp_path / "new", FIRST)
    add_peer(tmp_path / "new", SECOND)
    assert load_peers(tmp_path / "new") == (FIRST, SECOND)
    assert remove_peer(tmp_path / "new", "http://10.0.0.1:8750/") == FIRST
    assert remove_peer(tmp_path / "new", MEMBER.public.name) == SECOND
    assert load_peers(tmp_path / "new") == ()


@pytest.mark.parametrize("again", [FIRST, Peer(FIRST.url, STRANGER.public), Peer("http://other", FIRST.key)])
def test_one_key_and_one_address_stand_there_once(tmp_path: Path, again: Peer) -> None:
    add_peer(tmp_path, FIRST)
    with pytest.raises(ConflictError):
        add_peer(tmp_path, again)


def test_who_is_not_there_cannot_be_removed(tmp_path: Path) -> None:
    with pytest.raises(MissingError):
        remove_peer(tmp_path, "http://10.0.0.1:8750")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{}",
        '{"version":2,"witnesses":[]}',
        '{"version":1,"witnesses":{}}',
        '{"version":1}',
        '{"version":1,"witnesses":[1]}',
        '{"version":1,"witnesses":[{"url":"http://x"}]}',
        "\x00",
        "{" * 100,
        '{"version":1,"witnesses":[{"url":"file:///etc","key":"' + OWN.vkey + '"}]}',
        '{"version":1,"witnesses":[{"url":"http://x","key":"own.example"}]}',
        '{"version":1,"witnesses":[' + ",".join(["1"] * (MAX_PEERS + 1)) + "]}",
    ],
)
def test_a_list_that_cannot_be_used_is_not_taken_for_an_empty_one(tmp_path: Path, text: str) -> None:
    (tmp_path / PEERS).write_text(text)
    with pytest.raises(ConfigurationError):
        load_peers(tmp_path)


@pytest.mark.parametrize("text", ["http://h", "https://h:1/a/b", "http://[::1]:8750", "http://127.0.0.1:8750/"])
def test_addresses(text: str) -> None:
    assert parse_url(text) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "h:1",
        "ftp://h",
        "file:///x",
        "http://",
        "http:///x",
        "http://u@h",
        "http://u%3Ap@h".replace("%3A", ":"),
        "http://h?x",
        "http://h#x",
        "http://h:x",
        "http://h:99999",
        "http://h:0",
        "http://h/ x",
        "http://h\n",
        "http://ü",
        "http://[::1",
        "//h",
        "http://" + "h" * 600,
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_url(text)


def test_the_report_is_kept(tmp_path: Path) -> None:
    report = Report(NOW, 20, 2, 3, (Said("a", "signed", "20 blocks"), Said("b", "slow", "…\x1b[2J")))
    save_report(tmp_path / "new", report)
    assert load_report(tmp_path / "new") == report


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"said":[]}', '{"said":[1]}', '{"said":[{"name":"x"}]}', "x" * 9])
def test_a_report_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    assert load_report(tmp_path) is None
    (tmp_path / REPORT).write_text(text)
    assert load_report(tmp_path) is None


def test_two_programs_take_turns_with_one_memory(tmp_path: Path) -> None:
    """Two histories, offered at the same time: the memory is read only while the other cannot change it."""
    chains = [chain_of(30), chain_of(30, forked_at=3)]
    signed: list[int] = []

    def sign(which: int) -> None:
        for size in range(5, 30):
            try:
                Witness(OWN, tmp_path / "w.note").cosign(checkpoint_of(chains[which], size), tree_of(chains[which]), 1)
            except Exception:  # noqa: BLE001, S112 - whatever it is, nothing was signed
                continue
            signed.append(which)

    threads = [threading.Thread(target=sign, args=(which,)) for which in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(signed)) == 1


def test_a_memory_that_is_held_for_long_is_waited_for_and_then_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.service.witness_promise._WAIT_S", 0.3)
    first, second = (Witness(OWN, tmp_path / "w.note") for _ in range(2))
    with first.held():
        began = time.monotonic()
        with pytest.raises(ConflictError), second.held():
            raise AssertionError("two hold it")
        assert 0.3 <= time.monotonic() - began < 3
    with second.held() as held:
        assert held.size == 0

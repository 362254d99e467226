"""Ten minutes a parser: damaged proofs, headers and notes are refused by an error of ours, never by another."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from ledger.errors import VerificationError
from ledger.proof.checkpoint import parse_checkpoint, parse_vkey, verify_cosignatures
from ledger.proof.header import block_hash, commit_seal_hash, encode_qbft_extra, parse_header, parse_qbft_extra
from ledger.proof.keccak import keccak256
from ledger.proof.note import encode_note, parse_note
from ledger.proof.rlp import encode_rlp, parse_rlp
from ledger.proof.trie import verify_account, verify_storage, verify_trie_proof
from tests.ledger.proof.vectors import FOLDER, octets

SECONDS = float(os.environ.get("VINCULUM_FUZZ_SECONDS", "600"))
SPICE = (
    b"",
    b"\x00",
    b"\x20",
    b"\x80",
    b"\x81",
    b"\xa0",
    b"\xb7",
    b"\xb8",
    b"\xbf",
    b"\xc0",
    b"\xc1",
    b"\xf7",
    b"\xf8",
)
WORDS = ("\n", "\n\n", "— ", "+", "=", "0", "9" * 30, "\u00a0", "\r")
MORE = (b"\xff" * 9, b"\xf9\xff\xff", *(word.encode() for word in WORDS))


def samples(name: str, *fields: str) -> list[bytes]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["vectors"]
    texts = [one[field] for one in found for field in fields if isinstance(one.get(field), str)]
    return [octets(text) if text.startswith("0x") else text.encode() for text in texts]


def damaged(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(data) + 1), rng.choice((0, 0, 1, 1, 2, 40))
        data = data[:at] + rng.choice((*SPICE, *MORE, rng.randbytes(1), rng.randbytes(32))) + data[at + length :]
    return data


def fuzz(originals: list[bytes], parse: Callable[[bytes], object]) -> None:
    until, seed, accepted = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < until:
        seed += 1
        rng = random.Random(seed)
        data = damaged(rng.choice(originals), rng)
        try:
            parse(data)
            accepted += 1
        except VerificationError:
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {data!r}") from error
    assert accepted < seed


def encodes_again(data: bytes) -> None:
    assert encode_rlp(parse_rlp(data)) == data


def hashes(data: bytes) -> None:
    header = parse_header(data)
    block_hash(header)
    block_hash(header, "qbft")
    commit_seal_hash(header)


def extra_encodes_again(data: bytes) -> None:
    assert encode_qbft_extra(parse_qbft_extra(data)) == data


def is_a_node_under_its_own_root(data: bytes) -> None:
    for key in (b"", b"\x12\x34", b"doge", bytes(32)):
        try:
            verify_trie_proof(keccak256(data), key, [data])
        except VerificationError:
            continue
    verify_storage(keccak256(data), bytes(32), [data])
    verify_account(keccak256(data), bytes(20), [data])


def note_encodes_again(data: bytes) -> None:
    assert encode_note(parse_note(data)).encode() == data


KEYS = [parse_vkey(key) for key in json.loads((FOLDER / "checkpoint.json").read_text())["vectors"][0]["keys"]]


@pytest.mark.fuzz
def test_damaged_rlp() -> None:
    fuzz(samples("rlp", "rlp"), encodes_again)


@pytest.mark.fuzz
def test_damaged_headers() -> None:
    fuzz(samples("header", "rlp"), hashes)


@pytest.mark.fuzz
def test_damaged_extra_data() -> None:
    extras = [parse_header(data).extra_data for data in samples("header", "rlp")[:14]]
    fuzz([*extras, *samples("header", "extra_rlp")], extra_encodes_again)


@pytest.mark.fuzz
def test_damaged_trie_nodes() -> None:
    found = json.loads((FOLDER / "trie.json").read_text(encoding="utf-8"))["vectors"]
    fuzz([octets(node) for one in found for node in one["proof"]], is_a_node_under_its_own_root)


@pytest.mark.fuzz
def test_damaged_notes() -> None:
    fuzz(samples("checkpoint", "note"), note_encodes_again)


@pytest.mark.fuzz
def test_damaged_checkpoints() -> None:
    fuzz(samples("checkpoint", "note"), lambda data: verify_cosignatures(parse_checkpoint(data), KEYS, 1))


@pytest.mark.fuzz
def test_damaged_keys() -> None:
    fuzz([key.vkey.encode() for key in KEYS], lambda data: parse_vkey(data.decode("latin-1")))

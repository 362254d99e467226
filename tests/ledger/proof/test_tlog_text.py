"""Texts between logs, witnesses and readers: the specification's example, round trips, and every rule broken once."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint
from ledger.proof.cosignature import cosign, witness_key_from_seed
from ledger.proof.note import MAX_SIGNATURES, parse_signature_lines
from ledger.proof.tlog_text import (
    MAX_LINES,
    AddCheckpoint,
    ConsistencyProof,
    InclusionProof,
    encode_add_checkpoint,
    encode_consistency_proof,
    encode_inclusion_proof,
    nonce_line,
    parse_add_checkpoint,
    parse_consistency_proof,
    parse_inclusion_proof,
    parse_nonce,
)

WITNESS = witness_key_from_seed("w.example", bytes(32))
CHECKPOINT = Checkpoint("log.example", 8, bytes(32))
SIGNED = SignedCheckpoint(CHECKPOINT, (cosign(CHECKPOINT, WITNESS, 1),))
HASH = base64.b64encode(bytes(32)).decode()
HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=MAX_LINES).map(tuple)

# The example of C2SP tlog-witness, "add-checkpoint"; its signatures are of keys that nobody here knows.
EXAMPLE = """old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""  # noqa: E501


def test_the_example_of_the_specification() -> None:
    request = parse_add_checkpoint(EXAMPLE.encode())
    assert (request.old, len(request.path)) == (20852014, 4)
    assert request.signed.checkpoint.size == 20852163
    assert encode_add_checkpoint(request) == EXAMPLE.encode()


@given(st.integers(0, 2**63 - 1), HASHES)
def test_a_request_comes_back_as_it_was(old: int, path: tuple[bytes, ...]) -> None:
    request = AddCheckpoint(old, path, SIGNED)
    assert parse_add_checkpoint(encode_add_checkpoint(request)) == request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 1\n",
        f"old 1\n\n{CHECKPOINT.text}".encode(),
        f"\nold 1\n\n{SIGNED.note}".encode(),
        f"old 1\n{SIGNED.note}".encode(),
        f"old 01\n\n{SIGNED.note}".encode(),
        f"old +1\n\n{SIGNED.note}".encode(),
        f"old  1\n\n{SIGNED.note}".encode(),
        f"old {2**63}\n\n{SIGNED.note}".encode(),
        f"Old 1\n\n{SIGNED.note}".encode(),
        f"old 1\r\n\n{SIGNED.note}".encode(),
        f"old 1\n{HASH[:-1]}\n\n{SIGNED.note}".encode(),
        f"old 1\n{HASH} \n\n{SIGNED.note}".encode(),
        f"old 1\nAAAA\n\n{SIGNED.note}".encode(),
        f"old 1\n{HASH}\n{'é' * 44}\n\n{SIGNED.note}".encode(),
        ("old 1\n" + f"{HASH}\n" * (MAX_LINES + 1) + f"\n{SIGNED.note}").encode(),
        f"old 1\n\n{SIGNED.note}more".encode(),
        b"old 1\n\n\xff" + SIGNED.note.encode(),
        f"old 1\n\n{'x' * 70_000}\n{SIGNED.note}".encode(),
    ],
)
def test_a_request_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_add_checkpoint(body)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1), HASHES)
def test_a_consistency_proof_comes_back_as_it_was(one: int, other: int, path: tuple[bytes, ...]) -> None:
    proof = ConsistencyProof(min(one, other), max(one, other), path)
    assert parse_consistency_proof(encode_consistency_proof(proof)) == proof


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "old 1\n",
        "old 1\nnew 2",
        "new 2\nold 1\n",
        "old 2\nnew 1\n",
        "old 1\nnew 2\n\n",
        "old 1\nnew 2\nAA==\n",
        f"old 1\nnew 2\n{HASH}",
        f"old 1\nnew 2\n{HASH}\n\n",
        "old 1\nnew 2\n" + f"{HASH}\n" * (MAX_LINES + 1),
        f"old 1\nnew 2\n{HASH[:-2]}B=\n",
        "old 1\nnew -2\n",
        "old 1\nnew 2\n" + "A" * 10000 + "\n",
    ],
)
def test_a_text_that_is_no_consistency_proof_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_consistency_proof(text.encode())


@given(st.integers(0, 2**63 - 2), st.integers(0, 2**63 - 2), HASHES)
def test_an_inclusion_proof_comes_back_as_it_was(one: int, other: int, path: tuple[bytes, ...]) -> None:
    proof = InclusionProof(min(one, other), max(one, other) + 1, path)
    assert parse_inclusion_proof(encode_inclusion_proof(proof)) == proof


@pytest.mark.parametrize(
    "text",
    [
        "",
        "block 1\n",
        "block 1\nsize 2",
        "size 2\nblock 1\n",
        "block 2\nsize 2\n",
        "block 3\nsize 2\n",
        "old 1\nnew 2\n",
        "block 01\nsize 2\n",
        "block 1\nsize 2\n\n",
        "block 1\nsize 2\nAA==\n",
        f"block 1\nsize 2\n{HASH}",
        "block 1\nsize 2\n" + f"{HASH}\n" * (MAX_LINES + 1),
        f"block 1\nsize {2**63}\n",
    ],
)
def test_a_text_that_is_no_inclusion_proof_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_inclusion_proof(text.encode())


def test_a_nonce_stands_in_one_line() -> None:
    nonce = bytes(range(32))
    assert parse_nonce(nonce_line(nonce).removeprefix("nonce ")) == nonce


@pytest.mark.parametrize(
    "text", ["", "AAAA", HASH[:-1], f"{HASH}\n", HASH.replace("A", "-"), HASH[:-2] + "B=", HASH * 2]
)
def test_a_nonce_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_nonce(text)


def test_signature_lines_stand_alone() -> None:
    line = SIGNED.signatures[0]
    assert parse_signature_lines(line.line) == (line,)
    assert parse_signature_lines(line.line * 2) == (line, line)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        SIGNED.signatures[0].line[:-1],
        f"{SIGNED.signatures[0].line}\n",
        SIGNED.note,
        "— w.example AAAA\n",
        f"\n{SIGNED.signatures[0].line}",
        SIGNED.signatures[0].line * (MAX_SIGNATURES + 1),
    ],
)
def test_what_is_no_signature_line_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_signature_lines(text)

"""Checkpoints and cosignatures after C2SP: the specification's examples, every rule broken once, and thresholds."""

from __future__ import annotations

import base64
import itertools
import json
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError, QuorumError, SignatureError, VerificationError
from ledger.proof import note as notes
from ledger.proof.checkpoint import MAX_EXTENSIONS, Checkpoint, log_key_from_seed, parse_checkpoint, sign_checkpoint
from ledger.proof.cosignature import (
    MAX_TIME,
    VerifiedCheckpoint,
    add_cosignatures,
    check_threshold,
    cosign,
    parse_vkey,
    verify_cosignatures,
    witness_key_from_seed,
)
from ledger.proof.note import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    Note,
    NoteSignature,
    VerifierKey,
    add_signatures,
    encode_note,
    parse_note,
)
from tests.ledger.proof.vectors import FOLDER, Vector, assert_refused, octets, vectors

LOG = log_key_from_seed("vinculum.example/31337", bytes(32))
WITNESSES = [witness_key_from_seed(f"witness{number}.example", bytes([number]) * 32) for number in range(1, 6)]
KEYS = [witness.public for witness in WITNESSES]
CHECKPOINT = Checkpoint("vinculum.example/31337", 42, sha256(b"root").digest())
TIME = 1_790_000_000
SIGNED = add_cosignatures(sign_checkpoint(CHECKPOINT, LOG), [cosign(CHECKPOINT, key, TIME) for key in WITNESSES])
ORIGINS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=40)
CHECKPOINTS = st.builds(
    Checkpoint,
    ORIGINS,
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(ORIGINS, max_size=MAX_EXTENSIONS).map(tuple),
)

# The examples of C2SP signed-note, tlog-checkpoint and tlog-cosignature.
EXAMPLE_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE_CHECKPOINT = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501


def verify(vector: Vector) -> VerifiedCheckpoint:
    keys = [parse_vkey(key) for key in vector["keys"]]
    return verify_cosignatures(parse_checkpoint(vector["note"]), keys, vector["threshold"])


@vectors("checkpoint", refused=False)
def test_cosigned_checkpoints(vector: Vector) -> None:
    found = verify(vector)
    assert (found.origin, found.size, found.root) == (vector["origin"], vector["size"], octets(vector["root"]))
    assert [one.key.name for one in found.cosignatures] == vector["signers"]
    assert parse_checkpoint(vector["note"]).note == vector["note"]


@vectors("checkpoint", refused=True)
def test_what_is_refused(vector: Vector) -> None:
    assert_refused(vector, lambda: verify(vector))


@vectors("checkpoint", "vkeys", refused=False)
def test_verifier_keys(vector: Vector) -> None:
    key = parse_vkey(vector["vkey"])
    assert (key.name, key.key_id, key.public_key) == (
        vector["name"],
        octets(vector["key_id"]),
        octets(vector["public_key"]),
    )
    assert key.vkey == vector["vkey"]


@vectors("checkpoint", "vkeys", refused=True)
def test_what_is_no_verifier_key(vector: Vector) -> None:
    assert_refused(vector, lambda: parse_vkey(vector["vkey"]))


def test_our_keys_sign_what_the_vectors_hold() -> None:
    """The vectors were put together by hand: signing with this code gives the same bytes."""
    vector = json.loads((FOLDER / "checkpoint.json").read_text(encoding="utf-8"))["vectors"][0]
    checkpoint = Checkpoint(vector["origin"], vector["size"], octets(vector["root"]))
    witnesses = [witness_key_from_seed(f"witness{n}.example", sha256(b"witness %d" % n).digest()) for n in range(5)]
    signed = sign_checkpoint(checkpoint, log_key_from_seed(checkpoint.origin, sha256(b"log").digest()))
    signed = add_cosignatures(signed, [cosign(checkpoint, key, TIME) for key in witnesses])
    assert signed.note == vector["note"]
    assert [key.vkey for key in witnesses] == vector["keys"]


def test_the_note_of_the_specification() -> None:
    note = parse_note(EXAMPLE_NOTE)
    key = notes.parse_vkey(EXAMPLE_KEY, ED25519)
    assert note.text == "This is an example message.\n"
    assert [(one.name, one.key_id) for one in note.signatures] == [(key.name, key.key_id)]
    Ed25519PublicKey.from_public_bytes(key.public_key).verify(note.signatures[0].signature, note.text.encode())
    assert encode_note(note) == EXAMPLE_NOTE
    with pytest.raises(MalformedError):
        parse_vkey(EXAMPLE_KEY)


def test_the_checkpoint_of_the_specification() -> None:
    signed = parse_checkpoint(EXAMPLE_CHECKPOINT.encode())
    assert signed.checkpoint.origin == "example.com/behind-the-sofa"
    assert signed.checkpoint.size == 20852163
    assert base64.b64encode(signed.checkpoint.root) == b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
    log, witness = signed.signatures
    assert (log.name, witness.name) == ("example.com/behind-the-sofa", "witness.example.com/w1")
    assert int.from_bytes(witness.signature[:8], "big") == 1679315147
    assert signed.note == EXAMPLE_CHECKPOINT


def test_a_note_may_hold_empty_lines_in_its_text() -> None:
    note = Note("one\n\ntwo\n\n", (NoteSignature("a", b"1234", b"s"),))
    assert parse_note(encode_note(note)) == note


def test_bytes_that_are_no_text_are_refused() -> None:
    for data in (b"\xff\n\n", SIGNED.note.encode()[:-1] + b"\xc3\n", SIGNED.note.encode("utf-16"), "\ud800\n\n"):
        with pytest.raises(MalformedError):
            parse_note(data)


def test_the_length_of_a_note_is_bounded_in_bytes() -> None:
    for text in ("x" * MAX_NOTE_BYTES, "—" * (MAX_NOTE_BYTES // 3)):
        with pytest.raises(MalformedError, match=f"over {MAX_NOTE_BYTES} bytes"):
            parse_note(f"{text}\n\n— a b\n")


@given(CHECKPOINTS, st.integers(0, MAX_TIME), st.sets(st.integers(0, 4)))
def test_what_is_signed_verifies(checkpoint: Checkpoint, time: int, signers: set[int]) -> None:
    signed = add_cosignatures(
        sign_checkpoint(checkpoint, LOG), [cosign(checkpoint, WITNESSES[signer], time) for signer in sorted(signers)]
    )
    parsed = parse_checkpoint(signed.note)
    assert parsed == signed == parse_checkpoint(signed.note.encode())
    for threshold in range(1, 6):
        if len(signers) < threshold:
            with pytest.raises(QuorumError) as caught:
                verify_cosignatures(parsed, KEYS, threshold)
            assert (caught.value.valid, caught.value.required) == (len(signers), threshold)
            continue
        found = verify_cosignatures(parsed, KEYS, threshold)
        assert (found.origin, found.size, found.root) == (checkpoint.origin, checkpoint.size, checkpoint.root)
        assert {one.key.name for one in found.cosignatures} == {KEYS[signer].name for signer in signers}
        assert {one.time for one in found.cosignatures} == {time}


@given(st.integers(0, 8 * len(SIGNED.note.encode()) - 1))
def test_a_bit_flipped_is_refused_but_in_the_line_of_the_log(bit: int) -> None:
    data = bytearray(SIGNED.note.encode())
    data[bit // 8] ^= 1 << bit % 8
    try:
        verify_cosignatures(parse_checkpoint(bytes(data)), KEYS, 5)
    except (MalformedError, SignatureError, QuorumError):
        return
    assert SIGNED.signatures[0].line.encode() not in data
    assert all(one.line.encode() in data for one in SIGNED.signatures[1:])


def test_a_note_cut_anywhere_is_refused() -> None:
    data = SIGNED.note.encode()
    for length in range(len(data)):
        with pytest.raises((MalformedError, QuorumError)):
            verify_cosignatures(parse_checkpoint(data[:length]), KEYS, 5)


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_a_note_or_malformed(data: bytes | str) -> None:
    for parse in (parse_note, parse_checkpoint):
        with pytest.raises(MalformedError):
            parse(data)


@given(st.text(max_size=60), st.lists(st.text(max_size=30), max_size=4))
def test_any_text_with_any_lines_is_a_note_or_malformed(text: str, lines: list[str]) -> None:
    data = f"{text}\n\n" + "".join(f"— {line}\n" for line in lines)
    try:
        assert encode_note(parse_note(data)) == data
    except MalformedError:
        return


@given(st.text(max_size=60) | st.from_regex(r"[a-z.]{1,9}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}", fullmatch=True))
def test_any_text_is_a_key_or_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_vkey(text)


def test_lines_in_another_order_say_the_same() -> None:
    for lines in itertools.islice(itertools.permutations(SIGNED.signatures), 0, 720, 37):
        note = encode_note(Note(CHECKPOINT.text, lines))
        assert len(verify_cosignatures(parse_checkpoint(note), KEYS, 5).cosignatures) == 5


def test_a_cosignature_is_of_its_checkpoint_alone() -> None:
    changed = [
        Checkpoint("vinculum.example/1", CHECKPOINT.size, CHECKPOINT.root),
        Checkpoint(CHECKPOINT.origin, 43, CHECKPOINT.root),
        Checkpoint(CHECKPOINT.origin, CHECKPOINT.size, sha256(b"other").digest()),
        Checkpoint(CHECKPOINT.origin, CHECKPOINT.size, CHECKPOINT.root, ("more",)),
    ]
    for checkpoint in changed:
        note = encode_note(Note(checkpoint.text, SIGNED.signatures))
        with pytest.raises(SignatureError, match=r"witness1\.example"):
            verify_cosignatures(parse_checkpoint(note), KEYS, 3)


def test_signatures_are_not_repeated() -> None:
    again = add_cosignatures(SIGNED, SIGNED.signatures)
    assert again == SIGNED
    line = NoteSignature("a", b"1234", b"s")
    assert add_signatures(Note("x\n", ()), [line, line]).signatures == (line,)


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("", 1, bytes(32)),
        Checkpoint("two\nlines", 1, bytes(32)),
        Checkpoint("a\tb", 1, bytes(32)),
        Checkpoint("\ud800", 1, bytes(32)),
        Checkpoint("x" * MAX_NOTE_BYTES, 1, bytes(32)),
        Checkpoint("a", -1, bytes(32)),
        Checkpoint("a", 2**63, bytes(32)),
        Checkpoint("a", 1, bytes(31)),
        Checkpoint("a", 1, bytes(32), ("",)),
        Checkpoint("a", 1, bytes(32), ("two\nlines",)),
        Checkpoint("a", 1, bytes(32), ("x",) * (MAX_EXTENSIONS + 1)),
    ],
)
def test_what_could_not_be_parsed_is_not_signed(checkpoint: Checkpoint) -> None:
    with pytest.raises(MalformedError):
        sign_checkpoint(checkpoint, LOG)
    with pytest.raises(MalformedError):
        cosign(checkpoint, WITNESSES[0], TIME)


def test_logs_and_witnesses_sign_their_own_way_only() -> None:
    with pytest.raises(MalformedError, match="key of a log"):
        sign_checkpoint(CHECKPOINT, WITNESSES[0])
    with pytest.raises(MalformedError, match="key of a witness"):
        cosign(CHECKPOINT, LOG, TIME)
    for time in (-1, MAX_TIME + 1):
        with pytest.raises(MalformedError):
            cosign(CHECKPOINT, WITNESSES[0], time)
    with pytest.raises(MalformedError, match="not of a witness"):
        verify_cosignatures(SIGNED, [*KEYS, LOG.public], 3)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\tb", "a\u2028b", "\u00a0", " a", "x" * 257])
def test_names_that_no_note_can_bear(name: str) -> None:
    with pytest.raises(MalformedError, match="key name"):
        witness_key_from_seed(name, bytes(32))


def test_a_signing_key_shows_no_secret() -> None:
    seed = bytes(range(32))
    key = witness_key_from_seed("witness.example", seed)
    assert seed.hex() not in f"{key!r} {vars(key)}"


@pytest.mark.parametrize("witnesses", range(1, 12))
def test_thresholds_with_which_two_halves_cannot_both_sign(witnesses: int) -> None:
    for liars, threshold in itertools.product(range(witnesses + 1), range(-1, witnesses + 2)):
        # n - liars honest witnesses sign one history each; the liars sign both.
        two_histories = 2 * threshold <= (witnesses - liars) + 2 * liars
        if 1 <= threshold <= witnesses and not two_histories:
            check_threshold(threshold, witnesses, liars)
            continue
        with pytest.raises(MalformedError, match="threshold"):
            check_threshold(threshold, witnesses, liars)


def test_a_threshold_does_not_count_less_than_no_liars() -> None:
    with pytest.raises(MalformedError):
        check_threshold(1, 3, -2)


def test_every_error_is_one_of_verification() -> None:
    with pytest.raises(VerificationError):
        verify_cosignatures(SIGNED, KEYS, 0)


@pytest.mark.parametrize(
    "point",
    [
        "01" + "00" * 31,  # the neutral point: R = itself, S = 0 is a signature of every text
        "ee" + "ff" * 30 + "7f",  # the same point in another encoding, so that one key could stand there twice
        "ec" + "ff" * 30 + "7f",  # order 2
        "00" * 32,  # order 4
        "02" + "00" * 31,  # no point
    ],
)
def test_a_witness_key_under_which_anybody_can_sign_is_refused(point: str) -> None:
    key = VerifierKey("w.example", COSIGNATURE, bytes.fromhex(point))
    with pytest.raises(MalformedError):
        parse_vkey(key.vkey)

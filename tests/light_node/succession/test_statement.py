"""Successions of trust files: what is signed, by whom, and what can never stand for one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import (
    MalformedError,
    QuorumError,
    RollbackError,
    SignatureError,
    StaleError,
    UntrustedError,
    VerificationError,
)
from ledger.proof.checkpoint import Checkpoint, log_key_from_seed, parse_checkpoint, sign_checkpoint
from ledger.proof.cosignature import parse_vkey, verify_cosignatures, witness_key_from_seed
from ledger.proof.note import NoteSignature, SigningKey
from light_node.succession.rules import check_period, check_place
from light_node.succession.statement import (
    FORMAT,
    SignedSuccession,
    Succession,
    encode_succession,
    key_id_of,
    parse_succession,
    sign_succession,
    succession_of,
    verify_signatures,
    verify_succession,
)
from light_node.trust import Trust, TrustedBlock, TrustedContract
from light_node.trust_rules import Source, ValidatorRule, WitnessRule
from tests.light_node.succession.making import NEWCOMERS, WORLD, A, B, C, D, body, by, note, signed
from tests.simulator.chain import CHAIN_ID, ORIGIN
from tests.simulator.witnesses import (
    STRANGER,
    WITNESSES,
    checkpoint_body,
    cosigned,
    succeeded,
    succession_body,
)

KEYS = [parse_vkey(one.vkey) for one in WITNESSES]
SEALED = replace(A, finality=ValidatorRule(Source.VOTES, (b"\1" * 20,), epoch_length=1), block_hash_rule="qbft")
LATER = WORLD.chain.blocks[1]


def at(trust: Trust, number: int, block_hash: bytes, time: int) -> Trust:
    return replace(trust, trusted_block=TrustedBlock(number, block_hash, time))


class TestSigned:
    def test_k_witnesses_of_the_old_one_put_the_new_one_in_its_place(self) -> None:
        verified = verify_succession(A, B, signed(A, B))
        assert verified.witnesses == tuple(one.name for one in WITNESSES[:2])
        assert (verified.statement.old.hex(), verified.statement.new.hex()) == tuple(
            one.fingerprint().replace(" ", "") for one in (A, B)
        )

    def test_what_the_code_signs_is_what_the_simulator_signs(self) -> None:
        keys = [
            witness_key_from_seed(one.name, hashlib.sha256(bytes((n,))).digest()) for n, one in enumerate(WITNESSES)
        ]
        statement = succession_of(A, B)
        lines = tuple(sign_succession(statement, key) for key in keys[:2])
        assert encode_succession(SignedSuccession(statement, lines)) == note(A, B)

    def test_a_later_block_may_be_pinned(self) -> None:
        new = at(B, LATER.number, LATER.hash, LATER.time)
        assert verify_succession(A, new, signed(A, new)).statement.chain_id == CHAIN_ID

    def test_lines_of_strangers_change_nothing(self) -> None:
        assert len(verify_succession(A, B, signed(A, B, (STRANGER, *WITNESSES, NEWCOMERS[0]))).witnesses) == 3


class TestTooFew:
    @pytest.mark.parametrize(
        "witnesses",
        [
            WITNESSES[:1],
            (STRANGER,),
            (WITNESSES[0], STRANGER),
            NEWCOMERS,  # the new file's witnesses vouch for nothing yet
            (WITNESSES[0], *NEWCOMERS),
        ],
    )
    def test_fewer_than_k_of_the_old_one(self, witnesses: tuple[object, ...]) -> None:
        with pytest.raises(QuorumError):
            verify_succession(A, C, signed(A, C, witnesses))  # type: ignore[arg-type]

    def test_one_witness_twice(self) -> None:
        with pytest.raises(MalformedError, match="two signatures by"):
            verify_signatures(A, signed(A, B, (WITNESSES[0], WITNESSES[0])))

    def test_one_key_under_two_names(self) -> None:
        alias = WITNESSES[0].succession_line(body(A, B), "witness-1.example")
        data = note(A, B, WITNESSES[:1]).decode() + alias
        with pytest.raises(QuorumError):
            verify_signatures(A, parse_succession(data))

    def test_a_trust_file_that_names_one_key_twice_has_no_successor(self) -> None:
        twice = replace(A, finality=WitnessRule(ORIGIN, 2, (WITNESSES[0].vkey, WITNESSES[0].vkey_under("x")), 0))
        with pytest.raises(MalformedError):
            verify_signatures(twice, signed(twice, B))

    @pytest.mark.parametrize("other", [B, C, D])
    def test_signatures_of_another_succession(self, other: Trust) -> None:
        wanted, there = body(A, replace(A, maximum_age_seconds=2)), body(A, other)
        lines = "".join(one.succession_line(there) for one in WITNESSES[:2])
        with pytest.raises(SignatureError):
            verify_signatures(A, parse_succession(f"{wanted}\n{lines}"))

    @pytest.mark.parametrize("bit", range(0, 64 * 8, 37))
    def test_a_bit_of_a_signature(self, bit: int) -> None:
        whole = signed(A, B)
        octets = bytearray(whole.signatures[0].signature)
        octets[bit // 8] ^= 1 << bit % 8
        line = replace(whole.signatures[0], signature=bytes(octets))
        with pytest.raises(SignatureError):
            verify_signatures(A, replace(whole, signatures=(line, *whole.signatures[1:])))

    @pytest.mark.parametrize("length", [1, 63, 65, 72])
    def test_a_signature_of_another_length(self, length: int) -> None:
        whole = signed(A, B)
        line = replace(whole.signatures[0], signature=bytes(length))
        with pytest.raises(MalformedError):
            verify_signatures(A, replace(whole, signatures=(line, *whole.signatures[1:])))


class TestOther:
    def test_a_succession_of_another_trust_file(self) -> None:
        with pytest.raises(UntrustedError):
            verify_signatures(B, signed(A, C, WITNESSES))

    def test_a_succession_to_another_trust_file(self) -> None:
        with pytest.raises(UntrustedError, match="another trust file"):
            verify_succession(A, C, signed(A, B))

    @pytest.mark.parametrize("changed", [{"origin": "elsewhere.example/blocks"}, {"chain_id": 7}])
    def test_another_log_or_chain(self, changed: dict[str, object]) -> None:
        data = succeeded(body(A, B, **changed))  # type: ignore[arg-type]
        with pytest.raises(UntrustedError):
            verify_signatures(A, parse_succession(data))

    @pytest.mark.parametrize(
        ("new", "error"),
        [
            (replace(B, chain_id=7), UntrustedError),
            (replace(B, consortium=TrustedContract(b"\1" * 20, bytes(32))), UntrustedError),
            (replace(B, finality=replace(B.finality, origin="other")), UntrustedError),  # type: ignore[type-var]
            (SEALED, UntrustedError),
            (at(B, 0, b"\1" * 32, A.trusted_block.time), UntrustedError),
            (at(B, 0, A.trusted_block.hash, A.trusted_block.time + 1), UntrustedError),
            (at(B, 5, b"\1" * 32, A.trusted_block.time - 1), RollbackError),
        ],
    )
    def test_what_no_witness_can_put_in_place(self, new: Trust, error: type[VerificationError]) -> None:
        with pytest.raises(error):
            verify_succession(A, new, signed(A, new, WITNESSES))
        with pytest.raises(error):
            succession_of(A, new)

    def test_a_block_before_the_old_one(self) -> None:
        old = at(A, LATER.number, LATER.hash, LATER.time)
        with pytest.raises(RollbackError):
            verify_succession(old, B, signed(old, B))
        with pytest.raises(RollbackError):
            check_place(old, B)

    def test_validators_sign_no_successor(self) -> None:
        for call in (lambda: verify_signatures(SEALED, signed(SEALED, B)), lambda: succession_of(SEALED, B)):
            with pytest.raises(UntrustedError, match="validators"):
                call()

    def test_a_trust_file_does_not_follow_itself(self) -> None:
        with pytest.raises(MalformedError):
            parse_succession(note(A, A))
        with pytest.raises(MalformedError):
            succession_of(A, A)


class TestDomains:
    """Nothing that a witness signs for the one purpose stands for the other."""

    def test_a_checkpoint_is_no_succession(self) -> None:
        with pytest.raises(MalformedError):
            parse_succession(cosigned(checkpoint_body(ORIGIN, 5, bytes(32)), 1, WITNESSES))

    def test_a_succession_is_no_checkpoint(self) -> None:
        with pytest.raises(MalformedError):
            parse_checkpoint(note(A, B))

    @given(st.text(max_size=80), st.integers(0, 2**40), st.binary(min_size=32, max_size=32), st.lists(st.text()))
    def test_no_checkpoint_whatever_its_origin_and_lines_is_a_succession(
        self, origin: str, size: int, root: bytes, lines: list[str]
    ) -> None:
        for one in (origin, f"{FORMAT} {origin}", f"{FORMAT} {origin}\nchain 1"):
            text = Checkpoint(one, size, root, tuple(lines)).text
            with pytest.raises(MalformedError):
                parse_succession(f"{text}\n{WITNESSES[0].succession_line(text)}")

    def test_a_cosignature_does_not_count_under_a_succession(self) -> None:
        text = body(A, B)
        with pytest.raises(QuorumError):  # as the witness writes it: lines of strangers
            verify_signatures(A, parse_succession(text + "\n" + "".join(one.line(text, 1) for one in WITNESSES)))

    def test_a_cosignature_of_the_very_text_does_not_verify_as_a_succession(self) -> None:
        statement, keys = signed(A, B).statement, _signing_keys()
        whole = [cosign_anything(key, statement.text) for key in keys]
        for cut in (slice(8, None), slice(0, 64)):
            lines = tuple(
                replace(line, key_id=key_id_of(key.public), signature=line.signature[cut])
                for line, key in zip(whole, keys, strict=True)
            )
            with pytest.raises(SignatureError):
                verify_signatures(A, SignedSuccession(statement, lines))

    def test_a_signature_of_a_succession_does_not_verify_as_a_cosignature(self) -> None:
        """Under a checkpoint whose origin is the text of a succession as far as a line can hold it."""
        origin = body(A, B).partition("\n")[0]
        checkpoint = checkpoint_body(origin, 5, bytes(32))
        by_id = "".join(one.succession_line(checkpoint) for one in WITNESSES)
        with pytest.raises(QuorumError):
            verify_cosignatures(parse_checkpoint(f"{checkpoint}\n{by_id}"), KEYS, 1)
        for key in KEYS:
            number = KEYS.index(key)
            line = WITNESSES[number].bare_line(checkpoint, key.key_id + bytes(8), key.name)
            with pytest.raises(SignatureError):
                verify_cosignatures(parse_checkpoint(f"{checkpoint}\n{line}"), KEYS, 1)

    def test_no_key_of_a_log_signs_a_succession_and_none_of_a_witness_a_bare_note(self) -> None:
        log = log_key_from_seed("log.example", bytes(32))
        with pytest.raises(MalformedError):
            sign_succession(signed(A, B).statement, log)
        with pytest.raises(MalformedError):
            sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(32)), _signing_keys()[0])

    def test_a_log_cannot_be_made_to_sign_one_as_its_checkpoint(self) -> None:
        """Its signature is of the bare text, as ours is; but no checkpoint has this text."""
        log, statement = log_key_from_seed("log.example", bytes(32)), signed(A, B).statement
        first, second, *rest = statement.text.splitlines()
        for origin, lines in ((first, (second, *rest)), (f"{first}\n{second}", tuple(rest)), (statement.text, ())):
            signed_one = sign_or_none(Checkpoint(origin, 1, bytes(32), lines), log)
            assert signed_one is None or signed_one != statement.text

    def test_the_key_id_is_of_a_type_of_its_own(self) -> None:
        ids = {key_id_of(key) for key in KEYS} | {key.key_id for key in KEYS}
        assert len(ids) == 2 * len(KEYS)


class TestFormat:
    def test_it_is_written_as_it_was_read(self) -> None:
        data = note(A, B)
        assert encode_succession(parse_succession(data)) == data

    @pytest.mark.parametrize(
        "change",
        [
            lambda text: text.replace("/v1 ", "/v2 "),
            lambda text: text.replace("/v1 ", "/v1  ", 1).replace("/v1  ", "/v1\t"),
            lambda text: text.replace(f"{FORMAT} {ORIGIN}", f"{FORMAT} "),
            lambda text: text.replace(f"{FORMAT} ", ""),
            lambda text: text.replace(ORIGIN, "o" * 257),
            lambda text: text.replace("chain ", "chain 0"),
            lambda text: text.replace("chain ", "chain -"),
            lambda text: text.replace(f"chain {CHAIN_ID}", "chain 9007199254740993"),
            lambda text: text.replace(f"chain {CHAIN_ID}", "chain 0"),
            lambda text: text.replace(f"chain {CHAIN_ID}", "chain \u0663"),
            lambda text: text.replace("old ", "old 0x"),
            lambda text: text.replace("old ", "Old "),
            lambda text: text.replace("old ", "old 0"),
            lambda text: text.replace("new ", "new  "),
            lambda text: text.replace("new ", "\nnew "),
            lambda text: text.replace("old ", "new ", 1),
            lambda text: text.replace("\nnew ", " new "),
            lambda text: text.upper(),
            lambda text: f"{text}further\n",
            lambda text: f"{text}\n",
            lambda text: f"\n{text}",
            lambda text: text.replace("\n", "\r\n"),
            lambda text: "".join(reversed(text.splitlines(keepends=True))),
            lambda text: "".join(text.splitlines(keepends=True)[:-1]),
            lambda _: "",
            lambda _: "\n",
        ],
    )
    def test_a_text_out_of_its_form_is_malformed(self, change: Callable[[str], str]) -> None:
        text = change(body(A, B))
        with pytest.raises(MalformedError):
            parse_succession(f"{text}\n{WITNESSES[0].succession_line(text)}")

    @pytest.mark.parametrize(
        "data",
        [b"", b"\n\n", b"\xff" * 9, body(A, B), body(A, B) + "\n", note(A, B)[:-1], note(A, B) + b"\n", b"x" * 70_000],
    )
    def test_what_is_no_note_is_malformed(self, data: bytes | str) -> None:
        with pytest.raises(MalformedError):
            parse_succession(data)

    def test_over_the_number_of_signatures(self) -> None:
        data = note(A, B).decode() + 320 * STRANGER.succession_line(body(A, B))
        with pytest.raises(MalformedError):
            parse_succession(data)

    @pytest.mark.parametrize(
        "statement",
        [
            Succession("", 1, bytes(32), b"\1" * 32),
            Succession("two\nlines", 1, bytes(32), b"\1" * 32),
            Succession("o", 0, bytes(32), b"\1" * 32),
            Succession("o", 2**53, bytes(32), b"\1" * 32),
            Succession("o", 1, bytes(31), b"\1" * 32),
            Succession("o", 1, bytes(32), bytes(32)),
            Succession("o\x07", 1, bytes(32), b"\1" * 32),
        ],
    )
    def test_what_cannot_be_read_is_neither_signed_nor_written(self, statement: Succession) -> None:
        with pytest.raises(MalformedError):
            sign_succession(statement, _signing_keys()[0])
        with pytest.raises(MalformedError):
            encode_succession(SignedSuccession(statement, signed(A, B).signatures))

    def test_without_signatures_it_is_not_written(self) -> None:
        with pytest.raises(MalformedError):
            encode_succession(SignedSuccession(signed(A, B).statement, ()))

    def test_every_bit_of_the_text_is_signed(self) -> None:
        text = body(A, B)
        lines = "".join(one.succession_line(text) for one in WITNESSES[:2])
        for place in range(len(text)):
            octets = bytearray(text.encode())
            octets[place] ^= 1
            with pytest.raises(VerificationError):
                verify_succession(A, B, parse_succession(bytes(octets) + f"\n{lines}".encode()))


class TestPeriod:
    def test_within_it_the_old_keys_are_believed(self) -> None:
        start = A.trusted_block.time
        check_period(A, B, 0, start + A.trusting_period_seconds)
        check_period(A, B, start + 10, start + 10 + A.trusting_period_seconds)
        check_period(A, B, 0, start - 60)

    @pytest.mark.parametrize(("last", "after"), [(0, 1), (10, 11)])
    def test_beyond_it_they_are_not(self, last: int, after: int) -> None:
        start = A.trusted_block.time
        with pytest.raises(StaleError, match="beyond the trusting period"):
            check_period(A, B, start + last if last else 0, start + after + A.trusting_period_seconds)

    def test_a_block_from_the_future_is_not_gone_on_from(self) -> None:
        now = A.trusted_block.time
        check_period(A, at(B, 1, bytes(32), now + 60), 0, now)
        with pytest.raises(StaleError, match="future"):
            check_period(A, at(B, 1, bytes(32), now + 61), 0, now)

    def test_a_clock_behind_the_last_head_says_nothing(self) -> None:
        with pytest.raises(StaleError, match="clock"):
            check_period(A, B, A.trusted_block.time + 100, A.trusted_block.time)


def test_a_body_of_the_simulator_is_that_of_the_code() -> None:
    assert succession_of(A, B).text == succession_body(ORIGIN, CHAIN_ID, A.fingerprint(), B.fingerprint())
    assert by(A, WITNESSES) == A


def _signing_keys() -> list[SigningKey]:
    return [witness_key_from_seed(one.name, hashlib.sha256(bytes((n,))).digest()) for n, one in enumerate(WITNESSES)]


def cosign_anything(key: SigningKey, text: str) -> NoteSignature:
    """What a witness that looks at nothing would sign as a cosignature of a text."""
    number = next(n for n, one in enumerate(WITNESSES) if one.name == key.public.name)
    data = f"{text}\n{WITNESSES[number].line(text, 7)}"
    return parse_succession(data).signatures[0]


def sign_or_none(checkpoint: Checkpoint, key: SigningKey) -> str | None:
    try:
        return sign_checkpoint(checkpoint, key).checkpoint.text
    except MalformedError:
        return None

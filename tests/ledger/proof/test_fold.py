"""The head: no entry can be changed, moved, left out, added or doubled without another head."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.proof.fold import EMPTY_HEAD, BareLeaf, Entry, Meta, fold, leaf, next_head, parse_meta
from tests.ledger.proof.vectors import FOLDER, Vector, assert_refused, octets, vectors

WORDS = st.binary(min_size=32, max_size=32)
METAS = st.builds(Meta, st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**48 - 1))
ENTRIES = st.builds(Entry, WORDS, METAS.map(lambda meta: meta.word), st.integers(0, 255))
HISTORIES = st.lists(ENTRIES, min_size=1, max_size=8)


def entry_of(value: Vector) -> Entry | BareLeaf:
    if "leaf" in value:
        return BareLeaf(octets(value["leaf"]), value["status"])
    return Entry(octets(value["digest"]), octets(value["meta"]), value["status"])


@vectors("fold", refused=False)
def test_histories_and_their_heads(vector: Vector) -> None:
    head = fold(map(entry_of, vector["entries"]))
    assert head == octets(vector["head"])
    if vector["entries"]:
        assert head[0] == vector["entries"][-1]["status"]


@vectors("fold", refused=True)
def test_forgeries_have_another_head(vector: Vector) -> None:
    assert fold(map(entry_of, vector["entries"])) != octets(vector["head"])


@vectors("fold", "meta", refused=False)
def test_meta_words(vector: Vector) -> None:
    meta = Meta(vector["kind"], vector["organisation"], vector["time"])
    assert parse_meta(octets(vector["meta"])) == meta
    assert meta.word == octets(vector["meta"])


@vectors("fold", "meta", refused=True)
def test_what_is_no_meta_word(vector: Vector) -> None:
    assert_refused(vector, lambda: parse_meta(octets(vector["meta"])))


@given(METAS)
def test_meta_has_one_word(meta: Meta) -> None:
    assert parse_meta(meta.word) == meta
    assert int.from_bytes(meta.word, "big").bit_length() == 97


@given(st.binary(max_size=34) | WORDS)
def test_any_bytes_are_meta_or_malformed(data: bytes) -> None:
    try:
        assert parse_meta(data).word == data
    except MalformedError:
        assert len(data) != 32 or data[:20] != (1).to_bytes(20, "big")


@given(HISTORIES)
def test_bare_leaves_fold_alike(history: list[Entry]) -> None:
    head = fold(history)
    assert fold([BareLeaf(entry.leaf, entry.status) for entry in history]) == head
    assert fold(history[1:], fold(history[:1])) == head
    assert head[0] == history[-1].status


@given(HISTORIES, st.data())
def test_leaving_out_doubling_adding_or_moving_changes_the_head(history: list[Entry], draw: st.DataObject) -> None:
    head = fold(history)
    one, other = (draw.draw(st.integers(0, len(history) - 1)) for _ in range(2))
    moved = [*history[:one], *history[one + 1 :]]
    assert fold(moved) != head
    assert fold([*history[: one + 1], *history[one:]]) != head
    assert fold([*history[:one], draw.draw(ENTRIES), *history[one:]]) != head
    moved.insert(other, history[one])
    assert (fold(moved) == head) is (moved == history)
    swapped = list(history)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert (fold(swapped) == head) is (swapped == history)


@given(HISTORIES, st.data())
def test_changing_a_bit_changes_the_head(history: list[Entry], draw: st.DataObject) -> None:
    head = fold(history)
    place, bit = draw.draw(st.integers(0, len(history) - 1)), draw.draw(st.integers(0, 255))
    entry = history[place]
    change = (1 << bit).to_bytes(32, "big")
    digest = bytes(a ^ b for a, b in zip(entry.digest, change, strict=True))
    meta = bytes(a ^ b for a, b in zip(entry.meta, change, strict=True))
    for changed in (
        Entry(digest, entry.meta, entry.status),
        Entry(entry.digest, meta, entry.status),
        Entry(entry.digest, entry.meta, entry.status ^ 1 << bit % 8),
    ):
        assert fold([*history[:place], changed, *history[place + 1 :]]) != head


def test_the_border_between_words_cannot_be_moved() -> None:
    digest, meta = bytes(range(32)), bytes(range(32, 64))
    for first, second in (((digest + meta[:1]), meta[1:]), (digest[:-1], digest[-1:] + meta), (b"", digest + meta)):
        with pytest.raises(MalformedError, match="32 are needed"):
            leaf(first, second)
        with pytest.raises(MalformedError, match="32 are needed"):
            next_head(first, second, 1)
        with pytest.raises(MalformedError, match="32 are needed"):
            fold([Entry(first, second, 1)])


@pytest.mark.parametrize("status", [-1, 256, 2**64])
def test_a_status_is_one_byte(status: int) -> None:
    with pytest.raises(MalformedError, match="status"):
        next_head(EMPTY_HEAD, bytes(32), status)


def test_a_first_head_is_not_empty_even_with_status_zero() -> None:
    assert next_head(EMPTY_HEAD, bytes(32), 0) != EMPTY_HEAD
    assert fold([]) == EMPTY_HEAD


def test_forgeries_are_of_the_life_that_is_told() -> None:
    found = json.loads((FOLDER / "fold.json").read_text(encoding="utf-8"))["vectors"]
    heads = {one["head"] for one in found if "error" in one}
    assert heads <= {one["head"] for one in found if "error" not in one}

"""CARs: any bytes are refused or are exactly what was written; a batch is whole or refused."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs.batch import Batch
from ipfs.car import (
    HEADER_BYTES,
    encode_header,
    encode_section_start,
    locate_sections,
    parse_car,
    parse_header,
    verify_batch,
    write_car,
)
from ipfs.cid import DAG_PB, MAX_BLOCK_BYTES, Block, Cid, cid_of_raw
from ledger.errors import ContentMismatchError, MalformedError, TooLargeError, VerificationError
from tests.ipfs.content import content

NO_LIMIT = 1 << 40


def _batch(*documents: bytes) -> tuple[Cid, list[Block]]:
    with Batch() as batch:
        for document in documents:
            batch.add(document)
        return batch.root(), list(batch.blocks())


ROOT, BLOCKS = _batch(b"first", b"second document", b"")
CAR = b"".join(write_car(ROOT, BLOCKS))


def _whole(data: bytes, max_bytes: int = NO_LIMIT) -> tuple[Cid, list[Block]]:
    root, blocks = parse_car(io.BytesIO(data), max_bytes)
    return root, list(verify_batch(root, blocks))


class _Dripping(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(1, size or 0))


def test_car_round_trips() -> None:
    assert _whole(CAR) == (ROOT, BLOCKS)
    root, blocks = parse_car(_Dripping(CAR), NO_LIMIT)
    assert (root, list(blocks)) == (ROOT, BLOCKS)


def test_header_is_the_one_in_the_specification() -> None:
    # {"roots": [CID], "version": 1} in DAG-CBOR, after its length
    assert encode_header(ROOT).hex() == ("3aa265726f6f747381d82a582500" + bytes(ROOT).hex() + "6776657273696f6e01")


def test_sections_are_located_without_reading_blocks() -> None:
    stream = io.BytesIO(CAR)
    assert parse_header(stream) == ROOT
    for (cid, offset, length), block in zip(locate_sections(stream), BLOCKS, strict=True):
        assert (cid, CAR[offset : offset + length]) == (block.cid, block.data)


def test_every_flipped_bit_is_refused() -> None:
    for at in range(len(CAR)):
        for bit in range(8):
            with pytest.raises(VerificationError):
                _whole(CAR[:at] + bytes([CAR[at] ^ 1 << bit]) + CAR[at + 1 :])


def test_every_truncation_is_refused() -> None:
    for size in range(len(CAR)):
        with pytest.raises(VerificationError):
            _whole(CAR[:size])


@given(st.binary(max_size=200), st.integers(0, len(CAR)))
def test_any_bytes_are_refused(junk: bytes, kept: int) -> None:
    if CAR[kept:] != junk:
        with pytest.raises(VerificationError):
            _whole(CAR[:kept] + junk)


@pytest.mark.parametrize(
    ("why", "section"),
    [
        ("length zero", b"\x00"),
        ("shorter than a CID", b"\x23" + bytes(35)),
        ("length not the shortest", b"\xa9\x00" + bytes(BLOCKS[0].cid) + b"first"),
        ("length of five bytes", b"\xff\xff\xff\xff\x01"),
        ("longer than a block may be", b"\xa5\x80\x80\x01"),
        ("CIDv0", b"\x2b" + bytes(BLOCKS[0].cid)[2:] + b"nine byte"),
        ("another block's bytes", encode_section_start(BLOCKS[0].cid, 5) + b"First"),
    ],
)
def test_other_sections_are_refused(why: str, section: bytes) -> None:
    _, blocks = parse_car(io.BytesIO(encode_header(ROOT) + section), NO_LIMIT)
    with pytest.raises(VerificationError):
        list(blocks)


@pytest.mark.parametrize(
    "header",
    [
        b"",
        encode_header(ROOT)[:-1] + b"\x02",  # version 2
        encode_header(ROOT).replace(b"roots", b"stoor"),
        b"\x11\xa2eroots\x80gversion\x01",
        b"\x0a\xa1gversion\x02",  # pragma of CARv2
        encode_header(ROOT)[:10] + b"\x80" + encode_header(ROOT)[11:],  # no roots
        encode_header(ROOT)[:10] + b"\x82" + encode_header(ROOT)[11:],  # two
    ],
)
def test_other_headers_are_refused(header: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_header(io.BytesIO(header + bytes(100 if header else 0)))


def test_the_limit_is_on_the_whole_car() -> None:
    assert _whole(CAR, len(CAR)) == (ROOT, BLOCKS)
    with pytest.raises(TooLargeError):
        _whole(CAR, len(CAR) - 1)
    with pytest.raises(TooLargeError):
        _whole(CAR, HEADER_BYTES)


def test_a_claimed_length_is_not_read_beyond_the_limit() -> None:
    head = encode_header(ROOT) + encode_section_start(BLOCKS[0].cid, MAX_BLOCK_BYTES)
    with pytest.raises(TooLargeError):
        _whole(head, 1000)


def test_a_batch_in_any_order_is_whole() -> None:
    assert list(verify_batch(ROOT, BLOCKS[::-1])) == BLOCKS[::-1]


@pytest.mark.parametrize("left_out", range(len(BLOCKS)))
def test_a_batch_without_one_of_its_blocks_is_refused(left_out: int) -> None:
    with pytest.raises(ContentMismatchError):
        list(verify_batch(ROOT, BLOCKS[:left_out] + BLOCKS[left_out + 1 :]))


def test_a_file_without_one_of_its_leaves_is_refused() -> None:
    with Batch() as batch:
        batch.add_file([content(3_000_000)])
        root, blocks = batch.root(), list(batch.blocks())
    assert len(list(verify_batch(root, blocks))) == 5
    with pytest.raises(ContentMismatchError):
        list(verify_batch(root, blocks[1:]))


@pytest.mark.parametrize(
    "extra",
    [
        BLOCKS[0],
        Block(cid_of_raw(b"stray"), b"stray"),
        Block(cid_of_raw(bytes(MAX_BLOCK_BYTES + 1)), bytes(MAX_BLOCK_BYTES + 1)),
        Block(Cid(DAG_PB, cid_of_raw(b"no node").digest), b"no node"),
    ],
    ids=["twice", "stray", "too large", "no node"],
)
def test_a_batch_with_one_block_more_is_refused(extra: Block) -> None:
    with pytest.raises(MalformedError):
        list(verify_batch(ROOT, [*BLOCKS, extra]))


def test_a_batch_of_another_root_is_refused() -> None:
    with pytest.raises(ContentMismatchError):
        list(verify_batch(_batch(b"other")[0], BLOCKS))


def test_a_batch_with_a_changed_block_is_refused() -> None:
    with pytest.raises(ContentMismatchError):
        list(verify_batch(ROOT, [Block(BLOCKS[0].cid, b"First"), *BLOCKS[1:]]))

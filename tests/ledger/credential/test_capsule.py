"""Capsules: streams of any size come back whole, or not at all."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from ledger.credential.capsule import open_capsule, seal_capsule
from ledger.credential.capsule_format import (
    CHUNK_BYTES,
    CapsuleReference,
    FileDescription,
    Manifest,
    commit_key,
    describe_file,
    encode_manifest,
    parse_manifest,
    verify_key,
)
from ledger.errors import ContentMismatchError, MalformedError, VerificationError
from ledger.strict_json import canonical_json, parse_json
from tests.ledger.credential.builders import credential, encode, seeded

KEY = seeded("key")(32)
PREFIX = seeded("prefix")(7)
MIB = 1024 * 1024
SMALL = {"reading.csv": b"time,soc\n1,0.5\n", "photo.jpg": bytes(range(256)), "empty": b""}


def pieces(data: bytes, size: int = 65_536) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


def manifest_of(files: dict[str, bytes]) -> Manifest:
    random = seeded("salts")
    described = tuple(describe_file(pieces(data), name, "application/x", random(32)) for name, data in files.items())
    return Manifest(credential().disclosures, sha256(b"document").digest(), described)


def reference_of(manifest: Manifest, key: bytes = KEY) -> CapsuleReference:
    return CapsuleReference("cid", commit_key(key), tuple(described.salted_hash for described in manifest.files))


def sealed(files: dict[str, bytes], key: bytes = KEY) -> bytes:
    return b"".join(seal_capsule(manifest_of(files), map(pieces, files.values()), key, PREFIX))


def read(chunks: Iterable[bytes], reference: CapsuleReference, key: bytes = KEY) -> tuple[Manifest, dict[str, bytes]]:
    opened = open_capsule(chunks, key, reference)
    return opened.manifest, {described.name: b"".join(parts) for described, parts in opened.files}


def seal_contents(contents: list[bytes], key: bytes = KEY, prefix: bytes = PREFIX) -> bytes:
    """The format written a second time, from its description: what someone who holds the key can make."""
    header = b"VNCLCAP\x01" + prefix
    cipher, last = AESGCM(key), len(contents) - 1
    return header + b"".join(
        cipher.encrypt(prefix + number.to_bytes(4, "big") + bytes([number == last]), chunk, header)
        for number, chunk in enumerate(contents)
    )


def framed(manifest: bytes, *files: bytes) -> bytes:
    return len(manifest).to_bytes(4, "big") + manifest + b"".join(files)


@pytest.mark.parametrize("grain", [1, 7, 15, 16, 100, 4096])
def test_files_come_back_whatever_the_grain_of_the_stream(grain: int) -> None:
    manifest = manifest_of(SMALL)
    assert read(pieces(sealed(SMALL), grain), reference_of(manifest)) == (manifest, SMALL)


def test_the_sealed_bytes_are_those_of_the_description() -> None:
    manifest = manifest_of(SMALL)
    assert sealed(SMALL) == seal_contents([framed(encode_manifest(manifest), *SMALL.values())])


def test_without_files_there_is_only_the_manifest() -> None:
    manifest = Manifest(credential().disclosures)
    data = b"".join(seal_capsule(manifest, (), KEY, PREFIX))
    assert read([data], reference_of(manifest)) == (manifest, {})
    assert list(open_capsule([b"", data, b""], KEY, reference_of(manifest)).files) == []


@pytest.mark.parametrize("offset", [-2, -1, 0, 1, 2, MIB - 1, MIB, MIB + 1])
def test_sizes_around_a_chunk(offset: int) -> None:
    """So that the contents end just before, at and after the end of a chunk."""
    head = len(framed(encode_manifest(manifest_of({"f": bytes(MIB)}))))
    size = CHUNK_BYTES - head + offset
    data = sha256(str(offset).encode()).digest() * (size // 32) + bytes(size % 32)
    head_now = len(framed(encode_manifest(manifest_of({"f": data}))))
    capsule = sealed({"f": data})
    chunks = -(-(head_now + size) // CHUNK_BYTES)
    assert len(capsule) == 15 + head_now + size + 16 * chunks
    assert read(pieces(capsule), reference_of(manifest_of({"f": data})))[1] == {"f": data}


def test_a_large_file_does_not_stay_in_memory() -> None:
    count = 48
    block = seeded("block")(MIB)

    def stream() -> Iterator[bytes]:
        return (block for _ in range(count))

    manifest = Manifest((), None, (describe_file(stream(), "video.mp4", "video/mp4", bytes(32)),))
    digest = sha256()
    tracemalloc.start()
    try:
        opened = open_capsule(seal_capsule(manifest, [stream()], KEY, PREFIX), KEY, reference_of(manifest))
        for _, parts in opened.files:
            for part in parts:
                digest.update(part)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert digest.digest() == manifest.files[0].sha256
    assert peak < 12 * MIB


def test_files_that_are_not_read_are_checked_all_the_same() -> None:
    manifest = manifest_of(SMALL)
    names = [described.name for described, _ in open_capsule([sealed(SMALL)], KEY, reference_of(manifest)).files]
    assert names == list(SMALL)
    wrong = seal_contents([framed(encode_manifest(manifest), b"?" * 15, *list(SMALL.values())[1:])])
    with pytest.raises(ContentMismatchError, match="reading"):
        list(open_capsule([wrong], KEY, reference_of(manifest)).files)


# ---- changes ------------------------------------------------------------------------------------------------------


def test_every_flipped_bit_is_refused() -> None:
    files = {"a": b"12345"}
    data, reference = sealed(files), reference_of(manifest_of(files))
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VerificationError):
            read([bytes(changed)], reference)


def test_every_truncation_is_refused() -> None:
    files = {"a": b"12345"}
    data, reference = sealed(files), reference_of(manifest_of(files))
    for length in range(len(data)):
        with pytest.raises(VerificationError):
            read([data[:length]], reference)


@pytest.mark.parametrize("more", [b"\x00", b"\x00" * 16, b"x" * 1000])
def test_trailing_bytes_are_refused(more: bytes) -> None:
    with pytest.raises(ContentMismatchError):
        read([sealed(SMALL), more], reference_of(manifest_of(SMALL)))


LARGE = {"large": bytes(range(256)) * (3 * MIB // 256)}


def records(data: bytes) -> list[bytes]:
    return [data[:15], *pieces(data[15:], CHUNK_BYTES + 16)]


@pytest.mark.parametrize(
    "order",
    ["02134", "01243", "0123", "012", "01", "0", "0234", "1234", "04", "011234", "012344", "012341", "001234", ""],
)
def test_chunks_that_are_moved_dropped_or_repeated_are_refused(order: str) -> None:
    parts = records(sealed(LARGE))
    assert len(parts) == 5
    assert read(parts, reference_of(manifest_of(LARGE)))[1] == LARGE
    with pytest.raises(VerificationError):
        read([parts[int(place)] for place in order], reference_of(manifest_of(LARGE)))


def test_a_chunk_of_another_capsule_is_refused() -> None:
    """Under the same key, which nobody should use twice; the prefix tells them apart."""
    manifest = manifest_of(LARGE)
    ours = records(sealed(LARGE))
    other = b"".join(seal_capsule(manifest, map(pieces, LARGE.values()), KEY, bytes(7)))
    with pytest.raises(ContentMismatchError):
        read([*ours[:2], records(other)[2], *ours[3:]], reference_of(manifest))
    with pytest.raises(ContentMismatchError):
        read([records(other)[0], *ours[1:]], reference_of(manifest))


@pytest.mark.parametrize("split", [[0], [1], [100], [100, 200]])
def test_short_or_empty_chunks_are_refused_though_the_key_sealed_them(split: list[int]) -> None:
    """One contents, one sequence of chunks: no chunk but the last is short, and none is empty."""
    contents = framed(encode_manifest(manifest_of(SMALL)), *SMALL.values())
    cuts = [0, *split, len(contents)]
    parts = [contents[start:end] for start, end in pairwise(cuts)]
    for chunks in (parts, [contents, b""], [*parts, b""]):
        with pytest.raises(VerificationError):
            read([seal_contents(chunks)], reference_of(manifest_of(SMALL)))


def test_an_empty_last_chunk_after_a_full_one_is_refused() -> None:
    head = len(framed(encode_manifest(manifest_of({"f": bytes(MIB)}))))
    data = bytes(CHUNK_BYTES - head)
    manifest = manifest_of({"f": data})
    contents = framed(encode_manifest(manifest), data)
    assert len(contents) == CHUNK_BYTES
    assert read([seal_contents([contents])], reference_of(manifest))[1] == {"f": data}
    with pytest.raises(ContentMismatchError):
        read([seal_contents([contents, b""])], reference_of(manifest))


# ---- keys ---------------------------------------------------------------------------------------------------------


def test_a_wrong_key_is_refused_before_anything_is_read() -> None:
    untouched = iter([sealed(SMALL)])
    for bit in range(256):
        key = (int.from_bytes(KEY, "big") ^ 1 << bit).to_bytes(32, "big")
        with pytest.raises(ContentMismatchError, match="capsule key"):
            open_capsule(untouched, key, reference_of(manifest_of(SMALL)))
    assert next(untouched) == sealed(SMALL)


@pytest.mark.parametrize("key", [b"", KEY[:16], KEY[:-1], KEY + b"\x00"])
def test_a_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(ContentMismatchError):
        open_capsule([sealed(SMALL)], key, reference_of(manifest_of(SMALL)))
    with pytest.raises(MalformedError):
        seal_capsule(Manifest(()), (), key, PREFIX)


@pytest.mark.parametrize("length", [0, 1, 16, 24, 31, 33])
def test_a_key_of_another_length_is_refused_though_the_credential_commits_to_it(length: int) -> None:
    key = bytes(length)
    with pytest.raises(MalformedError):
        open_capsule([sealed(SMALL)], key, reference_of(manifest_of(SMALL), key))


@pytest.mark.parametrize("prefix", [b"", b"123456", b"12345678"])
def test_a_prefix_of_another_length_is_refused(prefix: bytes) -> None:
    with pytest.raises(MalformedError):
        seal_capsule(Manifest(()), (), KEY, prefix)


def test_the_commitment_is_that_of_the_format() -> None:
    assert commit_key(KEY) == sha256(b"vinculum/capsule-key/1" + KEY).digest()
    verify_key(KEY, commit_key(KEY))
    with pytest.raises(ContentMismatchError):
        verify_key(KEY, sha256(KEY).digest())


# ---- files --------------------------------------------------------------------------------------------------------


def test_the_salted_hash_is_that_of_the_format() -> None:
    described = describe_file([b"ab", b"", b"c"], "n", "text/plain", bytes(range(32)))
    assert described.sha256 == sha256(b"abc").digest()
    assert described.size == 3
    assert described.salted_hash == sha256(bytes(range(32)) + sha256(b"abc").digest()).digest()


def test_files_other_than_the_credentials_are_refused() -> None:
    manifest = manifest_of(SMALL)
    hashes = reference_of(manifest).files
    for files in ((), hashes[:2], hashes[::-1], (*hashes, hashes[0]), (bytes(32), *hashes[1:])):
        with pytest.raises(ContentMismatchError, match="list of files"):
            open_capsule([sealed(SMALL)], KEY, replace(reference_of(manifest), files=files))


def test_a_file_under_another_salt_is_refused() -> None:
    manifest = manifest_of(SMALL)
    salted = replace(manifest, files=(replace(manifest.files[0], salt=bytes(32)), *manifest.files[1:]))
    data = b"".join(seal_capsule(salted, map(pieces, SMALL.values()), KEY, PREFIX))
    with pytest.raises(ContentMismatchError):
        read([data], reference_of(manifest))


@pytest.mark.parametrize("change", [b"time,soc\n1,0.6\n", b"time,soc\n1,0.5", b"time,soc\n1,0.5\n\n", b""])
def test_a_file_that_changed_since_it_was_described_is_not_sealed(change: bytes) -> None:
    files = [change, *list(SMALL.values())[1:]]
    with pytest.raises(ContentMismatchError):
        b"".join(seal_capsule(manifest_of(SMALL), map(pieces, files), KEY, PREFIX))


def test_too_few_or_too_many_files_are_not_sealed() -> None:
    for files in ([], list(SMALL.values())[:1], [*SMALL.values(), b"more"]):
        with pytest.raises(ContentMismatchError):
            b"".join(seal_capsule(manifest_of(SMALL), map(pieces, files), KEY, PREFIX))


@pytest.mark.parametrize("position", [0, 1])
def test_contents_other_than_the_manifests_are_refused_though_the_key_sealed_them(position: int) -> None:
    manifest = manifest_of(SMALL)
    files = list(SMALL.values())
    files[position] = bytes(len(files[position]))
    with pytest.raises(ContentMismatchError):
        read([seal_contents([framed(encode_manifest(manifest), *files)])], reference_of(manifest))


def test_missing_or_additional_contents_are_refused_though_the_key_sealed_them() -> None:
    manifest = manifest_of(SMALL)
    whole = framed(encode_manifest(manifest), *SMALL.values())
    for contents in (whole[:-1], whole + b"x", whole[:3], b"", whole[: len(encode_manifest(manifest))]):
        with pytest.raises(ContentMismatchError):
            read([seal_contents([contents])], reference_of(manifest))
    bare = Manifest(())
    with pytest.raises(ContentMismatchError):
        open_capsule([seal_contents([framed(encode_manifest(bare), b"x")])], KEY, reference_of(bare))


@pytest.mark.parametrize("length", [0, 8 * MIB + 1, 2**32 - 1])
def test_a_manifest_of_an_impossible_length_is_refused(length: int) -> None:
    data = seal_contents([length.to_bytes(4, "big") + b"{}" + bytes(100)])
    with pytest.raises(MalformedError):
        open_capsule([data], KEY, reference_of(Manifest(())))


@pytest.mark.parametrize("header", [b"VNCLCAP\x00", b"VNCLCAP\x02", b"vnclcap\x01", b"VNCLCAQ\x01", bytes(8)])
def test_another_magic_or_version_is_refused(header: bytes) -> None:
    with pytest.raises(MalformedError):
        open_capsule([header + sealed(SMALL)[8:]], KEY, reference_of(manifest_of(SMALL)))


# ---- manifests ----------------------------------------------------------------------------------------------------

GOOD: Any = parse_json(encode_manifest(manifest_of(SMALL)))
FILE = GOOD["files"][0]


def test_a_manifest_is_canonical_json() -> None:
    names = {"Größe\U0001f50b.csv": b"x", 'q"uote': b""}
    for manifest in (manifest_of(SMALL), manifest_of(names), Manifest(("a", 'b"\u2028\n'))):
        data = encode_manifest(manifest)
        assert canonical_json(parse_json(data)) == data
        assert parse_manifest(data) == manifest


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"version": 0},
        {"version": "1"},
        {"version": True},
        {"version": None},
        {"disclosures": None},
        {"disclosures": "x"},
        {"disclosures": [1]},
        {"disclosures": ["x"] * 4097},
        {"document": 7},
        {"document": "x"},
        {"document": "A" * 42},
        {"document": "A" * 42 + "B"},
        {"files": None},
        {"files": {}},
        {"files": [None]},
        {"files": [[]]},
        {"files": [{}]},
        {"files": [FILE | {"x": 1}]},
        {"files": [FILE | {"size": -1}]},
        {"files": [FILE | {"size": 2**48 + 1}]},
        {"files": [FILE | {"size": "1"}]},
        {"files": [FILE | {"size": 1.5}]},
        {"files": [FILE | {"size": True}]},
        {"files": [FILE | {"sha256": "A" * 42}]},
        {"files": [FILE | {"sha256": None}]},
        {"files": [FILE | {"salt": "A" * 42}]},
        {"files": [FILE | {"salt": "AA"}]},
        {"files": [FILE | {"media_type": ""}]},
        {"files": [FILE | {"media_type": None}]},
        {"files": [FILE | {"name": ""}]},
        {"files": [FILE | {"name": "."}]},
        {"files": [FILE | {"name": ".."}]},
        {"files": [FILE | {"name": "../x"}]},
        {"files": [FILE | {"name": "a/b"}]},
        {"files": [FILE | {"name": "a\\b"}]},
        {"files": [FILE | {"name": "a\x00b"}]},
        {"files": [FILE | {"name": "a\nb"}]},
        {"files": [FILE | {"name": "\u202egnp.exe"}]},
        {"files": [FILE | {"name": "x" * 256}]},
        {"files": [FILE | {"name": 7}]},
        {"files": [FILE] * 1025},
        {"more": 1},
    ],
)
def test_a_manifest_in_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        parse_manifest(canonical_json(GOOD | change))


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_manifest_without_a_member_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        parse_manifest(canonical_json({other: value for other, value in GOOD.items() if other != name}))


def test_a_manifest_that_is_not_canonical_is_refused() -> None:
    data = encode_manifest(manifest_of(SMALL))
    reordered = json.dumps(dict(reversed(GOOD.items())), separators=(",", ":")).encode()
    for other in (data + b"\n", b" " + data, reordered, data.replace(b"1}", b"1 }"), data.replace(b"a", b"\\u0061", 1)):
        assert other != data
        with pytest.raises(MalformedError):
            parse_manifest(other)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "a/b"},
        {"name": "\ud800"},
        {"size": -1},
        {"sha256": b""},
        {"salt": bytes(31)},
        {"media_type": "x" * 300},
    ],
)
def test_a_file_that_no_reader_would_read_is_not_described(change: dict[str, Any]) -> None:
    described = FileDescription("n", "text/plain", 1, bytes(32), bytes(32))
    with pytest.raises(MalformedError):
        encode_manifest(Manifest((), None, (replace(described, **change),)))


@pytest.mark.parametrize("manifest", [Manifest(("x",) * 4097), Manifest(("x" * 9 * MIB,)), Manifest(("\ud800",))])
def test_a_manifest_over_a_limit_is_not_written(manifest: Manifest) -> None:
    with pytest.raises(MalformedError):
        encode_manifest(manifest)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_manifest_or_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_manifest(data)


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_stream_is_refused(chunks: list[bytes]) -> None:
    for start in ([], [b"VNCLCAP\x01"]):
        with pytest.raises(VerificationError):
            open_capsule([*start, *chunks], KEY, reference_of(Manifest(())))


@given(st.dictionaries(st.text("abc.", min_size=3, max_size=5), st.binary(max_size=50), max_size=4), st.integers(1, 99))
def test_any_files_come_back(files: dict[str, bytes], grain: int) -> None:
    manifest = manifest_of(files)
    data = b"".join(seal_capsule(manifest, (pieces(item, grain) for item in files.values()), KEY, PREFIX))
    assert read(pieces(data, grain), reference_of(manifest)) == (manifest, files)


def test_a_stream_of_a_file_object_is_taken() -> None:
    source = io.BytesIO(b"x" * 1000)
    described = describe_file(iter(lambda: source.read(64), b""), "n", "text/plain", bytes(32))
    source.seek(0)
    manifest = Manifest((), None, (described,))
    data = b"".join(seal_capsule(manifest, [iter(lambda: source.read(64), b"")], KEY, PREFIX))
    assert read([data], reference_of(manifest))[1] == {"n": b"x" * 1000}
    assert encode(described.sha256) in encode_manifest(manifest).decode()

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from ipfs.cid import cid_from_digest, parse_cid
from ipfs.store import read_file
from ledger.credential.capsule import open_capsule, seal_capsule
from ledger.credential.capsule_format import PREFIX_BYTES, CapsuleReference, Manifest, describe_file
from ledger.credential.sd_jwt import parse_sd_jwt
from ledger.demo.staging import Scene, Staged
from ledger.errors import ContentMismatchError, MissingError
from ledger.service.read import MAX_CAPSULE_BYTES, reference_of
from tests.forgeries.refusing import on_a_real_chain, refusal

pytestmark = on_a_real_chain


@pytest.fixture
def genuine(scene: Scene) -> tuple[bytes, bytes, CapsuleReference, Manifest, list[bytes]]:
    """A capsule with files: sealed bytes, key, reference, manifest, contents."""
    reader, store = scene.workspace.reader(), scene.workspace.documents
    references = [reference_of(parse_sd_jwt(reader.credential(entry.digest).text).jws) for entry in scene.history]
    reference = next(one for one in references if len(one.files) > 1)
    key = reader.capsule_key(reference.cid)
    sealed = b"".join(read_file(store, parse_cid(reference.cid), MAX_CAPSULE_BYTES))
    opened = open_capsule([sealed], key, reference)
    return sealed, key, reference, opened.manifest, [b"".join(chunks) for _, chunks in opened.files]


def read(sealed: bytes, key: bytes, reference: CapsuleReference) -> list[bytes]:
    return [b"".join(chunks) for _, chunks in open_capsule([sealed], key, reference).files]


def test_changed_raw_file_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("changed-raw-file", scene, staged) == ("ContentMismatchError", "capsule")


def test_genuine_files_are_opened(genuine: tuple[bytes, bytes, CapsuleReference, Manifest, list[bytes]]) -> None:
    sealed, key, reference, _, contents = genuine
    assert read(sealed, key, reference) == contents


def test_every_byte_of_the_sealed_text_is_protected(
    genuine: tuple[bytes, bytes, CapsuleReference, Manifest, list[bytes]],
) -> None:
    sealed, key, reference, _, _ = genuine
    for place in range(8, len(sealed), max(len(sealed) // 50, 1)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(ContentMismatchError):
            read(bytes(changed), key, reference)


@pytest.mark.parametrize(
    "change",
    [
        lambda files: files[:-1],
        lambda files: files[::-1],
        lambda files: [*files, files[0]],
        lambda files: [*files[:-1], b""],
        lambda _: [],
    ],
    ids=["left out", "swapped", "added", "emptied", "all left out"],
)
def test_other_files_under_the_real_key_are_refused(
    genuine: tuple[bytes, bytes, CapsuleReference, Manifest, list[bytes]], change: Callable[[list[bytes]], list[bytes]]
) -> None:
    _, key, reference, manifest, contents = genuine
    others = change(contents)
    files = tuple(
        describe_file([data], f"file {place}", "text/plain", os.urandom(32)) for place, data in enumerate(others)
    )
    sealed = seal_capsule(replace(manifest, files=files), [[data] for data in others], key, os.urandom(PREFIX_BYTES))
    with pytest.raises(ContentMismatchError):
        read(b"".join(sealed), key, reference)


def test_changed_block_of_the_store_is_not_given_out(scene: Scene) -> None:
    """What the store gives out has the hash that it was asked for, or it gives out nothing."""
    digest = scene.history[-1].digest
    assert sha256(scene.workspace.documents.get(cid_from_digest(digest))).digest() == digest
    with pytest.raises(MissingError):
        scene.workspace.documents.get(cid_from_digest(bytes(32)))

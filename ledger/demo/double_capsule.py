"""A capsule that is authentic under two keys: its maker grants one key to some, and the other to others."""

from __future__ import annotations

import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.credential.capsule import seal_capsule
from ledger.credential.capsule_format import (
    HEADER_BYTES,
    KEY_BYTES,
    LENGTH_BYTES,
    MAGIC,
    PREFIX_BYTES,
    VERSION,
    FileDescription,
    Manifest,
    describe_file,
    encode_manifest,
)
from ledger.credential.capsule_format import SALT_BYTES as FILE_SALT_BYTES
from ledger.demo.two_keys import keystream, two_key_text

FREE_CHARACTERS = 40
_ONLY_CHUNK = b"\0\0\0\0\1"


@dataclass(frozen=True, slots=True)
class DoubleCapsule:
    """The capsule and both of its keys.

    Attributes:
        sealed: What is kept in the store.
        manifest: Under the first key.
        first: The key that the credential commits to, 32 bytes.
        second: The key that shows other contents, 32 bytes.
    """

    sealed: bytes
    manifest: Manifest
    first: bytes
    second: bytes

    def under(self, key: bytes) -> bytes:
        """What plain AES-GCM gives under a key; authentic under both.

        Raises: InvalidTag, under any third key.
        """
        header = self.sealed[:HEADER_BYTES]
        nonce = header[-PREFIX_BYTES:] + _ONLY_CHUNK
        return AESGCM(key).decrypt(nonce, self.sealed[HEADER_BYTES:], header)


def make_double_capsule(disclosures: tuple[str, ...], told: bytes) -> DoubleCapsule:
    """Seal a capsule in its ordinary format under one key, so that another key opens it too.

    Args:
        disclosures: Of the credential.
        told: What the second key shows where the first one shows a raw file.
    """
    keys, prefix = (os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)), os.urandom(PREFIX_BYTES)
    header, nonce = MAGIC + bytes((VERSION,)) + prefix, prefix + _ONLY_CHUNK
    salt = os.urandom(FILE_SALT_BYTES)
    draft = Manifest(disclosures, None, (_file(b"", "a" * FREE_CHARACTERS, salt),))
    # The second key shows ``told`` where the file lies; the manifest's length depends on the file's only by its digits.
    start = LENGTH_BYTES + len(encode_manifest(draft)) + len(str(len(told))) - 1
    streams = [keystream(key, nonce, start + len(told))[start:] for key in keys]
    file = bytes(a ^ b ^ c for a, b, c in zip(told, *streams, strict=True))
    manifest = Manifest(disclosures, None, (_file(file, "a" * FREE_CHARACTERS, salt),))
    encoded = encode_manifest(manifest)
    plain = len(encoded).to_bytes(LENGTH_BYTES, "big") + encoded + file
    place = plain.index(b"a" * FREE_CHARACTERS)
    text = two_key_text(plain, range(place, place + FREE_CHARACTERS), keys, nonce, header)
    name = text[place : place + FREE_CHARACTERS].decode("ascii")
    named = Manifest(disclosures, None, (_file(file, name, salt),))
    sealed = b"".join(seal_capsule(named, [[file]], keys[0], prefix))
    return DoubleCapsule(sealed, named, *keys)


def _file(data: bytes, name: str, salt: bytes) -> FileDescription:
    return describe_file([data], name, "application/octet-stream", salt)

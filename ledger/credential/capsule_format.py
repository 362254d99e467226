"""What a capsule consists of, and the commitments to it that stand in the credential.

::

    capsule   = header ‖ chunk …            header = "VNCLCAP" ‖ version(1 byte) ‖ prefix(7 bytes)
    chunk     = AES-256-GCM of 1 MiB of the contents, the last one shorter or equal; the header is associated data
    nonce     = prefix ‖ number of the chunk(4 bytes, big-endian) ‖ 1 for the last chunk, else 0
    contents  = length of the manifest(4 bytes, big-endian) ‖ manifest(canonical JSON) ‖ file ‖ file …

Source: the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015 ("Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance"); NIST SP 800-38D.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.errors import ContentMismatchError, MalformedError
from ledger.event import Json
from ledger.strict_json import canonical_json, parse_json

MAGIC = b"VNCLCAP"
VERSION = 1
KEY_BYTES = 32
PREFIX_BYTES = 7
SALT_BYTES = 32
TAG_BYTES = 16
HEADER_BYTES = len(MAGIC) + 1 + PREFIX_BYTES
CHUNK_BYTES = 1024 * 1024
LENGTH_BYTES = 4

MAX_CHUNKS = 2**32 - 1
MAX_MANIFEST_BYTES = 8 * 1024 * 1024
MAX_FILES = 1024
MAX_DISCLOSURES = 4096
MAX_NAME_CHARACTERS = 255
MAX_FILE_BYTES = 2**48
_ENCODER = json.JSONEncoder(separators=(",", ":"), sort_keys=True, ensure_ascii=False)
_COMMITMENT_LABEL = b"vinculum/capsule-key/1"


@dataclass(frozen=True, slots=True)
class FileDescription:
    """One raw file of a capsule.

    Attributes:
        name: File name without folders.
        media_type: IANA media type.
        size: Bytes.
        sha256: Of the file's bytes, 32 bytes.
        salt: 32 random bytes, chosen before sealing.
    """

    name: str
    media_type: str
    size: int
    sha256: bytes
    salt: bytes

    @property
    def salted_hash(self) -> bytes:
        """SHA-256(salt ‖ SHA-256(file)), 32 bytes: commits to the file in public without a hash to search for."""
        return sha256(self.salt + self.sha256).digest()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The first part of a capsule's contents.

    Attributes:
        disclosures: All disclosures of the credential.
        document: SHA-256 of the source document, 32 bytes, or None.
        files: In the order in which their bytes follow.
    """

    disclosures: tuple[str, ...]
    document: bytes | None = None
    files: tuple[FileDescription, ...] = ()


@dataclass(frozen=True, slots=True)
class CapsuleReference:
    """What a credential says of its capsule (claim ``capsule``).

    Attributes:
        cid: Where the sealed bytes are, text of a CIDv1.
        key_commitment: ``commit_key`` of its key, 32 bytes.
        files: Salted hash of each raw file, in order, 32 bytes each.
    """

    cid: str
    key_commitment: bytes
    files: tuple[bytes, ...] = ()


def commit_key(key: bytes) -> bytes:
    """SHA-256 of a label and the key, 32 bytes: stands in the credential, so that no second key can be handed out.

    Needed because AES-GCM is not committing: one sealed text can be made to open under two keys.
    """
    return sha256(_COMMITMENT_LABEL + key).digest()


def verify_key(key: bytes, commitment: bytes) -> None:
    """Prove that this is the key that the credential commits to.

    Raises: ContentMismatchError.
    """
    if commit_key(key) != commitment:
        raise ContentMismatchError("capsule key", commitment.hex(), commit_key(key).hex())


def describe_file(chunks: Iterable[bytes], name: str, media_type: str, salt: bytes) -> FileDescription:
    """Hash a file in one pass, so that it can be named in the credential before it is sealed.

    Args:
        chunks: The file's bytes in pieces of any size.
        name: File name without folders.
        media_type: IANA media type.
        salt: 32 fresh random bytes.
    """
    digest, size = sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    described = FileDescription(name, media_type, size, digest.digest(), salt)
    check_file(described)
    return described


def check_file(description: FileDescription) -> None:
    """Refuse a description that no manifest may hold.

    Raises: MalformedError.
    """
    name, media_type = description.name, description.media_type
    texts_fit = all(0 < len(text) <= MAX_NAME_CHARACTERS and text.isprintable() for text in (name, media_type))
    if not texts_fit or name in {".", ".."} or "/" in name or "\\" in name:
        raise MalformedError("capsule file", "its name or media type is empty, too long, or names a folder")
    if not 0 <= description.size <= MAX_FILE_BYTES:
        raise MalformedError("capsule file", f"its size is not between 0 and {MAX_FILE_BYTES}")
    if len(description.sha256) != 32 or len(description.salt) != SALT_BYTES:
        raise MalformedError("capsule file", "its hash or its salt has not 32 bytes")


def encode_manifest(manifest: Manifest) -> bytes:
    """Write the manifest in canonical JSON (RFC 8785).

    The encoder of the standard library gives it here: all names are ASCII and no value is a float.

    Raises: MalformedError, where a limit of ``parse_manifest`` is exceeded.
    """
    for description in manifest.files:
        check_file(description)
    document = None if manifest.document is None else encode_base64url(manifest.document)
    files = [_encode_file(description) for description in manifest.files]
    value = {"version": VERSION, "disclosures": manifest.disclosures, "document": document, "files": files}
    try:
        data = _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedError("capsule manifest", "a lone surrogate in a name") from None
    fits = len(manifest.disclosures) <= MAX_DISCLOSURES and len(files) <= MAX_FILES
    if not fits or len(data) > MAX_MANIFEST_BYTES:
        raise MalformedError("capsule manifest", "too many files or disclosures, or too large")
    return data


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Args:
        data: *Untrusted*, also after decryption.

    Raises:
        MalformedError: not canonical JSON, other members, or over a limit.
    """
    value = parse_json(data, what="capsule manifest", max_bytes=MAX_MANIFEST_BYTES, max_depth=3)
    if canonical_json(value) != data or not isinstance(value, dict):
        raise MalformedError("capsule manifest", "not an object in canonical JSON")
    if set(value) != {"version", "disclosures", "document", "files"}:
        raise MalformedError("capsule manifest", "not exactly version, disclosures, document and files")
    if type(value["version"]) is not int or value["version"] != VERSION:
        raise MalformedError("capsule manifest", "another version")
    disclosures, files, document = value["disclosures"], value["files"], value["document"]
    if not isinstance(disclosures, list) or len(disclosures) > MAX_DISCLOSURES:
        raise MalformedError("capsule manifest", "disclosures are not a list within the limit")
    if not isinstance(files, list) or len(files) > MAX_FILES:
        raise MalformedError("capsule manifest", "files are not a list within the limit")
    texts = tuple(text for text in disclosures if isinstance(text, str))
    if len(texts) != len(disclosures):
        raise MalformedError("capsule manifest", "a disclosure is not a text")
    digest = None if document is None else parse_base64url(document, "capsule document", size=32)
    return Manifest(texts, digest, tuple(map(_parse_file, files)))


def _encode_file(description: FileDescription) -> dict[str, Json]:
    return {
        "name": description.name,
        "media_type": description.media_type,
        "size": description.size,
        "sha256": encode_base64url(description.sha256),
        "salt": encode_base64url(description.salt),
    }


def _parse_file(value: Json) -> FileDescription:
    if not isinstance(value, dict) or set(value) != {"name", "media_type", "size", "sha256", "salt"}:
        raise MalformedError("capsule file", "not an object of name, media_type, size, sha256 and salt")
    name, media_type, size = value["name"], value["media_type"], value["size"]
    if not isinstance(name, str) or not isinstance(media_type, str) or type(size) is not int:
        raise MalformedError("capsule file", "its name or media type is not a text, or its size not an integer")
    digest = parse_base64url(value["sha256"], "capsule file hash", size=32)
    salt = parse_base64url(value["salt"], "capsule file salt", size=SALT_BYTES)
    description = FileDescription(name, media_type, size, digest, salt)
    check_file(description)
    return description

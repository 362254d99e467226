"""Seal and open capsules as streams: attachments of any size, one chunk of 1 MiB in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.credential.capsule_format import (
    CHUNK_BYTES,
    HEADER_BYTES,
    KEY_BYTES,
    LENGTH_BYTES,
    MAGIC,
    MAX_CHUNKS,
    MAX_MANIFEST_BYTES,
    PREFIX_BYTES,
    TAG_BYTES,
    VERSION,
    CapsuleReference,
    FileDescription,
    Manifest,
    encode_manifest,
    parse_manifest,
    verify_key,
)
from ledger.errors import ContentMismatchError, MalformedError


@dataclass(frozen=True, slots=True)
class OpenedCapsule:
    """A capsule whose manifest is decrypted and checked; its files follow as a stream.

    Attributes:
        manifest: Authenticated by the key; its files' hashes are those of the credential.
        files: Each file with its bytes in pieces, to be read once and in order. A file's hash is checked when its
            last piece was read, the capsule's end after the last file: keep nothing of an iterator that raised or
            that was not read to its end.
    """

    manifest: Manifest
    files: Iterator[tuple[FileDescription, Iterator[bytes]]]


def seal_capsule(manifest: Manifest, files: Iterable[Iterable[bytes]], key: bytes, prefix: bytes) -> Iterator[bytes]:
    """Encrypt a manifest and its files.

    Args:
        manifest: Describes the files, in the same order (``describe_file``).
        files: The bytes of each file in pieces of any size; read once.
        key: 32 fresh random bytes, of this capsule alone.
        prefix: 7 random bytes.

    Returns:
        The sealed bytes in pieces: the header, then at most 1 MiB and a tag at a time.

    Raises:
        MalformedError: a key, prefix or manifest outside its limits.
        ContentMismatchError: a file is not what the manifest says; it changed since it was described. What was
            yielded until then is to be thrown away.
    """
    if len(key) != KEY_BYTES or len(prefix) != PREFIX_BYTES:
        raise MalformedError("capsule key", f"needs {KEY_BYTES} bytes and a prefix of {PREFIX_BYTES}")
    header = MAGIC + bytes((VERSION,)) + prefix
    encoded = encode_manifest(manifest)
    contents = _contents(len(encoded).to_bytes(LENGTH_BYTES, "big") + encoded, manifest.files, files)
    return _seal(_regroup(contents, CHUNK_BYTES), AESGCM(key), header)


def open_capsule(chunks: Iterable[bytes], key: bytes, reference: CapsuleReference) -> OpenedCapsule:
    """Decrypt a capsule.

    1. The key is the one that the credential commits to; before anything is decrypted.
    2. Header, and each chunk in its place: nothing cut off, moved, changed or added.
    3. The manifest is in its format, and lists the files that the credential commits to.
    4. While reading: each file has its size and hash, and nothing follows the last.

    Args:
        chunks: *Untrusted*; the sealed bytes in pieces of any size.
        key: *Untrusted*; 32 bytes, e.g. from a grant.
        reference: *Verified*; from the credential.

    Raises:
        ContentMismatchError: 1, 2 or 4 fails, or the files of 3 are others.
        MalformedError: a key of another length that was committed to, another format or version, or a manifest
            outside its limits.
    """
    verify_key(key, reference.key_commitment)  # 1
    if len(key) != KEY_BYTES:
        raise MalformedError("capsule key", f"{len(key)} bytes, {KEY_BYTES} are needed")
    records = _regroup(chunks, CHUNK_BYTES + TAG_BYTES, first=HEADER_BYTES)
    header = next(records, b"")
    if len(header) != HEADER_BYTES or header[: len(MAGIC) + 1] != MAGIC + bytes((VERSION,)):
        raise MalformedError("capsule", "does not begin with a header of this version")
    source = _Reader(_open(records, AESGCM(key), header))
    length = int.from_bytes(source.exactly(LENGTH_BYTES), "big")
    if length > MAX_MANIFEST_BYTES:
        raise MalformedError("capsule manifest", f"longer than {MAX_MANIFEST_BYTES} bytes")
    manifest = parse_manifest(source.exactly(length))
    found = tuple(description.salted_hash for description in manifest.files)
    if found != reference.files:  # 3
        raise ContentMismatchError("list of files", _hexes(reference.files), _hexes(found))
    if not manifest.files:
        source.end()
    return OpenedCapsule(manifest, _files(manifest, source))


def _contents(
    head: bytes, descriptions: tuple[FileDescription, ...], files: Iterable[Iterable[bytes]]
) -> Iterator[bytes]:
    yield head
    streams = iter(files)
    for description in descriptions:
        yield from _checked(next(streams, ()), description)
    if next(streams, None) is not None:
        raise ContentMismatchError("files of the capsule", f"{len(descriptions)} files", "more")


def _checked(chunks: Iterable[bytes], description: FileDescription) -> Iterator[bytes]:
    digest, size = sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
        yield chunk
    if size != description.size or digest.digest() != description.sha256:
        raise ContentMismatchError(f"file {description.name!r}", description.sha256.hex(), digest.hexdigest())


def _seal(plain: Iterator[bytes], cipher: AESGCM, header: bytes) -> Iterator[bytes]:
    yield header
    for nonce, chunk in _numbered(plain, header):
        yield cipher.encrypt(nonce, chunk, header)


def _open(records: Iterator[bytes], cipher: AESGCM, header: bytes) -> Iterator[bytes]:
    for nonce, record in _numbered(records, header):
        try:
            yield cipher.decrypt(nonce, record, header)
        except InvalidTag:
            place = int.from_bytes(nonce[PREFIX_BYTES:-1], "big")
            raise ContentMismatchError(f"capsule chunk {place}", "an authentic chunk", "changed or moved") from None


def _numbered(pieces: Iterator[bytes], header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Pair each piece with its nonce; looks one piece ahead to know the last."""
    prefix = header[-PREFIX_BYTES:]
    piece, number = next(pieces, b""), 0
    while True:
        following = next(pieces, None)
        last = following is None
        yield prefix + number.to_bytes(4, "big") + bytes((last,)), piece
        if following is None:
            return
        piece, number = following, number + 1
        if number > MAX_CHUNKS:
            raise MalformedError("capsule", f"more than {MAX_CHUNKS} chunks")


def _regroup(chunks: Iterable[bytes], size: int, first: int | None = None) -> Iterator[bytes]:
    """Cut pieces of any size into pieces of ``size``; only the last is shorter, and none is empty."""
    buffer, want = bytearray(), first or size
    for chunk in chunks:
        view = memoryview(chunk)
        while view:
            taken = view[: want - len(buffer)]
            buffer += taken
            view = view[len(taken) :]
            if len(buffer) == want:
                yield bytes(buffer)
                buffer, want = bytearray(), size
    if buffer:
        yield bytes(buffer)


class _Reader:
    """Reads given numbers of bytes out of a stream of chunks, of which it holds one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest = chunks, memoryview(b"")

    def pieces(self, size: int) -> Iterator[bytes]:
        """Pieces of exactly ``size`` bytes in all."""
        while size:
            if not self._rest:
                self._rest = memoryview(self._next())
            piece, self._rest = self._rest[:size], self._rest[size:]
            size -= len(piece)
            yield bytes(piece)

    def exactly(self, size: int) -> bytes:
        return b"".join(self.pieces(size))

    def end(self) -> None:
        if self._rest or next(self._chunks, None) is not None:
            raise ContentMismatchError("capsule", "its end after the last file", "more bytes")

    def _next(self) -> bytes:
        chunk = next(self._chunks, b"")
        if not chunk:
            raise ContentMismatchError("capsule", "all the bytes that its manifest lists", "its end")
        return chunk


def _files(manifest: Manifest, source: _Reader) -> Iterator[tuple[FileDescription, Iterator[bytes]]]:
    for description in manifest.files:
        pieces = _checked(source.pieces(description.size), description)
        yield description, pieces
        for _ in pieces:  # what the caller left is read and checked before the next file
            pass
    if manifest.files:
        source.end()


def _hexes(hashes: tuple[bytes, ...]) -> str:
    return ",".join(item.hex()[:16] for item in hashes) or "none"

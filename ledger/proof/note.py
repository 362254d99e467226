"""Signed notes: a text and signatures under it, each by a named key.

Source: C2SP signed-note v1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.edwards import check_ed25519_point
from ledger.errors import MalformedError

MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 320
MAX_SIGNATURE_BYTES = 8 * 1024
MAX_NAME_CHARACTERS = 256
ED25519, COSIGNATURE = 0x01, 0x04
KEY_BYTES = 32
_KEY_ID_BYTES = 4
_WHAT = "note"
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_SIGNATURE = re.compile("— ([^ ]+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line, not verified.

    Attributes:
        name: Of the key.
        key_id: 4 bytes; with the name it says which key and algorithm.
        signature: After the algorithm.
    """

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line of the note, with its newline."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note in its format, not verified.

    Attributes:
        text: What is signed; ends in a newline.
        signatures: In the order of their lines.
    """

    text: str
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key that signs notes.

    Attributes:
        name: Without spaces and plus signs.
        algorithm: ``ED25519`` or ``COSIGNATURE``.
        public_key: Ed25519, 32 bytes.
    """

    name: str
    algorithm: int
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of SHA-256(name ‖ newline ‖ algorithm ‖ public key)."""
        material = bytes((self.algorithm,)) + self.public_key
        return hashlib.sha256(self.name.encode() + b"\n" + material).digest()[:_KEY_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key as text: name, key id and key, joined by plus signs."""
        material = bytes((self.algorithm,)) + self.public_key
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(material).decode()}"


class SigningKey:
    """An Ed25519 key that signs notes under a name; its text form shows no secret."""

    def __init__(self, name: str, algorithm: int, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._private.public_key().public_bytes_raw()
        self.public = VerifierKey(parse_name(name), algorithm, public)

    @property
    def vkey(self) -> str:
        """The public key as text."""
        return self.public.vkey

    def sign(self, message: bytes) -> bytes:
        """Sign; returns 64 bytes."""
        return self._private.sign(message)


def parse_note(data: bytes | str) -> Note:
    """Parse a signed note.

    Args:
        data: *Untrusted*; UTF-8, at most ``MAX_NOTE_BYTES``.

    Returns:
        The text, which may hold empty lines, and 1 to ``MAX_SIGNATURES`` signatures.

    Raises:
        MalformedError: Anything else.
    """
    note = parse_text(data)
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise MalformedError(_WHAT, "not a text, an empty line and signature lines")
    signatures = lines[:-1].split("\n")
    if len(signatures) > MAX_SIGNATURES:
        raise MalformedError(_WHAT, f"over {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(map(_parse_signature, signatures)))


def parse_signature_lines(data: bytes | str) -> tuple[NoteSignature, ...]:
    """Parse signature lines without the text that they stand under, as a witness answers with.

    Args:
        data: *Untrusted*.

    Raises:
        MalformedError: Not one to ``MAX_SIGNATURES`` signature lines.
    """
    text = parse_text(data)
    lines = text[:-1].split("\n")
    if not text.endswith("\n") or len(lines) > MAX_SIGNATURES:
        raise MalformedError(_WHAT, f"not one to {MAX_SIGNATURES} signature lines")
    return tuple(map(_parse_signature, lines))


def encode_note(note: Note) -> str:
    """Write a note; ``parse_note`` returns the same value."""
    return f"{note.text}\n{''.join(signature.line for signature in note.signatures)}"


def add_signatures(note: Note, signatures: Iterable[NoteSignature]) -> Note:
    """Return the note with further signatures under it; one that it already bears is not repeated."""
    known = dict.fromkeys((*note.signatures, *signatures))
    return Note(note.text, tuple(known))


def parse_vkey(text: str, algorithm: int) -> VerifierKey:
    """Parse a verifier key.

    Args:
        text: *Untrusted*.
        algorithm: The one that is accepted.

    Raises:
        MalformedError: Not in the one form, another algorithm, a key id that is not the key's, or a point under which
            anybody can sign, or that has a second encoding.
    """
    if len(text) > 2 * MAX_NAME_CHARACTERS or text.count("+") < 2:
        raise MalformedError("verifier key", "not name+id+key")
    name, _, rest = text.partition("+")
    material = parse_base64(rest.partition("+")[2], "verifier key")
    if len(material) != 1 + KEY_BYTES or material[0] != algorithm:
        raise MalformedError("verifier key", f"not a key of {KEY_BYTES} bytes of algorithm {algorithm}")
    key = VerifierKey(parse_name(name), algorithm, material[1:])
    if key.vkey != text:
        raise MalformedError("verifier key", "the id is not that of the key")
    check_ed25519_point(key.public_key)
    return key


def parse_text(data: bytes | str) -> str:
    """Return what may stand in a note: UTF-8 of at most ``MAX_NOTE_BYTES``, no control character but newlines.

    Raises: MalformedError.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise MalformedError(_WHAT, f"over {MAX_NOTE_BYTES} bytes")
    try:
        text, octets = (data, data.encode()) if isinstance(data, str) else (data.decode(), data)
    except UnicodeError:
        raise MalformedError(_WHAT, "not UTF-8") from None
    if len(octets) > MAX_NOTE_BYTES or _CONTROL.search(text):
        raise MalformedError(_WHAT, f"over {MAX_NOTE_BYTES} bytes, or with a control character")
    return text


def parse_name(text: str) -> str:
    """Return the name of a key, which is not empty and has no spaces, plus signs or control characters.

    Raises: MalformedError.
    """
    if not 0 < len(text) <= MAX_NAME_CHARACTERS or "+" in text or text.split() != [text] or _CONTROL.search(text):
        raise MalformedError("key name", "empty, too long, or with a space, a plus or a control character")
    return text


def parse_base64(text: str, what: str) -> bytes:
    """Read Base 64 (RFC 4648, 4) in its one canonical form.

    Raises: MalformedError.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedError(what, "not Base 64") from None
    if base64.b64encode(data).decode() != text:
        raise MalformedError(what, "not the canonical Base 64")
    return data


def _parse_signature(line: str) -> NoteSignature:
    found = _SIGNATURE.fullmatch(line)
    if not found:
        raise MalformedError(_WHAT, "not a signature line")
    data = parse_base64(found[2], _WHAT)
    if not _KEY_ID_BYTES < len(data) <= _KEY_ID_BYTES + MAX_SIGNATURE_BYTES:
        raise MalformedError(_WHAT, "a signature that is too short or too long")
    return NoteSignature(parse_name(found[1]), data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])

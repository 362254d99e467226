"""Witnesses that sign checkpoints after the C2SP texts, written apart from the code under test."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

COSIGNATURE = b"\x04"
SUCCESSION = "vinculum-trust-succession/v1"


class Witness:
    """One witness with its own key."""

    def __init__(self, name: str, seed: bytes) -> None:
        self.name, self._key = name, Ed25519PrivateKey.from_private_bytes(sha256(seed).digest())
        self._public = COSIGNATURE + self._key.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        return self.vkey_under(self.name)

    def vkey_under(self, name: str) -> str:
        return f"{name}+{self._id(name).hex()}+{base64.b64encode(self._public).decode()}"

    def _id(self, name: str) -> bytes:
        return sha256(name.encode() + b"\n" + self._public).digest()[:4]

    def line(self, body: str, time: int) -> str:
        """A cosignature of a checkpoint's body at a time."""
        signature = self._key.sign(f"cosignature/v1\ntime {time}\n{body}".encode())
        signed = self._id(self.name) + time.to_bytes(8, "big") + signature
        return f"\N{EM DASH} {self.name} {base64.b64encode(signed).decode()}\n"

    def succession_line(self, body: str, name: str | None = None) -> str:
        """A signature under a succession, by a key id of its own type (signed-note: 0xff and a longer identifier)."""
        under = self.name if name is None else name
        material = under.encode() + b"\n\xff" + SUCCESSION.encode() + self._public[1:]
        return self.bare_line(body, sha256(material).digest()[:4], under)

    def bare_line(self, body: str, key_id: bytes, name: str) -> str:
        """An Ed25519 signature of a text, under whatever key id."""
        return f"\N{EM DASH} {name} {base64.b64encode(key_id + self._key.sign(body.encode())).decode()}\n"


WITNESSES = tuple(Witness(f"witness-{n}.example", bytes((n,))) for n in range(3))
STRANGER = Witness("stranger.example", b"stranger")


def checkpoint_body(origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def cosigned(body: str, time: int, witnesses: Sequence[Witness]) -> str:
    return body + "\n" + "".join(witness.line(body, time) for witness in witnesses)


def succession_body(origin: str, chain_id: int, old: str, new: str) -> str:
    """The text of a succession; fingerprints may be grouped."""
    digests = "".join(f"{word} {text.replace(' ', '')}\n" for word, text in (("old", old), ("new", new)))
    return f"{SUCCESSION} {origin}\nchain {chain_id}\n{digests}"


def succeeded(body: str, witnesses: Sequence[Witness] = WITNESSES[:2]) -> bytes:
    return (body + "\n" + "".join(witness.succession_line(body) for witness in witnesses)).encode()

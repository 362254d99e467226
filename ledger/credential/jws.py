"""The compact JWS that credentials and grants are signed in, with exactly the header that we write.

Source: RFC 7515, 3.1 and 7.1; RFC 8725 (the algorithm follows from the key, the type is explicit).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.jose import Algorithm, PublicKey, verify_signature
from ledger.credential.signing import SigningKey, sign
from ledger.errors import MalformedError, SignatureError
from ledger.event import Json
from ledger.strict_json import parse_json

MAX_HEADER_CHARACTERS = 1024
MAX_DEPTH = 48
_HEADER = {"alg", "kid", "typ"}
_ALGORITHMS = frozenset(algorithm.value for algorithm in Algorithm)


@dataclass(frozen=True, slots=True)
class RawJws:
    """A JWS in its format; the signature is not verified.

    Attributes:
        text: As received, ASCII.
        header: Members of ``alg``, ``kid`` and ``typ``, no others, all text; ``alg`` is one of ``Algorithm``.
        payload: A JSON object.
        signature: 64 bytes for every algorithm here; not checked yet.
    """

    text: str
    header: Mapping[str, str]
    payload: dict[str, Json]
    signature: bytes


def sign_jws(payload: bytes, key: SigningKey, typ: str) -> str:
    """Sign a payload.

    Args:
        payload: JSON text of an object.
        key: Its algorithm and thumbprint stand in the header.
        typ: Media type without ``application/``, plain ASCII.

    Returns:
        The compact JWS.
    """
    return sign_jws_with(payload, key.public, typ, lambda message: sign(key, message))


def sign_jws_with(payload: bytes, public: PublicKey, typ: str, signer: Callable[[bytes], bytes]) -> str:
    """As ``sign_jws``, with a key that is kept elsewhere, e.g. in a device.

    Args:
        payload: JSON text of an object.
        public: Whose private half signs.
        typ: As above.
        signer: Gives the 64 bytes of a signature in its one encoding.
    """
    header = f'{{"alg":"{public.algorithm.value}","kid":"{public.key_id}","typ":"{typ}"}}'
    signed = f"{encode_base64url(header.encode())}.{encode_base64url(payload)}"
    return f"{signed}.{encode_base64url(signer(signed.encode()))}"


def parse_jws(text: str, what: str, *, max_characters: int) -> RawJws:
    """Read a compact JWS.

    Args:
        text: *Untrusted*.
        what: Name for error messages.
        max_characters: Longest text that is read.

    Raises:
        MalformedError: not three parts of canonical base64url, over a limit, not strict JSON, an algorithm outside
            the list, or a header with more than ``alg``, ``kid`` and ``typ`` (``crit``, ``jku``, ``b64`` …).
    """
    if len(text) > max_characters:
        raise MalformedError(what, f"{len(text)} characters, at most {max_characters} are read")
    parts = text.split(".", 3)
    if len(parts) != 3 or len(parts[0]) > MAX_HEADER_CHARACTERS:
        raise MalformedError(what, "not three parts with a short header")
    header = dict(_parse_header(parts[0], what))
    payload = parse_json(parse_base64url(parts[1], what), what=f"{what} payload", max_depth=MAX_DEPTH)
    if not isinstance(payload, dict):
        raise MalformedError(what, "the payload is not an object")
    return RawJws(text, header, payload, parse_base64url(parts[2], f"{what} signature"))


def verify_jws(jws: RawJws, key: PublicKey, typ: str) -> None:
    """Prove that ``key`` signed this JWS as a document of type ``typ``.

    1. The type is the one expected, so that no document passes for another.
    2. The algorithm is the key's own.
    3. The key id is the key's thumbprint.
    4. The signature verifies, in its one encoding.

    Raises:
        SignatureError: One of these fails.
    """
    expected = {"typ": typ, "alg": key.algorithm.value, "kid": key.key_id}  # 1, 2, 3
    for name, value in expected.items():
        if jws.header.get(name) != value:
            raise SignatureError(f"the header's {name} is {jws.header.get(name, '')[:64]!r}, expected {value!r}")
    verify_signature(key, signing_input(jws), jws.signature)  # 4


def signing_input(jws: RawJws) -> bytes:
    """The bytes that were signed: the first two parts with their dot."""
    return jws.text[: jws.text.rindex(".")].encode("ascii")


@lru_cache(maxsize=32)
def _parse_header(text: str, what: str) -> dict[str, str]:
    """The last ones are kept: all documents of one key have one header."""
    header = parse_json(parse_base64url(text, f"{what} header"), what=f"{what} header", max_depth=1)
    if not isinstance(header, dict) or not set(header) <= _HEADER:
        raise MalformedError(f"{what} header", "has other members than alg, kid and typ")
    values = {name: value for name, value in header.items() if isinstance(value, str)}
    if len(values) != len(header) or values.get("alg") not in _ALGORITHMS:
        raise MalformedError(f"{what} header", "names no algorithm of the list ES256, ES256K, EdDSA")
    return values

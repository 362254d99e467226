"""Salting: claims made into disclosures, and decoys beside them, before a document is signed.

Source: RFC 9901, 4.2. How they are read again: ``ledger.credential.disclosure``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from ledger.credential.base64url import encode_base64url
from ledger.credential.disclosure import MAX_DEPTH, MAX_DISCLOSURE_CHARACTERS, RESERVED
from ledger.credential.signing import Random
from ledger.errors import MalformedError
from ledger.event import Json
from ledger.strict_json import MAX_INTEGER, parse_json

SALT_BYTES = 16
DIGEST_BYTES = 32
MAX_TOGETHER_CHARACTERS = 3 * 1024 * 1024
_ANY_SALT = "A" * 22
_NAME_SHOWN, _FRAME = 64, 32
_SHORT_CHARACTERS = 64 * 1024
"""Even where every character is escaped, claims that are no longer together keep both limits."""
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def make_disclosures(claims: Mapping[str, Json], random: Random) -> tuple[str, ...]:
    """Salt claims and encode them as disclosures.

    Args:
        claims: By name; none of them reserved.
        random: Gives fresh bytes; called once.

    Returns:
        One text a claim, in the order of ``claims``.

    Raises:
        MalformedError: a reserved name, at any depth, or a value that is not I-JSON.
    """
    salts = random(SALT_BYTES * len(claims))
    return tuple(
        _encode(encode_base64url(salts[index * SALT_BYTES : (index + 1) * SALT_BYTES]), name, value)
        for index, (name, value) in enumerate(claims.items())
    )


def verify_disclosable(claims: Mapping[str, Json]) -> None:
    """Refuse, before anything is signed, claims that could not be made disclosures of, or that no reader would take.

    Claims that are plain and short are not encoded for it.

    Raises: MalformedError, with the name of the claim: a reserved name at any depth, no I-JSON, or too long; or all of
        them together are too long.
    """
    if sum(_most(name, value) for name, value in claims.items()) <= _SHORT_CHARACTERS:
        return
    total = 0
    for name, value in claims.items():
        try:
            total += len(_encode(_ANY_SALT, name, value))
        except MalformedError as error:
            raise MalformedError("field", f"{name[:_NAME_SHOWN]}: {error.why}") from None
    if total > MAX_TOGETHER_CHARACTERS:
        raise MalformedError("fields", f"together longer than {MAX_TOGETHER_CHARACTERS} characters as disclosures")


def make_decoys(count: int, random: Random) -> list[str]:
    """Hashes that nothing stands behind, to hide how many claims there are (RFC 9901, 4.2.5)."""
    noise = random(DIGEST_BYTES * count)
    return [
        encode_base64url(sha256(noise[start : start + DIGEST_BYTES]).digest())
        for start in range(0, DIGEST_BYTES * count, DIGEST_BYTES)
    ]


def _encode(salt: str, name: str, value: Json) -> str:
    plain = name.isascii() and _is_plain(value) and name not in RESERVED
    if not plain:
        _check_names({name: value})
    data = encode_json([salt, name, value])
    if not plain:  # refuse at issuing what every reader would refuse
        parse_json(data, what="disclosure", max_depth=MAX_DEPTH)
    text = encode_base64url(data)
    if len(text) > MAX_DISCLOSURE_CHARACTERS:
        raise MalformedError("disclosure", f"longer than {MAX_DISCLOSURE_CHARACTERS} characters")
    return text


def encode_json(value: Json) -> bytes:
    """Serialise compactly; for documents whose exact bytes are signed, so that no canonical form is needed.

    Raises: MalformedError, for NaN, infinities and lone surrogates.
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except ValueError:
        raise MalformedError("JSON", "NaN, an infinity or a lone surrogate") from None


def _is_plain(value: Json) -> bool:
    """Whether a value can be read back for sure: most fields of most documents are such."""
    if isinstance(value, str):
        return value.isascii()
    return value is None or (isinstance(value, (int, float)) and -MAX_INTEGER <= value <= MAX_INTEGER)


def _most(name: str, value: Json) -> int:
    """How many characters a plain claim takes at most before it is escaped; too many for one that is not plain."""
    items = value if isinstance(value, list) else [value]
    if not name.isascii() or name in RESERVED or not all(map(_is_plain, items)):
        return _SHORT_CHARACTERS + 1
    return _FRAME + len(name) + sum(_FRAME + (len(item) if isinstance(item, str) else 0) for item in items)


def _check_names(value: Json, depth: int = 0) -> None:
    """Refuse, at any depth, names that readers would take for hashes."""
    if depth >= MAX_DEPTH:
        raise MalformedError("disclosure", f"nested deeper than {MAX_DEPTH}")
    if isinstance(value, dict):
        if not RESERVED.isdisjoint(value):
            raise MalformedError("disclosure", "a reserved name: _sd, _sd_alg or ...")
        for item in value.values():
            _check_names(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_names(item, depth + 1)

"""Disclosures: salted claims whose hashes stand in the signed document, and the way back from hashes to claims.

Source: RFC 9901, 4.2 (format) and 7.1 (processing).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from operator import is_
from typing import NamedTuple

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.errors import ContentMismatchError, MalformedError
from ledger.event import Json
from ledger.strict_json import parse_json

MAX_DISCLOSURE_CHARACTERS = 1024 * 1024
MAX_DEPTH = 48
RESERVED = frozenset({"_sd", "_sd_alg", "..."})
HASH_NAME = "sha-256"
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""Canonical base64url of 32 bytes: the two unused bits of the last character are zero."""


class Disclosure(NamedTuple):
    """One claim or array element in the clear; nothing says yet that anybody signed its hash.

    Attributes:
        text: As received, base64url.
        digest: SHA-256 of ``text``, in base64url.
        name: Claim name, or None for an array element.
        value: Any JSON.
    """

    text: str
    digest: str
    name: str | None
    value: Json


@dataclass(frozen=True, slots=True)
class Resolved:
    """A payload whose hashes were replaced by what they stand for.

    Attributes:
        payload: Without ``_sd``, ``_sd_alg`` and undisclosed array elements.
        disclosed: The claims of the top level that came from disclosures.
        withheld: How many hashes were not opened; decoys look the same.
        nested: Whether hashes stand below the top level.
    """

    payload: dict[str, Json]
    disclosed: dict[str, Json]
    withheld: int
    nested: bool


def digest_disclosure(text: str) -> str:
    """SHA-256 of a disclosure's ASCII text, in base64url (RFC 9901, 4.2.3)."""
    return encode_base64url(sha256(text.encode("ascii")).digest())


def parse_disclosure(text: str) -> Disclosure:
    """Read one disclosure.

    Args:
        text: *Untrusted*; canonical base64url of a JSON array [salt, value] or [salt, name, value].

    Raises:
        MalformedError: anything else, or a reserved name.
    """
    if len(text) > MAX_DISCLOSURE_CHARACTERS:
        raise MalformedError("disclosure", f"longer than {MAX_DISCLOSURE_CHARACTERS} characters")
    array = parse_json(parse_base64url(text, "disclosure"), what="disclosure", max_depth=MAX_DEPTH)
    if not isinstance(array, list) or len(array) not in {2, 3} or not isinstance(array[0], str):
        raise MalformedError("disclosure", "not an array of salt, name and value, or of salt and value")
    name = array[1] if len(array) == 3 else None
    if name is not None and (not isinstance(name, str) or name in RESERVED):
        raise MalformedError("disclosure", "its claim name is reserved or not a text")
    return Disclosure(text, digest_disclosure(text), name, array[-1])


def resolve(payload: Mapping[str, Json], disclosures: Sequence[Disclosure]) -> Resolved:
    """Put disclosed claims and elements where their hashes stand.

    1. The hash algorithm is SHA-256.
    2. No hash stands twice, in the payload or in what is disclosed.
    3. A claim's hash stands in an ``_sd``, an element's in a ``...``; no name is already there.
    4. Every disclosure is used, and so used exactly once.

    Args:
        payload: *Verified*: the signature was checked.
        disclosures: *Untrusted*.

    Raises:
        MalformedError: 1 to 3 fail, or an ``_sd`` or ``...`` is not in its form.
        ContentMismatchError: 4 fails: the document does not commit to a disclosure.

    Source: RFC 9901, 7.1, steps 3 to 5.
    """
    if payload.get("_sd_alg", HASH_NAME) != HASH_NAME:  # 1
        raise MalformedError("SD-JWT", "the hash algorithm is not sha-256")
    work = _Resolver(disclosures)
    body = {name: value for name, value in payload.items() if name != "_sd_alg"}
    whole = work.object(body, 0)
    if work.unused:  # 4
        first = next(iter(work.unused))
        raise ContentMismatchError("disclosure", "a hash in the signed document", first)
    disclosed = {name: value for name, value in whole.items() if name not in payload}
    nested = len(work.seen) != len(_digests(body.get("_sd", [])))
    return Resolved(whole, disclosed, len(work.seen) - len(disclosures), nested)


class _Resolver:
    """One pass over a payload: the disclosures still unused, and the hashes already seen.

    What hides nothing is not copied: whoever signs may disclose as many small values as a document can be long.
    """

    def __init__(self, disclosures: Sequence[Disclosure]) -> None:
        self.unused = {disclosure.digest: disclosure for disclosure in disclosures}
        self.seen: set[str] = set()
        if len(self.unused) != len(disclosures):
            raise MalformedError("SD-JWT", "a disclosure stands twice")

    def value(self, value: Json, depth: int) -> Json:
        if depth > MAX_DEPTH:
            raise MalformedError("SD-JWT", f"nested deeper than {MAX_DEPTH}")
        if isinstance(value, dict):
            return self.object(value, depth)
        return self.array(value, depth) if isinstance(value, list) else value

    def object(self, source: dict[str, Json], depth: int) -> dict[str, Json]:
        if "..." in source:
            raise MalformedError("SD-JWT", "'...' is not a claim name")
        result = {name: self.value(value, depth + 1) for name, value in source.items() if name != "_sd"}
        for digest in _digests(source.get("_sd", [])):
            disclosure = self.open(digest)
            if disclosure is None:
                continue
            if disclosure.name is None or disclosure.name in result:  # 3
                raise MalformedError("SD-JWT", "a disclosure has no name, or one that is there already")
            value = disclosure.value
            result[disclosure.name] = self.value(value, depth + 1) if isinstance(value, (dict, list)) else value
        return source if "_sd" not in source and all(map(is_, result.values(), source.values())) else result

    def array(self, source: list[Json], depth: int) -> list[Json]:
        result: list[Json] = []
        for item in source:
            if not isinstance(item, dict) or "..." not in item:
                result.append(self.value(item, depth + 1))
                continue
            if len(item) != 1:
                raise MalformedError("SD-JWT", "a hidden element has other members")
            disclosure = self.open(item["..."])
            if disclosure is not None:
                if disclosure.name is not None:  # 3
                    raise MalformedError("SD-JWT", "an array element was disclosed as a claim")
                result.append(self.value(disclosure.value, depth + 1))
        return source if len(result) == len(source) and all(map(is_, result, source)) else result

    def open(self, digest: Json) -> Disclosure | None:
        if not isinstance(digest, str):
            raise MalformedError("SD-JWT", "a hash is not a text")
        disclosure = self.unused.pop(digest, None)
        if disclosure is None and _DIGEST.fullmatch(digest) is None:
            raise MalformedError("SD-JWT", "a hash is not canonical base64url of 32 bytes")
        if digest in self.seen:  # 2
            raise MalformedError("SD-JWT", "a hash stands twice")
        self.seen.add(digest)
        return disclosure


def _digests(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise MalformedError("SD-JWT", "_sd is not an array")
    return value

"""GS1 identifiers: Digital Link URIs of any domain and EPC URNs, canonicalised to ``https://id.gs1.org``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes, urlsplit

from ledger.errors import MalformedError
from ledger.identifiers.gs1_epc import elements_from_epc
from ledger.identifiers.gs1_keys import (
    KEYS,
    MAX_PREFIX_DIGITS,
    MIN_PREFIX_DIGITS,
    QUALIFIERS,
    Key,
    parse_gtin,
    verify_check_digit,
)
from ledger.identifiers.types import MAX_CHARACTERS, Identifier, NamespaceScheme, Scheme

CANONICAL_ROOT = "https://id.gs1.org"
MAX_SEGMENTS = 32

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_SAFE = "-._~"


@dataclass(frozen=True, slots=True)
class Gs1Key:
    """A key with the qualifiers that belong to its identity.

    Attributes:
        ai: Application identifier of the primary key, e.g. ``01``.
        value: Its value, not percent-encoded; a GTIN always with 14 digits.
        qualifiers: (application identifier, value) in path order.
        dropped: Application identifiers that were given, but do not belong to the identity.
    """

    ai: str
    value: str
    qualifiers: tuple[tuple[str, str], ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def is_item(self) -> bool:
        """Whether it names one individual item, not a class, lot, place or party."""
        if self.ai == "8003":
            return len(self.value) > 14
        return KEYS[self.ai].item or any(ai in ("21", "8011") for ai, _ in self.qualifiers)

    @property
    def is_lot(self) -> bool:
        """Whether it names one lot of a trade item."""
        return any(ai == "10" for ai, _ in self.qualifiers)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Candidates for the GS1 company prefix, 4 to 12 digits, longest first."""
        key = KEYS[self.ai]
        digits = re.match(r"[0-9]*", self.value[key.prefix_at : key.prefix_end], re.ASCII)
        text = digits.group() if digits else ""
        if self.ai == "01" and self.value.startswith("000000"):
            return ()  # GTIN-8: assigned one by one, without a company prefix
        longest = min(len(text), MAX_PREFIX_DIGITS)
        return tuple(text[:length] for length in range(longest, MIN_PREFIX_DIGITS - 1, -1))

    def digital_link(self) -> str:
        """Write the canonical Digital Link URI."""
        pairs = ((self.ai, self.value), *self.qualifiers)
        return CANONICAL_ROOT + "".join(f"/{ai}/{quote(value, safe=_SAFE)}" for ai, value in pairs)


def parse_gs1_key(text: str) -> Gs1Key:
    """Parse a Digital Link URI (any domain and leading path) or an EPC URN.

    Args:
        text: *Untrusted*, ASCII.

    Returns:
        The key with what identifies; check digits and alphabets are proven. Query, fragment, consumer product
        variant and, beside a serial, the lot are dropped, as the EPC of the item does.

    Raises:
        MalformedError: No GS1 key in it, or one whose value is not valid.
    """
    if len(text) > MAX_CHARACTERS or not _VISIBLE.fullmatch(text):
        raise MalformedError("GS1 identifier", f"1 to {MAX_CHARACTERS} visible ASCII characters are needed")
    if text[:8].lower() == "urn:epc:":
        return _key(elements_from_epc(text))
    return _key(_elements_from_link(text))


def parse_gs1(text: str) -> Identifier:
    """Parse a Digital Link URI or EPC URN into an identifier.

    Args:
        text: *Untrusted*.

    Raises:
        MalformedError: See `parse_gs1_key`.
    """
    key = parse_gs1_key(text)
    namespaces = tuple((int(NamespaceScheme.GS1_COMPANY_PREFIX), prefix) for prefix in key.prefixes)
    warnings = [f"application identifier {ai} is not part of the identity and was left out" for ai in key.dropped]
    if not namespaces:
        warnings.append("a GTIN-8 carries no company prefix")
    return Identifier(key.digital_link(), Scheme.GS1, namespaces, tuple(warnings))


def _elements_from_link(text: str) -> list[tuple[str, str]]:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise MalformedError("GS1 Digital Link", "not a URI") from None
    if parts.scheme.lower() not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise MalformedError("GS1 Digital Link", "an http or https URI with a domain and without a user is needed")
    segments = parts.path.split("/")[1:]
    if segments and segments[-1] == "":
        segments.pop()
    if len(segments) > MAX_SEGMENTS:
        raise MalformedError("GS1 Digital Link", f"more than {MAX_SEGMENTS} path segments")
    for start in range(len(segments) - 2, -1, -1):
        if segments[start] in KEYS and _could_follow(KEYS[segments[start]], segments[start + 2 :]):
            names = segments[start::2]
            values = [_decode(value) for value in segments[start + 1 :: 2]]
            return list(zip(names, values, strict=True))
    raise MalformedError("GS1 Digital Link", "no GS1 key with its qualifiers in order at the end of the path")


def _could_follow(key: Key, rest: Sequence[str]) -> bool:
    names = list(rest[::2])
    return len(rest) % 2 == 0 and names == [ai for ai in key.qualifiers if ai in names]


def _decode(segment: str) -> str:
    if _BAD_ESCAPE.search(segment):
        raise MalformedError("GS1 Digital Link", "a percent sign without two hexadecimal digits")
    return unquote_to_bytes(segment).decode("latin-1")


def _key(elements: Sequence[tuple[str, str]]) -> Gs1Key:
    (ai, value), *rest = elements
    key, given = KEYS[ai], dict(rest)
    if ai == "01" and value != "":
        value = parse_gtin(value)
    if not key.value.fullmatch(value):
        raise MalformedError(key.name, "the value has another length or alphabet")
    if key.checked:
        verify_check_digit(value[: key.checked], key.name)
    if ai == "8003" and value[0] != "0":
        raise MalformedError(key.name, "the first digit is always 0")
    for name, text in given.items():
        if not QUALIFIERS[name].fullmatch(text):
            raise MalformedError(f"application identifier {name}", "the value has another length or alphabet")
    kept = _identity(key, given)
    return Gs1Key(ai, value, kept, tuple(name for name in given if name not in dict(kept)))


def _identity(key: Key, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    identifying = tuple((ai, given[ai]) for ai in key.identifying if ai in given)
    if identifying or "10" not in given:
        return identifying
    return (("10", given["10"]),)

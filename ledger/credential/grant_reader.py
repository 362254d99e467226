"""The strict reader of grants: untrusted bytes to a ``Grant`` in its one form, or a refusal."""

from __future__ import annotations

from collections.abc import Mapping

from ipfs.cid import parse_cid
from ledger.credential.base64url import parse_base64url
from ledger.credential.grant_format import MAX_ITEMS, VERSION, Context, Grant, GrantItem, Policy
from ledger.credential.jws import parse_jws
from ledger.credential.recipient import SEALED_BYTES, SuiteName
from ledger.errors import MalformedError
from ledger.event import Json
from ledger.strict_json import canonical_json, parse_json

MAX_BYTES = 8 * 1024 * 1024
MAX_STATEMENT_CHARACTERS = 1024 * 1024
MAX_TEXT_CHARACTERS = 255
MAX_ORGANISATION = 2**32 - 1
MAX_TIME = 2**48 - 1
CIPHERTEXT_BYTES = 32 + 16
_ITEM_MEMBERS = {"capsule", "ciphertext", "item_key_commitment", "key_commitment"}
_STATEMENT_MEMBERS = {
    "grantor",
    "issued_at",
    "items",
    "policy",
    "recipient",
    "sealed_key",
    "suite",
    "version",
}


def parse_grant(data: bytes) -> Grant:
    """Read a grant.

    Args:
        data: *Untrusted*.

    Returns:
        The grant; ``encode_grant`` gives ``data`` again.

    Raises:
        MalformedError: not canonical JSON, other members, over a limit, a capsule twice, or an item that the
            statement does not list.
    """
    value = parse_json(data, what="grant", max_bytes=MAX_BYTES, max_depth=3)
    members = _members(value, {"items", "statement"}, "grant")
    if canonical_json(value) != data:
        raise MalformedError("grant", "not canonical JSON")
    items = tuple(map(_parse_item, _list(members["items"], "grant items")))
    return parse_statement(_text(members["statement"], "grant statement", MAX_STATEMENT_CHARACTERS), items)


def parse_statement(text: str, items: tuple[GrantItem, ...]) -> Grant:
    """Read the signed statement of a grant and put it together with its items.

    Args:
        text: *Untrusted*; compact JWS.
        items: *Untrusted*.

    Raises: MalformedError, as ``parse_grant``.
    """
    jws = parse_jws(text, "grant statement", max_characters=MAX_STATEMENT_CHARACTERS)
    members = _members(jws.payload, _STATEMENT_MEMBERS, "grant statement")
    if canonical_json(members) != parse_base64url(text.split(".")[1], "grant statement"):
        raise MalformedError("grant statement", "not canonical JSON")
    context = _parse_context(members)
    sealed = parse_base64url(members["sealed_key"], "grant sealed_key", size=SEALED_BYTES[context.suite])
    listed = _list(members["items"], "grant statement items")
    signed = tuple(parse_base64url(item, "grant item hash", size=32) for item in listed)
    digests = {item.digest() for item in items}
    if len({item.capsule for item in items}) != len(items) or len(set(signed)) != len(signed):
        raise MalformedError("grant", "a capsule or a hash stands twice")
    if not digests <= set(signed):
        raise MalformedError("grant", "an item that the statement does not list")
    return Grant(jws, context, sealed, signed, items)


def _parse_context(members: Mapping[str, Json]) -> Context:
    if type(members["version"]) is not int or members["version"] != VERSION:
        raise MalformedError("grant statement", "another version")
    suite = _text(members["suite"], "grant suite", MAX_TEXT_CHARACTERS)
    if suite not in {name.value for name in SuiteName}:
        raise MalformedError("grant suite", "none that is known")
    recipient = _members(members["recipient"], {"key", "organisation"}, "grant recipient")
    return Context(
        grantor=_integer(members["grantor"], "grant grantor", MAX_ORGANISATION),
        recipient=_integer(recipient["organisation"], "grant recipient", MAX_ORGANISATION),
        recipient_key=parse_base64url(recipient["key"], "grant recipient key", size=32),
        suite=SuiteName(suite),
        policy=_parse_policy(_members(members["policy"], {"expires_at", "profile", "purpose"}, "grant policy")),
        issued_at=_integer(members["issued_at"], "grant issued_at", MAX_TIME),
    )


def _parse_policy(members: Mapping[str, Json]) -> Policy:
    expires = members["expires_at"]
    return Policy(
        profile=_text(members["profile"], "policy profile", MAX_TEXT_CHARACTERS),
        purpose=_text(members["purpose"], "policy purpose", MAX_TEXT_CHARACTERS),
        expires_at=None if expires is None else _integer(expires, "policy expires_at", MAX_TIME),
    )


def _parse_item(value: Json) -> GrantItem:
    members = _members(value, _ITEM_MEMBERS, "grant item")
    return GrantItem(
        capsule=str(parse_cid(_text(members["capsule"], "grant item capsule", MAX_TEXT_CHARACTERS))),
        key_commitment=parse_base64url(members["key_commitment"], "grant key_commitment", size=32),
        item_key_commitment=parse_base64url(members["item_key_commitment"], "grant item_key_commitment", size=32),
        ciphertext=parse_base64url(members["ciphertext"], "grant ciphertext", size=CIPHERTEXT_BYTES),
    )


def _members(value: Json, names: set[str], what: str) -> dict[str, Json]:
    if not isinstance(value, dict) or set(value) != names:
        raise MalformedError(what, f"not an object of exactly {', '.join(sorted(names))}")
    return value


def _list(value: Json, what: str) -> list[Json]:
    if not isinstance(value, list) or len(value) > MAX_ITEMS:
        raise MalformedError(what, f"not a list of at most {MAX_ITEMS}")
    return value


def _text(value: Json, what: str, longest: int) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise MalformedError(what, f"not a text of 1 to {longest} characters")
    return value


def _integer(value: Json, what: str, highest: int) -> int:
    if type(value) is not int or not 0 <= value <= highest:
        raise MalformedError(what, f"not an integer from 0 to {highest}")
    return value

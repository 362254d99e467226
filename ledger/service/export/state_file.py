"""Write a state file; ``state`` says what it is, and reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ledger.event import Json
from ledger.proof.slots import issuer_key_slot
from ledger.service.export.state import MEDIA_TYPE, VERSION, KeyName, Namespace, organisation_slots
from ledger.strict_json import canonical_json


def encode_state(
    parts: Mapping[str, Json],
    keys: Sequence[tuple[int, Mapping[str, str]]],
    organisations: Sequence[tuple[int, str | None]],
    namespaces: Sequence[Namespace],
) -> bytes:
    """Write a state file.

    Args:
        parts: ``chain_id``, ``header``, ``finality`` and ``accounts`` as evidence files have them.
        keys: Organisation and JWK.
        organisations: Number, and the text of its profile where it is known.
        namespaces: Scheme and prefix.
    """
    named: list[Json] = [{"organisation": number, "profile": profile} for number, profile in organisations]
    issuers: list[Json] = [{"organisation": number, "jwk": dict(jwk)} for number, jwk in keys]
    prefixes: list[Json] = [{"scheme": scheme, "prefix": prefix} for scheme, prefix in namespaces]
    rest: dict[str, Json] = {"issuers": issuers, "organisations": named, "namespaces": prefixes}
    return canonical_json({"type": MEDIA_TYPE, "version": VERSION, **parts, **rest})


def wanted_slots(keys: Iterable[KeyName], organisations: Iterable[int]) -> set[bytes]:
    """The slots that keys and organisations need; those of namespaces depend on what is recorded."""
    slots = {issuer_key_slot(number, thumbprint) for number, thumbprint in keys}
    return slots.union(*(organisation_slots(number) for number in organisations))

"""Rows of the three small tables of an export, from its proven state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ledger.event import Json
from ledger.kinds import role_bit, role_names
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.proof.subject import namespace_id
from ledger.service.export.state import State
from ledger.service.export.tables import Row, Totals
from light_node.verdict import time_text


def small_tables(state: State, totals: Totals) -> Mapping[str, Iterator[Row]]:
    """The rows of organisations, issuer keys and namespaces, by table.

    Args:
        state: *Verified.*
        totals: Over all verified evidence files.
    """
    return {
        "organisations": _organisations(state, totals),
        "issuer-keys": _issuer_keys(state),
        "namespaces": _namespaces(state),
    }


def _organisations(state: State, totals: Totals) -> Iterator[Row]:
    for number, record in sorted(state.organisations.items()):
        held: list[Json] = [name for name in role_names() if record.roles >> role_bit(name) & 1]
        yield (
            number,
            record.name,
            held,
            _time(record.since),
            record.suspended,
            encode_hexadecimal(record.profile_digest),
            totals.events[number],
            totals.assets[number],
        )


def _issuer_keys(state: State) -> Iterator[Row]:
    for (organisation, _), (key, record) in sorted(state.keys.items()):
        if record is None:
            continue
        jwk: dict[str, Json] = dict(key.jwk)
        yield (
            organisation,
            key.key_id,
            str(key.algorithm),
            _time(record.valid_from),
            _time(record.valid_until),
            _time(record.revoked_from),
            _time(record.changed_at),
            record.flags,
            jwk,
        )


def _namespaces(state: State) -> Iterator[Row]:
    for (scheme, prefix), grants in sorted(state.namespaces.items()):
        name = encode_hexadecimal(namespace_id(scheme, prefix))
        for position, grant in enumerate(grants):
            yield name, scheme, prefix, position, grant.organisation, _time(grant.since)


def _time(seconds: int) -> str | None:
    """Write a time; none for 0, and for the year eight million that stands for no end."""
    return time_text(seconds) if 0 < seconds < 2**48 - 1 else None

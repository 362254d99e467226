"""Organisations, accounts, issuer keys and namespaces as the consortium's events say, replayed into their tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select
from sqlmodel import Session, col

from ledger.store.chain_index import Account, GovernanceEvent, IssuerKey, Namespace, Organisation

MAX_ROLES = 2**63 - 1  # what SQL can hold; the kind table has eleven


def apply_events(session: Session, events: Iterable[GovernanceEvent]) -> None:
    """Bring the tables up to date with further events, in chain order; events of other names change nothing."""
    for event in events:
        handler = _HANDLERS.get(event.name)
        if handler is not None:
            handler(session, event.arguments, event.at)


def replay(session: Session) -> None:
    """Make the tables anew from all stored events, after some were taken back."""
    for table in (Organisation, Account, IssuerKey, Namespace):
        session.execute(delete(table))
    session.expire_all()
    order = (col(GovernanceEvent.block_number), col(GovernanceEvent.log_index))
    apply_events(session, session.scalars(select(GovernanceEvent).order_by(*order)).all())


def _organisation(session: Session, facts: Mapping[str, Any], at: int) -> None:
    known = session.get(Organisation, facts["organisation"])
    session.merge(
        Organisation(
            id=facts["organisation"],
            roles=_number(facts["roles"]) & MAX_ROLES,
            suspended=known.suspended if known else False,
            metadata_digest=_octets(facts["metadata"]),
            since=known.since if known else at,
            changed_at=at,
        )
    )


def _suspension(suspended: bool) -> Callable[[Session, Mapping[str, Any], int], None]:
    def apply(session: Session, facts: Mapping[str, Any], at: int) -> None:
        known = session.get_one(Organisation, facts["organisation"])
        known.suspended, known.changed_at = suspended, at

    return apply


def _account_added(session: Session, facts: Mapping[str, Any], at: int) -> None:
    session.merge(Account(address=_octets(facts["account"]), organisation=facts["organisation"], changed_at=at))


def _account_removed(session: Session, facts: Mapping[str, Any], at: int) -> None:
    session.merge(Account(address=_octets(facts["account"]), organisation=0, changed_at=at))


def _key_added(session: Session, facts: Mapping[str, Any], at: int) -> None:
    valid_from, valid_until, revoked_from, _, algorithm, flags = facts["key"]
    session.merge(
        IssuerKey(
            organisation=facts["organisation"],
            thumbprint=_octets(facts["thumbprint"]),
            valid_from=valid_from,
            valid_until=valid_until,
            revoked_from=revoked_from,
            changed_at=at,
            algorithm=algorithm,
            flags=flags,
        )
    )


def _key_changed(session: Session, facts: Mapping[str, Any], at: int) -> None:
    known = session.get_one(IssuerKey, (facts["organisation"], _octets(facts["thumbprint"])))
    if not known.revoked_from:  # else the council moves the revocation to an earlier time
        known.changed_at = at
    known.valid_until = facts.get("validUntil", known.valid_until)
    known.revoked_from = facts.get("revokedFrom", known.revoked_from)


def _namespace(session: Session, facts: Mapping[str, Any], _at: int) -> None:
    session.merge(
        Namespace(
            namespace=_octets(facts["namespace"]),
            position=_number(facts["position"]),
            organisation=facts["organisation"],
            since=facts["since"],
        )
    )


def _number(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


def _octets(text: str) -> bytes:
    return bytes.fromhex(text[2:])


_HANDLERS: dict[str, Callable[[Session, Mapping[str, Any], int], None]] = {
    "OrganisationAdded": _organisation,
    "OrganisationChanged": _organisation,
    "OrganisationSuspended": _suspension(True),
    "OrganisationResumed": _suspension(False),
    "AccountAdded": _account_added,
    "AccountRemoved": _account_removed,
    "IssuerKeyAdded": _key_added,
    "IssuerKeyLimited": _key_changed,
    "IssuerKeyRevoked": _key_changed,
    "NamespaceAssigned": _namespace,
}

"""From a document's events to what is to be recorded: subjects found or made, every rule asked, nothing written yet."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import NamedTuple

from ledger.credential.salting import verify_disclosable
from ledger.errors import (
    ConflictError,
    DocumentError,
    Fault,
    MalformedError,
    NotAuthorisedError,
    RuleError,
    TransitionError,
    UnknownAssetError,
)
from ledger.event import AssetReference, Document, Event
from ledger.identifiers import parse_identifier
from ledger.kinds import Kind, kind_by_name, next_status
from ledger.proof.subject import SALT_BYTES, namespace_id, subject
from ledger.rules.targets import ID_FIELDS, MAX_TARGETS
from ledger.rules.types import names_of
from ledger.service.claims import claims_of_event, verify_names
from ledger.service.knowledge import Draft, Knowledge, KnownAsset, namespace_ids
from ledger.service.same_event import births_as, births_by_key, content_hash, event_key

REGISTRAR_ROLE = "register"
_SHOWN_CHARACTERS = 96


class EventName(NamedTuple):
    """What an event is called: nothing else that is planned in one home has the same name.

    Attributes:
        scope: Whoever gives out the event's id.
        key: Name of the event within ``scope``.
    """

    scope: str
    key: str


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event with its place in the ledger.

    Attributes:
        event: As intake gave it.
        kind: From the kind table.
        subject: 32 bytes.
        salt: 32 bytes, for a genesis; else None.
        scope: Whoever gives out the event's id.
        key: Name of the event within ``scope``.
        content_hash: SHA-256 of what the event says: the same event again has the same.
        source_digest: SHA-256 of the document that it was read from.
    """

    event: Event
    kind: Kind
    subject: bytes
    salt: bytes | None
    scope: str
    key: str
    content_hash: bytes
    source_digest: bytes | None = None

    @property
    def name(self) -> EventName:
        """By which it is found again, once its contents need not be held any more."""
        return EventName(self.scope, self.key)

    @property
    def needs_head(self) -> bool:
        """Whether its credential names the head before it: status kinds, genesis apart."""
        return self.kind.changes_status and not self.kind.genesis


@dataclass(frozen=True, slots=True)
class Plan:
    """What one document comes to.

    Attributes:
        document: As intake gave it.
        planned: To be recorded, in order.
        repeated: Events that are recorded already, with the same content.
    """

    document: Document
    planned: list[PlannedEvent] = field(default_factory=list)
    repeated: list[Event] = field(default_factory=list)


class Planner:
    """Plans documents of one organisation against what is known and what was planned since."""

    def __init__(self, organisation: int, knowledge: Knowledge) -> None:
        self._organisation, self._knowledge = organisation, knowledge

    def plan(self, document: Document) -> Plan:
        """Check every event of a document.

        Returns:
            The plan; what it assumes (new assets, statuses) is known to the documents planned after it.

        Raises:
            DocumentError: Every fault by place and cause; nothing is assumed then.
        """
        scope = f"{self._organisation}:{document.document_type}"
        contents = [content_hash(event) for event in document.events]
        keys = [event_key(event, content) for event, content in zip(document.events, contents, strict=True)]
        self._knowledge.load(scope, dict(zip(keys, document.events, strict=True)) | births_by_key(document))
        plan, draft, faults = Plan(document), Draft(), []
        for event, key, content in zip(document.events, keys, contents, strict=True):
            try:
                if self._knowledge.is_repeated(scope, key, content, draft) or self._was_birth(event, scope, draft):
                    plan.repeated.append(event)
                    continue
                planned = self._plan_event(event, scope, key, content, draft)
                plan.planned.append(replace(planned, source_digest=document.digest))
            except (RuleError, MalformedError) as error:
                faults.append(_fault(event, error))
        if faults:
            raise DocumentError(faults, document.document_type)
        self._knowledge.keep(draft)
        return plan

    def _was_birth(self, event: Event, scope: str, draft: Draft) -> bool:
        """Whether an update of a passport is the passport by which the battery was registered, taken in again."""
        for birth in births_as(event):
            content = content_hash(birth)
            with suppress(ConflictError):  # another passport under the same id is an update
                if self._knowledge.is_repeated(scope, event_key(birth, content), content, draft):
                    return True
        return False

    def _plan_event(self, event: Event, scope: str, key: str, content: bytes, draft: Draft) -> PlannedEvent:
        kind = kind_by_name(event.kind)
        verify_names(event)
        _check_targets(event, kind)
        self._knowledge.check_may_write(self._organisation, kind)
        self._check_issuer(event)
        known = self._knowledge.asset(event.asset, draft)
        if kind.genesis:
            known = self._register(event, kind, known, draft)
        elif known is None:
            message = f"no {event.asset.asset_type} {_shown(event)} is registered: its genesis comes first"
            raise UnknownAssetError(message)
        salt = known.salt if kind.genesis else None
        verify_disclosable(claims_of_event(event, salt))
        status = self._knowledge.status(known.subject, draft)
        draft.statuses[known.subject] = next_status(kind, status, event.asset.asset_type)
        draft.events[scope, key] = content
        return PlannedEvent(event, kind, known.subject, salt, scope, key, content)

    def _register(self, event: Event, kind: Kind, known: KnownAsset | None, draft: Draft) -> KnownAsset:
        if known is not None:
            raise ConflictError(f"this {event.asset.asset_type} is registered already, and with other content")
        self._check_namespace(event, kind)
        self._check_aliases(event, draft)
        salt = os.urandom(SALT_BYTES)
        made = subject(self._organisation, event.asset.asset_type, event.asset.identifier, salt)
        names = (event.asset.identifier, *event.aliases)
        draft.assets |= {AssetReference(event.asset.asset_type, name): KnownAsset(made, salt) for name in names}
        return draft.assets[event.asset]

    def _check_issuer(self, event: Event) -> None:
        """Whoever the document names as its issuer, by an identifier of a member's namespace, has to be us."""
        prefixes = () if event.issuer_hint is None else _prefixes_of(event.issuer_hint)
        holder = self._knowledge.holder(prefixes) if prefixes else None
        if holder not in (None, self._organisation):
            raise _WrongIssuerError(
                f"the document says that {event.issuer_hint} issued it, which is organisation {holder}, "
                f"not organisation {self._organisation}"
            )

    def _check_namespace(self, event: Event, kind: Kind) -> None:
        """Only the holder of the longest registered prefix registers; a registrar may where nobody holds one."""
        holder = self._knowledge.holder(namespace_ids(event.asset))
        if holder == self._organisation or (holder is None and kind.role == REGISTRAR_ROLE):
            return
        whose = "nobody's" if holder is None else f"organisation {holder}'s"
        raise NotAuthorisedError(
            f"the namespace of {_shown(event)} is {whose}, not organisation {self._organisation}'s"
        )

    def _check_aliases(self, event: Event, draft: Draft) -> None:
        """An alias draws events to its asset: it must be no other asset's name, nor out of another's namespace."""
        for alias in event.aliases:
            holder = self._knowledge.holder(_prefixes_of(alias))
            if holder not in {None, self._organisation}:
                raise NotAuthorisedError(
                    f"the namespace of an alias is organisation {holder}'s, not organisation {self._organisation}'s"
                )
            if self._knowledge.asset(AssetReference(event.asset.asset_type, alias), draft) is not None:
                raise ConflictError(f"an alias names another {event.asset.asset_type}, which is registered already")


def _shown(event: Event) -> str:
    """The identifier, for people: one event of a document may be about many assets."""
    identifier = event.asset.identifier
    return identifier if len(identifier) <= _SHOWN_CHARACTERS else f"{identifier[:_SHOWN_CHARACTERS]}…"


def _check_targets(event: Event, kind: Kind) -> None:
    """Refuse a correction that names more events than a verifier looks at: to him it would say nothing."""
    for field_name in ID_FIELDS.keys() & set(kind.required):
        if len(set(names_of(event.fields.get(field_name)))) > MAX_TARGETS:
            raise MalformedError(field_name, f"names too many events: at most {MAX_TARGETS} are looked at")


class _WrongIssuerError(NotAuthorisedError):
    """The document names another member as its issuer."""


@lru_cache(maxsize=1024)
def _prefixes_of(issuer: str) -> tuple[bytes, ...]:
    """Namespaces of an issuer, longest first; none where its name is no identifier. *Untrusted*."""
    try:
        return tuple(namespace_id(scheme, prefix) for scheme, prefix in parse_identifier(issuer).namespaces)
    except MalformedError:
        return ()


_CODES = {
    ConflictError: "conflict",
    TransitionError: "illegal-transition",
    MalformedError: "bad-value",
    UnknownAssetError: "unknown-asset",
    NotAuthorisedError: "not-authorised",
    _WrongIssuerError: "wrong-issuer",
}


def _fault(event: Event, error: RuleError | MalformedError) -> Fault:
    return Fault(event.source_pointer, _CODES.get(type(error), "not-allowed"), str(error))

"""The order in which documents are taken in where none was given: by the first thing that each of them tells."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from ledger.errors import DocumentError, MalformedError
from ledger.event import Event
from ledger.intake.assets import IntakeHint
from ledger.intake.document import parse_document
from ledger.kinds import kind_by_name
from ledger.service.sources import Source, read_source

_NEVER = datetime.max.replace(tzinfo=UTC)


def in_order(sources: Sequence[Source], hint: IntakeHint) -> list[Source]:
    """Sort by the first moment that a document tells of, births first.

    Tables, and what cannot be read yet, come last.
    """
    return sorted(sources, key=lambda source: (*_first_moment(source, hint), source.name))


def _first_moment(source: Source, hint: IntakeHint) -> tuple[datetime, bool]:
    if source.is_table:
        return _NEVER, True
    try:
        document = parse_document(read_source(source), as_of=datetime.now(UTC), hint=hint)
    except (DocumentError, MalformedError):
        return _NEVER, False
    return min(((event.occurred_at, not _is_birth(event)) for event in document.events), default=(_NEVER, True))


def _is_birth(event: Event) -> bool:
    return kind_by_name(event.kind).genesis

"""Take in further folders of documents: each by the organisation that may, refused with reasons where none may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ledger.demo.recording import Taken, take
from ledger.errors import DocumentError
from ledger.event import Event
from ledger.identifiers import parse_identifier
from ledger.intake.document import parse_document
from ledger.kinds import kind_by_name, role_names
from ledger.proof.subject import namespace_id
from ledger.service.enrolment import Enrolment, enrol_all
from ledger.service.ingest import Choice
from ledger.service.knowledge import Knowledge
from ledger.service.members import Member
from ledger.service.namespaces import parse_namespace
from ledger.service.results import Outcome
from ledger.service.sources import Source, find_sources, read_source
from ledger.service.workspace import Workspace

GUEST = "guest"
GUEST_ROLES = tuple(name for name in role_names() if name not in ("regulate", "register"))
GUEST_BPN = "BPNLDEMOGUEST001"
"""Scopes parts of whose maker their document says nothing."""


def sources_in(folders: Sequence[Path]) -> list[Source]:
    """Every document below the folders; tables need a mapping and are passed over."""
    return find_sources([str(folder) for folder in folders], tables=False)[0]


def enrol_guest(workspace: Workspace, sources: Iterable[Source]) -> Member:
    """Enrol a guest for makers of these documents that take no part: the council gives it what nobody else holds."""
    knowledge, wanted = Knowledge(workspace.database), dict[tuple[int, str], None]()
    for event in _births(sources):
        candidates = parse_identifier(event.asset.identifier, event.asset.asset_type).namespaces
        if candidates and knowledge.holder([namespace_id(*one) for one in candidates]) is None:
            wanted[candidates[0]] = None
    wanted[parse_namespace(f"bpn:{GUEST_BPN}")] = None
    enrol_all(workspace, [Enrolment(GUEST, "Guest of the demonstration", GUEST_ROLES, list(wanted))])
    return workspace.member(GUEST)


def _births(sources: Iterable[Source]) -> Iterable[Event]:
    for source in sources:
        try:
            document = parse_document(read_source(source), as_of=datetime.now(UTC))
        except DocumentError:
            continue
        yield from (event for event in document.events if kind_by_name(event.kind).genesis)


def take_folders(workspace: Workspace, members: Mapping[str, Member], sources: Sequence[Source]) -> list[Taken]:
    """Take documents in, each by the first organisation that may record it.

    An organisation tries what those before it could not record, again where something new was recorded since. What
    none of them may is refused, with the reasons of the one that came closest: the fewest faults.
    """
    left, taken, refused = list(sources), list[Taken](), dict[str, list[Taken]]()
    again = True
    while again and left:
        before = len(left)
        for name in members:
            maker = GUEST_BPN if name == GUEST else None
            results = take(workspace, members, name, left, Choice(maker=maker, keep_going=True, any_order=True))
            for one in results:
                (refused.setdefault(one.path, []) if one.result.outcome is Outcome.REFUSED else taken).append(one)
            names = {one.path for one in results if one.result.outcome is Outcome.REFUSED}
            left = [source for source in left if source.name in names]
        again = len(left) < before
    return taken + [_closest(refused[source.name]) for source in left]


def _closest(attempts: Sequence[Taken]) -> Taken:
    return min(reversed(attempts), key=lambda one: len(one.result.faults))

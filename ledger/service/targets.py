"""What a correction names, by digest: the ids in its document are not for every reader, the digests stand on chain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from sqlmodel import Session, col, select

from ledger.event import Json
from ledger.kinds import all_kinds
from ledger.rules.targets import ID_FIELDS, MAX_TARGETS, UNKNOWN, digest_of
from ledger.rules.types import names_of
from ledger.service.issue import IssuedEvent
from ledger.service.plan import PlannedEvent
from ledger.store.database import Database
from ledger.store.document_index import AssetAlias, Credential, SourceEvent

_LOOK_UP = 400


class Targets:
    """Finds the credentials of the events that a correction of one organisation names."""

    def __init__(self, organisation: int, database: Database) -> None:
        self._organisation, self._database = organisation, database

    def aim(self, planned: PlannedEvent, issued: Sequence[IssuedEvent]) -> PlannedEvent:
        """Write digests for ids into an event that names earlier ones; any other event is returned as it is.

        A name that is a digest, or that names no event of the asset that is known here, or too many for a verifier to
        look at, gets no other digest: in place of the last two stands ``UNKNOWN``. The document's own words are kept
        under another name, for those who may see ids.

        Args:
            planned: To be signed next.
            issued: What was signed of the same member and does not stand in the index yet.

        Raises: SourceError, where the index does not answer.
        """
        for naming in ID_FIELDS.keys() & set(planned.kind.required):
            planned = self._aim(planned, naming, issued)
        return planned

    def _aim(self, planned: PlannedEvent, naming: str, issued: Sequence[IssuedEvent]) -> PlannedEvent:
        fields = planned.event.fields
        said, names = fields[naming], dict.fromkeys(names_of(fields[naming]))
        found: list[Json] = [*dict.fromkeys(one for name in names for one in self._find(name, planned, issued))]
        if not names or found == said:
            return planned
        named = {**fields, naming: found, ID_FIELDS[naming]: said}
        return replace(planned, event=replace(planned.event, fields=named))

    def _find(self, name: str, planned: PlannedEvent, issued: Sequence[IssuedEvent]) -> list[str]:
        digest = digest_of(name)
        fresh = [one for one in issued if one.planned.subject == planned.subject]
        with self._database.read() as session:
            if digest is not None and (_is_fresh(digest, fresh) or _is_known(session, digest, planned.subject)):
                return [digest]
            digests = {one.digest.hex() for one in fresh if name in {one.jti, one.planned.event.document_id}}
            digests |= self._indexed(session, name, planned)
        if not digests or len(digests) > MAX_TARGETS:
            return [digest or UNKNOWN]
        return sorted(digests)

    def _indexed(self, session: Session, name: str, planned: PlannedEvent) -> set[str]:
        """Digests of the events of this asset that have a ``jti`` or document id: the own ones before all others."""
        mine = col(Credential.issuer) == self._organisation
        keys, scopes = list(_keys(session, name, planned)), list(_scopes(session))
        own = {scope for scope in scopes if scope.partition(":")[0] == str(self._organisation)}
        for allowed, wanted in ((own, mine), (set(scopes) - own, ~mine)):
            question = select(Credential.digest).where(
                wanted, Credential.subject == planned.subject, Credential.jti == name
            )
            found = set(session.exec(question))
            for start in range(0, len(keys), _LOOK_UP):
                said = (
                    select(Credential.digest)
                    .join(SourceEvent, col(SourceEvent.digest) == col(Credential.digest))
                    .where(
                        col(SourceEvent.scope).in_(sorted(allowed)),
                        col(SourceEvent.document_id).in_(keys[start : start + _LOOK_UP]),
                        wanted,
                        Credential.subject == planned.subject,
                    )
                )
                found |= set(session.exec(said))
            if found:
                return {digest.hex() for digest in found}
        return set()


def _is_fresh(digest: str, issued: Iterable[IssuedEvent]) -> bool:
    return any(one.digest.hex() == digest for one in issued)


def _is_known(session: Session, digest: str, subject: bytes) -> bool:
    row = session.get(Credential, bytes.fromhex(digest))
    return row is not None and row.subject == subject


def _keys(session: Session, name: str, planned: PlannedEvent) -> Iterator[str]:
    """Under which keys (see ``event_key``) an event of this asset with that document id can stand in the index."""
    asset = planned.event.asset
    aliases = session.exec(select(AssetAlias.identifier).where(AssetAlias.subject == planned.subject))
    for identifier in dict.fromkeys((asset.identifier, *aliases)):
        for kind in all_kinds():
            if kind.concerns(asset.asset_type):
                yield f"{name} {kind.name} {identifier}"


def _scopes(session: Session) -> Iterator[str]:
    """Every scope in the index, one look at its key each."""
    last = ""
    while True:
        question = select(SourceEvent.scope).where(col(SourceEvent.scope) > last)
        found = session.exec(question.order_by(col(SourceEvent.scope)).limit(1)).first()
        if found is None:
            return
        yield found
        last = found

"""Damage to a home, each undone when its block ends; and members who do what the services would refuse."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from ipfs.batch import Batch
from ledger.chain.outbox_store import NewItem
from ledger.credential.base64url import encode_base64url
from ledger.credential.binding import Binding, claims_of, coarse_time, schema_of
from ledger.credential.capsule import seal_capsule
from ledger.credential.capsule_format import CapsuleReference, Manifest, commit_key
from ledger.credential.grant import context_for, seal_grant
from ledger.credential.grant_format import encode_grant
from ledger.credential.salting import make_disclosures
from ledger.credential.sd_jwt import issue
from ledger.credential.signing import SigningKey
from ledger.event import Event
from ledger.kinds import kind_by_name
from ledger.proof.subject import subject
from ledger.service.audit.run import AuditReport, audit
from ledger.service.issue import IssuedEvent, claims_to_disclose
from ledger.service.members import Member
from ledger.service.plan import PlannedEvent
from ledger.service.record import MEMBER_POLICY
from ledger.service.rows import save_batch
from ledger.service.same_event import content_hash, event_key
from ledger.service.workspace import Workspace


@contextmanager
def stopped(workspace: Workspace) -> Iterator[None]:
    """No blocks are mined, so that the index can be put back as it was."""
    workspace.client.rpc.read("evm_setIntervalMining", 0)
    try:
        workspace.projector.sync()
        yield
    finally:
        workspace.client.rpc.read("anvil_setIntervalMining", 1)


@contextmanager
def damaged(workspace: Workspace, *statements: str) -> Iterator[None]:
    """Run SQL in the index behind everybody's back, and put every table back afterwards."""
    path = workspace.database.path
    assert path is not None
    with stopped(workspace):
        kept = path.with_name("kept.db")
        with sqlite3.connect(path) as source, sqlite3.connect(kept) as target:
            source.backup(target)
        source.close()
        target.close()
        try:
            _execute(path, statements)
            yield
        finally:
            _put_back(path, kept)
            kept.unlink()


def _execute(path: Path, statements: tuple[str, ...]) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        changed = connection.execute(statement).rowcount
        assert changed > 0, statement
    connection.commit()
    connection.close()


def _put_back(path: Path, kept: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("ATTACH ? AS kept", (str(kept),))
    names = [row[0] for row in connection.execute("SELECT name FROM kept.sqlite_master WHERE type = 'table'")]
    for name in names:
        connection.execute(f"DELETE FROM main.{name}")  # noqa: S608 - names of our own tables
        connection.execute(f"INSERT INTO main.{name} SELECT * FROM kept.{name}")  # noqa: S608
    connection.commit()
    connection.close()


@contextmanager
def rewritten(path: Path, change: Callable[[bytes], bytes] | None) -> Iterator[None]:
    """Change a file, or with None remove it, and put it back afterwards."""
    before = path.read_bytes()
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(before))
    try:
        yield
    finally:
        path.write_bytes(before)


def codes(report: AuditReport) -> set[str]:
    """The codes of a report."""
    return {difference.code for difference in report.differences}


def found(workspace: Workspace, code: str, place: str = "") -> list[str]:
    """The messages of one code that an audit reports about a place."""
    report = audit(workspace)
    return [one.message for one in report.differences if one.code == code and place in one.place]


def plan(event: Event, organisation: int, *, salt: bytes | None = None, own: bytes | None = None) -> PlannedEvent:
    """An event as it would be planned, without asking any rule."""
    content, kind = content_hash(event), kind_by_name(event.kind)
    salt = os.urandom(32) if salt is None and kind.genesis else salt
    asset = event.asset
    if own is None:
        own = subject(organisation, str(asset.asset_type), asset.identifier, salt or b"")
    return PlannedEvent(event, kind, own, salt, f"{organisation}:event", event_key(event, content), content)


class Rogue:
    """A member who signs and attests whatever he likes, with all the rows of an honest recording."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace, self.member = workspace, workspace.member(name)

    def attest(
        self,
        planned: PlannedEvent,
        *,
        jti: str | None = None,
        binding: Callable[[Binding], Binding] = lambda one: one,
        signer: Member | None = None,
        granted_key: bytes | None = None,
        grant_signer: SigningKey | None = None,
        granted_after_s: int = 0,
        with_rows: bool = True,
        as_kind: int | None = None,
    ) -> IssuedEvent:
        """Sign, keep, queue, and wait until it is final."""
        key, batch = os.urandom(32), Batch()
        disclosures = make_disclosures(claims_to_disclose(planned), os.urandom)
        sealed = seal_capsule(Manifest(tuple(disclosures)), (), key, os.urandom(7))
        reference = CapsuleReference(str(batch.add_file(sealed)), commit_key(key))
        log, now = (
            self.workspace.contracts.log_name(planned.event.asset.asset_type),
            self.workspace.client.header().timestamp,
        )
        honest = Binding(
            subject=planned.subject,
            kind=planned.kind.number,
            schema=schema_of(planned.kind.name),
            log=log,
            organisation=self.member.organisation,
            jti=jti or encode_base64url(os.urandom(16)),
            issued_at=coarse_time(now),
            capsule=reference,
        )
        told = binding(honest)
        credential = issue(claims_of(told), disclosures, (signer or self.member).issuer, os.urandom)
        batch.add(credential.jwt.encode())
        payload = sha256(credential.jwt.split(".")[1].encode()).digest()
        issued = IssuedEvent(planned, credential.digest, told.jti, payload, told.issued_at, told.capsule.cid, key, None)
        own = self.member.recipient.public
        number, granted_at = self.member.organisation, now + granted_after_s
        context = context_for(own, number, number, MEMBER_POLICY, granted_at)
        keys = [(told.capsule.cid, granted_key or key)]
        grant = seal_grant(own, context, keys, grant_signer or self.member.issuer, os.urandom(32))
        batch.add_file([encode_grant(grant)], "1.grant")
        self._send(batch, issued, grant, with_rows=with_rows, as_kind=as_kind)
        return issued

    def _send(self, batch: Batch, issued: IssuedEvent, grant: object, *, with_rows: bool, as_kind: int | None) -> None:
        workspace, planned = self.workspace, issued.planned
        root = batch.put(workspace.documents)
        if not with_rows:
            return
        log = workspace.contracts.log(planned.event.asset.asset_type)
        item = NewItem(log, planned.subject, as_kind or planned.kind.number, issued.digest)
        with workspace.outbox(self.member) as outbox:
            with workspace.database.write() as session:
                save_batch(session, self.member, workspace.contracts, str(root), [issued], [grant])  # type: ignore[list-item]
                outbox.enqueue(session, [item])
            outbox.drain(60.0, None)
        workspace.projector.sync()


def with_capsule(cid: str) -> Callable[[Binding], Binding]:
    """A binding that names another capsule."""
    return lambda binding: replace(binding, capsule=replace(binding.capsule, cid=cid))

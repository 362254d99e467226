"""A member who cheats: real keys, real roles, real transactions. What he writes is on the chain for good.

He leaves out nothing but the checks that an honest member makes before writing: planner and namespaces.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ipfs.batch import Batch
from ledger.chain import calls
from ledger.credential.base64url import encode_base64url
from ledger.credential.binding import Binding, claims_of, coarse_time, schema_of
from ledger.credential.capsule_format import CapsuleReference, commit_key
from ledger.credential.grant import context_for, seal_grant
from ledger.credential.grant_format import Grant, encode_grant
from ledger.credential.recipient import RecipientKey
from ledger.credential.salting import make_disclosures
from ledger.credential.sd_jwt import issue
from ledger.demo.double_capsule import DoubleCapsule, make_double_capsule
from ledger.event import AssetReference, AssetType, Event, Json
from ledger.kinds import Kind, kind_by_name
from ledger.proof.subject import SALT_BYTES, subject
from ledger.service.issue import JTI_BYTES, IssuedEvent, Issuer, claims_to_disclose
from ledger.service.members import Member
from ledger.service.plan import PlannedEvent
from ledger.service.record import MEMBER_POLICY
from ledger.service.rows import save_grants
from ledger.service.same_event import content_hash
from ledger.service.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Attested:
    """What is to be attested: any digest, to any subject, as any kind that his roles allow."""

    asset_type: AssetType
    subject: bytes
    kind: Kind
    digest: bytes


class Insider:
    """Writes past the rules that his own programs would hold him to."""

    def __init__(self, workspace: Workspace, member: Member) -> None:
        self._workspace, self.member = workspace, member
        self._names: dict[str, str] = {kind: workspace.contracts.log_name(kind) for kind in AssetType}
        self._issuer = Issuer(member, self._names)

    def plan(
        self, asset: AssetReference, own: bytes, kind: str, fields: dict[str, Json], salt: bytes | None = None
    ) -> PlannedEvent:
        """Make up an event for any subject."""
        event = Event(kind, asset, datetime.now(UTC), fields)
        return PlannedEvent(event, kind_by_name(kind), own, salt, "", "", content_hash(event))

    def birth(self, asset: AssetReference, kind: str) -> PlannedEvent:
        """Make up a second life for an asset that is registered already: a fresh salt gives a fresh subject."""
        salt = os.urandom(SALT_BYTES)
        own = subject(self.member.organisation, asset.asset_type, asset.identifier, salt)
        fields: dict[str, Json] = {"identifier": asset.identifier, "asset_type": asset.asset_type.value}
        return self.plan(asset, own, kind, fields, salt)

    def sign(self, planned: PlannedEvent) -> IssuedEvent:
        """Sign a credential and keep it where everybody finds it."""
        with Batch() as batch:
            issued = self._issuer.issue(planned, None, None, int(time.time()), batch)
            batch.put(self._workspace.documents)
        self.grant(self.member.organisation, self.member.recipient.public, [(issued.capsule_cid, issued.capsule_key)])
        return issued

    def sign_double(self, planned: PlannedEvent, told: bytes) -> tuple[bytes, DoubleCapsule]:
        """Sign a credential whose capsule has two keys; return its digest, and the capsule."""
        disclosures = make_disclosures(claims_to_disclose(planned), os.urandom)
        double = make_double_capsule(disclosures, told)
        with Batch() as batch:
            cid = str(batch.add_file([double.sealed]))
            files = tuple(one.salted_hash for one in double.manifest.files)
            capsule = CapsuleReference(cid, commit_key(double.first), files)
            binding = Binding(
                subject=planned.subject,
                kind=planned.kind.number,
                schema=schema_of(planned.kind.name),
                log=self._names[planned.event.asset.asset_type],
                organisation=self.member.organisation,
                jti=encode_base64url(os.urandom(JTI_BYTES)),
                issued_at=coarse_time(int(time.time())),
                capsule=capsule,
            )
            credential = issue(claims_of(binding), disclosures, self.member.issuer, os.urandom)
            batch.add(credential.jwt.encode("ascii"))
            batch.put(self._workspace.documents)
        self.grant(self.member.organisation, self.member.recipient.public, [(cid, double.first)])
        return credential.digest, double

    def grant(self, organisation: int, recipient: RecipientKey, keys: Sequence[tuple[str, bytes]]) -> Grant:
        """Sign a grant of any keys; nobody stops him from granting false ones."""
        now = int(time.time())
        context = context_for(recipient, self.member.organisation, organisation, MEMBER_POLICY, now)
        grant = seal_grant(recipient, context, keys, self.member.issuer, os.urandom(32))
        with Batch() as batch:
            batch.add_file([encode_grant(grant)])
            batch.put(self._workspace.documents)
        with self._workspace.database.write() as session:
            save_grants(session, [grant])
        return grant

    def attest(self, items: Iterable[Attested]) -> None:
        """Attest it all, in one block; the contracts see nothing wrong with it."""
        log_of = self._workspace.contracts.log
        sent = [(log_of(one.asset_type), calls.attest(one.subject, one.kind.number, one.digest)) for one in items]
        self._workspace.client.transact_many(self.member.signer, list(sent))
        self._workspace.projector.sync()

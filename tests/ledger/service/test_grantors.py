"""Grants are believed by the key that they name: one that was the grantor's when they were signed, and no other."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from ipfs.batch import Batch
from ledger.chain.contracts import ADD_ISSUER_KEY
from ledger.credential.binding import MAX_CLOCK_SKEW_SECONDS
from ledger.credential.grant import context_for, seal_grant
from ledger.credential.grant_format import Grant, encode_grant
from ledger.credential.jose import Algorithm
from ledger.credential.signing import SigningKey, generate_private_key
from ledger.errors import IssuerError, MalformedError, MissingError
from ledger.event import AssetReference
from ledger.proof.slots import DEVICE_KEY
from ledger.service.directory import issuer_keys
from ledger.service.grantors import GrantorKeys
from ledger.service.grants import grant_history
from ledger.service.issuer_keys import ALGORITHM_NUMBERS, NO_END, add_issuer_key, revoke_issuer_key, rotate_issuer_key
from ledger.service.members import ISSUER_ALGORITHM
from ledger.service.read import Reader
from ledger.service.record import MEMBER_POLICY
from ledger.service.rows import save_grants
from ledger.service.workspace import Workspace
from ledger.store.chain_index import IssuerKey
from ledger.strict_json import canonical_json
from tests.ledger.service.conftest import birth, document, record

pytestmark = pytest.mark.integration
MAKER, OTHER = 1, 2


def reader_of(workspace: Workspace, name: str) -> Reader:
    """Reads with the keys of one organisation alone."""
    key = workspace.member(name).recipient
    return Reader(workspace.database, workspace.documents, workspace.contracts, [key])


def opens(workspace: Workspace, name: str, digest: bytes) -> bool:
    return "identifier" in reader_of(workspace, name).read(digest).claims


def born(workspace: Workspace, asset: AssetReference) -> bytes:
    """A battery of the maker's, that it alone can open; the digest of its birth."""
    record(workspace, "maker", document(birth(asset)))
    return workspace.reader().history(workspace.reader().asset(asset.identifier))[0].digest


def hand_on(
    workspace: Workspace, digest: bytes, signer: SigningKey, grantor: int = MAKER, at: int | None = None
) -> Grant:
    """Give the true key of an event to the other organisation, signed with any key, in anybody's name, at any time."""
    capsule = workspace.reader().batch_of(digest)
    assert capsule is not None
    assert capsule.capsule_cid is not None
    key = reader_of(workspace, "maker").capsule_key(capsule.capsule_cid)
    recipient = workspace.member("other").recipient.public
    context = context_for(recipient, grantor, OTHER, MEMBER_POLICY, int(time.time()) if at is None else at)
    grant = seal_grant(recipient, context, [(capsule.capsule_cid, key)], signer, os.urandom(32))
    with Batch() as batch:
        batch.add_file([encode_grant(grant)], "one.grant")
        batch.put(workspace.documents)
    with workspace.database.write() as session:
        save_grants(session, [grant])
    return grant


def row_of(workspace: Workspace, key: SigningKey, organisation: int = MAKER) -> IssuerKey:
    return next(row for row in issuer_keys(workspace, organisation) if row.thumbprint == key.public.thumbprint)


def refusal(workspace: Workspace, grant: Grant) -> pytest.ExceptionInfo[IssuerError]:
    with pytest.raises(IssuerError) as caught:
        GrantorKeys(workspace.database, workspace.documents).key(grant)
    return caught


def test_grants_from_before_and_after_a_rotation_open(workspace: Workspace, asset: AssetReference) -> None:
    digest = born(workspace, asset)
    found = workspace.reader().asset(asset.identifier)
    before = workspace.member("maker")
    grant_history(workspace, before, found, OTHER)
    rotate_issuer_key(workspace, "maker")
    assert opens(workspace, "other", digest)
    assert opens(workspace, "maker", digest)


def test_a_grant_of_the_new_key_opens(workspace: Workspace, asset: AssetReference) -> None:
    rotate_issuer_key(workspace, "maker")
    digest = born(workspace, asset)
    assert not opens(workspace, "other", digest)
    grant_history(workspace, workspace.member("maker"), workspace.reader().asset(asset.identifier), OTHER)
    assert opens(workspace, "other", digest)


def test_a_strangers_key_opens_nothing(workspace: Workspace, asset: AssetReference) -> None:
    digest = born(workspace, asset)
    grant = hand_on(workspace, digest, generate_private_key(ISSUER_ALGORITHM, os.urandom))
    refusal(workspace, grant).match("never added")
    assert not opens(workspace, "other", digest)


def test_another_members_key_opens_nothing_in_the_grantors_name(workspace: Workspace, asset: AssetReference) -> None:
    digest = born(workspace, asset)
    other = workspace.member("other").issuer
    refusal(workspace, hand_on(workspace, digest, other)).match("never added")
    assert not opens(workspace, "other", digest)
    hand_on(workspace, digest, other, grantor=OTHER)
    assert opens(workspace, "other", digest)


@pytest.mark.parametrize("edge", ["valid_from", "valid_until"])
def test_a_grant_dated_outside_the_keys_validity_opens_nothing(
    workspace: Workspace, asset: AssetReference, edge: str
) -> None:
    digest, old = born(workspace, asset), workspace.member("maker").issuer
    rotate_issuer_key(workspace, "maker")
    time_of, away = getattr(row_of(workspace, old), edge), MAX_CLOCK_SKEW_SECONDS
    wrong, right = (
        (time_of - away - 1, time_of - away) if edge == "valid_from" else (time_of + away, time_of + away - 1)
    )
    refusal(workspace, hand_on(workspace, digest, old, at=wrong)).match("not valid")
    assert not opens(workspace, "other", digest)
    hand_on(workspace, digest, old, at=right)
    assert opens(workspace, "other", digest)


def test_a_grant_dated_after_the_revocation_opens_nothing(workspace: Workspace, asset: AssetReference) -> None:
    digest, stolen = born(workspace, asset), generate_private_key(ISSUER_ALGORITHM, os.urandom)
    add_issuer_key(workspace, "maker", stolen.public)
    revoke_issuer_key(workspace, "maker", stolen.public.thumbprint)
    revoked = row_of(workspace, stolen).revoked_from
    refusal(workspace, hand_on(workspace, digest, stolen, at=revoked + MAX_CLOCK_SKEW_SECONDS + 1)).match("not valid")
    assert not opens(workspace, "other", digest)
    hand_on(workspace, digest, stolen, at=revoked - 1)
    assert opens(workspace, "other", digest)


def test_a_devices_key_opens_nothing_in_its_organisations_name(workspace: Workspace, asset: AssetReference) -> None:
    digest, device = born(workspace, asset), generate_private_key(ISSUER_ALGORITHM, os.urandom)
    add_issuer_key(workspace, "maker", device.public, DEVICE_KEY)
    refusal(workspace, hand_on(workspace, digest, device)).match("for a device")
    assert not opens(workspace, "other", digest)


def test_the_order_of_false_and_true_grants_does_not_matter(workspace: Workspace, asset: AssetReference) -> None:
    digest, member = born(workspace, asset), workspace.member("maker")
    hand_on(workspace, digest, generate_private_key(ISSUER_ALGORITHM, os.urandom))
    hand_on(workspace, digest, member.issuer)
    hand_on(workspace, digest, generate_private_key(ISSUER_ALGORITHM, os.urandom))
    assert opens(workspace, "other", digest)


def test_a_key_whose_document_is_gone_leaves_the_other_grants(workspace: Workspace, asset: AssetReference) -> None:
    digest = born(workspace, asset)
    unheard = generate_private_key(ISSUER_ALGORITHM, os.urandom)
    action = ADD_ISSUER_KEY.encode(unheard.public.thumbprint, 0, NO_END, 1, 0)
    workspace.client.transact(workspace.member("maker").signer, workspace.contracts.consortium, action)
    workspace.projector.sync()
    grant = hand_on(workspace, digest, unheard)
    with pytest.raises(MissingError):
        GrantorKeys(workspace.database, workspace.documents).key(grant)
    assert not opens(workspace, "other", digest)
    hand_on(workspace, digest, workspace.member("maker").issuer)
    assert opens(workspace, "other", digest)


def test_a_key_that_was_added_for_another_algorithm_opens_nothing(workspace: Workspace, asset: AssetReference) -> None:
    digest, key = born(workspace, asset), generate_private_key(ISSUER_ALGORITHM, os.urandom)
    with Batch() as batch:
        batch.add(canonical_json(dict(key.public.jwk)), "issuer.jwk")
        batch.put(workspace.documents)
    action = ADD_ISSUER_KEY.encode(key.public.thumbprint, 0, NO_END, ALGORITHM_NUMBERS[Algorithm.EDDSA], 0)
    workspace.client.transact(workspace.member("maker").signer, workspace.contracts.consortium, action)
    workspace.projector.sync()
    refusal(workspace, hand_on(workspace, digest, key)).match("another algorithm")
    assert not opens(workspace, "other", digest)


@pytest.mark.parametrize("kid", ["", "AA", "=" * 43])
def test_a_grant_that_names_no_key_is_malformed(workspace: Workspace, asset: AssetReference, kid: str) -> None:
    grant = hand_on(workspace, born(workspace, asset), workspace.member("maker").issuer)
    unnamed = replace(grant, jws=replace(grant.jws, header={**grant.jws.header, "kid": kid}))
    with pytest.raises(MalformedError):
        GrantorKeys(workspace.database, workspace.documents).key(unnamed)

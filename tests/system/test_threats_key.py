"""Threats: a stolen key, an expelled organisation, and an issuer who grants two keys for one capsule."""

from __future__ import annotations

import os
import time

import pytest

from ledger.chain import contracts as calls
from ledger.credential.capsule_format import KEY_BYTES, verify_key
from ledger.credential.false_key import encode_false_key_proof, parse_false_key_proof, prove_false_key, verify_false_key
from ledger.credential.grant import open_grant, verify_grant
from ledger.errors import ContentMismatchError, MissingError, NotAuthorisedError
from ledger.service.council import decide, revoke_from, suspend
from ledger.service.read import Reader, reference_of
from light_node.verdict import Mark, Outcome, Step
from tests.system.holder import insist
from tests.system.house import (
    READING,
    House,
    assert_refused,
    assert_verified,
)

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("house")]
NOTE = "any.observation"
REFUTED, UNDETERMINED = Outcome.REFUTED, Outcome.UNDETERMINED


def _later(house: House) -> int:
    """Wait until the chain's clock has moved on, and return its time."""
    client = house.workspace.client
    began = client.header().timestamp
    while client.header().timestamp <= began:
        time.sleep(0.05)
    return client.header().timestamp


def test_a_revoked_key_later_earlier_and_in_doubt(house: House) -> None:
    life, robbed = house.register(house.party("car-maker")), house.party("robbed-garage")
    house.tell(life, robbed, READING, {"odometer_km": 1_000})
    stolen_at = _later(house)
    house.tell(life, robbed, READING, {"odometer_km": 2_000})
    _later(house)
    thumbprint = robbed.member.issuer.public.thumbprint
    assert revoke_from(house.workspace, robbed.member.organisation, thumbprint, stolen_at).executed
    house.tell(life, house.party("workshop"), NOTE, {"description": "proven at a block after the revocation"})
    verdict = house.judge(house.evidence(life.asset))
    assert_verified(verdict)
    assert verdict.account is not None
    assert [Mark.DISPUTED in event.marks for event in verdict.account.events] == [False, False, True, False]
    _later(house)
    house.tell(life, robbed, READING, {"odometer_km": 3_000})
    verdict = insist(house, life.asset, 5, life.events[4], robbed.member.issuer.public)
    assert_refused(verdict, REFUTED, Step.AUTHORITY, "IssuerError")


def test_a_closed_account_writes_no_more_and_its_past_verifies(house: House) -> None:
    life, closed = house.register(house.party("car-maker")), house.party("closed-garage")
    house.tell(life, closed, READING, {"odometer_km": 1_000})
    assert decide(
        house.workspace, calls.REMOVE_ACCOUNT.encode(closed.member.organisation, closed.member.signer.address)
    ).executed
    with pytest.raises(NotAuthorisedError):
        house.tell(life, closed, READING, {"odometer_km": 2_000})
    assert_verified(house.judge(house.evidence(life.asset)))


def test_a_suspended_organisation_writes_no_more_and_its_past_verifies(house: House) -> None:
    life, idle = house.register(house.party("car-maker")), house.party("suspended-garage")
    house.tell(life, idle, READING, {"odometer_km": 1_000})
    assert suspend(house.workspace, idle.member.organisation).executed
    with pytest.raises(NotAuthorisedError):
        house.tell(life, idle, READING, {"odometer_km": 2_000})
    assert_verified(house.judge(house.evidence(life.asset)))
    assert suspend(house.workspace, idle.member.organisation, resume=True).executed
    house.tell(life, idle, READING, {"odometer_km": 2_000})
    assert_verified(house.judge(house.evidence(life.asset)))


def test_an_issuer_who_grants_two_keys_is_refused_and_convicted(house: House) -> None:
    life, shop, victim = house.register(house.party("car-maker")), house.party("workshop"), house.party("recycler")
    event = house.tell(life, shop, NOTE, {"description": "as it was"})
    recipient = victim.member.recipient
    grant = shop.grant(victim.member.organisation, recipient.public, [(event.capsule_cid, os.urandom(KEY_BYTES))])
    workspace = house.workspace
    reader = Reader(workspace.database, workspace.documents, workspace.contracts, [recipient])
    with pytest.raises(MissingError):
        reader.capsule(event.digest)
    reference, issuer = reference_of(reader.read(event.digest).jws), shop.member.issuer.public
    opened = open_grant(verify_grant(grant, issuer), recipient)
    with pytest.raises(ContentMismatchError):
        verify_key(opened[event.capsule_cid], reference.key_commitment)
    proof = encode_false_key_proof(prove_false_key(verify_grant(grant, issuer), recipient, reference))
    assert verify_false_key(parse_false_key_proof(proof), issuer, reference) == shop.member.organisation


def test_a_true_key_helps_after_a_false_one(house: House) -> None:
    """Whoever gets a false key first, from anybody, still reads what he is given honestly."""
    life, shop, victim = house.register(house.party("car-maker")), house.party("workshop"), house.party("recycler")
    event = house.tell(life, shop, NOTE, {"description": "as it was"})
    recipient = victim.member.recipient
    for key in (os.urandom(KEY_BYTES), event.capsule_key, os.urandom(KEY_BYTES)):
        shop.grant(victim.member.organisation, recipient.public, [(event.capsule_cid, key)])
    workspace = house.workspace
    reader = Reader(workspace.database, workspace.documents, workspace.contracts, [recipient])
    assert reader.read(event.digest).claims["description"].value == "as it was"

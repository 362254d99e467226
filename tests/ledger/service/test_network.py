"""Governing a consortium: enrolment, keys and namespaces, each refusal in the contract's words."""

from __future__ import annotations

import os
import time

import pytest
from sqlmodel import select

from ledger.access import Tier
from ledger.credential.jose import Algorithm
from ledger.credential.signing import generate_private_key
from ledger.errors import ConfigurationError, MissingError, RuleError
from ledger.event import AssetReference, Json
from ledger.service.council import assign_namespace, revoke_from, suspend
from ledger.service.enrolment import enrol
from ledger.service.evidence import build_evidence
from ledger.service.issuer_keys import add_issuer_key, revoke_issuer_key
from ledger.service.members import encode_profile, parse_profile
from ledger.service.namespaces import parse_namespace
from ledger.service.network import bring_up, initialise
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from ledger.store.chain_index import IssuerKey, Organisation
from light_node.judgement import judge
from light_node.verdict import Mark, Outcome
from tests.ledger.service.conftest import birth, document, event, record

pytestmark = pytest.mark.integration

HEALTH: dict[str, Json] = {"measured_at": "2026-06-01T08:00:00Z", "state_of_health_percent": 99.5}


def test_home_is_made_once(workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        initialise(workspace, "")


def test_bringing_up_again_deploys_nothing(workspace: Workspace) -> None:
    assert bring_up(workspace) is False


def test_members_are_enrolled_with_profile_and_key(workspace: Workspace) -> None:
    profile = workspace.reader().profile(1)
    assert profile.name == "Maker AB"
    assert parse_profile(encode_profile(profile)) == profile
    with workspace.database.read() as session:
        keys = session.exec(select(IssuerKey).where(IssuerKey.organisation == 1)).all()
    assert [key.thumbprint for key in keys] == [workspace.member("maker").issuer.public.thumbprint]


def test_same_name_is_enrolled_once(workspace: Workspace) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        enrol(workspace, "maker", "Maker AB", ["make"])


def test_unknown_role_is_refused_before_anything_is_made(workspace: Workspace) -> None:
    with pytest.raises(RuleError, match="no role"):
        enrol(workspace, "third", "Third", ["emperor"])
    assert "third" not in workspace.keyring.names()


def test_unknown_organisation_has_no_profile(workspace: Workspace) -> None:
    with pytest.raises(MissingError):
        workspace.reader().profile(99)


def test_namespace_of_an_unknown_organisation_is_refused(workspace: Workspace) -> None:
    with pytest.raises(RuleError, match="no organisation 99"):
        assign_namespace(workspace, 1, "XXX", 99)


def test_same_namespace_twice_is_refused(workspace: Workspace) -> None:
    assign_namespace(workspace, 1, "XYZ", 1)
    with pytest.raises(RuleError, match="is of organisation 1 already"):
        assign_namespace(workspace, 1, "XYZ", 1)


def test_suspending_twice_is_refused(workspace: Workspace) -> None:
    suspend(workspace, 2)
    with pytest.raises(RuleError, match="already"):
        suspend(workspace, 2)
    suspend(workspace, 2, resume=True)
    with workspace.database.read() as session:
        row = session.get(Organisation, 2)
    assert row is not None
    assert not row.suspended


def test_key_is_revoked_once(workspace: Workspace) -> None:
    key = generate_private_key(Algorithm.ES256, os.urandom).public
    add_issuer_key(workspace, "other", key)
    revoke_issuer_key(workspace, "other", key.thumbprint)
    with pytest.raises(RuleError, match="revoked"):
        revoke_issuer_key(workspace, "other", key.thumbprint)
    with pytest.raises(RuleError, match="key"):
        revoke_issuer_key(workspace, "maker", key.thumbprint)


@pytest.mark.parametrize("text", ["", "wmi", "wmi:", "vin:WVW", "wmi:W W", "gs1:95é", "gs1:"])
def test_text_that_is_no_namespace_is_refused(text: str) -> None:
    with pytest.raises(RuleError, match="no namespace"):
        parse_namespace(text)


def test_namespaces_are_read() -> None:
    assert parse_namespace("wmi:vcu") == (1, "VCU")
    assert parse_namespace("gs1:9521000001") == (2, "9521000001")


def test_revocation_from_the_past_leaves_a_dispute_and_the_earlier_past_valid(
    workspace: Workspace, asset: AssetReference
) -> None:
    """Last: it ends the maker's key."""
    record(workspace, "maker", document(birth(asset)))
    found = workspace.reader().asset(asset.identifier)
    born = workspace.reader().history(found)[0].attested_at
    wait_for_a_later_second(workspace, born)
    record(workspace, "maker", document(event("battery.state_of_health", asset, **HEALTH)))
    doubted = workspace.reader().history(found)[1].attested_at
    wait_for_a_later_second(workspace, doubted)
    revoke_from(workspace, 1, workspace.member("maker").issuer.public.thumbprint, doubted)
    verdict = judge(build_evidence(workspace, found, Tier.AUTHORITIES), make_trust(workspace), now=int(time.time()))
    assert verdict.outcome is Outcome.VERIFIED
    assert verdict.account is not None
    assert [event.marks for event in verdict.account.events] == [frozenset(), {Mark.DISPUTED}]


def wait_for_a_later_second(workspace: Workspace, second: int) -> None:
    while workspace.client.header().timestamp <= second:
        time.sleep(0.1)

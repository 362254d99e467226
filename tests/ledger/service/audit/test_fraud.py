"""What members do that no service would: each is on the chain for good, and each is named by an audit."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.credential.binding import MAX_CLOCK_SKEW_SECONDS, schema_of
from ledger.credential.jose import Algorithm
from ledger.credential.signing import generate_private_key
from ledger.event import AssetReference, Event
from ledger.kinds import kind_by_name
from ledger.proof.slots import DEVICE_KEY
from ledger.service.audit.run import audit
from ledger.service.council import revoke_from
from ledger.service.issuer_keys import add_issuer_key, revoke_issuer_key
from ledger.service.workspace import Workspace
from tests.ledger.service.audit.damage import Rogue, found, plan, with_capsule
from tests.ledger.service.conftest import battery, birth, document, event, record

pytestmark = pytest.mark.integration


def subject_of(workspace: Workspace, asset: AssetReference) -> bytes:
    return workspace.reader().asset(asset.identifier).subject


@pytest.fixture
def born(workspace: Workspace, asset: AssetReference) -> AssetReference:
    """A battery that the maker registered."""
    record(workspace, "maker", document(birth(asset)))
    return asset


def measured(asset: AssetReference, document_id: str | None = None) -> Event:
    return event("battery.state_of_health", asset, document_id, measured_at="2026-06-01T08:00:00Z")


def test_second_subject_by_another_member_is_named_with_both_geneses(
    workspace: Workspace, born: AssetReference
) -> None:
    false = Rogue(workspace, "other").attest(plan(birth(born), 2))
    messages = found(workspace, "two-subjects", born.identifier)
    assert len(messages) == 1
    assert false.digest.hex() in messages[0]
    assert subject_of(workspace, born).hex() in messages[0]
    assert messages[0].count("genesis credential") == 2
    (authority,) = found(workspace, "namespace", false.digest.hex())
    assert "organisation 2 registered it" in authority


def test_second_subject_by_the_same_authority_is_named(workspace: Workspace, born: AssetReference) -> None:
    second = Rogue(workspace, "maker").attest(plan(replace(birth(born), document_id="again"), 1))
    messages = found(workspace, "two-subjects", born.identifier)
    assert len(messages) == 1
    assert second.digest.hex() in messages[0]
    assert found(workspace, "namespace", second.digest.hex()) == []


def test_genesis_outside_its_issuers_namespace_is_named(workspace: Workspace, asset: AssetReference) -> None:
    false = Rogue(workspace, "other").attest(plan(birth(asset), 2))
    assert len(found(workspace, "namespace", false.digest.hex())) == 1
    assert found(workspace, "two-subjects", asset.identifier) == []


def test_genesis_that_opens_another_subject_is_named(workspace: Workspace, asset: AssetReference) -> None:
    other = (1).to_bytes(4, "big") + os.urandom(28)
    false = Rogue(workspace, "maker").attest(plan(birth(asset), 1, own=other))
    (message,) = found(workspace, "identity", false.digest.hex())
    assert "does not open the subject" in message


def test_two_contents_under_one_id_are_named(workspace: Workspace, born: AssetReference) -> None:
    rogue, own, jti = Rogue(workspace, "maker"), subject_of(workspace, born), "A" * 22
    first = rogue.attest(plan(measured(born, "one"), 1, own=own), jti=jti)
    second = rogue.attest(plan(measured(born, "two"), 1, own=own), jti=jti)
    (message,) = found(workspace, "equivocation", f"1/{jti}")
    assert first.digest.hex() in message
    assert second.digest.hex() in message


def test_one_id_of_two_issuers_is_no_equivocation(workspace: Workspace, born: AssetReference) -> None:
    own, jti = subject_of(workspace, born), "B" * 21 + "A"
    Rogue(workspace, "maker").attest(plan(measured(born, "three"), 1, own=own), jti=jti)
    Rogue(workspace, "other").attest(plan(measured(born, "four"), 2, own=own), jti=jti)
    assert found(workspace, "equivocation", jti) == []


def test_credential_attested_under_another_kind_is_named(workspace: Workspace, born: AssetReference) -> None:
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    false = Rogue(workspace, "maker").attest(planned, as_kind=kind_by_name("any.shipped").number)
    (message,) = found(workspace, "binding", false.digest.hex())
    assert "another kind" in message


def test_credential_of_another_subject_is_named(workspace: Workspace, born: AssetReference) -> None:
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    false = Rogue(workspace, "maker").attest(planned, binding=lambda one: replace(one, subject=bytes(32)))
    assert "another sub" in found(workspace, "binding", false.digest.hex())[0]


def test_credential_of_another_schema_is_named(workspace: Workspace, born: AssetReference) -> None:
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    false = Rogue(workspace, "maker").attest(
        planned, binding=lambda one: replace(one, schema=schema_of("battery.recycled"))
    )
    assert "another vct" in found(workspace, "binding", false.digest.hex())[0]


def test_credential_signed_with_another_members_key_is_named(workspace: Workspace, born: AssetReference) -> None:
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    false = Rogue(workspace, "maker").attest(planned, signer=workspace.member("other"))
    (message,) = found(workspace, "issuer-key", false.digest.hex())
    assert "organisation 1 never added" in message


def test_capsule_of_another_credential_is_named(workspace: Workspace, born: AssetReference) -> None:
    own, rogue = subject_of(workspace, born), Rogue(workspace, "maker")
    first = rogue.attest(plan(measured(born, "five"), 1, own=own))
    swapped = rogue.attest(plan(measured(born, "six"), 1, own=own), binding=with_capsule(first.capsule_cid))
    report = audit(workspace)
    named = {one.code for one in report.differences if swapped.digest.hex() in one.place}
    assert named & {"capsule", "key-false"}


def test_grant_of_a_false_key_is_named(workspace: Workspace, born: AssetReference) -> None:
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    false = Rogue(workspace, "maker").attest(planned, granted_key=bytes(32))
    (message,) = found(workspace, "key-false", false.digest.hex())
    assert "no grant opens its capsule" in message


def test_credential_signed_with_a_devices_key_is_named(workspace: Workspace, born: AssetReference) -> None:
    """No reader takes it (``light_node.issuer``), so an audit must not pass it over."""
    device = generate_private_key(Algorithm.ES256, os.urandom)
    add_issuer_key(workspace, "maker", device.public, DEVICE_KEY)
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    false = Rogue(workspace, "maker").attest(planned, signer=replace(workspace.member("maker"), issuer=device))
    (message,) = found(workspace, "issuer-key", false.digest.hex())
    assert "for a device" in message


def test_grant_signed_with_a_devices_key_opens_nothing(workspace: Workspace, born: AssetReference) -> None:
    device = generate_private_key(Algorithm.ES256, os.urandom)
    add_issuer_key(workspace, "maker", device.public, DEVICE_KEY)
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    closed = Rogue(workspace, "maker").attest(planned, grant_signer=device)
    (message,) = found(workspace, "key-false", closed.digest.hex())
    assert "no grant opens its capsule" in message


@pytest.mark.parametrize(("after_s", "opens"), [(MAX_CLOCK_SKEW_SECONDS + 60, False), (0, True)])
def test_grant_dated_after_its_key_was_revoked_opens_nothing(
    workspace: Workspace, born: AssetReference, after_s: int, opens: bool
) -> None:
    stolen = generate_private_key(Algorithm.ES256, os.urandom)
    add_issuer_key(workspace, "maker", stolen.public)
    revoke_issuer_key(workspace, "maker", stolen.public.thumbprint)
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    issued = Rogue(workspace, "maker").attest(planned, grant_signer=stolen, granted_after_s=after_s)
    assert (found(workspace, "key-false", issued.digest.hex()) == []) is opens


def test_credential_without_a_required_field_is_a_notice(workspace: Workspace, born: AssetReference) -> None:
    planned = plan(event("battery.state_of_health", born), 1, own=subject_of(workspace, born))
    issued = Rogue(workspace, "maker").attest(planned)
    assert len(found(workspace, "incomplete", issued.digest.hex())) == 1


def test_credential_that_was_never_queued_is_an_orphan(workspace: Workspace, born: AssetReference) -> None:
    planned = plan(measured(born), 1, own=subject_of(workspace, born))
    issued = Rogue(workspace, "maker").attest(planned, with_rows=False)
    assert len(found(workspace, "orphan", issued.digest.hex())) == 1


def test_key_revoked_in_the_past_leaves_what_it_signed_disputed(
    workspace: Workspace, numbers: Callable[[], int]
) -> None:
    asset = battery(numbers())
    done = record(workspace, "maker", document(birth(asset)))
    digest = done.events[0][1]
    attested = workspace.reader().history(workspace.reader().asset(asset.identifier))[0].attested_at
    revoke_from(workspace, 1, workspace.member("maker").issuer.public.thumbprint, attested)
    assert len(found(workspace, "disputed", digest.hex())) == 1
    time.sleep(1.5)  # in the second of the revocation itself it would be disputed
    late = Rogue(workspace, "maker").attest(plan(birth(battery(numbers())), 1))
    (message,) = found(workspace, "issuer-key", late.digest.hex())
    assert "was revoked before" in message

"""Organisations, accounts, issuer keys, namespaces and validators: what changes, and what cannot."""

from __future__ import annotations

import pytest

from ledger.proof.slots import (
    IssuerKeyRecord,
    NamespaceGrant,
    issuer_key_slot,
    member_slot,
    namespace_element_slot,
    namespace_slot,
    parse_issuer_key,
    parse_member,
    parse_namespace_grant,
)
from ledger.proof.subject import namespace_id
from tests.contracts.evm import NO_END, NOBODY, RefusedError, digest_of, refused
from tests.contracts.world import AUTHORITY, MAKER, WORKSHOP, World

KEY, OTHER_KEY = digest_of(1), digest_of(2)
VOLKSWAGEN = namespace_id(1, "WVW")


def record(world: World, organisation: int, thumbprint: bytes) -> IssuerKeyRecord | None:
    """As a light node reads it; the contract's own view must agree."""
    found = parse_issuer_key(world.consortium.storage(issuer_key_slot(organisation, thumbprint)))
    view = world.consortium.read("issuerKey", organisation, thumbprint)
    assert view == ((0,) * 6 if found is None else tuple(getattr(found, name) for name in found.__slots__))
    return found


def roles_of(world: World, account: str) -> tuple[int, int]:
    found = parse_member(world.consortium.storage(member_slot(bytes.fromhex(account[2:]))))
    assert world.consortium.read("member", account) == (found.organisation, found.roles)
    return found.organisation, found.roles


def fresh(number: int) -> str:
    return f"0x{0xABC000 + number:040x}"


# ---- organisations and accounts ------------------------------------------------------------------------------------


def test_enrolment(world: World) -> None:
    world.council.decide("addOrganisation", 7, 0b101, digest_of(7), world.stranger)
    assert roles_of(world, world.stranger) == (7, 0b101)
    assert world.consortium.read("organisationOf", 7) == (0b101, world.chain.time, False, digest_of(7))
    world.council.decide("addOrganisation", 8, 1, digest_of(8), NOBODY)
    assert world.consortium.read("accountsOf", 8) == ()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((0, 1, KEY, NOBODY), "OrganisationExists"),
        ((MAKER, 1, KEY, NOBODY), "OrganisationExists"),
        ((9, 0, KEY, NOBODY), "NoRoles"),
    ],
)
def test_enrolment_refused(world: World, arguments: tuple[object, ...], error: str) -> None:
    with pytest.raises(RefusedError, match=error):
        world.council.decide("addOrganisation", *arguments)


def test_an_account_belongs_to_one_organisation(world: World) -> None:
    with pytest.raises(RefusedError, match="AccountTaken"):
        world.council.decide("addOrganisation", 9, 1, KEY, world.maker)
    with pytest.raises(RefusedError, match="AccountTaken"):
        world.council.decide("addAccount", WORKSHOP, world.maker)
    for address in (NOBODY, world.consortium.address):
        assert refused(world.consortium, "InvalidAddress", world.maker, "addAccount", MAKER, address)


def test_changed_roles_reach_every_account(world: World) -> None:
    world.consortium.send(world.maker, "addAccount", MAKER, world.stranger)
    world.council.decide("setOrganisation", MAKER, 0b11, digest_of(3))
    assert roles_of(world, world.maker) == roles_of(world, world.stranger) == (MAKER, 0b11)
    with pytest.raises(RefusedError, match="NoRoles"):
        world.council.decide("setOrganisation", MAKER, 0, digest_of(3))
    with pytest.raises(RefusedError, match="UnknownOrganisation"):
        world.council.decide("setOrganisation", 99, 1, digest_of(3))


def test_suspension_reaches_every_account_and_later_changes(world: World) -> None:
    world.consortium.send(world.maker, "addAccount", MAKER, world.stranger)
    world.council.decide("suspendOrganisation", MAKER)
    assert roles_of(world, world.maker) == roles_of(world, world.stranger) == (MAKER, 0)
    world.council.decide("setOrganisation", MAKER, 0b11, digest_of(3))
    world.council.decide("addAccount", MAKER, fresh(1))
    assert roles_of(world, world.maker) == roles_of(world, fresh(1)) == (MAKER, 0)
    with pytest.raises(RefusedError, match="SuspensionUnchanged"):
        world.council.decide("suspendOrganisation", MAKER)
    world.council.decide("resumeOrganisation", MAKER)
    assert {roles_of(world, one) for one in (world.maker, world.stranger, fresh(1))} == {(MAKER, 0b11)}
    with pytest.raises(RefusedError, match="SuspensionUnchanged"):
        world.council.decide("resumeOrganisation", MAKER)


def test_the_suspended_change_nothing(world: World) -> None:
    world.consortium.send(world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    world.council.decide("suspendOrganisation", MAKER)
    for function, arguments in (
        ("addAccount", (MAKER, world.stranger)),
        ("removeAccount", (MAKER, world.maker)),
        ("addIssuerKey", (OTHER_KEY, 0, NO_END, 1, 0)),
        ("limitIssuerKey", (KEY, 0)),
        ("revokeIssuerKey", (KEY,)),
    ):
        assert refused(world.consortium, "NotActiveMember", world.maker, function, *arguments)


def test_accounts_are_removed_by_their_own_or_the_council(world: World) -> None:
    world.consortium.send(world.maker, "addAccount", MAKER, world.stranger)
    world.consortium.send(world.stranger, "removeAccount", MAKER, world.maker)
    assert roles_of(world, world.maker) == (0, 0)
    assert refused(world.consortium, "LastAccount", world.stranger, "removeAccount", MAKER, world.stranger) == (MAKER,)
    world.council.decide("removeAccount", MAKER, world.stranger)
    assert world.consortium.read("accountsOf", MAKER) == ()
    world.council.decide("addAccount", MAKER, world.maker)
    assert roles_of(world, world.maker)[0] == MAKER


def test_accounts_are_nobody_elses_business(world: World) -> None:
    for function in ("addAccount", "removeAccount"):
        assert refused(world.consortium, "NotOwnOrganisation", world.workshop, function, MAKER, world.maker)
        assert refused(world.consortium, "NotActiveMember", world.stranger, function, MAKER, world.stranger)
    world.consortium.send(world.maker, "addAccount", MAKER, world.stranger)
    assert refused(world.consortium, "NotAccountOf", world.maker, "removeAccount", MAKER, world.workshop)
    for arguments in ((0, fresh(9)), (99, fresh(9))):
        with pytest.raises(RefusedError, match="UnknownOrganisation"):
            world.council.decide("addAccount", *arguments)
        with pytest.raises(RefusedError, match="NotAccountOf"):
            world.council.decide("removeAccount", *arguments)


def test_a_suspension_always_fits_into_a_block(world: World) -> None:
    for index in range(31):
        world.consortium.send(world.maker, "addAccount", MAKER, fresh(index))
    assert refused(world.consortium, "TooManyAccounts", world.maker, "addAccount", MAKER, fresh(99)) == (MAKER, 32)
    assert world.council.decide("suspendOrganisation", MAKER).gas < 500_000


# ---- issuer keys ---------------------------------------------------------------------------------------------------


def test_a_key_is_one_slot(world: World) -> None:
    start = world.chain.time + 1000
    world.consortium.send(world.maker, "addIssuerKey", KEY, start, NO_END, 1, 7)
    assert record(world, MAKER, KEY) == IssuerKeyRecord(start, NO_END, 0, world.chain.time, 1, 7)
    assert record(world, WORKSHOP, KEY) is None


def test_a_key_is_never_back_dated(world: World) -> None:
    world.consortium.send(world.maker, "addIssuerKey", KEY, 1, NO_END, 1, 0)
    found = record(world, MAKER, KEY)
    assert found is not None
    assert found.valid_from == world.chain.time


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((bytes(32), 0, NO_END, 1, 0), "InvalidThumbprint"),
        ((KEY, 0, NO_END, 0, 0), "UnknownAlgorithm"),
        ((KEY, 0, NO_END, 4, 0), "UnknownAlgorithm"),
        ((KEY, 0, 0, 1, 0), "EmptyValidity"),
        ((KEY, NO_END, NO_END, 1, 0), "EmptyValidity"),
        ((KEY, 0, 1, 1, 0), "EmptyValidity"),
    ],
)
def test_keys_refused(world: World, arguments: tuple[object, ...], error: str) -> None:
    assert refused(world.consortium, error, world.maker, "addIssuerKey", *arguments) is not None


def test_a_key_is_added_once_and_by_its_own_organisation_alone(world: World) -> None:
    world.consortium.send(world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    assert refused(world.consortium, "IssuerKeyExists", world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0) == (
        MAKER,
        KEY,
    )
    assert refused(world.consortium, "NotActiveMember", world.stranger, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    action = world.consortium.data("addIssuerKey", OTHER_KEY, 0, NO_END, 1, 0)
    assert refused(world.consortium, "UnknownAction", world.chain.accounts[0], "confirm", action, KEY)


def test_a_validity_only_falls_and_never_below_now(world: World) -> None:
    world.consortium.send(world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    end = world.chain.time + 1000
    world.consortium.send(world.maker, "limitIssuerKey", KEY, end)
    for later in (end, end + 1, NO_END):
        assert refused(world.consortium, "ValidityNotShortened", world.maker, "limitIssuerKey", KEY, later) == (
            end,
            later,
        )
    world.consortium.send(world.maker, "limitIssuerKey", KEY, 1)
    found = record(world, MAKER, KEY)
    assert found is not None
    assert found.valid_until == found.changed_at == world.chain.time
    assert refused(world.consortium, "ValidityNotShortened", world.maker, "limitIssuerKey", KEY, 0)


def test_a_revocation_is_final(world: World) -> None:
    world.consortium.send(world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    world.consortium.send(world.maker, "revokeIssuerKey", KEY)
    revoked = record(world, MAKER, KEY)
    assert revoked is not None
    assert revoked.revoked_from == revoked.changed_at == world.chain.time
    for function, arguments in (("revokeIssuerKey", (KEY,)), ("limitIssuerKey", (KEY, 0))):
        assert refused(world.consortium, "IssuerKeyIsRevoked", world.maker, function, *arguments)[:2] == (MAKER, KEY)
    with pytest.raises(RefusedError, match="IssuerKeyIsRevoked"):
        world.council.decide("revokeIssuerKeyFrom", MAKER, KEY, revoked.revoked_from)
    assert refused(world.consortium, "IssuerKeyExists", world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    assert record(world, MAKER, KEY) == revoked


def test_only_the_council_revokes_in_the_past(world: World) -> None:
    world.consortium.send(world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    since = world.chain.time
    world.chain.wait(5000)
    world.council.decide("revokeIssuerKeyFrom", MAKER, KEY, since + 10)
    assert record(world, MAKER, KEY) == IssuerKeyRecord(since, NO_END, since + 10, world.chain.time, 1, 0)
    for revoked_from in (0, world.chain.time + 10_000):
        with pytest.raises(RefusedError, match="RevocationInFuture"):
            world.council.decide("revokeIssuerKeyFrom", MAKER, KEY, revoked_from)


def test_unknown_keys_cannot_be_changed(world: World) -> None:
    world.consortium.send(world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    for function, arguments in (("revokeIssuerKey", (KEY,)), ("limitIssuerKey", (KEY, 0))):
        assert refused(world.consortium, "UnknownIssuerKey", world.workshop, function, *arguments) == (WORKSHOP, KEY)
    with pytest.raises(RefusedError, match="UnknownIssuerKey"):
        world.council.decide("revokeIssuerKeyFrom", AUTHORITY, KEY, 1)


# ---- namespaces ----------------------------------------------------------------------------------------------------


def test_namespaces_are_append_only(world: World) -> None:
    times = []
    for organisation in (MAKER, AUTHORITY, 0, MAKER):
        world.council.decide("assignNamespace", VOLKSWAGEN, organisation)
        times.append(world.chain.time)
    expected = tuple(zip((MAKER, AUTHORITY, 0, MAKER), times, strict=True))
    assert world.consortium.read("assignmentsOf", VOLKSWAGEN) == expected
    count = world.consortium.storage(namespace_slot(VOLKSWAGEN))
    words = [world.consortium.storage(namespace_element_slot(VOLKSWAGEN, index)) for index in range(count)]
    assert [parse_namespace_grant(word) for word in words] == [NamespaceGrant(*one) for one in expected]


def test_namespaces_refused(world: World) -> None:
    world.council.decide("assignNamespace", VOLKSWAGEN, MAKER)
    for arguments, error in (
        ((bytes(32), MAKER), "InvalidNamespace"),
        ((VOLKSWAGEN, 99), "UnknownOrganisation"),
        ((VOLKSWAGEN, MAKER), "NamespaceUnchanged"),
        ((namespace_id(1, "WBA"), 0), "NamespaceUnchanged"),
    ):
        with pytest.raises(RefusedError, match=error):
            world.council.decide("assignNamespace", *arguments)


# ---- validators ----------------------------------------------------------------------------------------------------


def test_validators_change_one_at_a_time(world: World) -> None:
    world.council.decide("addValidator", fresh(1))
    world.council.decide("addValidator", fresh(2))
    world.council.decide("removeValidator", world.chain.accounts[9])
    assert set(world.consortium.read("getValidators")) == {fresh(1), fresh(2)}
    for validator, function, error in (
        (fresh(1), "addValidator", "AlreadyValidator"),
        (NOBODY, "addValidator", "InvalidAddress"),
        (fresh(3), "removeValidator", "NotValidator"),
    ):
        with pytest.raises(RefusedError, match=error):
            world.council.decide(function, validator)


def test_the_last_validator_stays(world: World) -> None:
    with pytest.raises(RefusedError, match="LastValidator"):
        world.council.decide("removeValidator", world.chain.accounts[9])

"""M of N administrators: proposals, delays, and that nobody is locked out."""

from __future__ import annotations

import pytest

from tests.contracts.evm import NOBODY, Chain, Contract, Council, RefusedError, digest_of, refused
from tests.contracts.world import DELAY, MAKER, World

LIFETIME = 30 * 24 * 3600
SALT = digest_of(1)


@pytest.fixture
def suspend(world: World) -> bytes:
    """An action that acts at once."""
    return world.consortium.data("suspendOrganisation", MAKER)


@pytest.fixture
def grow(world: World) -> bytes:
    """An action that waits the delay."""
    return world.consortium.data("addAdministrator", world.stranger)


def same(one: object, other: str) -> bool:
    return str(one).lower() == other.lower()


def confirm(world: World, action: bytes, *administrators: int, salt: bytes = SALT) -> tuple[bytes, bool]:
    for administrator in administrators:
        receipt = world.consortium.send(world.chain.accounts[administrator], "confirm", action, salt)
    return receipt.result[0], receipt.result[1]


def suspended(world: World) -> bool:
    return bool(world.consortium.read("organisationOf", MAKER)[2])


# ---- proposals -----------------------------------------------------------------------------------------------------


def test_the_third_of_three_executes_at_once(world: World, suspend: bytes) -> None:
    assert confirm(world, suspend, 0, 1)[1] is False
    assert not suspended(world)
    proposal, executed = confirm(world, suspend, 4)
    assert executed
    assert suspended(world)
    assert proposal == world.consortium.read("proposalId", suspend, SALT)
    state, confirmed_by = world.consortium.read("proposal", proposal)
    assert state == (world.chain.time - 2, world.chain.time, world.chain.time)
    assert len(confirmed_by) == 3


def test_executed_once_and_remembered(world: World, suspend: bytes) -> None:
    confirm(world, suspend, 0, 1, 2)
    for administrator in world.chain.accounts[:5]:
        refused(world.consortium, "ProposalExecuted", administrator, "confirm", suspend, SALT)
    proposal = world.consortium.read("proposalId", suspend, SALT)
    refused(world.consortium, "ProposalExecuted", world.chain.accounts[0], "withdraw", proposal)


def test_another_salt_is_another_decision(world: World, suspend: bytes) -> None:
    confirm(world, suspend, 0, 1, 2)
    world.council.decide("resumeOrganisation", MAKER)
    assert confirm(world, suspend, 0, 1, 2, salt=digest_of(2))[1]
    assert suspended(world)


def test_nobody_confirms_twice(world: World, suspend: bytes) -> None:
    confirm(world, suspend, 0, 1)
    refused(world.consortium, "AlreadyConfirmed", world.chain.accounts[1], "confirm", suspend, SALT)


def test_only_administrators_propose_confirm_and_withdraw(world: World, suspend: bytes) -> None:
    for account in (world.maker, world.stranger):
        error = refused(world.consortium, "NotAdministrator", account, "confirm", suspend, SALT)
        assert same(error[0], account)
    proposal, _ = confirm(world, suspend, 0, 1)
    refused(world.consortium, "NotAdministrator", world.maker, "confirm", suspend, SALT)
    refused(world.consortium, "NotAdministrator", world.maker, "withdraw", proposal)


@pytest.mark.parametrize("function", ["confirm", "withdraw", "revokeIssuerKey", "member"])
def test_what_is_no_action_cannot_be_proposed(world: World, function: str) -> None:
    arguments = {"confirm": (b"", SALT), "member": (world.maker,)}.get(function, (SALT,))
    action = world.consortium.data(function, *arguments)
    assert refused(world.consortium, "UnknownAction", world.chain.accounts[0], "confirm", action, SALT) == (action[:4],)


@pytest.mark.parametrize("action", [b"", b"\x00", bytes(4), b"\xff" * 36])
def test_garbage_cannot_be_proposed(world: World, action: bytes) -> None:
    refused(world.consortium, "UnknownAction", world.chain.accounts[0], "confirm", action, SALT)


def test_the_reason_of_a_failed_action_comes_through_and_nothing_is_marked(world: World) -> None:
    action = world.consortium.data("suspendOrganisation", 99)
    proposal, _ = confirm(world, action, 0, 1)
    assert refused(world.consortium, "UnknownOrganisation", world.chain.accounts[2], "confirm", action, SALT) == (99,)
    assert world.consortium.read("proposal", proposal)[0][2] == 0


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("addAdministrator", (NOBODY,)),
        ("removeAdministrator", (NOBODY,)),
        ("setThreshold", (1,)),
        ("addOrganisation", (9, 1, SALT, NOBODY)),
        ("setOrganisation", (MAKER, 1, SALT)),
        ("suspendOrganisation", (MAKER,)),
        ("resumeOrganisation", (MAKER,)),
        ("revokeIssuerKeyFrom", (MAKER, SALT, 1)),
        ("assignNamespace", (SALT, MAKER)),
        ("addValidator", (NOBODY,)),
        ("removeValidator", (NOBODY,)),
        ("retireLog", (NOBODY, NOBODY)),
    ],
)
def test_actions_are_the_councils_alone(world: World, function: str, arguments: tuple[object, ...]) -> None:
    for account in (world.chain.accounts[0], world.maker, world.stranger):
        assert same(refused(world.consortium, "NotCouncil", account, function, *arguments)[0], account)


# ---- delay ---------------------------------------------------------------------------------------------------------


def test_a_delayed_action_waits(world: World, grow: bytes) -> None:
    proposal, executed = confirm(world, grow, 0, 1, 2)
    ready = world.chain.time + DELAY
    assert not executed
    assert world.consortium.read("proposal", proposal)[0][1] == ready
    assert refused(world.consortium, "ProposalNotReady", world.chain.accounts[0], "confirm", grow, SALT)[1] == ready
    assert confirm(world, grow, 3)[1] is False
    world.chain.wait(DELAY)
    assert confirm(world, grow, 0)[1]
    assert same(world.consortium.read("getAdministrators")[5], world.stranger)


@pytest.mark.parametrize(
    "function", ["assignNamespace", "addValidator", "removeValidator", "retireLog", "setThreshold"]
)
def test_what_waits_the_delay(world: World, function: str) -> None:
    address = world.chain.accounts[9]
    arguments = {"assignNamespace": (SALT, MAKER), "retireLog": (address, address), "setThreshold": (2,)}
    action = world.consortium.data(function, *arguments.get(function, (address,)))
    assert confirm(world, action, 0, 1, 2)[1] is False
    refused(world.consortium, "ProposalNotReady", world.chain.accounts[0], "confirm", action, SALT)


def test_a_withdrawn_majority_waits_again(world: World, grow: bytes) -> None:
    proposal, _ = confirm(world, grow, 0, 1, 2)
    world.chain.wait(DELAY)
    world.consortium.send(world.chain.accounts[2], "withdraw", proposal)
    refused(world.consortium, "AlreadyConfirmed", world.chain.accounts[0], "confirm", grow, SALT)
    assert confirm(world, grow, 3)[1] is False
    refused(world.consortium, "ProposalNotReady", world.chain.accounts[0], "confirm", grow, SALT)
    world.chain.wait(DELAY)
    assert confirm(world, grow, 0)[1]


def test_only_a_confirmation_can_be_withdrawn(world: World, grow: bytes) -> None:
    proposal, _ = confirm(world, grow, 0)
    refused(world.consortium, "NotConfirmed", world.chain.accounts[1], "withdraw", proposal)
    refused(world.consortium, "NotConfirmed", world.chain.accounts[0], "withdraw", digest_of(9))


def test_proposals_expire(world: World, suspend: bytes, grow: bytes) -> None:
    confirm(world, suspend, 0, 1)
    confirm(world, grow, 0, 1, 2)
    world.chain.wait(DELAY + LIFETIME + 1)
    for action in (suspend, grow):
        refused(world.consortium, "ProposalExpired", world.chain.accounts[2], "confirm", action, SALT)
    assert confirm(world, suspend, 0, 1, 2, salt=digest_of(2))[1]


# ---- who sits in the council ---------------------------------------------------------------------------------------


def test_confirmations_end_with_the_term(world: World, suspend: bytes) -> None:
    first = world.chain.accounts[0]
    confirm(world, suspend, 0, 1)
    council = Council(world.consortium, world.chain.accounts[1:5], 3)
    council.decide("removeAdministrator", first)
    refused(world.consortium, "NotAdministrator", first, "confirm", suspend, SALT)
    assert confirm(world, suspend, 2)[1] is False
    council._salt += 100
    council.decide("addAdministrator", first)
    proposal = world.consortium.read("proposalId", suspend, SALT)
    assert len(world.consortium.read("proposal", proposal)[1]) == 2
    assert confirm(world, suspend, 0)[1]


def test_the_threshold_stays_reachable(world: World) -> None:
    accounts = world.chain.accounts
    world.council.decide("removeAdministrator", accounts[4])
    world.council.decide("removeAdministrator", accounts[3])
    with pytest.raises(RefusedError, match=r"UnreachableThreshold\(3, 2\)"):
        world.council.decide("removeAdministrator", accounts[2])
    for threshold in (0, 4, 2**32 + 1, 2**256 - 1):
        with pytest.raises(RefusedError, match="UnreachableThreshold"):
            world.council.decide("setThreshold", threshold)
    assert world.consortium.read("threshold") == 3


def test_the_last_administrator_stays(world: World) -> None:
    chain = world.chain
    lone = chain.deploy("Consortium", chain.accounts[:1], 1, 0, [chain.accounts[9]])
    council = Council(lone, chain.accounts[:1], 1)
    with pytest.raises(RefusedError, match="UnreachableThreshold"):
        council.decide("removeAdministrator", chain.accounts[0])
    council.decide("addAdministrator", chain.accounts[1])
    council.decide("removeAdministrator", chain.accounts[0])
    assert same(lone.read("getAdministrators")[0], chain.accounts[1])


def test_suspending_every_organisation_leaves_the_council_in_charge(world: World) -> None:
    for organisation in (1, 2, 3):
        world.council.decide("suspendOrganisation", organisation)
    world.council.decide("resumeOrganisation", 1)
    assert world.consortium.read("member", world.maker)[1] != 0


@pytest.mark.parametrize("account", [0, None])
def test_who_cannot_be_added(world: World, account: int | None) -> None:
    address = NOBODY if account is None else world.chain.accounts[account]
    with pytest.raises(RefusedError, match=r"InvalidAddress|AlreadyAdministrator"):
        world.council.decide("addAdministrator", address)
    with pytest.raises(RefusedError, match="InvalidAddress"):
        world.council.decide("addAdministrator", world.consortium.address)


def test_who_is_none_cannot_be_removed(world: World) -> None:
    with pytest.raises(RefusedError, match="NotAdministrator"):
        world.council.decide("removeAdministrator", world.stranger)


# ---- deployment ----------------------------------------------------------------------------------------------------


def founding(chain: Chain, administrators: list[str], threshold: int, delay: int, validators: list[str]) -> Contract:
    return chain.deploy("Consortium", administrators, threshold, delay, validators)


def test_a_consortium_cannot_be_founded_unusable(world: World) -> None:
    chain = world.chain
    one, two = chain.accounts[0], chain.accounts[1]
    many = [f"0x{index:040x}" for index in range(1, 70)]
    for arguments, error in (
        (([], 0, 0, [one]), "UnreachableThreshold"),
        (([], 1, 0, [one]), "UnreachableThreshold"),
        (([one], 0, 0, [one]), "UnreachableThreshold"),
        (([one], 2, 0, [one]), "UnreachableThreshold"),
        ((many[:33], 1, 0, [one]), "UnreachableThreshold"),
        (([one, one], 1, 0, [one]), "AlreadyAdministrator"),
        (([NOBODY], 1, 0, [one]), "InvalidAddress"),
        (([one], 1, 30 * 86400 + 1, [one]), "DelayTooLong"),
        (([one], 1, 0, []), "LastValidator"),
        (([one], 1, 0, [NOBODY]), "InvalidAddress"),
        (([one], 1, 0, [two, two]), "AlreadyValidator"),
        (([one], 1, 0, many[:65]), "TooManyValidators"),
    ):
        with pytest.raises(RefusedError, match=error):
            founding(chain, *arguments)
    founding(chain, many[:32], 32, 30 * 86400, many[:64])

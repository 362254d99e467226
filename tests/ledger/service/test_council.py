"""A council of two whose administrators have a home each, on one chain: what the one proposes, the other confirms."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.chain import contracts as calls
from ledger.chain.actions import ACTIONS, proposal_id
from ledger.chain.process import find_free_port
from ledger.errors import ConfigurationError, ConflictError, MalformedError, NotAuthorisedError, RuleError
from ledger.proof.subject import namespace_id
from ledger.service import council
from ledger.service.contracts import FILE_NAME as CONTRACTS_FILE
from ledger.service.council import Decision, assign_namespace, change_roles, confirm, decide, suspend
from ledger.service.council_words import SENTENCES, describe_action
from ledger.service.directory import issuer_keys, list_organisations, namespaces
from ledger.service.enrolment import Enrolment, enrol_all
from ledger.service.members import new_secrets
from ledger.service.network import bring_down, bring_up, initialise
from ledger.service.proposals import LIFETIME_S, Proposal, State, find_proposal, list_proposals
from ledger.service.settings import ChainSettings, CouncilSettings, DocumentSettings, KeySettings, Settings
from ledger.service.workspace import DOCUMENTS, KEYS, Workspace
from ledger.store.chain_index import Organisation

pytestmark = pytest.mark.integration
ROLES = ["make", "member"]
DELAY_S = 2


@dataclass(frozen=True)
class Homes:
    """Two homes with one administrator's key each, and a third without any; each has an index of its own."""

    first: Workspace
    second: Workspace
    stranger: Workspace


def settings_for(folder: Path, passphrase: Path, url: str | None) -> Settings:
    chain = ChainSettings(port=find_free_port(), block_time_seconds=0.2, url=url)
    return Settings(
        home=folder,
        chain=chain,
        documents=DocumentSettings(),
        keys=KeySettings(scrypt_n=1024, passphrase_file=passphrase),
        council=CouncilSettings(administrators=2, threshold=2, delay_seconds=DELAY_S),
    )


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homes]:
    folder = tmp_path_factory.mktemp("council")
    passphrase = folder / "passphrase"
    passphrase.write_text("correct horse battery staple")
    first = settings_for(folder / "first", passphrase, None)
    try:
        with Workspace(first) as opened:
            initialise(opened, "")
            bring_up(opened)
            url = opened.client.rpc.url
        second, stranger = (settings_for(folder / name, passphrase, url) for name in ("second", "stranger"))
        for one in (second, stranger):
            (one.home / KEYS).mkdir(parents=True)
            shutil.copy(first.home / CONTRACTS_FILE, one.home)
        shutil.move(first.home / KEYS / "council-2", second.home / KEYS / "council-2")
        (second.home / DOCUMENTS).symlink_to(first.home / DOCUMENTS)  # one swarm
        with Workspace(first) as one, Workspace(second) as two, Workspace(stranger) as three:
            yield Homes(one, two, three)
    finally:
        with Workspace(first) as opened:
            bring_down(opened)


@pytest.fixture(scope="module")
def member(homes: Homes) -> int:
    """An organisation of the first home, admitted by both."""
    (begun,) = enrol_all(homes.first, [Enrolment("maker", "Maker AB", ROLES)])
    confirm(homes.second, seen(homes.second, begun.left_open[0]))
    (done,) = enrol_all(homes.first, [Enrolment("maker", "Maker AB", ROLES)])
    return done.number


def seen(workspace: Workspace, decision: Decision) -> Proposal:
    """What a home finds on the chain of what another decided, by the id alone."""
    return find_proposal(workspace, f"0x{decision.proposal.hex()}")


def organisation(workspace: Workspace, number: int) -> Organisation | None:
    workspace.projector.sync()
    with workspace.database.read() as session:
        return session.get(Organisation, number)


def wait_for_the_delay(workspace: Workspace, proposal: Proposal) -> None:
    while workspace.client.header().timestamp <= (proposal.ready_at or 0):
        time.sleep(0.1)


def test_an_enrolment_waits_for_the_other_home_and_is_completed_afterwards(homes: Homes) -> None:
    wanted = [Enrolment("workshop", "Workshop Ltd", ROLES, [(2, "9521000007")])]
    (begun,) = enrol_all(homes.first, wanted)
    assert not begun.admitted
    (left,) = begun.left_open
    assert (left.executed, left.missing) == (False, 1)
    assert organisation(homes.first, begun.number) is None
    assert issuer_keys(homes.first, begun.number) == []
    (again,) = enrol_all(homes.first, wanted)
    assert again == begun  # neither another number nor another proposal
    assert confirm(homes.second, seen(homes.second, left)).executed
    assert issuer_keys(homes.first, begun.number) == []
    (done,) = enrol_all(homes.first, wanted)
    assert (done.number, done.admitted, done.roles) == (begun.number, True, tuple(ROLES))
    member = homes.first.member("workshop")
    assert [row.thumbprint for row in issuer_keys(homes.first, done.number)] == [member.issuer.public.thumbprint]
    (namespace,) = done.left_open
    assert confirm(homes.second, seen(homes.second, namespace)).executed
    assert namespace_id(2, "9521000007") in {row.namespace for row in namespaces(homes.first)}
    with pytest.raises(ConfigurationError, match="already: it is organisation"):
        enrol_all(homes.first, wanted)


def test_two_enrolments_that_wait_get_two_numbers(homes: Homes) -> None:
    begun = [enrol_all(homes.first, [Enrolment(name, name, ROLES)])[0] for name in ("one", "two")]
    both = enrol_all(homes.first, [Enrolment(name, name, ROLES) for name in ("two", "one")])
    assert both == begun[::-1]
    for one in begun[::-1]:
        assert confirm(homes.second, seen(homes.second, one.left_open[0])).executed
    assert all(one.admitted for one in enrol_all(homes.first, [Enrolment(n, n, ROLES) for n in ("one", "two")]))
    listed = {one.keystore: one.number for one in list_organisations(homes.first)}
    assert [listed[name] for name in ("one", "two")] == [one.number for one in begun]


def test_keys_that_were_made_and_never_proposed_are_used(homes: Homes) -> None:
    """What a crash between the two leaves behind."""
    homes.first.keyring.create("late", os.urandom(32), new_secrets())
    address = homes.first.keyring.address("late")
    (begun,) = enrol_all(homes.first, [Enrolment("late", "Late", ROLES)])
    assert address in begun.left_open[0].action
    assert confirm(homes.second, seen(homes.second, begun.left_open[0])).executed
    assert enrol_all(homes.first, [Enrolment("late", "Late", ROLES)])[0].admitted


def test_an_expelled_organisation_does_not_come_back_by_its_old_keys(homes: Homes) -> None:
    wanted = [Enrolment("gone", "Gone", ROLES)]
    (begun,) = enrol_all(homes.first, wanted)
    assert confirm(homes.second, seen(homes.second, begun.left_open[0])).executed
    action = calls.REMOVE_ACCOUNT.encode(begun.number, homes.first.keyring.address("gone"))
    assert not decide(homes.first, action).executed
    assert decide(homes.second, action).executed
    before = len(list_proposals(homes.first))
    with pytest.raises(ConfigurationError, match="was taken away"):
        enrol_all(homes.first, wanted)
    assert len(list_proposals(homes.first)) == before


def test_a_proposed_number_of_another_administrator_does_not_use_up_the_numbers(homes: Homes) -> None:
    highest = calls.ADD_ORGANISATION.encode(2**32 - 1, 1, bytes(32), bytes(range(20)))
    assert not decide(homes.second, highest).executed
    (begun,) = enrol_all(homes.first, [Enrolment("next", "Next", ROLES)])
    assert begun.number < 100


def test_the_same_name_twice_is_refused(homes: Homes) -> None:
    with pytest.raises(ConfigurationError, match="twice"):
        enrol_all(homes.first, [Enrolment("twin", "A", ROLES), Enrolment("twin", "B", ROLES)])
    assert "twin" not in homes.first.keyring.names()


@pytest.mark.parametrize("name", ["council-1", "council-2", "council-9"])
def test_no_organisation_takes_the_keys_of_an_administrator(homes: Homes, name: str) -> None:
    before = homes.first.keyring.names()
    with pytest.raises(ConfigurationError, match="administrator"):
        enrol_all(homes.first, [Enrolment(name, name, ROLES)])
    assert homes.first.keyring.names() == before


def test_a_suspension_takes_both(homes: Homes, member: int) -> None:
    decision = suspend(homes.first, member)
    found = seen(homes.second, decision)
    assert (found.state, found.missing, found.salt) == (State.OPEN, 1, decision.salt)
    assert found.confirmed_by == (homes.first.keyring.address("council-1"),)
    assert describe_action(homes.second, found.action, {}) == f"suspend organisation {member} ('Maker AB')"
    before = organisation(homes.second, member)
    assert before is not None
    assert not before.suspended
    assert confirm(homes.second, found).executed
    done = seen(homes.first, decision)
    assert (done.state, done.missing, len(done.confirmed_by)) == (State.EXECUTED, 0, 2)
    assert done.executed_at is not None
    suspended = organisation(homes.first, member)
    assert suspended is not None
    assert suspended.suspended
    resume_by_both(homes, member)


def resume_by_both(homes: Homes, member: int) -> None:
    """The same command in both homes: the second confirms what the first proposed."""
    assert not suspend(homes.first, member, resume=True).executed
    assert suspend(homes.second, member, resume=True).executed


def test_the_same_decision_again_makes_no_second_proposal(homes: Homes, member: int) -> None:
    first = change_roles(homes.first, member, ["make", "measure", "member"])
    again = change_roles(homes.first, member, ["make", "measure", "member"])
    assert again == first
    other = change_roles(homes.first, member, ["make", "trade", "member"])
    assert other.proposal != first.proposal
    assert change_roles(homes.second, member, ["make", "measure", "member"]).executed


def test_whoever_has_confirmed_cannot_confirm_alone(homes: Homes, member: int) -> None:
    decision = suspend(homes.second, member)
    with pytest.raises(NotAuthorisedError, match="1 more have to"):
        confirm(homes.second, seen(homes.second, decision))
    assert organisation(homes.second, member).suspended is False  # type: ignore[union-attr]
    assert confirm(homes.first, seen(homes.first, decision)).executed
    resume_by_both(homes, member)


def test_what_took_effect_cannot_be_confirmed_again(homes: Homes, member: int) -> None:
    decision = suspend(homes.first, member)
    before = seen(homes.second, decision)
    assert confirm(homes.second, before).executed
    for workspace in (homes.first, homes.second):
        with pytest.raises(ConflictError, match="took effect already"):
            confirm(workspace, seen(workspace, decision))
    with pytest.raises(RuleError):
        confirm(homes.first, before)  # read before it took effect
    resume_by_both(homes, member)


def test_a_home_without_an_administrators_key_confirms_nothing(homes: Homes, member: int) -> None:
    decision = suspend(homes.first, member)
    found = seen(homes.stranger, decision)
    with pytest.raises(ConfigurationError, match="no keys of an administrator"):
        confirm(homes.stranger, found)
    homes.stranger.keyring.create("council-1", os.urandom(32), {})
    with pytest.raises(NotAuthorisedError, match="none of council-1"):
        confirm(homes.stranger, found)
    assert f"organisation {member} (whoever has profile 0x" in describe_action(homes.stranger, found.action, {})
    assert seen(homes.first, decision).missing == 1
    assert confirm(homes.second, found).executed
    resume_by_both(homes, member)


def test_a_short_delay_is_waited_out_by_whoever_confirms_last(homes: Homes, member: int) -> None:
    decision = assign_namespace(homes.first, 1, "XYZ", member)
    found = seen(homes.second, decision)
    names = {namespace_id(1, "XYZ"): "wmi:XYZ"}
    told = describe_action(homes.second, found.action, names)
    assert told == f"assign wmi:XYZ to organisation {member} ('Maker AB')"
    assert "name it to recognise it" in describe_action(homes.second, found.action, {})
    assert confirm(homes.second, found).executed


def test_a_long_delay_is_left_to_run(homes: Homes, member: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(council, "PATIENCE_S", 0)  # else the test would take a minute
    decision = assign_namespace(homes.first, 1, "XYA", member)
    waits = confirm(homes.second, seen(homes.second, decision))
    assert (waits.executed, waits.missing) == (False, 0)
    found = seen(homes.first, decision)
    assert (found.state, found.ready_at) == (State.WAITING, waits.ready_at)
    assert confirm(homes.first, found).ready_at == waits.ready_at
    wait_for_the_delay(homes.first, found)
    assert seen(homes.first, decision).state is State.READY
    monkeypatch.undo()
    assert confirm(homes.first, seen(homes.first, decision)).executed
    assert seen(homes.second, decision).state is State.EXECUTED


@pytest.mark.parametrize("text", ["", "0x", "12345", "0x12345", "zzzzzz", "00" * 32, "ff" * 33])
def test_a_proposal_that_there_is_not_is_not_found(homes: Homes, member: int, text: str) -> None:
    with pytest.raises(ConfigurationError):
        find_proposal(homes.first, text)


def test_a_proposal_is_found_by_its_beginning(homes: Homes, member: int) -> None:
    found = list_proposals(homes.first)
    assert {find_proposal(homes.second, one.id.hex()[:12]).id for one in found} == {one.id for one in found}
    assert [one.id for one in list_proposals(homes.second)] == [one.id for one in found]
    assert all(proposal_id(one.action, one.salt) == one.id for one in found)


def test_what_cannot_be_told_in_words_is_not_confirmed(homes: Homes, member: int) -> None:
    """Calldata with something behind it does the same, but nobody was shown all of it."""
    action, salt = calls.SUSPEND_ORGANISATION.encode(member) + b"\1", os.urandom(32)
    signer = council.signer_of(homes.first, "council-1")
    calls.decide(homes.first.client, signer, homes.first.contracts.consortium, action, salt)
    found = find_proposal(homes.second, proposal_id(action, salt).hex())
    assert describe_action(homes.second, found.action, {}).startswith("nothing that can be told")
    with pytest.raises(MalformedError):
        confirm(homes.second, found)
    assert find_proposal(homes.second, found.id.hex()).missing == 1


def test_what_the_contract_would_refuse_is_not_proposed(homes: Homes, member: int) -> None:
    before = len(list_proposals(homes.first))
    with pytest.raises(RuleError, match="no organisation 99"):
        decide(homes.first, calls.SUSPEND_ORGANISATION.encode(99))
    assert len(list_proposals(homes.first)) == before


def test_what_nobody_confirms_expires(homes: Homes, member: int) -> None:
    """Last: it moves the chain's clock."""
    decision = suspend(homes.first, member)
    homes.first.client.rpc.read("evm_increaseTime", LIFETIME_S + 60)
    before = homes.first.client.block_number()
    while homes.first.client.block_number() < before + 2:
        time.sleep(0.1)
    found = seen(homes.second, decision)
    assert found.state is State.EXPIRED
    with pytest.raises(RuleError, match="expired"):
        confirm(homes.second, found)
    assert decision.proposal not in {one.id for one in list_proposals(homes.second) if one.alive}
    anew = suspend(homes.first, member)
    assert anew.proposal != decision.proposal
    assert confirm(homes.second, seen(homes.second, anew)).executed


def test_every_action_has_its_words() -> None:
    assert set(SENTENCES) == ACTIONS

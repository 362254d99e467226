"""A new issuer key in the old one's place: what was signed before verifies, and a crash between steps leaves a home."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from ledger.access import Tier
from ledger.credential.signing import generate_private_key, private_bytes
from ledger.errors import ConfigurationError, ConflictError, NotAuthorisedError
from ledger.event import AssetReference, Json
from ledger.service.audit.run import audit
from ledger.service.council import suspend
from ledger.service.directory import issuer_keys
from ledger.service.evidence import build_evidence
from ledger.service.issuer_keys import NO_END, add_issuer_key, revoke_issuer_key, rotate_issuer_key
from ledger.service.members import ISSUER_ALGORITHM, load_issuer
from ledger.service.recorders import check_issuer_key
from ledger.service.trust import make_trust
from ledger.service.workspace import KEYS, Workspace
from ledger.store.chain_index import IssuerKey
from light_node.judgement import judge
from light_node.verdict import EventState, Mark, Outcome
from tests.ledger.service.conftest import birth, document, event, record

pytestmark = pytest.mark.integration
HEALTH: dict[str, Json] = {"measured_at": "2026-06-01T08:00:00Z", "state_of_health_percent": 99.5}


def later(workspace: Workspace) -> Workspace:
    """The same home, opened by another program."""
    return Workspace(workspace.settings)


def thumbprint(workspace: Workspace, name: str = "maker") -> bytes:
    """Of the key that signs now, to whoever opens the home now."""
    with later(workspace) as opened:
        return opened.member(name).issuer.public.thumbprint


def records(workspace: Workspace, organisation: int = 1) -> dict[bytes, IssuerKey]:
    return {row.thumbprint: row for row in issuer_keys(workspace, organisation)}


def valid(workspace: Workspace, organisation: int = 1) -> set[bytes]:
    """Keys without an end."""
    rows = records(workspace, organisation).values()
    return {row.thumbprint for row in rows if row.valid_until == NO_END and not row.revoked_from}


def make_key(workspace: Workspace, name: str) -> bytes:
    """What a rotation does first, and no more."""
    with later(workspace) as opened:
        key = generate_private_key(ISSUER_ALGORITHM, os.urandom)
        opened.keyring.add_issuer(name, private_bytes(key), key.public.thumbprint)
        return key.public.thumbprint


def files(workspace: Workspace, name: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (workspace.home / KEYS / name).iterdir()}


def next_second(workspace: Workspace) -> None:
    second = workspace.client.header().timestamp
    while workspace.client.header().timestamp <= second + 1:
        time.sleep(0.1)


def test_old_and_new_events_verify_and_nothing_is_overwritten(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset)), to=("other",))
    before, old = files(workspace, "maker"), thumbprint(workspace)
    earlier = build_evidence(workspace, workspace.reader().asset(asset.identifier), Tier.AUTHORITIES)
    done = rotate_issuer_key(workspace, "maker")
    assert (done.ended, done.continued) == ((old,), False)
    assert done.thumbprint == thumbprint(workspace) != old
    after = files(workspace, "maker")
    assert after.items() >= before.items()
    assert set(after) - set(before) == {"issuer-2.json"}
    assert valid(workspace) == {done.thumbprint}
    next_second(workspace)
    record(workspace, "maker", document(event("battery.state_of_health", asset, **HEALTH)))
    found = workspace.reader().asset(asset.identifier)
    trust = make_trust(workspace)
    verdict = judge(build_evidence(workspace, found, Tier.AUTHORITIES), trust, now=int(time.time()))
    assert verdict.outcome is Outcome.VERIFIED, verdict.reason
    assert verdict.account is not None
    assert [one.state for one in verdict.account.events] == [EventState.OPENED, EventState.OPENED]
    assert judge(earlier, trust, now=int(time.time())).outcome is Outcome.VERIFIED
    assert not any(Mark.DISPUTED in one.marks for one in verdict.account.events)
    assert audit(workspace).differences == ()


def test_nothing_is_signed_with_the_old_key_by_whoever_still_holds_it(workspace: Workspace) -> None:
    holder = workspace.member("maker")
    rotate_issuer_key(workspace, "maker")
    next_second(workspace)
    with pytest.raises(NotAuthorisedError, match="ended"):
        check_issuer_key(workspace, holder)
    check_issuer_key(workspace, workspace.member("maker"))


def test_keys_are_counted_on(workspace: Workspace) -> None:
    rotate_issuer_key(workspace, "other")
    second = rotate_issuer_key(workspace, "other")
    assert not second.continued
    assert {"secrets.json", "issuer-2.json", "issuer-3.json"} <= set(files(workspace, "other"))
    assert valid(workspace, 2) == {second.thumbprint}


def test_killed_before_the_new_key_is_published_the_old_one_signs(workspace: Workspace, asset: AssetReference) -> None:
    old, made = thumbprint(workspace), make_key(workspace, "maker")
    with later(workspace) as opened:
        check_issuer_key(opened, opened.member("maker"))
        record(opened, "maker", document(birth(asset)))
        assert opened.member("maker").issuer.public.thumbprint == old
        done = rotate_issuer_key(opened, "maker")
    assert (done.thumbprint, done.ended, done.continued) == (made, (old,), True)
    assert thumbprint(workspace) == made


def test_killed_before_the_old_key_is_ended_the_new_one_signs(workspace: Workspace, asset: AssetReference) -> None:
    old, made = thumbprint(workspace), make_key(workspace, "maker")
    device = generate_private_key(ISSUER_ALGORITHM, os.urandom).public
    with later(workspace) as opened:
        add_issuer_key(opened, "maker", device)
        add_issuer_key(
            opened, "maker", load_issuer(opened.keyring, "maker", max(opened.keyring.later_issuers("maker"))).public
        )
        record(opened, "maker", document(birth(asset)))
        assert opened.member("maker").issuer.public.thumbprint == made
        assert valid(opened) == {old, made, device.thumbprint}
        done = rotate_issuer_key(opened, "maker")
    assert (done.thumbprint, done.ended, done.continued) == (made, (old,), True)
    assert valid(workspace) == {made, device.thumbprint}
    revoke_issuer_key(workspace, "maker", device.thumbprint)


def test_after_a_revocation_a_new_key_signs(workspace: Workspace) -> None:
    stolen = thumbprint(workspace, "other")
    revoke_issuer_key(workspace, "other", stolen)
    assert thumbprint(workspace, "other") == stolen
    with pytest.raises(NotAuthorisedError, match="revoked"):
        check_issuer_key(workspace, workspace.member("other"))
    done = rotate_issuer_key(workspace, "other")
    assert (done.ended, done.continued) == ((), False)
    check_issuer_key(workspace, workspace.member("other"))
    assert records(workspace, 2)[stolen].revoked_from


def test_nobody_rotates_while_another_program_writes(workspace: Workspace) -> None:
    before = files(workspace, "maker")
    with (
        later(workspace) as writer,
        writer.outbox(writer.member("maker")),
        pytest.raises(ConflictError, match="in use"),
    ):
        rotate_issuer_key(workspace, "maker")
    assert files(workspace, "maker") == before


def test_a_suspended_organisation_goes_on_with_the_same_key_later(workspace: Workspace) -> None:
    old = thumbprint(workspace, "other")
    suspend(workspace, 2)
    with pytest.raises(NotAuthorisedError):
        rotate_issuer_key(workspace, "other")
    before = files(workspace, "other")
    assert thumbprint(workspace, "other") == old
    suspend(workspace, 2, resume=True)
    done = rotate_issuer_key(workspace, "other")
    assert (done.ended, done.continued) == ((old,), True)
    assert files(workspace, "other") == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda box, _: box.pop("thumbprint"),
        lambda box, _: box.update(thumbprint="AA"),
        lambda box, _: box.update(thumbprint=3),
        lambda box, other: box.update(thumbprint=other["thumbprint"]),
        lambda box, other: box.update(ciphertext=other["ciphertext"]),
        lambda box, _: box.update(version=2),
        lambda box, _: box.pop("nonce"),
    ],
)
def test_a_damaged_key_signs_nothing(workspace: Workspace, tmp_path: Path, damage: object) -> None:
    for _ in range(2 - len(workspace.keyring.later_issuers("maker"))):
        rotate_issuer_key(workspace, "maker")
    folder = workspace.home / KEYS / "maker"
    *_, other, newest = (folder / f"issuer-{number}.json" for number in workspace.keyring.later_issuers("maker"))
    shutil.copy(newest, tmp_path)
    try:
        box = json.loads(newest.read_bytes())
        damage(box, json.loads(other.read_bytes()))  # type: ignore[operator]
        newest.write_text(json.dumps(box))
        with later(workspace) as opened, pytest.raises(ConfigurationError):
            opened.member("maker")
    finally:
        shutil.copy(tmp_path / newest.name, newest)

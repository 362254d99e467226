from __future__ import annotations

import os

import pytest
from cryptography.exceptions import InvalidTag

from ledger.credential.capsule import open_capsule
from ledger.credential.false_key import prove_false_key
from ledger.credential.grant import verify_grant
from ledger.credential.sd_jwt import parse_sd_jwt
from ledger.demo.staging import OTHERWISE, Scene, Staged
from ledger.errors import ContentMismatchError, MalformedError
from ledger.service.read import reference_of
from tests.forgeries.refusing import on_a_real_chain, refusal

pytestmark = on_a_real_chain


def test_false_capsule_key_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("false-capsule-key", scene, staged) == ("ContentMismatchError", "capsule")


def test_one_ciphertext_is_authentic_under_both_keys(staged: Staged) -> None:
    _, double = staged.double
    assert OTHERWISE in double.under(double.second)
    assert OTHERWISE not in double.under(double.first)
    with pytest.raises(InvalidTag):
        double.under(os.urandom(32))


def test_first_key_opens_the_capsule_and_the_second_does_not(scene: Scene, staged: Staged) -> None:
    digest, double = staged.double
    reference = reference_of(parse_sd_jwt(scene.workspace.reader().credential(digest).text).jws)
    opened = open_capsule([double.sealed], double.first, reference)
    assert opened.manifest == double.manifest
    for false in (double.second, os.urandom(32), bytes(32)):
        with pytest.raises(ContentMismatchError):
            open_capsule([double.sealed], false, reference)


def test_the_right_key_proves_nothing(scene: Scene, staged: Staged) -> None:
    digest, double = staged.double
    reference = reference_of(parse_sd_jwt(scene.workspace.reader().credential(digest).text).jws)
    victim, insider = scene.bystander, scene.insider
    grant = insider.grant(victim.organisation, victim.recipient.public, [(reference.cid, double.first)])
    verified = verify_grant(grant, insider.member.issuer.public)
    with pytest.raises(MalformedError):
        prove_false_key(verified, victim.recipient, reference)


def test_false_grants_do_not_keep_the_right_key_from_being_found(scene: Scene, staged: Staged) -> None:
    reader = scene.workspace.reader()
    digest = scene.history[-1].digest
    reference = reference_of(parse_sd_jwt(reader.credential(digest).text).jws)
    victim, insider = scene.bystander, scene.insider
    for _ in range(5):
        insider.grant(victim.organisation, victim.recipient.public, [(reference.cid, os.urandom(32))])
    scene.workspace._reader = None
    fresh = scene.workspace.reader()
    assert fresh.credential(digest).disclosures

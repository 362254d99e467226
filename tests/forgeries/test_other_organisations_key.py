from __future__ import annotations

import os
from dataclasses import replace

from ledger.credential.base64url import encode_base64url
from ledger.credential.sd_jwt import issue, parse_sd_jwt
from ledger.credential.signing import sign
from ledger.demo import tampering
from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence, OpenEntry
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def last_shown(evidence: Evidence) -> tuple[int, str]:
    numbers = tampering.numbers_where(evidence, lambda entry: entry.credential is not None)
    entry = evidence.history[numbers[-1] - 1]
    assert isinstance(entry, OpenEntry)
    assert entry.credential is not None
    return numbers[-1], entry.credential


def test_other_organisations_key_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("other-organisations-key", scene, staged) == ("IssuerError", "authority")


def test_other_key_that_is_not_in_the_file_is_refused(scene: Scene, evidence: Evidence) -> None:
    number, credential = last_shown(evidence)
    raw = parse_sd_jwt(credential)
    visible = {name: value for name, value in raw.jws.payload.items() if name not in ("_sd", "_sd_alg")}
    forged = issue(visible, [one.text for one in raw.disclosures], scene.bystander.issuer, os.urandom)
    assert refused_by(scene, tampering.show(evidence, number, forged.text)) == ("IssuerError", "authority")


def test_other_key_under_the_name_of_the_right_one_is_refused(scene: Scene, evidence: Evidence) -> None:
    number, credential = last_shown(evidence)
    jwt, *texts, _ = credential.split("~")
    signed = jwt.rpartition(".")[0]
    signature = encode_base64url(sign(scene.bystander.issuer, signed.encode("ascii")))
    forged = "~".join((f"{signed}.{signature}", *texts, ""))
    assert refused_by(scene, tampering.show(evidence, number, forged)) == ("SignatureError", "signature")


def test_other_key_in_place_of_the_issuers_is_refused(scene: Scene, evidence: Evidence) -> None:
    issuers = tuple(replace(one, jwk=dict(scene.bystander.issuer.public.jwk)) for one in evidence.issuers[-1:])
    assert refused_by(scene, replace(evidence, issuers=(*evidence.issuers[:-1], *issuers))) is not None

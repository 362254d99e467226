from __future__ import annotations

import time
from dataclasses import replace

from ledger.credential.base64url import encode_base64url
from ledger.demo import tampering
from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence, OpenEntry, encode_evidence
from light_node.judgement import judge
from light_node.verdict import Outcome
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def opened(evidence: Evidence) -> list[tuple[int, str]]:
    entries = enumerate(evidence.history, start=1)
    return [
        (number, entry.credential) for number, entry in entries if isinstance(entry, OpenEntry) and entry.credential
    ]


def test_genuine_evidence_is_verified(scene: Scene, evidence: Evidence) -> None:
    assert refused_by(scene, evidence) is None


def test_changed_field_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("changed-field", scene, staged) == ("ContentMismatchError", "disclosures")


def test_every_field_of_every_event_is_protected(scene: Scene, evidence: Evidence) -> None:
    tried = 0
    for number, credential in opened(evidence):
        for name in tampering.disclosed(credential):
            text = tampering.change_field(credential, name, lambda value: [value])
            error, step = refused_by(scene, tampering.show(evidence, number, text)) or ("", "")
            identity = number == 1 and name in ("identifier", "asset_type", "salt")
            allowed = ("identity", "authority", "disclosures") if identity else ("disclosures",)
            assert step in allowed, (number, name, error)
            tried += 1
    assert tried > 100


def test_salt_of_a_disclosure_is_protected(scene: Scene, evidence: Evidence) -> None:
    number, credential = opened(evidence)[-1]
    jwt, first, *rest = credential.split("~")
    changed = encode_base64url(b'["' + b"A" * 22 + b'","odometer_km",1]')
    assert first != changed
    text = "~".join((jwt, changed, *rest))
    assert refused_by(scene, tampering.show(evidence, number, text)) == ("ContentMismatchError", "disclosures")


def test_disclosure_of_another_credential_is_refused(scene: Scene, evidence: Evidence) -> None:
    (_, other), (number, credential) = opened(evidence)[-2:]
    text = credential + other.split("~")[1] + "~"
    error, step = refused_by(scene, tampering.show(evidence, number, text)) or ("", "")
    assert (error in ("ContentMismatchError", "MalformedError"), step) == (True, "disclosures")


def test_changed_signed_part_is_refused(scene: Scene, evidence: Evidence) -> None:
    number, credential = opened(evidence)[-1]
    header, payload, signature = credential.split("~")[0].split(".")
    changed = f"{header}.{payload}.{signature[:-4]}{'AAAA' if signature[-4:] != 'AAAA' else 'BBBA'}"
    text = "~".join((changed, *credential.split("~")[1:]))
    assert refused_by(scene, tampering.show(evidence, number, text)) == ("SignatureError", "signature")


def test_withheld_field_is_no_forgery_and_shows_nothing(scene: Scene, evidence: Evidence) -> None:
    """Leaving a disclosure out is the giver's right; what depends on it gets no judgement."""
    number, credential = next(one for one in opened(evidence) if "odometer_km" in tampering.disclosed(one[1]))
    jwt, *texts, _ = credential.split("~")
    kept = [text for text in texts if "odometer_km" not in tampering.disclosed(f"~{text}~")]
    shown = encode_evidence(tampering.show(evidence, number, "~".join((jwt, *kept, ""))))
    verdict = judge(shown, scene.trust, now=int(time.time()), accepted=scene.accepted)
    assert verdict.outcome is Outcome.VERIFIED
    assert verdict.account is not None
    assert "odometer_km" not in verdict.account.events[number - 1].fields


def test_changed_digest_is_refused(scene: Scene, evidence: Evidence) -> None:
    entry = evidence.history[2]
    assert isinstance(entry, OpenEntry)
    changed = replace(entry, digest=bytes(32))
    history = (*evidence.history[:2], changed, *evidence.history[3:])
    assert refused_by(scene, replace(evidence, history=history)) == ("HistoryError", "fold")

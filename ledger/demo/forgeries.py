"""Eleven forgeries, and the reason for which each is refused: an error's class at a step of the verification."""

from __future__ import annotations

import os
from dataclasses import replace

from ledger.credential.sd_jwt import SdJwt, issue, parse_sd_jwt
from ledger.credential.signing import SigningKey
from ledger.demo import tampering
from ledger.demo.capsule_forgeries import CAPSULE, changed_raw_file, false_capsule_key
from ledger.demo.forgery import Forgery, Found, judged
from ledger.demo.staging import Scene, Staged
from ledger.event import Json
from ledger.kinds import kind_by_number
from ledger.proof.evidence import Evidence, IssuerKey, OpenEntry, StorageProof, parse_evidence
from ledger.proof.fold import parse_meta
from ledger.proof.header import parse_header
from ledger.proof.slots import issuer_key_slot

ACCIDENT = "vehicle.accident"
ODOMETER = "odometer_km"


# ---- with an editor -------------------------------------------------------------------------------------------------


def changed_field(scene: Scene, _: Staged) -> Found | None:
    """Turn the odometer back in a signed credential."""
    evidence = parse_evidence(scene.car.evidence)
    number = _with_odometer(evidence)[-1]
    text = tampering.change_field(_open(evidence, number)[1], ODOMETER, _halved)
    return judged(scene, tampering.show(evidence, number, text))


def event_left_out(scene: Scene, _: Staged) -> Found | None:
    """Leave the accident out."""
    evidence = parse_evidence(scene.car.evidence)
    number = next(entry.position for entry in scene.history if entry.kind.name == ACCIDENT)
    return judged(scene, tampering.leave_out(evidence, number))


def events_swapped(scene: Scene, _: Staged) -> Found | None:
    """Let a later reading stand before an earlier one."""
    evidence = parse_evidence(scene.car.evidence)
    return judged(scene, tampering.swap(evidence, _with_odometer(evidence)[0]))


def event_added(scene: Scene, _: Staged) -> Found | None:
    """Add a service that was signed, by the workshop itself, but never attested."""
    evidence = parse_evidence(scene.car.evidence)
    number = _with_odometer(evidence)[0]
    entry, credential = _open(evidence, number)
    made_up = _signed_again(credential, scene.insider.member.issuer)
    added = replace(entry, digest=made_up.digest, credential=made_up.text)
    return judged(scene, tampering.insert(evidence, number, added))


def other_organisations_key(scene: Scene, _: Staged) -> Found | None:
    """Sign in the workshop's name with another member's key, and hand the key in as the workshop's."""
    evidence = parse_evidence(scene.car.evidence)
    number = _with_odometer(evidence)[0]
    entry, credential = _open(evidence, number)
    organisation, key = parse_meta(entry.meta).organisation, scene.bystander.issuer
    slot, address = issuer_key_slot(organisation, key.public.thumbprint), scene.workspace.contracts.consortium
    absent = scene.workspace.client.proofs(address, [slot], parse_header(evidence.header).number).storage[0]
    issuer = IssuerKey(organisation, dict(key.public.jwk))
    shown = tampering.add_issuer(evidence, issuer, address, StorageProof(slot, absent))
    return judged(scene, tampering.show(shown, number, _signed_again(credential, key).text))


def rolled_back_head(scene: Scene, _: Staged) -> Found | None:
    """Show the file from before the accident to somebody who has seen a newer head."""
    return judged(scene, scene.older)


# ---- with a member's keys and real transactions ---------------------------------------------------------------------


def other_assets_event(scene: Scene, staged: Staged) -> Found | None:
    """Attest a service of one car to another, and show the credential."""
    return _shown(scene, staged.foreign, staged.renamed)


def other_kind(scene: Scene, staged: Staged) -> Found | None:
    """Attest a changed part again, as an inspection, and show the credential."""
    return _shown(scene, staged.renamed, staged.foreign)


def second_subject(scene: Scene, staged: Staged) -> Found | None:
    """Register the VIN a second time, for a clean history, and show that."""
    return judged(scene, scene.evidence(staged.second))


def _shown(scene: Scene, told: tuple[int, str], hidden: tuple[int, str]) -> Found | None:
    evidence = tampering.show(scene.evidence(scene.other.asset), hidden[0], None)
    return judged(scene, tampering.show(evidence, *told))


# ---- what the attempts share ----------------------------------------------------------------------------------------


def _with_odometer(evidence: Evidence) -> list[int]:
    """Numbers of ordinary events that show an odometer reading."""

    def holds(entry: OpenEntry) -> bool:
        kind = kind_by_number(parse_meta(entry.meta).kind)
        return not kind.changes_status and ODOMETER in tampering.disclosed(entry.credential)

    return tampering.numbers_where(evidence, holds)


def _open(evidence: Evidence, number: int) -> tuple[OpenEntry, str]:
    entry = evidence.history[number - 1]
    if not isinstance(entry, OpenEntry) or entry.credential is None:
        raise ValueError(f"event {number} is not opened")
    return entry, entry.credential


def _halved(value: Json) -> Json:
    return value // 2 if isinstance(value, int) else 0


def _signed_again(credential: str, key: SigningKey) -> SdJwt:
    """Sign the same claims with a key: another signature, other decoys, another digest."""
    raw = parse_sd_jwt(credential)
    visible = {name: value for name, value in raw.jws.payload.items() if name not in ("_sd", "_sd_alg")}
    return issue(visible, [one.text for one in raw.disclosures], key, os.urandom)


FORGERIES = (
    Forgery(
        "changed-field",
        "the odometer in a signed credential is turned back",
        ("ContentMismatchError", "disclosures"),
        changed_field,
    ),
    Forgery(
        "changed-raw-file",
        "a file in a capsule is replaced, sealed with the real key",
        ("ContentMismatchError", CAPSULE),
        changed_raw_file,
    ),
    Forgery("event-left-out", "the accident is left out", ("HistoryError", "fold"), event_left_out),
    Forgery("events-swapped", "two readings change places", ("HistoryError", "fold"), events_swapped),
    Forgery("event-added", "a signed but never attested service is put in", ("HistoryError", "fold"), event_added),
    Forgery(
        "other-assets-event",
        "a service of one car is attested to another",
        ("BindingError", "binding"),
        other_assets_event,
    ),
    Forgery("other-kind", "a credential is attested again as an inspection", ("BindingError", "binding"), other_kind),
    Forgery(
        "other-organisations-key",
        "a credential in the workshop's name is signed with another member's key",
        ("IssuerError", "authority"),
        other_organisations_key,
    ),
    Forgery(
        "rolled-back-head",
        "a file from before the accident is shown to one who has seen a newer head",
        ("RollbackError", "finality"),
        rolled_back_head,
    ),
    Forgery(
        "second-subject",
        "another member registers the same VIN again, for a clean history",
        ("IdentityError", "authority"),
        second_subject,
    ),
    Forgery(
        "false-capsule-key",
        "a capsule is made to open under two keys, to other contents under the one that is granted",
        ("ContentMismatchError", CAPSULE),
        false_capsule_key,
    ),
)

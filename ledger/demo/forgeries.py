"""Eleven forgeries, and the reason for which each is refused: an error's class at a step of the verification."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from ipfs.cid import parse_cid
from ipfs.store import read_file
from ledger.credential.capsule import open_capsule, seal_capsule
from ledger.credential.capsule_format import PREFIX_BYTES, CapsuleReference, describe_file
from ledger.credential.false_key import encode_false_key_proof, parse_false_key_proof, prove_false_key, verify_false_key
from ledger.credential.grant import open_grant, verify_grant
from ledger.credential.jose import SigningKey
from ledger.credential.sd_jwt import SdJwt, issue, parse_sd_jwt
from ledger.demo import tampering
from ledger.demo.staging import OTHERWISE, Scene, Staged
from ledger.errors import VerificationError
from ledger.event import Json
from ledger.kinds import kind_by_number
from ledger.proof.evidence import Evidence, IssuerKey, OpenEntry, StorageProof, encode_evidence, parse_evidence
from ledger.proof.fold import parse_meta
from ledger.proof.header import parse_header
from ledger.proof.slots import issuer_key_slot
from ledger.service.read import MAX_CAPSULE_BYTES, reference_of
from light_node.judgement import judge
from light_node.verdict import Outcome

ACCIDENT = "vehicle.accident"
CAPSULE = "capsule"
ODOMETER = "odometer_km"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What became of a forgery.

    Attributes:
        name: For machines and tests.
        told: What the forger did, for people.
        expected: Error class and step that it must be refused with.
        found: Error class and step that it was refused with; None where it was not refused.
        reason: In the verifier's words.
    """

    name: str
    told: str
    expected: tuple[str, str]
    found: tuple[str, str] | None
    reason: str

    @property
    def refused(self) -> bool:
        """Whether it was refused, and for its own reason."""
        return self.found == self.expected

    def describe(self) -> str:
        """Tell it in one line."""
        if self.found is None:
            return f"NOT REFUSED: {self.reason}"
        error, step = self.found
        word = "refused" if self.refused else f"REFUSED OTHERWISE than by {self.expected[0]} at {self.expected[1]},"
        return f"{word} at {step} with {error}: {self.reason}"

    def as_json(self) -> dict[str, object]:
        """For machines."""
        error, step = self.found or (None, None)
        return {
            "name": self.name,
            "told": self.told,
            "refused": self.refused,
            "error": error,
            "step": step,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """Why a forgery was refused: error class, step, and the verifier's words."""

    error: str
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forgery:
    """A forgery and what must become of it; ``attempt`` gives None where it is taken for genuine."""

    name: str
    told: str
    expected: tuple[str, str]
    attempt: Callable[[Scene, Staged], Found | None]


def try_one(forgery: Forgery, scene: Scene, staged: Staged) -> Refusal:
    """Try one forgery and say what became of it."""
    found = forgery.attempt(scene, staged)
    if found is None:
        return Refusal(forgery.name, forgery.told, forgery.expected, None, "it was taken for genuine")
    return Refusal(forgery.name, forgery.told, forgery.expected, (found.error, found.step), found.reason)


def judged(scene: Scene, evidence: Evidence | bytes) -> Found | None:
    """Judge a file as the verifier of this scene does."""
    data = evidence if isinstance(evidence, bytes) else encode_evidence(evidence)
    verdict = judge(data, scene.trust, now=int(time.time()), accepted=scene.accepted)
    if verdict.outcome is Outcome.VERIFIED or verdict.step is None or verdict.error is None:
        return None
    return Found(verdict.error, verdict.step.name.lower(), verdict.reason)


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


# ---- with capsules --------------------------------------------------------------------------------------------------


def changed_raw_file(scene: Scene, _: Staged) -> Found | None:
    """Replace a raw file by another, in a capsule that is sealed with the real key."""
    digest = next(entry.digest for entry in scene.history if len(_reference(scene, entry.digest).files) > 1)
    reference = _reference(scene, digest)
    key = scene.workspace.reader().capsule_key(reference.cid)
    genuine = open_capsule(_sealed(scene, reference), key, reference)
    contents = [b"".join(chunks) for _, chunks in genuine.files]
    contents[-1] = b"no damage found\n"
    files = [
        describe_file([data], one.name, one.media_type, one.salt)
        for one, data in zip(genuine.manifest.files, contents, strict=True)
    ]
    manifest = replace(genuine.manifest, files=tuple(files))
    return _opened(seal_capsule(manifest, [[data] for data in contents], key, os.urandom(PREFIX_BYTES)), key, reference)


def false_capsule_key(scene: Scene, staged: Staged) -> Found | None:
    """Grant the second key of a capsule, which opens to other contents; the signed grant proves who lied."""
    insider, victim = scene.insider, scene.bystander
    digest, double = staged.double
    reference, issuer = _reference(scene, digest), insider.member.issuer.public
    if OTHERWISE not in double.under(double.second):
        raise ValueError("the second key does not open the capsule to other contents")
    grant = insider.grant(victim.organisation, victim.recipient.public, [(reference.cid, double.second)])
    verified = verify_grant(grant, issuer)
    key = open_grant(verified, victim.recipient)[reference.cid]
    found = _opened(_sealed(scene, reference), key, reference)
    if found is None:
        return None
    proof = encode_false_key_proof(prove_false_key(verified, victim.recipient, reference))
    liar = verify_false_key(parse_false_key_proof(proof), issuer, reference)
    return replace(found, reason=f"{found.reason}; its grant proves that organisation {liar} signed a false key")


def _opened(sealed: Iterable[bytes], key: bytes, reference: CapsuleReference) -> Found | None:
    try:
        for _, chunks in open_capsule(sealed, key, reference).files:
            for _ in chunks:
                pass
    except VerificationError as error:
        return Found(type(error).__name__, CAPSULE, str(error))
    return None


def _sealed(scene: Scene, reference: CapsuleReference) -> Iterator[bytes]:
    return read_file(scene.workspace.documents, parse_cid(reference.cid), MAX_CAPSULE_BYTES)


def _reference(scene: Scene, digest: bytes) -> CapsuleReference:
    return reference_of(parse_sd_jwt(scene.workspace.reader().credential(digest).text).jws)


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

"""Credentials of a history: who signed them, that they belong where they stand, and what they disclose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.credential.binding import Binding, Place, log_name, schema_of, verify_binding
from ledger.credential.jose import PublicKey
from ledger.credential.sd_jwt import CLAIM_NAMES, Disclosed, RawSdJwt, parse_sd_jwt, verify_sd_jwt
from ledger.errors import ContentMismatchError, MalformedError, SignatureError, VerificationError
from ledger.event import Json
from ledger.kinds import Kind
from ledger.proof.evidence import Evidence, OpenEntry
from ledger.proof.fold import Meta
from light_node.history import ProvenEntry
from light_node.issuer import Issuers, verify_issuer
from light_node.progress import Progress
from light_node.proofs import ProvenState
from light_node.verdict import Step

OWN_CLAIMS = frozenset({"salt", CLAIM_NAMES})


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential and the attestation that it stands at."""

    proven: ProvenEntry
    meta: Meta
    kind: Kind
    entry: OpenEntry
    raw: RawSdJwt


@dataclass(frozen=True, slots=True)
class Opened:
    """A credential that verified.

    Attributes:
        at: Where it stands.
        binding: What it says of its place.
        fields: Disclosed claims, but for the subject's salt and the list of the claims.
        disputed: Whether its key was later said to be compromised at that time.
        missing: Required fields that are not disclosed.
        withheld: Names of the claims that are not disclosed; None where the list of the claims is not, or is false.
    """

    at: Credential
    binding: Binding
    fields: Mapping[str, Json]
    disputed: bool
    missing: tuple[str, ...]
    withheld: frozenset[str] | None


def parse_credentials(evidence: Evidence) -> dict[int, RawSdJwt]:
    """Read every credential of a file, by the number of its event.

    Raises: MalformedError.
    """
    return {
        number: parse_sd_jwt(entry.credential)
        for number, entry in enumerate(evidence.history, 1)
        if isinstance(entry, OpenEntry) and entry.credential is not None
    }


def place_credentials(entries: Sequence[ProvenEntry], raw: Mapping[int, RawSdJwt]) -> list[Credential]:
    """Join credentials with the attestations that they stand at.

    Raises: MalformedError, where a credential stands at a kind that this version does not know.
    """
    placed = []
    for proven in entries:
        if proven.number not in raw:
            continue
        if proven.kind is None or proven.meta is None or not isinstance(proven.entry, OpenEntry):
            raise MalformedError("evidence", "a credential of an unknown kind", f"/history/{proven.number - 1}")
        placed.append(Credential(proven, proven.meta, proven.kind, proven.entry, raw[proven.number]))
    return placed


def verify_issuers(
    credentials: Sequence[Credential], issuers: Issuers, state: ProvenState
) -> list[tuple[PublicKey, bool]]:
    """Prove for each credential that its key was valid then; see ``verify_issuer``.

    Returns:
        The key of each, and whether the attestation is disputed.

    Raises:
        IssuerError: A key was not valid.
        MalformedError: A proof is missing, or the file holds a key that no credential names.
    """
    keys = [
        (
            key := issuers.key(item.meta.organisation, item.raw),
            verify_issuer(key, item.meta.organisation, item.meta.time, state),
        )
        for item in credentials
    ]
    used = {(item.meta.organisation, key.thumbprint) for item, (key, _) in zip(credentials, keys, strict=True)}
    if used != set(issuers.keys):
        raise MalformedError("evidence", "an issuer key that no credential names", "/issuers")
    return keys


def verify_signatures(
    credentials: Sequence[Credential], keys: Sequence[tuple[PublicKey, bool]], progress: Progress
) -> list[Disclosed]:
    """Prove that each credential was signed by its key, and that the disclosures shown are its own.

    Raises:
        SignatureError: A signature does not verify; at step 8.
        ContentMismatchError, MalformedError: A disclosure that was not signed; at step 10.
    """
    disclosed = []
    for item, (key, _) in zip(credentials, keys, strict=True):
        try:
            disclosed.append(verify_sd_jwt(item.raw, key))
        except SignatureError:
            raise
        except VerificationError:
            progress.step = Step.DISCLOSURES
            raise
    return disclosed


def verify_bindings(
    credentials: Sequence[Credential], disclosed: Sequence[Disclosed], evidence: Evidence
) -> list[Binding]:
    """Prove that each credential is the attested one and was signed for this very place.

    Raises:
        ContentMismatchError: It is not the document whose digest was attested.
        BindingError: It names another subject, kind, log, organisation, schema, previous head or time.
    """
    return [_bind(item, shown, evidence) for item, shown in zip(credentials, disclosed, strict=True)]


def _bind(item: Credential, shown: Disclosed, evidence: Evidence) -> Binding:
    if shown.digest != item.entry.digest:
        what = f"credential of event {item.proven.number}"
        raise ContentMismatchError(what, item.entry.digest.hex(), shown.digest.hex())
    place = Place(
        subject=evidence.subject,
        kind=item.meta.kind,
        schema=schema_of(item.kind.name),
        log=log_name(evidence.chain_id, item.proven.log),
        organisation=item.meta.organisation,
        previous_head=item.proven.head_before if item.kind.from_statuses else None,
        attested_at=item.meta.time,
    )
    return verify_binding(shown, place)


def open_credentials(
    credentials: Sequence[Credential],
    disclosed: Sequence[Disclosed],
    bindings: Sequence[Binding],
    keys: Sequence[tuple[PublicKey, bool]],
) -> dict[int, Opened]:
    """Bring what verified together, by the number of the event, and name the required fields that are missing."""
    opened = {}
    for item, shown, binding, (_, disputed) in zip(credentials, disclosed, bindings, keys, strict=True):
        fields = {name: value for name, value in shown.disclosed.items() if name not in OWN_CLAIMS}
        missing = tuple(name for name in item.kind.required if fields.get(name) is None)
        opened[item.proven.number] = Opened(item, binding, fields, disputed, missing, _withheld(shown.disclosed))
    return opened


def _withheld(disclosed: Mapping[str, Json]) -> frozenset[str] | None:
    """The number of hashes tells nothing, since decoys are among them: only the issuer's own list does."""
    listed = disclosed.get(CLAIM_NAMES)
    names = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
    shown = disclosed.keys() - {CLAIM_NAMES}
    return frozenset(names - shown) if CLAIM_NAMES in disclosed and shown <= names else None

"""Credentials of a history: who signed them, that they belong where they stand, and what they disclose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.credential.binding import Binding, Place, log_name, parse_binding, schema_of, verify_place
from ledger.credential.jose import PublicKey
from ledger.credential.sd_jwt import CLAIM_NAMES, Disclosed, RawSdJwt, parse_sd_jwt, verify_sd_jwt
from ledger.errors import ContentMismatchError, MalformedError, SignatureError, VerificationError
from ledger.event import Json
from ledger.kinds import Kind
from ledger.proof.evidence import Evidence, OpenEntry
from ledger.proof.fold import Meta
from light_node.history import ProvenEntry
from light_node.issuer import Issuers, verify_issuer
from light_node.known import Content, KnownCredentials
from light_node.progress import Progress
from light_node.proofs import ProvenState
from light_node.verdict import Step

OWN_CLAIMS = frozenset({"salt", CLAIM_NAMES})


@dataclass(frozen=True, slots=True)
class RawCredential:
    """A credential in its format; nothing is verified in this file.

    Attributes:
        text: As it stands in the file.
        raw: The same, parsed.
        known: What this very text said when it verified here before, or None.
    """

    text: str
    raw: RawSdJwt
    known: Content | None


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential and the attestation that it stands at."""

    proven: ProvenEntry
    meta: Meta
    kind: Kind
    entry: OpenEntry
    shown: RawCredential


@dataclass(frozen=True, slots=True)
class Opened:
    """A credential that verified.

    Attributes:
        at: Where it stands.
        content: What it says.
        disputed: Whether its key was later said to be compromised at that time.
        missing: Required fields that are not disclosed.
    """

    at: Credential
    content: Content
    disputed: bool
    missing: tuple[str, ...]

    @property
    def fields(self) -> Mapping[str, Json]:
        """Disclosed claims, but for the subject's salt and the list of the claims."""
        return self.content.fields


def parse_credentials(evidence: Evidence, known: KnownCredentials) -> dict[int, RawCredential]:
    """Read every credential of a file, by the number of its event.

    Raises: MalformedError.
    """
    return {
        number: _parse(entry.credential, known.find(entry.credential))
        for number, entry in enumerate(evidence.history, 1)
        if isinstance(entry, OpenEntry) and entry.credential is not None
    }


def _parse(text: str, known: Content | None) -> RawCredential:
    return RawCredential(text, parse_sd_jwt(text) if known is None else known.raw, known)


def place_credentials(entries: Sequence[ProvenEntry], shown: Mapping[int, RawCredential]) -> list[Credential]:
    """Join credentials with the attestations that they stand at.

    Raises: MalformedError, where a credential stands at a kind that this version does not know.
    """
    placed = []
    for proven in entries:
        if proven.number not in shown:
            continue
        if proven.kind is None or proven.meta is None or not isinstance(proven.entry, OpenEntry):
            raise MalformedError("evidence", "a credential of an unknown kind", f"/history/{proven.number - 1}")
        placed.append(Credential(proven, proven.meta, proven.kind, proven.entry, shown[proven.number]))
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
            key := issuers.key(item.meta.organisation, item.shown.raw),
            verify_issuer(key, item.meta.organisation, item.meta.time, state),
        )
        for item in credentials
    ]
    used = {(item.meta.organisation, item.shown.raw.jws.header["kid"]) for item in credentials}
    if used != issuers.keys.keys():
        raise MalformedError("evidence", "an issuer key that no credential names", "/issuers")
    return keys


def verify_signatures(
    credentials: Sequence[Credential], keys: Sequence[tuple[PublicKey, bool]], progress: Progress
) -> list[Disclosed]:
    """Prove that each credential was signed by its key, and that the disclosures shown are its own.

    Of one whose very text verified here before by the same key it is known.

    Raises:
        SignatureError: A signature does not verify; at step 8.
        ContentMismatchError, MalformedError: A disclosure that was not signed; at step 10.
    """
    disclosed = []
    for item, (key, _) in zip(credentials, keys, strict=True):
        try:
            known = item.shown.known
            disclosed.append(known.disclosed if known and known.is_by(key) else verify_sd_jwt(item.shown.raw, key))
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
    known = _known(item, shown)
    binding = parse_binding(shown.visible) if known is None else known.binding
    verify_place(binding, place)
    return binding


def _known(item: Credential, shown: Disclosed) -> Content | None:
    """What is known of a credential, where that is by the key that signed it."""
    known = item.shown.known
    return known if known is not None and known.disclosed is shown else None


def open_credentials(
    credentials: Sequence[Credential],
    disclosed: Sequence[Disclosed],
    bindings: Sequence[Binding],
    keys: Sequence[tuple[PublicKey, bool]],
) -> dict[int, Opened]:
    """Bring what verified together, by the number of the event, and name the required fields that are missing."""
    opened = {}
    for item, shown, binding, (_, disputed) in zip(credentials, disclosed, bindings, keys, strict=True):
        content = _known(item, shown) or _content(item.shown.raw, shown, binding)
        missing = tuple(name for name in item.kind.required if content.fields.get(name) is None)
        opened[item.proven.number] = Opened(item, content, disputed, missing)
    return opened


def keep_credentials(opened: Iterable[Opened], known: KnownCredentials) -> None:
    """Remember what credentials that verified say; see ``light_node.known``."""
    for one in opened:
        if one.at.shown.known is None:
            known.keep(one.at.shown.text, one.content)


def _content(raw: RawSdJwt, shown: Disclosed, binding: Binding) -> Content:
    fields = {name: value for name, value in shown.disclosed.items() if name not in OWN_CLAIMS}
    return Content(raw, shown, binding, fields, _withheld(shown.disclosed))


def _withheld(disclosed: Mapping[str, Json]) -> frozenset[str] | None:
    """The number of hashes tells nothing, since decoys are among them: only the issuer's own list does."""
    listed = disclosed.get(CLAIM_NAMES)
    names = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
    shown = disclosed.keys() - {CLAIM_NAMES}
    return frozenset(names - shown) if CLAIM_NAMES in disclosed and shown <= names else None

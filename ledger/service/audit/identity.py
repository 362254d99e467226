"""Who registered what: births opened and held against the namespaces; fraud that only a comparison finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from ledger.credential.base64url import parse_base64url
from ledger.credential.sd_jwt import RawSdJwt
from ledger.errors import MissingError, VerificationError
from ledger.event import AssetReference, AssetType
from ledger.kinds import Kind
from ledger.proof.evidence_slots import holder_at
from ledger.proof.slots import NamespaceGrant
from ledger.proof.subject import SALT_BYTES, namespace_id
from ledger.service.audit.report import Findings
from ledger.service.plan import REGISTRAR_ROLE
from ledger.store.chain_index import Attestation, Namespace
from ledger.store.document_index import Asset, AssetAlias, Credential
from light_node.identity import Opening, open_subject

PART = 500


@dataclass(frozen=True, slots=True)
class Birth:
    """An opened genesis.

    Attributes:
        subject: 32 bytes.
        asset: Type and canonical identifier.
        salt: 32 bytes.
        aliases: Further identifiers.
    """

    subject: bytes
    asset: AssetReference
    salt: bytes
    aliases: tuple[str, ...]

    def row(self, *, own: bool) -> dict[str, Any]:
        """Its row of ``asset``, as recording writes it."""
        return {
            "subject": self.subject,
            "asset_type": self.asset.asset_type.value,
            "identifier": self.asset.identifier,
            "salt": self.salt,
            "own": own,
        }

    def alias_rows(self) -> list[dict[str, Any]]:
        """Its rows of ``asset_alias``."""
        names = dict.fromkeys((self.asset.identifier, *self.aliases))
        return [{"identifier": name, "subject": self.subject} for name in names]


def verify_birth(
    session: Session, row: Credential, kind: Kind, asset_type: AssetType, raw: RawSdJwt, findings: Findings
) -> Birth | None:
    """Open the subject of a genesis credential, and ask whether its issuer might register the identifier then.

    Returns: The birth; None where it does not open its subject, which is a difference.
    """
    place = f"{row.digest.hex()} of subject {row.subject.hex()}"
    try:
        opening = open_subject(row.subject, asset_type, raw)
    except VerificationError as error:
        findings.add("identity", place, f"its genesis does not open the subject: {error}")
        return None
    _check_authority(session, row, kind, opening, place, findings)
    claims = {item.name: item.value for item in raw.disclosures}
    aliases = claims.get("aliases")
    names = tuple(name for name in aliases if isinstance(name, str)) if isinstance(aliases, list) else ()
    findings.count("identities")
    return Birth(row.subject, opening.asset, parse_base64url(claims.get("salt"), "salt", size=SALT_BYTES), names)


def _check_authority(
    session: Session, row: Credential, kind: Kind, opening: Opening, place: str, findings: Findings
) -> None:
    attested = session.exec(select(Attestation.attested_at).where(Attestation.digest == row.digest)).first()
    if attested is None:
        return
    for scheme, prefix in opening.namespaces:
        question = select(Namespace).where(Namespace.namespace == namespace_id(scheme, prefix))
        rows = session.exec(question.order_by(col(Namespace.position)))
        holder = holder_at([NamespaceGrant(one.organisation, one.since) for one in rows], attested)
        if holder and holder != row.issuer:
            message = f"organisation {row.issuer} registered it while namespace {prefix} was organisation {holder}'s"
            findings.add("namespace", place, message)
        if holder:
            return
    if kind.role != REGISTRAR_ROLE:
        findings.add("namespace", place, f"organisation {row.issuer} registered it, but held no namespace of it")


def find_second_subjects(session: Session, findings: Findings) -> None:
    """Name every identifier that was registered more than once: each pair of geneses is a signed proof of fraud."""
    question = (
        select(Asset.asset_type, AssetAlias.identifier)
        .join(AssetAlias, col(AssetAlias.subject) == col(Asset.subject))
        .where(col(Asset.subject).in_(select(Attestation.subject)))
        .group_by(col(Asset.asset_type), col(AssetAlias.identifier))
        .having(func.count() > 1)
    )
    for asset_type, identifier in session.execute(question.execution_options(yield_per=PART)).all():
        told = "; ".join(_births(session, asset_type, identifier))
        message = f"{asset_type} {identifier} was registered more than once, which one of its registrars did falsely: "
        findings.add("two-subjects", identifier, message + told)
    findings.count("identifiers", session.scalar(select(func.count()).select_from(AssetAlias)) or 0)


def _births(session: Session, asset_type: str, identifier: str) -> list[str]:
    question = (
        select(Asset.subject)
        .join(AssetAlias, col(AssetAlias.subject) == col(Asset.subject))
        .where(AssetAlias.identifier == identifier, Asset.asset_type == asset_type)
        .order_by(col(Asset.subject))
    )
    told = []
    for subject in session.exec(question):
        genesis = session.exec(
            select(Attestation).where(Attestation.subject == subject).order_by(col(Attestation.sequence)).limit(1)
        ).first()
        if genesis is None:
            raise MissingError(f"subject {subject.hex()} has no first attestation")
        told.append(
            f"subject {subject.hex()} by organisation {genesis.organisation} at {genesis.attested_at}, "
            f"genesis credential {genesis.digest.hex()}"
        )
    return told


def find_equivocations(session: Session, findings: Findings) -> None:
    """Name every id under which an issuer signed more than one content."""
    question = (
        select(Credential.issuer, Credential.jti)
        .where(col(Credential.digest).in_(select(Attestation.digest)))
        .group_by(col(Credential.issuer), col(Credential.jti))
        .having(func.count(func.distinct(col(Credential.payload_hash))) > 1)
    )
    for issuer, jti in session.execute(question.execution_options(yield_per=PART)).all():
        same = select(Credential.digest).where(Credential.issuer == issuer, Credential.jti == jti)
        digests = ", ".join(digest.hex() for digest in session.exec(same.order_by(col(Credential.digest))))
        message = f"organisation {issuer} signed different contents under one id: credentials {digests}"
        findings.add("equivocation", f"{issuer}/{jti}", message)

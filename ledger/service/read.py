"""Read what was recorded: the history of an asset from the index, contents as far as this home's keys open them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlmodel import Session, col, select

from ipfs.cid import cid_from_digest, parse_cid
from ipfs.store import DocumentStore, read_file
from ledger.access import Tier, fields_visible
from ledger.credential.base64url import parse_base64url
from ledger.credential.binding import parse_capsule_reference
from ledger.credential.capsule import OpenedCapsule, open_capsule
from ledger.credential.capsule_format import CapsuleReference
from ledger.credential.disclosure import Disclosure, parse_disclosure
from ledger.credential.jws import RawJws
from ledger.credential.recipient import RecipientPrivateKey
from ledger.credential.sd_jwt import SdJwt, parse_sd_jwt
from ledger.errors import MissingError, UnknownAssetError, VerificationError
from ledger.event import AssetType
from ledger.kinds import Kind, kind_by_number, status_name
from ledger.service.capsule_keys import CapsuleKeys
from ledger.service.contracts import Contracts
from ledger.service.members import Profile, digest_profile, parse_profile
from ledger.store.chain_index import Attestation, Organisation
from ledger.store.database import Database
from ledger.store.document_index import Asset, AssetAlias, Credential

MAX_CAPSULE_BYTES = 2**40
IDENTITY = frozenset({"identifier", "asset_type", "aliases", "salt"})
"""Claims of a genesis that open the subject; shown to whoever verifies identity."""


@dataclass(frozen=True, slots=True)
class AssetRecord:
    """An asset as it is known here.

    Attributes:
        asset_type: Which log keeps its history.
        subject: 32 bytes.
        identifier: Primary identifier, canonical.
    """

    asset_type: AssetType
    subject: bytes
    identifier: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One attestation as the index has it.

    Attributes:
        position: Place in the history, from 1.
        kind: From the kind table.
        organisation: Who attested it.
        attested_at: Block time, seconds since 1970.
        status: Name of the status after it.
        digest: Of the credential, 32 bytes.
        block_number: Where it stands.
        row: The index row.
        asset_type: Of the asset.
    """

    position: int
    kind: Kind
    organisation: int
    attested_at: int
    status: str
    digest: bytes
    block_number: int
    row: Attestation
    asset_type: AssetType


@dataclass(frozen=True, slots=True)
class ReadCredential:
    """A credential as far as this home's keys open it; its signature is verified by whoever is shown it.

    Attributes:
        jws: The issuer-signed JWT, parsed.
        claims: Disclosures by the name of their claim.
    """

    jws: RawJws
    claims: Mapping[str, Disclosure]

    @property
    def key_id(self) -> bytes:
        """Thumbprint of the key that it says it was signed with, 32 bytes."""
        return parse_base64url(self.jws.header.get("kid"), "kid", size=32)

    @property
    def characters(self) -> int:
        """Length of the SD-JWT with all its disclosures."""
        return len(self.jws.text) + 1 + sum(len(claim.text) + 1 for claim in self.claims.values())

    def text(self, names: Collection[str]) -> str:
        """The SD-JWT with the disclosures of these claims and no others."""
        return "~".join((self.jws.text, *(claim.text for name, claim in self.claims.items() if name in names), ""))


class Reader:
    """Reads for whoever holds these recipient keys."""

    def __init__(
        self, database: Database, documents: DocumentStore, contracts: Contracts, keys: Sequence[RecipientPrivateKey]
    ) -> None:
        self._database, self._documents, self._contracts = database, documents, contracts
        self._capsule_keys = CapsuleKeys(database, documents, keys)
        self._profile = lru_cache(maxsize=1024)(self._read_profile)

    def asset(self, name: str) -> AssetRecord:
        """Find an asset by any of its identifiers (canonical) or by its subject in hex.

        Raises: UnknownAssetError.
        """
        with self._database.read() as session:
            subject = _subject_of(session, name)
            row = None if subject is None else session.get(Asset, subject)
        if row is None:
            raise UnknownAssetError(f"no asset {name!r} is known here")
        return AssetRecord(AssetType(row.asset_type), row.subject, row.identifier)

    def history(self, asset: AssetRecord) -> list[Entry]:
        """Every attestation of the asset, oldest first, as far as the index has followed the chain."""
        logs = self._contracts.deployment.logs[asset.asset_type]
        with self._database.read() as session:
            question = (
                select(Attestation)
                .where(col(Attestation.log).in_(logs), Attestation.subject == asset.subject)
                .order_by(col(Attestation.sequence))
            )
            rows = session.exec(question).all()
        return [_entry(row, number, asset.asset_type) for number, row in enumerate(rows, start=1)]

    def credential(self, digest: bytes) -> SdJwt:
        """Fetch a credential with the disclosures that this home's keys open; without any where they open none.

        Raises: SourceError, where its JWT cannot be had.
        """
        read = self.read(digest)
        return SdJwt(read.jws.text, tuple(claim.text for claim in read.claims.values()))

    def read(self, digest: bytes) -> ReadCredential:
        """Fetch a credential and parse what this home's keys open of it; nothing where they open none.

        Raises: SourceError, where its JWT cannot be had.
        """
        jws = self._jws(digest)
        try:
            disclosures = self._open(reference_of(jws)).manifest.disclosures
        except (MissingError, VerificationError):
            return ReadCredential(jws, {})
        claims = map(parse_disclosure, disclosures)
        return ReadCredential(jws, {claim.name: claim for claim in claims if claim.name is not None})

    def capsule(self, digest: bytes) -> OpenedCapsule:
        """Open the capsule of a credential.

        Raises:
            MissingError: No key here opens it, or it is not in the store.
            ContentMismatchError: It is not what the credential commits to.
        """
        return self._open(reference_of(self._jws(digest)))

    def capsule_key(self, capsule_cid: str, commitment: bytes | None = None) -> bytes:
        """The key of a capsule, from a grant to one of this home's keys; 32 bytes.

        Args:
            capsule_cid: Which.
            commitment: As its credential states it; grants of other keys are passed over.

        Raises: MissingError, where nothing was granted.
        """
        return self._capsule_keys.key(capsule_cid, commitment)

    def profile(self, organisation: int) -> Profile:
        """What an organisation publishes of itself, checked against its digest on the chain.

        Raises: MissingError, where it is unknown.
        """
        return self._profile(organisation)

    def batch_of(self, digest: bytes) -> Credential | None:
        """The index row of a credential, or None where it was never seen here."""
        with self._database.read() as session:
            return session.get(Credential, digest)

    def _jws(self, digest: bytes) -> RawJws:
        jwt = self._documents.get(cid_from_digest(digest)).decode("ascii", "replace")
        return parse_sd_jwt(f"{jwt}~").jws

    def _open(self, reference: CapsuleReference) -> OpenedCapsule:
        sealed = read_file(self._documents, parse_cid(reference.cid), MAX_CAPSULE_BYTES)
        return open_capsule(sealed, self.capsule_key(reference.cid, reference.key_commitment), reference)

    def _read_profile(self, organisation: int) -> Profile:
        with self._database.read() as session:
            row = session.get(Organisation, organisation)
        if row is None:
            raise MissingError(f"organisation {organisation} has published nothing of itself")
        data = self._documents.get(cid_from_digest(row.metadata_digest))
        if digest_profile(data) != row.metadata_digest:
            raise MissingError(f"the profile of organisation {organisation} is not the one on the chain")
        return parse_profile(data)


def reference_of(jws: RawJws) -> CapsuleReference:
    """The capsule that a JWT names; nothing of it is verified yet.

    Raises: MalformedError.
    """
    return parse_capsule_reference(jws.payload.get("capsule"))


def visible_names(entry: Entry, claims: Collection[str], tier: Tier) -> frozenset[str]:
    """Names of an event's claims that a reader of a tier may see.

    What opens the subject has tiers too: who may not see a vehicle's number may not see its salt, which with the
    number finds the history on the chain. Only a genesis shows a salt.
    """
    names = set(fields_visible(entry.kind.name, list(claims), tier, entry.asset_type))
    return frozenset(names if entry.kind.genesis else names - {"salt"})


def _subject_of(session: Session, name: str) -> bytes | None:
    if len(name) == 64 and all(character in "0123456789abcdef" for character in name):
        return bytes.fromhex(name)
    return session.exec(select(AssetAlias.subject).where(AssetAlias.identifier == name)).first()


def _entry(row: Attestation, number: int, asset_type: AssetType) -> Entry:
    return Entry(
        number,
        kind_by_number(row.kind),
        row.organisation,
        row.attested_at,
        status_name(asset_type, row.status),
        row.digest,
        row.block_number,
        row,
        asset_type,
    )

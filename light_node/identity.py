"""Who an asset is: the opening of its subject, and the authority over its identifier's namespace at that time."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.credential.base64url import parse_base64url
from ledger.credential.sd_jwt import RawSdJwt
from ledger.errors import ContentMismatchError, IdentityError, MalformedError
from ledger.event import AssetReference, AssetType, Json
from ledger.identifiers import Identifier, parse_identifier
from ledger.proof.evidence_slots import first_holder
from ledger.proof.subject import SALT_BYTES, subject
from light_node.proofs import ProvenState

OPENING_CLAIMS = ("identifier", "asset_type", "salt")


@dataclass(frozen=True, slots=True)
class Opening:
    """An identifier that hashes to the subject.

    Attributes:
        asset: Type and canonical identifier.
        namespaces: Candidates (scheme, prefix) for who may register it, longest first.
    """

    asset: AssetReference
    namespaces: tuple[tuple[int, str], ...]


def open_subject(own: bytes, asset_type: AssetType, genesis: RawSdJwt) -> Opening:
    """Recompute a subject from what its genesis credential discloses.

    The disclosures need no signature for this: nobody finds another identifier and salt with the same hash.

    Args:
        own: The subject, 32 bytes.
        asset_type: Of the log.
        genesis: *Untrusted.*

    Raises:
        IdentityError: Identifier, type or salt is not disclosed, or the identifier is not in its canonical form.
        ContentMismatchError: They do not hash to the subject.
    """
    claims = {item.name: item.value for item in genesis.disclosures if item.name is not None}
    missing = [name for name in OPENING_CLAIMS if name not in claims]
    if missing:
        raise IdentityError(f"the genesis does not disclose {', '.join(missing)}")
    if claims["asset_type"] != str(asset_type):
        raise ContentMismatchError("asset type of the genesis", str(asset_type), str(claims["asset_type"])[:64])
    identifier = _identifier(claims["identifier"], asset_type)
    salt = parse_base64url(claims["salt"], "salt", size=SALT_BYTES)
    found = subject(int.from_bytes(own[:4], "big"), str(asset_type), identifier.canonical, salt)
    if found != own:
        raise ContentMismatchError("subject", own.hex(), found.hex())
    return Opening(AssetReference(asset_type, identifier.canonical), identifier.namespaces)


def _identifier(text: Json, asset_type: AssetType) -> Identifier:
    if not isinstance(text, str):
        raise IdentityError("the identifier is not a text")
    try:
        identifier = parse_identifier(text, asset_type)
    except MalformedError as error:
        raise IdentityError(f"the identifier names no such asset: {error.why}") from None
    if identifier.canonical != text:
        raise IdentityError("the identifier is not in its canonical form")
    return identifier


def verify_authority(opening: Opening, state: ProvenState, organisation: int, time: int, *, registrar: bool) -> bool:
    """Prove that an organisation might register an identifier at a time.

    1. The longest namespace that anybody held at that time decides; it must be this organisation's.
    2. Where nobody held any, a named registrar may register; the asset is marked.

    Args:
        opening: *Verified.*
        state: *Verified*; holds proofs of every candidate namespace up to the one that decides.
        organisation: Who wrote the genesis.
        time: When, in seconds since the epoch.
        registrar: Whether the genesis is of a registrar's kind.

    Returns:
        Whether it was registered by a named registrar in place of the maker.

    Raises:
        IdentityError: Another organisation held the namespace, or nobody did and this is no registrar.
        MalformedError: A proof that is needed is not in the file.
    """
    holder, prefix = first_holder(opening.namespaces, time, state.consortium_value)
    if holder == organisation:  # 1
        return False
    if holder:
        raise IdentityError(f"namespace {prefix} was held by organisation {holder}, not {organisation}")
    if registrar:  # 2
        return True
    raise IdentityError(f"organisation {organisation} held no namespace of this identifier")

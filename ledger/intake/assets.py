"""Which asset a document means: its identifier in canonical text, and whether it is a battery, vehicle or part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.errors import MalformedError
from ledger.event import AssetReference, AssetType
from ledger.identifiers import Identifier, Scheme, parse_identifier
from ledger.intake.faults import Faults


@dataclass(frozen=True, slots=True)
class IntakeHint:
    """What the caller knows and the document may not say. Nothing here comes from the document.

    Attributes:
        asset_types: Canonical identifier to asset type, for assets that the ledger already knows.
        default_type: What an identifier means that neither the document nor ``asset_types`` settles.
        maker: BPNL of the maker, for aspects that name no maker of their own.
    """

    asset_types: Mapping[str, AssetType] = field(default_factory=dict)
    default_type: AssetType = AssetType.PART
    maker: str | None = None

    def references(self) -> dict[str, AssetReference]:
        """The known assets by identifier."""
        return {identifier: AssetReference(kind, identifier) for identifier, kind in self.asset_types.items()}


NO_HINT = IntakeHint()


def read_identifier(text: str, pointer: str, faults: Faults, asset_type: AssetType | None = None) -> Identifier | None:
    """Parse an untrusted identifier; a fault ``bad-identifier`` is recorded if it is none (of such an asset)."""
    try:
        identifier = parse_identifier(text, asset_type)
    except MalformedError as error:
        faults.error(pointer, "bad-identifier", f"{error.what}: {error.why}")
        return None
    for warning in identifier.warnings:
        faults.notice(pointer, "identifier", warning)
    return identifier


def type_of(identifier: Identifier, hint: IntakeHint, said: AssetType | None = None) -> AssetType:
    """Settle what an identifier names: by its own scheme, then the ledger, then the document, then the default."""
    if identifier.scheme is Scheme.VIN:
        return AssetType.VEHICLE
    if identifier.scheme is Scheme.GBT34014:
        return hint.asset_types.get(identifier.canonical, AssetType.BATTERY)
    return hint.asset_types.get(identifier.canonical, said or hint.default_type)

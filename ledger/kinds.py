"""Kinds of events: lookups over the generated table, and what a kind does to an asset's status. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ledger.errors import MalformedError, RuleError, TransitionError
from ledger.event import AssetType
from ledger.kind_table import BUSINESS_STEPS, CHILD_STEPS, KINDS, REFUSED_BUSINESS_STEPS, ROLES, STATUSES

NOT_REGISTERED = 0
ANY = "any"
MAX_NUMBER = 0xFFFF


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the kind table.

    Attributes:
        name: e.g. ``battery.recycled``.
        number: ``role << 10 | log << 8 | index``, 16 bits; stands on chain.
        role: Name of the role that the writing organisation needs.
        log: ``battery``, ``vehicle`` or ``part``; ``any`` for all three.
        title: What it means, in a few words.
        required: Fields that must be disclosed before a verifier judges what depends on the event.
        from_statuses: Status bytes that it may leave; empty for genesis and ordinary kinds.
        to_status: Status byte after it; None for ordinary kinds, which keep the status.
    """

    name: str
    number: int
    role: str
    log: str
    title: str
    required: tuple[str, ...]
    from_statuses: tuple[int, ...] = ()
    to_status: int | None = None

    @property
    def changes_status(self) -> bool:
        """Whether the status byte is set by it; genesis kinds set the first."""
        return self.to_status is not None

    @property
    def genesis(self) -> bool:
        """Whether it is the first event of a subject, and can only be the first."""
        return self.changes_status and not self.from_statuses

    @property
    def role_bit(self) -> int:
        """Position of its role's bit in ``Consortium.member().roles``."""
        return self.number >> 10

    def concerns(self, asset_type: AssetType) -> bool:
        """Tell whether the log of that asset type accepts it."""
        return self.log in {ANY, str(asset_type)}


_BY_NAME: Mapping[str, Kind] = MappingProxyType({row[0]: Kind(*row) for row in KINDS})
_BY_NUMBER: Mapping[int, Kind] = MappingProxyType({kind.number: kind for kind in _BY_NAME.values()})


def all_kinds() -> tuple[Kind, ...]:
    """Return every kind, in the order of the table."""
    return tuple(_BY_NAME.values())


def kind_by_name(name: str) -> Kind:
    """Return the kind of a name.

    Args:
        name: *untrusted*.

    Raises: RuleError, if the table has none of that name.
    """
    kind = _BY_NAME.get(name)
    if kind is None:
        raise RuleError(f"there is no kind {name[:80]!r}")
    return kind


def kind_by_number(number: int) -> Kind:
    """Return the kind of a number.

    Args:
        number: *untrusted*; 16 bits on chain.

    Raises: MalformedError, if the table has none of that number.
    """
    kind = _BY_NUMBER.get(number)
    if kind is None:
        shown = f"0x{number:04x}" if 0 <= number <= MAX_NUMBER else "out of range"
        raise MalformedError("kind", f"number {shown} is not in the kind table")
    return kind


def next_status(kind: Kind, status: int, asset_type: AssetType) -> int:
    """Compute the status after an event, as the contract does.

    1. The kind belongs to the asset's log, or to any.
    2. A genesis kind needs an unregistered subject, every other kind a registered one.
    3. A kind that changes the status may only leave the statuses of its row.

    Args:
        kind: Of the event.
        status: Status byte before it; 0 for a subject without a head.
        asset_type: Whose log it is.

    Returns: The status byte after it.

    Raises:
        RuleError: For a kind of another log.
        TransitionError: If the status does not allow it.
    """
    if not kind.concerns(asset_type):  # 1
        raise RuleError(f"{kind.name} is no kind of the {asset_type} log")
    if kind.to_status is None:
        if status == NOT_REGISTERED:  # 2
            raise TransitionError(kind.name, status_name(asset_type, status), ("registered",))
        return status
    allowed = kind.from_statuses or (NOT_REGISTERED,)  # 2
    if status not in allowed:  # 3
        names = tuple(status_name(asset_type, one) for one in allowed)
        raise TransitionError(kind.name, status_name(asset_type, status), names)
    return kind.to_status


def status_name(asset_type: AssetType, status: int) -> str:
    """Return the name of a status byte, e.g. ``repurposed``; ``not registered`` for 0.

    Raises: MalformedError, if the asset type has no such status.
    """
    if status == NOT_REGISTERED:
        return "not registered"
    for name, byte in STATUSES[str(asset_type)].items():
        if byte == status:
            return name
    raise MalformedError("status", f"{status} is no status of a {asset_type}")


def role_names() -> tuple[str, ...]:
    """Return the names of all roles, lowest bit first."""
    return tuple(sorted(ROLES, key=ROLES.__getitem__))


def role_bit(name: str) -> int:
    """Return the position of a role's bit.

    Raises: RuleError, if there is no role of that name (*untrusted*).
    """
    bit = ROLES.get(name)
    if bit is None:
        raise RuleError(f"there is no role {name[:80]!r}: the roles are {', '.join(role_names())}")
    return bit


def roles_mask(names: Iterable[str]) -> int:
    """Return the roles word of an organisation that holds these roles.

    Raises: RuleError, if there is no role of one of the names (*untrusted*).
    """
    mask = 0
    for name in names:
        mask |= 1 << role_bit(name)
    return mask


def kind_of_business_step(step: str, asset_type: AssetType) -> Kind | None:
    """Return the kind that an EPCIS business step stands for, for the object of its event.

    Args:
        step: Bare CBV word, e.g. ``shipping``; *untrusted*.
        asset_type: Of the object.

    Returns: None where the step is refused, is no CBV word, or says nothing for this asset type.
    """
    return _of_step(BUSINESS_STEPS, step, asset_type)


def kind_of_child_step(step: str, asset_type: AssetType) -> Kind | None:
    """Return the kind that a business step stands for, for a child of an aggregation or association.

    Returns: None where nothing is recorded for the child: the parent's event names it.
    """
    return _of_step(CHILD_STEPS, step, asset_type)


def refusal_of_business_step(step: str) -> str | None:
    """Return why events of a business step are refused, or None where they are not."""
    return REFUSED_BUSINESS_STEPS.get(step)


def _of_step(table: Mapping[str, Mapping[str, str]], step: str, asset_type: AssetType) -> Kind | None:
    row = table.get(step, {})
    name = row.get(str(asset_type), row.get(ANY))
    return None if name is None else kind_by_name(name)

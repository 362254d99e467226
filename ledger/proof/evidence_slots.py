"""Which slots of ``Consortium`` an evidence file proves: shared by those who write files and those who verify them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ledger.errors import MalformedError
from ledger.proof.slots import (
    MAX_NAMESPACE_GRANTS,
    NamespaceGrant,
    issuer_key_slot,
    namespace_element_slot,
    namespace_slot,
    parse_namespace_grant,
)
from ledger.proof.subject import namespace_id

ReadSlot = Callable[[bytes], int]


def consortium_slots(
    issuer_keys: Iterable[tuple[int, bytes]], namespaces: Sequence[tuple[int, str]], time: int, read: ReadSlot
) -> tuple[bytes, ...]:
    """Return the slots of ``Consortium`` that the verification of a history will ask for, in ascending order.

    Args:
        issuer_keys: (organisation, thumbprint) of each key that a shown credential names.
        namespaces: Candidates (scheme, prefix) of the identifier, longest first; none where the genesis is not opened.
        time: Of the genesis, in seconds since the epoch.
        read: Gives the value of a slot of ``Consortium`` at the block of the evidence.
    """
    slots = {issuer_key_slot(organisation, thumbprint) for organisation, thumbprint in issuer_keys}

    def noting(slot: bytes) -> int:
        slots.add(slot)
        return read(slot)

    first_holder(namespaces, time, noting)
    return tuple(sorted(slots))


def first_holder(namespaces: Sequence[tuple[int, str]], time: int, read: ReadSlot) -> tuple[int, str]:
    """Find who held the longest namespace that anybody held at a time.

    Args:
        namespaces: Candidates (scheme, prefix), longest first; reading stops at the one that decides.
        time: Seconds since the epoch.
        read: Gives the value of a slot of ``Consortium``.

    Returns:
        Organisation and prefix; 0 and "" where nobody held any.

    Raises:
        MalformedError: A list is longer than the contract allows, or ``read`` says so.
    """
    for scheme, prefix in namespaces:
        holder = holder_at(read_grants(namespace_id(scheme, prefix), read), time)
        if holder:
            return holder, prefix
    return 0, ""


def read_grants(namespace: bytes, read: ReadSlot) -> tuple[NamespaceGrant, ...]:
    """Read who was granted a namespace since when, in the order of recording.

    Args:
        namespace: Its id, 32 bytes.
        read: Gives the value of a slot of ``Consortium``.

    Raises: MalformedError, where the list is longer than the contract allows.
    """
    count = read(namespace_slot(namespace))
    if count > MAX_NAMESPACE_GRANTS:
        raise MalformedError("namespace", f"{count} grants, at most {MAX_NAMESPACE_GRANTS} are possible")
    slots = (namespace_element_slot(namespace, index) for index in range(count))
    return tuple(parse_namespace_grant(read(slot)) for slot in slots)


def holder_at(grants: Sequence[NamespaceGrant], time: int) -> int:
    """Return who held a namespace at a time; 0 is nobody.

    Args:
        grants: In the order of recording; each holds from its time until the next one's.
        time: Seconds since the epoch.
    """
    holder = 0
    for grant in grants:
        if grant.since <= time:
            holder = grant.organisation
    return holder

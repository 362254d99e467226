"""What one document says once about many assets is written into the record of each: a limit on that product."""

from __future__ import annotations

from ledger.event import Json
from ledger.intake.faults import Faults
from ledger.strict_json import canonical_json

MAX_EXPANDED_BYTES = 256 * 1024 * 1024


def check_expansion(shared: Json, count: int, pointer: str, faults: Faults) -> None:
    """Refuse (``too-large``) what would grow beyond `MAX_EXPANDED_BYTES`.

    Args:
        shared: What stands once in the document and in the record of every asset; *untrusted*, from strict JSON.
        count: How many records it is written into.
        pointer: Where it stands.
        faults: Receives the fault.
    """
    if count < 2:
        return
    size = len(canonical_json(shared)) * count
    if size > MAX_EXPANDED_BYTES:
        message = f"{count} records with all that is said here would take {size} bytes: split the document"
        faults.error(pointer, "too-large", message)

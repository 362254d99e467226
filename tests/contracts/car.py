"""One car and the kinds that its tests write."""

from __future__ import annotations

from ledger.kinds import kind_by_name
from ledger.proof.fold import Meta
from tests.contracts.evm import Receipt, subject_of
from tests.contracts.world import MAKER

CAR = subject_of(MAKER, 1)
BUILT, SERVICED, FIRST, SCRAPPED, RESTORED = (
    kind_by_name(f"vehicle.{name}").number
    for name in ("built", "serviced", "first_registered", "scrapped", "restored_in_use")
)


def meta(receipt: Receipt, kind: int, organisation: int = MAKER) -> Meta:
    return Meta(kind, organisation, receipt.time)

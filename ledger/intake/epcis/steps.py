"""What a business step stands for: the tables of ``ledger/mappings.toml``, narrowed by the action of the event.

A birth needs ``ADD``, an end needs ``DELETE``, an installation ``ADD`` and a removal ``DELETE``: with another action
the step only observes.
"""

from __future__ import annotations

from ledger.event import AssetType
from ledger.kinds import kind_of_business_step, kind_of_child_step

_ACTION = {"commissioning": "ADD", "decommissioning": "DELETE", "destroying": "DELETE"}
_CHILD_ACTION = {"assembling": "ADD", "installing": "ADD", "disassembling": "DELETE", "removing": "DELETE"}


def kind_of_step(step: str | None, action: str, asset_type: AssetType) -> str | None:
    """The kind of an event about an asset; None if its step says nothing, or not with this action."""
    if step is None or action != _ACTION.get(step, action):
        return None
    kind = kind_of_business_step(step, asset_type)
    return None if kind is None else kind.name


def kind_of_child(step: str | None, action: str, asset_type: AssetType) -> str | None:
    """The kind of an event about a child of an association; None if only its parent's list says it."""
    if step is None or action != _CHILD_ACTION.get(step, action):
        return None
    kind = kind_of_child_step(step, asset_type)
    return None if kind is None else kind.name

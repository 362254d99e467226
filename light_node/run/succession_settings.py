"""What a run does about successors of its trust file, as the settings say it. Pure.

::

    [successions]
    follow = "report"                  # tell a successor that is verified; "rotate" takes it
    interval_s = 3600                  # between two questions to a witness
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from ledger.errors import MalformedError
from light_node.settings_table import Fields, table

INTERVAL_S = 3600.0
_NAMES = frozenset({"follow", "interval_s"})


class Follow(StrEnum):
    """What is done about a successor that is verified."""

    REPORT = "report"
    ROTATE = "rotate"


@dataclass(frozen=True, slots=True)
class SuccessionSettings:
    """What a run was told.

    Attributes:
        follow: Tell it, or take it.
        interval_s: How long a witness that answered is left alone; up to half of it less, by chance.
    """

    follow: Follow = Follow.REPORT
    interval_s: float = INTERVAL_S


def read_successions(top: Fields, witnesses: Collection[str]) -> SuccessionSettings:
    """Read the table ``successions``; nothing is taken where there is none.

    Args:
        top: Where it stands.
        witnesses: Who can be asked.

    Raises: MalformedError, also where a successor is to be taken and there is nobody to ask: the old trust file would
        stay for ever, and nobody be told.
    """
    fields = table(top, "successions", _NAMES)
    follow = fields.text_or_none("follow") or Follow.REPORT
    if follow not in list(Follow):
        raise MalformedError("settings", f"one of {', '.join(Follow)} is needed", f"{fields.at}/follow")
    if follow == Follow.ROTATE and not witnesses:
        raise MalformedError("settings", "witnesses are needed who can be asked", f"{fields.at}/follow")
    return SuccessionSettings(Follow(follow), fields.seconds("interval_s", INTERVAL_S))

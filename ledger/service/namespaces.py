"""Prefixes of identifiers as people write them: ``wmi:WVW``, ``gs1:9521234``, ``gbt:001``, ``bpn:BPNL…``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ledger.errors import RuleError

SCHEMES: Mapping[str, int] = {"wmi": 1, "gs1": 2, "gbt": 3, "bpn": 4}
_PREFIXES = {
    "wmi": re.compile(r"[0-9A-HJ-NPR-Z]{2}(?:[0-8A-HJ-NPR-Z]|9[0-9A-HJ-NPR-Z]{3})", re.ASCII),
    "gs1": re.compile(r"[0-9]{4,12}", re.ASCII),
    "gbt": re.compile(r"[0-9A-Z]{3}", re.ASCII),
    "bpn": re.compile(r"BPNL[0-9A-Z]{12}", re.ASCII),
}


def parse_namespace(text: str) -> tuple[int, str]:
    """Read a namespace as scheme and prefix.

    Raises: RuleError, where it is none.
    """
    name, _, prefix = text.partition(":")
    if name not in SCHEMES or not _PREFIXES[name].fullmatch(prefix.upper()):
        raise RuleError(f"{text!r} is no namespace: use wmi:WVW (or wmi:WV9123), gs1:9521234, gbt:001 or bpn:BPNL…")
    return SCHEMES[name], prefix.upper()

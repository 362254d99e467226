"""Asking witnesses anew once the last head is beyond the trusting period: told, tried, and tried again later."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from ledger.errors import ForkError, VinculumError
from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from light_node.anchoring import anchor_anew
from light_node.http_source import HttpSource
from light_node.memory import Memory
from light_node.node import LightNode
from light_node.reanchor import Anchor
from light_node.run.patience import Patience
from light_node.run.telling import Teller
from light_node.sources.crew import Crew
from light_node.state import StateFolder

_KEY = "anchor"
Anchored = tuple[Anchor, Memory | None]


class Renewal:
    """Anchors a node anew where it has to be."""

    def __init__(
        self, state: StateFolder, teller: Teller, patience: Patience, stop: threading.Event, warn: Callable[[str], None]
    ) -> None:
        """Nothing is asked yet."""
        self._state, self._teller, self._patience = state, teller, patience
        self._crew = Crew[Anchored](stop, warn)
        self._told = False

    def renew(self, node: LightNode, witnesses: Mapping[str, HttpSource], now: int, limit_s: float) -> LightNode:
        """Return a node that goes on from a fresh anchor, where the old one had slept too long; else the same.

        Args:
            node: It judges nothing meanwhile.
            witnesses: Whom to ask.
            now: The local clock, in seconds since the epoch.
            limit_s: For all of it.
        """
        age = now - _last(node)
        if age <= node.trust.trusting_period_seconds or node.contradicted is not None:
            self._told = False
            return node
        if not self._told:
            self._tell("needed", f"the last head is {age} s old, beyond the trusting period")
            self._told = True
        return self._try(node, witnesses, now, limit_s) if self._patience.may_ask(_KEY) else node

    def _try(self, node: LightNode, witnesses: Mapping[str, HttpSource], now: int, limit_s: float) -> LightNode:
        question = {_KEY: lambda: anchor_anew(node.trust, node.memory, [*witnesses.values()], now, os.urandom)}
        found = self._crew.ask(question, limit_s)[_KEY]
        if isinstance(found, VinculumError):
            self._patience.failed(_KEY)
            self._refused(found)
            return node
        anchor, memory = found
        if memory is None:
            self._patience.failed(_KEY)
            self._tell("failed", "nothing was accepted yet, and the trust file is too old: pin a new one")
            return node
        self._patience.succeeded(_KEY)
        self._state.remember(memory)
        self._tell("anchored", "", size=anchor.size, root=encode_hexadecimal(anchor.root), by=[*anchor.witnesses])
        return LightNode(self._state, node.known)

    def _refused(self, error: VinculumError) -> None:
        if isinstance(error, ForkError):
            first, second = error.first.decode("utf-8", "replace"), error.second.decode("utf-8", "replace")
            self._teller.fork({"reason": str(error), "first": first, "second": second})
        self._tell("failed", f"{type(error).__name__}: {error}")

    def _tell(self, to: str, reason: str, **details: Json) -> None:
        self._teller.tell({"change": "anchor", "to": to, "reason": reason, "verified": to == "anchored", **details})


def _last(node: LightNode) -> int:
    memory = node.memory
    before = (0, 0) if memory is None else (memory.block.time, memory.anchored_at)
    return max(node.trust.trusted_block.time, *before)

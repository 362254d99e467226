"""Asking witnesses what follows the pinned trust file: told once it is verified, and taken where the settings say so.

What a crash leaves behind: what was taken is on the disk before it is told; the next start tells what was not told.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path

from ledger.errors import (
    MalformedError,
    MissingError,
    RejectedError,
    TooLargeError,
    VerificationError,
    VinculumError,
)
from ledger.event import Json
from light_node.back_off import BackOff
from light_node.http_source import HttpSource
from light_node.node import LightNode
from light_node.run.changes import Line
from light_node.run.patience import Patience
from light_node.run.succession_settings import Follow, SuccessionSettings
from light_node.run.telling import Teller
from light_node.run.watch import Watch
from light_node.sources.crew import Crew
from light_node.state import StateFolder
from light_node.succession.kept_lineage import KeptLineage
from light_node.succession.offers import Answer, Offers, forget_offer, keep_offer, take_note, verify_answer, watched
from light_node.succession.published import MAX_BYTES, Published
from light_node.succession.rotating import check_succession, rotate_by_succession
from light_node.succession.rules import digest_of
from light_node.trust import Trust, grouped
from light_node.trust_rules import WitnessRule

MAX_STEPS = 8
"""How many trust files are followed one after the other before the assets are looked after again."""
FIRST_PAUSE_S = 60.0
ABOUT = "succession"


class Successions:
    """Follows the trust file of one node."""

    def __init__(
        self,
        state: StateFolder,
        chosen: SuccessionSettings,
        teller: Teller,
        stop: threading.Event,
        warn: Callable[[str], None],
    ) -> None:
        """Nothing is asked yet."""
        self._state, self._chosen, self._teller, self._stop = state, chosen, teller, stop
        most_s = chosen.interval_s
        self._pause = BackOff(random.random, most_s, most_s)  # to spread a fleet's questions, no secret
        patience = Patience(BackOff(random.random, min(FIRST_PAUSE_S, most_s), most_s))
        self._watch = Watch(patience, teller.metrics, teller.tell, ABOUT)
        self._crew = Crew[Mapping[bytes, Answer]](stop, warn)
        self._due = dict[str, float]()
        self._told = set[tuple[str, str, bytes | None]]()
        teller.metrics.set("succession_available", float(teller.record.successor is not None))

    def follow(self, node: LightNode, witnesses: Mapping[str, HttpSource], now: int, limit_s: float) -> LightNode:
        """Return a node that goes on with what follows, step by step, where that is wanted; else the same.

        A node whose witnesses contradicted themselves is returned as one that knows it.

        Args:
            node: Its folder is held.
            witnesses: Whom to ask; who answered or failed lately is not.
            now: The local clock, in seconds since the epoch.
            limit_s: For all of them together, a step.
        """
        for _ in range(MAX_STEPS):
            self._settle(node)
            before, asked = node, self._ready(node, witnesses)
            node = self._step(node, asked, now, limit_s) if asked else node
            if node is before:
                break
            self._due.clear()  # another trust file is another question
            self._watch.forgive(witnesses)
        return node

    def _ready(self, node: LightNode, witnesses: Mapping[str, HttpSource]) -> dict[str, HttpSource]:
        if not isinstance(node.trust.finality, WitnessRule) or node.contradicted is not None or self._stop.is_set():
            return {}
        moment, ready = time.monotonic(), self._watch.ready_witnesses(witnesses)
        return {name: one for name, one in ready.items() if self._due.get(name, moment) <= moment}

    def _step(self, node: LightNode, asked: Mapping[str, HttpSource], now: int, limit_s: float) -> LightNode:
        """Ask once, and tell or take; what our own folder refuses is told, and tried again later."""
        try:
            offers = self._ask(asked, now, limit_s)
            if self._stop.is_set():
                return node
            self._watch.witnesses(offers.faults, asked, now)
            if offers.conflict is not None:
                return self._stopped(node, offers.conflict)
            published = next(iter(offers.found.values()), None)
            return node if published is None else self._go_on(node, published, now)
        except (MalformedError, RejectedError) as error:
            self._tell_once("failed", error, digest_of(node.trust), None)
            return node

    def _ask(self, asked: Mapping[str, HttpSource], now: int, limit_s: float) -> Offers:
        old = watched(self._state, now)
        heard = self._crew.ask({name: partial(_fetch, one, old) for name, one in asked.items()}, limit_s)
        self._due |= {name: time.monotonic() + self._pause.wait_s(1) for name in asked}
        failed = {name: one for name, one in heard.items() if isinstance(one, VinculumError)}
        answers = {name: one for name, one in heard.items() if not isinstance(one, VinculumError)}
        offers = take_note(self._state, answers)
        offers.faults |= failed
        self._due = {name: at for name, at in self._due.items() if name not in offers.faults}  # for them, see the watch
        return offers

    def _stopped(self, node: LightNode, conflict: Path) -> LightNode:
        self._teller.fork({"file": str(conflict)})
        forget_offer(self._state)
        self._teller.trust(digest_of(node.trust), None)
        return LightNode(self._state, node.known)

    def _go_on(self, node: LightNode, published: Published, now: int) -> LightNode:
        """Take what was published, or tell that it can be taken, or why it cannot."""
        new, signed = published.successor, published.notes[0]
        old = signed.statement.old
        try:
            verified = check_succession(self._state, new, signed, now)
        except VerificationError as error:
            self._tell_once("refused", error, old, signed.statement.new)
            return node
        if self._chosen.follow is Follow.REPORT:
            if self._teller.record.successor != signed.statement.new:
                self._tell("available", old, signed.statement.new, by=[*verified.witnesses])
                self._teller.trust(old, signed.statement.new)
            keep_offer(self._state, published)
            return node
        try:
            rotate_by_succession(self._state, new, signed, now)
        except RejectedError:
            self._teller.trust(old, signed.statement.new)  # whoever watches health and metrics alone is to see it too
            raise
        return LightNode(self._state, node.known)

    def _settle(self, node: LightNode) -> None:
        """Tell by which successions the pinned trust file came to where another one stood when that was told last."""
        before, pinned = self._teller.record.trust, digest_of(node.trust)
        if before == pinned:
            return
        if before is not None and isinstance(node.trust.finality, WitnessRule):
            for old, new in _ways(self._state, before, pinned):
                self._tell("rotated", old, new)
                self._teller.metrics.count("rotations_total")
        forget_offer(self._state)
        self._teller.trust(pinned, None)

    def _tell_once(self, to: str, error: VinculumError, old: bytes, new: bytes | None) -> None:
        key = to, type(error).__name__, new
        if key not in self._told:
            self._tell(to, old, new, f"{type(error).__name__}: {error}", verified=False)
            self._told.add(key)

    def _tell(
        self, to: str, old: bytes, new: bytes | None, reason: str = "", *, verified: bool = True, **more: Json
    ) -> None:
        line: Line = {
            "change": "succession",
            "to": to,
            "old": grouped(old),
            "new": None if new is None else grouped(new),
        }
        self._teller.tell({**line, "reason": reason, "verified": verified, **more})


def _ways(state: StateFolder, before: bytes, pinned: bytes) -> Iterable[tuple[bytes, bytes]]:
    """The successions by which a node came from one trust file to another; none where a person's word lies between."""
    try:
        ways = KeptLineage(state).load().ancestry(pinned)[::-1]
    except MalformedError:
        return ()
    return pairwise(ways[ways.index(before) :]) if before in ways else ()


def _fetch(witness: HttpSource, old: Mapping[bytes, Trust]) -> Mapping[bytes, Answer]:
    """What a witness has of the successors of each trust file; only what verifies is held on to.

    Raises: SourceTimeoutError, UnreachableError: It does not answer.
    """
    return {digest: _fetch_one(witness, digest, trust) for digest, trust in old.items()}


def _fetch_one(witness: HttpSource, digest: bytes, trust: Trust) -> Answer:
    try:
        return verify_answer(trust, witness.get(f"/succession/{digest.hex()}", MAX_BYTES))
    except MissingError:
        return None
    except (VerificationError, RejectedError, TooLargeError) as error:
        fault = error.with_traceback(None)  # it would hold what was read
        fault.__context__ = None
        return fault

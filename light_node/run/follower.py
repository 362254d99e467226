"""Following assets: round after round all sources are asked, each answer is judged, and what changed is told."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from ledger.errors import ForkError
from light_node.back_off import BackOff
from light_node.known import KnownCredentials
from light_node.node import LightNode
from light_node.run.changes import after_nothing, after_verified
from light_node.run.exposition import Metrics
from light_node.run.health import Health
from light_node.run.patience import Patience
from light_node.run.renewal import Renewal
from light_node.run.settings import Settings, open_sources, open_witnesses
from light_node.run.successions import Successions
from light_node.run.telling import Teller
from light_node.run.watch import Watch
from light_node.sources.panel import Hearing, Panel
from light_node.sources.port import Announced, Hint, Wanted
from light_node.state import StateFolder
from light_node.trust_rules import WitnessRule
from light_node.verdict import Outcome

MOST_PATIENCE_S = 120.0


class Follower:
    """Follows the assets of its settings; use it while ``StateFolder.alone`` is held."""

    def __init__(
        self,
        settings: Settings,
        state: StateFolder,
        stop: threading.Event,
        write: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Read the folder and make the sources ready; nothing is asked yet.

        Args:
            settings: What to follow, and whom to ask.
            state: The light node's folder.
            stop: Set from outside, it ends the round under way soon; no question is waited for.
            write: Takes a line for machines.
            warn: Takes words for people.

        Raises: ConfigurationError, MalformedError, UntrustedError, as ``LightNode`` and the settings.
        """
        self._settings, self._stop, self._warn, self.metrics = settings, stop, warn, Metrics()
        self._witnesses = open_witnesses(settings)
        self._begin(LightNode(state, KnownCredentials(settings.remembered_characters)))
        self._teller = Teller(state, settings.assets, self.metrics, write, warn)
        most_s = max(settings.interval_s, MOST_PATIENCE_S)
        back_off = BackOff(random.random, settings.interval_s, most_s)  # to spread a fleet's questions, no secret
        patience = Patience(back_off)
        self._watch = Watch(patience, self.metrics, self._teller.tell)
        self._renewal = Renewal(state, self._teller, patience, stop, warn)
        self._successions = Successions(state, settings.successions, self._teller, stop, warn)
        for outcome in Outcome:
            self.metrics.count("verdicts_total", str(outcome), by=0)
        self._learned: dict[str, bytes] = {
            name: one.subject for name, one in self._teller.record.assets.items() if one.subject is not None
        }

    def run(self) -> None:
        """Go round until it is stopped."""
        while not self._stop.is_set():
            began = time.monotonic()
            self.round()
            self._stop.wait(max(0.0, self._settings.interval_s - (time.monotonic() - began)))

    def round(self) -> None:
        """Ask for every asset once; what was told is kept also where it is stopped on the way."""
        now = int(time.time())
        self._teller.begin(now)
        limit_s = self._settings.limits.answer_s
        self._panel.node = self._renewal.renew(self._panel.node, self._witnesses, now, limit_s)
        announced, done = self._announced(now), 0
        for wanted in self._settings.assets:
            if self._stop.is_set():
                break
            done += self._follow(wanted, announced)
        self._follow_trust()
        self._teller.finish(whole=done == len(self._settings.assets))

    def _begin(self, node: LightNode) -> None:
        """Judge by this node from now on; nothing that was judged or asked by another trust file counts any more."""
        self._sources = open_sources(self._settings, node.trust)
        self._panel = Panel(node, self._stop, self._warn, self._settings.limits)

    def _follow_trust(self) -> None:
        """Ask what follows the trust file; assets are judged by it from the next round on."""
        before, now = self._panel.node, int(time.time())
        asked = self._watch.answering(self._witnesses)
        node = self._successions.follow(before, asked, now, self._settings.limits.answer_s)
        if node is not before:
            self._begin(node)

    def health(self) -> Health:
        """How it is; may be asked from another thread."""
        names = tuple(one.name for one in self._settings.assets)
        return self._teller.health(names, int(time.time()), self._settings.healthy_s)

    def metrics_text(self) -> str:
        """Metrics as Prometheus reads them; may be asked from another thread."""
        memory = self._panel.node.memory
        if memory is not None:
            self.metrics.set("head_age_seconds", time.time() - memory.block.time)
        return self.metrics.text()

    def _announced(self, now: int) -> Announced | None:
        """What witnesses announce, where the trust file believes them."""
        if not isinstance(self._panel.node.trust.finality, WitnessRule):
            return None
        asked = self._watch.ready_witnesses(self._witnesses)
        try:
            announced, faults = self._panel.announce(asked)
        except ForkError as error:
            first, second = error.first.decode("utf-8", "replace"), error.second.decode("utf-8", "replace")
            self._teller.fork({"reason": str(error), "first": first, "second": second})
            return None
        if not self._stop.is_set():
            self._watch.witnesses(faults, asked, now)
        return announced

    def _follow(self, wanted: Wanted, announced: Announced | None) -> bool:
        """Ask for one asset, and tell what changed; returns whether it was not stopped meanwhile."""
        now = int(time.time())
        self._teller.begin(now)
        node = self._panel.node
        accepted = None if node.memory is None else node.memory.accepted()
        sources = self._watch.ready(self._sources, wanted.name)
        hearing = self._panel.hear(self._known(wanted), sources, Hint(now, accepted, announced))
        if self._stop.is_set():
            return False
        self._take(wanted, hearing, now)
        return True

    def _take(self, wanted: Wanted, hearing: Hearing, now: int) -> None:
        self._watch.sources(hearing.heard, wanted.name, now)
        for path in hearing.forks:
            self._teller.fork({"file": str(path)})
        self._teller.head(self._panel.node.memory)
        before = self._teller.record.assets.get(wanted.name)
        if hearing.best is None:
            age = self._panel.node.trust.maximum_age_seconds
            self._teller.asset(wanted.name, after_nothing(wanted, before, hearing.heard, now, age), None)
            return
        after = after_verified(wanted, before, hearing.best)
        if after.subject is not None:
            self._learned[wanted.name] = after.subject
        self._teller.asset(wanted.name, after, hearing.best)

    def _known(self, wanted: Wanted) -> Wanted:
        """The asset with its subject, where evidence that opened its identifier has shown it."""
        if wanted.subject is not None:
            return wanted
        return replace(wanted, subject=self._learned.get(wanted.name))

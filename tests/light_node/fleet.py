"""A run whose witnesses hand out successions, and the trust files that follow one another."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from light_node.run.follower import Follower
from light_node.run.settings import load_settings
from light_node.state import is_conflict
from light_node.succession.published import Published, encode_published
from light_node.succession.rules import digest_of
from light_node.trust import Trust
from tests.light_node.sources.servers import WitnessNode
from tests.light_node.succession.making import NEWCOMERS, by, signed
from tests.light_node.test_run import Bench
from tests.simulator.witnesses import WITNESSES, Witness

ROOT = Path(__file__).parents[2]
OF_B = (*WITNESSES[1:], NEWCOMERS[0])


class Fleet(Bench):
    """A run whose witnesses hand successions out; ``a`` is pinned, ``b`` and ``c`` may follow one another."""

    def __init__(self, folder: Path, stack: ExitStack, patch: pytest.MonkeyPatch, out: Callable[[], str]) -> None:
        super().__init__(folder, stack, patch, out)
        self.a = self.chain.trust()
        self.b = by(self.a, OF_B)
        self.c = by(self.a, (WITNESSES[2], *NEWCOMERS[:2]))
        self.nodes = {
            "first": WitnessNode(self.chain, WITNESSES[:2]),
            "second": WitnessNode(self.chain, (*WITNESSES[1:], NEWCOMERS[0], NEWCOMERS[1])),
        }
        self.witnesses = {name: self.serve(node) for name, node in self.nodes.items()}
        self.choose("rotate")

    def choose(self, follow: str, **more: Any) -> None:
        self.top["successions.follow"] = follow
        self.top |= {f"successions.{name}": value for name, value in more.items()}

    def publish(self, old: Trust, data: bytes, *names: str) -> None:
        for name in names or self.nodes:
            self.nodes[name].published[digest_of(old).hex()] = data

    def offer(self, old: Trust, new: Trust, *names: str, witnesses: tuple[Witness, ...] = WITNESSES) -> None:
        self.publish(old, published(old, new, witnesses), *names)

    def told(self, lines: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
        """What was told of successions, and of which trust file."""
        names = {one.fingerprint(): name for name, one in (("a", self.a), ("b", self.b), ("c", self.c))}
        found = [line for line in lines if line["change"] == "succession"]
        return [(line["to"], names.get(line["new"], line["new"])) for line in found]

    def blamed(self, lines: list[dict[str, Any]]) -> dict[str, str]:
        """Who was named over a succession, with the word."""
        return {line["source"]: line["to"] for line in lines if line.get("about") == "succession"}

    def conflicts(self) -> list[Path]:
        return [path for path in self.state.forks() if is_conflict(path)]

    def asked(self, trust: Trust) -> int:
        """How often the witnesses were asked about a trust file."""
        path = f"/succession/{digest_of(trust).hex()}"
        return sum(node.asked.count(path) for node in self.nodes.values())

    def follower(self, told: list[str]) -> Follower:
        return Follower(load_settings(self.config()), self.state, threading.Event(), told.append, told.append)


def published(
    old: Trust, new: Trust, witnesses: tuple[Witness, ...] = WITNESSES, successor: Trust | None = None
) -> bytes:
    return encode_published(Published((signed(old, new, witnesses),), successor or new))

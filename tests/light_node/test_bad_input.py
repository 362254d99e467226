"""Every entry of the command line, given what is too long, too deep or too much: it ends at once, in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from light_node.trust import encode_trust
from tests.simulator.recent import lasting, recent
from tests.simulator.world import make_world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a program held at most stands in /proc")
ROOT = Path(__file__).parents[2]
MOST_KIB = 96 * 1024
"""A program with its libraries takes 32 MiB, and a file of the greatest length that is read another 32."""
MOST_S = 10
MEASURED = """
import contextlib, io, json, sys, time
from light_node.cli.main import main
for words in json.load(sys.stdin):
    began, told = time.monotonic(), io.StringIO()
    with contextlib.redirect_stdout(told):
        code = main(words)
    print(json.dumps([code, told.getvalue(), time.monotonic() - began]))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@dataclass(frozen=True)
class Given:
    """A folder with an honest file of each kind."""

    folder: Path
    evidence: bytes

    def put(self, name: str, data: bytes) -> str:
        (self.folder / name).write_bytes(data)
        return name

    def run(self, commands: Sequence[Sequence[str]]) -> list[tuple[int, Any]]:
        """Exit code and JSON value of each, in one process that held little at any time, and never for long."""
        done = subprocess.run(
            [sys.executable, "-c", MEASURED],
            cwd=self.folder,
            input=json.dumps(commands),
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_S * len(commands),
            env={"PYTHONPATH": str(ROOT)},
        )
        *told, held = done.stdout.splitlines() or [""]
        assert "Traceback" not in done.stderr, done.stderr
        assert int(held) < MOST_KIB
        answers = [json.loads(line) for line in told]
        assert all(took < MOST_S for _, _, took in answers)
        return [(code, json.loads(said)) for code, said, _ in answers]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    world, folder = make_world(recent()), tmp_path_factory.mktemp("given")
    made = Given(folder, world.chain.file(world.vehicle))
    made.put("evidence.json", made.evidence)
    trust = lasting(world.chain.trust())
    made.put("trust.json", encode_trust(trust))
    for number, make in enumerate(BAD.values()):
        made.put(f"bad-{number}", make(made.evidence))
    pin = ("trust", "pin", "trust.json", "--home", "node", "--fingerprint", trust.fingerprint(), "--json")
    assert [code for code, _ in made.run([pin])] == [0]
    return made


def _changed(evidence: bytes, change: Callable[[Any], None]) -> bytes:
    value = json.loads(evidence)
    change(value)
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


BAD: Mapping[str, Callable[[bytes], bytes]] = {
    "100 MB of nothing": lambda _: b" " * 100_000_000,
    "100 MB of text": lambda _: b'"' + b"a" * 100_000_000,
    "100 MB behind it": lambda evidence: evidence + b" " * 100_000_000,
    "32 MiB of names": lambda _: b"{" + b",".join(b'"%08x":1' % number for number in range(2_500_000)) + b"}",
    "10,000 nested lists": lambda _: b"[" * 10_000 + b"]" * 10_000,
    "10,000 nested objects": lambda _: b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a number of 100,000 digits": lambda _: b"9" * 100_000,
    "a list of 1 GB": lambda evidence: _changed(evidence, lambda value: value.update(header="0xfb40000000")),
    "a text of 1 GB": lambda evidence: _changed(evidence, lambda value: value.update(header="0xbb40000000")),
    "a list of 2^64 bytes": lambda evidence: _changed(evidence, lambda value: value.update(header="0x" + "ff" * 9)),
    "10,000 nested lists of RLP": lambda evidence: _changed(
        evidence, lambda value: value.update(header="0x" + "c1" * 10_000)
    ),
    "a proof of 10,000 nodes": lambda evidence: _changed(
        evidence, lambda value: value["accounts"][0].update(nodes=["0x" + "c0" * 20] * 10_000)
    ),
    "a proof of 1 GB": lambda evidence: _changed(
        evidence, lambda value: value["accounts"][0].update(nodes=["0xfb40000000"])
    ),
}
ENTRIES: Mapping[str, tuple[str, ...]] = {
    "verify by a trust file": ("verify", "bad", "--trust", "trust.json"),
    "verify by a node": ("verify", "bad", "--home", "node"),
    "verify by a bad trust file": ("verify", "evidence.json", "--trust", "bad"),
    "verify with a bad path": ("verify", "evidence.json", "--home", "node", "--consistency", "bad"),
    "reading": ("reading", "bad", "bad", "--trust", "trust.json"),
    "reading by a bad trust file": ("reading", "evidence.json", "trust.json", "--trust", "bad"),
    "grew": ("grew", "bad", "bad", "bad", "--key", "log+00000000+AQ"),
    "trust pin": ("trust", "pin", "bad", "--home", "new", "--fingerprint", "00"),
    "trust rotate": ("trust", "rotate", "bad", "--home", "node", "--fingerprint", "00"),
    "trust show": ("trust", "show", "bad"),
    "trust fingerprint": ("trust", "fingerprint", "bad"),
    "run": ("run", "--config", "bad"),
    "health": ("health", "--config", "bad"),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_each_bad_file_is_malformed_at_once(given: Given, entry: str) -> None:
    commands = [
        [*(f"bad-{number}" if word == "bad" else word for word in ENTRIES[entry]), "--json"]
        for number in range(len(BAD))
    ]
    for what, (code, told) in zip(BAD, given.run(commands), strict=True):
        assert (code, told["error"] in ("MalformedError", "ConfigurationError")) == (2, True), (what, told)

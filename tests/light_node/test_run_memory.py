"""What a hostile source may make a run hold: less than the unit grants, however many of them answer as they like."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ledger.errors import MalformedError
from light_node.run.settings import ANSWER_BYTES
from light_node.sources.density import BYTES_A_VALUE, SMALL_BYTES, check_density
from light_node.state import StateFolder
from tests.light_node.sources.servers import served
from tests.simulator.chain import Simulator
from tests.simulator.recent import lasting, recent
from tests.simulator.sealed import SealedSimulator
from tests.simulator.world import make_world

ROOT = Path(__file__).parents[2]
UNIT = (ROOT / "packaging" / "vinculum-light.service").read_text("utf-8")
SOURCES = 4
MEASURED = """
import sys
from light_node.cli.main import main
code = main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="what a program held at most stands in /proc")


def _filled(head: bytes, value: Callable[[int], bytes], tail: bytes) -> bytes:
    """As many values as an answer may be long."""
    count = (ANSWER_BYTES - len(head) - len(tail)) // (len(value(0)) + 1)
    return head + b",".join(map(value, range(count))) + tail


def _names(head: bytes, width: int, tail: bytes) -> bytes:
    return _filled(head + b"{", lambda number: b'"%0*x":1' % (width, number), b"}" + tail)


HOSTILE: Mapping[str, Callable[[bytes, bytes], bytes]] = {
    "one text": lambda head, tail: head + b'"' + b"a" * (ANSWER_BYTES - 100) + b'"' + tail,
    "one text of escapes": lambda head, tail: _filled(head + b'"', lambda _: b"\\u12345", b'"' + tail),
    "nested lists": lambda head, _: head + b"[" * (ANSWER_BYTES - 100),
    "nested objects": lambda head, _: head + b'{"a":' * ((ANSWER_BYTES - 100) // 5),
    "numbers": lambda head, tail: _filled(head + b"[", lambda number: b"%d" % (1000 + number % 9000), b"]" + tail),
    "empty objects": lambda head, tail: _filled(head + b"[", lambda _: b"{}", b"]" + tail),
    "names": lambda head, tail: _names(head, 5, tail),
    "names, as dense as is read": lambda head, tail: _names(head, BYTES_A_VALUE - 4, tail),
    "objects, as dense as is read": lambda head, tail: _filled(
        head + b"[", lambda number: b'{"%0*x":1}' % (2 * BYTES_A_VALUE - 7, number), b"]" + tail
    ),
    "too much": lambda head, _: head + b"[" * (2 * ANSWER_BYTES),
}


def _run(folder: Path, chain: Simulator, kind: str, url: str) -> subprocess.CompletedProcess[str]:
    """One round over sources that all answer the same."""
    world = make_world(recent(chain))
    chain.mine()
    state = StateFolder(folder / "node")
    state.make()
    state.pin(lasting(chain.trust()))
    lines = ['home = "node"', "[[assets]]", 'name = "car"', 'type = "vehicle"']
    lines.append(f'subject = "{world.vehicle.subject.hex()}"')
    for number in range(SOURCES):
        lines += ["[[sources]]", f'name = "source {number}"', f'kind = "{kind}"', f'url = "{url}"']
    (folder / "light.toml").write_text("\n".join(lines))
    command = [sys.executable, "-c", MEASURED, "run", "--once", "--config", str(folder / "light.toml")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def _granted_kib() -> int:
    (granted,) = re.findall(r"^MemoryMax=(\d+)M$", UNIT, re.MULTILINE)
    return int(granted) * 1024


@linux
@pytest.mark.parametrize("what", HOSTILE)
def test_servers_that_answer_as_they_like_do_not_exhaust_what_the_unit_grants(what: str, tmp_path: Path) -> None:
    body = HOSTILE[what](b"", b"")
    with served(lambda *_: (200, body)) as url:
        done = _run(tmp_path, Simulator(), "http", f"{url}/{{subject}}")
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    assert int(done.stderr.splitlines()[-1]) < _granted_kib()


@linux
@pytest.mark.parametrize("what", HOSTILE)
def test_nodes_that_answer_as_they_like_do_not_either(what: str, tmp_path: Path) -> None:
    body = HOSTILE[what](b'{"jsonrpc":"2.0","id":1,"result":', b"}")
    with served(lambda *_: (200, body)) as url:
        done = _run(tmp_path, SealedSimulator(), "rpc", url)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    assert int(done.stderr.splitlines()[-1]) < _granted_kib()


@pytest.mark.parametrize("value", [b"1", b"[]", b"{}", b'{"a":1}', b'"abc"', b'["a"]'])
def test_more_values_than_evidence_of_that_length_can_hold_are_refused(value: bytes) -> None:
    with pytest.raises(MalformedError, match="more than one value in 24 bytes"):
        check_density(b"[" + b",".join([value] * SMALL_BYTES) + b"]", "evidence")


def test_what_is_short_may_be_dense() -> None:
    check_density(b"[" + b"1," * (SMALL_BYTES // 2 - 2) + b"1]", "evidence")


def test_bare_leaves_alone_are_not_too_dense() -> None:
    leaf = b'{"leaf":"0x' + b"ab" * 32 + b'","status":1}'
    check_density(b"[" + b",".join([leaf] * 10_000) + b"]", "evidence")

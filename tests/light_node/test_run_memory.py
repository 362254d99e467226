"""What a hostile source may make a run hold: less than the unit grants, however many of them answer as they like."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ledger.credential.base64url import encode_base64url
from ledger.errors import MalformedError
from ledger.json_shape import BYTES_A_VALUE, SMALL_BYTES, check_density
from ledger.strict_json import canonical_json
from light_node.run.settings import ANSWER_BYTES
from light_node.state import StateFolder
from tests.light_node.sources.servers import served
from tests.simulator.recent import lasting, recent
from tests.simulator.sealed import SealedSimulator
from tests.simulator.world import World, make_world

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


def _run(folder: Path, world: World, kind: str, url: str) -> subprocess.CompletedProcess[str]:
    """One round over sources that all answer the same."""
    chain = world.chain
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
        done = _run(tmp_path, make_world(recent()), "http", f"{url}/{{subject}}")
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    assert int(done.stderr.splitlines()[-1]) < _granted_kib()


@linux
@pytest.mark.parametrize("what", HOSTILE)
def test_nodes_that_answer_as_they_like_do_not_either(what: str, tmp_path: Path) -> None:
    body = HOSTILE[what](b'{"jsonrpc":"2.0","id":1,"result":', b"}")
    with served(lambda *_: (200, body)) as url:
        done = _run(tmp_path, make_world(recent(SealedSimulator())), "rpc", url)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
    assert int(done.stderr.splitlines()[-1]) < _granted_kib()


DENSE: Mapping[str, bytes] = {"objects": b'{"a":1}', "lists": b"[1]", "texts": b'"ab"', "numbers": b"1000"}


def _credential(credential: str, value: bytes, place: str, room: int) -> str:
    """A credential whose payload, or one more disclosure, is nothing but small values; nobody signed it so."""
    inner = b"[" + b",".join([value] * (room * 3 // 4 // (len(value) + 1))) + b"]"
    jwt, _, disclosures = credential.partition("~")
    if place == "disclosure":
        return credential + encode_base64url(b'["salt","name",' + inner + b"]") + "~"
    header, _, signature = jwt.split(".")
    payload = encode_base64url(b'{"a":' + inner + b"}")
    return f"{header}.{payload}.{signature}~{disclosures}"


@linux
@pytest.mark.parametrize("what", DENSE)
@pytest.mark.parametrize("place", ["payload", "disclosure"])
def test_credentials_of_nothing_but_small_values_do_not_either(what: str, place: str, tmp_path: Path) -> None:
    world = make_world(recent())
    value = json.loads(world.chain.file(world.vehicle))
    entry, room = value["history"][0], ANSWER_BYTES - len(canonical_json(value)) - 100
    entry["credential"] = _credential(entry["credential"], DENSE[what], place, room)
    body = canonical_json(value)
    with served(lambda *_: (200, body)) as url:
        done = _run(tmp_path, world, "http", f"{url}/{{subject}}")
    assert (done.returncode in (1, 3), "Traceback" in done.stderr) == (True, False), done.stderr
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

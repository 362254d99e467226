"""What a pipe may hand a device: each line is a reading or refused, one after the other, in bounded memory."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from light_node.trust import encode_trust
from tests.light_node.edge.device_home import LINE, settings
from tests.simulator.world import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what a program held at most stands in /proc")
ROOT = Path(__file__).parents[3]
MOST_KIB, MOST_S = 64 * 1024, 30
MEASURED = """
import sys
from light_node.cli.main import main
code = main(sys.argv[1:])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")), file=sys.stderr)
sys.exit(code)
"""
GOOD = (LINE % 7).encode()
BAD: Mapping[str, bytes] = {
    "100 MB": b"a" * 100_000_000,
    "100 MB of a text": LINE.encode().rstrip(b"\n}") + b',"x":"' + b"a" * 100_000_000 + b'"}',
    "10,000 nested lists": b"[" * 10_000 + b"]" * 10_000,
    "a number of 100,000 digits": GOOD.replace(b"7", b"7" * 100_000),
    "no number": GOOD.replace(b"7", b"NaN"),
    "a name twice": GOOD.rstrip().replace(b"{", b'{"unit":"km",'),
    "no text": b"\xff\xfe" + GOOD.rstrip(),
    "a lone surrogate": GOOD.rstrip().replace(b"cluster", b"\\ud800"),
    "no object": b"[1,2]",
    "a null byte": b"\x00",
    "a mark of byte order": b"\xef\xbb\xbf" + GOOD.rstrip(),
    "an asset that nobody named": GOOD.rstrip().replace(b'"car"', b'"lorry"'),
}


@pytest.fixture
def device(tmp_path: Path, honest: World) -> Path:
    """A device with its key."""
    (tmp_path / "trust.json").write_bytes(encode_trust(honest.chain.trust()))
    (tmp_path / "edge.toml").write_text(settings(honest).split("[can]", maxsplit=1)[0])
    assert _attest(tmp_path, b"", "key", "--new")[0] == 0
    return tmp_path


def _attest(folder: Path, given: bytes, *words: str) -> tuple[int, str]:
    command = [sys.executable, "-c", MEASURED, "attest", *words]
    done = subprocess.run(
        command,
        cwd=folder,
        input=given,
        capture_output=True,
        check=False,
        timeout=MOST_S,
        env={"PYTHONPATH": str(ROOT)},
    )
    *said, held = done.stderr.decode().splitlines()
    assert not any("Traceback" in line for line in said), said
    assert int(held) < MOST_KIB
    return done.returncode, "\n".join(said)


@pytest.mark.parametrize("what", BAD)
def test_a_bad_line_is_refused_and_those_around_it_are_taken(device: Path, what: str) -> None:
    code, said = _attest(device, GOOD + BAD[what] + b"\n" + GOOD + GOOD[:-1], "take")
    assert code == 1, said
    (taken, refused) = re.findall(r"(\d+) readings taken.*; (\d+) refused", said)[0]
    assert (taken, refused) == ("3", "1")


def test_all_of_them_together_too(device: Path) -> None:
    lines = [line for bad in BAD.values() for line in (bad, GOOD.rstrip(), b"", b"  ")]
    code, said = _attest(device, b"\n".join(lines), "take")
    assert (code, said.count("refused: ")) == (1, len(BAD))
    assert f"{len(BAD)} readings taken" in said

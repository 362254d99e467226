"""What a device does: readings flagged, batched, signed and queued, plainly and from CAN frames.

As a program of its own it takes a number of readings and prints how it went: the workload starts it, so that memory
and instructions are those of the device alone. ``python -m benchmarks.edge plain 100000``
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from light_node.edge.attester import Attester, EdgeAsset
from light_node.edge.batch import BatchLimits
from light_node.edge.can_frames import CandumpLog
from light_node.edge.can_signals import CanReadings, parse_signals
from light_node.edge.keys import FileSigner, create_key_file
from light_node.edge.queue import Queue, QueueLimits
from light_node.edge.reading import Reading
from light_node.edge.source import Run

BATCH = 1024
START_US = 1_790_000_000_000_000
ASSETS = {"pack": EdgeAsset(b"\x01" * 32, "eip155:1:0x" + "b1" * 20)}
DBC = b"""VERSION ""
NS_ :
BS_:
BU_: BMS CLUSTER
BO_ 416 BMS_Status: 8 BMS
 SG_ StateOfCharge : 0|16@1+ (0.01,0) [0|100] "%" CLUSTER
 SG_ PackVoltage : 16|16@1+ (0.1,0) [0|1000] "V" CLUSTER
 SG_ Temperature : 32|8@1+ (1,-40) [-40|120] "degC" CLUSTER
"""
SIGNALS = b"""
[signals]
"BMS_Status.StateOfCharge" = { asset = "pack", quantity = "state_of_charge", unit = "percent" }
"BMS_Status.PackVoltage" = { asset = "pack", quantity = "voltage", unit = "volt" }
"BMS_Status.Temperature" = { asset = "pack", quantity = "temperature", unit = "celsius" }
"""
SIGNALS_A_FRAME = 3


def edge(count: int) -> dict[str, Any]:
    """Readings a second, memory and instructions, each of a process that does nothing else."""
    small = max(count // 10, BATCH)
    return {
        "readings": count,
        "batch": BATCH,
        "plain": _child("plain", count),
        "can": _child("can", count),
        "plain_instructions_per_reading": _instructions("plain", small),
        "can_instructions_per_reading": _instructions("can", small),
    }


def main() -> int:
    """Take so many readings in this process and print how it went."""
    kind, count = sys.argv[1], int(sys.argv[2])
    before = _peak_mib()
    with tempfile.TemporaryDirectory(prefix="vinculum-edge-") as name:
        folder = Path(name)
        signer = create_key_file(folder / "device.pem")
        log = folder / "drive.log"
        log.write_bytes(b"".join(_frames(count // SIGNALS_A_FRAME)) if kind == "can" else b"")
        with Queue(folder / "queue.db", QueueLimits(readings=10 * count, byte_count=1 << 40)) as queue:
            attester = Attester(queue, signer, batches=BatchLimits(readings=BATCH))
            started, cpu = time.perf_counter(), time.process_time()
            taken = _take_can(attester, queue, log) if kind == "can" else _take(attester, count)
            seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        bare = _bare_seconds(signer, taken)
    result = {
        "readings": taken,
        "readings_per_second": round(taken / seconds),
        "cpu_seconds": round(cpu, 2),
        "ratio_to_hashing_and_signing_alone": round(seconds / bare, 1),
        "peak_mib_before": before,
        "peak_mib": _peak_mib(),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


def _take(attester: Attester, count: int) -> int:
    readings = _readings(count)
    while group := list(islice(readings, BATCH)):
        attester.take(ASSETS["pack"], group)
    attester.close_all()
    return count


def _take_can(attester: Attester, queue: Queue, log: Path) -> int:
    with CandumpLog(log) as frames:
        run = Run(attester, ASSETS)
        return run.run(CanReadings(frames, parse_signals(DBC, SIGNALS)), positions=queue.position).readings


def _readings(count: int) -> Iterator[Reading]:
    for number in range(count):
        yield Reading("voltage", 380 + number % 100 / 10, "volt", START_US + number * 10_000, "can0/BMS")


def _frames(count: int) -> Iterator[bytes]:
    for number in range(count):
        seconds, fraction = divmod(START_US + number * 10_000, 1_000_000)
        charge, voltage = (8000 - number % 1000).to_bytes(2, "little"), (3900 + number % 37).to_bytes(2, "little")
        data = (charge + voltage + bytes((65, 0, 0, 0))).hex().upper()
        yield f"({seconds}.{fraction:06d}) can0 1A0#{data}\n".encode()


def _bare_seconds(signer: FileSigner, count: int) -> float:
    """What the primitives alone cost: two hashes a leaf, and a signature a batch."""
    leaf = b"x" * 120
    started = time.perf_counter()
    for _ in range(count):
        sha256(sha256(leaf).digest()).digest()
    for _ in range(-(-count // BATCH)):
        signer.sign(leaf)
    return time.perf_counter() - started


def _peak_mib() -> float:
    """Of this program alone: on Linux ``ru_maxrss`` remembers whoever started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return round(int(line.split()[1]) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 1)


def _command(kind: str, count: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.edge", kind, str(count)]


def _child(kind: str, count: int) -> dict[str, Any]:
    done = subprocess.run(_command(kind, count), cwd=Path(__file__).parents[1], capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _instructions(kind: str, count: int) -> int | str:
    """The slope between two runs, so that what starting costs is left out; says so where nothing here counts them."""
    if shutil.which("valgrind") is None:
        return "not counted: no valgrind on the path"
    return round((_count(kind, 2 * count) - _count(kind, count)) / count)


def _count(kind: str, count: int) -> int:
    """Instructions that the processor is given, kernel apart (cachegrind's "I refs")."""
    tool = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    command = [*tool, *_command(kind, count)]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    line = next(line for line in done.stderr.splitlines() if "I" in line and "refs:" in line)
    return int(line.rpartition(":")[2].replace(",", ""))


if __name__ == "__main__":
    raise SystemExit(main())

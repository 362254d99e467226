"""The workloads, one function each; every figure that is printed was measured in this run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.edge import edge
from benchmarks.home import MEMBERS, fresh_home, recipients_of, recorder_of
from benchmarks.light import light, load
from benchmarks.stages import Stages
from benchmarks.workload import NAME, documents, events
from ipfs.batch import Batch
from ledger.access import Tier
from ledger.chain.outbox import Outbox
from ledger.chain.projector import Projector
from ledger.intake.document import parse_document
from ledger.service import record
from ledger.service.evidence import build_evidence
from ledger.service.ingest import Choice
from ledger.service.ingest import ingest as take_in
from ledger.service.issue import Issuer
from ledger.service.plan import Planner
from ledger.service.read import AssetRecord
from ledger.service.settings import Settings
from ledger.service.sources import find_sources
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from light_node.progress import Progress
from light_node.verify import Question, verify_evidence

DOCUMENT_EVENTS = 1000


def ingest(count: int) -> dict[str, Any]:
    """Documents to provable: taken in, signed, kept, attested, followed; blocks every second."""
    stages = Stages()
    for owner, name, stage in (
        (Planner, "plan", "plan: look-ups and rules"),
        (Issuer, "issue", "issue: disclosures, capsule, signature"),
        (Batch, "put", "documents: write, flush, read back"),
        (record.Recorder, "_grants", "grants"),
        (record, "save_batch", "index rows"),
        (Outbox, "enqueue", "outbox rows"),
        (Outbox, "step", "outbox: batches, signing, sending"),
        (Projector, "step", "projector"),
    ):
        stages.wrap(owner, name, stage)
    with fresh_home() as workspace, recorder_of(workspace) as recorder:
        work = list(documents(count, DOCUMENT_EVENTS))
        started, cpu = time.perf_counter(), time.process_time()
        for data in work:
            before = time.perf_counter()
            document = parse_document(data, as_of=datetime.now(UTC))
            stages.seconds["intake: parse and check"] += time.perf_counter() - before
            recorder.add(document)
        result = recorder.finish()
        seconds = time.perf_counter() - started
    return {
        "events": len(result.events),
        "refused": len(result.refused),
        "seconds": round(seconds, 2),
        "events_per_second": round(len(result.events) / seconds),
        "cpu_seconds_of_this_process": round(time.process_time() - cpu, 2),
        "stages_seconds": stages.report(),
    }


def single(count: int) -> dict[str, Any]:
    """One event at a time, to final; the block period is one second."""
    with fresh_home() as workspace, recorder_of(workspace) as recorder:
        periods = []
        for number, event in enumerate(events(count, seed=2)):
            time.sleep(0.37 * (number % 3))  # not in step with the blocks
            document = parse_document(json.dumps(event).encode(), as_of=datetime.now(UTC))
            started = time.perf_counter()
            recorder.add(document)
            recorder.settle()
            periods.append(time.perf_counter() - started)
    return {"events": count, "block_period_seconds": 1.0, "to_final_seconds": _spread(periods)}


def evidence(count: int) -> dict[str, Any]:
    """Proof and evidence of one asset with a history of 100 events, at first and again, and its verification."""
    with fresh_home() as workspace, recorder_of(workspace) as recorder:
        birth, *_ = events(1, seed=3)
        identifier = birth["asset"]["identifier"]
        readings = [event for event in events(400, seed=3) if event["kind"] != birth["kind"]][:99]
        history = [birth, *({**event, "asset": birth["asset"]} for event in readings)]
        for event in history[:50]:  # half of them one by one, as a life goes
            recorder.add(parse_document(json.dumps(event).encode(), as_of=datetime.now(UTC)))
            recorder.flush()
        recorder.add(parse_document(json.dumps(history[50:]).encode(), as_of=datetime.now(UTC)))
        recorder.settle()
        trust = make_trust(workspace)
        asset = workspace.reader().asset(identifier)
        first = [_first_build(workspace.settings, asset) for _ in range(5)]
        built = _times(lambda: build_evidence(workspace, asset, Tier.AUTHORITIES), count)
        data = build_evidence(workspace, asset, Tier.AUTHORITIES)
        verified = _times(lambda: verify_evidence(data, trust, Question(int(time.time())), Progress()), count)
    return {
        "events": len(history),
        "bytes": len(data),
        "first_build_seconds": _spread(first),
        "build_seconds": built,
        "verify_seconds": verified,
    }


def _first_build(settings: Settings, asset: AssetRecord) -> float:
    """Of a workspace that has unlocked its keys and opened nothing yet: no grant, no capsule, no credential."""
    with Workspace(settings) as workspace:
        workspace.reader()
        workspace.projector.sync()
        started = time.perf_counter()
        build_evidence(workspace, asset, Tier.AUTHORITIES)
        return time.perf_counter() - started


def memory(count: int) -> dict[str, Any]:
    """Peak memory of this process while it takes in ``count`` events from files, and then stops the chain."""
    with fresh_home() as workspace, tempfile.TemporaryDirectory() as folder:
        names = []
        for number, data in enumerate(documents(count, DOCUMENT_EVENTS, seed=4)):
            names.append(str(Path(folder) / f"{number:05}.json"))
            Path(names[-1]).write_bytes(data)
        sources, _ = find_sources(names, tables=False)
        before, started = _peak_mib(), time.perf_counter()
        tally = take_in(workspace, workspace.member(MEMBERS[0]), sources, Choice(), recipients=recipients_of(workspace))
        seconds, taken = time.perf_counter() - started, _peak_mib()
    return {
        "events": tally.events,
        "refused": tally.refused,
        "events_per_second": round(tally.events / seconds),
        "peak_mib_before": before,
        "peak_mib_taken_in": taken,
        "peak_mib": _peak_mib(),
    }


def main() -> int:
    """Run what was asked for and print one JSON object."""
    workloads: dict[str, tuple[Callable[[int], dict[str, Any]], int]] = {
        "ingest": (ingest, 10_000),
        "single": (single, 20),
        "evidence": (evidence, 20),
        "memory": (memory, 20_000),
        "edge": (edge, 100_000),
        "light": (light, 1000),
    }
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("workload", nargs="*", choices=[*workloads, []], help="all of them by default")
    parser.add_argument("--events", type=int, help="events, readings, or repetitions (single, evidence, light)")
    chosen = parser.parse_args()
    report: dict[str, Any] = {"workload": NAME, "machine": _machine(), "load_before": load()}
    for name in chosen.workload or workloads:
        function, usual = workloads[name]
        report[name] = function(chosen.events or usual)
        print(f"{name} done", file=sys.stderr)
    report["load_after"] = load()
    print(json.dumps(report, indent=2))
    return 0


def _times(action: Callable[[], object], count: int) -> dict[str, float]:
    action()
    found = []
    for _ in range(count):
        started = time.perf_counter()
        action()
        found.append(time.perf_counter() - started)
    return _spread(found)


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def _peak_mib() -> float:
    scale = 1024 if sys.platform != "darwin" else 1024 * 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale, 1)


def _machine() -> dict[str, Any]:
    return {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.system().lower()}

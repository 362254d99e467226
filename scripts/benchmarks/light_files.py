"""What files cost the light node: cold start, memory, files a second, beside the bare signatures and hashes."""

from __future__ import annotations

import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import coincurve
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from ledger.credential import jose
from ledger.proof.evidence import Evidence, OpenEntry, SealFinality, encode_evidence, parse_evidence
from ledger.proof.keccak import keccak256
from light_node.judgement import judge
from light_node.node import LightNode
from light_node.state import StateFolder
from light_node.trust import Trust, encode_trust
from light_node.verdict import Outcome, Verdict

COLD_STARTS = 25
_ES256 = ec.ECDSA(hashes.SHA256())
_PRIVATE = ec.generate_private_key(ec.SECP256R1())
_KEY, _SIGNATURE = _PRIVATE.public_key(), _PRIVATE.sign(bytes(256), _ES256)
_SEAL = coincurve.PrivateKey().sign_recoverable(bytes(32), hasher=None)
_FOLDS_AN_EVENT = 2
_MEMORY = """
import sys
from light_node.cli.main import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    print({line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith(("VmHWM", "RssAnon"))})
sys.exit(code)
"""


def measure_files(files: list[bytes], trust: Trust, count: int) -> dict[str, Any]:
    """Cold starts with the first of the files, then all of them; also where one event of each is new to who follows."""
    return {
        **_cold(files[0], trust),
        **measure_warm(files, trust, count),
        "followed_with_one_new_event_per_second": round(1 / _one_new(files, trust, max(count // 60, 1))),
    }


def measure_warm(files: list[bytes], trust: Trust, count: int) -> dict[str, Any]:
    """One file after the other, each of another asset: what they share is issuers, trust, block and the upper trie.

    First by a reader who never saw any credential; then by a light node that follows the assets, and saw them before.
    """
    parsed = itertools.cycle(list(map(parse_evidence, files)))
    warm, bare = _each(_stranger(files, trust), count), _each(lambda: _bare(next(parsed)), count)
    with _follower(trust) as node:
        again = _each(_judging(node, files), count)
    return {
        "bytes": round(statistics.mean(map(len, files))),
        "warm_files_per_second": round(1 / warm),
        "followed_files_per_second": round(1 / again),
        "bare_primitives_per_second": round(1 / bare),
        "times_the_bare_primitives": round(warm / bare, 2),
    }


def _stranger(files: list[bytes], trust: Trust) -> Callable[[], None]:
    now, order = int(time.time()), itertools.cycle(files)

    def once() -> None:
        jose._verify_digest.cache_clear()
        _check(judge(next(order), trust, now=now, identity_required=False))

    return once


def _judging(node: LightNode, files: list[bytes]) -> Callable[[], None]:
    """What judges the next of the files each time, after all of them were judged once."""
    now, order = int(time.time()), itertools.cycle(files)

    def once() -> None:
        _check(node.judge(next(order), now=now, identity_required=False).verdict)

    for _ in files:
        once()
    return once


def _one_new(files: list[bytes], trust: Trust, passes: int) -> float:
    """Seconds for a file of which all but the last event was shown before, in the best pass over all files."""
    before = list(map(_without_last, files))
    found = []
    for _ in range(passes):
        with _follower(trust) as node:
            _judging(node, before)
            jose._verify_digest.cache_clear()
            started = time.process_time()
            _judging(node, files)
            found.append((time.process_time() - started) / len(files))
    return min(found)


def _without_last(data: bytes) -> bytes:
    """The file with one opened event withheld: the last of those whose key signed another one too."""
    evidence = parse_evidence(data)
    shown = {
        n: one.credential for n, one in enumerate(evidence.history) if isinstance(one, OpenEntry) and one.credential
    }
    signers = {n: text.partition(".")[0] for n, text in shown.items()}
    last = max(n for n, signer in signers.items() if list(signers.values()).count(signer) > 1)
    history = list(evidence.history)
    history[last] = replace(cast("OpenEntry", history[last]), credential=None)
    return encode_evidence(replace(evidence, history=tuple(history)))


@contextmanager
def _follower(trust: Trust) -> Iterator[LightNode]:
    """A light node with a folder of its own, which remembers nothing yet."""
    with tempfile.TemporaryDirectory(prefix="vinculum-light-") as name:
        state = StateFolder(Path(name) / "node")
        state.make()
        state.pin(trust)
        with state.alone():
            yield LightNode(state)


def _check(verdict: Verdict) -> None:
    if verdict.outcome is not Outcome.VERIFIED:
        raise RuntimeError(verdict.reason)


def _cold(data: bytes, trust: Trust) -> dict[str, Any]:
    """From the start of the interpreter to the verdict, in an empty folder, by the command as it is installed."""
    with tempfile.TemporaryDirectory(prefix="vinculum-light-") as name:
        folder = Path(name)
        (folder / "evidence.json").write_bytes(data)
        (folder / "trust.json").write_bytes(encode_trust(trust))
        words = ["verify", "evidence.json", "--trust", "trust.json", "--json"]
        command = [sys.executable, "-I", "-m", "light_node.cli.main", *words]
        _verified(command, folder)
        found = [_timed(lambda: _verified(command, folder)) for _ in range(COLD_STARTS)]
        empty = [_timed(lambda: _verified([sys.executable, "-I", "-c", "pass"], folder)) for _ in range(COLD_STARTS)]
        memory = _verified([sys.executable, "-I", "-c", _MEMORY, *words], folder) if sys.platform == "linux" else ""
    kib = json.loads(memory.splitlines()[-1].replace("'", '"')) if memory else {}
    return {
        "cold_start_to_verdict_ms": _milliseconds([wall for wall, _ in found]),
        "of_which_processor_ms": _milliseconds([cpu for _, cpu in found]),
        "interpreter_that_does_nothing_ms": _milliseconds([wall for wall, _ in empty]),
        "resident_mib": round(kib.get("VmHWM", 0) / 1024, 1),
        "of_which_not_shared_mib": round(kib.get("RssAnon", 0) / 1024, 1),
    }


def _verified(command: list[str], folder: Path) -> str:
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=True).stdout


def _timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds that passed, and of the children's processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    action()
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _bare(evidence: Evidence) -> None:
    """The signatures and hashes that nobody can do without, and nothing else: no parsing, no checks."""
    for entry in evidence.history:
        if isinstance(entry, OpenEntry) and entry.credential is not None:
            _KEY.verify(_SIGNATURE, bytes(256), _ES256)
            sha256(entry.credential.encode())
    for _ in evidence.finality.seals if isinstance(evidence.finality, SealFinality) else ():
        coincurve.PublicKey.from_signature_and_message(_SEAL, bytes(32), hasher=None)
    for node in _nodes(evidence):
        keccak256(node)
    for _ in range(_FOLDS_AN_EVENT * len(evidence.history)):
        keccak256(bytes(64))


def _nodes(evidence: Evidence) -> Iterator[bytes]:
    yield evidence.header
    for account in evidence.accounts:
        yield from account.nodes
        for proof in account.storage:
            yield from proof.nodes
    if isinstance(evidence.finality, SealFinality):
        yield evidence.header  # the commit-seal hash
        yield from evidence.finality.account
        for nodes in evidence.finality.validators:
            yield from nodes


def _each(action: Callable[[], object], count: int) -> float:
    """Seconds of the processor for one, in the best of five rounds: other work running beside disturbs it least."""
    action()
    rounds = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(max(count // 5, 1)):
            action()
        rounds.append((time.process_time() - started) / max(count // 5, 1))
    return min(rounds)


def _milliseconds(values: list[float]) -> dict[str, float]:
    return {"p50": round(1000 * statistics.median(values), 1), "min": round(1000 * min(values), 1)}

"""What the light node costs: cold start, memory, files a second, headers a second, a million blocks by skipping."""

from __future__ import annotations

import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import coincurve
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.home import fresh_home, recorder_of
from benchmarks.sealed import LongChain, addresses, contiguous, seal_evidence, validators
from benchmarks.workload import events
from ledger.access import Tier
from ledger.credential import jose
from ledger.errors import QuorumError
from ledger.intake.document import parse_document
from ledger.proof.evidence import Evidence, OpenEntry, SealFinality, encode_evidence, parse_evidence
from ledger.proof.header import parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.slots import VALIDATORS_SLOT
from ledger.service.evidence import build_evidence
from ledger.service.trust import make_trust
from light_node.judgement import judge
from light_node.qbft.skipping import bisect, verify_advance, verify_skip
from light_node.qbft.steps import TrustedSet, verify_step
from light_node.qbft.validator_proof import validators_from_proof
from light_node.trust import Trust, encode_trust
from light_node.verdict import Outcome

EVENTS, ASSETS, MEMBERS, ROTATIONS, BLOCKS = 10, 20, 4, 10, 1_000_000
CONTIGUOUS = 4_000
COLD_STARTS = 25
CONTRACT, CODE = b"\xc0" * 20, keccak256(b"code")
_START = 1_790_000_000
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


def light(count: int) -> dict[str, Any]:
    """``count`` warm files of ten events each; cold starts, headers and skips beside."""
    witnessed, public, trust = _witnessed()
    resealed, pinned = seal_evidence(list(map(parse_evidence, witnessed)), trust, validators(MEMBERS))
    return {
        "events": EVENTS,
        "assets": ASSETS,
        "witnessed": _files(witnessed, trust, count),
        "sealed": _files(list(map(encode_evidence, resealed)), pinned, count),
        "public": _warm(public, trust, count),
        "contiguous": _contiguous(),
        "skipping": _skipping(),
    }


def _witnessed() -> tuple[list[bytes], list[bytes], Trust]:
    """Batteries with ten events each, recorded on a real chain; what authorities and the public get, and the trust."""
    with fresh_home() as workspace, recorder_of(workspace) as recorder:
        recorder.add(parse_document(json.dumps(_histories()).encode(), as_of=datetime.now(UTC)))
        recorder.settle()
        reader = workspace.reader()
        assets = [reader.asset(event["asset"]["identifier"]) for event in _histories()[::EVENTS]]
        opened = [build_evidence(workspace, asset, Tier.AUTHORITIES) for asset in assets]
        public = [build_evidence(workspace, asset, Tier.PUBLIC, bare_leaves=True) for asset in assets]
        return opened, public, make_trust(workspace)


def _histories() -> list[dict[str, Any]]:
    """The events of one battery after those of the other."""
    made = list(events(ASSETS * EVENTS * 4, seed=5))
    births = [event for event in made if event["kind"] == made[0]["kind"]]
    later = iter([event for event in made if event["kind"] != made[0]["kind"]])
    return [
        event
        for birth in births[:ASSETS]
        for event in (birth, *({**next(later), "asset": birth["asset"]} for _ in range(EVENTS - 1)))
    ]


# ---- one file ----------------------------------------------------------------------------------------------------


def _files(files: list[bytes], trust: Trust, count: int) -> dict[str, Any]:
    return {**_cold(files[0], trust), **_warm(files, trust, count)}


def _warm(files: list[bytes], trust: Trust, count: int) -> dict[str, Any]:
    """One file after the other, each of another asset: what they share is issuers, trust and the upper trie.

    First no credential was ever seen, then each: a new block proves the same history again.
    """
    now, order, parsed = int(time.time()), itertools.cycle(files), itertools.cycle(list(map(parse_evidence, files)))

    def once() -> None:
        verdict = judge(next(order), trust, now=now, identity_required=False)
        if verdict.outcome is not Outcome.VERIFIED:
            raise RuntimeError(verdict.reason)

    def once_new() -> None:
        jose._verify_digest.cache_clear()
        once()

    warm, again, bare = _each(once_new, count), _each(once, count), _each(lambda: _bare(next(parsed)), count)
    return {
        "bytes": round(statistics.mean(map(len, files))),
        "warm_files_per_second": round(1 / warm),
        "whose_credentials_were_seen_before": round(1 / again),
        "bare_primitives_per_second": round(1 / bare),
        "times_the_bare_primitives": round(warm / bare, 2),
    }


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


# ---- chains ------------------------------------------------------------------------------------------------------


def _contiguous() -> dict[str, Any]:
    """Header after header, parsing included, with the three seals of four that a node stores."""
    members = validators(MEMBERS)
    first, *rest = contiguous(CONTIGUOUS, members, _START)
    genesis = parse_header(first)
    trusted = TrustedSet(0, keccak256(first), addresses(members), genesis.timestamp)
    started = time.process_time()
    for data in rest:
        sealed = verify_step(trusted, parse_header(data))
        trusted = TrustedSet(sealed.number, sealed.hash, trusted.validators, sealed.time)
    seconds = time.process_time() - started
    message = bytes(32)
    seal = coincurve.PrivateKey().sign_recoverable(message, hasher=None)
    started = time.process_time()
    for data in rest:
        for _ in range(-(-2 * MEMBERS // 3)):
            coincurve.PublicKey.from_signature_and_message(seal, message, hasher=None)
        keccak256(data)
        keccak256(data)
    bare = time.process_time() - started
    return {
        "headers": len(rest),
        "validators": MEMBERS,
        "headers_per_second": round(len(rest) / seconds),
        "times_the_bare_primitives": round(seconds / bare, 2),
    }


def _skipping() -> dict[str, Any]:
    """Ten rotations over a million blocks, storage proofs included: one of four changes each time, and all four."""
    return {"blocks": BLOCKS, "rotations": ROTATIONS, "one_of_four": _skip(1), "all_four": _skip(MEMBERS)}


def _skip(changed: int) -> dict[str, Any]:
    every = validators(MEMBERS + ROTATIONS * changed)
    sets = {n * BLOCKS // (ROTATIONS + 1): every[n * changed : n * changed + MEMBERS] for n in range(ROTATIONS + 1)}
    chain = LongChain(sets, CONTRACT, CODE, _START)
    _walk(chain, sets[0])  # makes the blocks that are asked for
    started = time.process_time()
    headers = _walk(chain, sets[0])
    return {"headers": headers, "seconds": round(time.process_time() - started, 4)}


def _walk(chain: LongChain, first: list[Any]) -> int:
    """Go from the genesis to the last block; return how many headers that took."""
    trusted, way, asked = TrustedSet(0, bytes(32), addresses(first), _START), bisect(0, BLOCKS), 0
    while (height := way.next_height) is not None:
        data, account, listed = chain.block(height)
        asked += 1
        try:
            sealed = verify_skip(trusted, parse_header(data), _START + BLOCKS, 2 * BLOCKS)
            following = validators_from_proof(sealed.state_root, CONTRACT, CODE, account, VALIDATORS_SLOT, listed)
            trusted, way = verify_advance(trusted, sealed, following), way.reach()
        except QuorumError as error:
            way = way.retreat(error)
    return asked


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


def load() -> list[float]:
    """How busy the machine was in the last 1, 5 and 15 minutes."""
    return [round(one, 2) for one in os.getloadavg()]

"""What the light node costs: cold start, memory, files a second, headers a second, a million blocks by skipping."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import Any

import coincurve

from benchmarks.home import fresh_home, recorder_of
from benchmarks.light_files import measure_files, measure_warm
from benchmarks.sealed import LongChain, addresses, contiguous, seal_evidence, validators
from benchmarks.workload import events
from ledger.access import Tier
from ledger.errors import QuorumError
from ledger.intake.document import parse_document
from ledger.proof.evidence import encode_evidence, parse_evidence
from ledger.proof.header import parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.slots import VALIDATORS_SLOT
from ledger.service.evidence import build_evidence
from ledger.service.trust import make_trust
from light_node.qbft.skipping import bisect, verify_advance, verify_skip
from light_node.qbft.steps import TrustedSet, verify_step
from light_node.qbft.validator_proof import validators_from_proof
from light_node.trust import Trust

EVENTS, ASSETS, MEMBERS, ROTATIONS, BLOCKS = 10, 20, 4, 10, 1_000_000
CONTIGUOUS = 4_000
CONTRACT, CODE = b"\xc0" * 20, keccak256(b"code")
_START = 1_790_000_000


def light(count: int) -> dict[str, Any]:
    """``count`` warm files of ten events each; cold starts, headers and skips beside."""
    witnessed, public, trust = _witnessed()
    resealed, pinned = seal_evidence(list(map(parse_evidence, witnessed)), trust, validators(MEMBERS))
    return {
        "events": EVENTS,
        "assets": ASSETS,
        "witnessed": measure_files(witnessed, trust, count),
        "sealed": measure_files(list(map(encode_evidence, resealed)), pinned, count),
        "public": measure_warm(public, trust, count),
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


def load() -> list[float]:
    """How busy the machine was in the last 1, 5 and 15 minutes."""
    return [round(one, 2) for one in os.getloadavg()]

"""What ``python -m light_node.edge`` does: make a key, take readings, send batches, say how things are."""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ledger.errors import ConfigurationError, SourceError, StaleError, VinculumError
from light_node.back_off import BackOff
from light_node.edge.attester import Attester
from light_node.edge.device_memory import DeviceMemory, open_folder
from light_node.edge.gateway_client import HttpGateway
from light_node.edge.json_lines import JsonLines
from light_node.edge.opening import make_key, open_can, open_signer
from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue
from light_node.edge.settings import Settings, load_settings
from light_node.edge.source import Pace, Run, Source
from light_node.edge.statement import VerifiedStatement
from light_node.edge.submission import Device, Round, Submitter, submit
from light_node.state import StateFolder
from light_node.verdict import time_text

DONE, REFUSED, UNDETERMINED, INTERRUPTED = 0, 1, 3, 130


def main(arguments: Sequence[str] | None = None, program: str = "python -m light_node.edge") -> int:
    """Run the command; returns its exit code: 0 done, 1 refused, 2 malformed, 3 undetermined."""
    chosen = _parser(program).parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except VinculumError as error:
        _say(f"{type(error).__name__}: {error}")
        return UNDETERMINED if isinstance(error, SourceError | StaleError) else 2
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Attest at the edge.")
    parser.add_argument("--settings", type=Path, default=Path("edge.toml"), help="the device's settings (edge.toml)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    key = commands.add_parser("key", help="make the device's key, if there is none, and print its public half (JWK)")
    key.add_argument("--new", action="store_true", help="make it")
    key.set_defaults(run=_key)
    take = commands.add_parser("take", help="take readings from standard input, a candump log or a CAN bus")
    take.add_argument("--asset", help="whose readings lines are that do not say")
    which = take.add_mutually_exclusive_group()
    which.add_argument("--candump", type=Path, help="a log of candump -l; read again, it goes on where it stopped")
    which.add_argument("--can", metavar="INTERFACE:CHANNEL", help="a live bus, e.g. socketcan:can0")
    take.add_argument("--refuse-when-full", action="store_true", help="end when the queue is full instead of waiting")
    take.add_argument("--keep-open", action="store_true", help="leave the last batch open at the end")
    take.set_defaults(run=_take)
    send = commands.add_parser("send", help="send batches until each is proven on chain")
    send.add_argument("--follow", action="store_true", help="go on when nothing is left")
    send.set_defaults(run=_send)
    commands.add_parser("status", help="what the queue holds and what was delivered, as JSON").set_defaults(run=_status)
    commands.add_parser("retry", help="send refused batches once more").set_defaults(run=_retry)
    return parser


def _key(chosen: argparse.Namespace) -> int:
    settings = load_settings(chosen.settings)
    if chosen.new:
        make_key(settings.key)
    with open_signer(settings.key) as signer:
        _print(dict(signer.public.jwk))
    return DONE


def _take(chosen: argparse.Namespace) -> int:
    settings = load_settings(chosen.settings)
    with ExitStack() as stack:
        signer = stack.enter_context(open_signer(settings.key))
        queue = stack.enter_context(Queue(settings.queue, settings.queue_limits))
        refusals = _Refusals()
        source = stack.enter_context(_source(chosen, settings, refusals))
        attester = Attester(queue, signer, limits=settings.limits, batches=settings.batches)
        pace = Pace(group=settings.batches.readings, wait_when_full=not chosen.refuse_when_full)
        run = Run(attester, settings.assets, pace, on_closed=_closed, on_refused=refusals)
        told = run.run(source, positions=queue.position, close=not chosen.keep_open)
    _say(f"{told.readings} readings taken, {told.flagged} flagged; {refusals.count} refused, {told.repeated} known")
    return REFUSED if refusals.count else DONE


def _send(chosen: argparse.Namespace) -> int:
    settings = load_settings(chosen.settings)
    with Outgoing(settings.queue) as outgoing:
        device = Device(settings.organisation, open_folder(settings.home, settings.trust))
        submitter = Submitter(outgoing, HttpGateway(settings.gateway), device)
        back_off = BackOff(random.random)  # to spread a fleet's attempts, no secret
        if chosen.follow:
            submit(submitter, back_off, until=lambda _: False, tell=_tell)
        told = submit(submitter, back_off, tell=_tell)
    return REFUSED if told.refused else DONE


def _status(chosen: argparse.Namespace) -> int:
    settings = load_settings(chosen.settings)
    folder = StateFolder(settings.home)
    accepted, forks = DeviceMemory(folder).height, folder.forks()
    with Outgoing(settings.queue) as outgoing:
        state = outgoing.state()
        refused = [
            {"batch": one.digest.hex(), "readings": one.size, "reason": one.refused}
            for one in outgoing.waiting()
            if one.refused
        ]
    _print(
        {
            "readings": state.readings,
            "bytes": state.byte_count,
            "signed_batches": state.batches,
            "oldest_reading_at": None if state.oldest_at_us is None else time_text(state.oldest_at_us // 1_000_000),
            "refused": refused,
            "accepted_block": accepted or None,
            "forks": [str(path) for path in forks],
            "trust_fingerprint": settings.trust.fingerprint(),
            "delivered": [
                {
                    "device_key": one.key_id,
                    "subject": one.subject.hex(),
                    "batches": one.batches,
                    "readings": one.readings,
                    "last_reading_at": time_text(one.last_at_us // 1_000_000),
                    "attested_at": time_text(one.attested_at),
                    "lag_seconds": one.lag_seconds,
                    "block": one.block_number,
                }
                for one in state.delivered
            ],
        }
    )
    return DONE


def _retry(chosen: argparse.Namespace) -> int:
    with Outgoing(load_settings(chosen.settings).queue) as outgoing:
        for waiting in outgoing.waiting():
            if waiting.refused:
                outgoing.refuse(waiting.digest, "")
    return DONE


def _closed(statement: VerifiedStatement) -> None:
    told = statement.statement
    _say(f"batch {told.sequence} of {told.subject.hex()[:16]}: {told.size} readings, {told.flagged} flagged")


def _tell(told: Round) -> None:
    for inclusion in told.delivered:
        _say(f"batch {inclusion.digest.hex()[:16]} is on chain, {inclusion.lag_seconds} s after its last reading")
    for problem in told.problems:
        _say(problem)
    for fork in told.forks:
        _say(f"two heads that contradict each other are kept in {fork}: show them to the members")


class _Refusals:
    """Says what was no reading, and counts it."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, reason: str) -> None:
        self.count += 1
        _say(f"refused: {reason}")


@contextmanager
def _source(chosen: argparse.Namespace, settings: Settings, refusals: _Refusals) -> Iterator[Source]:
    if chosen.candump or chosen.can:
        if settings.can is None:
            raise ConfigurationError("the settings name no DBC and no table of signals, under [can]")
        with open_can(settings.can, log=chosen.candump, bus=chosen.can, on_refused=refusals) as source:
            yield source
        return
    only = next(iter(settings.assets)) if len(settings.assets) == 1 else None
    yield JsonLines(sys.stdin.fileno(), chosen.asset or only, refusals)


def _print(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")

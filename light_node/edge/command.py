"""What ``python -m light_node.edge`` does: make a key, take readings, send batches, say how things are."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ledger.errors import ConfigurationError, SourceError, StaleError, VinculumError
from ledger.event import Json
from light_node.back_off import BackOff
from light_node.cli.arguments import Parser, asks_for_json
from light_node.cli.output import Output
from light_node.describe import ascii_json
from light_node.edge.attester import Attester
from light_node.edge.device_memory import DeviceMemory, open_folder
from light_node.edge.gateway_client import HttpGateway
from light_node.edge.json_lines import JsonLines
from light_node.edge.opening import make_key, open_can, open_signer
from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue
from light_node.edge.settings import Settings, load_settings
from light_node.edge.source import Pace, Run, Source
from light_node.edge.submission import Device, Submitter, submit
from light_node.edge.telling import DONE, OUTCOMES, Sending, Taking, queue_value
from light_node.state import StateFolder

UNDETERMINED, INTERRUPTED = 3, 130


def main(arguments: Sequence[str] | None = None, program: str = "python -m light_node.edge") -> int:
    """Run the command; returns its exit code: 0 done, 1 refused, 2 malformed, 3 undetermined."""
    words = sys.argv[1:] if arguments is None else arguments
    output = Output(as_json=asks_for_json(words))
    try:
        chosen = _parser(program).parse_args(words)
        output = Output(as_json=getattr(chosen, "json", False))
        return int(chosen.run(chosen, output))
    except VinculumError as error:
        output.fault(error)
        return UNDETERMINED if isinstance(error, SourceError | StaleError) else 2
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(program: str) -> Parser:
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON value")
    parser = Parser(prog=program, description="Attest at the edge.", parents=[common])
    parser.add_argument("--settings", type=Path, default=Path("edge.toml"), help="the device's settings (edge.toml)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    key = commands.add_parser(
        "key", parents=[common], help="make the device's key, if there is none, and print its public half (JWK)"
    )
    key.add_argument("--new", action="store_true", help="make it")
    key.set_defaults(run=_key)
    take = commands.add_parser(
        "take", parents=[common], help="take readings from standard input, a candump log or a CAN bus"
    )
    take.add_argument("--asset", help="whose readings lines are that do not say")
    which = take.add_mutually_exclusive_group()
    which.add_argument("--candump", type=Path, help="a log of candump -l; read again, it goes on where it stopped")
    which.add_argument("--can", metavar="INTERFACE:CHANNEL", help="a live bus, e.g. socketcan:can0")
    take.add_argument("--refuse-when-full", action="store_true", help="end when the queue is full instead of waiting")
    take.add_argument("--keep-open", action="store_true", help="leave the last batch open at the end")
    take.set_defaults(run=_take)
    send = commands.add_parser("send", parents=[common], help="send batches until each is proven on chain")
    send.add_argument("--follow", action="store_true", help="go on when nothing is left")
    send.set_defaults(run=_send)
    status = commands.add_parser("status", parents=[common], help="what the queue holds and what was delivered")
    status.set_defaults(run=_status)
    retry = commands.add_parser("retry", parents=[common], help="send refused batches once more")
    retry.set_defaults(run=_retry)
    return parser


def _key(chosen: argparse.Namespace, output: Output) -> int:
    settings = load_settings(chosen.settings)
    if chosen.new:
        make_key(settings.key)
    with open_signer(settings.key) as signer:
        _show(output, dict(signer.public.jwk))
    return DONE


def _take(chosen: argparse.Namespace, output: Output) -> int:
    settings = load_settings(chosen.settings)
    with ExitStack() as stack:
        signer = stack.enter_context(open_signer(settings.key))
        queue = stack.enter_context(Queue(settings.queue, settings.queue_limits))
        heard = Taking(output)
        source = stack.enter_context(_source(chosen, settings, heard.refused))
        attester = Attester(queue, signer, limits=settings.limits, batches=settings.batches)
        pace = Pace(group=settings.batches.readings, wait_when_full=not chosen.refuse_when_full)
        run = Run(attester, settings.assets, pace, on_closed=heard.closed, on_refused=heard.refused)
        told = run.run(source, positions=queue.position, close=not chosen.keep_open)
    return heard.finish(told)


def _send(chosen: argparse.Namespace, output: Output) -> int:
    settings = load_settings(chosen.settings)
    with Outgoing(settings.queue) as outgoing:
        device = Device(settings.organisation, open_folder(settings.home, settings.trust))
        submitter = Submitter(outgoing, HttpGateway(settings.gateway), device)
        back_off = BackOff(random.random)  # to spread a fleet's attempts, no secret
        heard = Sending(output)
        if chosen.follow:
            submit(submitter, back_off, until=lambda _: False, tell=heard.follow)
        submit(submitter, back_off, tell=heard.round)
    return heard.finish()


def _status(chosen: argparse.Namespace, output: Output) -> int:
    settings = load_settings(chosen.settings)
    folder = StateFolder(settings.home)
    accepted, forks = DeviceMemory(folder).height, folder.forks()
    with Outgoing(settings.queue) as outgoing:
        value = queue_value(outgoing)
    _show(
        output,
        value
        | {
            "accepted_block": accepted or None,
            "forks": [str(path) for path in forks],
            "trust_fingerprint": settings.trust.fingerprint(),
        },
    )
    return DONE


def _retry(chosen: argparse.Namespace, output: Output) -> int:
    with Outgoing(load_settings(chosen.settings).queue) as outgoing:
        again = [waiting.digest for waiting in outgoing.waiting() if waiting.refused]
        for digest in again:
            outgoing.refuse(digest, "")
    output.done({"outcome": OUTCOMES[DONE], "batches": len(again)}, f"{len(again)} batches are to be sent once more")
    return DONE


@contextmanager
def _source(chosen: argparse.Namespace, settings: Settings, on_refused: Callable[[str], None]) -> Iterator[Source]:
    if chosen.candump or chosen.can:
        if settings.can is None:
            raise ConfigurationError("the settings name no DBC and no table of signals, under [can]")
        with open_can(settings.can, log=chosen.candump, bus=chosen.can, on_refused=on_refused) as source:
            yield source
        return
    only = next(iter(settings.assets)) if len(settings.assets) == 1 else None
    yield JsonLines(sys.stdin.fileno(), chosen.asset or only, on_refused)


def _show(output: Output, value: dict[str, Json]) -> None:
    """A value that is JSON for people too, on several lines."""
    output.result(value, ascii_json(value, indent=2))

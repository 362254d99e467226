"""``run`` and ``health``: following assets from several sources, and asking whether that is well."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import MalformedError, RejectedError
from light_node.cli.arguments import HOME
from light_node.cli.output import Output

if TYPE_CHECKING:
    from light_node.run.follower import Follower
    from light_node.run.health import Health
    from light_node.run.settings import Settings
    from light_node.state import StateFolder

_HEALTH_S = 5.0


def register(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    run = commands.add_parser(
        "run",
        parents=[common],
        help="follow assets, and tell each change as a line of JSON",
        description="Follow assets from files, servers and nodes; see docs/light-node-run.md. SIGTERM ends it with 0.",
    )
    run.add_argument("--once", action="store_true", help="ask once, and end with the exit code of `health`")
    health = commands.add_parser("health", parents=[common], help="whether a run is well: 0, 1 refuted, 3 undetermined")
    for parser, function in ((run, _run), (health, _health)):
        parser.add_argument("--config", type=Path, required=True, help="settings (TOML)", metavar="FILE")
        parser.set_defaults(run=function)


def _run(chosen: argparse.Namespace, output: Output) -> int:
    from light_node.run.follower import Follower  # noqa: PLC0415 - who verifies one file does without HTTP and threads
    from light_node.run.settings import load_settings  # noqa: PLC0415

    stop, settings = threading.Event(), load_settings(chosen.config)
    state = _state(chosen, settings)
    with _ended_by_signals(stop), state.alone():
        follower = Follower(settings, state, stop, _write, output.warn)
        with _served(follower, settings, output):
            if not chosen.once:
                follower.run()
                return 0
            follower.round()
            return 0 if stop.is_set() else follower.health().exit_code


def _health(chosen: argparse.Namespace, output: Output) -> int:
    from light_node.run.settings import load_settings  # noqa: PLC0415 - as above

    settings = load_settings(chosen.config)
    health = _read(_state(chosen, settings), settings) if settings.listen is None else _asked(settings)
    value = health.value()
    output.result(value, "\n".join((str(value["health"]), *(f"  {one}" for one in (*health.reasons, *health.notices)))))
    return health.exit_code


def _asked(settings: Settings) -> Health:
    """What the run itself answers.

    Raises: SourceError, where nobody answers, or somebody else does.
    """
    from light_node.http_source import HttpSource  # noqa: PLC0415 - as above
    from light_node.run.health import MAX_BYTES, parse_health  # noqa: PLC0415

    host, port = settings.listen or ("", 0)
    named = f"[{host}]" if ":" in host else host
    reply = HttpSource(f"http://{named}:{port}", timeout_s=_HEALTH_S).ask("GET", "/healthz", None, {}, MAX_BYTES)
    try:
        return parse_health(reply.body)
    except MalformedError as error:
        raise RejectedError(f"another program answers there: {error}") from None


def _read(state: StateFolder, settings: Settings) -> Health:
    """What a run that listens nowhere left in its folder."""
    from light_node.run.health import health_of  # noqa: PLC0415 - as above
    from light_node.run.record import Record, parse_record  # noqa: PLC0415

    data = state.followed()
    record = Record() if data is None else parse_record(data)
    names = [one.name for one in settings.assets]
    return health_of(record, names, len(state.forks()), int(time.time()), settings.healthy_s)


def _state(chosen: argparse.Namespace, settings: Settings) -> StateFolder:
    from light_node.state import StateFolder  # noqa: PLC0415 - as above

    told = chosen.home != HOME or settings.home is None
    return StateFolder(chosen.home if told or settings.home is None else settings.home)


def _write(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()


@contextmanager
def _ended_by_signals(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT end the round under way; what was accepted and told is kept."""
    before = {one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def _served(follower: Follower, settings: Settings, output: Output) -> Iterator[None]:
    """Metrics and health, where the settings say where."""
    if settings.listen is None:
        yield
        return
    from light_node.run.pages import pages_of  # noqa: PLC0415 - as above
    from light_node.run.server import StatusServer  # noqa: PLC0415

    server = StatusServer(pages_of(follower))
    server.start(*settings.listen)
    output.warn(f"metrics and health at {settings.listen[0]}:{server.port}")
    try:
        yield
    finally:
        server.close()

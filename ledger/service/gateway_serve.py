"""Put a member's gateway together from its home: who may send, one thread that answers, one that records."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ledger.chain.blocks import BlockTree
from ledger.credential.base64url import parse_base64url
from ledger.credential.jose import PublicKey
from ledger.errors import ConfigurationError, NotAuthorisedError, VinculumError
from ledger.key_validity import Standing, is_devices, standing_at
from ledger.proof.merkle_tree import consistency_path
from ledger.service.directory import recipients_of
from ledger.service.gateway_answers import GatewayAnswers
from ledger.service.gateway_inbox import Inbox
from ledger.service.gateway_record import GatewayRecorder
from ledger.service.presentable import read_key
from ledger.service.witness_server import HttpServer, Limits
from ledger.service.workspace import Workspace
from ledger.store.chain_index import IssuerKey
from light_node.edge.statement import MAX_CHARACTERS, MAX_READINGS_BYTES

FOLDER = "gateway"
LIMITS = Limits(connections=32, body_bytes=MAX_READINGS_BYTES + MAX_CHARACTERS, request_s=120.0, send_s=60.0)
_POLL_S, _TROUBLE_S = 0.2, 5.0


class HomeRegister:
    """Who may send what, after the index of this home; the recording thread keeps the index up to date."""

    def __init__(self, workspace: Workspace, organisation: int, clock: Callable[[], float] = time.time) -> None:
        self._workspace, self._organisation, self._clock = workspace, organisation, clock

    def device_key(self, key_id: str) -> PublicKey:
        """Return the key of a device that this organisation enrolled, and that may sign now.

        Raises:
            NotAuthorisedError: It was never enrolled as a device's, is not valid now, or is revoked.
            MissingError: Its document cannot be had.
        """
        thumbprint, now = parse_base64url(key_id, "kid", size=32), int(self._clock())
        with self._workspace.database.read() as session:
            row = session.get(IssuerKey, (self._organisation, thumbprint))
        if row is None or not is_devices(row):
            raise NotAuthorisedError(
                f"key {key_id} is none that organisation {self._organisation} enrolled for a device"
            )
        if standing_at(row, now) is not Standing.VALID:
            raise NotAuthorisedError(f"the device's key {key_id} is revoked, or not valid now")
        return read_key(self._workspace, thumbprint)

    def log_of(self, subject: bytes) -> str:
        """Return the name of the log that keeps an asset's history.

        Raises: UnknownAssetError.
        """
        asset = self._workspace.reader().asset(subject.hex())
        return self._workspace.contracts.log_name(asset.asset_type)

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return the consistency path between two trees of blocks, of this home's own index.

        Raises: MissingError, where it does not reach that far.
        """
        with self._workspace.database.read() as session:
            return consistency_path(BlockTree(session), old, new)


def serve(
    workspace: Workspace,
    name: str,
    address: tuple[str, int],
    ready: Callable[[int], None],
    tell: Callable[[str], None],
    recipients: Sequence[str] = (),
) -> None:
    """Take batches and record them until the process is interrupted or asked to end.

    Args:
        workspace: The home, for the thread that answers.
        name: Of the member's keys.
        address: Host and port to listen at; port 0 for a free one.
        ready: Told the port, once connections are taken.
        tell: Told of what goes wrong.
        recipients: Who receives the keys of what is recorded, besides the member.

    Raises:
        ConfigurationError, NotAuthorisedError: No such member, or the address cannot be had.
        KeyboardInterrupt: It was interrupted.
    """
    stop = threading.Event()
    with Inbox(inbox_path(workspace.home)) as inbox:
        member = workspace.member(name)
        recording = threading.Thread(target=record_until, args=(stop, workspace.again, name, tell, recipients))
        recording.start()
        try:
            answers = GatewayAnswers(inbox, HomeRegister(workspace, member.organisation))
            _listen(HttpServer(answers.answer, tell, LIMITS), address, ready)
        finally:
            stop.set()
            recording.join()


def inbox_path(home: Path) -> Path:
    """Where a home's gateway keeps what it took."""
    return home / FOLDER / "inbox.db"


def record_until(
    stop: threading.Event,
    home: Callable[[], Workspace],
    name: str,
    tell: Callable[[str], None],
    recipients: Sequence[str] = (),
) -> None:
    """Record what comes, round after round, in a workspace of its own; what goes wrong is told and tried again."""
    while not stop.is_set():
        try:
            with home() as workspace, Inbox(inbox_path(workspace.home)) as inbox:
                member = workspace.member(name)
                others = recipients_of(workspace, member.organisation, recipients)
                recorder = GatewayRecorder(workspace, member, inbox, others)
                while not stop.is_set():
                    workspace.projector.sync()
                    if not recorder.round():
                        stop.wait(_POLL_S)
        except VinculumError as error:
            tell(f"recording stands still: {error}")
            stop.wait(_TROUBLE_S)


def _listen(server: HttpServer, address: tuple[str, int], ready: Callable[[int], None]) -> None:
    async def run() -> None:
        task = asyncio.ensure_future(server.serve(*address, ready))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    try:
        asyncio.run(run())
    except OSError as error:
        host, port = address
        raise ConfigurationError(f"cannot listen at {host}:{port}: {error.strerror or error}") from None

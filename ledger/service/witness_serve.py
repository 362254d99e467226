"""Put one organisation's witness together from its home: its key, its node, whom it signs for, and its server."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from sqlmodel import col, select

from ledger.errors import ConfigurationError, NotAuthorisedError, SourceError, VerificationError
from ledger.proof.cosignature import parse_vkey
from ledger.proof.note import VerifierKey
from ledger.service.members import WITNESS, witness_key
from ledger.service.witness import FOLDER, LATEST
from ledger.service.witness_answers import Files, WitnessAnswers
from ledger.service.witness_node import FollowedNode, follow
from ledger.service.witness_peers import load_peers
from ledger.service.witness_promise import Witness
from ledger.service.witness_publish import PUBLISHED
from ledger.service.witness_server import HttpServer
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Organisation

REFUSED = "refused"
_KNOWN_FOR_S = 60.0


def witness_of(workspace: Workspace, name: str) -> Witness:
    """The witness of an organisation whose keys lie here.

    Raises:
        ConfigurationError: No such keys, a wrong passphrase, or no witness key among them.
        NotAuthorisedError: The organisation is not enrolled.
    """
    keys = workspace.keyring.unlock(name)
    if WITNESS not in keys.secrets:
        raise ConfigurationError(f"{name!r} has no witness key")
    if not workspace.organisation_of(workspace.keyring.address(name)):
        raise NotAuthorisedError(f"the account of {name!r} writes for no organisation: its witness counts nowhere")
    return Witness(witness_key(name, keys.secrets), workspace.home / FOLDER / f"{name}.note")


def answers_of(workspace: Workspace, witness: Witness) -> WitnessAnswers:
    """What a witness of this home answers."""
    folder = workspace.home / FOLDER
    files = Files(folder / LATEST, folder / REFUSED, folder / PUBLISHED)
    submitters = _Submitters(workspace, witness.public)
    return WitnessAnswers(workspace.contracts.origin, witness, FollowedNode(workspace), submitters, files)


def serve(
    answers: WitnessAnswers, host: str, port: int, ready: Callable[[int], None], tell: Callable[[str], None]
) -> None:
    """Answer until the process is interrupted or asked to end.

    Args:
        answers: Of the witness.
        host: Address to listen at.
        port: 0 for a free one.
        ready: Told the port, once connections are taken.
        tell: Told of faults of ours.

    Raises:
        ConfigurationError: The address cannot be had.
        KeyboardInterrupt: It was interrupted.
    """

    async def run() -> None:
        served = asyncio.ensure_future(HttpServer(answers.answer, tell).serve(host, port, ready))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, served.cancel)
        await asyncio.wait([served])  # cancelled itself where it is interrupted, and not where it is asked to end
        if not served.cancelled():
            served.result()

    try:
        asyncio.run(run())
    except OSError as error:
        raise ConfigurationError(f"cannot listen at {host}:{port}: {error.strerror or error}") from None


def known_keys(workspace: Workspace, own: VerifierKey | None = None) -> tuple[VerifierKey, ...]:
    """Witness keys of the organisations that may write, of the witnesses on the list, and the own one; each once.

    An organisation whose profile cannot be had, or is not a profile, vouches for nothing.
    """
    keys = [] if own is None else [own]
    keys += [peer.key for peer in load_peers(workspace.home / FOLDER)]
    follow(workspace)
    reader = workspace.reader()
    with workspace.database.read() as session:
        rows = session.exec(select(Organisation).order_by(col(Organisation.id))).all()
    for number in [row.id for row in rows if not row.suspended]:
        with suppress(SourceError, VerificationError):
            keys.append(parse_vkey(reader.profile(number).witness))
    distinct = {key.public_key: key for key in reversed(keys)}  # of two that look the same, the nearer one counts
    return tuple({(key.name, key.key_id): key for key in distinct.values()}.values())


class _Submitters:
    """The known keys, read again when they are a minute old."""

    def __init__(self, workspace: Workspace, own: VerifierKey) -> None:
        self._workspace, self._own = workspace, own
        self._keys: Sequence[VerifierKey] = ()
        self._until = 0.0

    def __call__(self) -> Sequence[VerifierKey]:
        if time.monotonic() >= self._until:
            self._keys = known_keys(self._workspace, self._own)
            self._until = time.monotonic() + _KNOWN_FOR_S
        return self._keys

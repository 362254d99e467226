"""The home of a demonstration: a fresh one, with a passphrase of its own, that the ordinary commands can open too."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.chain.process import find_free_port
from ledger.errors import ConfigurationError
from ledger.service.files import write_durably
from ledger.service.network import bring_down, bring_up, initialise
from ledger.service.settings import ChainSettings, KeySettings, Settings, load_settings
from ledger.service.workspace import Workspace

PASSPHRASE_FILE = "passphrase"  # noqa: S105 - a name of a file
SCRYPT_N = 16_384
"""Keys that are thrown away need no second of work each."""
_TEMPLATE = """\
# The home of a demonstration. Everything in it is an example; its keys are worth nothing.

[chain]
port = {port}

[keys]
scrypt_n = {scrypt_n}
passphrase_file = "{passphrase}"
"""


def make_home(folder: Path) -> list[str]:
    """Make a home in an empty or missing folder; return the names of the council's keystores.

    Raises: ConfigurationError, where something lies there already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"{folder} is not empty: the demonstration makes a home of its own")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    passphrase, port = folder.resolve() / PASSPHRASE_FILE, find_free_port()
    write_durably(passphrase, secrets.token_urlsafe(24).encode("ascii") + b"\n", mode=0o600)
    keys = KeySettings(scrypt_n=SCRYPT_N, passphrase_file=passphrase)
    settings = Settings(home=folder, chain=ChainSettings(port=port), keys=keys)
    with Workspace(settings) as workspace:
        return initialise(workspace, _TEMPLATE.format(port=port, scrypt_n=SCRYPT_N, passphrase=passphrase))


@contextmanager
def running(folder: Path) -> Iterator[Workspace]:
    """Open a home with its chain running and its contracts deployed; the chain is stopped at the end."""
    with Workspace(load_settings(folder)) as workspace:
        try:
            bring_up(workspace)
            yield workspace
        finally:
            bring_down(workspace)

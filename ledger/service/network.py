"""Set a consortium up: a home, the embedded chain, the contracts."""

from __future__ import annotations

import os

from ledger.chain import contracts as calls
from ledger.chain.node import start_node, stop_node
from ledger.errors import ConfigurationError
from ledger.service.contracts import FILE_NAME as CONTRACTS_FILE
from ledger.service.contracts import Contracts, origin_of, save_contracts
from ledger.service.council import administrators, signer_of
from ledger.service.files import write_durably
from ledger.service.settings import FILE_NAME as SETTINGS_FILE
from ledger.service.workspace import COUNCIL, Workspace


def initialise(workspace: Workspace, template: str) -> list[str]:
    """Make a home: settings file, and keystores of the council's administrators.

    Args:
        workspace: Of the new home.
        template: Text of the settings file.

    Returns:
        Names of the administrators' keystores.

    Raises: ConfigurationError, where there is a home already.
    """
    if (workspace.home / SETTINGS_FILE).exists() or (workspace.home / CONTRACTS_FILE).exists():
        raise ConfigurationError(f"{workspace.home} is a home already")
    workspace.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = [f"{COUNCIL}-{number}" for number in range(1, workspace.settings.council.administrators + 1)]
    for name in names:
        workspace.keyring.create(name, os.urandom(32), {})
    write_durably(workspace.home / SETTINGS_FILE, template.encode("utf-8"))
    return names


def bring_up(workspace: Workspace) -> bool:
    """Start the embedded chain where it is embedded, and deploy the contracts where there are none yet.

    Returns: Whether contracts were deployed just now.
    """
    if workspace.settings.chain.url is None:
        start_node(workspace.node_settings())
    if (workspace.home / CONTRACTS_FILE).exists():
        workspace.projector.sync()
        return False
    save_contracts(workspace.home, _deploy(workspace))
    workspace.projector.sync()
    return True


def bring_down(workspace: Workspace) -> bool:
    """Stop the embedded chain; its state is on disk when this returns. False if none was running."""
    return stop_node(workspace.node_settings().folder)


def _deploy(workspace: Workspace) -> Contracts:
    council = workspace.settings.council
    signers = [signer_of(workspace, name) for name in administrators(workspace)]
    addresses = [signer.address for signer in signers]
    deployment = calls.deploy(
        workspace.client,
        signers[0],
        administrators=addresses,
        threshold=council.threshold,
        delay_s=council.delay_seconds,
        validators=[bytes.fromhex(one[2:]) for one in council.validators] or addresses[:1],
    )
    return Contracts(deployment, origin_of(deployment))

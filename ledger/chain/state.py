"""The state of the embedded chain as it lies on disk: told whole from torn, and a whole one kept.

Anvil overwrites its dump in place, so that a hard kill may tear it. A complete copy is kept beside it, and used when
the dump is torn. Neither is ever held in memory: the state grows with the chain's history.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ledger.chain.whole_json import verify_whole_json
from ledger.errors import ConfigurationError, MalformedError

STATE, KEPT = "state.json", "state.kept.json"


def keep_state(folder: Path) -> bool:
    """Copy the last dump aside if it is complete, atomically; safe while the node runs."""
    fresh = folder / f"{KEPT}.new"
    try:
        shutil.copyfile(folder / STATE, fresh)
    except FileNotFoundError:
        return False
    if not _is_complete(fresh):  # the copy is what is looked at: the dump may change meanwhile
        fresh.unlink()
        return False
    with fresh.open("rb+") as file:
        os.fsync(file.fileno())
    fresh.replace(folder / KEPT)
    return True


def mend_state(folder: Path) -> None:
    """Replace a torn dump by the kept copy; keep a copy of a whole one.

    Raises: ConfigurationError, where neither is whole.
    """
    if not (folder / STATE).exists() or keep_state(folder):
        return
    if _is_complete(folder / KEPT):
        shutil.copyfile(folder / KEPT, folder / STATE)
    elif (folder / STATE).stat().st_size == 0:
        (folder / STATE).unlink()
    else:
        raise ConfigurationError(f"{folder / STATE} is torn and there is no copy: restore it from a backup")


def _is_complete(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            verify_whole_json(file)
    except (OSError, MalformedError):
        return False
    return True

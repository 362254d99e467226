"""A witness that is killed hard at its next signature: ``crash_child HOME ORG before|after`` it is on disk."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from ledger.cli.main import main
from ledger.service import witness_promise
from ledger.service.files import write_durably


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killing(when: str) -> Any:
    def write(path: Path, data: bytes) -> None:
        if when == "before":
            _kill()
        write_durably(path, data)
        _kill()

    return write


if __name__ == "__main__":
    witness_promise.write_durably = _killing(sys.argv[3])
    main(["--home", sys.argv[1], "--json", "witness", "serve", "--as", sys.argv[2], "--listen", "127.0.0.1:0"])

"""Reading the command line without what only measures terminals."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ledger.errors import ConfigurationError

HOME = Path(".vinculum-light")
"""The light node's folder, where nobody says another."""
WIDTH = 110


class Parser(argparse.ArgumentParser):
    """A parser whose help has one width, and its commands' too.

    Asking how wide the terminal is loads the library's archive formats: 0.7 MiB and milliseconds of every verification.
    """

    def __init__(self, **options: Any) -> None:
        """``options``: those of ``argparse.ArgumentParser``."""
        super().__init__(**{"formatter_class": _Help, **options})

    def error(self, message: str) -> NoReturn:
        """Refuse the command line: how it is used, on standard error, and the fault for whoever calls.

        Raises: ConfigurationError.
        """
        self.print_usage(sys.stderr)
        raise ConfigurationError(f"{message}; `{self.prog} --help` says more")


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether a command line that cannot be read asks for JSON all the same; the option may be cut short."""
    return any(len(word) > len("--") and "--json".startswith(word) for word in words)


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=WIDTH)

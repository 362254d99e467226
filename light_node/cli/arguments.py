"""Reading the command line without what only measures terminals."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

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


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=WIDTH)

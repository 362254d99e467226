"""The command's frame: global options, one workspace, errors to exit codes.

Exit codes: 0 done or verified · 1 refused, refuted, or differences found · 2 malformed, or wrong usage ·
3 undetermined: a source did not answer, or the evidence is too old to judge by.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path

import typer

from ledger.cli.output import Output
from ledger.errors import (
    DocumentError,
    MalformedError,
    RuleError,
    SourceError,
    StaleError,
    VerificationError,
    VinculumError,
)
from ledger.service.settings import Settings, load_settings
from ledger.service.workspace import Workspace

EXIT_DONE, EXIT_REFUSED, EXIT_MALFORMED, EXIT_UNDETERMINED = 0, 1, 2, 3


@dataclass(frozen=True, slots=True)
class Frame:
    """What every command gets.

    Attributes:
        home: The folder that holds everything.
        output: Where to print to.
    """

    home: Path
    output: Output

    @property
    def settings(self) -> Settings:
        """Settings of this home.

        Raises: ConfigurationError.
        """
        return load_settings(self.home)

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """Open the home; everything is given back at the end."""
        prompt = _ask if sys.stdin.isatty() else None
        with Workspace(self.settings, prompt) as workspace:
            yield workspace


def frame_of(context: typer.Context) -> Frame:
    """The frame that the main callback made."""
    frame = context.obj
    if not isinstance(frame, Frame):
        raise TypeError("the command was called without its frame")
    return frame


def exit_code_of(error: VinculumError) -> int:
    """Say with which code a command ends on an error."""
    if isinstance(error, MalformedError):
        return EXIT_MALFORMED
    if isinstance(error, SourceError | StaleError):
        return EXIT_UNDETERMINED
    if isinstance(error, RuleError | VerificationError):
        return EXIT_REFUSED
    return EXIT_MALFORMED


def report(output: Output, error: VinculumError) -> None:
    """Print an error: its class and words, and for a document each fault on a line of its own."""
    faults = error.faults if isinstance(error, DocumentError) else ()
    if output.as_json:
        listed = [{"pointer": fault.pointer, "code": fault.code, "message": fault.message} for fault in faults]
        output.result({"error": type(error).__name__, "message": str(error)} | ({"faults": listed} if faults else {}))
        return
    if not faults:
        output.warn(f"{type(error).__name__}: {error}")
        return
    output.warn(f"{error.name if isinstance(error, DocumentError) else 'document'}: refused, nothing was recorded")
    for fault in faults:
        output.warn(f"  {fault.pointer or '/'}  {fault.code}: {fault.message}")


def _ask() -> str:
    return getpass("Passphrase of the keystores: ")

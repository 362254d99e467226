"""The command's frame: global options, one workspace, errors to exit codes.

Exit codes: 0 done or verified · 1 refused, refuted, or differences found · 2 malformed, or wrong usage ·
3 undetermined: a source did not answer, or the evidence is too old to judge by · 130 interrupted.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, wraps
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from ledger.cli.output import Output
from ledger.errors import (
    ConfigurationError,
    DocumentError,
    MalformedError,
    MissingError,
    RuleError,
    SourceError,
    StaleError,
    VerificationError,
    VinculumError,
)
from ledger.service.settings import FILE_NAME, Settings, load_settings
from ledger.service.workspace import Workspace

EXIT_DONE, EXIT_REFUSED, EXIT_MALFORMED, EXIT_UNDETERMINED, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
DEFAULT_HOME = Path(".vinculum")
PROGRAM = "vinculum"
_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")]
_SHORT = {
    "init": "Make a new home.",
    "up": "Start the embedded chain; deploy the contracts once.",
    "down": "Stop the embedded chain.",
    "status": "Show how chain, index and outbox stand.",
    "config": "Print every setting that holds now.",
    "record": "Record one event.",
    "ingest": "Take documents in.",
    "history": "Tell an asset's registered life.",
    "show": "Show an asset or an event with what a reader may see.",
    "grant": "Let another organisation open an asset's events.",
    "evidence": "Write the proof of an asset's registered life.",
    "export": "Write evidence and tables of assets as one bag.",
    "verify": "Verify evidence or a bag, offline.",
    "audit": "Re-read and re-hash everything, and compare.",
}
_Function = TypeVar("_Function", bound=Callable[..., object])


@dataclass(slots=True)
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
    def workspace(self, *, new: bool = False) -> Iterator[Workspace]:
        """Open the home; everything is given back at the end.

        A person is asked for the passphrase at most once, and for that of a ``new`` home twice.

        Raises: ConfigurationError, where there is no home, and it is not to be a ``new`` one.
        """
        if not new and not (self.home / FILE_NAME).exists():
            raise ConfigurationError(f"{self.home} is no home yet: run `vinculum init` first")
        asked = _ask_new if new else _ask
        prompt = cache(asked) if sys.stdin is not None and sys.stdin.isatty() else None
        with Workspace(self.settings, prompt) as workspace:
            yield workspace


def frame_of(context: typer.Context) -> Frame:
    """The frame that ``main`` made."""
    frame = context.obj
    if not isinstance(frame, Frame):
        raise TypeError("the command was called without its frame")
    return frame


def group(text: str) -> typer.Typer:
    """A command with commands below it."""
    return typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def command(app: typer.Typer, name: str, *examples: str) -> Callable[[_Function], _Function]:
    """Register a command: with ``--json`` wherever it stands on the line, and with examples in its help.

    Args:
        app: Where it goes.
        name: Its name.
        examples: Whole command lines.
    """
    lines = "\n".join(f"  {example}" for example in examples)
    short = _SHORT.get(name) if app.info.name == PROGRAM else None

    def register(function: _Function) -> _Function:
        app.command(name, short_help=short, epilog=f"\b\nExamples:\n{lines}")(_with_json(function))
        return function

    return register


def _with_json(function: Callable[..., object]) -> Callable[..., object]:
    """The same command with the option ``--json``, which switches the output of its frame."""

    @wraps(function)
    def run(*, as_json: bool, **given: Any) -> object:
        if as_json:
            frame_of(given["context"]).output.as_json = True
        return function(**given)

    hints = {**get_type_hints(function, include_extras=True), "as_json": _JSON}
    parameters = [*inspect.signature(function).parameters.values()]
    parameters.append(inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False))
    typed = [one.replace(annotation=hints[one.name]) for one in parameters]
    run.__annotations__ = hints
    run.__signature__ = inspect.Signature(typed)  # type: ignore[attr-defined]
    return run


def exit_code_of(error: VinculumError) -> int:
    """Say with which code a command ends on an error."""
    if isinstance(error, MalformedError | ConfigurationError):
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
        output.warn(f"{_word_of(error)}: {error}")
        return
    output.warn(f"{error.name if isinstance(error, DocumentError) else 'document'}: refused, nothing was recorded")
    for fault in faults:
        output.warn(f"  {fault.pointer or '/'}  {fault.code}: {fault.message}")


def _word_of(error: VinculumError) -> str:
    if isinstance(error, ConfigurationError):
        return "not possible"
    if isinstance(error, MissingError):
        return "missing"
    if isinstance(error, SourceError):
        return "no answer"
    return "malformed" if isinstance(error, MalformedError) else "refused"


def _ask() -> str:
    return getpass("Passphrase of the keystores: ")


def _ask_new() -> str:
    first = getpass("Passphrase for the new keystores: ")
    if not first or getpass("The same once more: ") != first:
        raise ConfigurationError("the two passphrases differ, or there is none: nothing was made")
    return first

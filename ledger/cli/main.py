"""The command ``vinculum``: its groups, and the way from any error to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from pathlib import Path
from traceback import print_exc
from typing import Annotated, NoReturn

import typer

from ledger.cli import (
    checking,
    council,
    gateway,
    giving,
    keys,
    logs,
    network,
    organisations,
    reading,
    recording,
    rotation,
    succession,
    validators,
    witness,
)
from ledger.cli.app import (
    DEFAULT_HOME,
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_MALFORMED,
    EXIT_REFUSED,
    EXIT_UNDETERMINED,
    PROGRAM,
    Frame,
    exit_code_of,
    frame_of,
    report,
)
from ledger.cli.output import Output, ReaderGoneError
from ledger.errors import ConfigurationError, SourceError, VinculumError

EXIT_BROKEN_PIPE = 141
_WrongUsage: type[Exception] = typer.BadParameter.__mro__[2]
"""What all errors of a command line have in common; typer, by its version, has it from elsewhere."""

app = typer.Typer(
    name=PROGRAM,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A permissioned ledger that gives every battery, vehicle and part one verifiable life story.",
    epilog=(
        "\b\nExit codes:\n  0  done, or verified\n  1  refused, refuted, or differences found\n"
        "  2  malformed, or wrong usage\n  3  undetermined: a source did not answer\n"
        "\b\nExamples:\n  vinculum init && vinculum up\n  vinculum org add cell-maker --role make --role member\n"
        "  vinculum ingest passport.json --as cell-maker\n  vinculum history VCU4EZ7R9K1004176"
    ),
)
for _part in (network, recording, reading, giving, checking):
    _part.register(app)
for _part in (organisations, keys, council, validators, rotation, logs, witness, succession, gateway):
    _part.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"vinculum {version('vinculum')}")
        except PackageNotFoundError:
            typer.echo("vinculum, not installed")
        raise typer.Exit(EXIT_DONE)


@app.callback()
def _frame(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option(envvar="VINCULUM_HOME", help="Folder with settings, keys, chain, documents and index.")
    ] = DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON value instead of text.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    frame = frame_of(context)
    frame.home = home
    frame.output.as_json = as_json


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and end the process with its exit code; errors of ours never show a traceback."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    frame = Frame(DEFAULT_HOME, Output(as_json=False))
    sys.exit(_leave(_run(frame, arguments)))


def _run(frame: Frame, arguments: Sequence[str] | None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        ended = app(words, obj=frame, prog_name=PROGRAM, standalone_mode=False)
    except _WrongUsage as error:
        return _misused(frame.output, error, as_json="--json" in words)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else EXIT_DONE
    except (KeyboardInterrupt, typer.Abort, ReaderGoneError) as end:
        return _broken_off(frame.output, end)
    except (VinculumError, OSError) as error:
        return _reported(frame.output, error if isinstance(error, VinculumError) else _told(error))
    except Exception:  # noqa: BLE001 - Python's own exit code for it is 1, which here says: refused, or refuted
        print_exc()
        return EXIT_UNDETERMINED
    return ended if isinstance(ended, int) else EXIT_DONE


def _broken_off(output: Output, end: BaseException) -> int:
    """Say how a command ends that a person, or whoever reads its output, broke off."""
    if isinstance(end, typer.Abort):
        output.warn("Aborted!")
        return EXIT_REFUSED
    return EXIT_INTERRUPTED if isinstance(end, KeyboardInterrupt) else EXIT_BROKEN_PIPE


def _misused(output: Output, error: Exception, *, as_json: bool) -> int:
    """Say what is wrong with a command line, and how it is used: on standard error, and for machines as any error."""
    error.show()  # type: ignore[attr-defined]
    if as_json:
        output.as_json = True
        return _reported(output, ConfigurationError(error.format_message()))  # type: ignore[attr-defined]
    return EXIT_MALFORMED


def _reported(output: Output, error: VinculumError) -> int:
    """Say an error, and end with its code; where nobody can be told, with that of what is in the way."""
    try:
        report(output, error)
    except ReaderGoneError:
        return EXIT_BROKEN_PIPE
    except OSError as full:
        output.warn(str(_told(full)))
        return EXIT_UNDETERMINED
    return exit_code_of(error)


def _told(error: OSError) -> VinculumError:
    """Tell a path that cannot be used from a system that does not deliver."""
    words = f"{error.filename or 'the system'}: {error.strerror}"
    unusable = isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | PermissionError)
    return ConfigurationError(words) if unusable else SourceError(words)


def _leave(code: int) -> int:
    """Hand on what is still to be printed; whoever reads it may be gone."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE if isinstance(error, BrokenPipeError) else EXIT_UNDETERMINED
    return code


if __name__ == "__main__":
    main()

"""`vinculum-light`: the commands, and what an error becomes.

Exit codes: 0 verified or done, 1 refuted, 2 malformed or misused, 3 undetermined.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TextIO

from ledger.errors import ConfigurationError, SourceError, VinculumError
from light_node.cli.arguments import HOME, Parser, asks_for_json
from light_node.cli.output import Output
from light_node.verdict import outcome_of

MISUSED, UNDETERMINED, INTERRUPTED, GONE = 2, 3, 130, 141
ATTEST = "attest"
MODULES = {
    "verify": "verifying",
    "reading": "proving",
    "grew": "proving",
    "trust": "trusting",
    "state": "trusting",
    "anchor": "trusting",
    "run": "following",
    "health": "following",
}
"""Where each command is; no other than the one that is asked for is imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code, and never shows a traceback for what a file or a source can cause."""
    words = sys.argv[1:] if arguments is None else [*arguments]
    try:
        return _attest(words[1:]) if words[:1] == [ATTEST] else _run(words)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _let_go(sys.stdout)
        return GONE
    except Exception as error:  # noqa: BLE001 - Python's own exit code for it is 1, which here says: refuted
        return _failed(error)


def _run(words: Sequence[str]) -> int:
    output = Output(as_json=asks_for_json(words))
    try:
        chosen = _parser(next(iter(words), "")).parse_args(words)
        output = Output(as_json=chosen.json)
        return int(chosen.run(chosen, output))
    except VinculumError as error:
        output.fault(error)
        return _exit_code(error)


def _attest(words: Sequence[str]) -> int:
    """Hand over to the device's command, whose modules whoever verifies does not need."""
    from light_node.edge.command import main as attest  # noqa: PLC0415

    return attest(words, program=f"vinculum-light {ATTEST}")


def _failed(error: Exception) -> int:
    """A fault of the system's or of ours decides nothing: memory, a full disk under the output, a bug."""
    from traceback import format_exception  # noqa: PLC0415 - nobody else needs it

    with suppress(OSError, AttributeError):
        sys.stderr.write("".join(format_exception(error)) if not isinstance(error, OSError) else f"{error}\n")
    _let_go(sys.stdout)
    return UNDETERMINED


def _let_go(stream: TextIO | None) -> None:
    """Forget what cannot be written: Python would try again at its end, and say so with an exit code of its own."""
    with suppress(OSError, AttributeError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr]


def _exit_code(error: VinculumError) -> int:
    if isinstance(error, SourceError):
        return UNDETERMINED
    return MISUSED if isinstance(error, ConfigurationError) else outcome_of(error).exit_code


def _parser(word: str) -> Parser:
    """Know the command that is asked for, or all of them where there is none such."""
    parser = Parser(prog="vinculum-light", description="verify proofs of registered lives, and attest from the edge")
    common = Parser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON value")
    common.add_argument("--home", type=Path, default=HOME, help=f"the light node's folder ({HOME})", metavar="FOLDER")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    commands.add_parser(ATTEST, help="sign readings at the edge, and hand them over until they are proven")
    for module in [MODULES[word]] if word in MODULES else dict.fromkeys(MODULES.values()):
        import_module(f"light_node.cli.{module}").register(commands, common)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

"""`vinculum-light`: the commands, and what an error becomes.

Exit codes: 0 verified or done, 1 refuted, 2 malformed or misused, 3 undetermined.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

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
    if words[:1] == [ATTEST]:
        return _attest(words[1:])
    output = Output(as_json=asks_for_json(words))
    try:
        chosen = _parser(next(iter(words), "")).parse_args(words)
        output = Output(as_json=chosen.json)
        return int(chosen.run(chosen, output))
    except VinculumError as error:
        output.fault(error)
        return _exit_code(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return GONE


def _attest(words: Sequence[str]) -> int:
    """Hand over to the device's command, whose modules whoever verifies does not need."""
    from light_node.edge.command import main as attest  # noqa: PLC0415

    return attest(words, program=f"vinculum-light {ATTEST}")


def _exit_code(error: VinculumError) -> int:
    if isinstance(error, SourceError):
        return UNDETERMINED
    return MISUSED if isinstance(error, ConfigurationError) else outcome_of(error).exit_code


def _parser(word: str) -> Parser:
    """Know the command that is asked for, or all of them where there is none such."""
    parser = Parser(prog="vinculum-light", description=__doc__.partition("\n")[0])
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

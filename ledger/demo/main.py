"""The demonstration from beginning to end; ``scripts/demo`` calls it."""

from __future__ import annotations

import argparse
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ledger.cli.app import exit_code_of
from ledger.cli.app import report as report_error
from ledger.cli.output import Output
from ledger.demo.home import make_home, running
from ledger.demo.report import Report
from ledger.demo.show import Show
from ledger.demo.story import load_story
from ledger.errors import VinculumError

EXAMPLES = Path(__file__).parents[2] / "examples"
FAILED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration.

    Returns: 0 where every asset was verified and every forgery and copy refused, else 1; 1 to 3 after an error, as
        ``vinculum``.
    """
    chosen = _options().parse_args(arguments)
    output = Output(as_json=chosen.json)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _folder(chosen.home, keep=chosen.keep) as folder:
            return 0 if _run(Report(output), folder, chosen) else FAILED
    except VinculumError as error:
        report_error(output, error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        output.warn("interrupted: the chain is stopped")
        return 130


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Show everything at work on the examples.")
    parser.add_argument("folders", nargs="*", type=Path, help="further folders of documents to take in")
    parser.add_argument("--home", type=Path, help="make the home here (an empty folder) instead of a temporary one")
    parser.add_argument("--keep", action="store_true", help="leave the home, to look at it with `vinculum`")
    parser.add_argument("--json", action="store_true", help="one JSON value for machines")
    return parser


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextmanager
def _folder(home: Path | None, *, keep: bool) -> Iterator[Path]:
    if home is not None or keep:
        yield home or Path(tempfile.mkdtemp(prefix="vinculum-demo-"))
        return
    with tempfile.TemporaryDirectory(prefix="vinculum-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _run(report: Report, folder: Path, chosen: argparse.Namespace) -> bool:
    story = load_story(EXAMPLES)
    report.chapter("The network: one operator and no consensus, which shows the mechanics and is not for production")
    with report.step("makes a home") as step:
        step.done = f"{len(make_home(folder))} administrators of the council, keys encrypted"
    with ExitStack() as stack:
        with report.step("starts the chain and deploys") as step:
            workspace = stack.enter_context(running(folder))
            deployment = workspace.contracts.deployment
            step.done = f"{len(deployment.addresses)} contracts on chain {deployment.chain_id}"
        passed = Show(report, workspace, story).play(chosen.folders)
    if chosen.keep or chosen.home:
        report.output.say(f"The home is left in {folder}: vinculum --home {folder} up")
    return passed

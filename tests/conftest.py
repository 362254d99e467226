"""What every test shares: derandomised hypothesis, and the place of the shared documents."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "vinculum", derandomize=True, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("vinculum")

# A shell that runs this in the background has it ignore SIGINT, and the commands under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
ENGINE_VARIABLE = "VINCULUM_QBFT_ENGINE"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of documents that other people published: VINCULUM_SHARED_DATA, or ``shared/data`` beside the checkout."""
    folder = Path(os.environ.get("VINCULUM_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no shared documents at {folder}: set VINCULUM_SHARED_DATA")
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly what was not seen on a real QBFT engine; the simulator has no part in those tests."""
    skipped = [one for one in terminalreporter.stats.get("skipped", []) if ENGINE_VARIABLE in str(one.longrepr)]
    if skipped:
        files = sorted({str(one.nodeid).partition("::")[0] for one in skipped})
        terminalreporter.section(f"{len(skipped)} tests of real validators did not run")
        terminalreporter.write_line(f"{ENGINE_VARIABLE} names no QBFT engine: {', '.join(files)}")

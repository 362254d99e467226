"""Make the environment that the other scripts run in: ``.venv`` with the locked packages, anvil, forge and solc.

Needs nothing but Python 3.11 or newer. Each install is skipped while its lock file is unchanged.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = ROOT / "requirements" / "lock.txt"
NODE_LOCK = ROOT / "contracts" / "package-lock.json"
OLDEST = (3, 11)


def ensure() -> None:
    """Install what is missing, then run the calling script again inside ``.venv``."""
    if sys.version_info < OLDEST:
        _stop(
            f"Python {platform.python_version()} is too old: Vinculum needs 3.11 or newer.\n"
            "Install a newer Python and call the script with it, e.g.  python3.12 scripts/demo"
        )
    _once("Python packages", LOCK, _install_python)
    _once("anvil, forge and solc", NODE_LOCK, _install_node)
    if Path(sys.prefix).resolve() != VENV.resolve():
        environment = {**os.environ, "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        os.execve(PYTHON, [str(PYTHON), *sys.argv], environment)  # noqa: S606


def _once(what: str, lock: Path, install: object) -> None:
    """Run ``install`` unless a stamp says that this very lock file is installed already."""
    stamp = VENV / f".installed-{lock.name}"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted and PYTHON.exists():
        return
    print(f"Installing {what} (once) ...", flush=True)
    install()  # type: ignore[operator]
    stamp.write_text(wanted)


def _install_python() -> None:
    if not PYTHON.exists():
        _run(
            [sys.executable, "-m", "venv", str(VENV)],
            "The virtual environment could not be made. On Debian and Ubuntu: apt install python3-venv",
        )
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    hint = "A package could not be installed. Is there a way to the Python package index (proxy, PIP_INDEX_URL)?"
    _run([*pip, "--require-hashes", "-r", str(LOCK)], hint)
    _run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], hint)


def _install_node() -> None:
    npm = PYTHON.parent / ("npm.cmd" if os.name == "nt" else "npm")
    _run(
        [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        "anvil, forge or solc could not be installed. Is there a way to the npm registry (proxy, npm_config_registry)?",
        cwd=NODE_LOCK.parent,
    )


def _run(command: list[str], hint: str, cwd: Path = ROOT) -> None:
    environment = {**os.environ, "PATH": f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    finished = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode:
        _stop(f"{(finished.stdout + finished.stderr)[-2000:]}\n{hint}")


def _stop(message: str) -> None:
    print(message, file=sys.stderr)
    raise SystemExit(3)

"""The command in this process, and one running home a module with the four organisations of ``examples/``."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.node import find_anvil
from ledger.chain.process import find_free_port
from ledger.cli.main import main
from ledger.errors import ConfigurationError

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
ORGANISATIONS: Mapping[str, tuple[str, ...]] = {
    "cell-maker": ("make", "measure", "trade", "member"),
    "car-maker": ("make", "trade", "member"),
    "workshop": ("service", "inspect", "measure", "insure", "register", "trade", "member"),
    "recycler": ("second_life", "recycle", "measure", "member"),
}
NAMESPACES: Mapping[str, tuple[str, ...]] = {
    "cell-maker": ("gs1:9521000001",),
    "car-maker": ("wmi:VCU", "bpn:BPNLVCUDEMOCARS1"),
    "workshop": (),
    "recycler": ("gs1:9521000003",),
}


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Vinculum = Callable[..., Ran]


def run(*arguments: str | Path, stdin: bytes = b"", folder: Path | None = None) -> Ran:
    """Run ``vinculum`` in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    before = sys.stdin
    place = contextlib.chdir(folder) if folder is not None else contextlib.nullcontext()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _file(stdin) as given, place:
        sys.stdin = given
        try:
            with pytest.raises(SystemExit) as end:
                main([str(argument) for argument in arguments])
        finally:
            sys.stdin = before
    assert isinstance(end.value.code, int)
    return Ran(end.value.code, _text(out), _text(err))


@contextlib.contextmanager
def _file(data: bytes) -> Iterator[io.TextIOWrapper]:
    with tempfile.TemporaryFile("w+b") as file:
        file.write(data)
        file.seek(0)
        yield io.TextIOWrapper(file)


def _text(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home with quick settings; its path is in VINCULUM_HOME."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("cli") / "home"
        patch.setenv("VINCULUM_HOME", str(home))
        patch.setenv("VINCULUM_PASSPHRASE", "correct horse battery staple")
        patch.setenv("VINCULUM_KEYS__SCRYPT_N", "1024")
        patch.setenv("VINCULUM_CHAIN__BLOCK_TIME_SECONDS", "0.2")
        patch.setenv("VINCULUM_CHAIN__PORT", str(find_free_port()))
        patch.setenv("COLUMNS", "200")
        yield home


@pytest.fixture(scope="module")
def home(quick: Path) -> Iterator[Path]:
    """A running home with four organisations."""
    try:
        find_anvil()
    except ConfigurationError as missing:
        pytest.skip(str(missing))
    assert run("init").code == 0
    assert run("up").code == 0
    try:
        for name, roles in ORGANISATIONS.items():
            words = [word for role in roles for word in ("--role", role)]
            words += [word for prefix in NAMESPACES[name] for word in ("--namespace", prefix)]
            added = run("org", "add", name, "--title", f"The {name}", *words)
            assert added.code == 0, added
        yield quick
    finally:
        run("down")

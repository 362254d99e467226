"""What a device's settings name, where it is a pipe: nothing waits for it, and the fault is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import VinculumError
from light_node.cli.main import main
from tests.light_node.waiting import alarm


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    with alarm():
        yield


def attest(folder: Path, *words: str) -> int:
    return main(["attest", "--settings", str(folder / "edge.toml"), *words])


@pytest.mark.parametrize(
    ("name", "words", "code"),
    [
        ("edge.toml", ("status",), 2),
        ("trust.json", ("status",), 2),
        (".vinculum-light/trust.json", ("status",), 2),
        (".vinculum-light/head.json", ("status",), 2),
        ("device.pem", ("key",), 2),
        ("limits.toml", ("key",), 2),
        ("pack.dbc", ("take", "--candump", "drive.log"), 2),
        ("signals.toml", ("take", "--candump", "drive.log"), 2),
        ("drive.log", ("take", "--candump", "drive.log"), 3),
        ("queue.db", ("take",), 3),
        ("queue.db", ("status",), 3),
    ],
)
def test_a_pipe_is_waited_for_nowhere(
    folder: Path,
    name: str,
    words: tuple[str, ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    attest(folder, "key", "--new")
    with (folder / "edge.toml").open("a") as settings:
        settings.write('[limits]\ntable = "limits.toml"\n' if name == "limits.toml" else "")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name, 0o600)
    capsys.readouterr()
    assert attest(folder, *words) == code
    out, err = capsys.readouterr()
    assert (out, "Traceback" in err) == ("", False)
    assert Path(name).name in err or "queue" in err


def test_a_pin_does_not_come_through_a_pipe(tmp_path: Path) -> None:
    pytest.importorskip("pkcs11")
    from light_node.edge.opening import open_signer  # noqa: PLC0415

    os.mkfifo(tmp_path / "pin")
    key = {"library": "none.so", "token": "edge", "label": "key", "pin_file": str(tmp_path / "pin")}
    with pytest.raises(VinculumError, match="not a regular file"), open_signer(key):
        pass

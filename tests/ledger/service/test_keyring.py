"""Keystores: what opens them, and everything that does not."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from eth_account import Account

from ledger.errors import ConfigurationError
from ledger.service.keyring import Keyring, passphrase_source

KEY, SECRETS = bytes(range(1, 33)), {"issuer": b"\x01" * 32, "recipient": b"\x02" * 96}


def ring(folder: Path, phrase: str = "open sesame") -> Keyring:
    return Keyring(folder, lambda: phrase, 1024)


def opened(keyring: Keyring) -> tuple[object, object]:
    keys = keyring.unlock_all(["maker"])[0]
    return keys.account, keys.secrets


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    ring(tmp_path).create("maker", KEY, SECRETS)
    return tmp_path


def test_keys_come_back_from_disk(stored: Path) -> None:
    keys = ring(stored).unlock("maker")
    assert keys.secrets == SECRETS
    assert bytes(keys.account.key) == KEY
    assert ring(stored).names() == ["maker"]


def test_account_file_is_what_every_wallet_reads(stored: Path) -> None:
    keystore = json.loads((stored / "maker" / "account.json").read_text())
    assert keystore["version"] == 3
    assert bytes(Account.decrypt(keystore, "open sesame")) == KEY


def test_files_are_for_the_owner_alone(stored: Path) -> None:
    for name in ("account.json", "secrets.json"):
        assert stat.S_IMODE((stored / "maker" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((stored / "maker").stat().st_mode) == 0o700


def test_no_secret_stands_in_the_files(stored: Path) -> None:
    content = b"".join(path.read_bytes() for path in stored.rglob("*.json"))
    for secret in (KEY, *SECRETS.values()):
        assert secret not in content
        assert secret.hex().encode() not in content


def test_keys_are_never_overwritten(stored: Path) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        ring(stored).create("maker", KEY, SECRETS)


def test_wrong_passphrase_is_refused(stored: Path) -> None:
    with pytest.raises(ConfigurationError, match="passphrase"):
        opened(ring(stored, "open barley"))


def test_unknown_name_lists_what_there_is(stored: Path) -> None:
    with pytest.raises(ConfigurationError, match="maker"):
        ring(stored).unlock("taker")


@pytest.mark.parametrize("name", ["", "..", "a/b", "a b", "ü", "a\x00"])
def test_names_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        ring(tmp_path).create(name, KEY, SECRETS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda box: box.update(version=2),
        lambda box: box.update(n=512),
        lambda box: box.update(n=2048),
        lambda box: box.update(n=2**40),
        lambda box: box.update(n="many"),
        lambda box: box.update(salt="AAAA"),
        lambda box: box.update(nonce="!"),
        lambda box: box.update(ciphertext=box["ciphertext"][:-8] + "AAAAAAA="),
        lambda box: box.pop("ciphertext"),
    ],
)
def test_damaged_box_is_refused(stored: Path, damage: object) -> None:
    path = stored / "maker" / "secrets.json"
    box = json.loads(path.read_text())
    damage(box)  # type: ignore[operator]
    path.write_text(json.dumps(box))
    with pytest.raises(ConfigurationError):
        opened(ring(stored))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"x" * 70_000])
@pytest.mark.parametrize("name", ["account.json", "secrets.json"])
def test_any_other_file_is_refused(stored: Path, name: str, content: bytes) -> None:
    (stored / "maker" / name).write_bytes(content)
    with pytest.raises(ConfigurationError):
        opened(ring(stored))


def test_passphrase_comes_from_the_file_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VINCULUM_PASSPHRASE", "from the environment")
    file = tmp_path / "phrase"
    file.write_text("from the file\n")
    assert passphrase_source(file, None)() == "from the file"
    assert passphrase_source(None, None)() == "from the environment"


def test_without_any_source_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VINCULUM_PASSPHRASE", raising=False)
    with pytest.raises(ConfigurationError, match="VINCULUM_PASSPHRASE"):
        passphrase_source(None, None)()
    with pytest.raises(ConfigurationError, match="passphrase file"):
        passphrase_source(tmp_path / "none", None)()
    assert passphrase_source(None, lambda: "typed")() == "typed"


def test_address_is_read_without_a_passphrase(stored: Path) -> None:
    def nobody() -> str:
        raise AssertionError("asked for the passphrase")

    address = Keyring(stored, nobody, 1024).address("maker")
    assert address.hex() == Account.from_key(KEY).address[2:].lower()


@pytest.mark.parametrize("address", [None, "", "0x12", "zz" * 20])
def test_keystore_that_names_no_account_is_refused(stored: Path, address: object) -> None:
    path = stored / "maker" / "account.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "address": address}))
    with pytest.raises(ConfigurationError):
        ring(stored).address("maker")

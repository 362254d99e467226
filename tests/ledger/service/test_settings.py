"""Settings and the contracts file: every wrong one is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ledger.chain.contracts import Deployment
from ledger.errors import ConfigurationError
from ledger.event import AssetType
from ledger.service.contracts import Contracts, load_contracts, origin_of, save_contracts
from ledger.service.settings import load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VINCULUM_")]:
        monkeypatch.delenv(name)


def write(folder: Path, text: str) -> Path:
    (folder / "vinculum.toml").write_text(text)
    return folder


def test_missing_file_means_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.home == tmp_path
    assert settings.chain_url.startswith("http://127.0.0.1:")
    assert settings.index_url == f"sqlite:///{tmp_path / 'index.db'}"


def test_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VINCULUM_CHAIN__PORT", "9001")
    settings = load_settings(write(tmp_path, '[chain]\nport = 9000\nhost = "localhost"\n'))
    assert (settings.chain.port, settings.chain.host) == (9001, "localhost")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[chain]\nport = 0\n", "chain.port"),
        ("[chain]\nport = 70000\n", "chain.port"),
        ("[chain]\nblock_time_seconds = 0\n", "chain.block_time_seconds"),
        ("[chain]\ncolour = 1\n", "chain.colour"),
        ("[colour]\nred = 1\n", "colour"),
        ('[documents]\nstore = "cloud"\n', "documents.store"),
        ("[keys]\nscrypt_n = 16\n", "keys.scrypt_n"),
        ('[chain]\nblock_hash_rule = "any"\n', "chain.block_hash_rule"),
        ("[trust]\nwitness_threshold = 0\n", "trust.witness_threshold"),
        ('[trust]\nfinality = "votes"\n', "trust.finality"),
        ('[trust]\nfinality = "validators"\n', "block_hash_rule = qbft"),
        ('[trust]\nvalidator_source = "header"\n', "trust.validator_source"),
        ("[trust]\nvalidators_from_block = -1\n", "trust.validators_from_block"),
        ('[council]\nvalidators = ["0x00"]\n', "council.validators.0"),
        ('[council]\nvalidators = "0x00"\n', "council.validators"),
        ('[sharing]\nrecipients = "recycler"\n', "sharing.recipients"),
        ("[chain\n", "TOML"),
    ],
)
def test_wrong_setting_is_named(tmp_path: Path, text: str, names: str) -> None:
    with pytest.raises(ConfigurationError, match=names):
        load_settings(write(tmp_path, text))


LOGS = {kind: (bytes([number]) * 20,) for number, kind in enumerate(AssetType, start=1)}
DEPLOYMENT = Deployment(84600, b"\xaa" * 20, LOGS, 3)
CONTRACTS = Contracts(DEPLOYMENT, origin_of(DEPLOYMENT))


def test_contracts_come_back(tmp_path: Path) -> None:
    save_contracts(tmp_path, CONTRACTS)
    assert load_contracts(tmp_path) == CONTRACTS


def test_contracts_are_never_overwritten(tmp_path: Path) -> None:
    save_contracts(tmp_path, CONTRACTS)
    with pytest.raises(ConfigurationError, match="already"):
        save_contracts(tmp_path, CONTRACTS)


def test_missing_contracts_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="vinculum up"):
        load_contracts(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"consortium": "0x12"},
        {"consortium": "0x" + "AA" * 20},
        {"consortium": None},
        {"logs": {}},
        {"logs": {"battery": [], "vehicle": ["0x" + "02" * 20], "part": ["0x" + "03" * 20]}},
        {"logs": {"boat": ["0x" + "02" * 20]}},
        {"logs": None},
    ],
)
def test_unusable_contracts_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    save_contracts(tmp_path, CONTRACTS)
    path = tmp_path / "contracts.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ConfigurationError):
        load_contracts(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"version":1,"version":1}'])
def test_any_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "contracts.json").write_bytes(content)
    with pytest.raises(ConfigurationError):
        load_contracts(tmp_path)

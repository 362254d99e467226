"""The device's key in a file: only its owner may read it, and only a P-256 key is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ledger.credential.jose import verify_signature
from ledger.errors import ConfigurationError
from light_node.edge.keys import create_key_file, load_key_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "device.pem"


def write(path: Path, key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b"") -> None:
    lock = BestAvailableEncryption(password) if password else NoEncryption()
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    path.chmod(0o600)


def test_a_key_is_made_for_its_owner_alone_and_read_again(path: Path) -> None:
    made, read = create_key_file(path), load_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert made.public == read.public
    verify_signature(read.public, b"message", made.sign(b"message"))


def test_a_key_is_never_overwritten(path: Path) -> None:
    create_key_file(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match="exists"):
        create_key_file(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o644, 0o777])
def test_a_key_that_others_can_get_at_is_refused(path: Path, mode: int) -> None:
    create_key_file(path)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_key_file(path)


def test_a_key_that_its_owner_can_only_read_is_fine(path: Path) -> None:
    create_key_file(path)
    path.chmod(0o400)
    load_key_file(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(ConfigurationError):
            load_key_file(path)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()])
def test_a_key_on_another_curve_is_refused(path: Path, curve: ec.EllipticCurve) -> None:
    write(path, ec.generate_private_key(curve))
    with pytest.raises(ConfigurationError, match="P-256"):
        load_key_file(path)


def test_another_or_an_encrypted_key_is_refused(path: Path) -> None:
    for key, password in ((ed25519.Ed25519PrivateKey.generate(), b""), (ec.generate_private_key(ec.SECP256R1()), b"x")):
        write(path, key, password)
        with pytest.raises(ConfigurationError, match="P-256"):
            load_key_file(path)


@pytest.mark.parametrize("data", [b"", b"junk", b"\xff" * 20_000])
def test_junk_is_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError):
        load_key_file(path)

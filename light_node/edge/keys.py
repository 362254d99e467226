"""The device's key: a port, and the key in a file that only its owner can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ipfs.files import open_regular
from ledger.credential.jose import Algorithm, PublicKey
from ledger.credential.signing import Random, SigningKey, generate_private_key, sign, signing_key
from ledger.errors import ConfigurationError, MalformedError

MAX_BYTES = 16 * 1024
MODE = 0o600


class DeviceSigner(Protocol):
    """Signs for a device. Holds nothing that must be durable; a call may take as long as the hardware does."""

    @property
    def public(self) -> PublicKey:
        """The public half, as it is enrolled on chain."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of an ES256 signature over ``message``, with s in the lower half.

        Raises: SourceError, where the hardware does not answer; the caller retries.
        """
        ...


class FileSigner:
    """A key in memory, from a file."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self._key.public

    def sign(self, message: bytes) -> bytes:
        """Sign, without randomness."""
        return sign(self._key, message)


def create_key_file(path: Path, random: Random = os.urandom) -> FileSigner:
    """Make a key and its file, PKCS#8 in PEM, with mode 600; durable when it returns.

    Raises: ConfigurationError, where the file is there already or cannot be made.
    """
    key = generate_private_key(Algorithm.ES256, random)
    assert isinstance(key.private, ec.EllipticCurvePrivateKey)  # noqa: S101 - for mypy: ES256 keys are
    data = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _flush_folder(path.parent)
    except OSError as error:
        raise ConfigurationError(f"key file {path.name}: {error.strerror}") from None
    return FileSigner(key)


def load_key_file(path: Path) -> FileSigner:
    """Read a key: P-256, PKCS#8 or SEC 1 in PEM, not encrypted.

    Raises: ConfigurationError, where it cannot be read, is no such key, belongs to somebody else, or group or others
        may read or write it.
    """
    try:
        with open_regular(path) as file:
            _check_mode(path, os.fstat(file.fileno()))
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"key file {path.name}: {error.strerror}") from None
    try:
        native = load_pem_private_key(data, None)
        if not isinstance(native, ec.EllipticCurvePrivateKey) or len(data) > MAX_BYTES:
            raise ValueError
        return FileSigner(signing_key(native))
    except (ValueError, TypeError, MalformedError):
        raise ConfigurationError(f"key file {path.name}: not an unencrypted P-256 key in PEM") from None


def _check_mode(path: Path, status: os.stat_result) -> None:
    if stat.S_IMODE(status.st_mode) & 0o077:
        mode = f"{stat.S_IMODE(status.st_mode):03o}"
        raise ConfigurationError(f"key file {path.name}: mode {mode} lets others at it; chmod 600")
    if status.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(f"key file {path.name}: belongs to another user")


def _flush_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

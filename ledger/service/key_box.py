"""One encrypted file of private keys: AES-256-GCM under scrypt, as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import ConfigurationError

_R, _P = 8, 1
_MAX_FILE_BYTES = 64 * 1024


def seal_box(private: Mapping[str, bytes], phrase: str, scrypt_n: int) -> dict[str, object]:
    """Encrypt private bytes by purpose."""
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    plain = json.dumps({name: value.hex() for name, value in private.items()}).encode()
    sealed = AESGCM(_derive(phrase, salt, scrypt_n)).encrypt(nonce, plain, _associated(scrypt_n))
    text = {"salt": salt, "nonce": nonce, "ciphertext": sealed}
    return {
        "version": 1,
        "kdf": "scrypt",
        "n": scrypt_n,
        "r": _R,
        "p": _P,
        "cipher": "aes-256-gcm",
        **{name: base64.b64encode(value).decode() for name, value in text.items()},
    }


def open_box(box: dict[str, Any], phrase: str) -> dict[str, bytes]:
    """Decrypt what ``seal_box`` made.

    Raises: ConfigurationError, where the passphrase is wrong or the box is damaged.
    """
    try:
        scrypt_n = int(box["n"])
        salt, nonce, sealed = (base64.b64decode(box[name], validate=True) for name in ("salt", "nonce", "ciphertext"))
        if box["version"] != 1 or not 1024 <= scrypt_n <= 2**22:
            raise ConfigurationError("a keystore of another version or with an unusable work factor")
        plain = AESGCM(_derive(phrase, salt, scrypt_n)).decrypt(nonce, sealed, _associated(scrypt_n))
    except InvalidTag:
        raise ConfigurationError("the passphrase does not open the keystore, or the keystore is damaged") from None
    except (KeyError, ValueError, TypeError) as error:
        raise ConfigurationError(f"the keystore is damaged: {error}") from None
    return {name: bytes.fromhex(value) for name, value in json.loads(plain).items()}


def read_box(path: Path) -> dict[str, Any]:
    """Read a JSON file of keys.

    Raises: ConfigurationError, where it cannot be one.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigurationError(f"{path.name} is too large for a keystore")
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path.name} cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise ConfigurationError(f"{path.name} is not a keystore")
    return value


def _derive(phrase: str, salt: bytes, scrypt_n: int) -> bytes:
    memory = 128 * _R * scrypt_n + 1024 * 1024
    return hashlib.scrypt(phrase.encode("utf-8"), salt=salt, n=scrypt_n, r=_R, p=_P, dklen=32, maxmem=memory)


def _associated(scrypt_n: int) -> bytes:
    return b"vinculum/keystore/1/%d" % scrypt_n

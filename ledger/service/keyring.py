"""Encrypted keystores, one folder an organisation.

``account.json``  the chain account, Ethereum keystore version 3 (what eth-account and every wallet read)
``secrets.json``  issuer key, recipient key and witness key: one AES-256-GCM box under scrypt

The passphrase never stands on a command line: it comes from a file, ``VINCULUM_PASSPHRASE`` or a prompt.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.errors import ConfigurationError
from ledger.service.files import write_durably

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

ADDRESS_BYTES = 20
_R, _P = 8, 1
_MAX_FILE_BYTES = 64 * 1024


class Keys:
    """The keys of one organisation, each file decrypted when it is first needed: scrypt takes its time.

    Reading either property raises ConfigurationError where the file is damaged or the passphrase is wrong.
    """

    def __init__(
        self, name: str, account: Callable[[], LocalAccount], secrets: Callable[[], Mapping[str, bytes]]
    ) -> None:
        self.name, self._account, self._secrets = name, account, secrets

    @cached_property
    def account(self) -> LocalAccount:
        """The chain account."""
        return self._account()

    @cached_property
    def secrets(self) -> Mapping[str, bytes]:
        """Raw private bytes by purpose."""
        return self._secrets()


class Keyring:
    """Keystores below one folder, unlocked at first use and kept for this process."""

    def __init__(self, folder: Path, passphrase: Callable[[], str], scrypt_n: int) -> None:
        self._folder, self._passphrase, self._scrypt_n = folder, passphrase, scrypt_n
        self._unlocked: dict[str, Keys] = {}

    def names(self) -> list[str]:
        """Names of the organisations with a keystore here."""
        return sorted(path.parent.name for path in self._folder.glob("*/account.json"))

    def create(self, name: str, account_key: bytes, private: Mapping[str, bytes]) -> Keys:
        """Encrypt and store new keys.

        Args:
            name: Folder name: letters, digits, ``-`` and ``_``.
            account_key: secp256k1 scalar, 32 bytes.
            private: Raw private keys by purpose.

        Raises: ConfigurationError, where keys of that name exist: nothing is overwritten.
        """
        folder = self._place(name)
        if (folder / "account.json").exists():
            raise ConfigurationError(f"there are keys for {name!r} already")
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        phrase = self._phrase
        write_durably(folder / "secrets.json", json.dumps(_seal(private, phrase, self._scrypt_n)).encode(), mode=0o600)
        keystore = _accounts().encrypt(account_key, phrase, kdf="scrypt", iterations=self._scrypt_n)
        write_durably(folder / "account.json", json.dumps(keystore).encode(), mode=0o600)
        self._unlocked[name] = Keys(name, lambda: _accounts().from_key(account_key), lambda: dict(private))
        return self._unlocked[name]

    def unlock(self, name: str) -> Keys:
        """The keys of one organisation, decrypted where they are used.

        Raises: ConfigurationError, where there are none.
        """
        if name not in self._unlocked:
            folder = self._existing(name)
            self._unlocked[name] = Keys(
                name,
                lambda: _account(_read(folder / "account.json"), self._phrase),
                lambda: _open(_read(folder / "secrets.json"), self._phrase),
            )
        return self._unlocked[name]

    def unlock_all(self, names: Sequence[str]) -> list[Keys]:
        """The keys of several organisations, their secrets decrypted side by side.

        Raises: ConfigurationError, where there are none, a file is damaged, or the passphrase is wrong.
        """
        unlocked = [self.unlock(name) for name in names]
        if unlocked:
            self._phrase  # noqa: B018 - asked once, before the threads need it
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            list(pool.map(lambda keys: keys.secrets, unlocked))
        return unlocked

    def address(self, name: str) -> bytes:
        """The address of an organisation's chain account, 20 bytes; it stands in the keystore in the clear.

        Raises: ConfigurationError, where there is none.
        """
        path = self._existing(name) / "account.json"
        try:
            address = bytes.fromhex(str(_read(path)["address"]).removeprefix("0x"))
        except (KeyError, ValueError):
            raise ConfigurationError(f"{path.name} of {name!r} names no account") from None
        if len(address) != ADDRESS_BYTES:
            raise ConfigurationError(f"{path.name} of {name!r} names no account")
        return address

    @cached_property
    def _phrase(self) -> str:
        return self._passphrase()

    def _existing(self, name: str) -> Path:
        folder = self._place(name)
        if not (folder / "account.json").exists():
            known = ", ".join(self.names()) or "none"
            raise ConfigurationError(f"there are no keys for {name!r} here (keys: {known})")
        return folder

    def _place(self, name: str) -> Path:
        if not name or not all(character.isalnum() or character in "-_" for character in name) or not name.isascii():
            raise ConfigurationError(f"{name!r} is no name for keys: use letters, digits, - and _")
        return self._folder / name


def passphrase_source(file: Path | None, prompt: Callable[[], str] | None) -> Callable[[], str]:
    """Say where the passphrase comes from: the file, else ``VINCULUM_PASSPHRASE``, else the prompt."""

    def read() -> str:
        if file is not None:
            try:
                return file.read_text("utf-8").rstrip("\r\n")
            except OSError as error:
                raise ConfigurationError(f"the passphrase file cannot be read: {error}") from None
        from_environment = os.environ.get("VINCULUM_PASSPHRASE")
        if from_environment:
            return from_environment
        if prompt is None:
            raise ConfigurationError(
                "a passphrase is needed: set keys.passphrase_file or VINCULUM_PASSPHRASE, or run in a terminal"
            )
        return prompt()

    return read


def _seal(private: Mapping[str, bytes], phrase: str, scrypt_n: int) -> dict[str, object]:
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


def _open(box: dict[str, Any], phrase: str) -> dict[str, bytes]:
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


def _accounts() -> Any:
    from eth_account import Account  # noqa: PLC0415 - half a second, for commands that need no account

    return Account


def _account(keystore: dict[str, Any], phrase: str) -> LocalAccount:
    try:
        return cast("LocalAccount", _accounts().from_key(_accounts().decrypt(keystore, phrase)))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"the passphrase does not open the chain account: {error}") from None


def _read(path: Path) -> dict[str, Any]:
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

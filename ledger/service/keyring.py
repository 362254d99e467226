"""Encrypted keystores, one folder an organisation.

``account.json``  the chain account, Ethereum keystore version 3 (what eth-account and every wallet read)
``secrets.json``  the first issuer key, recipient key and witness key: one AES-256-GCM box under scrypt
``issuer-2.json``, ``issuer-3.json`` …  issuer keys that came later, each in a box of its own beside its thumbprint

The passphrase never stands on a command line: it comes from a file, ``VINCULUM_PASSPHRASE`` or a prompt.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.errors import ConfigurationError, MalformedError
from ledger.service.files import write_durably
from ledger.service.key_box import open_box, read_box, seal_box

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

ADDRESS_BYTES = 20
_LATER = re.compile(r"issuer-([2-9]|[1-9][0-9]{1,5})\.json", re.ASCII)


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
        self._later: dict[tuple[str, int], bytes] = {}

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
        write_durably(
            folder / "secrets.json", json.dumps(seal_box(private, phrase, self._scrypt_n)).encode(), mode=0o600
        )
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
                lambda: _account(read_box(folder / "account.json"), self._phrase),
                lambda: open_box(read_box(folder / "secrets.json"), self._phrase),
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
            address = bytes.fromhex(str(read_box(path)["address"]).removeprefix("0x"))
        except (KeyError, ValueError):
            raise ConfigurationError(f"{path.name} of {name!r} names no account") from None
        if len(address) != ADDRESS_BYTES:
            raise ConfigurationError(f"{path.name} of {name!r} names no account")
        return address

    def later_issuers(self, name: str) -> dict[int, bytes]:
        """Thumbprints (32 bytes) of the issuer keys that came after the first, by the numbers of their files.

        Raises: ConfigurationError, where there are no keys of that name, or a file names no thumbprint.
        """
        numbers = [int(match[1]) for path in self._existing(name).iterdir() if (match := _LATER.fullmatch(path.name))]
        return {number: self._thumbprint(name, number) for number in sorted(numbers)}

    def later_issuer(self, name: str, number: int) -> bytes:
        """The private bytes of an issuer key that came later.

        Raises: ConfigurationError, where the file is missing or damaged, or the passphrase is wrong.
        """
        if (name, number) not in self._later:
            opened = open_box(read_box(self._later_path(name, number)), self._phrase)
            if "issuer" not in opened:
                raise ConfigurationError(f"issuer-{number}.json of {name!r} holds no issuer key")
            self._later[name, number] = opened["issuer"]
        return self._later[name, number]

    def add_issuer(self, name: str, private: bytes, thumbprint: bytes) -> int:
        """Encrypt and store a further issuer key in a file of its own; nothing is overwritten.

        Args:
            name: Whose.
            private: Raw private bytes.
            thumbprint: Of the public key, 32 bytes; stands in the file in the clear.

        Returns: The number of the file.
        """
        number = max(self.later_issuers(name), default=1) + 1
        box = seal_box({"issuer": private}, self._phrase, self._scrypt_n)
        text = json.dumps({"thumbprint": encode_base64url(thumbprint)} | box)
        write_durably(self._later_path(name, number), text.encode(), mode=0o600)
        self._later[name, number] = private
        return number

    def _thumbprint(self, name: str, number: int) -> bytes:
        stated = read_box(self._later_path(name, number)).get("thumbprint")
        try:
            return parse_base64url(stated, "thumbprint", size=32)
        except MalformedError:
            raise ConfigurationError(f"issuer-{number}.json of {name!r} names no key") from None

    def _later_path(self, name: str, number: int) -> Path:
        return self._existing(name) / f"issuer-{number}.json"

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


def _accounts() -> Any:
    from eth_account import Account  # noqa: PLC0415 - half a second, for commands that need no account

    return Account


def _account(keystore: dict[str, Any], phrase: str) -> LocalAccount:
    try:
        return cast("LocalAccount", _accounts().from_key(_accounts().decrypt(keystore, phrase)))
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"the passphrase does not open the chain account: {error}") from None

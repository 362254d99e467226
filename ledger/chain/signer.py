"""Who signs transactions: a port, and the signer over a key in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount


class Signer(Protocol):
    """Signs transactions of one account. Keeps nothing; the same transaction gives the same bytes (RFC 6979)."""

    @property
    def address(self) -> bytes:
        """The account, 20 bytes."""

    def sign(self, transaction: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return the signed bytes and their hash."""


class KeySigner:
    """Signs with a secp256k1 key held in memory."""

    def __init__(self, private_key: bytes) -> None:
        from eth_account import Account  # noqa: PLC0415 - half a second, for commands that never sign

        self._account: LocalAccount = Account.from_key(private_key)
        self.address = bytes.fromhex(self._account.address[2:])

    def sign(self, transaction: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return the signed bytes and their hash."""
        signed = self._account.sign_transaction(transaction)
        return bytes(signed.raw_transaction), bytes(signed.hash)

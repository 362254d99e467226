"""Keccak-256 as the EVM uses it (not SHA3-256: the padding differs)."""

from __future__ import annotations

try:
    from sha3 import keccak_256 as _new
except ImportError:  # no wheel for this platform: the slower library that every platform has
    from Crypto.Hash import keccak as _pycryptodome

    def keccak256(data: bytes) -> bytes:
        """Hash ``data``; returns 32 bytes."""
        return _pycryptodome.new(digest_bits=256, data=data).digest()

else:

    def keccak256(data: bytes) -> bytes:
        """Hash ``data``; returns 32 bytes."""
        return bytes(_new(data).digest())

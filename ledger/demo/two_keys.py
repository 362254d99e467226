"""One AES-GCM ciphertext that is authentic under two keys, and shows something else under each.

AES-GCM does not commit to its key: its tag is a linear function of the ciphertext, so whoever knows both keys solves
for ciphertext bits that give the same tag under both. This is why credentials commit to the key itself.

Source: Dodis, Grubbs, Ristenpart, Woodage, CRYPTO 2018 ("Fast Message Franking"); Grubbs, Lu, Ristenpart, CRYPTO 2017.
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK_BYTES = 16
_REDUCTION = 0xE1 << 120
_ALPHABET = 0x60
"""Free characters are 0x60 to 0x6F (a back-tick and ``a`` to ``o``): four free bits each, all of them plain text."""
_FREE_BITS = 4


def two_key_text(plain: bytes, free: range, keys: tuple[bytes, bytes], nonce: bytes, header: bytes) -> bytes:
    """Choose the free characters of a text so that its encryption under the first key opens under the second too.

    Args:
        plain: The text; its length does not change.
        free: Places in it that may hold any of 16 characters; 36 of them are enough but for a rare case.
        keys: Two AES-256 keys.
        nonce: 12 bytes.
        header: Associated data.

    Returns:
        The text. Encrypted under ``keys[0]``, its ciphertext and tag are authentic under ``keys[1]`` as well.

    Raises: ValueError, where there is no solution: take another key.
    """
    text = bytearray(plain)
    for place in free:
        text[place] = _ALPHABET
    wanted = _difference(bytes(text), keys, nonce, header)
    columns = [(place, bit) for place in free for bit in range(_FREE_BITS)]
    weights = [_effect(len(text), place, bit, keys) for place, bit in columns]
    for index in _solve(weights, wanted):
        place, bit = columns[index]
        text[place] ^= 1 << bit
    return bytes(text)


def keystream(key: bytes, nonce: bytes, size: int) -> bytes:
    """What AES-GCM adds to the text under a key and nonce."""
    encryptor = Cipher(algorithms.AES(key), modes.CTR(nonce + b"\0\0\0\2")).encryptor()
    return encryptor.update(bytes(size))


def _difference(text: bytes, keys: tuple[bytes, bytes], nonce: bytes, header: bytes) -> int:
    """How far apart the tags of one ciphertext are under the two keys."""
    stream = keystream(keys[0], nonce, len(text))
    ciphertext = bytes(a ^ b for a, b in zip(text, stream, strict=True))
    first, second = (_tag(ciphertext, key, nonce, header) for key in keys)
    return first ^ second


def _tag(ciphertext: bytes, key: bytes, nonce: bytes, header: bytes) -> int:
    hash_key, total = _hash_key(key), 0
    lengths = (len(header) * 8).to_bytes(8, "big") + (len(ciphertext) * 8).to_bytes(8, "big")
    for block in (*_blocks(header), *_blocks(ciphertext), lengths):
        total = _multiply(total ^ int.from_bytes(block, "big"), hash_key)
    mask = Cipher(algorithms.AES(key), modes.CTR(nonce + b"\0\0\0\1")).encryptor().update(bytes(BLOCK_BYTES))
    return total ^ int.from_bytes(mask, "big")


def _effect(size: int, place: int, bit: int, keys: tuple[bytes, bytes]) -> int:
    """What one bit of the ciphertext changes in the difference of the tags."""
    block = place // BLOCK_BYTES
    value = 1 << (8 * (BLOCK_BYTES - 1 - place % BLOCK_BYTES) + bit)
    exponent = (size + BLOCK_BYTES - 1) // BLOCK_BYTES - block + 1
    first, second = (_multiply(value, _power(_hash_key(key), exponent)) for key in keys)
    return first ^ second


def _solve(weights: Sequence[int], wanted: int) -> list[int]:
    """Indices of weights that add up to ``wanted`` over GF(2): Gaussian elimination."""
    pivots: dict[int, tuple[int, int]] = {}
    for index, weight in enumerate(weights):
        value, used = _reduce(weight, 1 << index, pivots)
        if value:
            pivots[value.bit_length()] = value, used
    rest, used = _reduce(wanted, 0, pivots)
    if rest:
        raise ValueError("no solution: too few free characters")
    return [index for index in range(len(weights)) if used >> index & 1]


def _reduce(value: int, used: int, pivots: dict[int, tuple[int, int]]) -> tuple[int, int]:
    while value and value.bit_length() in pivots:
        weight, parts = pivots[value.bit_length()]
        value, used = value ^ weight, used ^ parts
    return value, used


def _hash_key(key: bytes) -> int:
    return int.from_bytes(Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(bytes(BLOCK_BYTES)), "big")  # noqa: S305


def _blocks(data: bytes) -> list[bytes]:
    return [data[at : at + BLOCK_BYTES].ljust(BLOCK_BYTES, b"\0") for at in range(0, len(data), BLOCK_BYTES)]


def _power(value: int, exponent: int) -> int:
    result = 1 << 127
    while exponent:
        if exponent & 1:
            result = _multiply(result, value)
        value, exponent = _multiply(value, value), exponent >> 1
    return result


def _multiply(first: int, second: int) -> int:
    """Multiply in GF(2^128) as GCM does (NIST SP 800-38D, 6.3): bits are counted from the left."""
    product = 0
    for bit in range(127, -1, -1):
        if first >> bit & 1:
            product ^= second
        second = second >> 1 ^ (_REDUCTION if second & 1 else 0)
    return product

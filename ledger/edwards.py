"""Is a 32-byte string a point of edwards25519 that may serve as a public key?

OpenSSL loads any 32 bytes as an Ed25519 key. Under a key of small order one signature fits many messages, so such
keys are told apart here.
"""

from __future__ import annotations

from ledger.errors import MalformedError

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_MINUS_ONE = pow(2, (_P - 1) // 4, _P)


def check_ed25519_point(data: bytes) -> None:
    """Refuse what is not the canonical encoding of a point, or is a point of small order.

    Args:
        data: *Untrusted*; 32 bytes.

    Raises:
        MalformedError: y not below the field's prime, no such x, or an order that divides 8.

    Source: RFC 8032, 5.1.3; the orders of the curve's points are 1, 2, 4, 8 and multiples of the prime order.
    """
    y = int.from_bytes(data, "little") & (2**255 - 1)
    if y >= _P:
        raise MalformedError("Ed25519 key", "y is not below the field's prime")
    x, z = _recover_x(y, data[31] >> 7), 1
    for _ in range(3):
        x, y, z = _double(x, y, z)
    if x == 0 and y == z:
        raise MalformedError("Ed25519 key", "a point of small order")


def _recover_x(y: int, sign: int) -> int:
    """The root of numerator / denominator, by one power and no inverse (RFC 8032, 5.1.3, steps 2 and 3)."""
    numerator, denominator = (y * y - 1) % _P, (_D * y * y + 1) % _P
    cube = pow(denominator, 3, _P)
    x = numerator * cube * pow(numerator * cube * cube * denominator, (_P - 5) // 8, _P) % _P
    if denominator * x * x % _P != numerator:
        x = x * _SQRT_MINUS_ONE % _P
    if denominator * x * x % _P != numerator or (x == 0 and sign):
        raise MalformedError("Ed25519 key", "no point of the curve")
    return x if x & 1 == sign else _P - x


def _double(x: int, y: int, z: int) -> tuple[int, int, int]:
    """The sum of (x / z, y / z) with itself, written likewise; the curve's law is complete: no case is left out."""
    xx, yy, total = x * x % _P, y * y % _P, (x + y) * (x + y) % _P
    difference = (xx - yy) % _P
    rest = (2 * z * z + difference) % _P
    return (xx + yy - total) * rest % _P, (xx + yy) * difference % _P, rest * difference % _P

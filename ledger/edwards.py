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
    x = _recover_x(y, data[31] >> 7)
    for _ in range(3):
        x, y = _double(x, y)
    if x == 0 and y == 1:
        raise MalformedError("Ed25519 key", "a point of small order")


def _recover_x(y: int, sign: int) -> int:
    numerator, denominator = (y * y - 1) % _P, (_D * y * y + 1) % _P
    square = numerator * pow(denominator, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if x * x % _P != square:
        x = x * _SQRT_MINUS_ONE % _P
    if x * x % _P != square or (x == 0 and sign):
        raise MalformedError("Ed25519 key", "no point of the curve")
    return x if x & 1 == sign else _P - x


def _double(x: int, y: int) -> tuple[int, int]:
    """The affine sum of a point with itself; the curve's law is complete, so no case is left out."""
    product = _D * x * x * y * y % _P
    doubled_x = 2 * x * y * pow(1 + product, -1, _P) % _P
    return doubled_x, (y * y + x * x) * pow(1 - product, -1, _P) % _P

"""Points of edwards25519, against arithmetic that follows the curve's equation word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.edwards import check_ed25519_point
from ledger.errors import MalformedError

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def root_of(square: int) -> int | None:
    """A square root modulo P, by Euler's criterion."""
    root = pow(square, (P + 3) // 8, P)
    for candidate in (root, root * pow(2, (P - 1) // 4, P) % P):
        if candidate * candidate % P == square % P:
            return candidate
    return None


def sum_of(one: Point, other: Point) -> Point:
    """The affine law of the curve -x² + y² = 1 + d x² y²."""
    product = D * one[0] * other[0] * one[1] * other[1] % P
    x = (one[0] * other[1] + other[0] * one[1]) * pow(1 + product, -1, P) % P
    return x, (one[1] * other[1] + one[0] * other[0]) * pow(1 - product, -1, P) % P


def expected(data: bytes) -> str | None:
    """Why these bytes are refused, or None."""
    y = int.from_bytes(data, "little") & (2**255 - 1)
    if y >= P:
        return "prime"
    x = root_of((y * y - 1) * pow(D * y * y + 1, -1, P))
    if x is None or (x == 0 and data[31] >> 7):
        return "no point"
    point = x, y
    for _ in range(3):
        point = sum_of(point, point)
    return "small order" if point == (0, 1) else None


@given(st.binary(min_size=32, max_size=32))
def test_any_bytes(data: bytes) -> None:
    why = expected(data)
    if why is None:
        check_ed25519_point(data)
    else:
        with pytest.raises(MalformedError, match=why):
            check_ed25519_point(data)


@pytest.mark.parametrize("y", [*range(64), *range(P - 64, P + 19)])
@pytest.mark.parametrize("sign", [0, 1])
def test_the_ends_of_the_field(y: int, sign: int) -> None:
    test_any_bytes.hypothesis.inner_test((y | sign << 255).to_bytes(32, "little"))  # type: ignore[attr-defined]

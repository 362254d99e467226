"""Reading the vectors of the proofs: each has a description and, where it is to be refused, the error and its words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import VerificationError

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "proof"

Vector = dict[str, Any]


def vectors(name: str, part: str = "vectors", *, refused: bool | None = None) -> pytest.MarkDecorator:
    """Parametrise a test with the vectors of a file: all, the refused, or the accepted."""
    found = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))[part]
    chosen = [one for one in found if refused is None or refused == ("error" in one)]
    assert chosen
    names = [one.get("description") or one.get("function") or one.get("prefix") for one in chosen]
    return pytest.mark.parametrize("vector", chosen, ids=names)


def octets(text: str) -> bytes:
    """Read 0x and hexadecimal."""
    return bytes.fromhex(text.removeprefix("0x"))


def assert_refused(vector: Vector, call: Callable[[], object]) -> None:
    """Demand exactly the error of the vector."""
    with pytest.raises(VerificationError) as caught:
        call()
    assert type(caught.value).__name__ == vector["error"], caught.value
    assert vector["why"] in str(caught.value)

"""Documents for intake: built by tests, or published by others."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ledger.errors import DocumentError
from ledger.event import Document
from ledger.intake.assets import IntakeHint
from ledger.intake.document import parse_document

AS_OF = datetime(2026, 11, 21, 12, tzinfo=UTC)
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"

Accept = Callable[..., Document]
Refuse = Callable[..., dict[str, str]]


def encoded(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.fixture
def accept() -> Accept:
    """Parse a document that must be accepted."""

    def run(value: object, hint: IntakeHint | None = None) -> Document:
        return parse_document(encoded(value), as_of=AS_OF, hint=hint)

    return run


@pytest.fixture
def refuse() -> Refuse:
    """Parse a document that must be refused; returns code by pointer."""

    def run(value: object, hint: IntakeHint | None = None) -> dict[str, str]:
        with pytest.raises(DocumentError) as caught:
            parse_document(encoded(value), as_of=AS_OF, hint=hint)
        assert all(fault.severity == "error" and fault.message for fault in caught.value.faults)
        return {fault.pointer: fault.code for fault in caught.value.faults}

    return run


def example(name: str) -> object:
    return json.loads((EXAMPLES / name).read_text("utf-8"))

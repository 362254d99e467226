"""Keys, readings and signed batches for tests of the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ledger.credential.jose import Algorithm, SigningKey, generate_private_key, sign
from light_node.edge.batch import OpenBatch
from light_node.edge.reading import GOOD, Quality, Reading, encode_reading
from light_node.edge.statement import Statement, VerifiedStatement, sign_statement
from tests.simulator.chain import Noise

NOW_US = 1_790_000_000_000_000
SECOND = 1_000_000
LOG = "eip155:31337:0x" + "b1" * 20
SUBJECT, OTHER_SUBJECT = b"\x01" * 32, b"\x02" * 32


def new_key(seed: str = "device") -> SigningKey:
    return generate_private_key(Algorithm.ES256, Noise(seed))


KEY, OTHER_KEY = new_key(), new_key("other")


def reading(number: int, **changes: object) -> Reading:
    """A good reading, one a second."""
    return Reading("voltage", 380 + number % 100 / 10, "volt", NOW_US + number * SECOND, "can0/BMS")._replace(**changes)  # type: ignore[arg-type]


def leaves_of(*numbers: int, quality: Quality = GOOD) -> list[bytes]:
    return [encode_reading(reading(number), quality) for number in numbers]


def joined(leaves: Sequence[bytes]) -> bytes:
    return b"".join(leaf + b"\n" for leaf in leaves)


def stated(
    numbers: Sequence[int], sequence: int = 0, previous: bytes | None = None, subject: bytes = SUBJECT
) -> Statement:
    batch = OpenBatch(sequence, previous, NOW_US)
    for number in numbers:
        batch.add(encode_reading(reading(number), GOOD), reading(number).taken_at_us, GOOD)
    return batch.close(LOG, subject, NOW_US + 3600 * SECOND)


def signed(statement: Statement, key: SigningKey = KEY, **changes: object) -> VerifiedStatement:
    return sign_statement(replace(statement, **changes), key.public, lambda message: sign(key, message))  # type: ignore[arg-type]


def chained(count: int, key: SigningKey = KEY, size: int = 3) -> list[VerifiedStatement]:
    """An honest chain of batches."""
    chain: list[VerifiedStatement] = []
    for sequence in range(count):
        previous = chain[-1].digest if chain else None
        numbers = range(sequence * size, (sequence + 1) * size)
        chain.append(signed(stated(numbers, sequence, previous), key))
    return chain

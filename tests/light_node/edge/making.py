"""Keys, readings and signed batches for tests of the edge."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from ledger.credential.jose import Algorithm
from ledger.credential.signing import SigningKey, generate_private_key, sign
from light_node.edge.attester import Attester, EdgeAsset
from light_node.edge.batch import BatchLimits, OpenBatch, split_leaves, verify_readings
from light_node.edge.keys import FileSigner
from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue
from light_node.edge.reading import GOOD, Quality, Reading, encode_reading, parse_reading
from light_node.edge.receipt import VerifiedInclusion
from light_node.edge.statement import Statement, VerifiedStatement, parse_statement, sign_statement, verify_statement
from light_node.trust import TrustedBlock
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


ASSET, OTHER_ASSET = EdgeAsset(SUBJECT, LOG), EdgeAsset(OTHER_SUBJECT, LOG.replace("b1", "b2"))
HEAD = TrustedBlock(9, b"\x09" * 32, 1_790_003_600)


def attester(
    queue: Queue, *, readings: int = 4, now_us: int = NOW_US + 3600 * SECOND, key: SigningKey = KEY
) -> Attester:
    """An attester whose clock stands still and whose batches are small."""
    limits = BatchLimits(readings=readings, age_us=7200 * SECOND)
    return Attester(queue, FileSigner(key), batches=limits, clock=lambda: now_us)


def included(digest: bytes, block: TrustedBlock = HEAD) -> VerifiedInclusion:
    """What only a verified receipt gives; here for tests of what comes after it."""
    return VerifiedInclusion(digest, block.time, 7, block)


def held(path: Path, key: SigningKey = KEY) -> tuple[list[VerifiedStatement], list[Reading]]:
    """Everything that is in a queue, verified: the statements, and all readings, those of the open batches last."""
    statements, readings = [], []
    with Outgoing(path) as outgoing:
        for waiting in outgoing.waiting():
            statement = verify_statement(parse_statement(waiting.statement), key.public)
            assert statement.digest == waiting.digest
            statements.append(statement)
            readings += [one for one, _ in verify_readings(statement, outgoing.readings(waiting.number)).readings]
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT leaves FROM piece JOIN batch ON batch = number WHERE statement IS NULL ORDER BY number, place"
        )
        for (leaves,) in rows:
            readings += [parse_reading(leaf)[0] for leaf in split_leaves(leaves)]
        counted = connection.execute("SELECT readings, byte_count FROM held").fetchone()
        summed = connection.execute("SELECT coalesce(sum(size), 0), coalesce(sum(byte_count), 0) FROM batch").fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert counted == summed
    assert counted[0] == len(readings)
    return statements, readings

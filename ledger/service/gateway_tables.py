"""The tables of a gateway's inbox, and their rows as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SCHEMA = """
CREATE TABLE IF NOT EXISTS receipt (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  block INTEGER NOT NULL,
  made_at INTEGER NOT NULL,
  data BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS batch (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  digest BLOB NOT NULL UNIQUE,
  key_id TEXT NOT NULL,
  subject BLOB NOT NULL,
  sequence INTEGER NOT NULL,
  statement TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT '',
  readings BLOB,                         -- until it is on chain
  credential BLOB,                       -- digest, once it is
  wanted INTEGER NOT NULL DEFAULT 0,     -- whether somebody asks for a receipt
  receipt INTEGER REFERENCES receipt (number),
  UNIQUE (key_id, subject, sequence)
);
CREATE INDEX IF NOT EXISTS batch_state ON batch (state, number);
CREATE INDEX IF NOT EXISTS batch_wanted ON batch (wanted) WHERE wanted;
CREATE TABLE IF NOT EXISTS equivocation (
  first TEXT NOT NULL,
  second TEXT NOT NULL,
  found_at INTEGER NOT NULL,
  PRIMARY KEY (first, second)
) WITHOUT ROWID;
"""


class State(StrEnum):
    """How far a batch is."""

    RECEIVED = "received"
    RECORDED = "recorded"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch as it is kept.

    Attributes:
        digest: Of the statement, 32 bytes.
        subject: 32 bytes.
        statement: The compact JWS.
        state: How far it is.
        reason: Why it was refused.
        readings: Until it is on chain.
        credential: Digest of its credential, once it is.
    """

    digest: bytes
    subject: bytes
    statement: str
    state: State
    reason: str
    readings: bytes | None
    credential: bytes | None


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """A receipt as it was made.

    Attributes:
        block: That it was proven at.
        made_at: In seconds since 1970.
        data: The evidence file.
    """

    block: int
    made_at: int
    data: bytes


def kept_from_row(row: tuple[bytes, bytes, str, str, str, bytes | None, bytes | None]) -> Kept:
    """A row of ``batch``: digest, subject, statement, state, reason, readings, credential."""
    digest, subject, statement, state, reason, readings, credential = row
    return Kept(digest, subject, statement, State(state), reason, readings, credential)

"""Writes to the chain so that every item counts exactly once, whatever crashes or goes away.

::

    ready ─ tried against the contract, signed, stored ─ signed ─ broadcast ─ sent ─ mined ─ final
      │  └─ refused, with the contract's own error                   ▲          │      │
      │                                                              └─ same bytes again when it left the chain
      └──────────── reverted or superseded: it can never take effect, so its items are ready again

What a crash leaves behind is always one of these states in SQL; the next :meth:`Outbox.step` goes on from there. A
transaction is stored, with its nonce, before it is broadcast, and a retry sends the same bytes: the nonce can be used
once, so the items count once. Items are let go of only when their transaction is *final* without effect, or when its
nonce is taken by another in a final block.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

from sqlmodel import Session

from ledger.chain import outbox_questions as questions
from ledger.chain import outbox_store as sql
from ledger.chain.batches import Batch, Pending, plan
from ledger.chain.client import ChainClient
from ledger.chain.preflight import preflight
from ledger.chain.rpc import Fault
from ledger.chain.settling import OutboxSettings, Settler
from ledger.chain.signer import Signer
from ledger.errors import ConfigurationError, RejectedError, SourceError, SourceTimeoutError
from ledger.kinds import kind_by_number
from ledger.store.database import Database
from ledger.store.locks import exclusive
from ledger.store.work import TransactionState

FILLER_GAS = 21_000
RESEND_BLOCKS = 5
_HARMLESS = ("already", "known transaction", "nonce too low", "nonce_too_low", "underpriced", "old nonce")


@dataclass(frozen=True, slots=True)
class Progress:
    """How many items stand where."""

    ready: int
    pending: int
    final: int
    refused: int

    @property
    def idle(self) -> bool:
        """Whether nothing is left to do."""
        return self.ready == self.pending == 0


def _nobody(_step: str) -> None:
    return None


class Outbox:
    """The one writer of one account; entering it takes the account's lock.

    The account may sign other transactions elsewhere (council, keys): nonces that others take are noticed.
    """

    def __init__(
        self,
        database: Database,
        client: ChainClient,
        signer: Signer,
        settings: OutboxSettings,
        *,
        observer: Callable[[str], None] = _nobody,
    ) -> None:
        """Nothing is asked or written yet.

        Args:
            database: Where the items are queued.
            client: Any node of the chain.
            signer: Of the account whose items are written.
            settings: How it works.
            observer: Told the name of each step before it is taken.
        """
        self._database, self._client, self._signer = database, client, signer
        self._settings, self._observe = settings, observer
        self._settler = Settler(database, client, signer.address, settings, observer)
        self._sent_at: dict[int, int] = {}
        self._chain_checked = False
        self._lock = ExitStack()

    @property
    def account(self) -> bytes:
        """The account that signs."""
        return self._signer.address

    def __enter__(self) -> Self:
        self._lock.enter_context(exclusive(self._database, account_lock(self.account)))
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def enqueue(self, session: Session, items: Iterable[sql.NewItem]) -> None:
        """Queue items in the caller's transaction; they go out with the next step after it commits."""
        sql.enqueue(session, self.account, items)

    def step(self) -> Progress:
        """Settle what was mined, send what is signed, sign what is ready; never waits for a block.

        Raises:
            ConfigurationError: The node is of another chain; nothing was signed.
            SourceError: Node or database did not deliver; nothing is lost, call again.
        """
        self._check_chain()
        height = self._settler.settle()
        self._broadcast(height)
        if self._fill():
            self._broadcast(height)
        return self.progress()

    def drain(self, timeout_s: float, on_progress: Callable[[Progress], None] | None = None) -> Progress:
        """Step until every item is final or refused.

        Raises:
            SourceTimeoutError: Not after ``timeout_s`` seconds; the items stay queued.
            SourceError: Node or database stayed away for longer than the patience.
        """
        deadline = time.monotonic() + timeout_s
        away_since: float | None = None
        while True:
            try:
                progress, away_since = self.step(), None
                if on_progress is not None:
                    on_progress(progress)
                if progress.idle:
                    return progress
            except SourceError:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > self._settings.patience_s:
                    raise
            if time.monotonic() > deadline:
                raise SourceTimeoutError(f"the outbox is not empty after {timeout_s:.0f} s")
            time.sleep(self._settings.poll_s)

    def progress(self) -> Progress:
        """Count the account's items."""
        with self._database.read() as session:
            found = questions.counts(session, self.account)
        ready, final, refused = (found.pop(name, 0) for name in ("ready", "final", "refused"))
        return Progress(ready, sum(found.values()), final, refused)

    def _check_chain(self) -> None:
        if self._chain_checked:
            return
        found = self._client.chain_id()
        if found != self._settings.chain_id:
            raise ConfigurationError(f"the node is of chain {found}, this outbox writes to {self._settings.chain_id}")
        self._chain_checked = True

    # ---- broadcast: the stored bytes, and only those ------------------------------------------------------------

    def _broadcast(self, height: int) -> None:
        with self._database.read() as session:
            rows = questions.transactions(session, self.account, questions.UNMINED)
            due = [row.id for row in rows if row.state == TransactionState.SIGNED or self._is_overdue(row.id, height)]
            raws = questions.raw_transactions(session, due)
        if not raws:
            return
        self._observe("send")
        answers = self._client.send([raw for _, raw in raws])
        self._observe("sent")
        taken = [number for (number, _), answer in zip(raws, answers, strict=True) if _is_harmless(answer)]
        with self._database.write() as session:
            sql.change(session, [{"key": number, "state": TransactionState.SENT} for number in taken])
        self._sent_at.update(dict.fromkeys(taken, height))
        self._observe("marked sent")
        for answer in answers:
            if answer is not None and not _is_harmless(answer):
                raise RejectedError(f"node: {answer.message}")

    def _is_overdue(self, transaction_id: int, height: int) -> bool:
        return height - self._sent_at.get(transaction_id, -RESEND_BLOCKS) >= RESEND_BLOCKS

    # ---- fill: sign what is ready -------------------------------------------------------------------------------

    def _fill(self) -> bool:
        with self._database.read() as session:
            room = self._settings.in_flight - len(questions.transactions(session, self.account, questions.UNMINED))
            items = questions.ready_items(session, self.account, max(room, 0) * self._settings.batch_items)
            under_way, settling = questions.lives_under_way(session, self.account, _is_genesis)
        planned = plan(
            items,
            under_way=under_way,
            settling=settling,
            is_genesis=_is_genesis,
            batch_items=self._settings.batch_items,
        )
        accepted, refused = preflight(self._client, self.account, planned[: max(room, 0)])
        self._observe("sign")
        return self._sign(accepted[: max(room, 0)], refused)

    def _sign(self, batches: Sequence[Batch], refused: Sequence[tuple[Pending, Any]]) -> bool:
        count = self._client.nonce(self.account)
        with self._database.write() as session:
            held = set(questions.nonces_from(session, self.account, count))
            following = max(held, default=count - 1) + 1
            gaps = [nonce for nonce in range(count, following) if nonce not in held]
            signed = [self._signed(nonce, None) for nonce in gaps]
            signed += [self._signed(following + place, batch) for place, batch in enumerate(batches)]
            sql.store_signed(session, self.account, signed)
            sql.refuse(session, refused)
            self._observe("store signed")
        self._observe("signed")
        return bool(signed)

    def _signed(self, nonce: int, batch: Batch | None) -> sql.SignedTransaction:
        to = batch.log if batch else self.account
        gas = batch.gas if batch else FILLER_GAS
        data = batch.calldata() if batch else b""
        fields = {"nonce": nonce, "gasPrice": 0, "gas": gas, "to": to, "value": 0, "data": data}
        raw, digest = self._signer.sign(fields | {"chainId": self._settings.chain_id})
        return sql.SignedTransaction(nonce, raw, digest, batch)


def account_lock(account: bytes) -> str:
    """Name of the lock that the one writer of an account holds."""
    return f"account-{account.hex()}"


def _is_genesis(kind: int) -> bool:
    return kind_by_number(kind).genesis


def _is_harmless(answer: Fault | None) -> bool:
    """Tell whether the node has these bytes, or settling will find out what became of their nonce."""
    return answer is None or any(words in answer.message.lower() for words in _HARMLESS)

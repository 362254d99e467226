"""Tries batches against the contract before they are signed, and finds the items that it refuses."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.chain.batches import Batch, Pending, Subject
from ledger.chain.client import ChainClient
from ledger.errors import VinculumError


def preflight(
    client: ChainClient, account: bytes, batches: Sequence[Batch]
) -> tuple[list[Batch], list[tuple[Pending, VinculumError]]]:
    """Split batches until each part is accepted or a single refused item.

    Returns:
        What may be signed, in order, and what is refused, with the contract's error. Items in neither wait for the
        next round: they came after an item of the same subject in a batch that was refused.

    Raises:
        SourceError: The node did not try them.
    """
    accepted: list[Batch] = []
    refused: list[tuple[Pending, VinculumError]] = []
    disturbed: set[Subject] = set()
    parts: list[Batch] = []
    for batch, error in zip(batches, _try(client, account, batches), strict=True):
        lives = {item.life for item in batch.items}
        if error is not None:
            disturbed |= lives
            parts.extend(_narrow(batch, error, refused))
        elif not lives & disturbed:
            accepted.append(batch)
    while parts:
        tried = list(zip(parts, _try(client, account, parts), strict=True))
        accepted += [batch for batch, error in tried if error is None]
        parts = [part for batch, error in tried if error is not None for part in _narrow(batch, error, refused)]
    return accepted, refused


def _narrow(batch: Batch, error: VinculumError, refused: list[tuple[Pending, VinculumError]]) -> tuple[Batch, ...]:
    if len(batch.items) == 1:
        refused.append((batch.items[0], error))
        return ()
    independent = batch.without_followers()
    return (independent,) if len(independent.items) < len(batch.items) else batch.halves()


def _try(client: ChainClient, account: bytes, batches: Sequence[Batch]) -> list[VinculumError | None]:
    return client.simulate([(account, batch.log, batch.calldata(), batch.gas) for batch in batches])

"""Which items go into one transaction: pure planning over what is ready and what is under way.

Per subject the order of the items is kept:

1. a status kind goes alone, by ``attestIf``, after everything earlier of its subject is mined;
2. what follows a genesis or a status kind waits until that is mined (a genesis and its followers may share a batch);
3. all other items of a subject go the same way in one round: as a series (many of one kind), in a batch of pairs
   (one item, of a kind that others have too), or in a mixed batch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ledger.chain import calls

BATCH_ITEMS = 250  # 24 KB of calldata: under the 64 KB that some pools take, and a new asset each is under 16.7 M gas
SERIES_ITEMS = 4
PAIR_ITEMS = 2
BASE_GAS = 90_000
ITEM_GAS = 46_000  # a new subject, also where seven predecessors are asked first
SERIES_GAS = 9_000
STATUS_GAS = 150_000

Subject: TypeAlias = "tuple[bytes, bytes]"


@dataclass(frozen=True, slots=True)
class Pending:
    """An item that waits: ``id`` is its place in the queue, ``expected_head`` is given for status kinds alone."""

    id: int
    log: bytes
    subject: bytes
    kind: int
    digest: bytes
    expected_head: bytes | None = None

    @property
    def life(self) -> Subject:
        """The history it belongs to."""
        return self.log, self.subject


@dataclass(frozen=True, slots=True)
class Batch:
    """The items of one transaction to one log, in order."""

    method: str
    items: tuple[Pending, ...]

    @property
    def log(self) -> bytes:
        """The contract."""
        return self.items[0].log

    @property
    def gas(self) -> int:
        """An upper bound of what it takes."""
        if self.method == "attestIf":
            return STATUS_GAS
        return BASE_GAS + len(self.items) * (SERIES_GAS if self.method == "attestSeries" else ITEM_GAS)

    def calldata(self) -> bytes:
        """Return what is sent to the log."""
        first = self.items[0]
        match self.method:
            case "attestIf":
                return calls.attest_if(first.subject, first.kind, first.digest, first.expected_head or bytes(32))
            case "attest":
                return calls.attest(first.subject, first.kind, first.digest)
            case "attestSeries":
                return calls.attest_series(first.subject, first.kind, [item.digest for item in self.items])
            case "attestPairs":
                return calls.attest_pairs(first.kind, [(item.subject, item.digest) for item in self.items])
            case _:
                return calls.attest_many([(item.subject, item.kind, item.digest) for item in self.items])

    def halves(self) -> tuple[Batch, Batch]:
        """Split, to find the item that the contract refuses."""
        middle = len(self.items) // 2
        return _batch(self.method, self.items[:middle]), _batch(self.method, self.items[middle:])

    def without_followers(self) -> Batch:
        """Keep the first item of each subject, so that no item depends on another of the same batch."""
        if self.method == "attestSeries":
            return _batch("attest", self.items[:1])
        first = {item.life: item for item in reversed(self.items)}
        return _batch(self.method, [item for item in self.items if first[item.life] is item])


def plan(
    items: Sequence[Pending],
    *,
    under_way: frozenset[Subject],
    settling: frozenset[Subject],
    is_genesis: Callable[[int], bool],
    batch_items: int = BATCH_ITEMS,
) -> list[Batch]:
    """Form the transactions of one round.

    Args:
        items: Ready, in queue order.
        under_way: Subjects with an item that is signed and not yet mined.
        settling: Those of them whose item is a genesis or status kind: nothing may follow yet.
        is_genesis: Tells a genesis kind by its number.
        batch_items: Most items of one transaction.

    Returns:
        Batches in the order in which they must be signed; items that must wait are in none.
    """
    alone, free = _sort_out(items, under_way, settling, is_genesis)
    series, pairs, mixed = _by_way(free, is_genesis)
    batches = [_batch("attestSeries", part) for group in series for part in _parts(group, batch_items)]
    batches += [_batch("attestPairs", part) for group in pairs for part in _parts(group, batch_items)]
    batches += [_batch("attestMany", part) for group in mixed for part in _whole(group, batch_items, is_genesis)]
    return batches + [_batch("attestIf", [item]) for item in alone]


def _sort_out(
    items: Sequence[Pending],
    under_way: frozenset[Subject],
    settling: frozenset[Subject],
    is_genesis: Callable[[int], bool],
) -> tuple[list[Pending], list[Pending]]:
    alone: list[Pending] = []
    free: list[Pending] = []
    closed, touched = set(settling), set(under_way)
    for item in items:
        life = item.life
        if life in closed:
            continue
        if item.expected_head is not None or (is_genesis(item.kind) and life in touched):
            closed.add(life)
            if life not in touched:
                alone.append(item)
        else:
            touched.add(life)
            free.append(item)
    return alone, free


def _by_way(
    items: Sequence[Pending], is_genesis: Callable[[int], bool]
) -> tuple[list[list[Pending]], list[list[Pending]], list[list[Pending]]]:
    lives: dict[Subject, list[Pending]] = defaultdict(list)
    for item in items:
        lives[item.life].append(item)
    single = Counter((life[0].log, life[0].kind) for life in lives.values() if len(life) == 1)
    series: list[list[Pending]] = []
    pairs: dict[tuple[bytes, int], list[Pending]] = defaultdict(list)
    mixed: dict[bytes, list[Pending]] = defaultdict(list)
    for life in lives.values():
        first = life[0]
        same = all(item.kind == first.kind for item in life)
        if same and len(life) >= SERIES_ITEMS and not is_genesis(first.kind):
            series.append(life)
        elif len(life) == 1 and single[first.log, first.kind] >= PAIR_ITEMS:
            pairs[first.log, first.kind].append(first)
        else:
            mixed[first.log] += life
    return series, list(pairs.values()), list(mixed.values())


def _parts(items: Sequence[Pending], size: int) -> Iterator[Sequence[Pending]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _whole(items: Sequence[Pending], size: int, is_genesis: Callable[[int], bool]) -> Iterator[Sequence[Pending]]:
    """Cut into batches; what would follow its genesis into a later batch is left out, and waits."""
    born: dict[Subject, int] = {}
    parts: list[list[Pending]] = [[]]
    for item in items:
        if len(parts[-1]) == size:
            parts.append([])
        if is_genesis(item.kind):
            born[item.life] = len(parts)
        if born.get(item.life, len(parts)) == len(parts):
            parts[-1].append(item)
    return (part for part in parts if part)


def _batch(method: str, items: Sequence[Pending]) -> Batch:
    single = len(items) == 1 and method != "attestIf"
    return Batch("attest" if single else method, tuple(items))

"""Planning keeps every subject's order, and never lets anything follow what is not mined."""

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.batches import Batch, Pending, plan

LOG, OTHER = b"\x01" * 20, b"\x02" * 20
GENESIS, ORDINARY, SECOND, STATUS = 1, 2, 3, 4
NOTHING: frozenset[tuple[bytes, bytes]] = frozenset()


def _item(number: int, subject: int, kind: int = ORDINARY, log: bytes = LOG) -> Pending:
    head = bytes(32) if kind == STATUS else None
    return Pending(number, log, subject.to_bytes(32, "big"), kind, number.to_bytes(32, "big"), head)


def _plan(items: list[Pending], **options: object) -> list[Batch]:
    settings = {"under_way": NOTHING, "settling": NOTHING, "batch_items": 10} | options
    return plan(items, is_genesis=lambda kind: kind == GENESIS, **settings)  # type: ignore[arg-type]


def _numbers(batches: list[Batch]) -> list[list[int]]:
    return [[item.id for item in batch.items] for batch in batches]


def test_one_item_goes_alone() -> None:
    assert [batch.method for batch in _plan([_item(1, 1)])] == ["attest"]


def test_one_kind_of_many_subjects_goes_as_pairs() -> None:
    (batch,) = _plan([_item(n, n) for n in range(5)])
    assert batch.method == "attestPairs"
    assert len(batch.items) == 5


def test_many_of_one_subject_go_as_a_series() -> None:
    (batch,) = _plan([_item(n, 7) for n in range(6)])
    assert batch.method == "attestSeries"


def test_a_genesis_never_starts_a_series() -> None:
    assert all(batch.method != "attestSeries" for batch in _plan([_item(n, 7, GENESIS) for n in range(6)]))


def test_mixed_items_go_as_many() -> None:
    (batch,) = _plan([_item(1, 1, GENESIS), _item(2, 1), _item(3, 1, SECOND)])
    assert (batch.method, _numbers([batch])) == ("attestMany", [[1, 2, 3]])


def test_logs_are_never_mixed() -> None:
    batches = _plan([_item(n, n, log=LOG if n % 2 else OTHER) for n in range(8)])
    assert all(len({item.log for item in batch.items}) == 1 for batch in batches)
    assert sum(len(batch.items) for batch in batches) == 8


def test_a_status_kind_goes_alone_and_stops_what_follows() -> None:
    batches = _plan([_item(1, 1, STATUS), _item(2, 1), _item(3, 2)])
    assert {batch.method: [item.id for item in batch.items] for batch in batches} == {"attestIf": [1], "attest": [3]}
    assert all(2 not in numbers for numbers in _numbers(batches))


def test_a_status_kind_waits_for_what_came_before() -> None:
    assert _numbers(_plan([_item(1, 1), _item(2, 1, STATUS), _item(3, 1)])) == [[1]]
    assert _plan([_item(2, 1, STATUS)], under_way=frozenset({(LOG, (1).to_bytes(32, "big"))})) == []


def test_nothing_follows_what_settles() -> None:
    settling = frozenset({(LOG, (1).to_bytes(32, "big"))})
    assert _numbers(_plan([_item(1, 1), _item(2, 2)], under_way=settling, settling=settling)) == [[2]]


def test_ordinary_items_follow_ordinary_ones_under_way() -> None:
    assert _numbers(_plan([_item(5, 1)], under_way=frozenset({(LOG, (1).to_bytes(32, "big"))}))) == [[5]]


def test_followers_of_a_genesis_wait_when_the_batch_is_full() -> None:
    items = [_item(0, 1, GENESIS), *(_item(n, 1, ORDINARY if n % 2 else SECOND) for n in range(1, 14)), _item(20, 2)]
    assert sorted(_numbers(_plan(items))) == [list(range(10)), [20]]


def test_halving_finds_every_item() -> None:
    (batch,) = _plan([_item(n, n) for n in range(5)])
    left, right = batch.halves()
    assert _numbers([left, right]) == [[0, 1], [2, 3, 4]]
    one, _ = left.halves()
    assert one.method == "attest"


def test_without_followers_only_the_first_of_a_subject_stays() -> None:
    (batch,) = _plan([_item(1, 1, GENESIS), _item(2, 1), _item(3, 2, GENESIS), _item(4, 2, SECOND), _item(5, 2)])
    assert _numbers([batch.without_followers()]) == [[1, 3]]
    (series,) = _plan([_item(n, 7) for n in range(6)])
    assert (series.without_followers().method, _numbers([series.without_followers()])) == ("attest", [[0]])


_KINDS = st.sampled_from([ORDINARY, ORDINARY, ORDINARY, SECOND, GENESIS, STATUS])


@given(
    st.lists(st.tuples(st.integers(0, 6), _KINDS, st.sampled_from([LOG, OTHER])), max_size=80),
    st.sets(st.integers(0, 6)),
    st.integers(1, 12),
)
def test_order_is_kept_whatever_is_queued(
    queue: list[tuple[int, int, bytes]], busy: set[int], batch_items: int
) -> None:
    items = [_item(number, subject, kind, log) for number, (subject, kind, log) in enumerate(queue)]
    under_way = frozenset((LOG, subject.to_bytes(32, "big")) for subject in busy)
    batches = _plan(items, under_way=under_way, batch_items=batch_items)
    sent: dict[tuple[bytes, bytes], list[tuple[Pending, int]]] = defaultdict(list)
    for place, batch in enumerate(batches):
        assert 0 < len(batch.items) <= batch_items
        for item in batch.items:
            sent[item.life].append((item, place))
    queued: dict[tuple[bytes, bytes], list[Pending]] = defaultdict(list)
    for item in items:
        queued[item.life].append(item)
    for life, entries in sent.items():
        assert [item for item, _ in entries] == queued[life][: len(entries)]
        for number, (item, place) in enumerate(entries):
            if item.kind == STATUS:
                assert len(entries) == 1
                assert life not in under_way
            if item.kind == GENESIS:
                assert all(later == place for _, later in entries[number:])

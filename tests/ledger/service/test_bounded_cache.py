"""What is kept weighs no more than the bound, and what was used last stays."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.service.bounded_cache import BoundedCache


def cache(most: int = 10) -> BoundedCache[str, str]:
    return BoundedCache(most, len)


def test_what_was_put_is_got() -> None:
    kept = cache()
    kept.put("a", "123")
    assert kept.get("a") == "123"


def test_what_was_never_put_is_not_there() -> None:
    assert cache().get("a") is None


def test_what_was_not_used_for_longest_goes_first() -> None:
    kept = cache()
    kept.put("a", "1234")
    kept.put("b", "1234")
    kept.get("a")
    kept.put("c", "1234")
    assert [kept.get(name) for name in "abc"] == ["1234", None, "1234"]


def test_value_heavier_than_the_bound_is_not_kept_and_pushes_nothing_out() -> None:
    kept = cache()
    kept.put("b", "x" * 9)
    kept.put("a", "x" * 11)
    assert kept.get("a") is None
    assert kept.get("b") == "x" * 9


def test_heavier_value_of_the_same_name_does_not_leave_the_old_one() -> None:
    kept = cache()
    kept.put("a", "old")
    kept.put("a", "x" * 11)
    assert kept.get("a") is None


def test_value_that_is_put_again_weighs_once() -> None:
    kept = cache()
    for _ in range(5):
        kept.put("a", "x" * 6)
    kept.put("b", "x" * 4)
    assert kept.get("a") == "x" * 6


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.text("x", max_size=12)), max_size=40))
def test_weight_is_never_beyond_the_bound(puts: list[tuple[str, str]]) -> None:
    kept = cache()
    for name, value in puts:
        kept.put(name, value)
    found = [kept.get(name) for name in "abcdef"]
    assert sum(len(value) for value in found if value is not None) <= 10

"""Damaged bytes are refused by an error of ours, or taken; by nothing else, and in bounded time.

Every parser of untrusted bytes is a target. In the ordinary suite each is tried for some hundred seeds; the marked one
(``scripts/test --fuzz``) goes on for ten minutes a target.
"""

from __future__ import annotations

import os

import pytest

from ledger.errors import MalformedError, SourceError
from tests.fuzz.damage import Target, try_for, try_seed
from tests.fuzz.targets import TARGETS

SECONDS = float(os.environ.get("VINCULUM_FUZZ_SECONDS", "600"))
SEEDS = 200
TARGET = pytest.mark.parametrize("target", [pytest.param(target, id=name) for name, target in TARGETS.items()])


@TARGET
def test_undamaged_input_is_taken(target: Target) -> None:
    for data in target.originals:
        target.parse(data)


@TARGET
def test_damage_of_the_first_seeds(target: Target) -> None:
    for seed in range(1, SEEDS + 1):
        try_seed(target, seed)


@pytest.mark.parametrize("error", [KeyError, ValueError, RecursionError, AssertionError, SourceError])
def test_error_of_another_kind_is_a_finding_with_its_seed(error: type[Exception]) -> None:
    def broken(_: bytes) -> None:
        raise error("broken")

    with pytest.raises(AssertionError, match="seed 7"):
        try_seed(Target([b"original"], broken), 7)


def test_refusal_is_no_finding() -> None:
    def strict(_: bytes) -> None:
        raise MalformedError("it", "why")

    assert not try_seed(Target([b"original"], strict), 7)


def test_same_seed_makes_the_same_damage() -> None:
    seen: list[bytes] = []
    target = Target([bytes(range(64)), b"other"], seen.append)
    assert all(try_seed(target, seed) for seed in (1, 2, 1))
    assert seen[0] == seen[2] != seen[1]


@pytest.mark.fuzz
@TARGET
def test_damage_for_ten_minutes(target: Target) -> None:
    tried = try_for(target, SECONDS)
    print(f"{tried} inputs in {SECONDS:.0f} s")  # noqa: T201 - shown by `-rP`
    assert tried > 0

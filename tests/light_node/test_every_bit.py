"""No bit of a valid file can be changed, and no byte cut off, without a refusal; never a crash. Counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.proof.evidence import encode_evidence
from light_node.verdict import Outcome
from tests.light_node.judging import assert_verified, judged
from tests.simulator.witnesses import WITNESSES
from tests.simulator.world import World

EVERY = 11
"""A prime, so that all eight bits of a byte and all kinds of places are met."""


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def count_outcomes(world: World, files: list[bytes]) -> dict[Outcome, int]:
    counts = dict.fromkeys(Outcome, 0)
    for data in files:
        counts[judged(world, data).outcome] += 1
    return counts


def test_a_sample_of_flipped_bits_is_refused(honest: World) -> None:
    data = encode_evidence(honest.chain.evidence(honest.part))
    assert_verified(judged(honest, data))
    bits = range(0, len(data) * 8, EVERY * 8 + 1)
    counts = count_outcomes(honest, [flipped(data, bit) for bit in bits])
    assert counts[Outcome.VERIFIED] == 0
    assert sum(counts.values()) == len(bits) > 1000
    assert counts[Outcome.REFUTED] > 100
    assert counts[Outcome.MALFORMED] > 100


@pytest.mark.slow
def test_every_flipped_bit_is_refused(honest: World) -> None:
    data = encode_evidence(honest.chain.evidence(honest.part))
    counts = count_outcomes(honest, [flipped(data, bit) for bit in range(len(data) * 8)])
    assert counts[Outcome.VERIFIED] == 0
    assert sum(counts.values()) == len(data) * 8


def test_each_truncation_is_malformed(honest: World) -> None:
    data = encode_evidence(honest.chain.evidence(honest.part))
    lengths = [*range(0, len(data) - 64, EVERY), *range(len(data) - 64, len(data))]
    counts = count_outcomes(honest, [data[:length] for length in lengths])
    assert counts[Outcome.MALFORMED] == len(lengths)


def test_a_surplus_cosignature_that_is_changed_never_adds_trust(honest: World) -> None:
    block = honest.chain.blocks[-1]
    evidence = honest.chain.evidence(honest.part, block=block)
    data = encode_evidence(replace(evidence, finality=honest.chain.finality(block, WITNESSES)))
    trusted = judged(honest, data)
    assert_verified(trusted)
    start = data.index(b"witness-2.example")
    for bit in range(start * 8, (start + 150) * 8):
        verdict = judged(honest, flipped(data, bit))
        assert verdict.outcome is not Outcome.VERIFIED or verdict == trusted

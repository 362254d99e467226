"""The last chapter: a buyer with a light node of his own, three evidence files, and tampered copies of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ledger.demo.apart import Answer, LightNodeApart
from ledger.demo.copies import COPIES, Goods, Tried, try_copy
from ledger.demo.proving import Proven
from ledger.demo.report import Report
from ledger.event import AssetType
from light_node.trust import Trust, encode_trust


@dataclass(frozen=True, slots=True)
class Bought:
    """What the light node said.

    Attributes:
        genuine: To each genuine file.
        tried: To each tampered copy.
    """

    genuine: tuple[Answer, ...]
    tried: tuple[Tried, ...]

    @property
    def verified(self) -> int:
        """How many genuine files it verified."""
        return sum(one.exit_code == 0 for one in self.genuine)

    @property
    def refused(self) -> int:
        """How many copies it refused, each for its own reason."""
        return sum(one.refused for one in self.tried)

    @property
    def passed(self) -> bool:
        """Whether it verified and refused whatever it should."""
        return (self.verified, self.refused) == (len(self.genuine), len(self.tried))

    def describe(self) -> str:
        """Count it in one line."""
        return (
            f"the light node verified {self.verified} of {len(self.genuine)} files "
            f"and refused {self.refused} of {len(self.tried)} copies"
        )

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {"genuine": [one.value for one in self.genuine], "copies": [one.as_json() for one in self.tried]}


def goods_of(proven: Sequence[Proven], car: Proven, older: bytes) -> Goods:
    """The battery and the part with the longest histories, and the car."""

    def longest(asset_type: AssetType) -> list[Proven]:
        return sorted((one for one in proven if one.asset.asset_type is asset_type), key=lambda one: -one.registered)

    (battery, *_), (part, other, *_) = longest(AssetType.BATTERY), longest(AssetType.PART)
    return Goods(battery.evidence, car.evidence, part.evidence, older, other.asset.identifier)


def buy(report: Report, trust: Trust, goods: Goods) -> Bought:
    """Hand files over to a light node in a process and a folder of its own, and tell what it says."""
    report.chapter(
        "The buyer: a light node in a process of its own, an empty folder, and nothing of the ledger's but files"
    )
    with tempfile.TemporaryDirectory(prefix="vinculum-buyer-") as folder:
        node = LightNodeApart(Path(folder))
        with report.step("pins the trust file") as step:
            pinned = node.pin(encode_trust(trust), trust.fingerprint())
            step.done = f"fingerprint {trust.fingerprint()}" if pinned else "NOT PINNED"
        genuine = _verify(report, node, goods)
        return Bought(genuine, _try(report, node, goods))


def _verify(report: Report, node: LightNodeApart, goods: Goods) -> tuple[Answer, ...]:
    files = {"battery.json": goods.battery, "car.json": goods.car, "part.json": goods.part}
    with report.step("verifies a battery, a used car and a part") as step:
        for name, data in files.items():
            node.put(name, data)
        answers = {name: node.verify(name) for name in files}
        step.done = f"{sum(one.exit_code == 0 for one in answers.values())} of {len(answers)} files"
    for name, answer in answers.items():
        report.say(f"{name:13} {answer.describe()}")
    return tuple(answers.values())


def _try(report: Report, node: LightNodeApart, goods: Goods) -> tuple[Tried, ...]:
    with report.step("is shown tampered copies") as step:
        tried = tuple(try_copy(node, copy, goods) for copy in COPIES)
        step.done = f"{sum(one.refused for one in tried)} of {len(tried)} refused, each for a reason of its own"
    for number, one in enumerate(tried, start=1):
        report.say(f"{number:2}  {one.copy.told}")
        report.say(f"    {'' if one.refused else 'NOT REFUSED FOR ITS REASON: '}{one.answer.describe()}")
    return tried

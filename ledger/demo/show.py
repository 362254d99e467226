"""The chapters of the demonstration, played on a home whose chain runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ledger.demo.buyer import Bought, buy, goods_of
from ledger.demo.forgeries import FORGERIES
from ledger.demo.forgery import Refusal, try_one
from ledger.demo.further import GUEST, enrol_guest, sources_in, take_folders
from ledger.demo.insider import Insider
from ledger.demo.proving import TIER, Proven, all_assets, describe_together, newest, prove
from ledger.demo.recording import Taken, counted, members_of, raise_refused, record_wave, story_waves
from ledger.demo.report import Report, many
from ledger.demo.staging import Scene, stage
from ledger.demo.story import Story
from ledger.event import AssetType
from ledger.service.enrolment import enrol_all
from ledger.service.evidence import build_evidence
from ledger.service.members import Member
from ledger.service.read import AssetRecord
from ledger.service.results import Outcome, line_of
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from light_node.trust import Trust, TrustedBlock, encode_trust, parse_trust
from light_node.trust_words import describe_rule
from light_node.verdict import EventState

FAULTS_SHOWN = 4


class Show:
    """Plays the demonstration on a home whose chain runs."""

    def __init__(self, report: Report, workspace: Workspace, story: Story) -> None:
        self._report, self._workspace, self._story = report, workspace, story
        self._older: dict[bytes, bytes] = {}

    def play(self, folders: Sequence[Path]) -> bool:
        """Found, record, verify, forge, hand over; return whether all was verified and every forgery refused."""
        trust = self.found()
        members = members_of(self._workspace, self._story)
        taken = self.record(members)
        if folders:
            taken += self._take_further(members, folders)
        proven = self.verify(trust)
        accepted = newest(proven, trust.trusted_block)
        scene = self.scene(members, trust, accepted, proven)
        refusals = self._forge(scene)
        after = self._verify_after(scene)
        bought = buy(self._report, trust, goods_of(proven, scene.car, scene.older))
        passed = (
            all(one.complete for one in (*proven, after)) and all(one.refused for one in refusals) and bought.passed
        )
        self._summarise(taken, proven, refusals, bought, passed=passed)
        return passed

    def found(self) -> Trust:
        """Enrol everybody, and pin the trust file that the verifier will use."""
        with self._report.step("enrols the organisations") as step:
            enrolled = enrol_all(self._workspace, self._story.organisations)
            step.done = f"{len(enrolled)}, with accounts, keys, profiles and namespaces"
        for member, one in zip(enrolled, self._story.organisations, strict=True):
            self._report.say(f"{member.number}  {one.title}: {', '.join(one.roles)}")
        with self._report.step("pins a trust file") as step:
            trust = parse_trust(encode_trust(make_trust(self._workspace)))
            step.done = f"{describe_rule(trust.finality)}, from block {trust.trusted_block.number} on"
        return trust

    def record(self, members: dict[str, Member]) -> list[Taken]:
        """Record the story, and keep files of the cars from before most of it, as a seller might."""
        self._report.chapter("The story: documents of the examples, recorded by whoever they are of")
        taken: list[Taken] = []
        for number, wave in enumerate(story_waves(self._story), start=1):
            with self._report.step(f"records, part {number}") as step:
                done = record_wave(self._workspace, self._story, members, wave)
                step.done = counted(done)
            self._list(done)
            raise_refused(done)
            taken += done
            if number == 1:
                self._keep_older()
        return taken

    def _keep_older(self) -> None:
        with self._report.step("keeps files of the cars as they are now") as step:
            cars = [one for one in all_assets(self._workspace) if one.asset_type is AssetType.VEHICLE]
            self._older = {one.subject: build_evidence(self._workspace, one, TIER) for one in cars}
            step.done = f"{len(self._older)} evidence files"

    def _list(self, taken: Sequence[Taken]) -> None:
        titles = {str(one.path): one.says for one in self._story.chapters}
        for one in taken:
            events = many(one.result.events, "event")
            self._report.say(f"{one.organisation:10}  {titles[one.path]}: {events} ({one.result.what})")

    def _take_further(self, members: dict[str, Member], folders: Sequence[Path]) -> list[Taken]:
        self._report.chapter("Further documents: each recorded by an organisation that may, or refused")
        sources = sources_in(folders)
        with self._report.step("enrols a guest") as step:
            guest = enrol_guest(self._workspace, sources)
            step.done = f"organisation {guest.organisation}, for makers that take no part"
        with self._report.step(f"takes in {', '.join(str(one) for one in folders)}") as step:
            taken = take_folders(self._workspace, {**members, GUEST: guest}, sources)
            step.done = counted(taken)
        for one in taken:
            self._tell(one)
        return taken

    def _tell(self, one: Taken) -> None:
        result = one.result
        if result.outcome is not Outcome.REFUSED:
            self._report.say(f"{result.outcome:9} {one.path}: {many(result.events, 'event')}, by {one.organisation}")
            return
        self._report.say(f"refused   {one.path}")
        for fault in result.faults[:FAULTS_SHOWN]:
            self._report.say(f"          {fault.pointer or '/'}  {fault.code}: {fault.message}")
        if len(result.faults) > FAULTS_SHOWN:
            self._report.say(f"          and {len(result.faults) - FAULTS_SHOWN} more")

    def verify(self, trust: Trust) -> list[Proven]:
        """Build the evidence of every asset, and judge it by nothing but the trust file."""
        self._report.chapter("The proof: every asset from its evidence file alone, by nothing but the trust file")
        with self._report.step("builds and verifies evidence") as step:
            assets = all_assets(self._workspace)
            proven = [prove(self._workspace, asset, trust, trust.trusted_block) for asset in assets]
            verified = sum(one.complete for one in proven)
            size = sum(len(one.evidence) for one in proven) // 1024
            step.done = f"{verified} of {len(proven)} assets, {size} KiB"
        parts = [one for one in proven if one.asset.asset_type is AssetType.PART and one.complete]
        for one in proven:
            if one not in parts:
                self._report.say(one.describe())
                for remark in one.remarks():
                    self._report.say(f"          {remark}")
        self._report.say(describe_together(parts))
        return proven

    def assets(self) -> list[AssetRecord]:
        """Every asset that is registered in the home."""
        return all_assets(self._workspace)

    def scene(
        self, members: dict[str, Member], trust: Trust, accepted: TrustedBlock, proven: Sequence[Proven]
    ) -> Scene:
        """The car with the longest history, another car, and the member who wrote most of the first."""
        cars = [one for one in proven if one.asset.asset_type is AssetType.VEHICLE]
        car, other = sorted(cars, key=lambda one: one.registered, reverse=True)[:2]
        entries = self._workspace.reader().history(car.asset)
        number = Counter(entry.organisation for entry in entries).most_common(1)[0][0]
        insider = next(one for one in members.values() if one.organisation == number)
        bystander = next(one for one in reversed(members.values()) if one.organisation != number)
        older = self._older[car.asset.subject]
        return Scene(self._workspace, Insider(self._workspace, insider), bystander, trust, accepted, car, other, older)

    def _forge(self, scene: Scene) -> list[Refusal]:
        self._report.chapter("Eleven forgeries")
        with self._report.step("attests what the forgers need") as step:
            staged = stage(scene)
            step.done = "real transactions of a member with real roles"
        refusals = []
        for number, forgery in enumerate(FORGERIES, start=1):
            refusal = try_one(forgery, scene, staged)
            refusals.append(refusal)
            self._report.say(f"{number:2}  {forgery.told}")
            self._report.say(f"    {refusal.describe()}")
        return refusals

    def _verify_after(self, scene: Scene) -> Proven:
        """The car that the insider wrote to: what he attested stands there for good, and proves nothing."""
        with self._report.step("verifies the car that was written to") as step:
            after = prove(self._workspace, scene.other.asset, scene.trust, scene.accepted)
            withheld = sum(one.state is not EventState.OPENED for one in after.account.events) if after.account else 0
            step.done = f"{after.describe()}; {withheld} of the events withheld, with no judgement on them"
        return after

    def _summarise(
        self,
        taken: Sequence[Taken],
        proven: Sequence[Proven],
        refusals: Sequence[Refusal],
        bought: Bought,
        *,
        passed: bool,
    ) -> None:
        verified, refused = sum(one.complete for one in proven), sum(one.refused for one in refusals)
        events, seconds = sum(one.registered for one in proven), self._report.seconds
        self._report.chapter(
            f"{'PASSED' if passed else 'FAILED'}: {verified} of {len(proven)} assets verified with {events} events; "
            f"{refused} of {len(refusals)} forgeries refused; {bought.describe()}; {seconds:.1f} s"
        )
        value = {
            "passed": passed,
            "seconds": round(seconds, 3),
            "steps": self._report.steps,
            "documents": [{"organisation": one.organisation, **line_of(one.result)} for one in taken],
            "assets": [one.as_json() for one in proven],
            "forgeries": [one.as_json() for one in refusals],
            "light_node": bought.as_json(),
        }
        self._report.output.result(value)

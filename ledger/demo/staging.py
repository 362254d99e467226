"""What the forgers put on the chain before they show it: prepared once, all in one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.access import Tier
from ledger.demo.double_capsule import DoubleCapsule
from ledger.demo.insider import Attested, Insider
from ledger.demo.proving import Proven
from ledger.event import AssetReference
from ledger.kinds import kind_by_name, kind_by_number
from ledger.proof.evidence import Evidence, parse_evidence
from ledger.service.evidence import build_evidence
from ledger.service.members import Member
from ledger.service.read import AssetRecord, Entry
from ledger.service.workspace import Workspace
from light_node.trust import Trust, TrustedBlock

SECOND_BIRTH = "vehicle.registered_by_registrar"
OTHER_KIND = "vehicle.inspected"
OBSERVED = "any.observation"
OTHERWISE = b"No damage of any kind was found on this vehicle; all panels are original.\n"


@dataclass(frozen=True, slots=True)
class Scene:
    """Who tries what on whom.

    Attributes:
        workspace: The home.
        insider: A member who cheats.
        bystander: Another member, who is shown false keys and whose key is misused.
        trust: The verifier's trust file.
        accepted: The newest head that the verifier has accepted.
        car: A car with a long history.
        other: Another car, that the insider has written to.
        older: Evidence of the car from before most of it happened.
    """

    workspace: Workspace
    insider: Insider
    bystander: Member
    trust: Trust
    accepted: TrustedBlock
    car: Proven
    other: Proven
    older: bytes

    @property
    def history(self) -> list[Entry]:
        """The car's history, as registered."""
        return self.workspace.reader().history(self.car.asset)

    def evidence(self, asset: AssetRecord) -> Evidence:
        """Evidence of an asset as it is now, with everything shown."""
        return parse_evidence(build_evidence(self.workspace, asset, Tier.PRIVATE))


@dataclass(frozen=True, slots=True)
class Staged:
    """What now stands on the chain.

    Attributes:
        foreign: Number, in the other car's history, of a digest that is of an event of the first car; its credential.
        renamed: Number of an own event of the other car, attested again as another kind; its credential.
        second: The second subject of the first car's VIN.
        double: Digest of a credential of the other car whose capsule has two keys, and that capsule.
    """

    foreign: tuple[int, str]
    renamed: tuple[int, str]
    second: AssetRecord
    double: tuple[bytes, DoubleCapsule]


def stage(scene: Scene) -> Staged:
    """Attest what the forgeries need: real transactions, that the contracts see nothing wrong with."""
    workspace, other = scene.workspace, scene.other.asset
    own = [
        entry for entry in workspace.reader().history(other) if entry.organisation == scene.insider.member.organisation
    ]
    foreign, renamed = _serviced(scene), own[-1]
    vin = AssetReference(scene.car.asset.asset_type, scene.car.asset.identifier)
    birth = scene.insider.sign(scene.insider.birth(vin, SECOND_BIRTH))
    told = AssetReference(other.asset_type, other.identifier)
    observation = scene.insider.plan(told, other.subject, OBSERVED, {"description": "Looked over before the sale"})
    digest, double = scene.insider.sign_double(observation, OTHERWISE)
    length = scene.other.registered
    scene.insider.attest(
        (
            Attested(other.asset_type, other.subject, kind_by_number(foreign.kind.number), foreign.digest),
            Attested(other.asset_type, other.subject, kind_by_name(OTHER_KIND), renamed.digest),
            Attested(other.asset_type, other.subject, observation.kind, digest),
            Attested(vin.asset_type, birth.planned.subject, birth.planned.kind, birth.digest),
        )
    )
    reader = workspace.reader()
    return Staged(
        (length + 1, reader.credential(foreign.digest).text),
        (length + 2, reader.credential(renamed.digest).text),
        AssetRecord(vin.asset_type, birth.planned.subject, vin.identifier),
        (digest, double),
    )


def _serviced(scene: Scene) -> Entry:
    mine: Sequence[Entry] = [
        entry
        for entry in scene.history
        if entry.organisation == scene.insider.member.organisation and entry.kind.to_status is None
    ]
    return mine[0]

"""The parsers of what devices, gateways and readers of a reading hand to each other."""

from __future__ import annotations

from ledger.proof.evidence import encode_evidence
from light_node.attested_reading import Ground, verify_attested_reading
from light_node.edge.batch import verify_readings
from light_node.edge.can_frames import parse_candump
from light_node.edge.json_lines import parse_line
from light_node.edge.reading import Flag, encode_reading, parse_reading
from light_node.edge.reading_proof import encode_proof, parse_proof
from light_node.edge.statement import parse_statement
from light_node.judgement import judge
from light_node.progress import Progress
from tests.fuzz.damage import Target
from tests.light_node.edge.making import NOW_US, joined, leaves_of, reading, signed, stated
from tests.light_node.test_attested_reading import LEAVES
from tests.light_node.test_device_key import Case
from tests.simulator.world import make_world

STATEMENT, READINGS = signed(stated(range(5))), joined(leaves_of(*range(5)))
CASE = Case(make_world())
TRUST, PROGRESS = CASE.world.chain.trust(), Progress()
ACCOUNT = judge(
    encode_evidence(CASE.world.chain.evidence(CASE.world.battery)), TRUST, now=CASE.world.chain.time, progress=PROGRESS
).account
PROOF = encode_proof(CASE.reading_proof(CASE.key_proof()))
LINE = b'{"asset":"pack","quantity":"state_of_charge","value":81.5,"unit":"percent","sensor":"bms"}'


def _statement(data: bytes) -> None:
    assert parse_statement(data.decode("latin-1")).jws.text.encode("latin-1") == data


def _reading(data: bytes) -> None:
    assert encode_reading(*parse_reading(data)) == data


def _readings(data: bytes) -> None:
    """Taken only if they are the very ones that were signed."""
    verify_readings(STATEMENT, data)
    assert data == READINGS


def _proof(data: bytes) -> None:
    """Whatever a damaged file still proves, it is the reading that the device stated."""
    proof = parse_proof(data)
    assert ACCOUNT is not None
    assert PROGRESS.header is not None
    found = verify_attested_reading(ACCOUNT, proof, Ground(TRUST, PROGRESS.header))
    assert encode_reading(found.reading, found.quality) == LEAVES[2]


EDGE_TARGETS: dict[str, Target] = {
    "batch statement": Target([STATEMENT.text.encode()], _statement),
    "reading": Target([LEAVES[0], encode_reading(reading(7), (Flag.BACKWARDS, Flag.STUCK))], _reading),
    "readings of a batch": Target([READINGS], _readings),
    "proof of a reading": Target([PROOF], _proof),
    "line of a reading": Target([LINE], lambda data: parse_line(data, "pack", NOW_US)),
    "candump": Target([b"(1436509052.249713) vcan0 18FEC1D5#2A366C2BBA R"], parse_candump),
}

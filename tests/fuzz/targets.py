"""Every parser of untrusted bytes, with valid inputs made by the project's examples, vectors and simulator."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ipfs.cid import cid_of_raw, parse_cid, parse_cid_bytes
from ipfs.dag_pb import Link, parse_node
from ipfs.unixfs_directory import directory
from ledger.credential.base64url import parse_base64url
from ledger.credential.capsule import open_capsule
from ledger.credential.capsule_format import (
    CapsuleReference,
    FileDescription,
    Manifest,
    encode_manifest,
    parse_manifest,
)
from ledger.credential.grant_format import encode_grant
from ledger.credential.grant_reader import parse_grant
from ledger.credential.jose import parse_jwk
from ledger.credential.sd_jwt import parse_sd_jwt
from ledger.errors import VerificationError
from ledger.identifiers import parse_identifier
from ledger.intake.csv_map import parse_mapping
from ledger.intake.csv_rows import parse_csv
from ledger.intake.document import parse_document
from ledger.proof.checkpoint import parse_checkpoint
from ledger.proof.cosignature import parse_vkey, verify_cosignatures
from ledger.proof.evidence import encode_evidence, parse_evidence
from ledger.proof.header import block_hash, commit_seal_hash, parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.note import encode_note, parse_note
from ledger.proof.qbft_extra import encode_qbft_extra, parse_qbft_extra
from ledger.proof.rlp import encode_rlp, parse_rlp
from ledger.proof.tlog_text import (
    ConsistencyProof,
    encode_consistency_proof,
    parse_add_checkpoint,
    parse_consistency_proof,
)
from ledger.proof.trie import verify_account, verify_storage, verify_trie_proof
from ledger.service.export.archive import Archive, BagWriter
from ledger.strict_json import MAX_DEPTH, canonical_json, parse_canonical_json, parse_json
from light_node.heads import TreeHead
from light_node.judgement import judge
from light_node.known import KnownCredentials
from light_node.memory import Memory, SignedHead, encode_fork, encode_memory, parse_fork, parse_memory
from light_node.qbft.rotation import Rotation, SetStatement, encode_rotation, parse_rotation
from light_node.succession.lineage import encode_conflict, encode_lineage, parse_conflict, parse_lineage
from light_node.succession.published import encode_published, parse_published
from light_node.succession.statement import encode_succession, parse_succession, verify_succession
from light_node.trust import encode_trust, parse_trust
from light_node.verdict import Outcome
from tests.fuzz.damage import Target
from tests.fuzz.edge_targets import EDGE_TARGETS
from tests.ledger.proof.vectors import FOLDER, octets
from tests.light_node.conformance.test_any_line import VALID, assert_one_answer_a_line
from tests.light_node.succession import making as successions
from tests.light_node.succession.test_lineage import CONFLICT, LINEAGE
from tests.light_node.succession.test_published import TWO as PUBLISHED
from tests.simulator.world import make_world

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORLD = make_world()
EVIDENCE = WORLD.chain.evidence(WORLD.vehicle)
CAR = encode_evidence(EVIDENCE)
TRUST = WORLD.chain.trust()
MEMORY = Memory(1, TRUST.trusted_block, SignedHead(EVIDENCE.header, EVIDENCE.finality), TreeHead(2, bytes(32)))
IDENTIFIERS = (
    "1M8GDM9AXKP042788",
    "https://id.gs1.org/01/09521000001206/21/LC-EV-000417",
    "urn:epc:id:itip:4012345.012345.01.02.987",
    "urn:epc:id:cpi:0614141.5PQ7%2FZ43.12345",
    "001PE01AB12345B3N0000017",
    "urn:bpn:BPNL00000003B2OM:NO-1%2F2",
)


def _vectors(name: str, *fields: str) -> list[bytes]:
    found: list[dict[str, Any]] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["vectors"]
    texts = [one[field] for one in found for field in fields if isinstance(one.get(field), str) and "error" not in one]
    return [octets(text) if text.startswith("0x") else text.encode() for text in texts]


def _again(parse: Callable[[bytes], object], encode: Callable[[Any], bytes]) -> Callable[[bytes], object]:
    """What was taken is written as the same bytes: there is one encoding."""

    def check(data: bytes) -> None:
        assert encode(parse(data)) == data

    return check


def _hashes(data: bytes) -> None:
    header = parse_header(data)
    block_hash(header)
    parse_qbft_extra(header.extra_data)
    block_hash(header, "qbft")
    commit_seal_hash(header)


def _node_under_its_own_root(data: bytes) -> None:
    for key in (b"", b"\x12\x34", b"doge", bytes(32)):
        try:
            verify_trie_proof(keccak256(data), key, [data])
            verify_storage(keccak256(data), bytes(32), [data])
            verify_account(keccak256(data), bytes(20), [data])
        except VerificationError:
            continue


def _judged(data: bytes) -> None:
    """Judged, and verified only if it is the very file, also by who knows its credentials: each bit is under proof."""
    verdict = judge(data, TRUST, now=WORLD.chain.time)
    assert verdict.outcome is not Outcome.VERIFIED or data == CAR
    assert judge(data, TRUST, now=WORLD.chain.time, known=KNOWN) == verdict


def _succeeded(data: bytes) -> None:
    """Read, and taken only if what is signed is the very text: further lines of strangers may stand below it."""
    signed = parse_succession(data)
    assert encode_succession(signed) == data
    verify_succession(successions.A, successions.B, signed)
    assert data.startswith(successions.body(successions.A, successions.B).encode())


def _json_again(data: bytes) -> None:
    value = parse_json(data)
    assert canonical_json(parse_json(canonical_json(value))) == canonical_json(value)


def _canonical(data: bytes) -> None:
    value = parse_canonical_json(data, what="it", max_bytes=len(data), max_depth=MAX_DEPTH)
    assert canonical_json(value) == data


def _identified(data: bytes) -> None:
    canonical = parse_identifier(data.decode("latin-1")).canonical
    assert parse_identifier(canonical).canonical == canonical


def _in_order(kind: str, *fields: str) -> list[bytes]:
    """Texts of the accepted vectors about credentials."""
    path = FOLDER.parent / "credential" / f"{kind}.json"
    found: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))["vectors"]
    good = [one for one in found if "error" not in one]
    return [one[field].encode() for one in good for field in fields if isinstance(one.get(field), str)]


def _opened(data: bytes) -> None:
    """A sealed capsule, under its own key; only the very bytes open to the end."""
    opened = open_capsule([data], CAPSULE_KEY, CAPSULE)
    for _, pieces in opened.files:
        for _ in pieces:
            pass
    assert data == SEALED


def _mapping(data: bytes) -> None:
    mapping = parse_mapping((EXAMPLES / "csv" / "map.toml").read_bytes())
    for _ in parse_csv(io.BytesIO(data), mapping, as_of=NOW):
        pass


def _document(data: bytes) -> None:
    parse_document(data, as_of=NOW)


def _documents(*folders: str) -> list[bytes]:
    names = sorted(path for folder in folders for path in (EXAMPLES / folder).iterdir())
    return [path.read_bytes() for path in names if path.suffix in {".json", ".jsonld"}]


def _jwk(data: bytes) -> None:
    parse_jwk(parse_json(data))


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: parse(data.decode("latin-1"))


def _read_bag(data: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(data)
        file.flush()
        with Archive(Path(file.name)) as archive:
            for name in archive.paths():
                archive.read(name, 1 << 20)


def _bag() -> bytes:
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        with BagWriter(file, "bag") as bag:  # type: ignore[arg-type]
            bag.add("a.txt", b"hello" * 20)
            bag.add_pieces("data/b.txt", (b"x", b"yz"), 3)
        file.seek(0)
        return file.read()


VECTOR = json.loads((FOLDER.parent / "credential" / "capsule.json").read_text("utf-8"))["vectors"][0]
SEALED, CAPSULE_KEY = (parse_base64url(VECTOR[name], name) for name in ("sealed", "key"))
CAPSULE = CapsuleReference(
    str(cid_of_raw(SEALED)),
    parse_base64url(VECTOR["key_commitment"], "key_commitment"),
    tuple(parse_base64url(one, "file") for one in VECTOR["files"]),
)
MANIFEST = Manifest(("WyJhIl0",), bytes(32), (FileDescription("a.csv", "text/csv", 3, bytes(32), bytes(32)),))
NOTES, HEADERS = _vectors("checkpoint", "note"), _vectors("header", "rlp")
SEALED_HEADERS = [header for header in HEADERS if parse_header(header).extra_data[:1] > b"\xc0"]
KNOWN = KnownCredentials()
judge(CAR, TRUST, now=WORLD.chain.time, known=KNOWN)
KEYS = [parse_vkey(key) for key in json.loads((FOLDER / "checkpoint.json").read_text("utf-8"))["vectors"][0]["keys"]]
NODES = [node for account in WORLD.chain.evidence(WORLD.battery).accounts for node in account.nodes]
ROTATION = Rotation(SetStatement(1, 1, 5, 1, bytes(32), (b"\x11" * 20,)), {b"\x11" * 20: bytes(64) + b"\x01"})
LINES = [json.dumps({"id": 1, **request}).encode() for request in VALID]

TARGETS: dict[str, Target] = {
    "evidence": Target([CAR], _again(parse_evidence, encode_evidence)),
    "verdict": Target([CAR], _judged),
    "trust file": Target([encode_trust(TRUST)], parse_trust),
    "state": Target([encode_memory(MEMORY)], _again(parse_memory, encode_memory)),
    "fork": Target([encode_fork(1, MEMORY.signed, MEMORY.signed)], parse_fork),
    "rotation": Target([encode_rotation(ROTATION)], _again(parse_rotation, encode_rotation)),
    "succession": Target([successions.note(successions.A, successions.B)], _succeeded),
    "lineage": Target([encode_lineage(LINEAGE)], _again(parse_lineage, encode_lineage)),
    "published succession": Target([encode_published(PUBLISHED)], _again(parse_published, encode_published)),
    "conflicting successions": Target([encode_conflict(CONFLICT)], _again(parse_conflict, encode_conflict)),
    "conformance": Target(LINES, assert_one_answer_a_line),
    "rlp": Target(_vectors("rlp", "rlp"), _again(parse_rlp, encode_rlp)),
    "header": Target(HEADERS, parse_header),
    "sealed header": Target(SEALED_HEADERS, _hashes),
    "extra data": Target(
        [parse_header(header).extra_data for header in SEALED_HEADERS], _again(parse_qbft_extra, encode_qbft_extra)
    ),
    "trie": Target(NODES, _node_under_its_own_root),
    "note": Target(NOTES, _again(parse_note, lambda note: encode_note(note).encode())),
    "checkpoint": Target(NOTES, lambda data: verify_cosignatures(parse_checkpoint(data), KEYS, 1)),
    "witness key": Target([key.vkey.encode() for key in KEYS], _text(parse_vkey)),
    "consistency": Target(
        [encode_consistency_proof(ConsistencyProof(1, 3, (bytes(32), b"\1" * 32)))],
        _again(parse_consistency_proof, encode_consistency_proof),
    ),
    "request": Target([f"old 0\n\n{NOTES[0].decode()}".encode()], parse_add_checkpoint),
    "sd-jwt": Target(_in_order("sd_jwt", "sd_jwt"), _text(parse_sd_jwt)),
    "grant": Target(_in_order("grant", "grant"), _again(parse_grant, encode_grant)),
    "capsule": Target([SEALED], _opened),
    "manifest": Target([encode_manifest(MANIFEST)], parse_manifest),
    "jwk": Target(
        [canonical_json(dict(key.public.jwk)) for key in WORLD.chain.keys.values()],
        lambda data: parse_jwk(parse_json(data)),
    ),
    "canonical json": Target(['{"a":[1,"\\n — \\u001f\\\\",null,true],"b":{"c":{}}}'.encode(), CAR], _canonical),
    "json": Target([b'{"a":[1,2.5e-3,"\\u00e9\\ud83d\\ude00",null,true],"b":{"c":{}}}'], _json_again),
    "identifier": Target([one.encode() for one in IDENTIFIERS], _identified),
    "passport": Target([path.read_bytes() for path in (EXAMPLES / "battery").glob("passport-*.json")], _document),
    "epcis": Target([path.read_bytes() for path in (EXAMPLES / "battery").glob("*.jsonld")], _document),
    "documents": Target(_documents("vehicle", "parts"), _document),
    "mapping": Target([(EXAMPLES / "csv" / "map.toml").read_bytes()], parse_mapping),
    "csv": Target([(EXAMPLES / "csv" / "services.csv").read_bytes()], _mapping),
    "cid": Target([str(cid_of_raw(b"x")).encode()], _text(parse_cid)),
    "binary cid": Target([bytes(cid_of_raw(b"x"))], _again(parse_cid_bytes, bytes)),
    "dag-pb": Target([directory([Link(cid_of_raw(b"x"), "a", 1)]).data], parse_node),
    "bag": Target([_bag()], _read_bag),
    **EDGE_TARGETS,
}

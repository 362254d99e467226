"""What makes an export its exporter's statement: every file by hash in one signed document; and BagIt's own files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ledger.access import Tier
from ledger.credential.jws import RawJws, parse_jws, sign_jws
from ledger.credential.signing import SigningKey
from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.service.export.archive import MAX_FILES, MAX_NAME_CHARACTERS, FileFact
from ledger.strict_json import MAX_INTEGER, canonical_json
from light_node.verdict import AsOf, time_text

JWS_TYPE = "vinculum-export+jws"
MEDIA_TYPE = "application/vnd.vinculum.export-manifest+json"
VERSION = 1
MAX_JWS_CHARACTERS = 24 * 1024 * 1024
BAGIT = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"

BAGIT_FILE, INFO_FILE = "bagit.txt", "bag-info.txt"
PAYLOAD_FILE, TAG_FILE = "manifest-sha256.txt", "tagmanifest-sha256.txt"
SIGNED_FILE = "data/manifest.jws"

_read = FieldReader("export manifest")
_MANIFEST = frozenset(
    {"type", "version", "chain_id", "consortium", "exporter", "tier", "as_of", "statement", "assets", "events", "files"}
)
_FILE = frozenset({"path", "size", "sha256"})
_AS_OF = frozenset({"block", "time", "hash"})
_LINE = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(\S+)")


@dataclass(frozen=True, slots=True)
class ExportManifest:
    """What the exporter signs.

    Attributes:
        chain_id: EIP-155 chain id.
        consortium: Address, 20 bytes.
        exporter: Number of the organisation that signs.
        tier: Of the reader that the export was made for.
        as_of: The earliest block that any of its evidence is of.
        assets: How many evidence files.
        events: How many events they hold.
        files: Every file below ``data`` but this manifest, in the order of their paths.
    """

    chain_id: int
    consortium: bytes
    exporter: int
    tier: Tier
    as_of: AsOf
    assets: int
    events: int
    files: tuple[FileFact, ...]

    @property
    def statement(self) -> str:
        """The sentence that is signed; it says no more than a proof of heads can."""
        return f"complete as registered up to block {self.as_of.number}"


def sign_manifest(manifest: ExportManifest, key: SigningKey) -> bytes:
    """Sign a manifest; the compact JWS in ASCII."""
    as_of: dict[str, Json] = {
        "block": manifest.as_of.number,
        "time": manifest.as_of.time,
        "hash": encode_hexadecimal(manifest.as_of.hash),
    }
    files: list[Json] = [
        {"path": fact.path, "size": fact.size, "sha256": encode_hexadecimal(fact.sha256)} for fact in manifest.files
    ]
    value: dict[str, Json] = {
        "type": MEDIA_TYPE,
        "version": VERSION,
        "chain_id": manifest.chain_id,
        "consortium": encode_hexadecimal(manifest.consortium),
        "exporter": manifest.exporter,
        "tier": str(manifest.tier),
        "as_of": as_of,
        "statement": manifest.statement,
        "assets": manifest.assets,
        "events": manifest.events,
        "files": files,
    }
    return sign_jws(canonical_json(value), key, JWS_TYPE).encode("ascii")


def parse_signed(data: bytes) -> tuple[RawJws, ExportManifest]:
    """Read a signed manifest; the signature is not verified.

    Args:
        data: *Untrusted.*

    Raises: MalformedError, also where the statement is not the one that the version gives.
    """
    try:
        jws = parse_jws(data.decode("ascii"), "export manifest", max_characters=MAX_JWS_CHARACTERS)
    except UnicodeDecodeError:
        raise MalformedError("export manifest", "not ASCII") from None
    fields = _read.members(jws.payload, _MANIFEST, "")
    _read.constant(fields["type"], MEDIA_TYPE, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    manifest = ExportManifest(
        chain_id=_read.integer(fields["chain_id"], "/chain_id", least=1, most=MAX_INTEGER),
        consortium=_read.hexadecimal(fields["consortium"], "/consortium", length=20),
        exporter=_read.integer(fields["exporter"], "/exporter", least=1, most=2**32 - 1),
        tier=_tier(fields["tier"]),
        as_of=_as_of(fields["as_of"]),
        assets=_read.integer(fields["assets"], "/assets", least=1, most=MAX_FILES),
        events=_read.integer(fields["events"], "/events", most=MAX_INTEGER),
        files=_files(fields["files"]),
    )
    _read.constant(fields["statement"], manifest.statement, "/statement")
    return jws, manifest


def _tier(value: Json) -> Tier:
    try:
        return Tier(_read.text(value, "/tier", most=32))
    except ValueError:
        raise MalformedError("export manifest", "not a tier of readers", "/tier") from None


def _as_of(value: Json) -> AsOf:
    fields = _read.members(value, _AS_OF, "/as_of")
    return AsOf(
        _read.integer(fields["block"], "/as_of/block", most=MAX_INTEGER),
        _read.integer(fields["time"], "/as_of/time", most=2**36),
        _read.hexadecimal(fields["hash"], "/as_of/hash", length=32),
    )


def _files(value: Json) -> tuple[FileFact, ...]:
    facts = []
    for place, item in enumerate(_read.items(value, "/files", most=MAX_FILES)):
        at = f"/files/{place}"
        fields = _read.members(item, _FILE, at)
        facts.append(
            FileFact(
                _read.text(fields["path"], f"{at}/path", most=MAX_NAME_CHARACTERS),
                _read.integer(fields["size"], f"{at}/size", most=MAX_INTEGER),
                _read.hexadecimal(fields["sha256"], f"{at}/sha256", length=32),
            )
        )
    if [fact.path for fact in facts] != sorted({fact.path for fact in facts}):
        raise MalformedError("export manifest", "files not in the order of their paths, or one twice", "/files")
    return tuple(facts)


def bag_info(manifest: ExportManifest, payload_bytes: int, payload_files: int) -> bytes:
    """BagIt's description of the bag, which follows from the signed manifest.

    Args:
        manifest: What was signed.
        payload_bytes: Of all files below ``data``, the manifest included.
        payload_files: How many these are.

    Source: RFC 8493, 2.2.2.
    """
    as_of = manifest.as_of
    noun = "asset" if manifest.assets == 1 else "assets"
    lines: Mapping[str, object] = {
        "Source-Organization": f"organisation {manifest.exporter}",
        "External-Description": f"Registered lives of {manifest.assets} {noun}, {manifest.statement} "
        f"({time_text(as_of.time)}); what was never registered is not part of it",
        "External-Identifier": f"eip155:{manifest.chain_id}:{encode_hexadecimal(manifest.consortium)}",
        "Bagging-Date": datetime.fromtimestamp(as_of.time, UTC).date().isoformat(),
        "Payload-Oxum": f"{payload_bytes}.{payload_files}",
        "Vinculum-Tier": manifest.tier,
        "Vinculum-Verify": "vinculum verify BAG --trust FILE, with a trust file of your own",
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items()).encode()


def checksums(facts: Iterable[FileFact]) -> bytes:
    """A manifest of BagIt.

    Source: RFC 8493, 2.1.3.
    """
    return "".join(f"{fact.sha256.hex()}  {fact.path}\n" for fact in sorted(facts)).encode()


def parse_checksums(data: bytes, what: str) -> dict[str, bytes]:
    """Read a manifest of BagIt.

    Args:
        data: *Untrusted.*
        what: Name of the file, for error messages.

    Raises: MalformedError, where a line is none, or a path stands twice.
    """
    found: dict[str, bytes] = {}
    for number, line in enumerate(_lines(data, what), 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise MalformedError(what, "not a checksum and a path, each path once", f"line {number}")
        found[match[2]] = bytes.fromhex(match[1])
    return found


def _lines(data: bytes, what: str) -> Sequence[str]:
    try:
        return data.decode("ascii").splitlines()
    except UnicodeDecodeError as error:
        raise MalformedError(what, "not ASCII", error.start) from None

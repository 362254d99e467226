"""Keys, credentials and forgeries that the tests of this folder share; everything follows from fixed seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256, shake_256
from typing import Any

from ipfs.cid import cid_of_raw
from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.binding import Binding, Place, claims_of, log_name, schema_of
from ledger.credential.capsule_format import CapsuleReference, commit_key
from ledger.credential.jose import Algorithm
from ledger.credential.salting import make_disclosures
from ledger.credential.sd_jwt import Disclosed, SdJwt, issue, parse_sd_jwt, verify_sd_jwt
from ledger.credential.signing import SigningKey, generate_private_key, sign
from ledger.event import Json

ALGORITHMS = list(Algorithm)
FIELDS: dict[str, Json] = {
    "state_of_health_percent": 93.5,
    "energy_kwh": 61.25,
    "cycles": 412,
    "note": "Größe: ½ Palette, «wie neu»",
    "identifiers": ["A1", "A2"],
    "cell": {"supplier": "urn:bpn:BPNL00000001TEST", "passed": True, "remark": None},
}


def seeded(label: str) -> Callable[[int], bytes]:
    """A stream of bytes that looks random and follows from ``label``; each call goes on where the last ended."""
    calls = 0

    def draw(count: int) -> bytes:
        nonlocal calls
        calls += 1
        return shake_256(f"{label}/{calls}".encode()).digest(count)

    return draw


def key_of(algorithm: Algorithm = Algorithm.ES256, label: str = "issuer") -> SigningKey:
    return generate_private_key(algorithm, seeded(f"{label}/{algorithm}"))


CAPSULE_KEY = seeded("capsule")(32)
REFERENCE = CapsuleReference(str(cid_of_raw(b"sealed")), commit_key(CAPSULE_KEY), (bytes(range(32)),))
BINDING = Binding(
    subject=sha256(b"subject").digest(),
    kind=1 << 10 | 1 << 8 | 3,
    schema=schema_of("battery.state_of_health"),
    log=log_name(1337, bytes(range(20))),
    organisation=4_000_000_001,
    jti=encode_base64url(seeded("jti")(16)),
    issued_at=1_790_000_000 - 1_790_000_000 % 3600,
    capsule=REFERENCE,
    previous_head=sha256(b"head").digest(),
)
PLACE = Place(
    BINDING.subject,
    BINDING.kind,
    BINDING.schema,
    BINDING.log,
    BINDING.organisation,
    BINDING.previous_head,
    BINDING.issued_at + 1800,
)


def credential(key: SigningKey | None = None, fields: Mapping[str, Json] | None = None) -> SdJwt:
    random = seeded("credential")
    disclosures = make_disclosures(FIELDS if fields is None else fields, random)
    return issue(claims_of(BINDING), disclosures, key or key_of(), random)


def encode(value: Any) -> str:
    """Base64url of bytes, or of a value as JSON without any check."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return encode_base64url(data)


def digest_of(text: str) -> str:
    return encode_base64url(sha256(text.encode()).digest())


def forge_jws(payload: Any, key: SigningKey, header: Any = None) -> str:
    """Sign anything, with any header, as a misbehaving issuer could."""
    usual = {"alg": key.public.algorithm.value, "kid": key.public.key_id, "typ": "dc+sd-jwt"}
    signed = f"{encode(usual if header is None else header)}.{encode(payload)}"
    return f"{signed}.{encode_base64url(sign(key, signed.encode()))}"


def forge(payload: Any, disclosures: list[Any] | tuple[Any, ...] = (), header: Any = None) -> str:
    """An SD-JWT of any payload with any disclosures (texts stay, other values are encoded)."""
    texts = [item if isinstance(item, str) else encode(item) for item in disclosures]
    return "~".join((forge_jws(payload, key_of(), header), *texts, ""))


JWK = key_of().public.jwk
DECOY = encode(bytes(32))


def checked(text: str) -> Disclosed:
    return verify_sd_jwt(parse_sd_jwt(text), key_of().public)


def payload_of(jwt: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(parse_base64url(jwt.split(".")[1], "payload"))
    return value

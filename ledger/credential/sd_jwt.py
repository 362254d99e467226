"""Credentials as SD-JWT VC: issue, read, present a part, verify.

Source: RFC 9901 (SD-JWT); draft-ietf-oauth-sd-jwt-vc (``dc+sd-jwt``). No holder is bound: a credential speaks of an
asset, and whoever holds it may show it, so a key-binding JWT is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.credential.disclosure import HASH_NAME, Disclosure, digest_disclosure, parse_disclosure, resolve
from ledger.credential.jose import Jwk, PublicKey, parse_jwk, verify_signature
from ledger.credential.jws import RawJws, parse_jws, sign_jws, signing_input, verify_jws
from ledger.credential.salting import encode_json, make_decoys
from ledger.credential.signing import Random, SigningKey
from ledger.errors import MalformedError, SignatureError
from ledger.event import Json

TYPE = "dc+sd-jwt"
CLAIM_NAMES = "claim_names"
"""The claim that lists the names of all other disclosable claims, so that a reader knows which are withheld."""
MAX_CHARACTERS = 4 * 1024 * 1024
MAX_JWT_CHARACTERS = 1024 * 1024
"""So that the JWT fits one IPFS block."""
MAX_DISCLOSURES = 4096
DECOY_MULTIPLE = 16
ALWAYS_VISIBLE = frozenset(
    {
        "iss",
        "sub",
        "vct",
        "kind",
        "log",
        "jti",
        "iat",
        "prev",
        "capsule",
        "exp",
        "nbf",
        "cnf",
        "status",
        "vct#integrity",
    }
)
"""Claims that no disclosure may carry: ours, and those of the draft, 2.2.2.2."""


@dataclass(frozen=True, slots=True)
class SdJwt:
    """An SD-JWT as it is kept and handed on.

    Attributes:
        jwt: The issuer-signed compact JWS.
        disclosures: Those that are shown.
    """

    jwt: str
    disclosures: tuple[str, ...]

    @property
    def text(self) -> str:
        """``<jwt>~<disclosure>~…~``, as files and evidence carry it."""
        return "~".join((self.jwt, *self.disclosures, ""))

    @property
    def digest(self) -> bytes:
        """SHA-256 of the issuer-signed JWT, 32 bytes: what goes on chain and addresses the JWT in the store."""
        return digest_jwt(self.jwt)


@dataclass(frozen=True, slots=True)
class RawSdJwt:
    """An SD-JWT in its format; nothing is verified.

    Attributes:
        jws: The issuer-signed part.
        disclosures: In the order received.
    """

    jws: RawJws
    disclosures: tuple[Disclosure, ...]


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A verified credential; ``verify_sd_jwt`` makes it.

    Attributes:
        jwt: The issuer-signed compact JWS.
        digest: Its SHA-256, 32 bytes.
        key: Who signed it.
        visible: The claims that every reader sees, without ``_sd`` and ``_sd_alg``.
        disclosed: The claims shown to this reader.
        withheld: How many hashes were not opened; decoys look the same.
    """

    jwt: str
    digest: bytes
    key: PublicKey
    visible: Mapping[str, Json]
    disclosed: Mapping[str, Json]
    withheld: int


def digest_jwt(jwt: str) -> bytes:
    """SHA-256 of a compact JWS in ASCII, 32 bytes."""
    return sha256(jwt.encode("ascii")).digest()


def issue(visible: Mapping[str, Json], disclosures: Sequence[str], key: SigningKey, random: Random) -> SdJwt:
    """Sign a credential.

    Args:
        visible: Claims that every reader sees (``binding.claims_of`` makes them).
        disclosures: From ``make_disclosures``; their hashes are sorted and padded with decoys to a multiple of 16.
        key: The issuer's.
        random: Gives fresh bytes, for the decoys.

    Returns:
        The credential with all its disclosures.

    Raises:
        MalformedError: too many disclosures, or a visible claim with a reserved name.
    """
    if len(disclosures) > MAX_DISCLOSURES or not {"_sd", "_sd_alg", "..."}.isdisjoint(visible):
        raise MalformedError("credential", "too many disclosures, or a reserved claim name")
    digests = [digest_disclosure(text) for text in disclosures]
    padding = -len(digests) % DECOY_MULTIPLE if digests else DECOY_MULTIPLE
    hashes: list[Json] = [*sorted(digests + make_decoys(padding, random))]
    payload = encode_json({**visible, "_sd": hashes, "_sd_alg": HASH_NAME})
    return SdJwt(sign_jws(payload, key, TYPE), tuple(disclosures))


def parse_sd_jwt(text: str) -> RawSdJwt:
    """Read an SD-JWT.

    Args:
        text: *Untrusted*.

    Raises:
        MalformedError: not in the format, over a limit, or with a key-binding JWT.
    """
    if len(text) > MAX_CHARACTERS or text.count("~") > MAX_DISCLOSURES + 1:
        raise MalformedError("SD-JWT", f"longer than {MAX_CHARACTERS} or with more than {MAX_DISCLOSURES} disclosures")
    jwt, *disclosures = text.split("~")
    if not disclosures or disclosures.pop():
        raise MalformedError("SD-JWT", "does not end with '~': no JWT that binds a holder's key is read")
    jws = parse_jws(jwt, "credential", max_characters=MAX_JWT_CHARACTERS)
    return RawSdJwt(jws, tuple(map(parse_disclosure, disclosures)))


def present(credential: SdJwt, names: Collection[str]) -> SdJwt:
    """Keep only the disclosures of these top-level claims; the signed part stays as it is.

    Args:
        credential: One of ours, whose disclosures are all of the top level.
        names: Names that it does not hold are ignored.
    """
    kept = tuple(text for text in credential.disclosures if parse_disclosure(text).name in names)
    return SdJwt(credential.jwt, kept)


def verify_sd_jwt(raw: RawSdJwt, key: PublicKey) -> Disclosed:
    """Prove that ``key`` signed this credential, with exactly these claims among others.

    1. Type, algorithm, key id and signature (``verify_jws``).
    2. The hash algorithm is named; each hash stands once, at the top level; each disclosure is committed to.
    3. No claim that must be visible was disclosed instead.

    Whether the key was valid for the issuer at the time, and whether the credential belongs to this place, are
    other checks: ``verify_binding`` and the proof of the key's record.

    Raises:
        SignatureError: 1 fails.
        MalformedError: 2 or 3 fails.
        ContentMismatchError: a disclosure that the document does not commit to.
    """
    verify_jws(raw.jws, key, TYPE)  # 1
    resolved = resolve(raw.jws.payload, raw.disclosures)  # 2
    if "_sd_alg" not in raw.jws.payload or resolved.nested:
        raise MalformedError("credential", "hashes below the top level, or their algorithm is not named")
    if not ALWAYS_VISIBLE.isdisjoint(resolved.disclosed):  # 3
        raise MalformedError("credential", "a claim that must be visible was disclosed")
    visible = {name: value for name, value in resolved.payload.items() if name not in resolved.disclosed}
    jwt = raw.jws.text
    return Disclosed(jwt, digest_jwt(jwt), key, visible, resolved.disclosed, resolved.withheld)


def verify_foreign_sd_jwt(text: str, jwk: Jwk) -> dict[str, Json]:
    """Verify an SD-JWT that another system issued, by the RFC alone: any ``typ``, any ``kid``, any half of s.

    Args:
        text: *Untrusted*.
        jwk: *Untrusted* as to its form; trusted to be the issuer's.

    Returns:
        The processed payload: signed and disclosed claims together, nested and array disclosures resolved.
        ``exp``, ``nbf`` and ``aud`` are not judged.

    Raises:
        MalformedError, SignatureError, ContentMismatchError: as for ``verify_sd_jwt``.

    Source: RFC 9901, 7.1.
    """
    raw, key = parse_sd_jwt(text), parse_jwk(jwk)
    if raw.jws.header["alg"] != key.algorithm.value:
        raise SignatureError("the algorithm is not the key's")
    verify_signature(key, signing_input(raw.jws), raw.jws.signature, low_s=False)
    return resolve(raw.jws.payload, raw.disclosures).payload

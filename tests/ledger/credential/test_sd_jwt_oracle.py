"""The ``sd-jwt`` library, written by the authors of the standard, as the other side in both directions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.binding import claims_of
from ledger.credential.disclosure import digest_disclosure
from ledger.credential.jose import Algorithm
from ledger.credential.sd_jwt import present, verify_foreign_sd_jwt
from ledger.credential.signing import private_bytes
from tests.ledger.credential.builders import BINDING, FIELDS, credential, key_of

KEY = key_of()


def oracle_key(algorithm: Algorithm) -> JWK:
    key = key_of(algorithm)
    return JWK(**key.public.jwk, d=encode_base64url(private_bytes(key)))


def oracle_verify(text: str, algorithm: Algorithm) -> dict[str, Any]:
    verified: dict[str, Any] = SDJWTVerifier(text, lambda *_: oracle_key(algorithm)).get_verified_payload()
    return verified


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.EDDSA])
@pytest.mark.parametrize("names", [[], ["note"], ["cell", "identifiers", "cycles"], list(FIELDS)])
def test_the_library_reads_ours(algorithm: Algorithm, names: list[str]) -> None:
    shown = present(credential(key_of(algorithm)), names)
    expected = claims_of(BINDING) | {name: FIELDS[name] for name in names}
    assert oracle_verify(shown.text, algorithm) == expected
    assert verify_foreign_sd_jwt(shown.text, key_of(algorithm).public.jwk) == expected


SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text("abcä½", max_size=4)
NAMES = st.text("abcdef", min_size=1, max_size=3)


def hidden(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Objects and arrays, some of whose members are marked as selectively disclosable."""
    elements = st.tuples(inner, st.booleans()).map(lambda pair: SDObj(pair[0]) if pair[1] else pair[0])
    members = st.dictionaries(NAMES, st.tuples(inner, st.booleans()), max_size=3).map(
        lambda value: {SDObj(name) if hide else name: item for name, (item, hide) in value.items()}
    )
    return st.lists(elements, max_size=3) | members


CLAIMS = st.dictionaries(
    NAMES, st.tuples(st.recursive(SCALARS, hidden, max_leaves=10), st.booleans()), min_size=1, max_size=4
).map(lambda value: {SDObj(name) if hide else name: item for name, (item, hide) in value.items()})


@given(CLAIMS, st.booleans(), st.integers(0, 2**32))
def test_we_read_the_librarys(claims: Any, decoys: bool, chosen: int) -> None:
    """Nested and recursive structures, elements of arrays, decoys; any part of the disclosures."""
    issuer = SDJWTIssuer(claims, oracle_key(Algorithm.ES256), add_decoy_claims=decoys)
    jwt, *disclosures, _ = issuer.sd_jwt_issuance.split("~")
    assert verify_foreign_sd_jwt(issuer.sd_jwt_issuance, KEY.public.jwk) == oracle_verify(
        issuer.sd_jwt_issuance, Algorithm.ES256
    )
    wanted = [text for place, text in enumerate(disclosures) if chosen >> place & 1]
    kept = reachable(jwt, wanted)
    part = "~".join((jwt, *kept, ""))
    assert verify_foreign_sd_jwt(part, KEY.public.jwk) == oracle_verify(part, Algorithm.ES256)


def reachable(jwt: str, disclosures: list[str]) -> list[str]:
    """Those whose hash stands in the payload or in a disclosure that is kept itself."""
    seen = parse_base64url(jwt.split(".")[1], "payload").decode()
    kept: list[str] = []
    while True:
        new = [text for text in disclosures if text not in kept and digest_disclosure(text) in seen]
        if not new:
            return kept
        kept += new
        seen += "".join(parse_base64url(text, "disclosure").decode() for text in new)


def test_a_holder_with_the_library_presents_ours() -> None:
    holder = SDJWTHolder(credential().text)
    holder.create_presentation({"note": True})
    payload = verify_foreign_sd_jwt(holder.sd_jwt_presentation, KEY.public.jwk)
    assert payload == claims_of(BINDING) | {"note": FIELDS["note"]}


@pytest.mark.parametrize(
    ("text", "array", "digest"),
    [
        (
            "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0",
            ["_26bc4LT-ac6q2KI6cBW5es", "family_name", "Möbius"],
            "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0",
        ),
        (
            "WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0",
            ["lklxF5jMYlGTPUovMNIvCA", "FR"],
            "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs",
        ),
    ],
)
def test_known_answers_for_hashes_of_disclosures(text: str, array: list[str], digest: str) -> None:
    """RFC 9901, 4.2.1 to 4.2.3."""
    assert json.loads(parse_base64url(text, "disclosure")) == array
    assert digest_disclosure(text) == digest

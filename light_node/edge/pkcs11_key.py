"""The device's key in hardware, over PKCS#11: it signs there, and never leaves. Needs the extra ``pkcs11``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from types import TracebackType
from typing import Any, Self

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, exceptions
from pkcs11.util.ec import encode_named_curve_parameters

from ledger.credential.base64url import encode_base64url
from ledger.credential.jose import PublicKey, parse_jwk
from ledger.credential.signing import lower_half
from ledger.errors import ConfigurationError, MalformedError, RejectedError, UnreachableError

_POINT_BYTES = 65
_OCTET_STRING = b"\x04\x41"
_UNCOMPRESSED = b"\x04"
_WRONG = (
    *(exceptions.NoSuchToken, exceptions.MultipleTokensReturned, exceptions.TokenNotPresent),
    *(exceptions.NoSuchKey, exceptions.MultipleObjectsReturned),
    *(
        exceptions.PinIncorrect,
        exceptions.PinInvalid,
        exceptions.PinLenRange,
        exceptions.PinLocked,
        exceptions.PinExpired,
    ),
)


@dataclass(frozen=True, slots=True)
class HardwareKey:
    """Where a key is.

    Attributes:
        library: Path of the vendor's PKCS#11 library.
        token: Label of the token.
        key: Label of the key pair.
        pin: The user's; secret.
    """

    library: str
    token: str
    key: str
    pin: str = field(repr=False)


class HardwareSigner:
    """A session with a token. Of one thread."""

    def __init__(self, place: HardwareKey) -> None:
        """Open the session.

        Raises:
            ConfigurationError: Extra, library, token, key or PIN are not there or not right, or the key is not P-256.
            UnreachableError: The hardware does not answer.
        """
        self._place = place
        with _translated(place):
            self._session = _open(place)
            try:
                self._key, self._public = _find(self._session, place)
            except BaseException:
                self._session.close()
                raise

    @property
    def public(self) -> PublicKey:
        """The public half."""
        return self._public

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def sign(self, message: bytes) -> bytes:
        """Sign in the hardware, over the hash that is made here.

        Raises:
            UnreachableError: The hardware does not answer any more.
            RejectedError: It answers that it will not.
        """
        with _translated(self._place):
            signature = bytes(self._key.sign(sha256(message).digest(), mechanism=Mechanism.ECDSA))
        if len(signature) != 64:
            raise RejectedError(f"the token gave a signature of {len(signature)} bytes")
        return lower_half(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))


def make_key(place: HardwareKey) -> PublicKey:
    """Make a P-256 key pair in the hardware that cannot be taken out of it.

    Raises: As ``HardwareSigner``; ConfigurationError also where there is a key of that label.
    """
    with _translated(place), _open(place, writing=True) as session:
        if list(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: place.key})):
            raise ConfigurationError(f"token {place.token}: there is a key {place.key!r} already")
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        parameters = session.create_domain_parameters(KeyType.EC, curve, local=True)
        secret = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
        parameters.generate_keypair(store=True, label=place.key, private_template=secret)
        return _find(session, place)[1]


def _open(place: HardwareKey, *, writing: bool = False) -> pkcs11.Session:
    token = pkcs11.lib(place.library).get_token(token_label=place.token)
    return token.open(rw=writing, user_pin=place.pin)


def _find(session: pkcs11.Session, place: HardwareKey) -> tuple[Any, PublicKey]:

    private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC, label=place.key)
    public = session.get_key(object_class=ObjectClass.PUBLIC_KEY, key_type=KeyType.EC, label=place.key)
    return private, _public_key(bytes(public[Attribute.EC_POINT]), place)


def _public_key(point: bytes, place: HardwareKey) -> PublicKey:
    """Read an EC_POINT: the uncompressed point, as PKCS#11 wants it in a DER octet string, or bare."""
    point = point.removeprefix(_OCTET_STRING) if len(point) == _POINT_BYTES + 2 else point
    try:
        if len(point) != _POINT_BYTES or point[:1] != _UNCOMPRESSED:
            raise MalformedError("EC_POINT", "not an uncompressed point of P-256")
        x, y = encode_base64url(point[1:33]), encode_base64url(point[33:])
        return parse_jwk({"kty": "EC", "crv": "P-256", "x": x, "y": y})
    except MalformedError as error:
        raise ConfigurationError(f"key {place.key!r} of token {place.token}: {error}") from None


@contextmanager
def _translated(place: HardwareKey) -> Iterator[None]:
    """Turn what the token says into our errors; the PIN stands in none."""
    try:
        yield
    except _WRONG as error:
        raise ConfigurationError(f"token {place.token}, key {place.key!r}: {type(error).__name__}") from None
    except exceptions.PKCS11Error as error:
        if type(error) is exceptions.PKCS11Error:  # none of the standard's codes: of the loader
            raise ConfigurationError(f"PKCS#11 library: {error}") from None
        raise UnreachableError(f"token {place.token}: {type(error).__name__}") from None

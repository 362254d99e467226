"""The fields of a request, each read as the type that its operation needs."""

from __future__ import annotations

import binascii
from collections.abc import Mapping

from ledger.errors import MalformedError

_QUOTED_CHARACTERS = 64
_WORD_BYTES = 32


class Fields:
    """The members of an object of a request.

    Args:
        members: *Untrusted*.
        at: JSON Pointer of the object, for messages.
    """

    def __init__(self, members: Mapping[str, object], at: str = "") -> None:
        self._members, self._at = members, at

    def exactly(self, *names: str) -> None:
        """Demand these members and no others.

        Raises: MalformedError.
        """
        missing = [name for name in names if name not in self._members]
        if missing:
            raise MalformedError("request", f"no field {missing[0]!r}", self._at or None)
        unknown = [name for name in self._members if name not in names]
        if unknown:
            raise MalformedError("request", f"an unknown field {unknown[0][:_QUOTED_CHARACTERS]!r}", self._at or None)

    def text(self, name: str) -> str:
        """Return a text.

        Raises: MalformedError.
        """
        value = self._members[name]
        if not isinstance(value, str):
            raise self._malformed(name, "not a text")
        return value

    def integer(self, name: str) -> int:
        """Return an integer from 0; ``1.0`` and ``true`` are none.

        Raises: MalformedError.
        """
        value = self._members[name]
        if type(value) is not int or value < 0:
            raise self._malformed(name, "not an integer from 0")
        return value

    def unsigned(self, name: str, bits: int) -> int:
        """Return an integer from 0 that fits into ``bits``.

        Raises: MalformedError.
        """
        value = self.integer(name)
        if value >> bits:
            raise self._malformed(name, f"beyond {bits} bits")
        return value

    def octets(self, name: str, size: int | None = None) -> bytes:
        """Return bytes that stand in hex of either case, without 0x; ``size`` of them, or any number.

        Raises: MalformedError.
        """
        return self._octets(name, self._members[name], size)

    def octets_or_null(self, name: str) -> bytes | None:
        """Return bytes, or None where null stands.

        Raises: MalformedError.
        """
        return None if self._members[name] is None else self.octets(name)

    def many_octets(self, name: str, size: int | None = None) -> list[bytes]:
        """Return a list of bytes, each as by ``octets``.

        Raises: MalformedError.
        """
        return [self._octets(f"{name}/{index}", item, size) for index, item in enumerate(self._list(name))]

    def word(self, name: str) -> bytes:
        """Return a 32-byte word, which stands as an integer or as up to 32 bytes of hex.

        Raises: MalformedError.
        """
        if not isinstance(self._members[name], str):
            return self.unsigned(name, 8 * _WORD_BYTES).to_bytes(_WORD_BYTES, "big")
        data = self.octets(name)
        if len(data) > _WORD_BYTES:
            raise self._malformed(name, f"more than {_WORD_BYTES} bytes")
        return data.rjust(_WORD_BYTES, b"\0")

    def members(self, name: str) -> dict[str, object]:
        """Return an object as it stands.

        Raises: MalformedError.
        """
        return self._checked(name, self._members[name])

    def nested(self, name: str) -> Fields:
        """Return the fields of an object.

        Raises: MalformedError.
        """
        return Fields(self.members(name), f"{self._at}/{name}")

    def many(self, name: str) -> list[Fields]:
        """Return the fields of each object of a list.

        Raises: MalformedError.
        """
        items = [(f"{name}/{index}", item) for index, item in enumerate(self._list(name))]
        return [Fields(self._checked(place, item), f"{self._at}/{place}") for place, item in items]

    def _list(self, name: str) -> list[object]:
        value = self._members[name]
        if not isinstance(value, list):
            raise self._malformed(name, "not a list")
        return value

    def _checked(self, place: str, value: object) -> dict[str, object]:
        if not isinstance(value, dict):
            raise self._malformed(place, "not an object")
        return value

    def _octets(self, place: str, value: object, size: int | None) -> bytes:
        if not isinstance(value, str):
            raise self._malformed(place, "not a text of hex")
        try:
            data = binascii.unhexlify(value)
        except ValueError:  # odd, beyond the alphabet, or not ASCII
            raise self._malformed(place, "not hex without 0x") from None
        if size is not None and len(data) != size:
            raise self._malformed(place, f"{len(data)} bytes, {size} are needed")
        return data

    def _malformed(self, place: str, why: str) -> MalformedError:
        return MalformedError("field", why, f"{self._at}/{place}")

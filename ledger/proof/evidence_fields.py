"""Strict readers for the members of our JSON files: every fault is a MalformedError with its JSON Pointer."""

from __future__ import annotations

from binascii import unhexlify
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.event import Json


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Reads one kind of file.

    Attributes:
        what: Name of the file kind, for error messages.
    """

    what: str

    def members(self, value: Json, names: frozenset[str], at: str) -> dict[str, Json]:
        """Return the object ``value``, which has exactly the members ``names``.

        Args:
            value: *Untrusted.*
            names: All names, each required.
            at: JSON Pointer of ``value``.

        Raises:
            MalformedError: Not an object, a name missing, or a name unknown.
        """
        if not isinstance(value, dict):
            raise MalformedError(self.what, "an object is needed", at)
        if value.keys() != names:
            missing, unknown = sorted(names - value.keys()), sorted(value.keys() - names)
            why = f"lacks {', '.join(missing)}" if missing else f"unknown name {unknown[0][:64]!r}"
            raise MalformedError(self.what, why, at)
        return value

    def items(self, value: Json, at: str, *, most: int, least: int = 0) -> list[Json]:
        """Return the array ``value`` of ``least`` to ``most`` items.

        Raises: MalformedError.
        """
        if not isinstance(value, list):
            raise MalformedError(self.what, "an array is needed", at)
        if not least <= len(value) <= most:
            raise MalformedError(self.what, f"{len(value)} items, {least} to {most} are allowed", at)
        return value

    def integer(self, value: Json, at: str, *, most: int, least: int = 0) -> int:
        """Return the integer ``value``, between ``least`` and ``most``.

        Raises: MalformedError, also for a boolean and for ``1.0``.
        """
        if type(value) is not int:
            raise MalformedError(self.what, "an integer is needed", at)
        if not least <= value <= most:
            raise MalformedError(self.what, f"{value} is not between {least} and {most}", at)
        return value

    def text(self, value: Json, at: str, *, most: int, least: int = 1) -> str:
        """Return the string ``value`` of ``least`` to ``most`` characters.

        Raises: MalformedError.
        """
        if not isinstance(value, str):
            raise MalformedError(self.what, "a string is needed", at)
        if not least <= len(value) <= most:
            raise MalformedError(self.what, f"{len(value)} characters, {least} to {most} are allowed", at)
        return value

    def constant(self, value: Json, expected: str | int, at: str) -> None:
        """Demand that ``value`` is ``expected``, in value and type.

        Raises: MalformedError.
        """
        if type(value) is not type(expected) or value != expected:
            raise MalformedError(self.what, f"{expected!r} is needed", at)

    def hexadecimal(self, value: Json, at: str, *, length: int | None = None, most: int = 0) -> bytes:
        """Return the bytes of ``0x`` and lowercase hexadecimal digits.

        Args:
            value: *Untrusted.*
            at: JSON Pointer of ``value``.
            length: The one length allowed, in bytes; or None.
            most: The greatest length allowed where ``length`` is None, in bytes; at least one byte is needed then.

        Raises:
            MalformedError: Anything else.
        """
        limit = most if length is None else length
        data = _octets(value, limit)
        if data is None:
            raise MalformedError(self.what, f"0x and at most {limit} bytes in lowercase hexadecimal are needed", at)
        if (length is not None and len(data) != length) or not data:
            raise MalformedError(self.what, f"{len(data)} bytes, {length or 'at least 1'} needed", at)
        return data

    def hexadecimals(
        self, value: Json, at: str, *, items: int, length: int | None = None, most: int = 0
    ) -> tuple[bytes, ...]:
        """Return the bytes of each text of an array of at most ``items``; see ``hexadecimal``.

        Raises: MalformedError.
        """
        limit = most if length is None else length
        return tuple(
            [
                data
                if (data := _octets(one, limit)) and (length is None or len(data) == length)
                else self.hexadecimal(one, f"{at}/{number}", length=length, most=most)
                for number, one in enumerate(self.items(value, at, most=items))
            ]
        )


def _octets(value: Json, limit: int) -> bytes | None:
    """The bytes of the one text that ``encode_hexadecimal`` writes for them, else None: no capitals, no white space."""
    if not isinstance(value, str) or len(value) > 2 + 2 * limit:
        return None
    digits = value[2:]
    try:
        data = unhexlify(digits)
    except ValueError:
        return None
    return data if value.startswith("0x") and digits == digits.lower() else None


def encode_hexadecimal(data: bytes) -> str:
    """Return ``0x`` and lowercase hexadecimal."""
    return "0x" + data.hex()

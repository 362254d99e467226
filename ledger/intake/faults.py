"""Collecting the faults of one document, each with its place (JSON Pointer) and a stable code."""

from __future__ import annotations

from ledger.errors import DocumentError, Fault, MalformedError
from ledger.event import Json

MAX_FAULTS = 1000
MAX_SHOWN_CHARACTERS = 40


def pointer_to(base: str, *names: str | int) -> str:
    """Extend a JSON Pointer (RFC 6901) by object names or array positions."""
    return base + "".join("/" + str(name).replace("~", "~0").replace("/", "~1") for name in names)


class Faults:
    """The faults found so far in one document; errors and notices apart, at most ``MAX_FAULTS`` of each kept."""

    def __init__(self) -> None:
        self.errors: list[Fault] = []
        self.notices: list[Fault] = []

    def error(self, pointer: str, code: str, message: str) -> None:
        """Record a fault that refuses the document."""
        if len(self.errors) < MAX_FAULTS:
            self.errors.append(Fault(pointer, code, message))

    def notice(self, pointer: str, code: str, message: str) -> None:
        """Record something worth saying that does not refuse the document."""
        if len(self.notices) < MAX_FAULTS:
            self.notices.append(Fault(pointer, code, message, "notice"))

    def add(self, fault: Fault) -> None:
        """Record a fault made elsewhere, by its severity."""
        kept = self.errors if fault.severity == "error" else self.notices
        if len(kept) < MAX_FAULTS:
            kept.append(fault)

    def raise_errors(self, name: str) -> None:
        """Refuse the document if anything refused it.

        Raises: DocumentError, with every error in the order in which it was found.
        """
        if self.errors:
            raise DocumentError(self.errors, name)


def refused(error: MalformedError, name: str) -> DocumentError:
    """A document that is not even in its syntax, as a refusal with one fault."""
    at = error.at
    place = "" if at is None or isinstance(at, str) else f" (byte {at})"
    pointer = at if isinstance(at, str) else ""
    return DocumentError([Fault(pointer, "malformed", f"{error.what}{place}: {error.why}")], name)


def shown(value: Json) -> str:
    """Write a value for a message: scalars shortened, arrays and objects by their type."""
    if isinstance(value, (dict, list)):
        return type_name(value)
    text = str(value)
    return repr(text if len(text) <= MAX_SHOWN_CHARACTERS else text[: MAX_SHOWN_CHARACTERS - 1] + "…")


def type_name(value: Json) -> str:
    """Name the JSON type of a value with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names = {str: "a string", int: "a number", float: "a number", list: "an array", dict: "an object"}
    return names[type(value)]

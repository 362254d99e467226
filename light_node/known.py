"""Credentials that verified lately: who follows an asset is shown its whole history again with every block.

What a credential says is a function of its text and of the key that signed it. Only that is kept, never that it stood
at some place: key, place and rules are judged anew in every file. A text that was not read to its end, or that did not
verify, is never kept, so that whoever gives files cannot fill this with his own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.credential.binding import Binding
from ledger.credential.jose import PublicKey
from ledger.credential.sd_jwt import Disclosed, RawSdJwt
from ledger.event import Json

MOST_CHARACTERS = 768 * 1024
LONGEST_CHARACTERS = 16 * 1024
"""A longer credential is read anew each time; no dense one takes the place of many plain ones."""
CHARACTERS_A_VALUE = 40
"""As many a value counts for, where there are fewer: in ordinary credentials there are over 100. A small object of one
name takes as much memory as forty characters do."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a credential says, wherever it stands. Nobody changes what is in it: files that show it again share it.

    Attributes:
        raw: As parsed.
        disclosed: *Verified*, with the key that signed.
        binding: What it says of its place.
        fields: Disclosed claims, but for the subject's salt and the list of the claims.
        withheld: Names of the claims that are not disclosed; None where the list of the claims is not, or is false.
    """

    raw: RawSdJwt
    disclosed: Disclosed
    binding: Binding
    fields: Mapping[str, Json]
    withheld: frozenset[str] | None

    def is_by(self, key: PublicKey) -> bool:
        """Whether it was this key whose signature verified."""
        return self.disclosed.key == key


class KnownCredentials:
    """The contents of the credentials that were shown last, up to a number of characters."""

    def __init__(self, most_characters: int = MOST_CHARACTERS) -> None:
        """Know nothing yet.

        Args:
            most_characters: Of the texts together. A character took about six bytes of memory in all; small values
                count for as many characters as take that much.
        """
        self._most, self._characters = most_characters, 0
        self._contents: dict[str, Content] = {}

    def find(self, text: str) -> Content | None:
        """Return what exactly this text, disclosures included, was found to say; None where that is not known."""
        content = self._contents.pop(text, None)
        if content is not None:
            self._contents[text] = content  # the last one again
        return content

    def keep(self, text: str, content: Content) -> None:
        """Remember a credential that verified; those that were not shown for longest are forgotten for it."""
        longest = min(LONGEST_CHARACTERS, self._most)
        if len(text) > longest or text in self._contents or (size := _size(text, content)) > longest:
            return
        self._contents[text] = content
        self._characters += size
        while self._characters > self._most:
            oldest = next(iter(self._contents))
            self._characters -= _size(oldest, self._contents.pop(oldest))


def _size(text: str, content: Content) -> int:
    characters = len(content.raw.jws.text) + sum(len(one.text) for one in content.raw.disclosures)
    return len(text) + max(0, CHARACTERS_A_VALUE * _count_values(content.disclosed.disclosed) - characters)


def _count_values(fields: Mapping[str, Json]) -> int:
    """How many values there are, at any depth."""
    count, unread = 0, [[*fields.values()]]
    while unread:
        values = unread.pop()
        count += len(values)
        unread.extend(
            [*one.values()] if isinstance(one, dict) else one for one in values if isinstance(one, dict | list)
        )
    return count


NONE_KEPT = KnownCredentials(0)
"""For whoever judges one file: it never holds anything."""

"""Evidence from a server that has it ready."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from ledger.errors import ConfigurationError, MissingError
from light_node.http_source import HttpSource
from light_node.sources.port import Hint, Wanted
from light_node.sources.web import Web

PLACES = ("name", "type", "subject", "identifier")
_PLACE = re.compile(r"\{([^{}]*)\}")


class HttpEvidenceSource:
    """GET of a URL in which ``{name}``, ``{type}``, ``{subject}`` and ``{identifier}`` stand for the asset's."""

    def __init__(self, name: str, template: str, web: Web) -> None:
        """Nothing is asked yet.

        Args:
            name: What the reader calls it.
            template: The URL; places are filled percent-encoded, and stand behind the host.
            web: How servers are reached.

        Raises: ConfigurationError, for another kind of URL or place.
        """
        try:
            parts = urlsplit(template)
        except ValueError:
            raise ConfigurationError(f"{template[:200]!r} has no host that there can be") from None
        if not template.isascii():
            raise ConfigurationError(f"{template[:200]!r}: write other characters than ASCII percent-encoded")
        if not set(_PLACE.findall(template)) <= set(PLACES) or parts.fragment or "{" in parts.netloc:
            known = ", ".join(PLACES)
            raise ConfigurationError(
                f"{template[:200]!r}: a fragment, or braces in the host, or with other than {known}"
            )
        self.name, self._most = name, web.answer_bytes
        self._server: HttpSource = web.server(f"{parts.scheme}://{parts.netloc}", name)
        self._template = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"

    def fetch(self, wanted: Wanted, hint: Hint) -> bytes:
        """As the port says."""
        return self._server.get(_PLACE.sub(lambda found: _fill(found[1], wanted), self._template), self._most)


def _fill(place: str, wanted: Wanted) -> str:
    value = {
        "name": wanted.name,
        "type": str(wanted.asset_type),
        "subject": None if wanted.subject is None else wanted.subject.hex(),
        "identifier": wanted.identifier,
    }[place]
    if value is None:
        raise MissingError(f"the {place} of {wanted.name} is not known yet")
    return quote(value, safe="")

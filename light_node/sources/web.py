"""How servers are reached: with one limit of time and size, by the system's authorities or a consortium's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ipfs.files import open_regular
from ledger.errors import ConfigurationError
from ledger.proof.evidence import MAX_BYTES
from light_node.http_source import HttpSource


@dataclass(frozen=True, slots=True)
class Web:
    """Opens servers alike.

    Attributes:
        timeout_s: For each answer.
        answer_bytes: Of each answer, at most. What is read has to fit into the memory that a service is given.
        authorities: PEM file of who may vouch for a server, instead of the system's; or None.
    """

    timeout_s: float = 10.0
    answer_bytes: int = MAX_BYTES
    authorities: Path | None = None

    def server(self, url: str, name: str | None = None) -> HttpSource:
        """A server behind a URL; nothing is asked yet.

        Args:
            url: As ``HttpSource`` takes it.
            name: What errors call it, where the URL may hold a secret; by default the URL.

        Raises: ConfigurationError, for another kind of URL, or authorities that cannot be read.
        """
        server = self._open(url)
        server.name = server.name if name is None else name
        return server

    def _open(self, url: str) -> HttpSource:
        if self.authorities is None or not url.startswith("https:"):
            return HttpSource(url, timeout_s=self.timeout_s)
        from ssl import SSLError, create_default_context  # noqa: PLC0415 - 3 MiB that plain HTTP does without

        try:
            with open_regular(self.authorities):  # of a pipe OpenSSL would wait for the other end
                context = create_default_context(cafile=self.authorities)
        except (OSError, SSLError) as error:
            raise ConfigurationError(f"{self.authorities}: {error.strerror or error}") from None
        return HttpSource(url, timeout_s=self.timeout_s, context=context)

"""Ask one witness of another home for its cosignature; it may be dead, slow, or lie, and costs a bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from ledger.errors import MalformedError, SignatureError, SourceError, TooLargeError, VerificationError
from ledger.proof.checkpoint import SignedCheckpoint, parse_size
from ledger.proof.cosignature import verify_cosignatures
from ledger.proof.note import NoteSignature, parse_signature_lines
from ledger.proof.tlog_text import AddCheckpoint, encode_add_checkpoint
from ledger.service.witness_peers import Peer, Said
from ledger.service.witness_request import SIZE

MAX_ANSWER_BYTES = 64 * 1024
EXCHANGE_S = 5.0
CONVERSATION_S = 15.0
MOST_CONFLICTS = 4
_PAUSE_S = 0.3
_SHOWN_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of a conversation.

    Attributes:
        said: For the report.
        cosignature: *Verified*, where it signed.
        ahead: How many blocks it says that it signed already, where those are more than were asked for.
    """

    said: Said
    cosignature: NoteSignature | None = None
    ahead: int | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content_type: str
    body: bytes


class WitnessClient:
    """Speaks with the witnesses of other homes; threads may share it."""

    def __init__(self, transport: httpx.BaseTransport | None = None, *, exchange_s: float = EXCHANGE_S) -> None:
        self._exchange_s = exchange_s
        self._http = httpx.Client(
            timeout=exchange_s, trust_env=False, follow_redirects=False, transport=transport, max_redirects=0
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def cosign(
        self,
        peer: Peer,
        signed: SignedCheckpoint,
        paths: Callable[[int], Sequence[bytes]],
        old: int,
        *,
        limit_s: float = CONVERSATION_S,
    ) -> Asked:
        """Have a witness sign a checkpoint.

        Args:
            peer: Which.
            signed: The checkpoint, signed by a member.
            paths: Gives the consistency path from a size to the checkpoint.
            old: What the witness is believed to have signed last; its own word corrects it.
            limit_s: For all of it.

        Returns: A cosignature that verifies by the witness's pinned key, or why there is none; it never raises.
        """
        talk = _Talk(peer, signed, old, time.monotonic() + limit_s)
        while True:
            try:
                request = AddCheckpoint(talk.old, tuple(paths(talk.old)), signed)
                answer = self._exchange(peer, encode_add_checkpoint(request), talk.deadline)
            except (SourceError, httpx.HTTPError, httpx.InvalidURL, UnicodeError, RuntimeError) as error:
                # UnicodeError: no host can be called so. RuntimeError: closed, as nobody waits for this any more.
                return _failed(peer, error)
            done = talk.hear(answer)
            if done is not None:
                return done

    def _exchange(self, peer: Peer, body: bytes, deadline: float) -> _Answer:
        until = min(time.monotonic() + self._exchange_s, deadline)
        headers = {"content-type": "text/plain; charset=utf-8", "accept-encoding": "identity"}
        url = f"{peer.url}/add-checkpoint"
        with self._http.stream("POST", url, content=body, headers=headers) as response:
            data = bytearray()
            for chunk in response.iter_raw(4096):
                data += chunk
                if len(data) > MAX_ANSWER_BYTES:
                    raise TooLargeError(f"an answer over {MAX_ANSWER_BYTES} bytes")
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("it answers too slowly")
            return _Answer(response.status_code, response.headers.get("content-type", ""), bytes(data))


class _Talk:
    """What is known of a witness while it is asked: what it signed last, and how often it changed its word."""

    def __init__(self, peer: Peer, signed: SignedCheckpoint, old: int, deadline: float) -> None:
        self._peer, self._signed, self.old, self.deadline = peer, signed, old, deadline
        self._conflicts = 0

    def hear(self, answer: _Answer) -> Asked | None:
        """Settle what comes of an answer; None: ask once more."""
        if answer.status == httpx.codes.CONFLICT and answer.content_type == SIZE:
            return self._hear_size(_known_size(answer))
        if answer.status != httpx.codes.SERVICE_UNAVAILABLE:
            return _judged(self._peer, self._signed, answer)
        if time.monotonic() + _PAUSE_S > self.deadline:
            return _nothing(self._peer, "behind", _words(answer))
        time.sleep(_PAUSE_S)
        return None

    def _hear_size(self, known: int | None) -> Asked | None:
        self._conflicts += 1
        if known is None or known == self.old or self._conflicts > MOST_CONFLICTS:
            return _nothing(self._peer, "false", "it contradicts itself about what it signed last")
        if known > self._signed.checkpoint.size:
            return Asked(Said(self._peer.name, "ahead", f"it signed {known} blocks already"), ahead=known)
        self.old = known
        return None


def _judged(peer: Peer, signed: SignedCheckpoint, answer: _Answer) -> Asked:
    if answer.status != httpx.codes.OK:
        return _nothing(peer, "refused", f"{answer.status}: {_words(answer)}")
    try:
        lines = parse_signature_lines(answer.body)
        own = [line for line in lines if (line.name, line.key_id) == (peer.name, peer.key.key_id)]
        if len(own) != 1:
            raise SignatureError(f"{len(own)} signatures by its key")
        verify_cosignatures(SignedCheckpoint(signed.checkpoint, tuple(own)), [peer.key], 1)
    except VerificationError as error:
        return _nothing(peer, "false", str(error))
    return Asked(Said(peer.name, "signed", f"{signed.checkpoint.size} blocks"), own[0])


def _known_size(answer: _Answer) -> int | None:
    try:
        text = answer.body.decode("ascii")
        return parse_size(text.removesuffix("\n"), SIZE)
    except (UnicodeError, MalformedError):
        return None


def _words(answer: _Answer) -> str:
    return answer.body[:_SHOWN_CHARACTERS].decode("utf-8", "replace").strip()


def _failed(peer: Peer, error: Exception) -> Asked:
    if isinstance(error, TooLargeError):
        return _nothing(peer, "too-large", str(error))
    if isinstance(error, httpx.TimeoutException):
        return _nothing(peer, "slow", "no whole answer in time")
    return _nothing(peer, "unreachable", str(error) or type(error).__name__)


def _nothing(peer: Peer, word: str, text: str) -> Asked:
    return Asked(Said(peer.name, word, text[:_SHOWN_CHARACTERS]))

"""What a witness answers: C2SP tlog-witness ``add-checkpoint``, and what readers ask. Everything else is refused.

No sockets here: a request is a method, a target and a body; see ``witness_server``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ledger.errors import ConflictError, ConsistencyError, SourceError, VerificationError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import verify_cosignatures
from ledger.proof.merkle import verify_consistency
from ledger.proof.merkle_tree import consistency_path, inclusion_path, root_of
from ledger.proof.note import VerifierKey
from ledger.proof.tlog_text import (
    AddCheckpoint,
    ConsistencyProof,
    InclusionProof,
    encode_consistency_proof,
    encode_inclusion_proof,
)
from ledger.service.files import write_durably
from ledger.service.witness_node import OwnNode
from ledger.service.witness_promise import Held, Witness
from ledger.service.witness_publish import Publications, answer_succession
from ledger.service.witness_request import (
    SIZE,
    Refused,
    Request,
    Response,
    read_nonce,
    read_query,
    read_size,
    read_submission,
)

SUCCESSION = "/succession/"
MAX_REFUSED_NOTES = 64
RENEW_SECONDS = 60
"""How old a last signature may be before a reader's question has the witness look at its node again."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a witness reads and writes beside its memory.

    Attributes:
        collected: The last checkpoint that was collected in this home; may be missing.
        refused: Folder of what contradicted the own node, as evidence.
        published: Folder of successions that are handed out.
    """

    collected: Path
    refused: Path
    published: Path


class WitnessAnswers:
    """Answers for one witness; one request after the other."""

    def __init__(
        self,
        origin: str,
        witness: Witness,
        node: OwnNode,
        submitters: Callable[[], Sequence[VerifierKey]],
        files: Files,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is asked or written yet.

        Args:
            origin: Of the one log that is witnessed.
            witness: Who signs.
            node: Its own member's.
            submitters: Gives the keys of which one must have signed what is submitted.
            files: Where it reads and writes.
            clock: Seconds since the epoch.
        """
        self._origin, self._witness, self._node = origin, witness, node
        self._submitters, self._files, self._clock = submitters, files, clock
        self._routes: dict[str, tuple[str, Callable[[str, bytes], Response]]] = {
            "/add-checkpoint": ("POST", self._add_checkpoint),
            "/checkpoint": ("GET", self._checkpoint),
            "/consistency": ("GET", self._consistency),
            "/inclusion": ("GET", self._inclusion),
            "/fresh": ("GET", self._fresh),
        }
        self._publications = Publications(files.published)

    def answer(self, request: Request) -> Response:
        """Answer one request; errors of ours become answers, and nothing is signed then."""
        try:
            return self._route(request)
        except Refused as refused:
            return refused.response
        except (SourceError, ConflictError):
            return Response(503, b"not now: the node, the index or the memory of this witness does not answer\n")
        except VerificationError:
            return Response(500, b"the memory of this witness cannot be used\n")

    def _route(self, request: Request) -> Response:
        path, _, query = request.target.partition("?")
        method, run = self._place(path)
        if request.method != method:
            raise Refused(405, f"only {method}", allow=method)
        if (method == "GET" and request.body) or (method == "POST" and query):
            raise Refused(400, "a body or a query where none belongs")
        return run(query, request.body)

    def _place(self, path: str) -> tuple[str, Callable[[str, bytes], Response]]:
        if path.startswith(SUCCESSION):
            return "GET", lambda query, _: answer_succession(self._publications, path.removeprefix(SUCCESSION), query)
        if path not in self._routes:
            raise Refused(404, "no such place")
        return self._routes[path]

    def _add_checkpoint(self, _query: str, body: bytes) -> Response:
        """Cosign what is submitted.

        1. It is in the format, without further lines, and not of an empty tree (400).
        2. It is of the log that is witnessed (404), and signed by an organisation that is known (403).
        3. The old size is at most that of the checkpoint (400), and that of the last signature (409 with it).
        4. It extends the last signature by its proof (422), and at the same size has the same root (409).
        5. The own node holds that many blocks as final (503), and its tree of that size has that root (422).
        6. It is on disk before the signature is given out.

        What contradicts the own node or the last signature is kept as evidence.
        """
        request = read_submission(body)  # 1
        self._verify_submitter(request.signed)  # 2
        if request.old > request.signed.checkpoint.size:  # 3
            raise Refused(400, "the old size is larger than that of the checkpoint")
        final = self._node.final_size()
        with self._witness.held() as held:
            if request.old != held.size:
                raise Refused(409, str(held.size), SIZE)
            self._verify_extends(request, held)  # 4
            self._verify_own(request.signed, final)  # 5
            line = held.extend(request.signed.checkpoint, request.path, int(self._clock())).line  # 6
        return Response(200, line.encode())

    def _verify_submitter(self, signed: SignedCheckpoint) -> None:
        if signed.checkpoint.origin != self._origin:
            raise Refused(404, "another log than the one that is witnessed here")
        try:
            verify_cosignatures(signed, self._submitters(), 1)
        except VerificationError:
            raise Refused(403, "signed by no organisation of this consortium") from None

    def _verify_extends(self, request: AddCheckpoint, held: Held) -> None:
        new, last = request.signed.checkpoint, held.last
        if last is None:
            if request.path:
                raise Refused(422, "a proof from nothing has no hashes")
            return
        if last.size == new.size and last.root != new.root:
            self._keep(request.signed)
            raise Refused(409, "another root was signed at this size")
        try:
            verify_consistency(last.size, new.size, last.root, new.root, request.path)
        except VerificationError:
            raise Refused(422, "the consistency proof does not verify") from None

    def _verify_own(self, signed: SignedCheckpoint, final: int) -> None:
        size = signed.checkpoint.size
        if size > final:
            raise Refused(503, f"the node of this witness holds {final} blocks as final", retry_after="1")
        with self._node.tree() as tree:
            own = root_of(tree, size)
        if own != signed.checkpoint.root:
            self._keep(signed)
            raise Refused(422, "the node of this witness holds other blocks")

    def _keep(self, signed: SignedCheckpoint) -> None:
        """Keep what contradicts, once and not without end: a member signed it."""
        note, folder = signed.note.encode(), self._files.refused
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{signed.checkpoint.size}-{sha256(signed.checkpoint.text.encode()).hexdigest()[:16]}.note"
        if not path.exists() and sum(1 for _ in folder.glob("*.note")) < MAX_REFUSED_NOTES:
            write_durably(path, note)

    def _checkpoint(self, query: str, _body: bytes) -> Response:
        """The last checkpoint that this home collected, else the last that this witness signed."""
        read_query(query)
        path = self._files.collected
        if path.exists():
            collected = parse_checkpoint(path.read_bytes())
            if collected.checkpoint.origin == self._origin:
                return Response(200, collected.note.encode())
        note = self._witness.last_note()
        if note is None:
            raise Refused(404, "nothing was signed yet")
        return Response(200, note.note.encode())

    def _consistency(self, query: str, _body: bytes) -> Response:
        """A consistency proof between two sizes of the own node's tree."""
        old, new = (read_size(text) for text in read_query(query, "old", "new"))
        if not 0 < old <= new:
            raise Refused(400, "not 0 < old <= new")
        if new > self._node.final_size():
            raise Refused(404, "the node of this witness does not hold that many blocks as final")
        with self._node.tree() as tree:
            path = consistency_path(tree, old, new)
        return Response(200, encode_consistency_proof(ConsistencyProof(old, new, tuple(path))))

    def _inclusion(self, query: str, _body: bytes) -> Response:
        """The path of a block's hash in the own node's tree of a size."""
        block, size = (read_size(text) for text in read_query(query, "block", "size"))
        if block >= size:
            raise Refused(400, "not block < size")
        if size > self._node.final_size():
            raise Refused(404, "the node of this witness does not hold that many blocks as final")
        with self._node.tree() as tree:
            path = inclusion_path(tree, block, size)
        return Response(200, encode_inclusion_proof(InclusionProof(block, size, tuple(path))))

    def _fresh(self, query: str, _body: bytes) -> Response:
        """The last checkpoint of this witness, signed now and bound to a reader's nonce.

        1. Where its last signature is not of now, it signs what its node holds as final by now, as ever.
        2. Its node still holds what it signed.
        """
        nonce = read_nonce(query)
        with self._witness.held() as held:
            now = int(self._clock())
            self._renew(held, now)  # 1
            if held.last is None:
                raise Refused(404, "nothing was signed yet")
            with self._node.tree() as tree:
                if root_of(tree, held.size) != held.last.root:  # 2
                    raise Refused(503, "the node of this witness does not hold what was signed")
            return Response(200, held.refresh(nonce, now).note.encode())

    def _renew(self, held: Held, now: int) -> None:
        if held.signed_at + RENEW_SECONDS > now:
            return
        size = self._node.signing_size()
        if size <= held.size:
            return
        with self._node.tree() as tree:
            checkpoint = Checkpoint(self._origin, size, root_of(tree, size))
            path = consistency_path(tree, held.size, size)
        try:
            held.extend(checkpoint, path, now)
        except ConsistencyError:
            raise Refused(503, "the node of this witness left the chain that was signed") from None

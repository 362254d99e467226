"""A document store in a Kubo node: one CAR and one pin a batch.

A batch goes over as one CAR with one directory root (``dag/import``); the pin is what costs, so there is one. It
counts as kept when the answer is complete, names the expected root, its pin reports no error, the whole batch was read
back (``dag/export``) with every hash checked, and the pin is listed. Durable means: as durable as the node's datastore
is configured to be; see docs/ipfs.md (flatfs needs ``sync``, which is off by default in some versions).

Kubo checks no hash on reading by default and its ``cat`` gives short answers without an error: neither is relied on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO

from ipfs.car import (
    HEADER_BYTES,
    encode_section_start,
    parse_header,
    parse_sections,
    verify_batch,
    verify_closed,
    write_car,
)
from ipfs.cid import DAG_PB, MAX_BLOCK_BYTES, Block, Cid, parse_cid, verify_block
from ipfs.closing import Closing
from ipfs.dag_pb import parse_node
from ipfs.kubo_rpc import KuboRpc, parse_answer, read_bounded
from ledger.errors import (
    ContentMismatchError,
    MalformedError,
    MissingError,
    RejectedError,
    SourceTimeoutError,
    TooLargeError,
    VerificationError,
)

TIMEOUT_S = 10.0
BATCH_TIMEOUT_S = 300.0
_MAX_LINE_BYTES = 64 * 1024
_MAX_PINS_BYTES = 256 * 1024 * 1024
_REMOVED_AT_ONCE = 100


class KuboStore(Closing):
    """A ``DocumentStore`` in one Kubo node.

    A node that holds a damaged copy of a block keeps it when the block is put again: ``put`` then fails in its
    read-back. The node's ``repo/verify`` and a removal of the block mend that.
    """

    def __init__(
        self,
        api: str,
        token: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        batch_timeout_s: float = BATCH_TIMEOUT_S,
        ask_peers: bool = False,
    ) -> None:
        """Nothing is sent yet.

        Args:
            api: Multiaddr or URL of the RPC API; it belongs on loopback.
            token: Bearer token, where the node asks for one.
            timeout_s: For a question about one block.
            batch_timeout_s: For a whole batch to be written, and for it to be read back.
            ask_peers: Let ``get`` fetch from other members' nodes what this one does not have.

        Raises:
            ConfigurationError: ``api`` is no such address.
        """
        self._rpc = KuboRpc(api, token)
        self._timeout_s, self._batch_timeout_s = timeout_s, batch_timeout_s
        self._offline = "false" if ask_peers else "true"

    def close(self) -> None:
        """Close the connections to the node."""
        self._rpc.close()

    def put(self, root: Cid, blocks: Iterable[Block]) -> None:
        """Keep a batch; see ``DocumentStore.put``.

        1. The blocks are the whole batch; checked while they are sent; if not, the request is broken off.
        2. The answer names the root, with no pin error, and counts as many blocks as were sent.
        3. The node gives the whole batch back, every hash right.
        4. The node lists the pin.
        """
        sent = _Counted(verify_batch(root, blocks))  # 1
        options = {"pin-roots": "true", "stats": "true"}
        with self._rpc.call("dag/import", options, self._batch_timeout_s, write_car(root, sent)) as body:
            _check_import(root, sent.count, body)  # 2
        self._read_back(root, sent.car_bytes)  # 3
        self._check_pin(root)  # 4

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block; see ``DocumentStore.get``."""
        try:
            with self._rpc.call("block/get", {"arg": str(cid), "offline": self._offline}, self._timeout_s) as body:
                data = read_bounded(body, MAX_BLOCK_BYTES)
        except RejectedError as error:
            if "different hash" in str(error):
                raise ContentMismatchError("block", str(cid), "other bytes, as Kubo says") from error
            raise
        verify_block(cid, data)
        return data

    def has(self, cid: Cid) -> bool:
        """Whether the node itself says that it holds a block; its peers are not asked."""
        try:
            with self._rpc.call("block/stat", {"arg": str(cid), "offline": "true"}, self._timeout_s) as body:
                answer = parse_answer(read_bounded(body, _MAX_LINE_BYTES), _MAX_LINE_BYTES)
        except MissingError:
            return False
        return answer.get("Key") == str(cid)

    def roots(self) -> Iterator[Cid]:
        """All recursive pins of the node; those that are no CID of ours (such as CIDv0) are passed over."""
        with self._rpc.call("pin/ls", {"type": "recursive"}, self._batch_timeout_s) as body:
            answer = parse_answer(read_bounded(body, _MAX_PINS_BYTES), _MAX_PINS_BYTES)
        keys = answer.get("Keys", {})
        if not isinstance(keys, dict):
            raise RejectedError("Kubo's answer to pin/ls has no keys")
        for text in keys:
            try:
                yield parse_cid(text)
            except MalformedError:
                continue

    def discard(self, root: Cid) -> None:
        """Forget a batch; see ``DocumentStore.discard``.

        Unpins it and removes its blocks from the node, root last, so that after a crash it can be repeated. Blocks
        that another pin holds stay: the node refuses to remove them.
        """
        doomed = self._below(root)
        try:
            with self._rpc.call("pin/rm", {"arg": str(root)}, self._batch_timeout_s) as body:
                read_bounded(body, _MAX_LINE_BYTES)
        except RejectedError as error:
            if "not pinned" not in str(error):
                raise
        for start in range(0, len(doomed), _REMOVED_AT_ONCE):
            self._remove(doomed[start : start + _REMOVED_AT_ONCE])

    def _read_back(self, root: Cid, car_bytes: int) -> None:
        with self._rpc.call("dag/export", {"arg": str(root), "offline": "true"}, self._batch_timeout_s) as body:
            try:
                named = parse_header(body)
                sections = parse_sections(body, car_bytes)
                for _ in verify_closed(root, (section.block for section in sections)):
                    pass
            except (VerificationError, TooLargeError) as error:
                raise RejectedError(f"Kubo does not give back the batch {root} that it took: {error}") from error
        if named != root:
            raise RejectedError(f"Kubo gives back the batch {named} for {root}")

    def _check_pin(self, root: Cid) -> None:
        with self._rpc.call("pin/ls", {"arg": str(root), "type": "recursive"}, self._timeout_s) as body:
            keys = parse_answer(read_bounded(body, _MAX_LINE_BYTES), _MAX_LINE_BYTES).get("Keys")
        if not isinstance(keys, dict) or str(root) not in keys:
            raise RejectedError(f"Kubo took the batch {root} but does not list its pin")

    def _below(self, root: Cid) -> list[Cid]:
        """A DAG's CIDs as far as its nodes are there and whole; each comes before the node it was found by."""
        found = {root: None}
        unread = [root]
        while unread:
            cid = unread.pop()
            if cid.codec != DAG_PB:
                continue
            with suppress(MissingError, VerificationError):
                below = {link.cid: None for link in parse_node(self.get(cid)).links if link.cid not in found}
                found |= below
                unread += below
        return list(reversed(found))

    def _remove(self, cids: list[Cid]) -> None:
        """Remove blocks that no pin holds."""
        arguments: dict[str, str | list[str]] = {"arg": [str(cid) for cid in cids], "force": "true"}
        with self._rpc.call("block/rm", arguments, self._batch_timeout_s) as body:
            lines = read_bounded(body, _MAX_LINE_BYTES).splitlines()
        answers = [parse_answer(line, _MAX_LINE_BYTES) for line in lines]
        for answer in answers:
            words = str(answer.get("Error", ""))
            if words and not words.startswith("pinned"):
                raise RejectedError(f"Kubo does not remove {answer.get('Hash')}: {words[:300]}")
        if {answer.get("Hash") for answer in answers} != {str(cid) for cid in cids}:
            raise RejectedError("Kubo's answer to block/rm is not complete")


class _Counted:
    """Counts blocks, and the bytes of their CAR, as they pass."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = blocks
        self.count = 0
        self.car_bytes = HEADER_BYTES

    def __iter__(self) -> Iterator[Block]:
        for block in self._blocks:
            self.count += 1
            self.car_bytes += len(encode_section_start(block.cid, len(block.data))) + len(block.data)
            yield block


def _check_import(root: Cid, blocks: int, body: BinaryIO) -> None:
    """Hold the answer to an import against what was sent; the count stands last, so the answer is complete."""
    lines = read_bounded(body, _MAX_LINE_BYTES).splitlines()
    answers = [parse_answer(line, _MAX_LINE_BYTES) for line in lines]
    roots = [answer["Root"] for answer in answers if "Root" in answer]
    for answer in roots:
        if isinstance(answer, dict) and (fault := answer.get("PinErrorMsg")):
            if "context deadline exceeded" in str(fault):
                raise SourceTimeoutError(f"Kubo did not pin {root} in time")
            raise RejectedError(f"Kubo does not pin {root}: {str(fault)[:300]}")
    counted = answers[-1].get("Stats") if answers else None
    if not isinstance(counted, dict) or counted.get("BlockCount") != blocks:
        raise RejectedError(f"Kubo did not confirm the {blocks} blocks of {root}")
    if roots != [{"Cid": {"/": str(root)}, "PinErrorMsg": ""}]:
        raise RejectedError(f"Kubo confirms another root than {root}")

"""One witness and its promises, also over a crash.

It signs no checkpoint that does not extend what it signed before, and one successor of a trust file only.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ipfs.files import flush_folder
from ledger.errors import ConflictError, ConsistencyError, MalformedError, MissingError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import add_cosignatures, cosign
from ledger.proof.merkle import verify_consistency
from ledger.proof.merkle_tree import NodeReader, consistency_path
from ledger.proof.note import NoteSignature, SigningKey, VerifierKey
from ledger.proof.tlog_text import nonce_line
from ledger.service.files import write_durably
from light_node.succession.statement import (
    SignedSuccession,
    Succession,
    encode_succession,
    parse_succession,
    sign_succession,
)

SUCCESSIONS = ".successions"
"""So ends the name of the folder with a note for each trust file of which a witness signed the successor."""
_WAIT_S = 5.0
_POLL_S = 0.02


class Witness:
    """One witness: its key, the last checkpoint that it signed, in a file, and beside it what successions it signed."""

    def __init__(self, key: SigningKey, state: Path) -> None:
        self._key, self._state = key, state

    @property
    def name(self) -> str:
        """Of its key."""
        return self._key.public.name

    @property
    def public(self) -> VerifierKey:
        """Its verifier key."""
        return self._key.public

    def last_note(self) -> SignedCheckpoint | None:
        """What it signed last, with its signature, or None.

        Raises: MalformedError, where the file cannot be read: then it signs nothing.
        """
        if not self._state.exists():
            return None
        return parse_checkpoint(self._state.read_bytes())

    def last(self) -> Checkpoint | None:
        """What it signed last, or None; raises as ``last_note``."""
        note = self.last_note()
        return None if note is None else note.checkpoint

    def cosign(self, checkpoint: Checkpoint, tree: NodeReader, now: int) -> NoteSignature:
        """Sign a checkpoint of its own node's tree; see ``Held.extend``."""
        with self.held() as held:
            last = held.last
            path: list[bytes] = []
            if last is not None and last.size <= checkpoint.size:
                path = consistency_path(tree, last.size, checkpoint.size)
            return held.extend(checkpoint, path, now)

    def endorse(self, statement: Succession) -> NoteSignature:
        """Sign that one trust file follows another; see ``Held.endorse``."""
        with self.held() as held:
            return held.endorse(statement)

    @contextmanager
    def held(self) -> Iterator[Held]:
        """Hold the memory of this witness against every other program that signs with its key here.

        Raises:
            ConflictError: Another program holds it for long.
            MalformedError: The memory cannot be read.
        """
        self._state.parent.mkdir(parents=True, exist_ok=True)
        with self._state.with_suffix(".lock").open("w") as file:
            _lock(file.fileno(), self.name)
            yield Held(self._key, self._state, self.last_note())


class Held:
    """The memory of a witness while nobody else can change it; ``Witness.held`` makes it."""

    def __init__(self, key: SigningKey, state: Path, note: SignedCheckpoint | None) -> None:
        self._key, self._state, self._note = key, state, note

    @property
    def last(self) -> Checkpoint | None:
        """What was signed last, or None."""
        return None if self._note is None else self._note.checkpoint

    @property
    def size(self) -> int:
        """Blocks in what was signed last; 0 for nothing yet."""
        return 0 if self._note is None else self._note.checkpoint.size

    @property
    def signed_at(self) -> int:
        """When it was signed, in seconds since the epoch; 0 for never."""
        return 0 if self._note is None else int.from_bytes(self._note.signatures[0].signature[:8], "big")

    def extend(self, checkpoint: Checkpoint, path: Sequence[bytes], now: int) -> NoteSignature:
        """Sign a checkpoint that extends what was signed before; it is for the caller to have seen it in its node.

        1. It is of the log that was signed before, and not smaller, and has no further lines.
        2. It extends what was signed before, by a consistency proof.
        3. What is signed is on disk before the signature is given out.

        Raises:
            ConsistencyError: 1 or 2 does not hold; nothing is signed.
            MalformedError: The path has another length.
        """
        last = self.last
        if checkpoint.extensions:  # 1
            raise ConsistencyError(f"witness {self._key.public.name} vouches for no further lines")
        if last is not None:
            if last.origin != checkpoint.origin or last.size > checkpoint.size:
                raise ConsistencyError(
                    f"witness {self._key.public.name} signed {last.size} blocks of {last.origin} already"
                )
            verify_consistency(last.size, checkpoint.size, last.root, checkpoint.root, path)  # 2
        signature = cosign(checkpoint, self._key, now)
        note = add_cosignatures(SignedCheckpoint(checkpoint, ()), [signature])
        write_durably(self._state, note.note.encode())  # 3
        self._note = note
        return signature

    def endorse(self, statement: Succession) -> NoteSignature:
        """Sign that one trust file follows another; it is for a person to have compared the two.

        1. This witness signed no other successor of that trust file; the same one is signed again.
        2. It signed no successor of the new one either: nobody goes back to what was followed already.
        3. What is signed is on disk before the signature is given out.

        Raises:
            ConsistencyError: 1 or 2 does not hold; nothing is signed.
            MalformedError: What was signed for that trust file cannot be read: then nothing is.
        """
        name, path = self._key.public.name, self._state.with_suffix(SUCCESSIONS) / f"{statement.old.hex()}.note"
        if path.exists():  # 1
            known = _endorsed(path)
            if known != statement:
                raise ConsistencyError(
                    f"witness {name} signed {known.new.hex()} as the successor of {known.old.hex()} already, and signs"
                    " no other"
                )
            return sign_succession(statement, self._key)
        if path.with_name(f"{statement.new.hex()}.note").exists():  # 2
            raise ConsistencyError(f"witness {name} signed a successor of {statement.new.hex()} already")
        signature = sign_succession(statement, self._key)
        _make_folder(path.parent)
        write_durably(path, encode_succession(SignedSuccession(statement, (signature,))))  # 3
        return signature

    def refresh(self, nonce: bytes, now: int) -> SignedCheckpoint:
        """Sign what was signed last once more, bound to a reader's nonce of 32 bytes.

        It says nothing new of the log, so that the memory stays as it is.

        Raises: MissingError, where nothing was signed yet.
        """
        last = self.last
        if last is None:
            raise MissingError(f"witness {self._key.public.name} has signed nothing yet")
        bound = Checkpoint(last.origin, last.size, last.root, (nonce_line(nonce),))
        return SignedCheckpoint(bound, (cosign(bound, self._key, now),))


def _endorsed(path: Path) -> Succession:
    known = parse_succession(path.read_bytes()).statement
    if known.old.hex() != path.stem:
        raise MalformedError("succession", f"{path} is of another trust file than its name says")
    return known


def _make_folder(folder: Path) -> None:
    """Have a folder, and its name on the disk: what is promised in it must not go with it."""
    folder.mkdir(parents=True, exist_ok=True)
    flush_folder(folder.parent)


def _lock(descriptor: int, name: str) -> None:
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConflictError(f"witness {name} is in use by another program") from None
            time.sleep(_POLL_S)

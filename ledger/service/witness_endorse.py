"""Successions of trust files: what the witnesses of this home sign, and the signatures of several homes in one note."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import (
    ConfigurationError,
    ConsistencyError,
    MalformedError,
    MissingError,
    SignatureError,
    UntrustedError,
    VinculumError,
)
from ledger.proof.keccak import keccak256
from ledger.proof.note import NoteSignature, VerifierKey
from ledger.service.witness import witnessed_height, witnesses_of
from ledger.service.witness_node import follow
from ledger.service.witness_promise import Witness
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Block
from light_node.succession.statement import (
    SignedSuccession,
    Succession,
    check_old,
    known_lines,
    succession_of,
    verify_line,
)
from light_node.trust import Trust, TrustedContract


@dataclass(frozen=True, slots=True)
class Endorsed:
    """What came of asking the witnesses of this home.

    Attributes:
        note: The succession with the signatures of those who signed; there is one at least.
        refused: Why another one did not, by its name.
    """

    note: SignedSuccession
    refused: Mapping[str, VinculumError]


@dataclass(frozen=True, slots=True)
class Combined:
    """Signatures of several notes.

    Attributes:
        note: One line of each witness of the old trust file that signed.
        left_out: Names of lines that count for nothing, with the reason.
    """

    note: SignedSuccession
    left_out: tuple[tuple[str, str], ...]


def check_successor(workspace: Workspace, old: Trust, new: Trust) -> Succession:
    """Say what is to be signed, after comparing both trust files with what the node of this home holds as final.

    1. The new one may follow the old one; see ``light_node.succession.rules``.
    2. Both are of the chain and the origin of this home.
    3. The trusted block of the new one is final here.
    4. Its contracts have the code that it says, here and now.

    Who its witnesses are, and how many have to sign, is for the operator to know.

    Raises:
        UntrustedError, RollbackError: 1 or 2 does not hold.
        ConsistencyError: 3 or 4 does not hold.
        SourceError: The node does not answer, or is not that far yet.
    """
    statement, contracts = succession_of(old, new), workspace.contracts  # 1
    if (statement.origin, statement.chain_id) != (contracts.origin, contracts.chain_id):  # 2
        raise UntrustedError(f"these trust files are of {statement.origin}, this home is of {contracts.origin}")
    _check_block(workspace, new)  # 3
    for contract in (new.consortium, *(one for logs in new.logs.values() for one in logs)):  # 4
        _check_code(workspace, contract)
    return statement


def endorse(workspace: Workspace, old: Trust, statement: Succession, names: Sequence[str] = ()) -> Endorsed:
    """Have witnesses of this home sign a succession; each signs one successor of a trust file, for good.

    Args:
        workspace: Of the home.
        old: The trust file that is followed: its witnesses count.
        statement: As ``check_successor`` returned it.
        names: Organisations whose witnesses sign, by the names of their keys; all that are here where there are none.

    Raises:
        ConfigurationError: None of them is a witness of the old trust file, or has keys here.
        VinculumError: None of them signs: why the first one did not.
    """
    chosen = chosen_witnesses(workspace, old, names)
    lines: list[NoteSignature] = []
    refused: dict[str, VinculumError] = {}
    for witness in chosen:
        try:
            lines.append(witness.endorse(statement))
        except VinculumError as error:
            refused[witness.name] = error
    if not lines:
        raise next(iter(refused.values()))
    return Endorsed(SignedSuccession(statement, tuple(lines)), refused)


def chosen_witnesses(workspace: Workspace, old: Trust, names: Sequence[str]) -> list[Witness]:
    """The witnesses of this home that a trust file pins: of these organisations, or all where none is named.

    Raises: ConfigurationError, where there is none of them.
    """
    pinned = {key.public_key for key in known_lines(old).values()}
    chosen = [one for one in witnesses_of(workspace, names) if one.public.public_key in pinned]
    if not chosen:
        raise ConfigurationError("none of these witnesses is one of the old trust file: no signature would count")
    return chosen


def combine(old: Trust, notes: Sequence[SignedSuccession]) -> Combined:
    """Put the signatures of several notes about one succession into one.

    Args:
        old: The trust file that is followed.
        notes: *Untrusted*, parsed; one at least.

    Raises:
        ConsistencyError: They are not of one succession.
        UntrustedError: It is of another trust file.
        MissingError: No line counts.
    """
    statement = notes[0].statement
    if any(one.statement != statement for one in notes):
        raise ConsistencyError(f"these are different successions: {', '.join(sorted({_told(one) for one in notes}))}")
    check_old(old, statement)
    known, counted = known_lines(old), dict[VerifierKey, NoteSignature]()
    left_out: dict[tuple[str, str], None] = {}
    for line in (line for one in notes for line in one.signatures):
        key = known.get((line.name, line.key_id))
        reason = "not a witness of the old trust file" if key is None else _fault(statement, key, line)
        if key is None or reason:
            left_out[(line.name, reason)] = None
        else:
            counted.setdefault(key, line)
    if not counted:
        raise MissingError("no witness of the old trust file signed this")
    return Combined(SignedSuccession(statement, tuple(counted.values())), tuple(left_out))


def _check_block(workspace: Workspace, new: Trust) -> None:
    block, final = new.trusted_block, witnessed_height(workspace, follow(workspace))
    if block.number > final:
        raise MissingError(f"block {block.number} of the new trust file is not final here yet")
    with workspace.database.read() as session:
        row = session.get(Block, block.number)
    if row is None:
        raise MissingError(f"block {block.number} of the new trust file is not in the index")
    if (row.hash, row.timestamp) != (block.hash, block.time):
        raise ConsistencyError(f"block {block.number} of the new trust file is another one than this home's")


def _check_code(workspace: Workspace, contract: TrustedContract) -> None:
    if keccak256(workspace.client.code(contract.address)) != contract.code_hash:
        raise ConsistencyError(f"the contract 0x{contract.address.hex()} of the new trust file has other code here")


def _fault(statement: Succession, key: VerifierKey, line: NoteSignature) -> str:
    try:
        verify_line(statement, key, line)
    except (SignatureError, MalformedError) as error:
        return str(error)
    return ""


def _told(note: SignedSuccession) -> str:
    return f"{note.statement.old.hex()[:16]}… to {note.statement.new.hex()[:16]}…"

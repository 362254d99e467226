"""Rotate a pinned set of validators: propose, sign, put signatures together. Publishing is in ``pinned``.

What a member signs is an EIP-712 hash: here with the validator's key, or elsewhere with his own signer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import coincurve

from ledger.errors import ConfigurationError, ConflictError, MalformedError, QuorumError, SignatureError
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.proof.header import parse_header
from ledger.proof.keccak import keccak256
from ledger.service.files import write_durably
from ledger.service.pinned import FOLDER, Line, begin_line, load_line
from ledger.service.trust import assemble_trust
from ledger.service.workspace import Workspace
from light_node.qbft.pinned import verify_rotation
from light_node.qbft.rotation import Rotation, SetStatement, check_statement, sign_rotation
from light_node.qbft.seals import SEAL_BYTES, check_validators, quorum_of, recover_signer, verify_seals
from light_node.trust import Trust
from light_node.trust_rules import Source, ValidatorRule

_BEGINNINGS = 8
"""So many of the newest blocks are looked at for one whose copy has enough seals."""
_SIGNED = "signed"


def begin_pinned(workspace: Workspace, validators: Sequence[bytes], threshold: int | None = None) -> Trust:
    """Pin a set: the one that sealed the newest block, and nobody else did.

    Args:
        workspace: The home.
        validators: 20 bytes each; told by the operator, who vouches for them.
        threshold: k, how many of them must sign the next rotation; their quorum by default.

    Returns: The trust file that the line of this home begins with.

    Raises:
        ConfigurationError: No set, or k out of its range; another line has begun here.
        SignatureError, QuorumError: Somebody else seals, or too few of these do.
    """
    rule = _rule(validators, threshold)
    tip = workspace.projector.sync().block_number
    trust = assemble_trust(workspace, _sealed_height(workspace, rule.validators, tip) - 1, rule)
    begin_line(workspace.home, trust)
    return trust


def adopt_pinned(workspace: Workspace, trust: Trust) -> Trust:
    """Pin the set of another member's trust file, whose fingerprint a person has compared.

    Raises: ConfigurationError, where it is of another chain or consortium, or another line has begun here.
    """
    contracts = workspace.contracts
    if (trust.chain_id, trust.consortium.address) != (contracts.chain_id, contracts.consortium):
        raise ConfigurationError("that trust file is of another chain or consortium")
    begin_line(workspace.home, trust)
    return trust


def propose_rotation(
    workspace: Workspace, validators: Sequence[bytes], effective_block: int, threshold: int | None = None
) -> Rotation:
    """Write down the next set, unsigned.

    Args:
        workspace: The home.
        validators: The whole next set, 20 bytes each.
        effective_block: First block that it seals; still to come.
        threshold: k of it; its quorum by default.

    Raises: ConfigurationError, where the block is not to come or not above that of the statement before, or as
        ``begin_pinned``.
    """
    rule, line = _rule(validators, threshold), load_line(workspace.home)
    tip = workspace.projector.sync().block_number
    if effective_block <= max(tip, line.last.effective_block):
        raise ConfigurationError(
            f"block {effective_block} is too early: the chain is at {tip}, the set before it begins with "
            f"{line.last.effective_block}"
        )
    last = line.last
    return Rotation(
        SetStatement(last.chain_id, last.sequence + 1, effective_block, rule.threshold, last.digest, rule.validators),
        {},
    )


def sign_here(home: Path, rotation: Rotation, key: coincurve.PrivateKey) -> Rotation:
    """Sign as a validator of the set before, one successor of each statement and no other.

    What was signed is kept in the home before the signature is handed out.

    Raises:
        ConflictError: Another successor of the same statement was published, or signed here with this key.
        UntrustedError, RollbackError, ConsistencyError: It does not follow the line of this home.
        SignatureError: The key is of no member of the set before.
        ConfigurationError: No line has begun here.
    """
    line, signer = load_line(home), address_of(key)
    _check_follows(line, rotation)
    _check_member(line, rotation, signer)
    _promise(home, rotation.statement, signer)
    return sign_rotation(rotation, key)


def address_of(key: coincurve.PrivateKey) -> bytes:
    """The address of a validator's key, 20 bytes."""
    return keccak256(key.public_key.format(compressed=False)[1:])[12:]


def add_signature(home: Path, rotation: Rotation, signature: bytes) -> Rotation:
    """Add a signature that was made elsewhere over the rotation's digest.

    Args:
        home: Its line says who may sign.
        rotation: To be signed.
        signature: *Untrusted*; r ‖ s ‖ v, v 0 or 1, or 27 or 28 as wallets write it.

    Raises: SignatureError, where it is none of a member's; else as ``sign_here``.
    """
    line, plain = load_line(home), _plain(signature)
    _check_follows(line, rotation)
    signer = recover_signer(plain, rotation.statement.digest)
    _check_member(line, rotation, signer)
    return replace(rotation, signatures=dict(sorted({**rotation.signatures, signer: plain}.items())))


def combine_rotations(rotations: Sequence[Rotation]) -> Rotation:
    """Put the signatures of one statement together.

    Raises:
        ConflictError: They are of different statements.
        SignatureError: One is not by whom it names.
    """
    first, signatures = rotations[0].statement, dict[bytes, bytes]()
    for rotation in rotations:
        if rotation.statement != first:
            raise ConflictError(f"two statements: {first.digest.hex()} and {rotation.statement.digest.hex()}")
        for signer, signature in rotation.signatures.items():
            if recover_signer(signature, first.digest) != signer:
                raise SignatureError(f"a signature is not by 0x{signer.hex()}, whom it names")
            signatures.setdefault(signer, signature)
    return Rotation(first, dict(sorted(signatures.items())))


def missing_signatures(line: Line, rotation: Rotation) -> int:
    """How many more members have to sign the next rotation.

    Raises: VerificationError, where it cannot follow the line whoever signs.
    """
    try:
        verify_rotation(rotation, line.last)
    except QuorumError as error:
        return error.required - error.valid
    return 0


def _rule(validators: Sequence[bytes], threshold: int | None) -> ValidatorRule:
    listed = tuple(sorted(validators))
    try:
        check_validators(listed)
        chosen = quorum_of(len(listed)) if threshold is None else threshold
        check_statement(SetStatement(1, 0, 1, chosen, bytes(32), listed))
    except MalformedError as error:
        raise ConfigurationError(error.why) from None
    return ValidatorRule(Source.PINNED, listed, threshold=chosen)


def _sealed_height(workspace: Workspace, validators: Sequence[bytes], tip: int) -> int:
    """The newest block that a quorum of these sealed, and nobody else; raises for the newest where there is none."""
    error: QuorumError | None = None
    for height in range(tip, max(0, tip - _BEGINNINGS), -1):
        try:
            verify_seals(parse_header(workspace.client.header(height).rlp), validators)
        except QuorumError as wanting:
            error = error or wanting
        else:
            return height
    raise error or ConfigurationError("no block is sealed yet: wait for the first one")


def _check_follows(line: Line, rotation: Rotation) -> None:
    """Refuse what cannot be the successor of a statement, or is not the one that was published."""
    statement = rotation.statement
    for known in line.sets.statements[1:]:
        if known.sequence == statement.sequence and known != statement:
            raise ConflictError(f"rotation {known.sequence} is published already, as another statement")
        if known == statement:
            return
    missing_signatures(line, replace(rotation, signatures={}))


def _check_member(line: Line, rotation: Rotation, signer: bytes) -> None:
    before = line.sets.statements[rotation.statement.sequence - line.first.sequence - 1]
    if signer not in before.validators:
        raise SignatureError(f"0x{signer.hex()} is not in the set before rotation {rotation.statement.sequence}")


def _promise(home: Path, statement: SetStatement, signer: bytes) -> None:
    """Keep what a key signs as the successor of a statement: two of them would show its owner as a liar."""
    folder = home / FOLDER / _SIGNED
    folder.mkdir(exist_ok=True)
    path, digest = folder / f"{signer.hex()}-{statement.previous.hex()}", encode_hexadecimal(statement.digest)
    if path.exists() and path.read_text("ascii") != digest:
        raise ConflictError(
            f"0x{signer.hex()} signed another rotation {statement.sequence} here: whoever signs two is shown as a liar"
        )
    write_durably(path, digest.encode())


def _plain(signature: bytes) -> bytes:
    """With v as seals have it."""
    if len(signature) == SEAL_BYTES and signature[-1] in (27, 28):
        return signature[:-1] + bytes((signature[-1] - 27,))
    return signature

"""Successions: statements by which k of the n witnesses of a trust file put another trust file in its place. Pure.

A succession is a C2SP signed note::

    vinculum-trust-succession/v1 vinculum/84600/0x5fbd…     this format, and the origin of the rule's checkpoints
    chain 84600
    old 6f2191215f3c…       fingerprint of the trust file that it follows, 64 digits
    new 0b7c55e1a9d0…       fingerprint of the one that takes its place

    — cell-maker.witness.vinculum <key id ‖ Ed25519 signature of the text>

It is signed with the keys that cosign checkpoints: they are what the old trust file pins. That is sound, since nothing
that is signed for the one purpose can stand for the other:

- *What is signed* here begins with ``vinculum-trust-succession/v1``, a cosignature signs what begins with
  ``cosignature/v1``: no bytes are both, whatever origins, roots or fingerprints say. Nor is the text a checkpoint's, of
  which the second line is a number: the key of a log (type 0x01), which signs bare texts, can never have signed it.
- *The key id* is that of a signature type of its own: 0xff, for types without a byte of their own, and the name of
  this format. A line says of which kind it is before its signature is looked at; under a note of the other kind it is
  that of a stranger.

A signature bears no time: what ends its force is that the trust file which it follows is pinned no more, and the
trusting period, see ``rules.check_period``. Where validators seal the chain there is no succession: their set
changes by its own rule, and for anything else a person compares the fingerprint (``docs/adr/0009-successions.md``).

Source: C2SP signed-note, "Signature types" (reuse of a key for several types; 0xff); tlog-cosignature.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import MalformedError, QuorumError, SignatureError, UntrustedError
from ledger.proof import note as notes
from ledger.proof.cosignature import parse_vkey
from ledger.proof.note import COSIGNATURE, Note, NoteSignature, SigningKey, VerifierKey
from ledger.strict_json import MAX_INTEGER
from light_node.succession.rules import check_following, digest_of, witnesses_rule
from light_node.trust import Trust
from light_node.trust_rule_format import MAX_ORIGIN_CHARACTERS

FORMAT = "vinculum-trust-succession/v1"
MAX_BYTES = notes.MAX_NOTE_BYTES
SIGNATURE_BYTES = 64
_TYPE = b"\xff" + FORMAT.encode()
_WHAT = "succession"
_TEXT = re.compile(f"{FORMAT} ([^\n]+)\nchain ([1-9][0-9]{{0,15}})\nold ([0-9a-f]{{64}})\nnew ([0-9a-f]{{64}})\n")


@dataclass(frozen=True, slots=True)
class Succession:
    """Which trust file follows which; nobody's statement yet.

    Attributes:
        origin: Of the rule's checkpoints.
        chain_id: EIP-155 chain id.
        old: Fingerprint of the trust file that is followed, 32 bytes.
        new: Fingerprint of its successor, 32 bytes.
    """

    origin: str
    chain_id: int
    old: bytes
    new: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{FORMAT} {self.origin}\nchain {self.chain_id}\nold {self.old.hex()}\nnew {self.new.hex()}\n"


@dataclass(frozen=True, slots=True)
class SignedSuccession:
    """A succession with its signature lines, not verified."""

    statement: Succession
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class VerifiedSuccession:
    """A succession that enough witnesses of the old trust file signed; only ``verify_signatures`` makes it.

    Attributes:
        statement: What they signed.
        witnesses: Their names, in the order of the lines.
    """

    statement: Succession
    witnesses: tuple[str, ...]


def parse_succession(data: bytes | str) -> SignedSuccession:
    """Read a succession.

    Args:
        data: *Untrusted*; a signed note.

    Raises:
        MalformedError: Not a note, its text not exactly the four lines, or a trust file that is to follow itself.
    """
    note = notes.parse_note(data)
    return SignedSuccession(_parse_text(note.text), note.signatures)


def encode_succession(signed: SignedSuccession) -> bytes:
    """Write a succession; ``parse_succession`` returns the same value.

    Raises: MalformedError, where ``signed`` is one that ``parse_succession`` refuses.
    """
    data = notes.encode_note(Note(signed.statement.text, signed.signatures)).encode()
    if parse_succession(data) != signed:
        raise MalformedError(_WHAT, "a value that its format cannot hold")
    return data


def succession_of(old: Trust, new: Trust) -> Succession:
    """What witnesses of ``old`` sign to put ``new`` in its place; raises as ``rules.check_following``."""
    rule = check_following(old, new)
    statement = Succession(rule.origin, old.chain_id, digest_of(old), digest_of(new))
    return _parse_text(notes.parse_text(statement.text))


def sign_succession(statement: Succession, key: SigningKey) -> NoteSignature:
    """Sign a succession as a witness does.

    It is for the caller to see to it that this witness signs one successor of a trust file only.

    Raises: MalformedError, for a statement that ``parse_succession`` would refuse, or the key of a log.
    """
    if key.public.algorithm != COSIGNATURE or _parse_text(notes.parse_text(statement.text)) != statement:
        raise MalformedError(_WHAT, "not the key of a witness, or a value that its format cannot hold")
    return NoteSignature(key.public.name, key_id_of(key.public), key.sign(statement.text.encode()))


def key_id_of(key: VerifierKey) -> bytes:
    """The 4 bytes by which a line says that this witness signed a succession."""
    return hashlib.sha256(key.name.encode() + b"\n" + _TYPE + key.public_key).digest()[:4]


def known_lines(old: Trust) -> Mapping[tuple[str, bytes], VerifierKey]:
    """The witnesses of a trust file, by name and key id of their lines.

    Raises:
        UntrustedError: Validators seal its chain.
        MalformedError: One of them is there twice, or no key of a witness.
    """
    keys = [parse_vkey(text) for text in witnesses_rule(old).witnesses]
    known = {(key.name, key_id_of(key)): key for key in keys}
    if len(known) != len(keys) or len({key.public_key for key in keys}) != len(keys):
        raise MalformedError("witness keys", "one of them twice")
    return known


def check_old(old: Trust, statement: Succession) -> None:
    """Refuse a succession of another trust file, by chain, origin or fingerprint.

    Raises: UntrustedError.
    """
    wanted = (witnesses_rule(old).origin, old.chain_id, digest_of(old))
    if (statement.origin, statement.chain_id, statement.old) != wanted:
        raise UntrustedError(f"a succession of the trust file {statement.old.hex()[:16]}…, which is another")


def verify_line(statement: Succession, key: VerifierKey, line: NoteSignature) -> None:
    """Prove that a witness signed a succession.

    Raises:
        MalformedError: Not a signature of 64 bytes.
        SignatureError: It does not verify.
    """
    if len(line.signature) != SIGNATURE_BYTES:
        raise MalformedError(_WHAT, f"the signature of {key.name} is not of {SIGNATURE_BYTES} bytes")
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(line.signature, statement.text.encode())
    except InvalidSignature:
        raise SignatureError(f"the signature of {key.name} under the succession does not verify") from None


def verify_signatures(old: Trust, signed: SignedSuccession) -> VerifiedSuccession:
    """Prove that enough witnesses of a trust file signed that another follows it; says nothing of that one.

    1. It is a succession of this trust file: chain, origin and fingerprint.
    2. Lines of keys that this trust file does not pin are ignored; no pinned key has two.
    3. Every line of a pinned key verifies.
    4. At least k of them signed.

    Args:
        old: The trust file that is followed.
        signed: *Untrusted*, parsed.

    Raises:
        UntrustedError: 1 does not hold, or validators seal the chain.
        MalformedError: 2 does not hold, or a signature is not of 64 bytes.
        SignatureError: 3 does not hold.
        QuorumError: 4 does not hold.
    """
    rule, statement = witnesses_rule(old), signed.statement
    check_old(old, statement)  # 1
    known, found = known_lines(old), dict[VerifierKey, None]()
    for line in signed.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:  # 2
            continue
        if key in found:
            raise MalformedError(_WHAT, f"two signatures by {key.name}")
        verify_line(statement, key, line)  # 3
        found[key] = None
    if len(found) < rule.threshold:  # 4
        raise QuorumError(len(found), rule.threshold, "signatures under the succession")
    return VerifiedSuccession(statement, tuple(key.name for key in found))


def verify_succession(old: Trust, new: Trust, signed: SignedSuccession) -> VerifiedSuccession:
    """Prove that witnesses of the old trust file put the new one in its place, and that it may stand there.

    1. Enough of them signed; see ``verify_signatures``.
    2. What they signed names the new one.
    3. It is one that may follow; see ``rules.check_following``.

    Args:
        old: The pinned trust file.
        new: *Untrusted*, parsed.
        signed: *Untrusted*, parsed.

    Raises:
        UntrustedError, MalformedError, SignatureError, QuorumError: 1 does not hold.
        UntrustedError: 2 or 3 does not hold.
        RollbackError: 3 does not hold.
    """
    verified = verify_signatures(old, signed)  # 1
    if verified.statement.new != digest_of(new):  # 2
        raise UntrustedError(f"the succession is to another trust file than this one, {new.fingerprint()}")
    check_following(old, new)  # 3
    return verified


def _parse_text(text: str) -> Succession:
    found = _TEXT.fullmatch(text)
    if found is None or len(found[1]) > MAX_ORIGIN_CHARACTERS or int(found[2]) > MAX_INTEGER:
        raise MalformedError(_WHAT, "not the format with an origin, a chain, an old and a new fingerprint")
    statement = Succession(found[1], int(found[2]), bytes.fromhex(found[3]), bytes.fromhex(found[4]))
    if statement.old == statement.new:
        raise MalformedError(_WHAT, "a trust file does not follow itself")
    return statement

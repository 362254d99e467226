"""Forgeries of capsules: another file under the real key, and a key that opens to other contents."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ipfs.cid import parse_cid
from ipfs.store import read_file
from ledger.credential.capsule import open_capsule, seal_capsule
from ledger.credential.capsule_format import PREFIX_BYTES, CapsuleReference, describe_file
from ledger.credential.false_key import encode_false_key_proof, parse_false_key_proof, prove_false_key, verify_false_key
from ledger.credential.grant import open_grant, verify_grant
from ledger.credential.sd_jwt import parse_sd_jwt
from ledger.demo.forgery import Found
from ledger.demo.staging import OTHERWISE, Scene, Staged
from ledger.errors import VerificationError
from ledger.service.read import MAX_CAPSULE_BYTES, reference_of

CAPSULE = "capsule"


def changed_raw_file(scene: Scene, _: Staged) -> Found | None:
    """Replace a raw file by another, in a capsule that is sealed with the real key."""
    digest = next(entry.digest for entry in scene.history if len(_reference(scene, entry.digest).files) > 1)
    reference = _reference(scene, digest)
    key = scene.workspace.reader().capsule_key(reference.cid)
    genuine = open_capsule(_sealed(scene, reference), key, reference)
    contents = [b"".join(chunks) for _, chunks in genuine.files]
    contents[-1] = b"no damage found\n"
    files = [
        describe_file([data], one.name, one.media_type, one.salt)
        for one, data in zip(genuine.manifest.files, contents, strict=True)
    ]
    manifest = replace(genuine.manifest, files=tuple(files))
    return _opened(seal_capsule(manifest, [[data] for data in contents], key, os.urandom(PREFIX_BYTES)), key, reference)


def false_capsule_key(scene: Scene, staged: Staged) -> Found | None:
    """Grant the second key of a capsule, which opens to other contents; the signed grant proves who lied."""
    insider, victim = scene.insider, scene.bystander
    digest, double = staged.double
    reference, issuer = _reference(scene, digest), insider.member.issuer.public
    if OTHERWISE not in double.under(double.second):
        raise ValueError("the second key does not open the capsule to other contents")
    grant = insider.grant(victim.organisation, victim.recipient.public, [(reference.cid, double.second)])
    verified = verify_grant(grant, issuer)
    key = open_grant(verified, victim.recipient)[reference.cid]
    found = _opened(_sealed(scene, reference), key, reference)
    if found is None:
        return None
    proof = encode_false_key_proof(prove_false_key(verified, victim.recipient, reference))
    liar = verify_false_key(parse_false_key_proof(proof), issuer, reference)
    return replace(found, reason=f"{found.reason}; its grant proves that organisation {liar} signed a false key")


def _opened(sealed: Iterable[bytes], key: bytes, reference: CapsuleReference) -> Found | None:
    try:
        for _, chunks in open_capsule(sealed, key, reference).files:
            for _ in chunks:
                pass
    except VerificationError as error:
        return Found(type(error).__name__, CAPSULE, str(error))
    return None


def _sealed(scene: Scene, reference: CapsuleReference) -> Iterator[bytes]:
    return read_file(scene.workspace.documents, parse_cid(reference.cid), MAX_CAPSULE_BYTES)


def _reference(scene: Scene, digest: bytes) -> CapsuleReference:
    return reference_of(parse_sd_jwt(scene.workspace.reader().credential(digest).text).jws)

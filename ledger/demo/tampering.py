"""What somebody can do to an evidence file with an editor. Pure; nothing here has a key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.disclosure import parse_disclosure
from ledger.event import Json
from ledger.proof.evidence import AccountProof, Evidence, HistoryEntry, IssuerKey, OpenEntry, StorageProof
from ledger.proof.evidence_reader import issuer_order


def with_history(evidence: Evidence, history: Iterable[HistoryEntry]) -> Evidence:
    """Put another history in, and say that it is as long as it is."""
    entries = tuple(history)
    last = evidence.segments[-1]
    length = last.entries + len(entries) - len(evidence.history)
    return replace(evidence, history=entries, segments=(*evidence.segments[:-1], replace(last, entries=length)))


def leave_out(evidence: Evidence, number: int) -> Evidence:
    """Drop event ``number`` (from 1)."""
    return with_history(evidence, (*evidence.history[: number - 1], *evidence.history[number:]))


def swap(evidence: Evidence, number: int) -> Evidence:
    """Swap event ``number`` with the one after it."""
    first, second = evidence.history[number - 1 : number + 1]
    return with_history(evidence, (*evidence.history[: number - 1], second, first, *evidence.history[number + 1 :]))


def insert(evidence: Evidence, number: int, entry: HistoryEntry) -> Evidence:
    """Put an entry after event ``number``."""
    return with_history(evidence, (*evidence.history[:number], entry, *evidence.history[number:]))


def show(evidence: Evidence, number: int, credential: str | None) -> Evidence:
    """Show another credential at event ``number``, or none."""
    entry = evidence.history[number - 1]
    if not isinstance(entry, OpenEntry):
        raise ValueError(f"event {number} is not open")
    changed = replace(entry, credential=credential)
    return with_history(evidence, (*evidence.history[: number - 1], changed, *evidence.history[number:]))


def change_field(credential: str, name: str, change: Callable[[Json], Json]) -> str:
    """Change what a credential discloses as ``name``; salt and signature stay as they are."""
    jwt, *disclosures, _ = credential.split("~")
    changed = [_changed(text, change) if parse_disclosure(text).name == name else text for text in disclosures]
    return "~".join((jwt, *changed, ""))


def _changed(text: str, change: Callable[[Json], Json]) -> str:
    salt, name, value = json.loads(parse_base64url(text, "disclosure"))
    array = json.dumps([salt, name, change(value)], separators=(",", ":"), ensure_ascii=False)
    return encode_base64url(array.encode("utf-8"))


def disclosed(credential: str | None) -> dict[str, Json]:
    """What a credential discloses, unverified."""
    texts = [] if credential is None else credential.split("~")[1:-1]
    found = (parse_disclosure(text) for text in texts)
    return {one.name: one.value for one in found if one.name is not None}


def add_issuer(evidence: Evidence, issuer: IssuerKey, address: bytes, proof: StorageProof) -> Evidence:
    """Add a key to those of an organisation, with the proof of its slot in ``Consortium`` at ``address``."""
    issuers = tuple(sorted((*evidence.issuers, issuer), key=issuer_order))
    accounts = tuple(_with_slot(one, proof) if one.address == address else one for one in evidence.accounts)
    return replace(evidence, issuers=issuers, accounts=accounts)


def _with_slot(account: AccountProof, proof: StorageProof) -> AccountProof:
    proofs = {one.slot: one for one in (*account.storage, proof)}
    return replace(account, storage=tuple(proofs[slot] for slot in sorted(proofs)))


def numbers_where(evidence: Evidence, holds: Callable[[OpenEntry], bool]) -> list[int]:
    """Numbers (from 1) of the open entries for which ``holds``."""
    entries = enumerate(evidence.history, start=1)
    return [number for number, entry in entries if isinstance(entry, OpenEntry) and holds(entry)]

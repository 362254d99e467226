"""Evidence: one self-contained file that proves the registered life of one asset up to one block.

The file is canonical JSON (RFC 8785) of media type :data:`MEDIA_TYPE`; ``docs/evidence.md`` and
``evidence.schema.json`` beside this module describe it. Parsing believes nothing: it only brings the parts into types,
within limits. ``light_node.verify`` decides what they prove.
"""

from __future__ import annotations

from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.proof.evidence_finality import finality_value
from ledger.proof.evidence_reader import canonical, issuer_order, parse_evidence
from ledger.proof.evidence_types import (
    MAX_BYTES,
    MAX_EVENTS,
    MEDIA_TYPE,
    VERSION,
    AccountProof,
    CheckpointFinality,
    Evidence,
    Finality,
    HiddenEntry,
    HistoryEntry,
    IssuerKey,
    Jwk,
    OpenEntry,
    SealFinality,
    SealStep,
    Segment,
    StorageProof,
)

__all__ = [
    "MAX_BYTES",
    "MAX_EVENTS",
    "MEDIA_TYPE",
    "VERSION",
    "AccountProof",
    "CheckpointFinality",
    "Evidence",
    "Finality",
    "HiddenEntry",
    "HistoryEntry",
    "IssuerKey",
    "Jwk",
    "OpenEntry",
    "SealFinality",
    "SealStep",
    "Segment",
    "StorageProof",
    "encode_evidence",
    "issuer_order",
    "parse_evidence",
]


def encode_evidence(evidence: Evidence) -> bytes:
    """Write an evidence file; ``parse_evidence`` returns the same value.

    Raises: MalformedError, where ``evidence`` exceeds a limit or is not in order.
    """
    data = canonical(
        {
            "type": MEDIA_TYPE,
            "version": VERSION,
            "chain_id": evidence.chain_id,
            "asset_type": str(evidence.asset_type),
            "subject": encode_hexadecimal(evidence.subject),
            "header": encode_hexadecimal(evidence.header),
            "finality": finality_value(evidence.finality),
            "accounts": [_account_value(account) for account in evidence.accounts],
            "segments": [_segment_value(segment) for segment in evidence.segments],
            "history": [_entry_value(entry) for entry in evidence.history],
            "issuers": [_issuer_value(issuer) for issuer in evidence.issuers],
        }
    )
    parse_evidence(data)
    return data


def _account_value(account: AccountProof) -> Json:
    storage: list[Json] = [
        {"slot": encode_hexadecimal(proof.slot), "nodes": [encode_hexadecimal(node) for node in proof.nodes]}
        for proof in account.storage
    ]
    nodes: list[Json] = [encode_hexadecimal(node) for node in account.nodes]
    return {"address": encode_hexadecimal(account.address), "nodes": nodes, "storage": storage}


def _entry_value(entry: HistoryEntry) -> Json:
    if isinstance(entry, HiddenEntry):
        return {"leaf": encode_hexadecimal(entry.leaf), "status": entry.status}
    return {
        "digest": encode_hexadecimal(entry.digest),
        "meta": encode_hexadecimal(entry.meta),
        "status": entry.status,
        "credential": entry.credential,
    }


def _segment_value(segment: Segment) -> Json:
    return {"log": encode_hexadecimal(segment.log), "entries": segment.entries}


def _issuer_value(issuer: IssuerKey) -> Json:
    jwk: dict[str, Json] = dict(issuer.jwk)
    return {"organisation": issuer.organisation, "jwk": jwk}

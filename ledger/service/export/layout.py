"""Where the files of a bag lie."""

from __future__ import annotations

from ledger.service.export.manifest import BAGIT_FILE, INFO_FILE, PAYLOAD_FILE, SIGNED_FILE, TAG_FILE
from ledger.service.export.tables import COLUMNS

MAX_ASSETS = 50_000

HISTORY_FILE = "data/key-history/events.json"
TRUST_FILE = "data/trust/exporters-trust.json"
NOTICE_FILE = "data/trust/README.txt"
SCHEMA_FILE = "data/schema/evidence.schema.json"
TRUST_NOTICE = (
    b"exporters-trust.json is the trust file of whoever made this export, for comparison only.\n"
    b"Never verify with it: a trust file comes from somebody whom you trust, by another way than what it judges.\n"
)

TAGS = (BAGIT_FILE, INFO_FILE, PAYLOAD_FILE)
"""BagIt's own files, but for the list of them."""


def evidence_path(number: int, subject: bytes) -> str:
    """Where the evidence of an asset lies."""
    return f"data/evidence/{number:06}-{subject.hex()}.json"


def state_path(number: int) -> str:
    """Where a state file lies."""
    return f"data/state/{number:06}.json"


def table_path(name: str, form: str) -> str:
    """Where a table lies, in ``csv`` or ``json``."""
    return f"data/tables/{name}.{form}"


KNOWN_FILES = frozenset(
    {
        *TAGS,
        TAG_FILE,
        SIGNED_FILE,
        HISTORY_FILE,
        TRUST_FILE,
        NOTICE_FILE,
        SCHEMA_FILE,
        *(table_path(name, form) for name in COLUMNS for form in ("csv", "json")),
    }
)
"""All that a bag holds besides evidence and state files."""

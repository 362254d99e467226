"""Corrections are signed with the digests of what they correct, so that who sees no id can tell what it is."""

from __future__ import annotations

import time

import pytest

from ledger.access import Tier
from ledger.errors import DocumentError
from ledger.event import AssetReference, Event, Json
from ledger.rules import Ruling
from ledger.rules.targets import MAX_TARGETS, UNKNOWN
from ledger.service.audit.rebuild import rebuild
from ledger.service.audit.run import audit
from ledger.service.evidence import build_evidence
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from light_node.judgement import judge
from light_node.verdict import Account
from tests.ledger.service.audit.test_rebuild import lose_index
from tests.ledger.service.conftest import birth, document, event, record, recording

pytestmark = pytest.mark.integration


def measured(asset: AssetReference, document_id: str | None, percent: float) -> Event:
    when = "2026-06-01T08:00:00Z"
    return event("battery.state_of_health", asset, document_id, measured_at=when, state_of_health_percent=percent)


def corrected(asset: AssetReference, corrects: Json, document_id: str | None = None, **fields: Json) -> Event:
    return event("any.correction", asset, document_id, corrects=corrects, reason="typing error", **fields)


def digests(workspace: Workspace, asset: AssetReference) -> list[str]:
    reader = workspace.reader()
    return [entry.digest.hex() for entry in reader.history(reader.asset(asset.identifier))]


def claims(workspace: Workspace, asset: AssetReference, number: int = -1) -> dict[str, Json]:
    """What the issuer of an event disclosed; of the last one by default."""
    found = workspace.reader().read(bytes.fromhex(digests(workspace, asset)[number])).claims
    return {name: claim.value for name, claim in found.items()}


def seen(workspace: Workspace, asset: AssetReference, tier: Tier) -> Account:
    data = build_evidence(workspace, workspace.reader().asset(asset.identifier), tier)
    account = judge(data, make_trust(workspace), now=int(time.time())).account
    assert account is not None
    return account


def health(account: Account) -> Ruling:
    return next(one.ruling for one in account.judgements if one.topic == "state of health")


def codes(account: Account) -> set[str]:
    return {finding.code for finding in account.findings}


@pytest.mark.parametrize("together", ["one document", "one batch", "two runs"])
def test_a_buyer_can_tell_what_is_corrected(workspace: Workspace, asset: AssetReference, together: str) -> None:
    first = [birth(asset), measured(asset, "m-1", 990.0)]
    second = [corrected(asset, "m-1", "c-1", state_of_health_percent=99.0)]
    if together == "one document":
        record(workspace, "maker", document(*first, *second))
    elif together == "one batch":
        record(workspace, "maker", document(*first), document(*second))
    else:
        record(workspace, "maker", document(*first))
        record(workspace, "maker", document(*second))
    assert claims(workspace, asset)["corrects"] == [digests(workspace, asset)[1]]
    for tier in (Tier.LEGITIMATE_INTEREST, Tier.AUTHORITIES):
        account = seen(workspace, asset, tier)
        assert "corrected" in codes(account)
        assert health(account) is Ruling.CONSISTENT


def test_a_buyer_sees_no_id(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, "secret-id", 99.0)))
    record(workspace, "maker", document(corrected(asset, ["secret-id", "other-secret"])))
    known = workspace.reader().asset(asset.identifier)
    assert claims(workspace, asset)["corrects_document_id"] == ["secret-id", "other-secret"]
    for tier in (Tier.PUBLIC, Tier.LEGITIMATE_INTEREST):
        account = seen(workspace, asset, tier)
        assert all("secret" not in str(shown.fields) for shown in account.events)
        assert b"secret" not in build_evidence(workspace, known, tier)


def test_every_event_of_one_id_is_named(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, "both", 99.0)))
    record(workspace, "maker", document(measured(asset, "third", 98.0)))
    record(workspace, "maker", document(event("any.observation", asset, "both", description="looked at")))
    record(workspace, "maker", document(corrected(asset, "both")))
    own = digests(workspace, asset)
    assert claims(workspace, asset)["corrects"] == sorted([own[1], own[3]])


@pytest.mark.parametrize("form", ["{}", "0x{}", "upper"])
def test_a_digest_is_named_in_one_form(workspace: Workspace, asset: AssetReference, form: str) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, None, 99.0)))
    digest = digests(workspace, asset)[1]
    record(workspace, "maker", document(corrected(asset, digest.upper() if form == "upper" else form.format(digest))))
    assert claims(workspace, asset)["corrects"] == [digest]


def test_digests_in_their_form_are_left_alone(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, None, 99.0)))
    record(workspace, "maker", document(corrected(asset, [digests(workspace, asset)[1]])))
    assert "corrects_document_id" not in claims(workspace, asset)


def test_an_id_that_looks_like_a_digest_is_an_id(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, "ab" * 32, 99.0)))
    record(workspace, "maker", document(corrected(asset, "ab" * 32)))
    assert claims(workspace, asset)["corrects"] == [digests(workspace, asset)[1]]


def test_a_digest_of_nothing_stays_as_it_is_and_is_found_out(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, "m-1", 99.0)))
    record(workspace, "maker", document(corrected(asset, ["cd" * 32], state_of_health_percent=1.0)))
    assert claims(workspace, asset)["corrects"] == ["cd" * 32]
    account = seen(workspace, asset, Tier.LEGITIMATE_INTEREST)
    assert "correction-of-no-event" in codes(account)
    assert health(account) is Ruling.NO_JUDGEMENT


def test_what_is_not_known_is_called_unknown(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, "m-1", 99.0)))
    record(workspace, "maker", document(corrected(asset, ["m-1", "never heard of"])))
    assert claims(workspace, asset)["corrects"] == [digests(workspace, asset)[1], UNKNOWN]
    assert health(seen(workspace, asset, Tier.LEGITIMATE_INTEREST)) is Ruling.NO_JUDGEMENT
    assert health(seen(workspace, asset, Tier.AUTHORITIES)) is Ruling.CONSISTENT


def test_an_id_of_another_asset_names_nothing(workspace: Workspace, asset: AssetReference) -> None:
    other = AssetReference(asset.asset_type, asset.identifier + "-other")
    record(workspace, "maker", document(birth(other), measured(other, "m-1", 99.0)), document(birth(asset)))
    record(workspace, "maker", document(corrected(asset, "m-1")))
    assert claims(workspace, asset)["corrects"] == [UNKNOWN]


def test_the_own_event_of_an_id_goes_before_anothers(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset)), to=("other",))
    record(workspace, "other", document(measured(asset, "shared", 98.0)), to=("maker",))
    record(workspace, "maker", document(corrected(asset, "shared", "c-1")))
    assert claims(workspace, asset)["corrects"] == [digests(workspace, asset)[1]]
    assert "contradicted" in codes(seen(workspace, asset, Tier.LEGITIMATE_INTEREST))
    record(workspace, "maker", document(measured(asset, "shared", 99.0)))
    record(workspace, "maker", document(corrected(asset, "shared", "c-2")))
    assert claims(workspace, asset)["corrects"] == [digests(workspace, asset)[3]]


def test_what_is_erased_is_named_by_its_digest(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), measured(asset, "m-1", 99.0)), to=("other",))
    wish = event("any.erasure", asset, "e-1", erases="m-1", reason="on request")
    record(workspace, "other", document(wish), to=("maker",))
    assert claims(workspace, asset)["erases"] == [digests(workspace, asset)[1]]
    account = seen(workspace, asset, Tier.LEGITIMATE_INTEREST)
    assert "erasure-claimed" in codes(account)
    assert "erased" not in codes(account)
    record(workspace, "maker", document(wish))
    assert "erased" in codes(seen(workspace, asset, Tier.LEGITIMATE_INTEREST))


@pytest.mark.parametrize("name", ["corrects_document_id", "erases_document_id"])
def test_a_document_cannot_pose_as_the_program(workspace: Workspace, asset: AssetReference, name: str) -> None:
    posing = corrected(asset, "m-1", None, **{name: "m-2"})
    with pytest.raises(DocumentError, match="not a name that a credential can disclose"):
        record(workspace, "maker", document(birth(asset), posing))


def test_more_names_than_are_looked_at_are_refused(workspace: Workspace, asset: AssetReference) -> None:
    many: list[Json] = [f"m-{number}" for number in range(MAX_TARGETS + 1)]
    with pytest.raises(DocumentError, match=f"at most {MAX_TARGETS}"):
        record(workspace, "maker", document(birth(asset), corrected(asset, many)))
    record(workspace, "maker", document(birth(asset), corrected(asset, many[1:])))
    assert claims(workspace, asset)["corrects"] == [UNKNOWN]


def test_the_same_correction_again_is_a_repetition(workspace: Workspace, asset: AssetReference) -> None:
    said = document(birth(asset), measured(asset, "m-1", 99.0), corrected(asset, "m-1", "c-1"))
    record(workspace, "maker", said)
    assert record(workspace, "maker", said).repeated == 3
    with recording(workspace, "maker") as recorder, pytest.raises(DocumentError, match="other content"):
        recorder.add(document(corrected(asset, "m-2", "c-1")))


def test_an_index_made_anew_recognises_corrections(workspace: Workspace, asset: AssetReference) -> None:
    said = document(birth(asset), measured(asset, "m-1", 99.0), corrected(asset, "m-1", "c-1"))
    record(workspace, "maker", said)
    lose_index(workspace)
    rebuild(workspace)
    assert audit(workspace).differences == ()
    assert record(workspace, "maker", said).repeated == 3
    record(workspace, "maker", document(corrected(asset, "m-1", "c-2", state_of_health_percent=98.0)))
    assert claims(workspace, asset)["corrects"] == [digests(workspace, asset)[1]]

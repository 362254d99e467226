"""What a gateway takes from devices, and what it refuses: real files, no chain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ledger.credential.jose import PublicKey
from ledger.errors import MissingError, NotAuthorisedError, UnknownAssetError
from ledger.proof.merkle import leaf_hash, verify_consistency
from ledger.proof.merkle_tree import MemoryTree, consistency_path, root_of
from ledger.proof.tlog_text import parse_consistency_proof
from ledger.service import gateway_inbox
from ledger.service.gateway_answers import RECEIPT_S, GatewayAnswers
from ledger.service.gateway_inbox import Inbox
from ledger.service.gateway_tables import KeptReceipt, State
from ledger.service.witness_request import Request, Response
from light_node.edge.gateway_client import RECEIPT_TYPE
from light_node.edge.statement import VerifiedStatement, digest_statement
from tests.light_node.edge.making import KEY, LOG, OTHER_KEY, SUBJECT, chained, joined, leaves_of, signed, stated

CHAIN = chained(4)
TREE = MemoryTree([leaf_hash(bytes((number,)) * 32) for number in range(20)])
NOW = 1_800_000_000


class Everybody:
    """A register with one device and one asset."""

    def device_key(self, key_id: str) -> PublicKey:
        if key_id != KEY.public.key_id:
            raise NotAuthorisedError("not enrolled")
        return KEY.public

    def log_of(self, subject: bytes) -> str:
        if subject != SUBJECT:
            raise UnknownAssetError("no such asset")
        return LOG

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        if new > TREE.size:
            raise MissingError("the index does not reach that far")
        return consistency_path(TREE, old, new)


class Keyless(Everybody):
    def device_key(self, key_id: str) -> PublicKey:
        raise MissingError("its document is nowhere")


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    with Inbox(tmp_path / "gateway" / "inbox.db") as opened:
        yield opened


@pytest.fixture
def gateway(inbox: Inbox) -> GatewayAnswers:
    return GatewayAnswers(inbox, Everybody(), clock=lambda: NOW)


def readings(statement: VerifiedStatement) -> bytes:
    first = statement.statement.sequence * 3
    return joined(leaves_of(*range(first, first + statement.statement.size)))


def put(
    gateway: GatewayAnswers, statement: VerifiedStatement, data: bytes | None = None, digest: bytes = b""
) -> Response:
    body = statement.text.encode() + b"\n" + (readings(statement) if data is None else data)
    return gateway.answer(Request("PUT", f"/batches/{(digest or statement.digest).hex()}", body))


def get(gateway: GatewayAnswers, statement: VerifiedStatement, query: str = "") -> Response:
    return gateway.answer(Request("GET", f"/batches/{statement.digest.hex()}{query}"))


def test_a_batch_is_taken_once(gateway: GatewayAnswers, inbox: Inbox) -> None:
    first, again, asked = put(gateway, CHAIN[0]), put(gateway, CHAIN[0]), get(gateway, CHAIN[0])
    assert [one.status for one in (first, again, asked)] == [202, 202, 202]
    assert first.headers["Retry-After"]
    (kept,) = inbox.received(10, 10**9)
    assert (kept.digest, kept.statement, kept.readings) == (CHAIN[0].digest, CHAIN[0].text, readings(CHAIN[0]))


def test_what_was_taken_survives_and_is_nobody_elses_to_read(tmp_path: Path, gateway: GatewayAnswers) -> None:
    put(gateway, CHAIN[0])
    path = tmp_path / "gateway" / "inbox.db"
    with Inbox(path) as again:
        assert again.find(CHAIN[0].digest) is not None
        assert again._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert path.stat().st_mode & 0o077 == 0


def test_a_gap_is_reported_and_closes(gateway: GatewayAnswers) -> None:
    assert b"did not come" not in put(gateway, CHAIN[0]).body
    assert put(gateway, CHAIN[3]).body == b"received; batches 1 to 2 did not come yet\n"
    assert put(gateway, CHAIN[2]).body == b"received; batch 1 did not come yet\n"
    assert put(gateway, CHAIN[1]).body == b"received\n"


def test_equivocation_is_refused_and_kept_as_evidence(gateway: GatewayAnswers, inbox: Inbox) -> None:
    put(gateway, CHAIN[0])
    put(gateway, CHAIN[1])
    other = signed(stated(range(3, 6), 1, CHAIN[0].digest), closed_at_us=5)
    for _ in range(2):
        answer = put(gateway, other, readings(CHAIN[1]))
        assert (answer.status, b"equivocation" in answer.body) == (409, True)
    assert inbox.forks() == [(CHAIN[1].text, other.text)]
    assert inbox.find(other.digest) is None


LONELY = signed(stated(range(3), subject=b"\x07" * 32))
FOREIGN = signed(stated(range(3)), log=LOG.replace("b1", "b9"))
STRANGER = signed(stated(range(3)), OTHER_KEY)
FALSE_SUM = signed(stated(range(3)), flagged=2)


@pytest.mark.parametrize(
    ("statement", "data", "status"),
    [
        (STRANGER, None, 403),
        (LONELY, None, 422),
        (FOREIGN, None, 422),
        (FALSE_SUM, None, 422),
        (CHAIN[0], b"", 422),
        (CHAIN[0], readings(CHAIN[1]), 422),
        (CHAIN[0], readings(CHAIN[0]) + b"\n", 422),
        (CHAIN[0], readings(CHAIN[0]).replace(b"380.1", b"380.2"), 422),
    ],
)
def test_what_does_not_verify_is_refused_and_not_kept(
    gateway: GatewayAnswers, inbox: Inbox, statement: VerifiedStatement, data: bytes | None, status: int
) -> None:
    assert put(gateway, statement, data).status == status
    assert inbox.find(statement.digest) is None
    assert get(gateway, statement).status == 404


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"junk\njunk", b"\xff" * 5000, b"x" * 5000 + b"\n", CHAIN[1].text.encode()]
)
def test_what_is_no_batch_is_refused(gateway: GatewayAnswers, body: bytes) -> None:
    assert gateway.answer(Request("PUT", f"/batches/{CHAIN[0].digest.hex()}", body)).status == 422


def test_a_signature_by_another_key_than_the_named_one_is_refused(gateway: GatewayAnswers) -> None:
    head, payload, _ = CHAIN[0].text.split(".")
    _, _, signature = STRANGER.text.split(".")
    text = ".".join((head, payload, signature))
    body = text.encode() + b"\n" + readings(CHAIN[0])
    assert gateway.answer(Request("PUT", f"/batches/{digest_statement(text).hex()}", body)).status == 422


def test_a_key_whose_document_cannot_be_had_is_refused(inbox: Inbox) -> None:
    assert put(GatewayAnswers(inbox, Keyless()), CHAIN[0]).status == 403


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/consistency", 404),
        ("GET", "/consistency?old=3", 404),
        ("GET", "/consistency?old=0&new=3", 404),
        ("GET", "/consistency?old=03&new=5", 404),
        ("GET", "/consistency?new=5&old=3", 404),
        ("GET", "/consistency?old=3&new=5&new=6", 404),
        ("GET", "/consistency?old=3&new=" + "9" * 17, 404),
        ("GET", "/consistency?old=-1&new=5", 404),
        ("GET", "/consistency?old=5&new=3", 400),
        ("GET", "/consistency?old=5&new=21", 404),
        ("PUT", "/consistency?old=3&new=5", 404),
        ("GET", "/batches/", 404),
        ("GET", "/batches/" + "0" * 63, 404),
        ("GET", "/batches/" + "A" * 64, 404),
        ("GET", "/batches/" + "0" * 64 + "/", 404),
        ("GET", "/batches/" + "0" * 64 + "?from=-1", 404),
        ("GET", "/batches/" + "0" * 64 + "?from=" + "9" * 17, 404),
        ("GET", "/batches/" + "0" * 64 + "?FROM=1", 404),
        ("GET", "/batches/" + "0" * 64, 404),
        ("POST", "/batches/" + "0" * 64, 405),
        ("DELETE", "/batches/" + "0" * 64, 405),
    ],
)
def test_everything_else_is_refused(gateway: GatewayAnswers, method: str, target: str, status: int) -> None:
    assert gateway.answer(Request(method, target, b"x")).status == status


def test_a_full_inbox_asks_to_come_again(
    gateway: GatewayAnswers, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_inbox, "MAX_BYTES", len(readings(CHAIN[0])) + 10)
    assert put(gateway, CHAIN[0]).status == 202
    answer = put(gateway, CHAIN[1])
    assert (answer.status, int(answer.headers["Retry-After"]) > 0) == (503, True)
    inbox.recorded([(CHAIN[0].digest, b"\x01" * 32)])
    assert put(gateway, CHAIN[1]).status == 202


def test_what_could_not_be_recorded_says_why_and_may_come_again(gateway: GatewayAnswers, inbox: Inbox) -> None:
    put(gateway, CHAIN[0])
    inbox.refuse(CHAIN[0].digest, "the member is suspended")
    assert (get(gateway, CHAIN[0]).status, get(gateway, CHAIN[0]).body) == (422, b"the member is suspended\n")
    assert put(gateway, CHAIN[0]).status == 202
    assert inbox.counts() == {"received": 1, "recorded": 0, "refused": 0}


def test_a_receipt_is_handed_out_while_it_is_fresh_and_high_enough(inbox: Inbox) -> None:
    now = [NOW]
    gateway = GatewayAnswers(inbox, Everybody(), clock=lambda: now[0])
    put(gateway, CHAIN[0])
    inbox.recorded([(CHAIN[0].digest, b"\x01" * 32)])
    assert get(gateway, CHAIN[0]).status == 202
    inbox.give([CHAIN[0].digest], KeptReceipt(7, NOW, b"proof"), 0)
    assert inbox.wanted() == {}
    given = get(gateway, CHAIN[0], "?from=7")
    assert (given.status, given.body, given.content_type) == (200, b"proof", RECEIPT_TYPE)
    assert put(gateway, CHAIN[0]).body == b"proof"
    assert get(gateway, CHAIN[0], "?from=8").status == 202
    assert list(inbox.wanted()) == [SUBJECT]
    inbox.give([CHAIN[0].digest], KeptReceipt(9, NOW, b"newer"), 0)
    now[0] += RECEIPT_S + 1
    assert get(gateway, CHAIN[0]).status == 202


@pytest.mark.parametrize(("old", "new"), [(1, 20), (7, 13), (16, 20), (20, 20)])
def test_how_the_tree_goes_on_is_proven(gateway: GatewayAnswers, old: int, new: int) -> None:
    answer = gateway.answer(Request("GET", f"/consistency?old={old}&new={new}"))
    proof = parse_consistency_proof(answer.body)
    assert (answer.status, proof.old, proof.new) == (200, old, new)
    verify_consistency(old, new, root_of(TREE, old), root_of(TREE, new), proof.path)


def test_old_receipts_are_forgotten_and_made_again_when_asked_for(gateway: GatewayAnswers, inbox: Inbox) -> None:
    for statement in CHAIN[:2]:
        put(gateway, statement)
        inbox.recorded([(statement.digest, b"\x01" * 32)])
    inbox.give([CHAIN[0].digest], KeptReceipt(7, NOW - 100, b"old"), 0)
    inbox.give([CHAIN[1].digest], KeptReceipt(8, NOW, b"new"), NOW - 50)
    assert inbox.receipt(CHAIN[0].digest) is None
    assert get(gateway, CHAIN[0]).status == 202
    assert get(gateway, CHAIN[1]).body == b"new"


def test_batches_are_recorded_in_their_order_and_in_parts(gateway: GatewayAnswers, inbox: Inbox) -> None:
    for statement in CHAIN:
        put(gateway, statement)
    assert [one.digest for one in inbox.received(2, 10**9)] == [one.digest for one in CHAIN[:2]]
    assert [one.digest for one in inbox.received(10, 1)] == [CHAIN[0].digest]
    assert {one.state for one in inbox.received(10, 10**9)} == {State.RECEIVED}

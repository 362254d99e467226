"""The Kubo store when what comes over the wire is wrong, short, late or refused."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from ipfs import kubo_rpc
from ipfs.batch import Batch
from ipfs.car import encode_header, write_car
from ipfs.cid import Block, Cid, cid_of_raw
from ipfs.kubo import KuboStore
from ipfs.kubo_rpc import parse_api_address
from ledger.errors import (
    ConfigurationError,
    ContentMismatchError,
    MissingError,
    RejectedError,
    SourceError,
    SourceTimeoutError,
    TooLargeError,
    UnreachableError,
)
from tests.ipfs.content import content
from tests.ipfs.kubo_double import Call, MisbehavingKubo, misbehaving_kubo

TIMEOUT_S = 10.0
IMPATIENT_S = 0.3
Answer = Callable[[Call], None]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubo_rpc, "GRACE_S", 0.1)


@pytest.fixture
def server() -> Iterator[MisbehavingKubo]:
    with misbehaving_kubo() as server:
        yield server


@pytest.fixture
def store(server: MisbehavingKubo) -> Iterator[KuboStore]:
    with KuboStore(server.api, "secret", timeout_s=TIMEOUT_S, batch_timeout_s=2 * TIMEOUT_S) as store:
        yield store


@pytest.fixture
def impatient(server: MisbehavingKubo) -> Iterator[KuboStore]:
    with KuboStore(server.api, timeout_s=IMPATIENT_S, batch_timeout_s=2 * IMPATIENT_S) as store:
        yield store


def _batch() -> Batch:
    batch = Batch()
    for number in range(4):
        batch.add(f"document {number}".encode() * 20)
    return batch


BATCH = _batch()
ROOT, BLOCKS = BATCH.root(), list(BATCH.blocks())
BLOCK = BLOCKS[0]
OTHER = cid_of_raw(b"other")


def _hang(call: Call) -> None:
    time.sleep(2)


def _drip(call: Call) -> None:
    call.send_chunked(*[b"x"] * 20, pause_s=0.05)


def _reset(call: Call) -> None:
    call.connection.shutdown(socket.SHUT_RDWR)
    call.close_connection = True


def _rubbish(call: Call) -> None:
    call.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n")
    call.close_connection = True


def _cut(call: Call) -> None:
    call.send(BLOCK.data[:-5], Content_Length=str(len(BLOCK.data)))
    call.close_connection = True


def _compressed(call: Call) -> None:
    call.send(gzip.compress(BLOCK.data), Content_Encoding="gzip")


def _status(status: int, body: bytes = b"words") -> Answer:
    return lambda call: call.send(body, status, Location="http://127.0.0.1:1/")


def _fail(message: str) -> Answer:
    return lambda call: call.fail(message)


def _sends(body: bytes) -> Answer:
    return lambda call: call.send(body)


def _chunks(*pieces: bytes, trailer: str = "", end: bool = True) -> Answer:
    return lambda call: call.send_chunked(*pieces, trailer=trailer, end=end)


def _json(*values: object) -> Answer:
    return lambda call: call.send_json(*values)


def test_the_double_behaves_when_not_told_otherwise(store: KuboStore, server: MisbehavingKubo) -> None:
    assert BATCH.put(store) == ROOT
    assert [store.get(block.cid) for block in BLOCKS] == [block.data for block in BLOCKS]
    assert list(store.roots()) == [ROOT]
    store.discard(ROOT)
    assert list(store.roots()) == []


def test_every_call_has_a_time_limit_and_the_token(store: KuboStore, server: MisbehavingKubo) -> None:
    BATCH.put(store)
    store.get(BLOCK.cid)
    store.has(BLOCK.cid)
    list(store.roots())
    store.discard(ROOT)
    assert {name for name, _, _ in server.calls} == {
        "dag/import", "dag/export", "pin/ls", "block/get", "block/stat", "pin/rm", "block/rm",
    }  # fmt: skip
    for _, parameters, token in server.calls:
        assert parameters["timeout"][0] in ("10.000s", "20.000s")
        assert token == "Bearer secret"


ANYTHING: list[tuple[str, Answer, type[SourceError]]] = [
    ("connection reset", _reset, UnreachableError),
    ("another protocol", _rubbish, UnreachableError),
    ("chunks cut off", _chunks(b"{", end=False), UnreachableError),
    ("redirect", _status(302), RejectedError),
    ("forbidden", _status(403), RejectedError),
    ("not found", _status(404), RejectedError),
    ("not allowed", _status(405), RejectedError),
    ("server error without JSON", _status(500), RejectedError),
    ("server error, JSON list", _status(500, b"[1]"), RejectedError),
    ("server error, no words", _status(500, b""), RejectedError),
    ("server error, endless", _status(500, b"x" * 1_000_000), RejectedError),
    ("deadline", _fail("context deadline exceeded"), SourceTimeoutError),
    ("disk full", _fail("write /repo/blocks: no space left on device"), RejectedError),
]


@pytest.mark.parametrize("command", ["dag/import", "dag/export", "pin/ls"])
@pytest.mark.parametrize(("why", "answer", "error"), ANYTHING, ids=[case[0] for case in ANYTHING])
def test_put_reports_any_failure(
    store: KuboStore, server: MisbehavingKubo, command: str, why: str, answer: Answer, error: type[SourceError]
) -> None:
    server.instead(command, answer)
    with pytest.raises(error):
        BATCH.put(store)
    server.misbehaviour.clear()
    BATCH.put(store)  # the same client goes on


@pytest.mark.parametrize(("why", "answer", "error"), ANYTHING, ids=[case[0] for case in ANYTHING])
def test_get_has_roots_and_discard_report_any_failure(
    store: KuboStore, server: MisbehavingKubo, why: str, answer: Answer, error: type[SourceError]
) -> None:
    BATCH.put(store)
    for command in ("block/get", "block/stat", "pin/ls", "block/rm"):
        server.instead(command, answer)
    for question in (
        lambda: store.get(BLOCK.cid),
        lambda: store.has(BLOCK.cid),
        lambda: list(store.roots()),
        lambda: store.discard(BLOCK.cid),
    ):
        with pytest.raises(error):
            question()


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        api = f"/ip4/127.0.0.1/tcp/{free.getsockname()[1]}"
    with KuboStore(api) as store, pytest.raises(UnreachableError):
        store.get(BLOCK.cid)


@pytest.mark.parametrize(
    ("why", "answer", "error"),
    [
        ("other bytes", _sends(b"other"), ContentMismatchError),
        ("nothing", _sends(b""), ContentMismatchError),
        ("short body, status 200", _sends(BLOCK.data[:-1]), ContentMismatchError),
        ("one byte more", _sends(BLOCK.data + b"\0"), ContentMismatchError),
        ("error in a trailer", _chunks(BLOCK.data[:9], trailer="context canceled"), ContentMismatchError),
        (
            "compressed",
            lambda call: call.send(gzip.compress(BLOCK.data), Content_Encoding="gzip"),
            ContentMismatchError,
        ),
        ("shorter than announced", _cut, UnreachableError),
        ("endless", _chunks(*[bytes(1 << 20)] * 4), TooLargeError),
        ("missing", _fail("block was not found locally (offline): ipld: could not find bafy"), MissingError),
        ("damaged in the node", _fail("block in storage has different hash than requested"), ContentMismatchError),
    ],
)
def test_get_believes_nothing(
    store: KuboStore, server: MisbehavingKubo, why: str, answer: Answer, error: type[Exception]
) -> None:
    server.instead("block/get", answer)
    with pytest.raises(error):
        store.get(BLOCK.cid)


def _imported(root: Cid = ROOT, fault: str = "", count: int = len(BLOCKS)) -> list[object]:
    return [{"Root": {"Cid": {"/": str(root)}, "PinErrorMsg": fault}}, {"Stats": {"BlockCount": count}}]


@pytest.mark.parametrize(
    ("why", "answer", "error"),
    [
        ("pin failed", _json(*_imported(fault="merkledag: not found")), RejectedError),
        ("pin too slow", _json(*_imported(fault="context deadline exceeded")), SourceTimeoutError),
        ("another root", _json(*_imported(root=OTHER)), RejectedError),
        ("two roots", _json(_imported(root=OTHER)[0], *_imported()), RejectedError),
        ("two roots, one not pinned", _json(_imported()[0], *_imported(fault="no")), RejectedError),
        ("no root", _json(_imported()[1]), RejectedError),
        ("no count: cut off before its end", _json(_imported()[0]), RejectedError),
        ("count before root", _json(*_imported()[::-1]), RejectedError),
        ("fewer blocks", _json(*_imported(count=len(BLOCKS) - 1)), RejectedError),
        ("nothing", _sends(b""), RejectedError),
        ("cut off in a line", _sends(json.dumps(_imported()[0]).encode()[:-9]), RejectedError),
        ("no JSON", _sends(b"<html>"), RejectedError),
        ("a list", _json([]), RejectedError),
        ("a name twice", _sends(b'{"Root": {}, "Root": {}}'), RejectedError),
        ("deep", _sends(b"[" * 10_000), RejectedError),
        ("endless", _sends(b" " * 1_000_000), TooLargeError),
        ("root is text", _json({"Root": "x"}, _imported()[1]), RejectedError),
    ],
)
def test_put_believes_no_answer_but_the_expected_one(
    store: KuboStore, server: MisbehavingKubo, why: str, answer: Answer, error: type[SourceError]
) -> None:
    server.instead("dag/import", answer)
    with pytest.raises(error):
        BATCH.put(store)


def _car(root: Cid, blocks: list[Block]) -> bytes:
    return b"".join(write_car(root, blocks))


@pytest.mark.parametrize(
    ("why", "car"),
    [
        ("nothing", b""),
        ("a header alone", encode_header(ROOT)),
        ("another root", _car(OTHER, BLOCKS)),
        ("another batch", _car(OTHER, [Block(OTHER, b"other")])),
        ("one block missing", _car(ROOT, BLOCKS[1:])),
        ("one block twice", _car(ROOT, [BLOCK, *BLOCKS])),
        ("one block more", _car(ROOT, [Block(OTHER, b"other"), *BLOCKS])),
        ("a block changed", _car(ROOT, [Block(BLOCK.cid, BLOCK.data[:-1] + b"!"), *BLOCKS[1:]])),
        ("cut off in a block", _car(ROOT, BLOCKS)[:-7]),
        ("rubbish behind", _car(ROOT, BLOCKS) + b"\x01"),
        ("not a CAR", b"\x1f\x8b" * 500),
    ],
)
def test_put_believes_no_batch_but_the_one_it_sent(
    store: KuboStore, server: MisbehavingKubo, why: str, car: bytes
) -> None:
    server.instead("dag/export", _chunks(*[car] * bool(car), trailer="context canceled"))
    with pytest.raises(RejectedError):
        BATCH.put(store)


@pytest.mark.parametrize(
    "answer", [_json({"Keys": {}}), _json({"Keys": {str(OTHER): {}}}), _json({}), _json({"Keys": None}), _json("x")]
)
def test_put_wants_to_see_the_pin(store: KuboStore, server: MisbehavingKubo, answer: Answer) -> None:
    server.instead("pin/ls", answer)
    with pytest.raises(RejectedError):
        BATCH.put(store)


@pytest.mark.parametrize("answer", [_status(403), _reset, _fail("no space left on device")])
def test_a_refusal_before_the_upload_was_read_is_reported(
    store: KuboStore, server: MisbehavingKubo, answer: Answer
) -> None:
    def early(call: Call) -> None:
        answer(call)
        call.close_connection = True

    server.instead("dag/import", early, early=True)
    with Batch() as large:
        large.add_file([content(20_000_000)])
        with pytest.raises(SourceError):
            large.put(store)


def test_a_node_that_stops_reading_is_timed_out(impatient: KuboStore, server: MisbehavingKubo) -> None:
    server.instead("dag/import", _hang, early=True)
    with Batch() as large:
        large.add_file([content(20_000_000)])
        with pytest.raises(SourceTimeoutError):
            large.put(impatient)


def test_roots_passes_over_pins_that_are_not_ours(store: KuboStore, server: MisbehavingKubo) -> None:
    server.instead("pin/ls", _json({"Keys": {"QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn": {}, str(ROOT): {}}}))
    assert list(store.roots()) == [ROOT]


@pytest.mark.parametrize("answer", [_json({"Keys": []}), _json([]), _sends(b"{"), _sends(b"")])
def test_roots_wants_keys(store: KuboStore, server: MisbehavingKubo, answer: Answer) -> None:
    server.instead("pin/ls", answer)
    with pytest.raises(RejectedError):
        list(store.roots())


def test_has_wants_its_own_answer(store: KuboStore, server: MisbehavingKubo) -> None:
    server.instead("block/stat", _json({"Key": str(OTHER), "Size": 1}))
    assert not store.has(BLOCK.cid)


@pytest.mark.parametrize(
    ("why", "answer"),
    [
        ("a block not removed", _json({"Hash": str(ROOT), "Error": "disk quota exceeded"})),
        ("an answer that stops", _sends(b"")),
        ("another block", _json({"Hash": str(OTHER)})),
    ],
)
def test_discard_reports_what_was_not_removed(
    store: KuboStore, server: MisbehavingKubo, why: str, answer: Answer
) -> None:
    BATCH.put(store)
    server.instead("block/rm", answer)
    with pytest.raises(RejectedError):
        store.discard(ROOT)


def test_discard_goes_on_where_it_was_broken_off(store: KuboStore, server: MisbehavingKubo) -> None:
    BATCH.put(store)
    server.instead("pin/rm", _fail("not pinned or pinned indirectly"))
    store.discard(ROOT)
    removed = [parameters["arg"] for name, parameters, _ in server.calls if name == "block/rm"]
    assert removed[0][-1] == str(ROOT)  # the root last: without it the rest would not be found again
    assert set(removed[0]) == {str(block.cid) for block in BLOCKS}
    server.instead("pin/rm", _fail("disk full"))
    with pytest.raises(RejectedError):
        store.discard(ROOT)


@pytest.mark.parametrize("answer", [_hang, _drip])
@pytest.mark.parametrize("command", ["dag/import", "dag/export"])
def test_put_ends_in_time(impatient: KuboStore, server: MisbehavingKubo, command: str, answer: Answer) -> None:
    server.instead(command, answer)
    started = time.monotonic()
    with pytest.raises(SourceTimeoutError):
        BATCH.put(impatient)
    assert IMPATIENT_S <= time.monotonic() - started < 1.9


@pytest.mark.parametrize("answer", [_hang, _drip])
def test_questions_end_in_time(impatient: KuboStore, server: MisbehavingKubo, answer: Answer) -> None:
    for command in ("block/get", "block/stat", "pin/rm"):
        server.instead(command, answer)
    for question in (impatient.get, impatient.has, impatient.discard):
        with pytest.raises(SourceTimeoutError):
            question(BLOCK.cid)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001/api/v0/"),
        ("/ip4/127.0.0.1/tcp/5001/http", "http://127.0.0.1:5001/api/v0/"),
        ("/ip6/::1/tcp/5001", "http://[::1]:5001/api/v0/"),
        ("/dns/kubo/tcp/443/https", "https://kubo/api/v0/"),
        ("/dns4/kubo.example/tcp/8443/tls/http", "https://kubo.example:8443/api/v0/"),
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001/api/v0/"),
        ("http://127.0.0.1:5001/api/v0\n", "http://127.0.0.1:5001/api/v0/"),
    ],
)
def test_addresses(text: str, url: str) -> None:
    assert parse_api_address(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "", "5001", "127.0.0.1:5001", "/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/5001", "/ip4/127.0.0.1/tcp/123456",
        "/ip4/127.0.0.1/tcp/70000", "/ip4/127.0.0.1/tcp/5001/ws", "/unix/run/kubo.sock", "ftp://127.0.0.1",
        "http://", "http://127.0.0.1:5001/other", "file:///etc/passwd", "http://[::1", "http://a:b", "http://127.0.0.1:70000",
        "/ip4/127.0.0.1/tcp/0",
        "http://user:word@127.0.0.1:5001",
    ],
)  # fmt: skip
def test_other_addresses_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_api_address(text)

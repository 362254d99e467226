"""The Kubo store against a real, private daemon."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ipfs.batch import Batch
from ipfs.car import write_car
from ipfs.cid import Cid, cid_of_raw, parse_cid
from ipfs.kubo import KuboStore
from ipfs.kubo_rpc import KuboRpc, parse_api_address
from ledger.errors import (
    ContentMismatchError,
    MissingError,
    RejectedError,
    SourceError,
    SourceTimeoutError,
    UnreachableError,
)
from tests.ipfs.content import content
from tests.ipfs.kubo_daemon import TOKEN, KuboDaemon

pytestmark = pytest.mark.integration


def _batch(name: str, documents: int = 3) -> Batch:
    batch = Batch()
    for number in range(documents):
        batch.add(f"{name} {number}".encode() * 50)
    return batch


@pytest.fixture
def own_kubo(kubo_program: str, tmp_path: Path) -> Iterator[KuboDaemon]:
    """A daemon that the test may damage."""
    daemon = KuboDaemon(kubo_program, tmp_path / "own")
    daemon.make()
    daemon.start()
    yield daemon
    daemon.stop()


def _addresses(daemon: KuboDaemon) -> list[str]:
    answer = httpx.post(
        parse_api_address(daemon.api) + "id", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False
    )
    return list(answer.json()["Addresses"])


def test_the_daemon_is_private_and_on_loopback_only(kubo: KuboDaemon) -> None:
    assert _addresses(kubo)
    for address in [kubo.api, *_addresses(kubo)]:
        assert address.startswith("/ip4/127.0.0.1/tcp/")
    log = (kubo.repository / "daemon.log").read_text()
    assert "Swarm is limited to private network of peers with the swarm key" in log
    assert kubo.run("swarm", "peers", f"--api={kubo.api}", f"--api-auth=bearer:{TOKEN}") == ""


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_000_000, 30_000_000])
def test_kubo_gives_files_the_same_cid(kubo: KuboDaemon, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(size))
    options = ["--quieter", "--only-hash", f"--api={kubo.api}", f"--api-auth=bearer:{TOKEN}"]
    with Batch() as batch:
        assert batch.add_file([content(size)]) == parse_cid(kubo.run("add", *options, str(path)).strip())


def test_kubo_gives_directories_the_same_cid(kubo: KuboDaemon, tmp_path: Path) -> None:
    with Batch() as batch:
        for number in range(2048):
            name = f"{number}".ljust(64, "n")
            batch.add(str(number).encode(), name)
            (tmp_path / name).write_bytes(str(number).encode())
        options = ["--recursive", "--quieter", "--only-hash", f"--api={kubo.api}", f"--api-auth=bearer:{TOKEN}"]
        assert batch.root() == parse_cid(kubo.run("add", *options, str(tmp_path)).strip())


def test_without_the_token_nothing_works(kubo: KuboDaemon) -> None:
    batch = _batch("no token")
    for token in (None, "wrong"):
        with KuboStore(kubo.api, token) as store:
            for question in (
                lambda store=store: store.get(cid_of_raw(b"")),
                lambda store=store: store.has(cid_of_raw(b"")),
                lambda store=store: list(store.roots()),
                lambda store=store: store.discard(batch.root()),
                lambda store=store: batch.put(store),
            ):
                with pytest.raises(RejectedError, match="token"):
                    question()


def test_what_no_peer_has_ends_in_time(kubo: KuboDaemon) -> None:
    with KuboStore(kubo.api, TOKEN, timeout_s=0.5, ask_peers=True) as store:
        started = time.monotonic()
        with pytest.raises(SourceTimeoutError):
            store.get(cid_of_raw(b"nobody has this"))
        assert time.monotonic() - started < 5


def test_a_car_that_is_not_whole_is_not_pinned_even_by_a_client_that_does_not_look(kubo: KuboDaemon) -> None:
    """What Kubo itself does with a missing block: it waits for it until told to stop. So batches are checked here."""
    batch = _batch("short")
    car = b"".join(write_car(batch.root(), list(batch.blocks())[1:]))
    rpc = KuboRpc(kubo.api, TOKEN)
    started = time.monotonic()
    with rpc.call("dag/import", {"pin-roots": "true"}, 1.0, [car]) as body:
        assert b"context deadline exceeded" in body.read()
    assert time.monotonic() - started >= 0.9
    rpc.close()


def test_unknown_commands_and_gets_are_refused(kubo: KuboDaemon) -> None:
    rpc = KuboRpc(kubo.api, TOKEN)
    with pytest.raises(RejectedError, match="404"), rpc.call("no/such", {}, 5.0):
        pass
    rpc.close()
    url = parse_api_address(kubo.api) + "version"
    assert httpx.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False).status_code == 405


def _block_files(daemon: KuboDaemon, cid: Cid) -> list[Path]:
    """The files of flatfs that hold a block's bytes: found by their content's hash."""
    found = (daemon.repository / "blocks").rglob("*.data")
    return [path for path in found if cid_of_raw(path.read_bytes()).digest == cid.digest]


def test_a_block_damaged_on_disk_is_never_given_out(own_kubo: KuboDaemon) -> None:
    batch = _batch("rot")
    block = next(batch.blocks())
    with KuboStore(own_kubo.api, TOKEN) as store:
        batch.put(store)
        (path,) = _block_files(own_kubo, block.cid)
        path.write_bytes(block.data[:-1] + b"!")
        with pytest.raises(ContentMismatchError):
            store.get(block.cid)
        with pytest.raises(RejectedError):  # and putting it again is not believed either
            batch.put(store)
        path.unlink()
        with pytest.raises(MissingError):
            store.get(block.cid)


def test_a_block_damaged_on_disk_is_never_given_out_when_kubo_does_not_check(own_kubo: KuboDaemon) -> None:
    own_kubo.stop()
    path = own_kubo.repository / "config"
    settings = json.loads(path.read_text())
    settings["Datastore"]["HashOnRead"] = False
    path.write_text(json.dumps(settings))
    own_kubo.start()
    batch = _batch("rot")
    block = next(batch.blocks())
    with KuboStore(own_kubo.api, TOKEN) as store:
        batch.put(store)
        (path,) = _block_files(own_kubo, block.cid)
        path.write_bytes(block.data[:-1] + b"!")
        with pytest.raises(ContentMismatchError):
            store.get(block.cid)
        with pytest.raises(RejectedError):
            batch.put(store)


def test_a_daemon_killed_while_batches_are_put_loses_none_that_was_reported(own_kubo: KuboDaemon) -> None:
    kept: list[Batch] = []
    seen: list[SourceError] = []

    def write() -> None:
        with KuboStore(own_kubo.api, TOKEN, timeout_s=5) as store:
            for number in range(10_000):
                batch = _batch(f"killed {number}", documents=20)
                try:
                    batch.put(store)
                except SourceError as error:
                    seen.append(error)
                    return
                kept.append(batch)

    writer = threading.Thread(target=write)
    writer.start()
    while len(kept) < 10:
        time.sleep(0.01)
    own_kubo.stop(signal.SIGKILL)
    writer.join(30)
    assert isinstance(seen[0], UnreachableError)
    (own_kubo.repository / "repo.lock").unlink(missing_ok=True)
    own_kubo.start()
    with KuboStore(own_kubo.api, TOKEN) as store:
        roots = set(store.roots())
        for batch in kept:
            assert batch.root() in roots
            for block in batch.blocks():
                assert store.get(block.cid) == block.data


def test_a_member_reads_what_another_members_node_has(kubo_program: str, tmp_path: Path) -> None:
    first, second = (KuboDaemon(kubo_program, tmp_path / name) for name in ("first", "second"))
    try:
        for daemon in (first, second):
            daemon.make()
        shutil.copy(first.repository / "swarm.key", second.repository / "swarm.key")
        for daemon in (first, second):
            daemon.start()
        second.run("swarm", "connect", _addresses(first)[0], f"--api={second.api}", f"--api-auth=bearer:{TOKEN}")
        batch = _batch("of another member")
        block = next(batch.blocks())
        with KuboStore(first.api, TOKEN) as store:
            batch.put(store)
        with KuboStore(second.api, TOKEN) as store, pytest.raises(MissingError):
            store.get(block.cid)
        with KuboStore(second.api, TOKEN, ask_peers=True) as store:
            assert store.get(block.cid) == block.data
    finally:
        first.stop()
        second.stop()


def test_a_daemon_that_went_away_is_unreachable(kubo_program: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with KuboStore(f"/ip4/127.0.0.1/tcp/{port}") as store, pytest.raises(UnreachableError):
        store.has(cid_of_raw(b""))

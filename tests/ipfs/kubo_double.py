"""A loopback server that answers as a Kubo daemon would, except where a test tells it to misbehave."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ipfs.car import parse_car, write_car
from ipfs.cid import Block, Cid, parse_cid

Answer = Callable[["Call"], None]


class Call(BaseHTTPRequestHandler):
    """One request; tests answer it through the methods below."""

    server: MisbehavingKubo
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def do_POST(self) -> None:
        parts = urlsplit(self.path)
        self.command_name = parts.path.removeprefix("/api/v0/")
        self.parameters = parse_qs(parts.query)
        self.server.calls.append((self.command_name, self.parameters, self.headers.get("Authorization")))
        misbehave = self.server.misbehaviour.get(self.command_name)
        try:
            if misbehave is None or not misbehave.early:
                self.upload = self._read_upload()
            (misbehave.answer if misbehave else type(self).behave)(self)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def behave(self) -> None:
        name = self.command_name.replace("/", "_")
        getattr(self.server, f"answer_{name}")(self)

    def argument(self) -> Cid:
        return parse_cid(self.parameters["arg"][0])

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, *values: object, status: int = 200) -> None:
        self.send("".join(json.dumps(value) + "\n" for value in values).encode(), status)

    def fail(self, message: str, status: int = 500) -> None:
        self.send_json({"Message": message, "Code": 0, "Type": "error"}, status=status)

    def send_chunked(self, *pieces: bytes, trailer: str = "", pause_s: float = 0, end: bool = True) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Stream-Error")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            time.sleep(pause_s)
        if end:
            self.wfile.write(b"0\r\n" + (f"X-Stream-Error: {trailer}\r\n" if trailer else "").encode() + b"\r\n")
        self.close_connection = True

    def _read_upload(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pieces = []
        while size := int(self.rfile.readline() or b"0", 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)


class Misbehaviour:
    """What to do instead, and whether to do it before the upload was read."""

    def __init__(self, answer: Answer, *, early: bool = False) -> None:
        self.answer, self.early = answer, early


class MisbehavingKubo(ThreadingHTTPServer):
    """Keeps batches in memory."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Call)
        self.misbehaviour: dict[str, Misbehaviour] = {}
        self.calls: list[tuple[str, dict[str, list[str]], str | None]] = []
        self.batches: dict[Cid, list[Block]] = {}

    def handle_error(self, *_: Any) -> None:
        """Broken connections are what the tests are about."""

    @property
    def api(self) -> str:
        return f"/ip4/127.0.0.1/tcp/{self.server_address[1]}"

    def instead(self, command: str, answer: Answer, *, early: bool = False) -> None:
        self.misbehaviour[command] = Misbehaviour(answer, early=early)

    def block(self, cid: Cid) -> bytes | None:
        found = [block.data for blocks in self.batches.values() for block in blocks if block.cid == cid]
        return found[0] if found else None

    def answer_dag_import(self, call: Call) -> None:
        car = call.upload.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--", 1)[0]
        root, blocks = parse_car(io.BytesIO(car), 1 << 40)
        self.batches[root] = list(blocks)
        stats = {"BlockCount": len(self.batches[root]), "BlockBytesCount": 0}
        call.send_json({"Root": {"Cid": {"/": str(root)}, "PinErrorMsg": ""}}, {"Stats": stats})

    def answer_dag_export(self, call: Call) -> None:
        root = call.argument()
        call.send_chunked(*write_car(root, self.batches[root]))

    def answer_pin_ls(self, call: Call) -> None:
        pins = {str(root): {"Type": "recursive"} for root in self.batches}
        call.send_json({"Keys": pins})

    def answer_block_get(self, call: Call) -> None:
        data = self.block(call.argument())
        if data is None:
            call.fail(f"block was not found locally (offline): ipld: could not find {call.argument()}")
        else:
            call.send(data)

    def answer_block_stat(self, call: Call) -> None:
        call.send_json({"Key": str(call.argument()), "Size": 1})

    def answer_pin_rm(self, call: Call) -> None:
        if self.batches.pop(call.argument(), None) is None:
            call.fail("not pinned or pinned indirectly")
        else:
            call.send_json({"Pins": [str(call.argument())]})

    def answer_block_rm(self, call: Call) -> None:
        call.send_json(*({"Hash": cid} for cid in call.parameters["arg"]))


@contextmanager
def misbehaving_kubo() -> Iterator[MisbehavingKubo]:
    server = MisbehavingKubo()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

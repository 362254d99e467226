"""The parts of a run, each by itself: metrics, what was told, health, patience, settings, and its small server."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import ConfigurationError, MalformedError
from ledger.event import AssetType
from light_node.back_off import BackOff
from light_node.run import server as server_module
from light_node.run.changes import after_nothing, changes_of
from light_node.run.exposition import CONTENT_TYPE, METRICS, PREFIX, Metrics
from light_node.run.health import Health, health_of, parse_health
from light_node.run.patience import Patience
from light_node.run.record import Followed, Record, encode_record, parse_record
from light_node.run.server import Page, StatusServer
from light_node.run.settings import load_settings
from light_node.run.succession_settings import Follow, SuccessionSettings
from light_node.run.telling import CHANGES
from light_node.sources.port import Wanted
from light_node.sources.standing import Heard, Standing
from light_node.verdict import Outcome, Verdict
from tests.light_node.exposition_checker import parse_exposition

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "light-node-run.md").read_text("utf-8")
NOW = 1_790_000_000
WANTED = Wanted("pack", AssetType.BATTERY, b"\x01" * 32)
VERIFIED = Followed(WANTED, Outcome.VERIFIED, subject=b"\x01" * 32, events=3, status="original", block=9, time=NOW)
RECORD = Record(NOW, NOW, (9, b"\x02" * 32), {"pack": VERIFIED})


# ---- metrics ------------------------------------------------------------------------------------------------------


def test_metrics_are_in_the_format_from_the_first() -> None:
    samples = parse_exposition(Metrics().text())
    assert samples[f"{PREFIX}rounds_total", ()] == 0
    assert len(samples) == sum(not metric.labels for metric in METRICS.values())


@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a\nb", 'a\\"', "{}", "a,b=c", "ü€🔋", "\\n", '"}\nvinculum_light_forks 7']
)
def test_labels_come_back_as_they_were(name: str) -> None:
    metrics = Metrics()
    metrics.count("source_failures_total", name, "dead")
    metrics.set("asset_events", 12, name)
    samples = parse_exposition(metrics.text())
    assert samples[f"{PREFIX}source_failures_total", (("source", name), ("cause", "dead"))] == 1
    assert samples[f"{PREFIX}asset_events", (("asset", name),)] == 12
    assert samples[f"{PREFIX}forks", ()] == 0


def test_counters_only_rise_and_gauges_are_set() -> None:
    metrics = Metrics()
    with pytest.raises(ValueError, match="count"):
        metrics.count("rounds_total", by=-1)
    with pytest.raises(ValueError, match="count"):
        metrics.count("head_height")
    with pytest.raises(ValueError, match="gauge"):
        metrics.set("rounds_total", 1)
    with pytest.raises(ValueError, match="gauge"):
        metrics.set("asset_events", 1)


def test_every_counter_says_that_it_is_one() -> None:
    assert all((metric.kind == "counter") == name.endswith("_total") for name, metric in METRICS.items())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x 1",
        "# HELP x y\nx 1\n",
        "# HELP x y\n# TYPE x counter\nx 1\n",
        "# HELP x_total y\n# TYPE x_total counter\nx_total -1\n",
        "# HELP x y\n# TYPE x gauge\nx 1\nx 1\n",
        '# HELP x y\n# TYPE x gauge\nx{a="b} 1\n',
        '# HELP x y\n# TYPE x gauge\nx{a="\\q"} 1\n',
        '# HELP x y\n# TYPE x gauge\nx{a="b",a="c"} 1\n',
        "# HELP x y\n# TYPE x gauge\nx  1\n",
        "# HELP x y\n# TYPE x gauge\nx nan\n",
    ],
)
def test_the_checker_is_strict(text: str) -> None:
    with pytest.raises(AssertionError):
        parse_exposition(text)


# ---- what was told ------------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was() -> None:
    followed = replace(RECORD, trust=b"\3" * 32, successor=b"\4" * 32)
    for record in (Record(), RECORD, followed, replace(RECORD, head=None)):
        assert parse_record(encode_record(record)) == record
    odd = Followed(Wanted("x", AssetType.PART, None, "id"), Outcome.UNDETERMINED, "StaleError", "old")
    assert parse_record(encode_record(Record(assets={"x": odd}))).assets["x"] == odd


def test_each_bit_of_a_record_matters_or_is_refused() -> None:
    data = encode_record(RECORD)
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        try:
            assert parse_record(bytes(changed)) != RECORD
        except MalformedError:
            continue


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 1000, encode_record(RECORD)[:-1], b"null"])
def test_a_damaged_record_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_record(data)


def test_a_record_of_an_earlier_version_is_read() -> None:
    value = json.loads(encode_record(RECORD))
    for name in ("trust", "successor"):
        del value[name]
    assert parse_record(json.dumps(value).encode()) == RECORD


@pytest.mark.parametrize("value", ["", "0x", "0x" + "3" * 62, 7, ["0x" + "3" * 64], True])
def test_a_fingerprint_that_is_none_is_refused(value: object) -> None:
    for name in ("trust", "successor"):
        with pytest.raises(MalformedError):
            parse_record(json.dumps(json.loads(encode_record(RECORD)) | {name: value}).encode())


# ---- what changes -------------------------------------------------------------------------------------------------


def heard(standing: Standing, outcome: Outcome | None = None, error: str = "HistoryError") -> Heard:
    verdict = None if outcome is None else Verdict(outcome, "", error=error, reason=f"{outcome}!")
    return Heard("it", standing, f"{standing}!", verdict)


def after(before: Followed | None, *answers: Heard, age: int = 10) -> tuple[Outcome, str | None, str]:
    one = after_nothing(WANTED, before, answers, NOW + age, 100)
    return one.outcome, one.error, one.reason


LIAR, DEAD = heard(Standing.LYING, Outcome.REFUTED), heard(Standing.DEAD)


def test_liars_do_not_take_back_what_was_verified() -> None:
    assert after(VERIFIED, LIAR)[0] is Outcome.VERIFIED
    assert after(VERIFIED, DEAD, LIAR)[0] is Outcome.VERIFIED


def test_what_is_too_old_is_undetermined_whoever_lies() -> None:
    assert after(VERIFIED, DEAD, LIAR, age=101)[:2] == (Outcome.UNDETERMINED, "StaleError")
    assert after(VERIFIED, age=101)[:2] == (Outcome.UNDETERMINED, "StaleError")


def test_an_asset_is_refuted_only_where_every_source_says_so() -> None:
    assert after(None, LIAR, LIAR)[0] is Outcome.REFUTED
    for others in ((DEAD,), (heard(Standing.STALE, Outcome.UNDETERMINED, "StaleError"),)):
        assert after(None, LIAR, *others)[0] is Outcome.UNDETERMINED
        assert after(None, *others, LIAR)[0] is Outcome.UNDETERMINED


def test_what_was_verified_and_not_accepted_is_no_verdict() -> None:
    verified = heard(Standing.VERIFIED, Outcome.VERIFIED)
    for answers in ((verified,), (verified, verified), (verified, LIAR), (LIAR, verified)):
        assert after(None, *answers)[0] is Outcome.UNDETERMINED


def test_silence_is_undetermined() -> None:
    assert after(None) == (Outcome.UNDETERMINED, "SourceError", "no source gave evidence")
    assert after(None, DEAD) == (Outcome.UNDETERMINED, "SourceError", "dead!")


def test_nothing_new_is_not_told() -> None:
    assert list(changes_of(VERIFIED, VERIFIED, None)) == []
    lost = replace(VERIFIED, outcome=Outcome.UNDETERMINED, error="StaleError")
    assert [line["change"] for line in changes_of(VERIFIED, lost, None)] == ["verdict"]


# ---- health -------------------------------------------------------------------------------------------------------


def health(record: Record = RECORD, *, names: tuple[str, ...] = ("pack",), forks: int = 0, now: int = NOW + 5) -> int:
    found = health_of(record, names, forks, now, 60.0)
    assert bool(found.reasons) == bool(found.exit_code)
    return found.exit_code


def test_health_says_what_is() -> None:
    assert health() == 0
    assert health(forks=1) == 1
    assert health(replace(RECORD, assets={"pack": replace(VERIFIED, outcome=Outcome.REFUTED)})) == 1


@pytest.mark.parametrize(
    "record",
    [
        Record(),
        replace(RECORD, round_at=NOW - 100),
        replace(RECORD, success_at=NOW - 100),
        replace(RECORD, round_at=NOW + 100),
        replace(RECORD, assets={}),
        replace(RECORD, assets={"pack": replace(VERIFIED, outcome=Outcome.UNDETERMINED, reason="?")}),
        replace(RECORD, assets={"pack": replace(VERIFIED, outcome=Outcome.MALFORMED, reason="?")}),
    ],
)
def test_what_is_not_known_to_be_well_is_undetermined(record: Record) -> None:
    assert health(record) == 3


def test_an_asset_that_was_never_asked_for_is_not_well() -> None:
    assert health(names=("pack", "other")) == 3


def test_a_successor_that_can_be_taken_is_a_notice_and_no_illness() -> None:
    found = health_of(replace(RECORD, successor=b"\4" * 32), ("pack",), 0, NOW + 5, 60.0)
    assert (found.exit_code, found.reasons) == (0, ())
    assert "0404 0404" in found.notices[0]
    assert health_of(replace(RECORD, successor=b"\4" * 32), ("pack",), 1, NOW + 5, 60.0).exit_code == 1


def test_health_comes_back_as_it_was() -> None:
    for one in (Health(0), Health(1, ("a",)), Health(3, ("a", "b")), Health(0, (), ("c",))):
        assert parse_health(json.dumps(one.value()).encode()) == one


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b'{"exit_code":2,"reasons":[]}', b'{"exit_code":0}', b'{"exit_code":true,"reasons":[]}']
    + [b'{"exit_code":0,"reasons":[],"notices":%b}' % one for one in (b"0", b'"x"', b"{}", b"[%b0]" % (b"0," * 20))],
)
def test_answers_of_somebody_else_are_no_health(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_health(data)


# ---- patience -----------------------------------------------------------------------------------------------------


def test_who_fails_is_left_alone_longer_and_longer_and_never_for_ever() -> None:
    now = [0.0]
    patience = Patience(BackOff(lambda: 1.0, 10.0, 60.0), lambda: now[0])
    waits = []
    for _ in range(6):
        patience.failed("it")
        began = now[0]
        while not patience.may_ask("it"):
            now[0] += 1
        waits.append(now[0] - began)
    assert waits == [10, 20, 40, 60, 60, 60]
    patience.failed("it")
    assert not patience.may_ask("other", "it")
    assert patience.may_ask("other")
    patience.succeeded("it")
    assert patience.may_ask("it")


# ---- settings -----------------------------------------------------------------------------------------------------

ASSETS = '[[assets]]\nname = "pack"\ntype = "battery"\nsubject = "' + "01" * 32 + '"\n'
SOURCES = '[[sources]]\nname = "own"\nkind = "rpc"\nurl = "http://127.0.0.1:8545"\n'


def loaded(folder: Path, text: str) -> Any:
    path = folder / "light.toml"
    path.write_text(text)
    return load_settings(path)


def test_settings_are_read(tmp_path: Path) -> None:
    text = f"""
        home = "node"
        interval_s = 5
        listen = "[::1]:9464"
        {ASSETS}
        [[assets]]
        name = "car"
        type = "vehicle"
        identifier = "1m8gdm9axkp042788"
        {SOURCES}
        [[sources]]
        name = "files"
        kind = "file"
        path = "evidence"
        [[witnesses]]
        name = "workshop"
        url = "http://127.0.0.1:8750"
    """
    settings = loaded(tmp_path, text)
    assert settings.home == tmp_path / "node"
    assert settings.listen == ("::1", 9464)
    assert [one.identifier for one in settings.assets] == [None, "1M8GDM9AXKP042788"]
    assert settings.sources[1].place == str(tmp_path / "evidence")
    assert settings.interval_s == 5.0
    assert settings.healthy_s == 75.0
    assert settings.successions == SuccessionSettings(Follow.REPORT, 3600.0)


def test_the_settings_of_the_page_are_read(tmp_path: Path) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    settings = loaded(tmp_path, block)
    assert [one.kind for one in settings.sources] == ["rpc", "http", "file"]
    assert len(settings.witnesses) == 2


def test_the_page_names_every_metric_and_every_standing() -> None:
    for name in METRICS:
        assert f"`{name}" in PAGE
    for standing in Standing:
        assert f"| `{standing}` |" in PAGE
    for change in CHANGES:
        assert f"| `{change}` |" in PAGE


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (DOCS / link).exists()


BAD_SETTINGS = {
    "no TOML": "= 1",
    "nothing": "",
    "no asset": SOURCES,
    "no source": ASSETS,
    "an unknown name": f"interval = 5\n{ASSETS}{SOURCES}",
    "an unknown name of an asset": f'{ASSETS}owner = "me"\n{SOURCES}',
    "an unknown name of a source": f'{ASSETS}{SOURCES}path = "x"\n',
    "another kind of source": ASSETS + SOURCES.replace("rpc", "carrier pigeon"),
    "another type of asset": ASSETS.replace("battery", "boat") + SOURCES,
    "a short subject": ASSETS.replace("0101", "01") + SOURCES,
    "a subject of letters": ASSETS.replace("0101", "zz01") + SOURCES,
    "neither subject nor identifier": f'[[assets]]\nname = "pack"\ntype = "battery"\n{SOURCES}',
    "an identifier that is none": f'[[assets]]\nname = "x"\ntype = "vehicle"\nidentifier = "x"\n{SOURCES}',
    "one name twice": ASSETS + ASSETS + SOURCES,
    "a name that is a path": ASSETS.replace("pack", "../pack") + SOURCES,
    "a name that is too long": ASSETS.replace("pack", "p" * 65) + SOURCES,
    "a name with a line break": ASSETS.replace('"pack"', '"a\\nb"') + SOURCES,
    "no time": f"interval_s = 0\n{ASSETS}{SOURCES}",
    "a time that is true": f"interval_s = true\n{ASSETS}{SOURCES}",
    "a time without end": f"interval_s = inf\n{ASSETS}{SOURCES}",
    "a time that is none": f"interval_s = nan\n{ASSETS}{SOURCES}",
    "an address without port": f'listen = "127.0.0.1"\n{ASSETS}{SOURCES}',
    "a port beyond": f'listen = "127.0.0.1:65536"\n{ASSETS}{SOURCES}',
    "an answer of no size": f"answer_bytes = 0\n{ASSETS}{SOURCES}",
    "an answer beyond evidence": f"answer_bytes = 40000000\n{ASSETS}{SOURCES}",
    "less than nothing remembered": f"remembered_characters = -1\n{ASSETS}{SOURCES}",
    "half a character remembered": f"remembered_characters = 0.5\n{ASSETS}{SOURCES}",
    "more remembered than any machine holds": f"remembered_characters = 2000000000\n{ASSETS}{SOURCES}",
    "a negative block": f"{ASSETS}{SOURCES}first_block = -1\n",
    "a source and a witness of one name": f'{ASSETS}{SOURCES}[[witnesses]]\nname = "own"\nurl = "http://h"\n',
    "one witness twice": f'{ASSETS}{SOURCES}[[witnesses]]\nname = "a"\nurl = "http://h"\n'
    '[[witnesses]]\nname = "b"\nurl = "http://h/"\n',
    "assets that are no list": f"assets = 3\n{SOURCES}",
    "successions that are no table": f"successions = 3\n{ASSETS}{SOURCES}",
    "successions that are a list": f"{ASSETS}{SOURCES}[[successions]]\n",
    "another way to follow": f'{ASSETS}{SOURCES}[successions]\nfollow = "always"\n',
    "a way to follow that is true": f"{ASSETS}{SOURCES}[successions]\nfollow = true\n",
    "an unknown name of successions": f"{ASSETS}{SOURCES}[successions]\nrotate = true\n",
    "successions that nobody is asked for": f'{ASSETS}{SOURCES}[successions]\nfollow = "rotate"\n',
    "successions without a pause": f"{ASSETS}{SOURCES}[successions]\ninterval_s = 0\n",
}


@pytest.mark.parametrize("what", BAD_SETTINGS)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, what: str) -> None:
    with pytest.raises(ConfigurationError, match="light"):
        loaded(tmp_path, BAD_SETTINGS[what])


# ---- the server ---------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[StatusServer]:
    served = StatusServer({"/metrics": lambda: Page(200, CONTENT_TYPE, b"x 1\n")})
    served.start("127.0.0.1", 0)
    yield served
    served.close()


def asked(server: StatusServer, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), 5) as connection:
        connection.settimeout(5)
        connection.sendall(data)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
        return answer


def test_a_page_is_served(server: StatusServer) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=5) as reply:
        assert (reply.status, reply.headers["Content-Type"], reply.read()) == (200, CONTENT_TYPE, b"x 1\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 404),
        (b"GET /metrics/ HTTP/1.1\r\n\r\n", 404),
        (b"GET /../metrics HTTP/1.1\r\n\r\n", 404),
        (b"GET /metrics?x HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\n\r\n", 405),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", 405),
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET /metrics HTTP/2\r\n\r\n", 400),
        (b"\xff\xfe\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
)
def test_other_requests_are_refused(server: StatusServer, request_: bytes, status: int) -> None:
    assert asked(server, request_).startswith(b"HTTP/1.1 %d " % status)


def test_slow_and_too_many_askers_stop_nobody(server: StatusServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "REQUEST_S", 0.5)
    slow = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(server_module.MAX_CONNECTIONS + 4)]
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                if b" 200 " in asked(server, b"GET /metrics HTTP/1.1\r\n\r\n"):
                    return
            except OSError:
                time.sleep(0.05)
        pytest.fail("nobody is answered any more")
    finally:
        for one in slow:
            one.close()


def test_an_address_that_is_taken_is_said(server: StatusServer) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen"):
        StatusServer({}).start("127.0.0.1", server.port)


def test_a_closed_server_leaves_no_thread(server: StatusServer) -> None:
    server.close()
    assert "status" not in {thread.name for thread in threading.enumerate()}

"""A pipe, a device, a socket or a folder in the place of a file: nothing waits, and the exit code says whose fault."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from ipfs import files
from ledger.errors import ConfigurationError, MalformedError, UnreachableError
from ledger.event import AssetType
from light_node.cli.main import main
from light_node.run.settings import load_settings
from light_node.sources.files import FileSource
from light_node.sources.port import Hint, Wanted
from light_node.sources.web import Web
from light_node.state import StateFolder
from tests.light_node.honest_files import write_honest_files
from tests.light_node.waiting import alarm
from tests.simulator.recent import lasting

LOG_KEY = "log+00000000+AQ"
RUN = """
home = "node"
[[assets]]
name = "car"
type = "vehicle"
subject = "{subject}"
[[sources]]
name = "file"
kind = "{kind}"
{place}
"""


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path may have 107 characters
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


MAKERS: Mapping[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "socket": _socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "device without data": lambda path: path.symlink_to("/dev/null"),
}


@pytest.fixture(autouse=True)
def _alarm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A pipe is given up soon."""
    monkeypatch.setattr(files, "PIPE_TIMEOUT_S", 0.2)
    with alarm():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with honest files, a node that pinned one, and one of each that is no file."""
    folder = tmp_path_factory.mktemp("made")
    world = write_honest_files(folder)
    StateFolder(folder / "node").make()
    StateFolder(folder / "node").pin(lasting(world.chain.trust()))
    for name, make in MAKERS.items():
        make(folder / name)
    (folder / "subject").write_text(world.vehicle.subject.hex())
    return folder


@pytest.fixture
def run(made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., int]:
    def run(*words: object) -> int:
        code = main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "error" in json.loads(out)
        return code

    monkeypatch.chdir(made)
    return run


BELIEVED: Mapping[str, Sequence[str]] = {
    "trust file": ("verify", "car.json", "--trust", "BAD"),
    "trust file that is pinned": ("trust", "pin", "BAD", "--fingerprint", "00", "--home", "new"),
    "trust file that is rotated to": ("trust", "rotate", "BAD", "--fingerprint", "00", "--home", "node"),
    "trust file that is shown": ("trust", "show", "BAD"),
    "trust file that is read out": ("trust", "fingerprint", "BAD"),
    "settings of a run": ("run", "--config", "BAD"),
    "settings of a run's health": ("health", "--config", "BAD"),
    "settings of a device": ("attest", "--settings", "BAD", "status"),
    "home": ("state", "--home", "BAD"),
}
JUDGED: Mapping[str, Sequence[str]] = {
    "evidence": ("verify", "BAD", "--trust", "trust.json"),
    "evidence for a node": ("verify", "BAD", "--home", "node"),
    "path": ("verify", "car.json", "--home", "node", "--consistency", "BAD"),
    "proof of a reading": ("reading", "car.json", "BAD", "--trust", "trust.json"),
    "checkpoint": ("grew", "BAD", "BAD", "BAD", "--key", LOG_KEY),
    "another node's head": ("state", "compare", "BAD", "--home", "node"),
    "succession": ("trust", "succession", "BAD", "--home", "node"),
    "succession to rotate by": ("trust", "rotate", "trust.json", "--succession", "BAD", "--home", "node"),
}


def _words(words: Sequence[str], name: str) -> list[str]:
    return [name if word == "BAD" else word for word in words]


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        (what, kind)
        for what in (*BELIEVED, *JUDGED)
        for kind in MAKERS
        if kind != "pipe" and (what, kind) != ("home", "folder")
    ],
)
def test_what_is_no_file_is_misuse(run: Callable[..., int], what: str, kind: str) -> None:
    assert run(*_words((BELIEVED | JUDGED)[what], kind)) == 2


@pytest.mark.parametrize("what", BELIEVED)
def test_what_is_believed_does_not_come_through_a_pipe(run: Callable[..., int], what: str) -> None:
    assert run(*_words(BELIEVED[what], "pipe")) == 2


@pytest.mark.parametrize("what", JUDGED)
def test_a_pipe_that_nobody_writes_to_is_undetermined(run: Callable[..., int], what: str) -> None:
    assert run(*_words(JUDGED[what], "pipe")) == 3


# ---- the node's own folder -----------------------------------------------------------------------------------------

READERS: Mapping[str, Callable[[StateFolder], object]] = {
    "trust.json": StateFolder.trust,
    "head.json": StateFolder.memory,
    "follow.json": StateFolder.followed,
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_file_in_the_folder_is_damage(made: Path, tmp_path: Path, name: str, kind: str) -> None:
    state = StateFolder(tmp_path / "node")
    state.make()
    MAKERS[kind](state.folder / name)
    with pytest.raises(MalformedError, match="not a regular file"):
        READERS[name](state)


@pytest.mark.parametrize("name", ["trust.json", "head.json", "lineage.json"])
def test_damage_ends_a_verification_with_the_code_of_what_is_malformed(
    made: Path, tmp_path: Path, run: Callable[..., int], name: str
) -> None:
    state = StateFolder(tmp_path / "node")
    state.make()
    state.pin(StateFolder(made / "node").trust())
    (state.folder / name).unlink(missing_ok=True)
    os.mkfifo(state.folder / name)
    words = ("trust", "succession", "car.json") if name == "lineage.json" else ("verify", "car.json")
    assert run(*words, "--home", state.folder) == 2


@pytest.mark.parametrize(
    "words", [("state",), ("verify", "car.json"), ("trust", "show"), ("anchor", "--source", "http://127.0.0.1:9")]
)
@pytest.mark.parametrize("home", ["car.json", "car.json/node", "pipe"])
def test_a_home_that_is_a_file_is_misuse(run: Callable[..., int], words: Sequence[str], home: str) -> None:
    assert run(*words, "--home", home) == 2


@pytest.mark.parametrize("home", ["car.json", "car.json/node", "pipe"])
def test_nothing_is_pinned_in_a_home_that_is_a_file(made: Path, run: Callable[..., int], home: str) -> None:
    fingerprint = StateFolder(made / "node").trust().fingerprint()
    assert run("trust", "pin", "trust.json", "--fingerprint", fingerprint, "--home", home) == 2


# ---- what settings name --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in MAKERS if kind != "folder"])
def test_a_source_that_is_no_file_is_named_and_others_go_on(made: Path, kind: str) -> None:
    wanted = Wanted("car", AssetType.VEHICLE, bytes(32), None)
    with pytest.raises(UnreachableError, match="not a regular file"):
        FileSource("one", made / kind).fetch(wanted, Hint(0, None))


@pytest.mark.parametrize("kind", MAKERS)
def test_authorities_that_are_no_file_are_misuse(made: Path, kind: str) -> None:
    with pytest.raises(ConfigurationError, match="not a regular file"):
        Web(authorities=made / kind).server("https://127.0.0.1:9")


@pytest.mark.parametrize("kind", MAKERS)
def test_rotations_that_are_no_files_are_misuse(made: Path, tmp_path: Path, kind: str) -> None:
    from light_node.run.settings import open_sources  # noqa: PLC0415

    place = f'url = "http://127.0.0.1:9"\nrotations = ["{made / kind}"]'
    text = RUN.format(subject=(made / "subject").read_text(), kind="rpc", place=place)
    (tmp_path / "light.toml").write_text(text)
    with pytest.raises(ConfigurationError, match="not a regular file"):
        open_sources(load_settings(tmp_path / "light.toml"), StateFolder(made / "node").trust())

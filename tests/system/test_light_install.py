"""The built wheel in an empty environment: nothing beside the base dependencies, and the light node does its work."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ledger.demo import tampering
from ledger.proof.evidence import Evidence, OpenEntry, encode_evidence
from light_node.trust import Trust, encode_trust
from tests.architecture import test_wheel
from tests.simulator.chain import Asset
from tests.simulator.recent import lasting, recent
from tests.simulator.sealed import SealedSimulator
from tests.simulator.witnesses import WITNESSES
from tests.simulator.world import World, make_world

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("light-install")]

built_wheel = test_wheel.wheel
ASSETS = ("battery", "vehicle", "part")
BROUGHT = {"vinculum", "cryptography", "coincurve", "safe-pysha3", "pycryptodome"}
THEIR_NEEDS = {"cffi", "pycparser"}
OF_THE_ENVIRONMENT = {"pip", "setuptools"}
CHAIN_AND_INDEX = ("web3", "eth_account", "sqlmodel", "sqlalchemy", "alembic", "psycopg")
SERVERS_AND_SHELLS = ("fastapi", "uvicorn", "pydantic", "httpx", "h11", "typer", "rich")
EXTRAS = ("can", "cantools", "pkcs11")
NETWORK = ("ssl", "socket", "http.client", "urllib.request", "email", "asyncio", "sqlite3")
TOOLS = ("ast", "dis", "tokenize")
"""What a class without a docstring brings in, by ``dataclasses`` and ``inspect``: see ``light_node.cli.lean``."""


@dataclass(frozen=True)
class Installed:
    """An environment of its own, and an empty folder to work in."""

    programs: Path
    folder: Path

    def run(self, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a program of the environment, with nothing of the caller's environment."""
        command = [str(self.programs / words[0]), *words[1:]]
        return subprocess.run(
            command,
            cwd=self.folder,
            env={"LC_ALL": "C.UTF-8"},
            input=given,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def python(self, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return self.run("python", "-I", *words, given=given)

    def verdict(self, *words: str) -> tuple[int, dict[str, object]]:
        """Exit code and verdict of ``vinculum-light verify``."""
        done = self.run("vinculum-light", "verify", *words, "--json")
        assert b"Traceback" not in done.stderr
        value: dict[str, object] = json.loads(done.stdout)
        assert value["exit_code"] == done.returncode
        return done.returncode, value


def _pip(programs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(programs / "python"), "-m", "pip", *words, "--disable-pip-version-check", "--no-input"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def installed(built_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel with what it asks for, and no extra."""
    environment, folder = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("gateway")
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, capture_output=True, timeout=120)
    programs = environment / "bin"
    probe = _pip(programs, "download", "--no-deps", "--dest", str(environment), "pycparser")
    if probe.returncode:
        last = (probe.stderr or probe.stdout).strip().splitlines()[-1:]
        pytest.skip(f"pip cannot download here, so nothing can be installed: {' '.join(last)}")
    done = _pip(programs, "install", str(built_wheel))
    assert done.returncode == 0, done.stderr
    return Installed(programs, folder)


@pytest.fixture(scope="module")
def world(installed: Installed) -> World:
    """A battery, a car and a part, whose files lie beside the trust file and nothing else."""
    made = make_world(recent())
    for name in ASSETS:
        _put(installed, f"{name}.json", made.chain.evidence(getattr(made, name)))
    _put_trust(installed, "trust.json", made.chain.trust())
    return made


def _put(installed: Installed, name: str, evidence: Evidence | bytes) -> str:
    data = evidence if isinstance(evidence, bytes) else encode_evidence(evidence)
    (installed.folder / name).write_bytes(data)
    return name


def _put_trust(installed: Installed, name: str, trust: Trust) -> str:
    (installed.folder / name).write_bytes(encode_trust(lasting(trust)))
    return name


# ---- what is installed -------------------------------------------------------------------------------------------


def test_nothing_is_installed_but_the_few_that_it_needs(installed: Installed) -> None:
    listed = json.loads(_pip(installed.programs, "list", "--format=json").stdout)
    names = {one["name"].lower().replace("_", "-") for one in listed} - OF_THE_ENVIRONMENT
    assert names <= BROUGHT | THEIR_NEEDS
    assert len(names & BROUGHT) == 4
    assert _pip(installed.programs, "check").returncode == 0


@pytest.mark.parametrize("module", CHAIN_AND_INDEX + SERVERS_AND_SHELLS + EXTRAS)
def test_no_server_part_can_be_imported_there(installed: Installed, module: str) -> None:
    done = installed.python("-c", f"import {module}")
    assert b"ModuleNotFoundError" in done.stderr


def test_every_module_of_the_light_node_can_be_imported_there(installed: Installed) -> None:
    """But for those that an extra brings, which say so by the name of what is missing."""
    probe = (
        "import importlib, pkgutil, light_node\n"
        "for one in pkgutil.walk_packages(light_node.__path__, 'light_node.'):\n"
        "    if one.name.endswith('__main__'): continue\n"
        "    try: importlib.import_module(one.name)\n"
        "    except ModuleNotFoundError as error: print(error.name, one.name)\n"
    )
    done = installed.python("-c", probe)
    assert done.returncode == 0, done.stderr
    missing = dict(line.split()[::-1] for line in done.stdout.decode().splitlines())
    assert missing == {"light_node.edge.can_signals": "cantools", "light_node.edge.pkcs11_key": "pkcs11"}


# ---- what it does there ------------------------------------------------------------------------------------------


def test_help_is_shown(installed: Installed) -> None:
    done = installed.run("vinculum-light", "--help")
    assert done.returncode == 0
    assert b"verify" in done.stdout


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_is_verified_by_its_file_and_the_trust_file(installed: Installed, world: World, name: str) -> None:
    code, verdict = installed.verdict(f"{name}.json", "--trust", "trust.json")
    assert (code, verdict["outcome"]) == (0, "verified"), verdict["reason"]
    asset: Asset = getattr(world, name)
    account = verdict["account"]
    assert isinstance(account, dict)
    assert account["identifier"] == asset.reference.identifier
    assert len(account["events"]) == len(asset.history)


def test_an_asset_is_verified_by_the_seals_of_validators(installed: Installed) -> None:
    chain = SealedSimulator()
    made = make_world(recent(chain))
    chain.mine()
    _put(installed, "sealed.json", chain.sealed_evidence(made.vehicle))
    _put_trust(installed, "validators.json", chain.trust())
    code, verdict = installed.verdict("sealed.json", "--trust", "validators.json")
    assert (code, verdict["outcome"]) == (0, "verified"), verdict["reason"]


def test_a_node_pins_verifies_and_remembers(installed: Installed, world: World) -> None:
    fingerprint = lasting(world.chain.trust()).fingerprint()
    pin = ("vinculum-light", "trust", "pin", "trust.json", "--home", "node")
    assert installed.run(*pin, "--fingerprint", "00").returncode == 3
    assert installed.run(*pin, "--fingerprint", fingerprint).returncode == 0
    assert installed.run("vinculum-light", "verify", "part.json", "--home", "node").returncode == 0
    state = installed.run("vinculum-light", "state", "--home", "node", "--json")
    assert json.loads(state.stdout)["head"]["number"] == len(world.chain.blocks) - 1


def _fold(world: World) -> Evidence:
    return tampering.leave_out(world.chain.evidence(world.vehicle), 9)


def _swapped(world: World) -> Evidence:
    return tampering.swap(world.chain.evidence(world.vehicle), 4)


def _turned_back(world: World) -> Evidence:
    evidence = world.chain.evidence(world.vehicle)
    entry = evidence.history[7]
    assert isinstance(entry, OpenEntry)
    assert entry.credential is not None
    return tampering.show(evidence, 8, tampering.change_field(entry.credential, "odometer_km", lambda _: 9_000))


def _cut_off(world: World) -> bytes:
    return world.chain.file(world.vehicle)[:-1]


def _other_version(world: World) -> bytes:
    return world.chain.file(world.vehicle).replace(b'"version":1', b'"version":9', 1)


def _other_chain(world: World) -> Evidence:
    return replace(world.chain.evidence(world.vehicle), chain_id=1)


def _one_witness(world: World) -> Evidence:
    evidence = world.chain.evidence(world.vehicle)
    return replace(evidence, finality=world.chain.finality(world.chain.blocks[-1], WITNESSES[:1]))


def _nameless(world: World) -> Evidence:
    return world.chain.evidence(world.vehicle, withheld=[1])


TAMPERED: Mapping[str, tuple[Callable[[World], Evidence | bytes], int, str, str]] = {
    "an event left out": (_fold, 1, "fold", "HistoryError"),
    "two events swapped": (_swapped, 1, "fold", "HistoryError"),
    "an odometer turned back": (_turned_back, 1, "disclosures", "ContentMismatchError"),
    "the last byte cut off": (_cut_off, 2, "parse", "MalformedError"),
    "another version": (_other_version, 2, "parse", "MalformedError"),
    "another chain": (_other_chain, 3, "identity", "UntrustedError"),
    "one witness of two": (_one_witness, 3, "finality", "QuorumError"),
    "no name shown": (_nameless, 3, "identity", "IdentityError"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_tampered_copy_is_refused_there_for_its_own_reason(installed: Installed, world: World, what: str) -> None:
    make, expected, step, error = TAMPERED[what]
    name = _put(installed, "tampered.json", make(world))
    code, verdict = installed.verdict(name, "--trust", "trust.json")
    assert (code, verdict["step_name"], verdict["error"]) == (expected, step, error), verdict["reason"]


def test_without_a_trust_file_nothing_is_believed(installed: Installed, world: World) -> None:
    done = installed.run("vinculum-light", "verify", "part.json", "--trust", "nowhere.json")
    assert (done.returncode, done.stdout) == (2, b"")


def test_the_file_of_one_is_no_trust_file(installed: Installed, world: World) -> None:
    done = installed.run("vinculum-light", "verify", "part.json", "--trust", "part.json")
    assert (done.returncode, done.stdout) == (2, b"")


def test_vectors_of_others_are_answered_there(installed: Installed) -> None:
    asked: Sequence[bytes] = (
        b'{"id":1,"op":"rlp_decode","hex":"c20180"}',
        b'{"id":2,"op":"cid","hex":""}',
        b'{"id":3,"op":"rlp_decode","hex":"b90400"}',
        b"nonsense",
    )
    done = installed.python("-m", "light_node.conformance", given=b"\n".join(asked) + b"\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["id"] for one in answers] == [1, 2, 3, None]
    assert answers[0]["ok"] == ["01", ""]
    assert {one["error"] for one in answers[2:]} == {"MalformedError"}


def test_the_edge_makes_a_key_there(installed: Installed) -> None:
    done = installed.python("-m", "light_node.edge", "--help")
    assert done.returncode == 0, done.stderr
    assert b"take" in done.stdout


def test_a_verification_loads_nothing_of_networks_databases_and_tools(installed: Installed, world: World) -> None:
    probe = (
        "import sys, light_node.cli.main as node\n"
        "code = node.main(['verify', 'part.json', '--trust', 'trust.json'])\n"
        f"sys.exit(code or ','.join(set(sys.modules) & { {*NETWORK, *TOOLS}!r}) or None)\n"
    )
    done = installed.python("-c", probe)
    assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_is_written_by_who_only_judges(installed: Installed, world: World) -> None:
    before = sorted(installed.folder.iterdir())
    installed.verdict("part.json", "--trust", "trust.json")
    assert sorted(installed.folder.iterdir()) == before

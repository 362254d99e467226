"""`vinculum-light run` over the embedded chain: evidence built from a node that nobody believes, and a witness."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.service.witness import latest_checkpoint
from light_node.cli.main import main
from light_node.state import StateFolder
from tests.light_node.sources.servers import served
from tests.system.house import READING, SERVICED, House, Life

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("house")]


class Reader:
    """Somebody with the trust file, an asset's subject, and URLs."""

    def __init__(self, house: House, life: Life, folder: Path, witness: str, out: Callable[[], str]) -> None:
        self.house, self.life, self.folder, self.witness, self._out = house, life, folder, witness, out
        state = StateFolder(folder / "node")
        state.make()
        state.pin(house.trust)
        self.nodes = {"node": house.workspace.client.rpc.url}

    def run(self) -> tuple[int, list[dict[str, Any]]]:
        """One round, after witnesses signed what is on chain by now."""
        workspace = self.house.workspace
        workspace.projector.sync()
        latest_checkpoint(workspace, workspace.reader().history(self.life.asset)[-1].block_number)
        asset = self.life.asset
        lines = ['home = "node"', "[[assets]]", 'name = "car"', f'type = "{asset.asset_type}"']
        lines += [f'subject = "{asset.subject.hex()}"', "[[witnesses]]", 'name = "witness"', f'url = "{self.witness}"']
        for name, url in self.nodes.items():
            lines += ["[[sources]]", f'name = "{name}"', 'kind = "rpc"', f'url = "{url}"']
        (self.folder / "light.toml").write_text("\n".join(lines))
        code = main(["run", "--once", "--config", str(self.folder / "light.toml")])
        return code, [json.loads(line) for line in self._out().splitlines()]


@pytest.fixture
def life(house: House) -> Life:
    made = house.register(house.party("car-maker"))
    house.tell(made, house.party("workshop"), READING, {"odometer_km": 10})
    return made


@pytest.fixture
def reader(house: House, life: Life, tmp_path: Path, witness: str, capsys: pytest.CaptureFixture[str]) -> Reader:
    return Reader(house, life, tmp_path, witness, lambda: capsys.readouterr().out)


def kinds(lines: list[dict[str, Any]]) -> list[str]:
    return [line["kind"] for line in lines if line["change"] == "event"]


def test_what_members_record_is_proven_from_a_node_alone(house: House, life: Life, reader: Reader) -> None:
    code, lines = reader.run()
    assert (code, kinds(lines)) == (0, ["vehicle.built", READING]), lines
    house.tell(life, house.party("workshop"), SERVICED, {"odometer_km": 20, "work": ["oil"]})
    code, lines = reader.run()
    assert (code, kinds(lines)) == (0, [SERVICED]), lines
    assert reader.run()[0] == 0


def test_a_node_that_leaves_an_event_out_is_named_and_the_honest_one_goes_on(reader: Reader) -> None:
    honest = reader.nodes["node"]

    def forget(_: str, __: str, body: bytes) -> tuple[int, bytes]:
        answer = httpx.post(honest, content=body, headers={"content-type": "application/json"}).json()
        if json.loads(body)["method"] == "eth_getLogs":
            answer["result"] = answer["result"][:-1]
        return 200, json.dumps(answer).encode()

    with served(forget) as lying:
        reader.nodes = {"liar": lying}
        code, lines = reader.run()
        assert (code, kinds(lines)) == (1, []), lines
        reader.nodes = {"liar": lying, "node": honest}
        code, lines = reader.run()
    assert (code, kinds(lines)) == (0, ["vehicle.built", READING]), lines
    assert [line["to"] for line in lines if line["change"] == "source"] == ["lying"]

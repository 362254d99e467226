"""The device's key in hardware: a real PKCS#11 library, SoftHSM2, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest
from pkcs11.util.ec import encode_named_curve_parameters

from ledger.credential.jose import Algorithm, verify_signature
from ledger.errors import ConfigurationError
from light_node.edge.attester import Attester
from light_node.edge.batch import BatchLimits
from light_node.edge.pkcs11_key import HardwareKey, HardwareSigner, make_key
from light_node.edge.queue import Queue
from tests.light_node.edge.making import ASSET, NOW_US, SECOND, reading

LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
)
PIN = "7351"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HardwareKey]:
    """A token with a key pair, of this test alone."""
    library = next((path for path in LIBRARIES if Path(path).exists()), None)
    util = shutil.which("softhsm2-util")
    if library is None or util is None:
        pytest.skip("SoftHSM2 is not installed (Debian: apt-get install softhsm2): keys in hardware were not tested")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        command = [util, "--init-token", "--free", "--label", "edge", "--pin", PIN, "--so-pin", "so-7351"]
        subprocess.run(command, check=True, capture_output=True, env=dict(os.environ))
        found = HardwareKey(library, "edge", "device", PIN)
        make_key(found)
        yield found


def test_a_key_in_hardware_signs_in_the_one_encoding(place: HardwareKey) -> None:
    with HardwareSigner(place) as signer:
        assert signer.public.algorithm is Algorithm.ES256
        for number in range(20):
            verify_signature(signer.public, bytes((number,)), signer.sign(bytes((number,))))


def test_batches_are_signed_with_it(place: HardwareKey, tmp_path: Path) -> None:
    with HardwareSigner(place) as signer, Queue(tmp_path / "queue.db") as queue:
        device = Attester(queue, signer, batches=BatchLimits(readings=2), clock=lambda: NOW_US + 3600 * SECOND)
        closed = device.take(ASSET, [reading(number) for number in range(4)]).closed
        assert [one.key for one in closed] == [signer.public] * 2


def test_a_key_is_never_made_twice(place: HardwareKey) -> None:
    with pytest.raises(ConfigurationError, match="already"):
        make_key(place)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("pin", "0000", "PinIncorrect"),
        ("key", "nobody", "NoSuchKey"),
        ("token", "elsewhere", "NoSuchToken"),
        ("library", "/nowhere/libsofthsm2.so", "PKCS#11 library"),
    ],
)
def test_what_is_not_there_or_not_right_is_said(place: HardwareKey, name: str, value: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        HardwareSigner(replace(place, **{name: value}))
    assert PIN not in str(caught.value)


def test_the_pin_stands_in_no_text(place: HardwareKey) -> None:
    assert PIN not in repr(place)


def test_a_key_on_another_curve_is_refused(place: HardwareKey) -> None:
    with pkcs11.lib(place.library).get_token(token_label="edge").open(rw=True, user_pin=PIN) as session:
        curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp384r1")}
        session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True).generate_keypair(
            store=True, label="p384"
        )
    with pytest.raises(ConfigurationError, match="P-256"):
        HardwareSigner(replace(place, key="p384"))

"""CAN: logs of candump and a live bus, decoded by a DBC; what cannot be decoded is a reading without a value."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import can
import pytest

from ledger.errors import MalformedError, UnreachableError
from light_node.edge.attester import Acknowledgement, Attester
from light_node.edge.batch import BatchLimits
from light_node.edge.can_frames import CandumpLog, Frame, LiveBus, parse_candump
from light_node.edge.can_signals import CanReadings, parse_signals
from light_node.edge.keys import FileSigner
from light_node.edge.queue import Queue
from light_node.edge.reading import Reading
from light_node.edge.source import Item, Pace, Run
from tests.light_node.edge.bus import DBC, SIGNALS, drive, line, odometer, status
from tests.light_node.edge.making import ASSET, KEY, NOW_US, OTHER_ASSET, SECOND, held

ASSETS = {"pack": ASSET, "car": OTHER_ASSET}
DECODER = parse_signals(DBC, SIGNALS)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "drive.log"


def readings_of(path: Path, content: bytes) -> list[Item]:
    path.write_bytes(content)
    with CandumpLog(path) as frames:
        source, items = CanReadings(frames, DECODER), list[Item]()
        while (more := source.read(0)) is not None:
            items += more
    return items


# ---- lines ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "frame"),
    [
        (b"(1436509052.249713) vcan0 044#2A366C2BBA", Frame(1436509052249713, "vcan0", 0x44, False, b"\x2a6l+\xba")),
        (b"(1436509052.249713) can1 18FEC1D5#00 R", Frame(1436509052249713, "can1", 0x18FEC1D5, True, b"\0")),
        (b"(1.000001) can0 123#", Frame(1000001, "can0", 0x123, False, b"")),
        (b"(1.000001) can0 123##1" + b"AB" * 64, Frame(1000001, "can0", 0x123, False, b"\xab" * 64)),
        (b"(1.000001) can0 123#R", None),
        (b"(1.000001) can0 123#R8", None),
        (b"(1.000001) can0 20000004#0000000000000000", None),
    ],
)
def test_a_line_of_candump_is_read(text: bytes, frame: Frame | None) -> None:
    assert parse_candump(text) == frame


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"(1.000001) can0 123",
        b"(1.000001) can0 1234#00",
        b"(1.000001) can0 123#0",
        b"(1.000001) can0 123#" + b"00" * 9,
        b"(1.000001) can0 123##1" + b"00" * 65,
        b"(1.000001) can0 123#0G",
        b"(1.1) can0 123#00",
        b"1.000001 can0 123#00",
        b"(-1.000001) can0 123#00",
        b"(999999999999.000001) can0 123#00",
        b"(1.000001) " + b"c" * 33 + b" 123#00",
    ],
)
def test_what_is_no_line_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_candump(text)


# ---- decoding --------------------------------------------------------------------------------------------------------


def test_signals_become_readings(log: Path) -> None:
    items = readings_of(log, line(0, status(80.25, 391.5, 30, 1)) + line(1, odometer(15021.3)))
    assert [(item.asset, item.reading.quantity, item.reading.value, item.reading.unit) for item in items] == [
        ("pack", "state_of_charge", 80.25, "percent"),
        ("pack", "voltage", 391.5, "volt"),
        ("pack", "temperature", 30, "celsius"),
        ("pack", "fault_code", "P0A80", "code"),
        ("car", "odometer", 15021.3, "km"),
    ]
    assert [item.reading.taken_at_us for item in items] == [NOW_US] * 4 + [NOW_US + 100_000]
    assert items[-1].reading.sensor == "can0/CLUSTER_Odometer.Odometer"


def test_a_value_that_is_not_available_is_kept_without_one(log: Path) -> None:
    assert readings_of(log, line(0, status(temperature=215)))[2].reading.value is None


def test_a_fault_code_without_a_name_is_kept_as_its_number(log: Path) -> None:
    assert readings_of(log, line(0, status(fault=200)))[3].reading.value == "0xC8"


def test_a_frame_that_does_not_fit_gives_readings_without_a_value(log: Path) -> None:
    assert [item.reading.value for item in readings_of(log, line(0, "1A0#0011"))] == [None] * 4


def test_a_multiplexed_frame_gives_what_is_in_it(log: Path) -> None:
    items = readings_of(log, line(0, "1A1#00A00F") + line(1, "1A1#00A00F0000000000") + line(2, "1A1#01A10F0000000000"))
    assert [(item.reading.value, item.reading.sensor.split(".")[1]) for item in items[2:]] == [
        (4.0, "CellA"),
        (4.001, "CellB"),
    ]
    assert [item.reading.value for item in items[:2]] == [None, None]


def test_other_frames_and_broken_lines_are_left_and_counted(log: Path) -> None:
    log.write_bytes(b"junk\n" + line(0, "7FF#00") + b"x" * 2000 + b"\n" + line(1, odometer(5)) + b"(1.0")
    with CandumpLog(log) as frames:
        source = CanReadings(frames, DECODER)
        items = source.read(0)
        assert [item.reading.value for item in items or ()] == [5]
        assert source.read(0) is None
    assert frames.refused >= 3


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"BMS_Status.StateOfCharge", b"BMS_Status.Charge"),
        (b"BMS_Status.StateOfCharge", b"Nobody.StateOfCharge"),
        (b"BMS_Status.StateOfCharge", b"StateOfCharge"),
        (b'asset = "pack", quantity = "voltage"', b'quantity = "voltage"'),
        (b'unit = "volt"', b"unit = 7"),
        (b"[signals]", b"[signal]"),
        (b"[signals]", b"[signals"),
        (b"[signals]", b"\xff"),
    ],
)
def test_a_table_out_of_its_form_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_signals(DBC, SIGNALS.replace(old, new))


@pytest.mark.parametrize("dbc", [b"", b"junk", DBC.replace(b"SG_", b"SG", 1)])
def test_a_dbc_out_of_its_form_is_refused(dbc: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_signals(dbc, SIGNALS)


def test_a_log_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        CandumpLog(tmp_path / "nothing.log")


# ---- into the queue --------------------------------------------------------------------------------------------------


class Broken(Attester):
    """Breaks off after so many calls: also between two assets of one group."""

    left = 0

    def take(self, *arguments: object) -> Acknowledgement:
        taken = super().take(*arguments)  # type: ignore[arg-type]
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return taken


def carry(log: Path, path: Path, stop_after: int = 0) -> Run:
    """Carry a log into the queue; with ``stop_after``, break off after so many calls."""
    with Queue(path) as queue, CandumpLog(log) as frames:
        device = Broken(queue, FileSigner(KEY), batches=BatchLimits(readings=100), clock=lambda: NOW_US + 3600 * SECOND)
        device.left = stop_after
        run = Run(device, ASSETS, Pace(group=50, flush_s=1000))
        run.run(CanReadings(frames, DECODER), positions=queue.position)
    return run


def test_a_log_that_is_carried_again_gives_nothing_new(log: Path, tmp_path: Path) -> None:
    log.write_bytes(drive(300))
    first = carry(log, tmp_path / "queue.db")
    again = carry(log, tmp_path / "queue.db")
    assert (first.told.readings, first.told.repeated) == (270 * 4 + 30, 0)
    assert again.told.readings == 0


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_a_run_that_is_broken_off_goes_on_where_it_stopped(log: Path, tmp_path: Path, stop_after: int) -> None:
    log.write_bytes(drive(1200))
    with pytest.raises(KeyboardInterrupt):
        carry(log, tmp_path / "queue.db", stop_after=stop_after)
    carry(log, tmp_path / "queue.db")
    found = held(tmp_path / "queue.db")[1]
    expected = [item.reading for item in readings_of(log, drive(1200))]
    assert sorted(found) == sorted(expected)
    for quantity in ("odometer", "voltage"):
        assert [one for one in found if one.quantity == quantity] == [
            one for one in expected if one.quantity == quantity
        ]


def test_another_log_of_the_same_name_is_another_source(log: Path, tmp_path: Path) -> None:
    log.write_bytes(drive(50))
    carry(log, tmp_path / "queue.db")
    log.write_bytes(line(7, odometer(1)) + drive(50))
    assert carry(log, tmp_path / "queue.db").told.repeated == 0


# ---- a live bus ------------------------------------------------------------------------------------------------------


@pytest.fixture
def bus() -> Iterator[tuple[can.BusABC, can.BusABC]]:
    """Two ends of python-can's virtual bus."""
    with can.Bus("edge", interface="virtual") as sender, can.Bus("edge", interface="virtual") as receiver:
        yield sender, receiver


def test_a_live_bus_gives_readings(bus: tuple[can.BusABC, can.BusABC]) -> None:
    sender, receiver = bus
    source = CanReadings(LiveBus(receiver), DECODER)
    assert source.read(0) == []
    identifier, data = odometer(15021.3).split("#")
    before = time.time()
    sender.send(can.Message(arbitration_id=int(identifier, 16), is_extended_id=True, data=bytes.fromhex(data)))
    sender.send(can.Message(arbitration_id=0x1A0, is_extended_id=False, is_remote_frame=True, dlc=8))
    (item,) = source.read(2) or ()
    assert item.reading._replace(taken_at_us=0, sensor="") == Reading("odometer", 15021.3, "km", 0, "")
    assert abs(item.reading.taken_at_us / 1e6 - before) < 5


def test_a_bus_that_is_gone_is_said(bus: tuple[can.BusABC, can.BusABC]) -> None:
    _, receiver = bus
    receiver.shutdown()
    with pytest.raises(UnreachableError):
        LiveBus(receiver).read(0)


def test_a_real_can_socket_gives_readings() -> None:
    try:
        socket.if_nametoindex("vcan0")
    except OSError:
        pytest.skip("there is no vcan0 (ip link add vcan0 type vcan): SocketCAN was not tested")
    with can.Bus("vcan0", interface="socketcan") as sender, can.Bus("vcan0", interface="socketcan") as receiver:
        sender.send(can.Message(arbitration_id=0x1A0, is_extended_id=False, data=bytes(8)))
        assert len(CanReadings(LiveBus(receiver), DECODER).read(2) or ()) == 4

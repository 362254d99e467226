"""A small CAN bus: its DBC, what its signals are, and a log of a drive."""

from __future__ import annotations

from tests.light_node.edge.making import NOW_US

DBC = b"""VERSION ""
NS_ :
BS_:
BU_: BMS CLUSTER
BO_ 416 BMS_Status: 8 BMS
 SG_ StateOfCharge : 0|16@1+ (0.01,0) [0|100] "%" CLUSTER
 SG_ PackVoltage : 16|16@1+ (0.1,0) [0|1000] "V" CLUSTER
 SG_ Temperature : 32|8@1+ (1,-40) [-40|120] "degC" CLUSTER
 SG_ FaultCode : 40|8@1+ (1,0) [0|255] "" CLUSTER
BO_ 417 BMS_Cells M: 8 BMS
 SG_ Which M : 0|8@1+ (1,0) [0|1] "" CLUSTER
 SG_ CellA m0 : 8|16@1+ (0.001,0) [0|5] "V" CLUSTER
 SG_ CellB m1 : 8|16@1+ (0.001,0) [0|5] "V" CLUSTER
BO_ 2566832597 CLUSTER_Odometer: 4 CLUSTER
 SG_ Odometer : 0|32@1+ (0.1,0) [0|1000000] "km" BMS
VAL_ 416 Temperature 255 "SNA" ;
VAL_ 416 FaultCode 0 "none" 1 "P0A80" 2 "P1A10" ;
""".replace(b"BMS_Cells M:", b"BMS_Cells:")

SIGNALS = b"""
[signals]
"BMS_Status.StateOfCharge" = { asset = "pack", quantity = "state_of_charge", unit = "percent" }
"BMS_Status.PackVoltage" = { asset = "pack", quantity = "voltage", unit = "volt" }
"BMS_Status.Temperature" = { asset = "pack", quantity = "temperature", unit = "celsius" }
"BMS_Status.FaultCode" = { asset = "pack", quantity = "fault_code", unit = "code" }
"BMS_Cells.CellA" = { asset = "pack", quantity = "cell_voltage", unit = "volt" }
"BMS_Cells.CellB" = { asset = "pack", quantity = "cell_voltage", unit = "volt" }
"CLUSTER_Odometer.Odometer" = { asset = "car", quantity = "odometer", unit = "km" }
"""


def status(charge: float = 80, voltage: float = 390, temperature: int = 25, fault: int = 0) -> str:
    data = round(charge * 100).to_bytes(2, "little") + round(voltage * 10).to_bytes(2, "little")
    return f"1A0#{(data + bytes((temperature + 40, fault, 0, 0))).hex().upper()}"


def odometer(km: float) -> str:
    return f"18FEC1D5#{round(km * 10).to_bytes(4, 'little').hex().upper()}"


def line(number: int, frame: str, channel: str = "can0") -> bytes:
    """A line of a candump log, a tenth of a second after the one before."""
    seconds, fraction = divmod(NOW_US + number * 100_000, 1_000_000)
    return f"({seconds}.{fraction:06d}) {channel} {frame}\n".encode()


def drive(frames: int) -> bytes:
    """A log with an odometer frame after every nine of the pack."""
    return b"".join(
        line(n, odometer(1000 + n / 10) if n % 10 == 9 else status(80 - n % 1000 / 100, 390 + n % 37 / 10))
        for n in range(frames)
    )

"""Open what settings name: a key in a file or in hardware, a CAN log or bus. What needs an extra is looked for here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ipfs.files import read_file
from ledger.errors import ConfigurationError, MalformedError, UnreachableError
from light_node.edge.keys import DeviceSigner, create_key_file, load_key_file
from light_node.edge.source import Source

MAX_PIN_BYTES = 256
MAX_TABLE_BYTES = 16 * 1024 * 1024


@contextmanager
def open_signer(key: Mapping[str, str]) -> Iterator[DeviceSigner]:
    """Open the device's key.

    Args:
        key: ``file``, or ``library``, ``token``, ``label`` and ``pin_file``.

    Raises: ConfigurationError, MalformedError, UnreachableError.
    """
    if "file" in key:
        yield load_key_file(Path(key["file"]))
        return
    hardware = _extra("pkcs11", "light_node.edge.pkcs11_key")
    with hardware.HardwareSigner(_place(hardware, key)) as signer:
        yield signer


def make_key(key: Mapping[str, str]) -> None:
    """Make the device's key where there is none yet; arguments and errors as for ``open_signer``."""
    if "file" in key:
        create_key_file(Path(key["file"]))
        return
    hardware = _extra("pkcs11", "light_node.edge.pkcs11_key")
    hardware.make_key(_place(hardware, key))


@contextmanager
def open_can(
    tables: tuple[Path, Path], *, log: Path | None, bus: str | None, on_refused: Callable[[str], None] = lambda _: None
) -> Iterator[Source]:
    """Open a candump log, or a live bus.

    Args:
        tables: Paths of the DBC and of the table of signals.
        log: Path of the log, or None.
        bus: ``interface:channel`` of python-can, where there is no log.
        on_refused: Told of each line of the log that is none.

    Raises: ConfigurationError, UnreachableError.
    """
    signals, frames = (_extra("can", f"light_node.edge.can_{part}") for part in ("signals", "frames"))
    try:
        decoder = signals.parse_signals(*(read_file(path, MAX_TABLE_BYTES, "table") for path in tables))
    except MalformedError as error:
        raise ConfigurationError(str(error)) from None
    if log is not None:
        with frames.CandumpLog(log, on_refused) as recorded:
            yield signals.CanReadings(recorded, decoder)
        return
    with _bus(bus or "") as live:
        yield signals.CanReadings(frames.LiveBus(live), decoder)


@contextmanager
def _bus(name: str) -> Iterator[object]:
    interface, separator, channel = name.partition(":")
    if not separator:
        raise ConfigurationError(f"{name!r} is not INTERFACE:CHANNEL, e.g. socketcan:can0")
    can = _extra("can", "can")
    try:
        bus = can.Bus(channel, interface=interface)
    except Exception as error:  # noqa: BLE001 - each of its drivers has errors of its own
        raise UnreachableError(f"CAN bus {name}: {error}") from None
    with bus:
        yield bus


def _place(hardware: ModuleType, key: Mapping[str, str]) -> object:
    pin = read_file(Path(key["pin_file"]), MAX_PIN_BYTES, "file of a PIN").decode("utf-8", "replace").strip()
    return hardware.HardwareKey(key["library"], key["token"], key["label"], pin)


def _extra(name: str, module: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError:
        raise ConfigurationError(f"this needs the extra {name!r}: pip install 'vinculum[{name}]'") from None

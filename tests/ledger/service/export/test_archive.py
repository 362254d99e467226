"""Archives that would unpack elsewhere, hide something or grow without bound are refused before they are unpacked."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.service.export import archive as bag_archive
from ledger.service.export.archive import Archive, BagWriter
from ledger.service.export.tables import csv_line, safe_text

Zip = Callable[[zipfile.ZipFile], None]


def packed(tmp_path: Path, fill: Zip) -> Path:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return path


def read_all(path: Path) -> dict[str, bytes]:
    with Archive(path) as archive:
        return {name: archive.read(name, 10**9) for name in archive.paths()}


def small(path: Path) -> Path:
    with path.open("wb") as file, BagWriter(file, "bag") as bag:
        bag.add("a.txt", b"hello" * 100)
        bag.add_pieces("data/b.txt", (b"x", b"yz"), 3)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_all(small(tmp_path / "x.zip")) == {"a.txt": b"hello" * 100, "data/b.txt": b"xyz"}


def test_entries_of_folders_are_passed_over(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.mkdir("bag")
        archive.mkdir("bag/data")
        archive.writestr("bag/data/a", b"1")

    assert read_all(packed(tmp_path, fill)) == {"data/a": b"1"}


@pytest.mark.parametrize(
    "name",
    [
        "/bag/a",
        "bag/../a",
        "../bag/a",
        "bag//a",
        "bag/./a",
        "C:/a",
        "bag\\a",
        "bag/a b",
        "bag/a\n",
        "bag/ä",
        "bag/.hidden",
        "bag/" + "a" * 300,
        "bag/-a",
    ],
)
def test_name_that_is_no_plain_path_is_malformed(tmp_path: Path, name: str) -> None:
    with pytest.raises(MalformedError, match="plain path"):
        read_all(packed(tmp_path, lambda archive: archive.writestr(name, b"")))


def test_name_with_a_hidden_end_is_malformed(tmp_path: Path) -> None:
    path = packed(tmp_path, lambda archive: archive.writestr("bag/aXb", b""))
    path.write_bytes(path.read_bytes().replace(b"bag/aXb", b"bag/a\0b"))
    with pytest.raises(MalformedError):
        read_all(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(("first", "second"), [("bag/a", "bag/a"), ("bag/a", "bag/A")])
def test_two_files_of_one_name_are_malformed(tmp_path: Path, first: str, second: str) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr(first, b"1")
        archive.writestr(second, b"2")

    with pytest.raises(MalformedError, match="one name"):
        read_all(packed(tmp_path, fill))


def test_two_folders_are_malformed(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("bag/a", b"1")
        archive.writestr("bag2/a", b"2")

    with pytest.raises(MalformedError, match="one folder"):
        read_all(packed(tmp_path, fill))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_anything_but_a_plain_file_is_malformed(tmp_path: Path, kind: int) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo("bag/a")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, b"/etc/passwd")

    with pytest.raises(MalformedError, match="plain file"):
        read_all(packed(tmp_path, fill))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_malformed(tmp_path: Path, method: int) -> None:
    with pytest.raises(MalformedError, match="method"):
        read_all(packed(tmp_path, lambda archive: archive.writestr("bag/a", b"1" * 99, method)))


def test_encrypted_entry_is_malformed(tmp_path: Path) -> None:
    path = packed(tmp_path, lambda archive: archive.writestr("bag/a", b"1"))
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(MalformedError, match="encrypted"):
        read_all(path)


def test_bomb_is_malformed_before_it_is_unpacked(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        with archive.open("bag/a", "w", force_zip64=True) as file:
            for _ in range(90):
                file.write(bytes(1024 * 1024))

    with pytest.raises(MalformedError, match="unpack to"):
        read_all(packed(tmp_path, fill))


def test_file_that_unpacks_to_more_than_it_says_is_malformed(tmp_path: Path) -> None:
    path = packed(tmp_path, lambda archive: archive.writestr("bag/a", b"1" * 1000))
    path.write_bytes(path.read_bytes().replace(struct.pack("<L", 1000), struct.pack("<L", 10)))
    with pytest.raises(MalformedError, match="damaged"):
        read_all(path)


def test_entries_that_share_bytes_are_malformed(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("bag/a", b"1" * 50)
        archive.writestr("bag/b", b"2" * 50)

    path = packed(tmp_path, fill)
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\1\2")
    data[second + 42 : second + 46] = struct.pack("<L", 3)
    path.write_bytes(data)
    with pytest.raises(MalformedError, match="share bytes"):
        read_all(path)


def test_too_many_files_are_malformed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bag_archive, "MAX_FILES", 3)

    def fill(archive: zipfile.ZipFile) -> None:
        for number in range(4):
            archive.writestr(f"bag/{number}", b"")

    with pytest.raises(MalformedError, match="beyond the limit"):
        read_all(packed(tmp_path, fill))


def test_count_that_is_too_low_does_not_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bag_archive, "MAX_FILES", 3)
    path = packed(tmp_path, lambda archive: [archive.writestr(f"bag/{n}", b"") for n in range(4)] and None)
    data = bytearray(path.read_bytes())
    data[-14:-10] = struct.pack("<HH", 1, 1)
    path.write_bytes(data)
    with pytest.raises(MalformedError):
        read_all(path)


@pytest.mark.parametrize("tail", [b"x", b"PK\5\6" + bytes(18), b"\0" * 30])
def test_anything_after_the_end_is_malformed(tmp_path: Path, tail: bytes) -> None:
    path = small(tmp_path / "x.zip")
    path.write_bytes(path.read_bytes() + tail)
    with pytest.raises(MalformedError):
        read_all(path)


def test_comment_is_malformed(tmp_path: Path) -> None:
    def fill(archive: zipfile.ZipFile) -> None:
        archive.writestr("bag/a", b"")
        archive.comment = b"a comment in which an archive may hide"

    with pytest.raises(MalformedError):
        read_all(packed(tmp_path, fill))


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip" * 10, b"PK\5\6" + bytes(18)])
def test_no_archive_is_malformed(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    with pytest.raises(MalformedError):
        read_all(path)


def test_file_over_its_limit_is_malformed(tmp_path: Path) -> None:
    with Archive(small(tmp_path / "x.zip")) as archive, pytest.raises(MalformedError, match="at most 3 bytes"):
        archive.read("a.txt", 3)


@given(st.integers(0, 10_000), st.integers(1, 255), st.booleans())
def test_any_damage_is_malformed_or_harmless(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int, cut: bool
) -> None:
    path = small(tmp_path_factory.getbasetemp() / "fuzzed.zip")
    whole = read_all(path)
    data = bytearray(path.read_bytes())
    place %= len(data)
    data[place] ^= change
    path.write_bytes(data[:place] if cut else data)
    try:
        found = read_all(path)
    except MalformedError:
        return
    assert set(found.values()) <= set(whole.values())


@given(st.text())
def test_no_text_becomes_a_formula_and_every_text_comes_back(text: str) -> None:
    safe = safe_text(text)
    assert safe.removeprefix("'") == text
    assert safe.lstrip()[:1] not in tuple("=+-@")
    assert safe[:1] not in ("\t", "\r", "\n")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", " =1", "\r", "\u00a0=1", "\uff1d1", "'a"])
def test_text_that_a_spreadsheet_calculates_gets_an_apostrophe(text: str) -> None:
    assert safe_text(text) == f"'{text}"


def test_line_of_csv_is_quoted() -> None:
    assert csv_line(['a "b"', None, -3, True, {"b": 1, "a": [2]}]) == (
        b'"a ""b""","","-3","true","{""a"":[2],""b"":1}"\r\n'
    )

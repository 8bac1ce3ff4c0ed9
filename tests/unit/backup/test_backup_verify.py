"""Damage to an archive is found, whatever and wherever it is."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from raa.rpath_error import OperationFailed
from raaplugins.backup.srv.archive import Result, write_archive
from raaplugins.backup.srv.manifest import (
    escape,
    manifest_line,
    metadata_text,
    parse_manifest_line,
    parse_metadata,
    unescape,
)
from raaplugins.backup.srv.selection import Entry
from raaplugins.backup.srv.verify import verify

Member = tuple[str, bytes]


@pytest.fixture
def small(tmp_path: Path) -> Result:
    (tmp_path / "one").write_text("first")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    entries = [Entry(f"/{name}", str(tmp_path / name)) for name in ("one", "two")]
    return write_archive(str(tmp_path), "a.tgz", entries, {"host": "box"}, [], "t1", lambda _done, _path: None)


def test_a_sound_archive_is_reported_with_its_digest_and_size(small: Result) -> None:
    read: list[int] = []

    report = verify(small.path, read.append)

    assert report.ok
    assert (report.members, report.bytes, report.sha256) == (small.members, small.bytes, small.sha256)
    assert read[-1] == small.bytes


def test_every_flipped_byte_is_found(small: Result) -> None:
    data = bytearray(Path(small.path).read_bytes())
    missed = []

    for position in range(len(data)):
        for mask in (0x01, 0x80, 0xFF):
            data[position] ^= mask
            Path(small.path).write_bytes(data)
            if verify(small.path, None, small.sha256).ok:
                missed.append((position, mask))
            data[position] ^= mask

    assert len(data) > 300
    assert missed == []


def test_without_the_recorded_digest_only_the_gzip_header_is_unproven(small: Result) -> None:
    data = bytearray(Path(small.path).read_bytes())
    missed = set()

    for position in range(len(data)):
        data[position] ^= 0xFF
        Path(small.path).write_bytes(data)
        if verify(small.path).ok:
            missed.add(position)
        data[position] ^= 0xFF

    assert missed == {4, 5, 6, 7, 8, 9}  # time, level, system


def test_every_truncation_is_found(small: Result) -> None:
    missed = []

    for size in range(small.bytes - 1, -1, -1):
        os.truncate(small.path, size)
        if verify(small.path).ok:
            missed.append(size)

    assert missed == []


def packed(path: Path, members: list[Member], end: bytes = b"", listed: list[Member] | None = None) -> str:
    lines = [manifest_line(name.encode(), hashlib.sha256(data).digest()) for name, data in listed or members]
    body = io.BytesIO()
    with tarfile.open(fileobj=body, mode="w") as tar:
        for name, data in [*members, ("MANIFEST.sha256", b"".join(lines))]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    path.write_bytes(gzip.compress(body.getvalue() + end))
    return str(path)


ABOUT: Member = ("metadata_v1", b"host=box\n")


@pytest.mark.parametrize(
    ("members", "listed", "end", "name", "sentence"),
    [
        ([("f", b"f"), ABOUT], None, b"", "f", "the first member, and only the first, must be metadata_v1"),
        ([ABOUT, ("f", b"f"), ("f", b"f")], None, b"", "f", "it is in the archive twice"),
        ([ABOUT, ("f", b"f")], [ABOUT], b"", "f", "it is in the archive and not in its list of contents"),
        ([ABOUT], [ABOUT, ("f", b"f")], b"", "f", "it is listed and not in the archive"),
        ([ABOUT, ("f", b"g")], [ABOUT, ("f", b"f")], b"", "f", "its content is not what the list of contents says"),
        ([ABOUT, ("../f", b"")], None, b"", "../f", "its name would lead out of the folder it is unpacked in"),
        ([ABOUT, ("/f", b"")], None, b"", "/f", "its name would lead out of the folder it is unpacked in"),
        ([ABOUT], None, b"x", "", "there is something after the list of contents"),
    ],
)
def test_contents_that_do_not_fit_the_list_are_named(
    tmp_path: Path, members: list[Member], listed: list[Member] | None, end: bytes, name: str, sentence: str
) -> None:
    report = verify(packed(tmp_path / "a.tgz", members, end, listed))

    assert (name, sentence) in report.problems


def test_an_archive_packed_by_another_hand_is_sound(tmp_path: Path) -> None:
    assert verify(packed(tmp_path / "a.tgz", [ABOUT, ("f", b"f" * 1_000_000)])).problems == []


def test_members_swapped_between_two_backups_are_found(tmp_path: Path) -> None:
    mine, theirs = [ABOUT, ("f", b"mine")], [ABOUT, ("f", b"theirs")]

    report = verify(packed(tmp_path / "a.tgz", theirs, listed=mine))

    assert report.problems == [("f", "its content is not what the list of contents says")]


def append(data: bytes) -> bytes:
    return data + b"\0"


def append_member(data: bytes) -> bytes:
    return data + gzip.compress(b"\0" * 1024)


def unlisted(data: bytes) -> bytes:
    return gzip.compress(gzip.decompress(data)[: -10240 - 1024] + bytes(10240))


def no_end(data: bytes) -> bytes:
    return gzip.compress(gzip.decompress(data)[:-10240])


def plain(data: bytes) -> bytes:
    return gzip.decompress(data)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (append, "there is something after the end of the archive"),
        (append_member, "there is something after the end of the archive"),
        (unlisted, "the list of contents is missing, or what is before it is damaged"),
        (no_end, "the archive ends too early"),
        (plain, "the compressed data is damaged"),
        (lambda data: b"", "the archive ends too early"),
    ],
)
def test_a_wrong_shape_is_named(small: Result, change: Callable[[bytes], bytes], sentence: str) -> None:
    data = Path(small.path).read_bytes()
    Path(small.path).write_bytes(change(data))

    assert verify(small.path).problems == [("", sentence)]


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE])
def test_a_member_of_a_kind_that_no_backup_holds_is_refused(tmp_path: Path, kind: bytes) -> None:
    first, odd = tarfile.TarInfo("metadata_v1"), tarfile.TarInfo("odd")
    odd.type = kind
    body = b"".join(m.tobuf(tarfile.GNU_FORMAT) for m in (first, odd)) + bytes(1024)
    (tmp_path / "a.tgz").write_bytes(gzip.compress(body))

    assert verify(str(tmp_path / "a.tgz")).problems == [("odd", "it is of a kind that no backup holds")]


def test_a_header_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("././@LongLink")
    huge.type, huge.size = tarfile.GNUTYPE_LONGNAME, 2**33
    (tmp_path / "a.tgz").write_bytes(gzip.compress(huge.tobuf(tarfile.GNU_FORMAT) + bytes(2**20)))

    assert verify(str(tmp_path / "a.tgz")).problems == [("", "a member's header is too large")]


def test_a_list_that_never_ends_its_line_does_not_fill_the_memory(tmp_path: Path) -> None:
    first, last = tarfile.TarInfo("metadata_v1"), tarfile.TarInfo("MANIFEST.sha256")
    last.size = 2**33
    body = first.tobuf(tarfile.GNU_FORMAT) + last.tobuf(tarfile.GNU_FORMAT) + b"#" * 2**22
    (tmp_path / "a.tgz").write_bytes(gzip.compress(body))

    assert verify(str(tmp_path / "a.tgz")).problems == [("", "the list of contents is cut off")]


def test_a_missing_archive_is_a_failure_and_not_a_report(tmp_path: Path) -> None:
    with pytest.raises(OperationFailed, match="cannot be opened"):
        verify(str(tmp_path / "none"))


NAMES = st.binary(min_size=1).filter(lambda name: b"\0" not in name) | st.text("\\nr\n\r -#", min_size=1).map(
    str.encode
)


@given(NAMES, st.binary(min_size=32, max_size=32))
def test_every_name_survives_the_list_of_contents(name: bytes, digest: bytes) -> None:
    line = manifest_line(name, digest)

    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert parse_manifest_line(line[:-1]) == (name, digest)
    assert unescape(escape(name)) == name


@given(st.dictionaries(NAMES.filter(lambda n: not set(b"=\n") & set(n)).map(os.fsdecode), NAMES.map(os.fsdecode)))
def test_metadata_survives(metadata: dict[str, str]) -> None:
    assert parse_metadata(metadata_text(metadata)) == metadata


@pytest.mark.parametrize("line", [b"", b"abc  f", b"0" * 64 + b" f", b"g" * 64 + b"  f", b"\\" + b"0" * 64 + b"  a\\b"])
def test_a_line_that_is_none_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        parse_manifest_line(line)

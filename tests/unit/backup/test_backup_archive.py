"""What the archive writer stores, as the real tar and sha256sum see it."""

# Names of any bytes are compared as bytes, which Path does not take.
# ruff: noqa: PTH103, PTH113, PTH115, PTH118, PTH120, PTH211

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from raa.rpath_error import InvalidInput, OperationFailed
from raaplugins.backup.srv.archive import Result, shown, write_archive
from raaplugins.backup.srv.headers import header
from raaplugins.backup.srv.manifest import parse_metadata
from raaplugins.backup.srv.selection import Entry, select
from raaplugins.backup.srv.verify import verify

NAME = "backup-20261124-094601-CET.tgz"
ODD_NAMES = [
    b"plain",
    b"two words",
    b" ",
    b"-",
    b"#hash",
    b"esc\x1b[31m",
    b"new\nline",
    b"back\\slash",
    b"back\\nslash",
    b"carriage\rreturn",
    b"end\r",
    b"caf\xe9",
    b"\xff\xfe",
    "Größe".encode(),
    b"x" * 99 + b"\xe9" * 150,
]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def nothing(_done: int, _path: str) -> None:
    pass


def written(
    tmp_path: Path, entries: Iterable[Entry], progress: Callable[[int, str], None] = nothing, notes: Iterable[str] = ()
) -> Result:
    destination = tmp_path / "dest"
    destination.mkdir(exist_ok=True)
    return write_archive(str(destination), NAME, entries, {"host": "box"}, list(notes), "t1", progress)


def unpacked(tmp_path: Path, result: Result) -> bytes:
    out = tmp_path / "out"
    out.mkdir()
    tar = subprocess.run(["tar", "xzf", result.path, "-C", out], capture_output=True, check=False)
    assert (tar.returncode, tar.stderr) == (0, b"")
    digests = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "MANIFEST.sha256"], cwd=out, capture_output=True, check=False
    )
    assert (digests.returncode, digests.stdout, digests.stderr) == (0, b"", b"")
    return os.fsencode(out)


def facts(path: bytes) -> tuple[object, ...]:
    found = os.lstat(path)
    return found.st_mode, found.st_uid, found.st_gid, found.st_mtime_ns


def everything(root: bytes) -> list[bytes]:
    found = [root]
    for folder, folders, files in os.walk(root):
        found += [os.path.join(folder, name) for name in folders + files]
    return sorted(path.removeprefix(root) for path in found)


def test_tar_brings_back_every_name_content_and_property(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    root = os.fsencode(source)
    for number, name in enumerate(ODD_NAMES):
        for path in (root + b"/" + name, root + b"/d" + name + b"/" + name):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(os.fsdecode(path)).write_bytes(b"%d" % number * number * 1000)
            os.utime(path, ns=(0, 1_700_000_000_123_456_789 + number))
    deep = source / "/".join(["y" * 200] * 3)
    deep.mkdir(parents=True)
    (deep / ("z" * 250)).touch(mode=0o640)
    (source / "empty").mkdir(mode=0o1777)
    os.symlink(b"to\xe9/" + b"t" * 300, root + b"/link")
    os.utime(source / "empty", ns=(0, 1_000_000_000))

    result = written(tmp_path, select([str(source)], (), {}))
    out = unpacked(tmp_path, result)

    assert result.problems == []
    assert everything(out + root) == everything(root)
    for path in everything(root):
        assert facts(out + root + path) == facts(root + path), path
        if os.path.isfile(root + path):
            assert Path(os.fsdecode(out + root + path)).read_bytes() == Path(os.fsdecode(root + path)).read_bytes()
    assert os.readlink(out + root + b"/link") == os.readlink(root + b"/link")


@pytest.mark.parametrize("mtime", [-1_500_000_000, -2_000_000_000, 0, 1, 10**19 - 1])
def test_times_far_away_come_back_to_the_nanosecond(tmp_path: Path, mtime: int) -> None:
    source = tmp_path / "f"
    source.touch()
    os.utime(source, ns=(0, mtime))
    kept = source.stat().st_mtime_ns  # what this file system can hold of it

    result = written(tmp_path, [Entry("/f", str(source))])
    # tar remarks on such times, and sets them
    subprocess.run(["tar", "xzf", result.path, "-C", tmp_path / "dest"], check=True, capture_output=True)

    assert (tmp_path / "dest" / "f").stat().st_mtime_ns == kept


def test_a_file_named_dash_at_the_top_is_listed_so_that_sha256sum_finds_it(tmp_path: Path) -> None:
    (tmp_path / "content").write_text("x")

    result = written(tmp_path, [Entry("/-", str(tmp_path / "content"))])

    assert (Path(os.fsdecode(unpacked(tmp_path, result))) / "-").read_text() == "x"


def test_hard_links_stay_links_to_the_first_name(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "one").write_bytes(os.urandom(100_000))
    (source / "two").hardlink_to(source / "one")

    result = written(tmp_path, select([str(source)], (), {}))
    out = os.fsdecode(unpacked(tmp_path, result))

    assert Path(f"{out}{source}/one").samefile(f"{out}{source}/two")
    assert result.bytes < 110_000
    assert f"{source}/two"[1:] in Path(out, "MANIFEST.sha256").read_text()


def test_a_link_whose_first_name_has_got_another_file_is_stored_with_its_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("old")
    two.hardlink_to(one)

    def swap(_done: int, path: str) -> None:
        if path == str(two) and one.stat().st_nlink == 2:
            (tmp_path / "new").write_text("new")
            (tmp_path / "new").rename(one)

    result = written(tmp_path, [Entry(str(one), str(one)), Entry(str(two), str(two))], swap)

    with tarfile.open(result.path) as tar:
        assert [member.type for member in tar][1:3] == [tarfile.REGTYPE, tarfile.REGTYPE]


def test_the_archive_begins_with_the_metadata_and_ends_with_the_list(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    metadata = {"host": "box", "note": "two\nlines \\n \r=", "": ""}
    del metadata[""]

    result = write_archive(
        str(tmp_path), NAME, [Entry("/f", str(tmp_path / "f"))], metadata, ["left out: /a\nb"], "t1", nothing
    )

    with tarfile.open(result.path) as tar:
        members = tar.getmembers()
        first, last = tar.extractfile(members[0]), tar.extractfile(members[-1])
        assert first is not None
        assert last is not None
        assert [member.name for member in members] == ["metadata_v1", "f", "MANIFEST.sha256"]
        assert parse_metadata(first.read()) == metadata
        assert last.read().startswith(b"# left out: /a\\nb\n")
    assert result.members == 3


def test_the_temporary_file_is_private_and_its_digest_is_known(tmp_path: Path) -> None:
    result = written(tmp_path, [])

    digest = subprocess.run(["sha256sum", result.path], capture_output=True, text=True, check=True).stdout.split()[0]
    assert result.path == str(tmp_path / "dest" / f".{NAME}.t1.part")
    assert Path(result.path).stat().st_mode & 0o777 == 0o600
    assert (result.sha256, result.bytes) == (digest, Path(result.path).stat().st_size)


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("f")
    entries = [Entry("/f", str(tmp_path / "f"))]

    first = written(tmp_path, entries)
    Path(first.path).unlink()

    assert written(tmp_path, entries).sha256 == first.sha256


def truncate(path: Path) -> None:
    os.truncate(path, 300_000)


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def rewrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other")
    os.utime(path, ns=(0, 0))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (truncate, "it became shorter while it was read; zeros stand for the rest of it"),
        (grow, "it changed while it was read, so the copy may not fit together"),
        (rewrite, "it changed while it was read, so the copy may not fit together"),
    ],
)
def test_a_file_that_changes_while_it_is_read_is_named_and_the_archive_stays_whole(
    tmp_path: Path, change: Callable[[Path], None], sentence: str
) -> None:
    busy, after = tmp_path / "busy", tmp_path / "after"
    busy.write_bytes(b"b" * 1_000_000)
    after.write_text("after")
    changed = []

    def hook(done: int, path: str) -> None:
        if path == "/busy" and done and not changed:
            changed.append(done)
            change(busy)

    result = written(tmp_path, [Entry("/busy", str(busy)), Entry("/after", str(after))], hook)
    out = Path(os.fsdecode(unpacked(tmp_path, result)))

    assert result.problems == [("/busy", sentence)]
    assert (out / "busy").stat().st_size == 1_000_000
    assert (out / "after").read_text() == "after"
    assert f"# not as it was: /busy ({sentence})" in (out / "MANIFEST.sha256").read_text()


def test_what_vanishes_or_turns_into_something_else_is_named_and_not_stored(tmp_path: Path) -> None:
    kinds = ["gone", "pipe", "last"]
    for name in kinds:
        (tmp_path / name).touch()

    def hook(_done: int, path: str) -> None:
        if path in (str(tmp_path / "gone"), str(tmp_path / "pipe")):
            Path(path).unlink()
        if path == str(tmp_path / "pipe"):
            os.mkfifo(path)

    result = written(tmp_path, [Entry(str(tmp_path / name), str(tmp_path / name)) for name in kinds], hook)

    assert result.problems == [
        (str(tmp_path / "gone"), "it vanished before it was read"),
        (str(tmp_path / "pipe"), "something else has taken its place that is not a file, a folder or a link"),
    ]
    assert result.members == 3


def test_a_file_whose_disk_fails_half_way_is_named_and_filled_up(tmp_path: Path) -> None:
    failing, after = tmp_path / "failing", tmp_path / "after"
    failing.write_bytes(b"f" * 1_000_000)
    after.write_text("after")

    def fail(done: int, path: str) -> None:
        if path == "/failing" and done:
            # in the place of the open file something whose reading fails, for root as well
            (opened,) = (fd.name for fd in Path("/proc/self/fd").iterdir() if str(fd.resolve()) in stand)
            folder = os.open(tmp_path, os.O_RDONLY)
            os.dup2(folder, int(opened))
            os.close(folder)

    stand = {str(failing), str(tmp_path)}
    result = written(tmp_path, [Entry("/failing", str(failing)), Entry("/after", str(after))], fail)
    out = Path(os.fsdecode(unpacked(tmp_path, result)))

    assert result.problems == [("/failing", "it cannot be read: is a directory; zeros stand for the rest of it")]
    assert (out / "failing").read_bytes().rstrip(b"\0") == b"f" * 256 * 1024
    assert (out / "after").read_text() == "after"


def test_a_file_that_must_not_be_opened_is_named_and_not_stored(tmp_path: Path) -> None:
    script = """
import os, sys
from raaplugins.backup.srv.archive import write_archive
from raaplugins.backup.srv.manifest import parse_metadata
from raaplugins.backup.srv.selection import Entry
folder = sys.argv[1]
closed = folder + "/closed"
open(closed, "w").close()
os.chmod(closed, 0)
result = write_archive(folder, "a.tgz", [Entry(closed, closed)], {}, [], "t1", lambda done, path: None)
print(result.members, result.problems[0][1])
"""
    without_power = ["unshare", "-Ur", "setpriv", "--bounding-set=-dac_override,-dac_read_search"]

    assert child(script, tmp_path, wrap=without_power) == "2 it cannot be read: permission denied\n"


def test_a_snapshot_stands_in_with_the_owner_and_mode_of_the_live_file(tmp_path: Path) -> None:
    live, copy = tmp_path / "ledger.db", tmp_path / "copy"
    live.write_text("torn")
    live.chmod(0o640)
    copy.write_text("whole")
    copy.chmod(0o600)

    result = written(tmp_path, select([str(live)], (), {str(live): str(copy)}))
    found = Path(os.fsdecode(unpacked(tmp_path, result)) + str(live))

    assert found.read_text() == "whole"
    assert found.stat().st_mode & 0o777 == 0o640


def test_the_archive_does_not_hold_itself_and_guards_its_own_names(tmp_path: Path) -> None:
    (tmp_path / "dest").mkdir()
    (tmp_path / "f").touch()
    taken = Entry("/metadata_v1", str(tmp_path / "f"))

    result = written(tmp_path, [*select([str(tmp_path / "dest")], (), {}), taken])
    again = written(tmp_path / "dest", select([str(tmp_path / "dest")], (), {}))

    assert result.problems == [("/metadata_v1", "its name is one that the archive needs for itself")]
    with tarfile.open(again.path) as tar:
        assert f"{again.path}"[1:] not in tar.getnames()


def test_a_file_over_8_gib_fits_the_format() -> None:
    member = tarfile.TarInfo("big")
    member.size = 20 * 2**30

    back = tarfile.TarInfo.frombuf(header(member, 0), "utf-8", "surrogateescape")

    assert back.size == 20 * 2**30


class Cancelled(BaseException):
    pass


@pytest.mark.parametrize("moment", ["/f", ""])
def test_a_cancelled_backup_leaves_nothing(tmp_path: Path, moment: str) -> None:
    (tmp_path / "f").write_bytes(os.urandom(1000))

    def cancel(_done: int, path: str) -> None:
        if path == moment:
            raise Cancelled

    with pytest.raises(Cancelled):
        written(tmp_path, [Entry("/f", str(tmp_path / "f"))], cancel)

    assert names(tmp_path / "dest") == []


def test_an_error_of_the_listener_is_not_taken_for_one_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("f")

    def broken(done: int, _path: str) -> None:
        if done:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        written(tmp_path, [Entry("/f", str(tmp_path / "f"))], broken)


def test_an_archive_that_reads_back_differently_is_refused_and_removed(tmp_path: Path) -> None:
    def damage(_done: int, path: str) -> None:
        if path == "/last":
            part = next((tmp_path / "dest").iterdir())
            with part.open("r+b") as file:
                file.seek(50_000)
                file.write(b"damage")

    (tmp_path / "f").write_bytes(os.urandom(600_000))
    entries = [Entry("/f", str(tmp_path / "f")), Entry("/last", str(tmp_path / "f"))]

    with pytest.raises(OperationFailed, match="is not what was written"):
        written(tmp_path, entries, damage)

    assert names(tmp_path / "dest") == []


def child(script: str, *arguments: object, wrap: Iterable[str] = ()) -> str:
    done = subprocess.run(
        [*wrap, sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


WRITE = """
import os, subprocess, sys
from raa.rpath_error import OperationFailed
from raaplugins.backup.srv.archive import write_archive
from raaplugins.backup.srv.manifest import parse_metadata
from raaplugins.backup.srv.selection import Entry
folder, source = sys.argv[1:3]
{prepare}
try:
    write_archive(folder, "a.tgz", [Entry("/f", source)], {{}}, [], "t1", lambda done, path: None)
except OperationFailed as error:
    print(error)
print(os.listdir(folder))
"""


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        ("subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'x', folder], check=True)", "is full"),
        ("subprocess.run(['mount', '-t', 'tmpfs', '-o', 'ro', 'x', folder], check=True)", "is on a read-only disk"),
        ("import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))", "takes no file larger"),
    ],
)
def test_a_disk_that_takes_no_more_is_named_and_left_as_it_was(tmp_path: Path, prepare: str, said: str) -> None:
    folder = tmp_path / "dest"
    folder.mkdir()
    (tmp_path / "f").write_bytes(os.urandom(1_000_000))

    lines = child(WRITE.format(prepare=prepare), folder, tmp_path / "f", wrap=["unshare", "-Ur", "-m"]).splitlines()

    assert str(folder) in lines[0]
    assert said in lines[0]
    assert lines[1] == "[]"


def test_a_destination_that_cannot_be_used_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OperationFailed, match=r"none does not exist\. Create it"):
        write_archive(str(tmp_path / "none"), NAME, [], {}, [], "t1", nothing)
    with pytest.raises(OperationFailed, match="file is not a folder"):
        write_archive(str(tmp_path / "file"), NAME, [], {}, [], "t1", nothing)


def test_two_backups_of_one_name_and_token_do_not_mix(tmp_path: Path) -> None:
    first = written(tmp_path, [])

    with pytest.raises(OperationFailed, match="another backup of this name"):
        written(tmp_path, [])

    assert verify(first.path, None, first.sha256).ok


@pytest.mark.parametrize(
    ("name", "token", "metadata"), [("a/b", "t", {}), ("", "t", {}), ("a", "../t", {}), ("a", "t", {"a=b": ""})]
)
def test_names_that_would_lead_elsewhere_are_refused(
    tmp_path: Path, name: str, token: str, metadata: dict[str, str]
) -> None:
    with pytest.raises(InvalidInput):
        write_archive(str(tmp_path), name, [], metadata, [], token, nothing)

    assert names(tmp_path) == []


def test_memory_stays_flat(tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.touch()
    os.truncate(big, 64 * 2**20)
    tracemalloc.start()

    result = written(tmp_path, [Entry("/big", str(big))])

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.members == 3
    assert peak < 8 * 2**20


def test_odd_paths_are_fit_for_a_sentence() -> None:
    assert shown(os.fsdecode(b"/caf\xe9\x1b\n\xc3\xa9")) == "/caf\\xe9\\x1b\\né"

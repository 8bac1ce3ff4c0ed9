"""What was backed up comes back as it was, wholly or not at all, and only where it may."""

# Names of any bytes are compared as bytes, which Path does not take.
# ruff: noqa: PTH103, PTH115, PTH118, PTH211

from __future__ import annotations

import fcntl
import os
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hostile
import pytest

from raa.rpath_error import DuplicateItem, InvalidInput, OperationFailed
from raaplugins.backup.srv.archive import write_archive
from raaplugins.backup.srv.gunzip import Limits
from raaplugins.backup.srv.plan import Parts, Plan, judge
from raaplugins.backup.srv.restore import Place, clean, restore
from raaplugins.backup.srv.selection import select

ABOUT = {"format": "raa-backup 1"}
SOAK = bool(os.environ.get("RAA_SOAK"))
FILES, BYTES = (10_000, 1_000_000_000) if SOAK else (1_000, 60_000_000)


def nothing(_share: float, _path: str) -> None:
    pass


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def packed(tmp_path: Path, tree: Path) -> Path:
    (tmp_path / "out").mkdir(exist_ok=True)
    result = write_archive(
        str(tmp_path / "out"), "b.tgz", select([str(tree)], [], {}), ABOUT, [], "t1", lambda _done, _path: None
    )
    return Path(result.path)


def restored(
    archive: Path, root: Path, target: str = "t", parts: Sequence[str] = (), *, own: bool = False,
    progress: Callable[[float, str], None] = nothing, limits: Limits | None = None,
) -> tuple[Path, Plan]:  # fmt: skip
    fd = os.open(archive, os.O_RDONLY)
    try:
        plan, limits = Plan(Parts(parts), own), limits or Limits()
        report = judge(fd, limits, plan, lambda _read: None)
        where, _ = restore(fd, Place(root=str(root), target=target), plan, report, limits, "t1", progress)
    finally:
        os.close(fd)
    return Path(where), plan


def archive_of(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "a.tgz").write_bytes(data)
    return tmp_path / "a.tgz"


def looks(folder: Path) -> dict[bytes, tuple[object, ...]]:
    """Describe a tree: everything that `restore` promises, and which names are one file."""
    found: dict[bytes, tuple[object, ...]] = {}
    names: dict[int, bytes] = {}
    top = os.fsencode(folder)
    for base, folders, files in os.walk(top):
        for name in sorted([*folders, *files, *([b"."] if base == top else [])]):
            path = os.path.join(base, name)
            s = os.lstat(path)
            if stat.S_ISLNK(s.st_mode):
                content = os.readlink(path)
            elif stat.S_ISREG(s.st_mode):
                with open(path, "rb") as file:  # noqa: PTH123
                    content = file.read() if s.st_size < 2**20 else subprocess.check_output(["sha256sum"], stdin=file)
            else:
                content = b""
            relative = os.path.relpath(path, top)
            first = names.setdefault(s.st_ino, relative) if s.st_nlink > 1 and not stat.S_ISDIR(s.st_mode) else b""
            found[relative] = (s.st_mode, s.st_uid, s.st_gid, s.st_mtime_ns, content, first)
    return found


def grown(tree: Path, files: int, size: int) -> None:
    """Make a tree of all that a backup can hold: odd names, modes, owners, times, links of both kinds, holes."""
    rng = random.Random(5)
    odd = [
        b"two words",
        b"-",
        b"#",
        b"esc\x1b[31m",
        b"new\nline",
        b"back\\slash",
        b"cr\r",
        b"caf\xe9",
        b"\xff\xfe",
        b"x" * 255,
    ]
    top = os.fsencode(tree)
    os.makedirs(top)
    for n in range(files):
        folder = os.path.join(top, b"d%d" % (n % 37), *([b"deep"] * (n % 11)))
        os.makedirs(folder, exist_ok=True)
        name = odd[n] if n < len(odd) else b"f%d" % n
        path = os.path.join(folder, name)
        with open(path, "wb") as file:  # noqa: PTH123
            kind = n % 10
            if kind == 0:
                file.truncate(size // files * 5)
                file.seek(size // files)
                file.write(b"island")
            elif kind < 6:
                file.write(rng.randbytes(size // files))
            elif kind < 9:
                file.write(b"a line that comes again\n" * (size // files // 24))
        os.chmod(path, rng.choice([0o644, 0o600, 0o000 if os.geteuid() == 0 else 0o400, 0o777, 0o1755, 0o444]))  # noqa: PTH101
        if os.geteuid() == 0:
            os.chown(path, rng.randrange(3000), rng.randrange(3000))
        os.utime(path, ns=(0, rng.randrange(-(10**18), 4 * 10**18)))
        if n % 50 == 7:
            os.link(path, path + b".hard" if len(name) < 200 else os.path.join(folder, b"h"))
        if n % 50 == 9:
            os.symlink(os.path.join(b"..", b"d%d" % (n % 37), name), os.path.join(folder, b"s%d" % n))
            os.symlink(b"/nowhere/\xff", os.path.join(folder, b"dangling%d" % n))
    for base, folders, _ in os.walk(top, topdown=False):
        for name in folders:
            path = os.path.join(base, name)
            os.chmod(path, rng.choice([0o755, 0o700, 0o1777, 0o2775]))  # noqa: PTH101
            os.utime(path, ns=(0, rng.randrange(10**18)))


MEASURED = """
import os, sys
from pathlib import Path
from raaplugins.backup.srv.gunzip import Limits
from raaplugins.backup.srv.plan import Parts, Plan, judge
from raaplugins.backup.srv.restore import Place, restore
fd = os.open(sys.argv[1], os.O_RDONLY)
plan = Plan(Parts([]), True)
report = judge(fd, Limits(), plan, lambda _read: None)
restore(fd, Place(root=sys.argv[2], target="t"), plan, report, Limits(), "t1", lambda _share, _path: None)
print(next(line.split()[1] for line in Path('/proc/self/status').read_text().splitlines() if line.startswith('VmHWM')))
"""


@pytest.mark.slow
def test_a_large_tree_comes_back_identical_in_little_memory(tmp_path: Path, root: Path) -> None:
    tree = tmp_path / "tree"
    grown(tree, FILES, BYTES)
    archive = packed(tmp_path, tree)

    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(archive), str(root)], capture_output=True, text=True, check=True
    )

    before, after = looks(tree), looks(root / "t" / str(tree)[1:])
    assert len(before) > FILES
    assert before == after
    assert int(done.stdout) * 1024 < 150_000_000
    assert [path.name for path in root.iterdir()] == ["t"]


def test_what_real_tar_unpacks_is_what_is_restored(tmp_path: Path, root: Path) -> None:
    tree = tmp_path / "tree"
    grown(tree, 60, 200_000)
    archive = packed(tmp_path, tree)
    (tmp_path / "tar").mkdir()

    subprocess.run(["tar", "-xpzf", str(archive), "--numeric-owner", "-C", str(tmp_path / "tar")], check=True)
    where, _ = restored(archive, root, own=True)

    tarred = looks(tmp_path / "tar" / str(tree)[1:])
    assert {**looks(where / str(tree)[1:])} == tarred


def test_holes_stay_holes(tmp_path: Path, root: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with (tree / "sparse").open("wb") as file:
        file.seek(20_000_000)
        file.write(b"x")
        file.truncate(40_000_000)

    where, plan = restored(packed(tmp_path, tree), root)

    found = (where / str(tree)[1:] / "sparse").stat()
    assert (found.st_size, plan.bytes) == (40_000_000, 40_000_000)
    assert found.st_blocks * 512 < 1_000_000
    assert plan.needed < 1_000_000


# -- parts


@pytest.fixture
def shelf(tmp_path: Path) -> tuple[Path, str]:
    """An archive, and the path of its tree inside it."""
    tree = tmp_path / "tree"
    for name in ("a/one", "a/two", "b/three", "ab/four"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    (tree / "b" / "one-again").hardlink_to(tree / "a" / "one")
    (tree / "c").mkdir()
    (tree / "c" / "one-more").hardlink_to(tree / "a" / "one")
    (tree / "a").chmod(0o711)
    return packed(tmp_path, tree), str(tree)[1:]


def files(where: Path) -> list[str]:
    return sorted(
        path.relative_to(where).as_posix().split("tree/", 1)[1] for path in where.rglob("*") if path.is_file()
    )


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([], ["a/one", "a/two", "ab/four", "b/one-again", "b/three", "c/one-more"]),
        (["a"], ["a/one", "a/two"]),
        (["a/"], ["a/one", "a/two"]),
        (["b/three", "a/two"], ["a/two", "b/three"]),
        (["b"], ["b/one-again", "b/three"]),
        (["b", "c"], ["b/one-again", "b/three", "c/one-more"]),
        (["a", "c"], ["a/one", "a/two", "c/one-more"]),
    ],
)
def test_chosen_parts_come_alone(root: Path, shelf: tuple[Path, str], parts: list[str], found: list[str]) -> None:
    archive, top = shelf

    where, _ = restored(archive, root, parts=[f"/{top}/{part}" for part in parts])

    assert files(where) == found


def test_links_to_a_file_that_is_not_chosen_share_its_content(root: Path, shelf: tuple[Path, str]) -> None:
    archive, top = shelf

    where, _ = restored(archive, root, parts=[f"{top}/b/one-again", f"{top}/c"])

    one, more = where / top / "b" / "one-again", where / top / "c" / "one-more"
    assert one.samefile(more)
    assert (one.read_text(), one.stat().st_nlink) == ("a/one", 2)


def test_folders_above_a_part_look_as_they_did(root: Path, shelf: tuple[Path, str]) -> None:
    archive, top = shelf

    where, _ = restored(archive, root, parts=[f"{top}/a/two"])

    assert stat.S_IMODE((where / top / "a").stat().st_mode) == 0o711


def test_a_part_that_is_not_there_is_named_and_nothing_is_written(root: Path, shelf: tuple[Path, str]) -> None:
    with pytest.raises(InvalidInput, match="nothing in this archive at etc/nope") as caught:
        restored(shelf[0], root, parts=[shelf[1], "etc/nope"])

    assert list(caught.value.problems) == ["parts"]
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("part", ["..", "a/../b", "a//b", "a\0b", "/", ""])
def test_what_is_no_path_is_no_part(part: str) -> None:
    with pytest.raises(InvalidInput):
        Parts([part])


def test_a_part_may_be_named_as_pages_show_it(tmp_path: Path, root: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9")).write_text("1")
    (tree / "other").write_text("2")

    where, plan = restored(packed(tmp_path, tree), root, parts=[rf"{str(tree)[1:]}/caf\xe9"])

    assert plan.files == 1
    assert os.listdir(os.fsencode(where / str(tree)[1:])) == [b"caf\xe9"]  # noqa: PTH208


# -- what does not come back


def test_our_own_links_come_back_wherever_they_lead(tmp_path: Path, root: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "l").symlink_to("/etc/localtime")
    archive = packed(tmp_path, tree)

    _, strict = restored(archive, root, "strict")
    where, own = restored(archive, root, "own", own=True)

    assert (strict.omitted, strict.links, own.omitted, own.links) == (1, 0, 0, 1)
    assert os.readlink(where / str(tree)[1:] / "l") == "/etc/localtime"


def test_set_user_id_never_comes_back_nor_by_another_name(tmp_path: Path, root: Path) -> None:
    data = hostile.ours(
        hostile.member(b"su", b"1", mode=0o4755),
        hostile.member(b"h", kind=b"1", link=b"su"),
        hostile.member(b"f", b"1"),
        files=[(b"su", b"1"), (b"h", b"1"), (b"f", b"1")],
    )
    archive = archive_of(tmp_path, data)

    where, plan = restored(archive, root, own=True)

    assert [path.name for path in where.iterdir()] == ["f"]
    assert dict(plan.left_out).keys() == {"su", "h"}
    with pytest.raises(InvalidInput, match="nothing in this archive"):
        restored(archive, root, "t2", parts=["nope"])
    where, _ = restored(archive, root, "t3", parts=["h"])
    assert list(where.iterdir()) == []


# -- where it goes


@pytest.mark.parametrize(
    "target",
    ["", ".", "..", "../x", "/x", "a/../b", "a//b", "a/", "x\0y", "x\ny", ".restore-x", "n" * 256, "/".join("a" * 20)],
)
def test_a_target_outside_the_root_is_refused(root: Path, target: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Place(root=str(root), target=target)

    assert list(caught.value.problems) == ["target"]


def full(root: Path) -> None:
    (root / "t").mkdir()
    (root / "t" / "x").touch()


def a_file(root: Path) -> None:
    (root / "t").touch()


def a_link(root: Path) -> None:
    (root.parent / "elsewhere").mkdir()
    (root / "t").symlink_to(root.parent / "elsewhere")


@pytest.mark.parametrize(
    ("prepare", "target"),
    [
        (full, "t"),
        (a_link, "t"),
        (a_link, "t/below"),
        (lambda root: (root / "t").touch(), "t"),
        (lambda root: (root / "t").touch(), "t/u"),
    ],
)
def test_what_is_there_is_never_touched(
    root: Path, shelf: tuple[Path, str], prepare: Callable[[Path], object], target: str
) -> None:
    prepare(root)
    before = looks(root.parent)

    with pytest.raises(DuplicateItem) as caught:
        restored(shelf[0], root, target)

    assert list(caught.value.problems) == ["target"]
    assert {**looks(root.parent), b"root": ()} == {**before, b"root": ()}


def test_an_empty_folder_is_filled_and_keeps_its_mode(root: Path, shelf: tuple[Path, str]) -> None:
    (root / "t").mkdir(mode=0o750)

    where, _ = restored(shelf[0], root)

    assert len(files(where)) == 6
    assert stat.S_IMODE(where.stat().st_mode) == 0o750


def test_a_new_folder_is_private(root: Path, shelf: tuple[Path, str]) -> None:
    where, _ = restored(shelf[0], root, "2026/may")

    assert where == root / "2026" / "may"
    assert len(files(where)) == 6
    assert stat.S_IMODE((root / "2026").stat().st_mode) == 0o700


def test_a_target_that_fills_meanwhile_is_left_alone(root: Path, shelf: tuple[Path, str]) -> None:
    def intrude(share: float, _path: str) -> None:
        if share == 1.0 and not (root / "t").exists():
            full(root)

    with pytest.raises(DuplicateItem):
        restored(shelf[0], root, progress=intrude)

    assert [path.name for path in root.rglob("*")] == ["t", "x"]


# -- when it does not end well


class Stopped(BaseException):
    pass


@pytest.mark.parametrize("at", [0.0, 0.9, 1.0])
def test_a_stopped_restore_leaves_nothing(root: Path, shelf: tuple[Path, str], at: float) -> None:
    def stop(share: float, _path: str) -> None:
        if share >= at:
            raise Stopped

    with pytest.raises(Stopped):
        restored(shelf[0], root, progress=stop)

    assert list(root.iterdir()) == []


def test_an_archive_that_changes_between_the_two_readings_is_not_restored(
    tmp_path: Path, root: Path, shelf: tuple[Path, str]
) -> None:
    fd = os.open(shelf[0], os.O_RDONLY)
    plan = Plan(Parts([]))
    report = judge(fd, Limits(), plan, lambda _read: None)
    shelf[0].write_bytes(hostile.ours(hostile.member(b"f", b"1"), files=[(b"f", b"1")]))

    with pytest.raises(OperationFailed, match="changed while it was read"):
        restore(fd, Place(root=str(root), target="t"), plan, report, Limits(), "t1", nothing)

    os.close(fd)
    assert list(root.iterdir()) == []


def test_leftovers_go_by_token_and_all_of_them_where_nobody_works(root: Path, shelf: tuple[Path, str]) -> None:
    for token in ("run7", "run8"):
        (root / f".restore-{token}" / "d").mkdir(parents=True)
        (root / f".restore-{token}" / "d").chmod(0)
    (root / "mine").mkdir()

    clean(str(root), "run7")
    assert {path.name for path in root.iterdir()} == {".restore-run8", "mine"}
    held = os.open(root, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    restored(shelf[0], root, "one")
    assert {path.name for path in root.iterdir()} == {".restore-run8", "mine", "one"}
    os.close(held)
    restored(shelf[0], root, "two")

    assert {path.name for path in root.iterdir()} == {"mine", "one", "two"}


def test_no_room_is_said_before_anything_is_written(root: Path, shelf: tuple[Path, str]) -> None:
    fd = os.open(shelf[0], os.O_RDONLY)
    plan = Plan(Parts([]))
    report = judge(fd, Limits(), plan, lambda _read: None)
    plan.needed = 2**60

    with pytest.raises(OperationFailed, match="too little room"):
        restore(fd, Place(root=str(root), target="t"), plan, report, Limits(), "t1", nothing)

    os.close(fd)
    assert list(root.iterdir()) == []


SMALL_DISK = """
import os, sys
sys.path[:0] = {tests!r}
from pathlib import Path
from test_restore_tree import restored
from raaplugins.backup.srv import restore as module
module.RESERVE = -10**9
try:
    restored(Path({archive!r}), Path({root!r}))
except Exception as error:
    print(type(error).__name__, error)
print(os.listdir({root!r}))
"""


def test_a_disk_that_fills_up_leaves_nothing(tmp_path: Path, root: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for n in range(4):
        (tree / f"f{n}").write_bytes(random.Random(n).randbytes(1_000_000))
    code, here = tmp_path / "code.py", Path(__file__).parent
    tests = [str(here), str(here.parents[1])]
    archive = str(packed(tmp_path, tree))
    code.write_text(SMALL_DISK.format(tests=tests, archive=archive, root=str(root)))

    done = subprocess.run(
        ["unshare", "-Ur", "-m", "sh", "-c", f"mount -t tmpfs -o size=3m - {root} && {sys.executable} {code}"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert done.stdout.splitlines() == [
        f"OperationFailed The disk of {root} is full. Choose fewer parts, or free some space. Nothing was restored.",
        "[]",
    ]  # fmt: skip


# -- damage


def flips(data: bytes) -> list[bytes]:
    return [
        data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :] for at in range(len(data)) for mask in (0x01, 0x80, 0xFF)
    ]


def test_every_flipped_byte_is_named_by_verify_and_refused_by_restore(tmp_path: Path, root: Path, half: Any) -> None:
    (half.stateDir / "custom").write_text("a setting")
    half.createHere("test")
    name = half.listBackups(0, 0)[0]["name"]
    archive = half.destination() / name
    data = archive.read_bytes()
    missed = []

    for damaged in flips(data):
        archive.write_bytes(damaged)
        if not half.verifyHere(name)["problems"]:
            missed.append("verify")
        with pytest.raises(InvalidInput, match="refused"):
            half.restoreHere(name, str(root), "t", [], False)

    assert len(data) > 300
    assert missed == []
    assert list(root.iterdir()) == []


def test_every_cut_of_4_kib_is_named_by_verify_and_refused_by_restore(tmp_path: Path, root: Path, half: Any) -> None:
    (half.stateDir / "blob").write_bytes(random.Random(3).randbytes(200_000))
    half.createHere("test")
    name = half.listBackups(0, 0)[0]["name"]
    archive = half.destination() / name
    size = archive.stat().st_size
    cuts = 0

    for length in range((size - 1) // 4096 * 4096, -1, -4096):
        os.truncate(archive, length)
        assert half.verifyHere(name)["problems"]
        with pytest.raises(InvalidInput, match="refused"):
            half.restoreHere(name, str(root), "t", [], False)
        cuts += 1

    assert cuts == 50
    assert list(root.iterdir()) == []


def test_swapped_members_of_two_backups_are_refused(tmp_path: Path, root: Path) -> None:
    archive = archive_of(tmp_path, hostile.ours(hostile.member(b"f", b"theirs"), files=[(b"f", b"mine")]))

    with pytest.raises(InvalidInput, match="its content is not what the list of contents says"):
        restored(archive, root)


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (Limits(members=3), "more than 3 members"),
        (Limits(total=10_000), "more than 10000 bytes"),
        (Limits(name=20), "its name is too long"),
    ],
)
def test_limits_are_kept(root: Path, shelf: tuple[Path, str], limits: Limits, text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        restored(shelf[0], root, limits=limits)

    restored(shelf[0], root, limits=replace(limits, members=100, total=1_000_000, name=4096))


def test_what_lies_too_deep_for_a_restore_is_named_when_it_is_backed_up(tmp_path: Path, root: Path) -> None:
    tree = tmp_path / "tree"
    deep = tree.joinpath(*["d"] * 300)
    deep.mkdir(parents=True)
    (tree / "f").write_text("1")

    (tmp_path / "out").mkdir()
    result = write_archive(
        str(tmp_path / "out"), "b.tgz", select([str(tree)], [], {}), ABOUT, [], "t1", lambda _done, _path: None
    )
    where, plan = restored(Path(result.path), root)

    assert result.problems[0][1] == "it lies in more than 256 folders, deeper than a restore goes"
    assert (where / str(tree)[1:] / "f").read_text() == "1"
    assert plan.folders > 200


REMOVE = """
import os
from raaplugins.backup.srv.staging import remove_tree
print(remove_tree("tree", os.open(".", os.O_RDONLY)))
"""


def test_a_tree_goes_also_where_its_modes_forbid_it(tmp_path: Path) -> None:
    (tmp_path / "tree" / "a" / "b").mkdir(parents=True)
    (tmp_path / "tree" / "a" / "b" / "f").touch()
    for name in ("tree/a/b", "tree/a", "tree"):
        (tmp_path / name).chmod(0)
    without_power = ["unshare", "-Ur", "setpriv", "--bounding-set=-dac_override,-dac_read_search"]

    done = subprocess.run(
        [*without_power, sys.executable, "-c", REMOVE], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.stdout == "True\n", done.stderr
    assert list(tmp_path.iterdir()) == []

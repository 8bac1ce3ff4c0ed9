"""kill -9 at every storage call of a restore and of a backup: no listed bad backup, no half restored tree, no rest."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from crashpoints import Call, answers, copied, python, traced

from raa.config import Config
from raaplugins.backup.srv import Backup

CALLS = (
    "fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,"
    "openat,write,pwrite64,ftruncate,fchown,lchown,fchownat,fchmod,utimensat,flock"
)
#: what happens at a call; with RAA_SOAK also that it fails
FAULTS = ["signal=KILL"] + (["error=EIO", "error=ENOSPC", "error=EROFS"] if os.environ.get("RAA_SOAK") else [])
HALF = """
import json, sys
from pathlib import Path
from raa.config import Config
from raaplugins.backup.srv import Backup

class Silent:
    def event(self, kind, body): pass

half = object.__new__(Backup)
half._reporter, half.pluginId, half.zone = Silent(), "/backup/Backup", "UTC"
half.stateDir = Path(sys.argv[1]) / "state"
half.config = Config({"/backup": {"backup.paths": [sys.argv[1] + "/tree", str(half.stateDir / "ledger.db")]}})
half.__init__()
"""
RESTORE = HALF + "half.restoreArchive(0, 7, half.listBackups(0, 0)[0]['name'], 'new/tree', [])\n"
BACKUP = (
    HALF
    + """
from raa.clock import SystemClock
from raaplugins.backup.srv.task import BackupTask
BackupTask(half, 0, 7, {}).run(SystemClock())
"""
)
#: how not to do it: straight into the target
NAIVE = (
    HALF
    + """
import tarfile
target = half.stateDir / "restored" / "new" / "tree"
target.mkdir(parents=True)
tarfile.open(half.destination() / half.listBackups(0, 0)[0]["name"]).extractall(target, filter="fully_trusted")
"""
)


def made(folder: Path) -> Path:
    """Make a state folder with a small database, and a small tree of all kinds to back up."""
    tree = folder / "tree"
    (tree / "d" / "e").mkdir(parents=True)
    (tree / "d" / "one").write_bytes(os.urandom(3000))
    (tree / "d" / "two").hardlink_to(tree / "d" / "one")
    (tree / "d" / "e" / "link").symlink_to("../one")
    with (tree / "holes").open("wb") as file:
        file.truncate(300_000)
    (folder / "state").mkdir(mode=0o700)
    database = sqlite3.connect(folder / "state" / "ledger.db")
    database.execute("CREATE TABLE t (x)")
    database.commit()
    database.close()
    return folder


class Silent:
    def event(self, kind: str, body: object) -> None:
        pass


def settled(folder: Path) -> list[tuple[str, str, bool]]:
    """Do what the next start does about run 7; return the backups listed then: name, result, whether it is sound."""
    half: Any = object.__new__(Backup)
    half._reporter, half.pluginId, half.zone = Silent(), "/backup/Backup", "UTC"
    half.config, half.stateDir = Config(), folder / "state"
    half.cleanUp(0, 0, 7)
    found = half.listBackups(0, 0)
    return [(line["name"], line["result"], not half.verifyHere(line["name"])["problems"]) for line in found]


def tree(folder: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.rglob("*")):
        s = path.lstat()
        content: object = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[path.relative_to(folder).as_posix()] = (s.st_mode, s.st_uid, s.st_mtime_ns, content)
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def restore_fault(start: Path, call: str, number: int, fault: str, code: str = RESTORE) -> str:
    """Return what is wrong after one fault in a restore; "" for nothing, "whole" where the tree is there."""
    with copied(start) as folder:  # the same path in the archive, another place on the disk
        traced(code, folder, CALLS, f"{call}:{fault}:when={number}")
        found = tree(folder / "state" / "restored" / "new" / "tree" / str(start)[1:] / "tree")
        if found and found != tree(start / "tree"):
            return "half a tree has the target's name"
        listed = settled(folder)
        if len(listed) != 1 or not listed[0][2]:
            return f"backups are {listed}"
        if (rest := names(folder / "state" / "restored")) != (["new"] if found else []):
            return f"left over: {rest}"
    return "whole" if found else ""


def backup_fault(start: Path, call: str, number: int, fault: str) -> str:
    """Return what is wrong after one fault in a backup; "" for nothing."""
    with copied(start) as folder:
        traced(BACKUP, folder, CALLS, f"{call}:{fault}:when={number}")
        listed = settled(folder)
        if [line for line in listed if not line[2] or line[1] not in ("succeeded", "warnings")] or len(listed) > 1:
            return f"a bad backup is listed: {listed}"
        wanted = sorted(name for line in listed for name in (line[0], f"{line[0]}.json"))
        if (rest := names(folder / "state" / "backups")) != wanted:
            return f"left over: {rest}"
        if rest := names(folder / "state" / "tmp"):
            return f"left over: {rest}"
    return ""


def calls(code: str, start: Path) -> list[Call]:
    with copied(start) as trial:
        found = traced(code, trial, CALLS)
    # opening for reading changes nothing: a sample of it is enough but for the full count
    opened = [one for one in found if one[0] == "openat"]
    left = set() if os.environ.get("RAA_SOAK") else {*opened} - {*opened[::4]}
    return [one for one in found if one not in left]


@pytest.fixture
def backed_up(tmp_path: Path) -> Path:
    start = made(tmp_path / "w")
    assert python("-c", BACKUP, str(start)).returncode == 0
    return start


@pytest.mark.slow
def test_a_restore_killed_at_any_call_is_whole_or_not_there(backed_up: Path) -> None:
    plan = [(backed_up, call, number, fault) for call, number in calls(RESTORE, backed_up) for fault in FAULTS]

    found = answers(restore_fault, plan)

    assert [one for one in found if one[1] not in ("", "whole")] == []
    assert len(plan) > 40 * len(FAULTS)
    assert {answer for _, answer in found} == {"", "whole"}


@pytest.mark.slow
def test_a_backup_killed_at_any_call_lists_nothing_bad_and_leaves_nothing(tmp_path: Path) -> None:
    start = made(tmp_path / "w")
    plan = [(start, call, number, fault) for call, number in calls(BACKUP, start) for fault in FAULTS]

    found = answers(backup_fault, plan)

    assert [one for one in found if one[1]] == []
    assert len(plan) > 25 * len(FAULTS)


@pytest.mark.slow
def test_the_check_finds_a_restore_straight_into_the_target(backed_up: Path) -> None:
    plan = [(backed_up, call, number, "signal=KILL", NAIVE) for call, number in calls(NAIVE, backed_up)[-12::3]]

    found = answers(restore_fault, plan)

    assert {answer for _, answer in found} - {"", "whole"}

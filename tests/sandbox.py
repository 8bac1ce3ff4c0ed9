"""Run as a script inside a sandbox: restores every archive of a folder and prints what came of it, a line each.

usage: sandbox.py HOW FOLDER ROOT WATCHED; HOW is "raa", or "tarfile" for the standard library's own extraction.
Everything in WATCHED has to stay as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tarfile
import time
from pathlib import Path

from raa.rpath_error import RaaError
from raaplugins.backup.srv.gunzip import Limits
from raaplugins.backup.srv.plan import Parts, Plan, judge
from raaplugins.backup.srv.restore import Place, restore

STRICT = Limits(members=50_000, total=100_000_000_000, ratio=200)
#: of work; the machine may be busy with other things, so the clock on the wall gets more
SECONDS, ON_THE_WALL = 5, 60


class TooLong(BaseException):
    pass


def watched(folder: Path) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        s = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path)] = (s.st_mode, s.st_uid, s.st_gid, s.st_nlink, s.st_mtime_ns, content)
    return found


def odd(root: Path) -> str:
    """Name what must never be in a restored tree."""
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        if path.is_symlink():
            if not Path(os.path.realpath(path)).is_relative_to(root):
                return f"{path} leads out"
        elif not (path.is_file() or path.is_dir()):
            return f"{path} is special"
        elif path.is_file() and mode & 0o6000:
            return f"{path} is set-user-ID"
    return ""


def by_raa(archive: Path, root: Path) -> str:
    fd = os.open(archive, os.O_RDONLY)
    try:
        plan = Plan(Parts([]))
        report = judge(fd, STRICT, plan, lambda _read: None)
        if plan.omitted:
            return plan.left_out[0][1]
        restore(fd, Place(root=str(root), target="t"), plan, report, STRICT, "sandbox", lambda _share, _path: None)
    except RaaError as error:
        return str(error)
    finally:
        os.close(fd)
    return ""


def by_tarfile(archive: Path, root: Path) -> str:
    (root / "t").mkdir()
    try:
        with tarfile.open(archive) as file:
            file.extractall(root / "t", filter="fully_trusted")
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> None:
    how, folder, root, outside = sys.argv[1], *map(Path, sys.argv[2:])

    def stop(*_: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, stop)
    signal.signal(signal.SIGPROF, stop)
    before = watched(outside)
    for archive in sorted(folder.iterdir()):
        crash, text = "", ""
        begun = time.process_time()
        signal.alarm(ON_THE_WALL)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            text = (by_raa if how == "raa" else by_tarfile)(archive, root)
        except TooLong:
            crash = "took too long"
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is what the test asks about
            crash = repr(error)
        signal.alarm(0)
        signal.setitimer(signal.ITIMER_PROF, 0)
        seconds = time.process_time() - begun
        left = sorted(entry.name for entry in root.iterdir())
        if text and left and how == "raa":
            crash = crash or f"refused, and left {left}"
        if how == "raa":
            crash = crash or odd(root)
        after = watched(outside)
        line = {"name": archive.name, "text": text, "crash": crash, "seconds": seconds, "escaped": after != before}
        print(json.dumps(line), flush=True)
        before = after
        for entry in root.iterdir():
            shutil.rmtree(entry, ignore_errors=True)


if __name__ == "__main__":
    main()

"""Restore: the backup plugin's judging and restoring beside `tar xzf` of the same archive."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.backup import beside_tar, make_tree
from benchmarks.common import Row, Size
from raaplugins.backup.srv.archive import write_archive
from raaplugins.backup.srv.gunzip import Limits
from raaplugins.backup.srv.manifest import FORMAT, VERSION
from raaplugins.backup.srv.plan import Parts, Plan, judge
from raaplugins.backup.srv.restore import Place, restore
from raaplugins.backup.srv.selection import select

TITLE = "restore: a whole archive judged, then restored, and tar xzf, both synced at the end"


def run(size: Size, peers: bool) -> Iterator[Row]:
    folder = Path(tempfile.mkdtemp(prefix="raa-bench-"))
    try:
        tree = folder / "tree"
        megabytes = make_tree(tree, size.megabytes)
        selection = select([str(tree)], {}, {})
        about = {"format": f"{FORMAT} {VERSION}"}
        written = write_archive(str(folder), "bench.tgz", selection, about, [], "run1", lambda _stored, _path: None)
        shutil.rmtree(tree)
        judged, whole, tar = [], [], []
        for _ in range(size.passes):
            first, both = _ours(Path(written.path), folder)
            judged.append(first)
            whole.append(both)
            tar.append(_tar(Path(written.path), folder))
        yield from beside_tar(megabytes, {"tar xzf": tar, "ours, judged": judged, "ours, judged and restored": whole})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ours(archive: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds until the archive is judged, and until it is restored and on the disk."""
    fd = os.open(archive, os.O_RDONLY)
    try:
        begun = time.monotonic()
        plan = Plan(Parts([]), True)
        report = judge(fd, Limits(), plan, lambda _read: None, "")
        judged = time.monotonic() - begun
        restore(fd, Place(root=str(folder), target="ours"), plan, report, Limits(), "bench", lambda _share, _path: None)
        whole = time.monotonic() - begun
    finally:
        os.close(fd)
    shutil.rmtree(folder / "ours")
    return judged, whole


def _tar(archive: Path, folder: Path) -> float:
    target = folder / "theirs"
    target.mkdir()
    begun = time.monotonic()
    subprocess.run(["tar", "xzf", str(archive), "-C", str(target)], check=True)
    subprocess.run(["sync", "-f", str(target)], check=True)
    taken = time.monotonic() - begun
    shutil.rmtree(target)
    return taken

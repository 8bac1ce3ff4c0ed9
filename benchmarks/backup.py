"""Backup: the archive writer of the backup plugin beside `tar czf` on the same tree."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.common import Row, Size
from raaplugins.backup.srv.archive import write_archive
from raaplugins.backup.srv.selection import select

TITLE = "backup: archive writer and tar czf, both gzip level 6 and synced"
_WORDS = ("console", "schedule", "backup", "appliance", "ledger", "night", "run", "every", "the", "of", "into")


def run(size: Size, peers: bool) -> Iterator[Row]:
    folder = Path(tempfile.mkdtemp(prefix="raa-bench-"))
    try:
        tree = folder / "tree"
        megabytes = make_tree(tree, size.megabytes)
        ours, written, tar = [], [], []
        for _ in range(size.passes):
            whole, writing = _ours(tree, folder)
            ours.append(whole)
            written.append(writing)
            tar.append(_tar(tree, folder))
        yield from beside_tar(
            megabytes, {"tar czf": tar, "ours, written": written, "ours, written and read back": ours}
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def beside_tar(megabytes: float, measured: dict[str, list[float]]) -> Iterator[Row]:
    """Make a row of each one's seconds; the first is tar's, which all are compared with."""
    base = statistics.median(next(iter(measured.values())))
    for name, times in measured.items():
        seconds = statistics.median(times)
        yield Row(
            name,
            {
                "tree MB": round(megabytes),
                "s": round(seconds, 2),
                "MB/s": round(megabytes / seconds, 1),
                "x tar": round(seconds / base, 2),
            },
        )


def make_tree(tree: Path, megabytes: int) -> float:
    """Make half of it text in large files, a quarter random bytes, a quarter small files; return the MB written."""
    chance = random.Random(megabytes)
    total = 0

    def put(path: Path, data: bytes) -> None:
        nonlocal total
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        total += len(data)

    lines = "".join(" ".join(chance.choices(_WORDS, k=12)) + f" {chance.random()}\n" for _ in range(8_000)).encode()
    for number in range(max(1, megabytes // 16)):
        put(tree / "log" / f"{number}.log", (lines * 13)[: 8 * 2**20])
    for number in range(max(1, megabytes // 16)):
        put(tree / "blob" / f"{number}.bin", chance.randbytes(4 * 2**20))
    for number in range(megabytes * 32):
        begin = chance.randrange(len(lines) - 8_192)
        put(tree / "conf" / str(number % 100) / f"{number}.conf", lines[begin : begin + 8_192])
    return total / 2**20


def _ours(tree: Path, folder: Path) -> tuple[float, float]:
    """Return the seconds until the archive is written and proven, and until it is written."""
    begun = time.monotonic()
    written = 0.0

    def progress(_stored: int, path: str) -> None:
        nonlocal written
        if not path and not written:
            written = time.monotonic() - begun

    selection = select([str(tree)], {}, {})
    result = write_archive(str(folder), "bench.tar.gz", selection, {"format": "bench"}, [], "run1", progress)
    whole = time.monotonic() - begun
    Path(result.path).unlink()
    return whole, written or whole


def _tar(tree: Path, folder: Path) -> float:
    archive = folder / "tar.tar.gz"
    begun = time.monotonic()
    subprocess.run(["tar", "czf", str(archive), "-C", str(tree), "."], check=True)
    descriptor = os.open(archive, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    taken = time.monotonic() - begun
    archive.unlink()
    return taken

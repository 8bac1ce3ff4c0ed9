"""huey: SqliteHuey (WAL) with a consumer process of four threads that polls every 1 to 10 ms.

Its periodic tasks live in code and are kept nowhere, so what waits are tasks with a time; it looks once a second.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from huey import SqliteHuey

from benchmarks.peers import servers, work

FILE = Path(os.environ["RAA_BENCH_DIR"]) / "huey.db"
huey = SqliteHuey("bench", filename=str(FILE))
noop = huey.task()(work.noop)
timed = huey.task()(work.due)


def consumer() -> AbstractContextManager[subprocess.Popen[bytes]]:
    return servers.child([
        *servers.script("huey_consumer"), "benchmarks.peers.huey_peer.huey", "-w", "4", "-k", "thread", "-d", "0.001",
        "-m", "0.01",
    ])  # fmt: skip


def round_trip(calls: int, options: Sequence[str]) -> dict[str, float]:
    with consumer():
        ask(-1)
        return work.round_trip(ask, calls)


def ask(number: int) -> None:
    noop(number).get(blocking=True, backoff=1, max_delay=0.001, timeout=20, preserve=False)


def throughput(calls: int, options: Sequence[str]) -> dict[str, float]:
    with consumer():
        ask(-1)
        return work.throughput(noop, calls, options, huey.storage.result_store_size)


def fill(tasks: Iterable[tuple[float, str]]) -> None:
    """Put tasks straight into the table of those that wait, in one transaction."""
    rows = []
    for at, name in tasks:
        eta = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
        rows.append(("bench", huey.serialize_task(timed.s(at, name, eta=eta)), at))
    connection = sqlite3.connect(FILE)
    connection.executemany("INSERT INTO schedule (queue, data, timestamp) VALUES (?,?,?)", rows)
    connection.commit()
    connection.close()


def due(count: int, options: Sequence[str]) -> dict[str, float]:
    dues = work.spread(count)
    fill((at, str(number)) for number, at in enumerate(dues))
    with consumer() as process:
        return work.watch(dues, options, process.pid, latest=1.5)


def restart(count: int, options: Sequence[str]) -> dict[str, float]:
    later = time.time() + 3600
    fill((later, "later") for _ in range(count - 1))
    return work.first_fires(consumer, lambda name: fill([(time.time() - 0.5, name)]), options)


def idle(count: int, options: Sequence[str]) -> dict[str, float]:
    later = time.time() + 3600
    fill((later, "later") for _ in range(count))
    with consumer() as process:
        return work.rest(options, process.pid)

"""huey: SqliteHuey (WAL) with a consumer process of four threads that polls every 1 to 10 ms."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from huey import SqliteHuey

from benchmarks.common import latencies, milliseconds
from benchmarks.peers import servers

huey = SqliteHuey("bench", filename=str(Path(os.environ["RAA_BENCH_DIR"]) / "huey.db"))
noop = huey.task()(servers.noop)


def measure(calls: int, options: Sequence[str]) -> dict[str, float]:
    command = [
        *servers.script("huey_consumer"), "benchmarks.peers.huey_peer.huey", "-w", "4", "-k", "thread", "-d", "0.001",
        "-m", "0.01",
    ]  # fmt: skip
    with servers.child(command):
        ask(-1)
        return milliseconds(latencies(ask, calls))


def ask(number: int) -> None:
    noop(number).get(blocking=True, backoff=1, max_delay=0.001, timeout=20, preserve=False)

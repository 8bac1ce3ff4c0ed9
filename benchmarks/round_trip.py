"""The immediate round trip: 300 no-op calls one after the other, 5 ms apart, from submitting to the known result.

Ours stores schedule, occurrence, execution and result with synchronous=FULL and runs the method in another process.
`python -m benchmarks.round_trip CALLS` measures the engine alone and prints one JSON line.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tempfile
import xmlrpc.client
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from benchmarks.common import PLUGINS, ROOT, Row, Size, latencies, medians, milliseconds
from benchmarks.console import Web, serve, state_folder
from benchmarks.peers import PEERS
from raa.db.schedule import ScheduleImmed, freeze
from raa.protocols import Order
from raa.testing.console import PASSWORD, running_console

TITLE = "round-trip: immediate no-op, submitted until its result is known"
ENGINE, JSON, XMLRPC = "raa engine, in process", "raa JSON, keep-alive", "raa XML-RPC, keep-alive"
WAL = "APScheduler 3, WAL"
FLOOR = "floor: two commits, FULL"
#: (ours, its bar, beside which peers, ratio)
BARS = (
    (ENGINE, "<= 1.2 x APScheduler 3 WAL", (WAL,), 1.2),
    (JSON, "<= 1.0 x celery", ("celery, redis",), 1.0),
    (XMLRPC, "<= 1.0 x celery", ("celery, redis",), 1.0),
)


def run(size: Size, peers: bool) -> Iterator[Row]:
    beside = [peer for peer in PEERS if peers and not peer.missing()]
    found: dict[str, list[dict[str, float]]] = {}
    failed: dict[str, str] = {}
    for _ in range(size.passes):
        for name, figures in _ours(size.calls):
            found.setdefault(name, []).append(figures)
        for peer in beside:
            try:
                measured = peer.measure("round_trip", size.calls)
                found.setdefault(peer.name, []).append(
                    {name: measured[name] for name in ("p50 ms", "p99 ms", "max ms")}
                )
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failed[peer.name] = f"failed: {error}"
    kept = {FLOOR: "yes"} | {ENGINE: "yes", JSON: "yes", XMLRPC: "yes"} | {peer.name: peer.keeps for peer in PEERS}
    middle = {name: medians(passes) for name, passes in found.items() if passes}
    base = float(middle[WAL]["p50 ms"] or 0) if WAL in middle else None
    for name, figures in middle.items():
        ratio = round(float(figures["p50 ms"] or 0) / base, 2) if base else None
        bar, held = _judge(name, middle)
        yield Row(name, {**figures, "x APS3 WAL": ratio, "result kept": kept[name]}, bar, held)
    for peer in PEERS if peers else ():
        if note := peer.missing() or failed.get(peer.name, ""):
            yield Row(peer.name, note=note)


def _judge(name: str, found: dict[str, dict[str, float | int | str | None]]) -> tuple[str, bool | None]:
    for ours, bar, others, ratio in BARS:
        beside = [float(found[other]["p50 ms"] or 0) for other in others if other in found]
        if ours == name and beside:
            return bar, float(found[name]["p50 ms"] or 0) <= ratio * min(beside)
    return "", None


def _ours(calls: int) -> Iterator[tuple[str, dict[str, float]]]:
    """Measure the engine in a process of its own, then both doors of a console process."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.round_trip", str(calls)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    yield FLOOR, commits(calls)
    yield ENGINE, json.loads(found.stdout)
    with state_folder() as state, serve(state) as served:
        web = Web(served.port)
        yield JSON, milliseconds(latencies(lambda n: web.call("/echo/Echo/call", {"value": n}), calls))
        web.close()
        address = f"http://admin:{quote(PASSWORD)}@127.0.0.1:{served.port}/xmlrpc/"
        with xmlrpc.client.ServerProxy(address, allow_none=True) as proxy:
            yield XMLRPC, milliseconds(latencies(proxy.echo.Echo.call, calls))


def commits(calls: int) -> dict[str, float]:
    """Measure what no ledger can save on this disk: a row written, then changed, each of the two commits synced."""
    with tempfile.TemporaryDirectory(prefix="raa-bench-") as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE run (id INTEGER PRIMARY KEY, state TEXT)")

        def call(number: int) -> None:
            connection.execute("INSERT INTO run VALUES (?, 'running')", (number,))
            connection.execute("UPDATE run SET state='succeeded' WHERE id=?", (number,))

        taken = milliseconds(latencies(call, calls))
        connection.close()
    return taken


def engine(calls: int) -> dict[str, float]:
    """Submit as `callBackend` does, to a whole console in this process."""
    rule = freeze(ScheduleImmed(), datetime.now(UTC), "UTC").to_values()
    with (
        state_folder() as state,
        running_console(state, options={"plugins.dirs": [str(PLUGINS)]}) as app,
    ):

        def call(number: int) -> None:
            order = Order(plugin="/echo/Echo", rule=rule, method="echo", args=[number], call=True)
            if app.engine.result(app.engine.submit(order)["execId"], 5.0) != number:
                raise RuntimeError(f"call {number} was answered with something else")

        return milliseconds(latencies(call, calls))


if __name__ == "__main__":
    print(json.dumps(engine(int(sys.argv[1]))), flush=True)

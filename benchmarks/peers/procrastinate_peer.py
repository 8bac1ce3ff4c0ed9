"""procrastinate: a worker process woken by LISTEN/NOTIFY, PostgreSQL; only the job's state is kept, and polled for."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

import procrastinate
import psycopg

from benchmarks.common import latencies, milliseconds
from benchmarks.peers import servers

DSN = "RAA_BENCH_DSN"
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=os.environ.get(DSN, "")))
app.task(name="noop")(servers.noop)
_WORKER = (
    "from benchmarks.peers.procrastinate_peer import app\n"
    "app.run_worker(concurrency=10, install_signal_handlers=False, shutdown_graceful_timeout=0)"
)


def measure(calls: int, options: Sequence[str]) -> dict[str, float]:
    with servers.postgres() as dsn:
        ours = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=dsn))
        noop = ours.task(name="noop")(servers.noop)
        with ours.open(), psycopg.connect(dsn, autocommit=True) as connection:
            ours.schema_manager.apply_schema()

            def ask(number: int) -> None:
                job = noop.defer(x=number)
                until = time.monotonic() + 20
                while _state(connection, job) != "succeeded":
                    if time.monotonic() > until:
                        raise RuntimeError("no answer within 20 s")
                    time.sleep(0.0003)

            with servers.child([sys.executable, "-c", _WORKER], **{DSN: dsn}):
                ask(-1)
                return milliseconds(latencies(ask, calls))


def _state(connection: psycopg.Connection, job: int) -> str:
    found = connection.execute("SELECT status FROM procrastinate_jobs WHERE id=%s", (job,)).fetchone()
    return str(found[0]) if found else ""
